"""Pages to documents: the cheap tests first (status, media type, size, language of the quick text), then extraction.

Each page ends as a Document or a Reason; an extractor that raises is a failure with the page's pointer.
"""

from curate.extract import quick_gate as quickgate
from curate.extract.config import UNDECIDED, Extract, Gates
from curate.extract.main_text import MainText, main_text, quick_text
from curate.records import Document, Failure, Page, Reason, document_id
from curate.text.language import identify, probability
from curate.web.encoding import decode

HTML_TYPES = ("text/html", "application/xhtml+xml", "application/xml", "text/xml", "")
TEXT_TYPES = ("text/plain",)


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


def quick_gate(text: str, settings: Extract, gates: Gates) -> Reason | None:
    """Why a page is refused for its quick text, or None: for its language or its quality, if that can be told."""
    if len(text) < UNDECIDED:
        return None
    if gates.languages and settings.language_gate:
        share, likeliest = probability(text, gates.languages)
        if share < settings.language_gate:
            return Reason("extract.language", share, settings.language_gate, likeliest)
    if gates.model and settings.quality_gate:
        score = quickgate.score(text, gates.model)
        if score < settings.quality_gate:
            return Reason("extract.quality", score, settings.quality_gate)
    return None


def extract(page: Page, source: str, settings: Extract, gates: Gates = Gates()) -> Document | Reason:  # noqa: B008 - it is frozen
    """One page's document, or why it has none; whatever the extractor raises passes through."""
    refused = gate(page, settings)
    if refused:
        return refused
    content, plain = decode(page.body, page.charset), page.mime in TEXT_TYPES
    quick = content.strip() if plain else quick_text(content, comments=settings.comments)
    if refused := quick_gate(quick, settings, gates):
        return refused
    found = MainText(quick, None, None, "plain") if plain else main_text(content, page.url, settings, quick)
    text = storable(found.text).replace("\0", "").strip()
    if not text:
        return Reason("extract.no_text", 0, None)
    language, score = identify(text)
    return Document(
        id=document_id(page.url, page.timestamp),
        url=page.url,
        timestamp=page.timestamp,
        source=source,
        text=text,
        title=storable(found.title) if found.title else None,
        date=found.date,
        language=language or None,
        language_score=score if language else None,
        mime=page.mime or None,
        warc_file=page.pointer.file,
        warc_offset=page.pointer.offset if page.pointer.offset >= 0 else None,
        warc_length=page.pointer.length if page.pointer.offset >= 0 else None,
        extractor=found.extractor,
        truncated=page.truncated or None,
        flags=" ".join(page.flags) or None,
    )


def warm_up() -> None:
    """Load what the first page would have to wait for."""
    main_text("<html><body><p>Hello</p></body></html>", "", Extract())
    identify("Hello")


def storable(text: str) -> str:
    """Text that UTF-8 can hold: a page may name half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def attempt(
    page: Page,
    source: str,
    settings: Extract,
    gates: Gates = Gates(),  # noqa: B008 - it is frozen
) -> Document | Reason | Failure:
    """Like `extract`, but what the extractor raises becomes a failure that points at the page."""
    try:
        return extract(page, source, settings, gates)
    except Exception as error:  # whatever a parser raises on hostile markup belongs to this page alone
        return lost(page, "extractor", f"{type(error).__name__}: {error}"[:500])


def lost(page: Page, error: str, message: str) -> Failure:
    """The failure of a page whose extraction came to nothing."""
    where = page.pointer
    return Failure(
        file=where.file,
        offset=where.offset,
        length=where.length,
        stage="extract",
        error=error,
        message=message,
        url=page.url,
        record=True,
    )
