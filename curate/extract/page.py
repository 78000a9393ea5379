"""One page to a document: cheap tests first, then the text, its title, its day and its language.

Each page ends as a Document, as a Reason why it is refused, or as a Failure that points at the page. Read this file
first: `attempt` calls `extract`, and `extract` calls the tests `gate` and `quick_text_gate`, the last of which needs
the quick text that `main_text` needs too.
"""

from typing import TYPE_CHECKING

from curate.extract import quick_gate
from curate.extract.config import DOOR, UNDECIDED, Extract, Gates
from curate.records import Document, Failure, Page, Reason, page_id
from curate.text.language import identify, probability
from curate.web.encoding import decode
from curate.web.sniff import packed_type

if TYPE_CHECKING:  # a worker, whose extractor is another process, asks for `gate` alone
    from curate.extract.main_text import MainText

HTML_TYPES = ("text/html", "application/xhtml+xml", "application/xml", "text/xml", "")
TEXT_TYPES = ("text/plain",)
NO_GATES = Gates()


def attempt(page: Page, source: str, settings: Extract, gates: Gates = NO_GATES) -> Document | Reason | Failure:
    """Returns what `extract` returns, or a failure that points at the page if the extractor raises."""
    try:
        return extract(page, source, settings, gates)
    except Exception as error:  # whatever a parser raises on hostile markup belongs to this page alone
        return failure_of(page, "extractor", f"{type(error).__name__}: {error}"[:500])


def extract(page: Page, source: str, settings: Extract, gates: Gates = NO_GATES) -> Document | Reason:
    """Returns a page's document, or the reason why it has none; raises what the extractor raises."""
    from curate.extract.main_text import MainText, main_text, quick_text

    if reason := gate(page, settings):
        return reason
    is_plain = page.mime in TEXT_TYPES
    content = decode(page.body, page.charset)
    quick = plain_text(content) if is_plain else quick_text(content, comments=settings.comments)
    if reason := quick_text_gate(quick, settings, gates):
        return reason
    if is_plain:
        main = MainText(quick, None, None, "plain")
    else:
        main = own_text(content, page.url, settings) or main_text(content, page.url, settings, quick)
    text = storable(main.text).replace("\0", "").strip()
    if not text:
        return Reason("extract.no_text", 0, None)
    return document_of(page, source, text, main)


def own_text(html: str, url: str, settings: Extract) -> "MainText | None":
    """Returns the text that an extractor of the user's makes of a page; None where the extractor is none of these."""
    if not settings.is_own:
        return None
    from curate.extract.main_text import MainText

    own = DOOR.loaded(settings.extractor, settings.own, ("extract", "own"))
    answer = own.function(html, url, own.settings)
    if not isinstance(answer, str):
        raise TypeError(f"{settings.extractor} returns {answer!r}; return a text, or an empty one")
    return MainText(answer, None, None, settings.extractor)


def plain_text(content: str) -> str:
    """Returns the text of a page of plain text, with line feeds at the ends of its lines.

    >>> plain_text("a\\r\\n b\\rc\\r\\n")
    'a\\n b\\nc'
    """
    return content.replace("\r\n", "\n").replace("\r", "\n").strip()


def gate(page: Page, settings: Extract) -> Reason | None:
    """Returns why a page's status, media type or size refuses it, or None; the body is not decoded for this."""
    if page.status not in settings.statuses:
        return Reason("extract.status", page.status, None, f"status {page.status}")
    if page.mime not in HTML_TYPES and page.mime not in TEXT_TYPES:
        return Reason("extract.mime", None, None, page.mime[:100])
    if len(page.body) > settings.max_bytes:
        return Reason("extract.size", len(page.body), settings.max_bytes)
    if not page.body.strip():
        return Reason("extract.empty_body", 0)
    if packed := packed_type(page.body):
        return Reason("extract.mime", None, None, f"{packed} under {page.mime[:80] or 'no type'}")
    return None


def quick_text_gate(text: str, settings: Extract, gates: Gates) -> Reason | None:
    """Returns why the language or the quality of a page's quick text refuses the page, or None.

    A text shorter than UNDECIDED characters is never refused, because its language and quality are not reliable.
    """
    if len(text) < UNDECIDED:
        return None
    if gates.languages and settings.language_gate:
        chance, likeliest = probability(text, gates.languages)
        if chance < settings.language_gate:
            return Reason("extract.language", chance, settings.language_gate, likeliest)
    if gates.model and settings.quality_gate:
        score = quick_gate.score(text, gates.model)
        if score < settings.quality_gate:
            return Reason("extract.quality", score, settings.quality_gate)
    return None


def document_of(page: Page, source: str, text: str, main: "MainText") -> Document:
    """Returns the document of a page; text: what is stored of `main.text`."""
    language, score = identify(text)
    pointer = page.pointer
    return Document(
        id=page_id(page),
        url=page.url,
        timestamp=page.timestamp,
        source=source,
        text=text,
        title=storable(main.title) if main.title else None,
        date=main.date,
        language=language or None,
        language_score=score if language else None,
        mime=page.mime or None,
        warc_file=pointer.file,
        warc_offset=pointer.offset if pointer.offset >= 0 else None,
        warc_length=pointer.length if pointer.offset >= 0 else None,
        extractor=main.extractor,
        truncated=page.truncated or None,
        flags=" ".join((*page.flags, *main.flags)) or None,
    )


def storable(text: str) -> str:
    """Returns a text that UTF-8 can hold, as a page may name half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def failure_of(page: Page, error: str, message: str) -> Failure:
    """Returns the failure of a page whose extraction raised, took too long or killed its process."""
    return Failure.at(page.pointer, error, message, stage="extract", url=page.url)


def warm_up() -> None:
    """Loads what the first page would have to wait for: libraries, rules and the language model."""
    from curate.extract.main_text import main_text

    main_text("<html><body><p>Hello</p></body></html>", "", Extract())
    identify("Hello")
