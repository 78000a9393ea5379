"""Pages to documents: the cheap tests first (status, media type, size), then trafilatura.

Each page ends as a Document or a Reason; an extractor that raises is a failure with the page's pointer.
"""

import re
from typing import Any

from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

from curate.recipe import Extract
from curate.records import Document, Failure, Page, Reason, document_id

HTML_TYPES = ("text/html", "application/xhtml+xml", "application/xml", "text/xml", "")
TEXT_TYPES = ("text/plain",)
BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
BLANKS = re.compile(r"(?<=\S)\s{2,}(?=\S)")
EMPTY_LINES = re.compile(r"\n{3,}")
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


def tidy(text: str) -> str:
    """Text without layout: line ends stripped, runs of blanks inside a line one blank, at most one empty line.

    >>> tidy("a  \\n\\n\\n  b\\t\\tc")
    'a\\n\\n  b c'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return EMPTY_LINES.sub("\n\n", "\n".join(BLANKS.sub(" ", line.rstrip()) for line in lines)).strip("\n")


def gate(page: Page, settings: Extract) -> Reason | None:
    """Why a page is refused before its body is looked at, or None."""
    if page.status not in settings.statuses:
        return Reason("extract.status", page.status, None, f"status {page.status}")
    if page.mime not in HTML_TYPES and page.mime not in TEXT_TYPES:
        return Reason("extract.mime", None, None, page.mime[:100])
    if len(page.body) > settings.max_bytes:
        return Reason("extract.size", len(page.body), settings.max_bytes)
    if not page.body.strip():
        return Reason("extract.empty_body", 0)
    return None


def main_text(html: str, url: str, settings: Extract) -> tuple[str, str | None]:
    """The main text ('' where there is none) and the <title> of a page, by trafilatura."""
    from trafilatura import bare_extraction
    from trafilatura.utils import load_html

    tree: Any = load_html(html)
    if tree is None:
        return "", None
    title = " ".join((tree.findtext(".//title") or "").split()) or None
    found: Any = bare_extraction(
        tree,
        url=url or None,
        favor_precision=settings.precision,
        favor_recall=settings.recall,
        include_comments=settings.comments,
        include_tables=settings.tables,
        deduplicate=False,
        with_metadata=False,
    )
    return tidy(found.text or "").strip() if found else "", title


def extract(page: Page, source: str, settings: Extract) -> Document | Reason:
    """One page's document, or why it has none; whatever the extractor raises passes through."""
    refused = gate(page, settings)
    if refused:
        return refused
    content = decode(page.body, page.charset)
    text, title = (content.strip(), None) if page.mime in TEXT_TYPES else main_text(content, page.url, settings)
    text = text.encode("utf-8", "replace").decode().replace("\0", "").strip()
    if not text:
        return Reason("extract.no_text", 0, None)
    return Document(
        id=document_id(page.url, page.timestamp),
        url=page.url,
        timestamp=page.timestamp,
        source=source,
        text=text,
        title=title.encode("utf-8", "replace").decode() if title else None,
        mime=page.mime or None,
        warc_file=page.pointer.file,
        warc_offset=page.pointer.offset if page.pointer.offset >= 0 else None,
        warc_length=page.pointer.length if page.pointer.offset >= 0 else None,
    )


def attempt(page: Page, source: str, settings: Extract) -> Document | Reason | Failure:
    """Like `extract`, but what the extractor raises becomes a failure that points at the page."""
    try:
        return extract(page, source, settings)
    except Exception as error:  # whatever a parser raises on hostile markup belongs to this page alone
        where = page.pointer
        return Failure(
            file=where.file,
            offset=where.offset,
            length=where.length,
            stage="extract",
            error="extractor",
            message=f"{type(error).__name__}: {error}"[:500],
            url=page.url,
            record=True,
        )
