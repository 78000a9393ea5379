"""A body's bytes to text: by its byte-order mark, the header, the page's own word, or detection."""

import re

from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.I)


def decode(body: bytes, charset: str) -> str:
    """The text of a payload: by its byte-order mark, else the header's charset, the page's own, UTF-8, or detection."""
    for mark, name in BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    meta = META_CHARSET.search(body, 0, 4096)
    named = meta[1].decode("ascii").lower() if meta else ""
    own = "utf-8" if named.startswith("utf-16") else named  # it was read as ASCII, so it cannot be (HTML 13.2.3.2)
    for name in (charset, own):
        known = map_encoding_to_html5(name, fallback_utf8=False) if name else None
        if known:
            return _decoded(body, known)
    try:
        return body.decode()
    except UnicodeDecodeError:
        return _decoded(body, detect_encoding(body) or "utf-8")


def _decoded(body: bytes, name: str) -> str:
    """The text in this encoding, or in another where it does not fit; UTF-8 with a few wrong bytes stays UTF-8."""
    if name == "utf-8":
        text = body.decode(name, "replace")
        wrong = text.count("\ufffd")
        if not wrong or 2 * wrong < sum(character > "\x7f" for character in text):
            return text
    return str(bytes_to_str(body, name))
