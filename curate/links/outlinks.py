"""Links out of crawled pages: of WAT records, or of the HTML in WARC files, resolved against the page's base."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from ada_url import join_url
from lxml import etree

from curate.links.sieve import LinkCandidate
from curate.links.submissions import decoded
from curate.records import Failure, Page, RefusedRecord, Skipped
from curate.stage.plan import Item
from curate.warc.reader import read_pages
from curate.web.encoding import decode
from curate.web.urls import host_of

MAX_PAGE = 10_000_000  # bytes of a page, or of a WAT record
MOST = 10_000  # links of one page
HTML = ("text/html", "application/xhtml+xml", "")
NO_LINKS = ("#", "javascript:", "mailto:", "tel:", "data:")

Found = LinkCandidate | Failure | Skipped


def outlinks(file: BinaryIO, size: int, item: Item, *, internal: bool) -> Iterator[Found]:
    """Every link of every page of a file, a page's equal ones once; internal: also those to its own host."""
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
            yield from _links(record, item.form, place, _wat(record) if wat else _html(record), internal)


def stage_failure(failure: Failure) -> Failure:
    """A dead letter of the reader's as one of this stage."""
    told = {name: getattr(failure, name) for name in failure.__slots__}
    return Failure(**{**told, "stage": "links"})


def _links(
    page: Page, kind: str, place: str, found: tuple[str, str, Iterable[str]] | None, internal: bool
) -> Iterator[Found]:
    if found is None:
        yield Skipped("page without links")
        return
    url, base, hrefs = found
    own, base = _site(url), joined(url, base) or url
    seen: set[str] = set()
    inside = beyond = 0
    for href in hrefs:
        bare = href.strip()
        if not bare or bare[:11].lower().startswith(NO_LINKS):
            continue
        link = joined(base, bare)
        link = (link or bare).partition("#")[0]
        if link in seen:
            continue
        if len(seen) >= MOST:
            beyond += 1
            continue
        seen.add(link)
        if not internal and _site(link) == own:
            inside += 1
            continue
        time = int(page.timestamp.timestamp())
        yield LinkCandidate(url=link, kind=kind, id=f"{place}.{len(seen)}", time=time, context=url)
    yield from (Skipped("internal link") for _ in range(inside))
    yield from (Skipped(f"link beyond {MOST:,} of its page") for _ in range(beyond))


def joined(base: str, href: str) -> str:
    """A reference as seen from a base, or ''."""
    try:
        return str(join_url(base, href)) if href else ""
    except ValueError:
        return ""


def _site(url: str) -> str:
    """Returns a URL's host without `www.`, or ''."""
    return host_of(url).removeprefix("www.")


def _html(page: Page) -> tuple[str, str, Iterable[str]] | None:
    """The page's URL, its `<base>`, and what its `<a>` point to."""
    text = decode(page.body, page.charset).encode("utf-8", "replace")
    # not resiliparse's tree, whose lists of elements take time with the square of their length
    try:
        tree = etree.fromstring(text, etree.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True))
    except etree.LxmlError:
        return None
    if tree is None:
        return None
    base = next((each.get("href", "") for each in tree.iter("base") if each.get("href")), "")
    return page.url, base, [each.get("href", "") for each in tree.iter("a")]


def _wat(page: Page) -> tuple[str, str, Iterable[str]] | None:
    """The same out of a WAT record."""
    envelope = _of(decoded(page.body), "Envelope")
    url = _of(envelope, "WARC-Header-Metadata").get("WARC-Target-URI")
    html = _of(_of(_of(envelope, "Payload-Metadata"), "HTTP-Response-Metadata"), "HTML-Metadata")
    links = html.get("Links")
    if not isinstance(url, str) or not isinstance(links, list):
        return None
    base = _of(html, "Head").get("Base")
    hrefs = (link.get("url") for link in links if isinstance(link, dict) and link.get("path") == "A@/href")
    return url.strip("<>"), base if isinstance(base, str) else "", (href for href in hrefs if isinstance(href, str))


def _of(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
