"""What a body is, by its first bytes: the part of the WHATWG MIME sniffing standard that a crawler of text needs."""

import re

HEAD = 1445  # bytes that are looked at
BLANK = b"\t\n\x0c\r "
HTML = re.compile(
    rb"<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|meta|link)(?=[ >/\t\r\n])"
    rb"|<!--",
    re.I,
)
BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
MARKS = (
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"BM", "image/bmp"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"ID3", "audio/mpeg"),
    (b"OggS\x00", "application/ogg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"{\\rtf", "application/rtf"),
)
TEXT_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")


def identified(body: bytes, told: str = "") -> str:
    """The media type of a body, told: what the header says of it, which counts where the bytes are mere text.

    >>> identified(b"<!DOCTYPE html><p>x", "image/png"), identified(b"plain words", "text/csv"), identified(b"")
    ('text/html', 'text/csv', '')
    """
    head = body[:HEAD]
    if not head:
        return ""
    bare = head.lstrip(BLANK + b"\xef\xbb\xbf")
    if bare[:5].lower() == b"<?xml":
        return "application/xhtml+xml" if b"http://www.w3.org/1999/xhtml" in head else "text/xml"
    if HTML.match(bare):
        return "text/html"
    for mark, kind in MARKS:
        if head.startswith(mark):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wave", b"AVI ": "video/avi"}.get(head[8:12], "application/riff")
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head.startswith(TEXT_MARKS) or not BINARY.search(head):
        return told if told.startswith("text/") or told == "application/xhtml+xml" else _texts(told)
    return told if told and not told.startswith("text/") else "application/octet-stream"


def _texts(told: str) -> str:
    """The type of text that its header calls something else."""
    kind = told.partition("/")[2]
    return told if kind in ("json", "xml", "javascript") or kind.endswith(("+json", "+xml")) else "text/plain"
