"""Reads the links out of crawled pages: from WAT records, or from the HTML in WARC files."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple

from ada_url import join_url
from lxml import etree

from curate.links.sieve import LinkCandidate
from curate.links.submissions import parse_row
from curate.records import Failure, Page, RefusedRecord, Skipped
from curate.stage.plan import Item
from curate.warc.reader import read_pages
from curate.web.encoding import decode
from curate.web.urls import host_of

MAX_PAGE = 10_000_000  # bytes of a page, or of a WAT record
MOST = 10_000  # links of one page; those after them are skipped
HTML = ("text/html", "application/xhtml+xml", "")  # media types of pages that are searched
NO_LINKS = ("#", "javascript:", "mailto:", "tel:", "data:")

Outcome = LinkCandidate | Failure | Skipped


class RawLinks(NamedTuple):
    """The links of a page, before they are resolved."""

    url: str  # of the page
    base: str  # the `href` of its `<base>`, or ''
    hrefs: Iterable[str]


def outlinks(file: BinaryIO, size: int, item: Item, *, internal: bool) -> Iterator[Outcome]:
    """Yields every link of every page of a file, equal ones of a page once.

    size: the file's bytes. internal: also yields links of a page to its own host.
    """
    wat = item.form == "wat"
    for number, record in enumerate(read_pages(file, item.name, size=size, max_bytes=MAX_PAGE, wat=wat), start=1):
        if isinstance(record, Failure):
            yield stage_failure(record)
        elif isinstance(record, RefusedRecord):
            yield Skipped(record.reason.removeprefix("extract."))
        elif isinstance(record, Skipped):
            yield record
        elif record.mime not in (("application/json",) if wat else HTML):
            yield Skipped(f"mime {record.mime[:40]}")
        else:
            place = f"{item.name}#{number}"
            yield from _links(record, item.form, place, _wat_links(record) if wat else _html_links(record), internal)


def resolve(base: str, href: str) -> str:
    """Returns the address that a reference means on a page with this base, or ''."""
    try:
        return str(join_url(base, href)) if href else ""
    except ValueError:
        return ""


def stage_failure(failure: Failure) -> Failure:
    """Returns a dead letter of the WARC reader as one of this stage."""
    return replace(failure, stage="links")


def _links(page: Page, kind: str, place: str, raw: RawLinks | None, internal: bool) -> Iterator[Outcome]:
    """Yields the links of one page, resolved against its base; links to its own site are skipped unless `internal`."""
    if raw is None:
        yield Skipped("page without links")
        return
    own_site = _site(raw.url)
    base = resolve(raw.url, raw.base) or raw.url
    seen: set[str] = set()
    inside = beyond = 0
    for href in raw.hrefs:
        bare = href.strip()
        if not bare or bare[:11].lower().startswith(NO_LINKS):
            continue
        link = (resolve(base, bare) or bare).partition("#")[0]
        if link in seen:
            continue
        if len(seen) >= MOST:
            beyond += 1
            continue
        seen.add(link)
        if not internal and _site(link) == own_site:
            inside += 1
            continue
        time = int(page.timestamp.timestamp()) if page.timestamp else 0
        yield LinkCandidate(url=link, kind=kind, id=f"{place}.{len(seen)}", time=time, context=raw.url)
    yield from (Skipped("internal link") for _ in range(inside))
    yield from (Skipped(f"link beyond {MOST:,} of its page") for _ in range(beyond))


def _html_links(page: Page) -> RawLinks | None:
    """Returns the targets of the `<a>` of a page; None where it is no HTML."""
    text = decode(page.body, page.charset).encode("utf-8", "replace")
    # Not resiliparse's tree, whose lists of elements take time with the square of their length.
    try:
        tree = etree.fromstring(text, etree.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True))
    except etree.LxmlError:
        return None
    if tree is None:
        return None
    base = next((element.get("href", "") for element in tree.iter("base") if element.get("href")), "")
    return RawLinks(page.url, base, [element.get("href", "") for element in tree.iter("a")])


def _wat_links(page: Page) -> RawLinks | None:
    """Returns the targets of the `<a>` that a WAT record lists; None where it lists none."""
    envelope = _table(parse_row(page.body), "Envelope")
    url = _table(envelope, "WARC-Header-Metadata").get("WARC-Target-URI")
    http = _table(_table(envelope, "Payload-Metadata"), "HTTP-Response-Metadata")
    html = _table(http, "HTML-Metadata")
    links = html.get("Links")
    if not isinstance(url, str) or not isinstance(links, list):
        return None
    base = _table(html, "Head").get("Base")
    hrefs = (link.get("url") for link in links if isinstance(link, dict) and link.get("path") == "A@/href")
    return RawLinks(
        url=url.strip("<>"),
        base=base if isinstance(base, str) else "",
        hrefs=(href for href in hrefs if isinstance(href, str)),
    )


def _table(value: Any, key: str) -> dict[str, Any]:
    """Returns the object under a key of a JSON object, {} where there is none."""
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _site(url: str) -> str:
    """Returns a URL's host without `www.`, or ''."""
    return host_of(url).removeprefix("www.")
