"""Tells a body's media type by its first bytes: the part of the WHATWG MIME sniffing standard that text needs."""

import re

HEAD = 1445  # bytes that are looked at
MARKUP = 64  # bytes that hold markup in a page of any language
BLANK = b"\t\n\x0c\r "
HTML = re.compile(
    rb"<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|meta|link)(?=[ >/\t\r\n])"
    rb"|<!--",
    re.I,
)
BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
CONTROLS = bytes(byte for byte in range(32) if BINARY.match(bytes((byte,))))
FAULTS = 4  # control characters that a short text may have
PACKED = 20  # of packed bytes every tenth is a control character; of text with faults not one in so many
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
RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wave", b"AVI ": "video/avi"}
TEXT_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe", b"\x1b$)C")  # of UTF-8, UTF-16 and ISO-2022-KR


def media_type(body: bytes, declared: str = "") -> str:
    """Returns the media type of a body, '' if it is empty.

    declared: the type that the header names, which counts where the bytes are mere text.

    >>> media_type(b"<!DOCTYPE html><p>x", "image/png"), media_type(b"plain words", "text/csv"), media_type(b"")
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
    for mark, type_ in MARKS:
        if head.startswith(mark):
            return type_
    if head[:4] == b"RIFF":
        return RIFF.get(head[8:12], "application/riff")
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head.startswith(TEXT_MARKS) or not BINARY.search(head):
        return _text_type(declared)
    return declared if declared and not declared.startswith("text/") else "application/octet-stream"


def packed_type(body: bytes) -> str:
    """Returns the media type of a body that no text can have, whatever its header says; '' where it may be text.

    >>> packed_type(b"%PDF-1.4 ..."), packed_type(b"BMW and Audi"), packed_type(bytes(range(256)))
    ('application/pdf', '', 'application/octet-stream')
    """
    head = body[:HEAD]
    for mark, type_ in MARKS:
        if len(mark) > 3 and head.startswith(mark):
            return type_
    controls = len(head) - len(head.translate(None, CONTROLS))
    if controls < FAULTS or controls * PACKED <= len(head) or HTML.match(head.lstrip(BLANK)):
        return ""
    if head.startswith(TEXT_MARKS) or utf_16_of(head):
        return ""
    return media_type(body)


def utf_16_of(body: bytes) -> str:
    """Returns the form of UTF-16 in which every second byte is often NUL, as of Latin letters and markup, or ''.

    >>> utf_16_of("page of <b>".encode("utf-16-be")), utf_16_of(b"page of <b>")
    ('utf-16-be', '')
    """
    head = body[:MARKUP]
    zeros = head[0::2].count(0), head[1::2].count(0)
    if len(head) < 16 or 4 * max(zeros) < len(head) or 20 * min(zeros) >= len(head):
        return ""
    return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"


def _text_type(declared: str) -> str:
    """Returns the type of bytes that are text: the declared type if it is one of text, else text/plain."""
    subtype = declared.partition("/")[2]
    is_text = declared.startswith("text/") or subtype in ("json", "xml", "javascript")
    return declared if is_text or subtype.endswith(("+json", "+xml")) else "text/plain"
