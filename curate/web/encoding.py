"""Decodes a page's bytes to text, as browsers do (WHATWG Encoding), and better where the bytes prove a label wrong.

Bytes that are UTF-8 are read as that whatever the page says, since text in another encoding is hardly ever valid UTF-8.
A wrong byte costs itself alone: the rest of the page keeps its encoding.
"""

import codecs
import re
from collections.abc import Iterator
from functools import cache

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from curate.web.sniff import is_utf_16

BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
SAMPLE = 1 << 16  # bytes, from the first that is not ASCII, by which an encoding is judged
BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
META_BYTES = 4096  # the part of a page in which its own charset is looked for
COMMENT = re.compile(rb"<!--.*?(?:-->|$)", re.S)
META = re.compile(rb"<meta[\s/]([^>]*)", re.I)
ATTRIBUTE = re.compile(rb"([^\s=\"'/>]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([^\s\"';]+)", re.I)
XML = re.compile(rb"\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*[\"']([A-Za-z0-9_.:-]+)", re.I)
ISO_2022_JP = re.compile(rb"\x1b(?:\$[@B]|\([JI])")
CODECS = {  # Python's names of what browsers read under these
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "gbk": "gb18030",
    "iso8859-11": "cp874",
    "iso8859-8-i": "iso8859-8",
    "shift_jis": "cp932",
}
MORE_LABELS = {"x-mac-cyrillic": "mac-cyrillic", "x-mac-ukrainian": "mac-cyrillic"}
PAIRS = {"big5hkscs": "cp950", "euc_jp": "euc_jis_2004"}  # where two bytes that a codec lacks are found
HANGUL = re.compile(rb"[\xb0-\xc8][\xa1-\xfe]")  # a syllable of EUC-KR; no quotation mark before a letter
C1 = re.compile("[\x80-\x9f]")  # control characters that no page means
REPLACE = "curate.web"  # the error handler


def decode(body: bytes, charset: str) -> str:
    """Returns the text of a body, in the first encoding that fits its bytes.

    In this order: the one of its byte-order mark, UTF-16 whose bytes show it, UTF-8, the header's charset, the one that
    the page itself names, the one that is detected.
    """
    for mark, name in BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    if is_utf_16(body):
        return body.decode("utf-16-le" if body[1] == 0 else "utf-16-be", "replace")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return _decode_other(body, charset)
    if "\x1b" in text and ISO_2022_JP.search(body):
        return body.decode("iso2022_jp", "replace")
    return text


def _decode_other(body: bytes, charset: str) -> str:
    """Returns the text of a body that is not valid UTF-8."""
    text = body.decode("utf-8", "replace")
    if _wrong(text) * 10 < _beyond_ascii(text):  # UTF-8 with few wrong bytes
        return text
    return _decode_as(body, _fitting(body, charset))


def _fitting(body: bytes, charset: str) -> str:
    """Returns the likeliest encoding that fits a body which is not UTF-8."""
    first = BEYOND_ASCII.search(body)
    begin = first.start() if first else 0
    sample = body[begin : begin + SAMPLE]
    for name in _encodings(body, charset, sample):
        text = _decode_as(sample, name)
        if 2 * _wrong(text) < _beyond_ascii(text):
            return name
    return "cp1252"


def _encodings(body: bytes, charset: str, sample: bytes) -> Iterator[str]:
    """Yields the encodings that a body may have, the likeliest first; sample: a part of it with other than ASCII."""
    for label in (charset, _own_charset(body)):
        name = map_encoding_to_html5(label, fallback_utf8=False) if label else None
        name = name or MORE_LABELS.get(label.lower())
        if name and not name.startswith("utf-16"):  # its bytes would have shown it
            yield name
    detected = detect_encoding(body)
    if detected and not detected.startswith("utf-"):
        yield "koi8-u" if detected == "koi8-r" else detected  # Ukraine's has the same letters, and its own
    elif 4 * len(HANGUL.findall(sample)) > len(BEYOND_ASCII.findall(sample)):  # which it does not know
        yield "euc_kr"


def _own_charset(body: bytes) -> str:
    """Returns the charset that the page itself names, in a meta tag or an XML declaration, or ''."""
    head = body[:META_BYTES]
    for match in META.finditer(COMMENT.sub(b"", head)):
        if label := _charset_of(match[1]):
            return "utf-8" if label.startswith("utf-16") else label  # it was read as ASCII, so not UTF-16
    declared = XML.match(head)
    return declared[1].decode("ascii").lower() if declared else ""


def _charset_of(tag: bytes) -> str:
    """Returns the charset that a meta tag's attributes name, or ''; what a description says of charsets is none."""
    pairs = [(name.lower(), b"".join(values)) for name, *values in ATTRIBUTE.findall(tag)]
    attributes: dict[bytes, bytes] = dict(reversed(pairs))  # of two equal names the first counts
    value = attributes.get(b"charset", b"")
    if not value and attributes.get(b"http-equiv", b"").strip().lower() == b"content-type":
        match = CHARSET.search(attributes.get(b"content", b""))
        value = match[1] if match else b""
    return value.strip().decode("latin-1").lower()


def _decode_as(body: bytes, encoding: str) -> str:
    """Returns the text in this encoding; what it does not have is U+FFFD."""
    if encoding == "utf-8":
        return body.decode("utf-8", "replace")
    return body.decode(CODECS.get(encoding, encoding), _handler())


@cache
def _handler() -> str:
    """Registers the error handler once, and returns its name."""
    codecs.register_error(REPLACE, _mend)
    return REPLACE


def _mend(error: UnicodeError) -> tuple[str, int]:
    """Returns what stands for bytes that a codec lacks, and the offset at which decoding goes on.

    As in browsers, an unassigned byte of a single-byte encoding is a control character, and an ASCII character behind a
    wrong byte is kept.
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    start, body = error.start, error.object
    if error.encoding == "charmap":
        return (chr(body[start]) if body[start] < 0xA0 else "\ufffd"), start + 1
    if error.encoding in PAIRS:
        try:
            return body[start : start + 2].decode(PAIRS[error.encoding]), start + 2
        except UnicodeDecodeError:
            pass
    return "\ufffd", start + 1 if any(byte < 0x80 for byte in body[start + 1 : error.end]) else error.end


def _wrong(text: str) -> int:
    """Returns how many characters show that an encoding does not fit: replacements and control characters."""
    return text.count("\ufffd") + len(C1.findall(text))


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def likely_encoding(sample: bytes) -> str:
    """Returns Python's name of the encoding of bytes that nothing describes: UTF-8 unless many do not fit it.

    sample: the first bytes, which may end within a character.
    """
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample)
    if "\ufffd" not in text or _wrong(text) * 10 < _beyond_ascii(text):
        return "utf-8"
    name = _fitting(sample, "")
    return CODECS.get(name, name)
