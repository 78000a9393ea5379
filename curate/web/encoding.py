"""Decodes a page's bytes to text."""

import re

from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
META_BYTES = 4096  # the part of a page in which its own charset is looked for
META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.I)


def decode(body: bytes, charset: str) -> str:
    """Returns the text of a body, in the first encoding that is known.

    In this order: the one of its byte-order mark, the header's charset, the charset that a meta tag of the page names,
    UTF-8 if the body is valid UTF-8, and the one that is detected.
    """
    for mark, name in BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    for label in (charset, _meta_charset(body)):
        encoding = map_encoding_to_html5(label, fallback_utf8=False) if label else None
        if encoding:
            return _decode_as(body, encoding)
    try:
        return body.decode()
    except UnicodeDecodeError:
        return _decode_as(body, detect_encoding(body) or "utf-8")


def _meta_charset(body: bytes) -> str:
    """Returns the charset that the page itself names in a meta tag, or ''."""
    match = META_CHARSET.search(body, 0, META_BYTES)
    label = match[1].decode("ascii").lower() if match else ""
    return "utf-8" if label.startswith("utf-16") else label  # it was read as ASCII, so not UTF-16 (HTML 13.2.3.2)


def _decode_as(body: bytes, encoding: str) -> str:
    """Returns the text in this encoding, or in another if it does not fit; UTF-8 with few wrong bytes stays UTF-8."""
    if encoding == "utf-8":
        text = body.decode(encoding, "replace")
        wrong = text.count("\ufffd")
        if not wrong or 2 * wrong < sum(character > "\x7f" for character in text):
            return text
    return str(bytes_to_str(body, encoding))
