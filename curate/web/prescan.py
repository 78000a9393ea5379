"""Finds the encoding that a page names for itself, by the prescan of the HTML standard.

The standard looks at 1,024 bytes, and its parser then obeys a meta tag that comes later. Browsers that cannot parse
a second time read on to the end of the head instead; so does this module, up to HEAD_BYTES.
"""

import re

from curate.web.charsets import encoding_of

PRESCAN_BYTES = 1024
HEAD_BYTES = 1 << 16
TAG = re.compile(rb"<(?:(!--)|(/?[A-Za-z][^\t\n\f\r />]*)|[!/?])")
ATTRIBUTE = re.compile(
    rb"[\t\n\f\r /]*([^\t\n\f\r />][^\t\n\f\r />=]*)"
    rb"(?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:\"([^\"]*)(?:\"|\Z)|'([^']*)(?:'|\Z)|([^\t\n\f\r >\"'][^\t\n\f\r >]*)|))?"
)
REST_OF_NAME = re.compile(rb"[^>\t\n\f\r ]*")
BLANKS = re.compile(rb"[\t\n\f\r /]*")
CHARSET = re.compile(
    rb"charset[\t\n\f\r ]*=[\t\n\f\r ]*(?:\"([^\"]*)\"|'([^']*)'|([^\t\n\f\r ;\"'][^\t\n\f\r ;]*)|)", re.I
)
XML = re.compile(rb"\s*<\?xml[^>]*?encoding[\x00-\x20]*=[\x00-\x20]*(?:\"([^\"\x00-\x20>]+)\"|'([^'\x00-\x20>]+)')")
IN_HEAD = frozenset(
    b"html head title base basefont bgsound link meta style script noscript noframes template".split()
)  # tags that the parser leaves in the head
RAW = {name: re.compile(rb"</" + name, re.I) for name in (b"title", b"style", b"script", b"noscript", b"noframes")}


def declared_encoding(body: bytes) -> str:
    """Returns the encoding that a page names, in a meta tag or its XML declaration, '' if it names none.

    >>> declared_encoding(b'<!-- <meta charset=gbk> --><meta data-charset=big5><meta charset="utf-16">')
    'utf-8'
    """
    encoding = _of_meta_tags(body[:PRESCAN_BYTES], is_parser=False)
    encoding = encoding or _of_meta_tags(body[:HEAD_BYTES], is_parser=True)
    if not encoding and (declaration := XML.match(body[:PRESCAN_BYTES])):
        encoding = _of_label(declaration[1] or declaration[2])
    return "utf-8" if encoding.startswith("utf-16") else encoding  # it was read as ASCII


def _of_meta_tags(head: bytes, *, is_parser: bool) -> str:
    """Returns the encoding that the first meta tag with one names, '' where none does.

    is_parser: whether titles, scripts and styles are passed over, and the end of the head is the end.
    """
    at = 0
    while tag := TAG.search(head, at):
        comment, name = tag[1], (tag[2] or b"").lower()
        if comment:
            at = head.find(b"-->", tag.start() + 2)
        elif not name:
            at = head.find(b">", tag.end())
        elif is_parser and name.removeprefix(b"/") not in IN_HEAD:
            return ""
        else:
            attributes, at = _attributes(head, tag.end() if name == b"meta" else _behind(REST_OF_NAME, head, tag.end()))
            if at >= 0 and name == b"meta" and (encoding := _of_attributes(attributes)):
                return encoding
            if is_parser and at >= 0 and name in RAW:
                end = RAW[name].search(head, at)
                at = end.start() if end else -1
        if at < 0:  # the bytes end within the tag
            return ""
    return ""


def _attributes(head: bytes, at: int) -> tuple[dict[bytes, bytes], int]:
    """Returns the attributes of a tag, the first of equal names, and the offset of its end, -1 where it has none."""
    attributes: dict[bytes, bytes] = {}
    while match := ATTRIBUTE.match(head, at):
        at = match.end()
        value = match[2] or match[3] or match[4] or b""
        attributes.setdefault(match[1].lower(), value.lower())
    at = _behind(BLANKS, head, at)
    return attributes, at if at < len(head) else -1


def _of_attributes(attributes: dict[bytes, bytes]) -> str:
    """Returns the encoding that a meta tag's attributes name, or ''; what a description says of charsets is none."""
    if b"charset" in attributes:
        return _of_label(attributes[b"charset"])
    if attributes.get(b"http-equiv") != b"content-type":
        return ""
    match = CHARSET.search(attributes.get(b"content", b""))
    return _of_label(match[1] or match[2] or match[3] or b"") if match else ""


def _behind(pattern: re.Pattern[bytes], head: bytes, at: int) -> int:
    """Returns the offset behind what a pattern matches there."""
    match = pattern.match(head, at)
    return match.end() if match else at


def _of_label(label: bytes) -> str:
    return encoding_of(label.decode("latin-1"))
