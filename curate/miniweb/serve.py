"""From a page to the bytes of its HTTP response: encodings old and new, broken markup, transfer codings.

Encodings follow the names of the WHATWG standard; the damage is what browsers silently mend every day.
"""

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

Header = tuple[str, str]
STORED = 0xFFFF  # the longest block that deflate stores as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a page is sent; header and meta are the charsets that the two claim, '' for no claim."""

    codec: str = "utf-8"
    mark: bytes = b""
    header: str = "utf-8"
    meta: str = "utf-8"
    damage: str = ""
    gzip: bool = False
    chunked: bool = False
    mime: str = "text/html"


DELIVERIES = {
    "plain": Delivery(),
    "gzip": Delivery(gzip=True),
    "chunked": Delivery(chunked=True),
    "gzip in chunks": Delivery(gzip=True, chunked=True),
    "text/plain": Delivery(mime="text/plain"),
    "xhtml": Delivery(mime="application/xhtml+xml"),
    "utf-8 with a mark": Delivery(mark=b"\xef\xbb\xbf", header="", meta=""),
    "utf-16 with a mark": Delivery(codec="utf-16-le", mark=b"\xff\xfe", header="", meta=""),
    "utf-16-be with a mark": Delivery(codec="utf-16-be", mark=b"\xfe\xff", header="utf-16", meta="utf-16"),
    "windows-1252 by header": Delivery(codec="cp1252", header="windows-1252", meta=""),
    "windows-1252 by meta": Delivery(codec="cp1252", header="", meta="windows-1252"),
    "windows-1252 untold": Delivery(codec="cp1252", header="", meta=""),
    "windows-1252 as iso-8859-1": Delivery(codec="cp1252", header="iso-8859-1", meta="iso-8859-1"),
    "iso-8859-1 by header": Delivery(codec="latin-1", header="ISO-8859-1", meta=""),
    "iso-8859-1 by meta": Delivery(codec="latin-1", header="", meta="iso-8859-1"),
    "iso-8859-15 by meta": Delivery(codec="iso-8859-15", header="", meta="iso-8859-15"),
    "unclosed tags": Delivery(damage="unclosed"),
    "misnested tags": Delivery(damage="misnested"),
    "no head": Delivery(damage="headless"),
    "truncated": Delivery(damage="truncated"),
    "tag soup": Delivery(codec="cp1252", header="", meta="windows-1252", damage="soup"),
}


def payload(markup: str, delivery: Delivery) -> bytes:
    """The body as sent, in its transfer codings."""
    markup = markup.replace('<meta charset="utf-8">\n', meta_tag(delivery.meta))
    if delivery.damage:
        markup = DAMAGES[delivery.damage](markup)
    content = delivery.mark + markup.encode(delivery.codec, "xmlcharrefreplace")
    if delivery.gzip:
        content = gzip_member(content)
    return in_chunks(content) if delivery.chunked else content


def headers(content: bytes, delivery: Delivery) -> list[Header]:
    """The headers that describe a body."""
    charset = f"; charset={delivery.header}" if delivery.header else ""
    found = [("Content-Type", delivery.mime + charset)]
    if delivery.gzip:
        found.append(("Content-Encoding", "gzip"))
    if delivery.chunked:
        found.append(("Transfer-Encoding", "chunked"))
    else:
        found.append(("Content-Length", str(len(content))))
    return found


def meta_tag(charset: str) -> str:
    """The page's own word on its encoding, in the older spelling where the encoding is old."""
    if not charset:
        return ""
    if charset == "utf-8":
        return '<meta charset="utf-8">\n'
    return f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">\n'


def gzip_member(content: bytes) -> bytes:
    """One gzip member that holds the content in stored blocks.

    Compressed bytes differ between zlib and zlib-ng; stored ones are the same wherever the mini-web is built.
    """
    pieces = [content[start : start + STORED] for start in range(0, len(content), STORED)] or [b""]
    stored = b"".join(
        struct.pack("<BHH", number == len(pieces) - 1, len(piece), len(piece) ^ 0xFFFF) + piece
        for number, piece in enumerate(pieces)
    )
    header = b"\x1f\x8b\x08" + bytes(6) + b"\xff"  # no name, no time, unknown system
    return header + stored + struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def in_chunks(content: bytes, size: int = 4096) -> bytes:
    """The content in HTTP's chunked coding."""
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def unclosed(markup: str) -> str:
    """Paragraphs, list items and headings that never end."""
    return re.sub(r"</(p|li|h2|h3|span|body|html)>", "", markup)


def misnested(markup: str) -> str:
    """Emphasis that closes in the wrong order and runs over the ends of paragraphs."""
    markup = re.sub(r"<p>(\S+ \S+ \S+)", r"<p><b><i>\1</b></i>", markup)
    return markup.replace("</p>\n<p>", "<em></p>\n<p></em>")


def headless(markup: str) -> str:
    """A fragment: no document type, no html, no head, no body."""
    markup = re.sub(r"(?s)<!DOCTYPE.*?</head>\n", "", markup)
    return re.sub(r"</?(html|body)[^>]*>\n?", "", markup)


def truncated(markup: str) -> str:
    """A download that broke off in the middle of an element, after the text but before the page's foot."""
    return markup[: markup.rindex("<footer") - 40]


def soup(markup: str) -> str:
    """Markup of 1998: capitals, no quotes, font tags, no document type, nothing closed that need not be."""
    markup = re.sub(r'="([\w%-]+)"', r"=\1", markup.removeprefix("<!DOCTYPE html>\n"))
    markup = re.sub(r"</?[a-z]\w*", lambda tag: tag[0].upper(), markup)
    return unclosed(markup).replace("<P>", "<P><FONT FACE=Verdana SIZE=2>").replace("</P>", "")


DAMAGES: dict[str, Callable[[str], str]] = {
    "unclosed": unclosed,
    "misnested": misnested,
    "headless": headless,
    "truncated": truncated,
    "soup": soup,
}
