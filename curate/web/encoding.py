"""Decodes a page's bytes to text, as browsers do (WHATWG Encoding), and better where the bytes prove a label wrong.

Bytes that are UTF-8 are read as that whatever the page says, since text in another encoding is hardly ever valid UTF-8.
A wrong byte costs itself alone: the rest of the page keeps its encoding.
"""

import codecs
import re
from collections.abc import Iterator

from curate.web.charsets import decode_as, encoding_of
from curate.web.detection import detected_encodings
from curate.web.prescan import declared_encoding
from curate.web.sniff import utf_16_of

BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
SAMPLE = 1 << 16  # bytes, from the first that is not ASCII, by which an encoding is judged
BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
SHIFTS = (  # encodings whose text is all ASCII bytes, by a sign of theirs
    (re.compile(rb"\x1b(?:\$[@B]|\([JI])"), "iso2022_jp"),
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
)
C1 = re.compile("[\x80-\x9f]")  # control characters that no page means


def decode(body: bytes, charset: str) -> str:
    """Returns the text of a body, in the first encoding that fits its bytes.

    In this order: the one of its byte-order mark, UTF-16 whose bytes show it, UTF-8, the header's charset, the one that
    the page itself names, the one that is detected.
    """
    for mark, name in BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    if name := utf_16_of(body):
        return body.decode(name, "replace")
    try:
        text, length = codecs.utf_8_decode(body, "strict", False)
    except UnicodeDecodeError:
        return _decode_other(body, charset)
    if length < len(body):
        return _decode_cut(body, charset, text, length)
    shifted = text.isascii() and _shifted(body, charset)
    return decode_as(body, shifted) if shifted else text


def _decode_cut(body: bytes, charset: str, text: str, length: int) -> str:
    """Returns the text of a body that is UTF-8 but for its last bytes, which begin a character.

    They are one of a page that was cut, unless they may be the only letter beyond ASCII, in another encoding.
    """
    is_utf_8 = not text.isascii() or len(body) - length > 1
    if is_utf_8 or "utf-8" in (encoding_of(charset), declared_encoding(body)):
        return text + "\ufffd"
    return _decode_other(body, charset)


def _shifted(body: bytes, charset: str = "") -> str:
    """Returns the encoding of a body of ASCII bytes that shifts to other characters by escapes, '' if none does."""
    if b"\x1b" in body:
        return next((encoding for sign, encoding in SHIFTS if sign.search(body)), "")
    is_hz = b"~" in body and b"~{" in body and "hz" in (encoding_of(charset), declared_encoding(body))
    return "hz" if is_hz else ""


def _decode_other(body: bytes, charset: str) -> str:
    """Returns the text of a body that is not valid UTF-8."""
    text = body.decode("utf-8", "replace")
    if _wrong(text) * 4 < _beyond_ascii(text):  # UTF-8 with wrong bytes: hardly any other text has as many right ones
        return text
    return decode_as(body, _fitting(body, charset))


def _fitting(body: bytes, charset: str) -> str:
    """Returns the likeliest encoding that fits a body which is not UTF-8."""
    first = BEYOND_ASCII.search(body)
    begin = first.start() & ~1 if first else 0
    sample = body[begin : begin + SAMPLE]
    for name in _encodings(body, charset):
        text = decode_as(sample, name)
        if 2 * _wrong(text) <= _beyond_ascii(text):
            return name
    return "cp1252"


def _encodings(body: bytes, charset: str) -> Iterator[str]:
    """Yields the encodings that a body may have, the likeliest first."""
    for name in (encoding_of(charset), declared_encoding(body)):
        if name and (b"\0" in body or not name.startswith("utf-16")):  # which has a NUL at every line's end
            yield name
    yield from detected_encodings(body)


def _wrong(text: str) -> int:
    """Returns how many characters show that an encoding does not fit: replacements and control characters."""
    return text.count("\ufffd") + len(C1.findall(text))


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def likely_encoding(sample: bytes) -> str:
    """Returns Python's name of the encoding of bytes that nothing describes: UTF-8 unless many do not fit it.

    sample: the first bytes, which may end within a character.
    """
    if sample.isascii():
        return _shifted(sample) or "utf-8"
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample)
    if "\ufffd" not in text or _wrong(text) * 4 < _beyond_ascii(text):
        return "utf-8"
    return _fitting(sample, "")
