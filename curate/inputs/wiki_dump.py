"""Rows of a MediaWiki XML dump, such as Wikipedia's `pages-articles`: one for each article, in bounded memory.

Redirects and pages outside the main namespace are skipped. Of a dump of all revisions an article's last one is taken.
A dump that declares entities is refused, as no dump needs any.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import quote
from xml.parsers import expat

from curate.inputs.wikitext import Prefixes, plain_text, prefixes_of
from curate.records import Skipped

PAGE_CHARACTERS = 1 << 23  # of a page's markup; MediaWiki allows 2 MiB
SAFE = "/:@!$*(),;~'"  # what MediaWiki leaves as it is in an address
FILES, CATEGORIES = "6", "14"  # keys of namespaces
# The elements whose text is read, by the end of their path.
FIELDS: dict[tuple[str, ...], str] = {
    ("page", "title"): "title",
    ("page", "ns"): "namespace",
    ("page", "id"): "id",
    ("revision", "timestamp"): "timestamp",
    ("revision", "model"): "model",
    ("revision", "text"): "text",
    ("siteinfo", "base"): "base",
    ("siteinfo", "lang"): "lang",
}


@dataclass(slots=True)
class Page:
    """A page as the dump states it."""

    fields: dict[str, str] = field(default_factory=dict)
    is_redirect: bool = False
    is_too_long: bool = False


def page_rows(pieces: Iterator[bytes]) -> Iterator[tuple[int, Any]]:
    """Yields the number and the row of each page; Skipped for one that is no article, an error for one that is lost."""
    reader = _Reader()
    number = 0
    for piece in pieces:
        try:
            reader.parser.Parse(piece, False)
        finally:
            pages, reader.pages = reader.pages, []
            rows = [(number + place, _row(page, reader)) for place, page in enumerate(pages, start=1)]
            number += len(pages)
            yield from rows
    reader.parser.Parse(b"", True)


def _row(page: Page, reader: "_Reader") -> Any:
    """Returns the row of a page."""
    fields = page.fields
    if page.is_redirect or fields.get("text", "").lstrip()[:9].casefold() == "#redirect":
        return Skipped("redirect")
    if fields.get("namespace", "0") != "0":
        return Skipped(f"namespace {fields['namespace']}"[:40])
    if fields.get("model", "wikitext") != "wikitext":
        return Skipped(f"model {fields['model']}"[:40])
    title = fields.get("title", "")
    if page.is_too_long:
        return ValueError(f"{title}: more than {PAGE_CHARACTERS:,} characters of markup")
    try:
        text = plain_text(fields.get("text", ""), reader.prefixes)
    except (ValueError, RecursionError) as error:
        return ValueError(f"{title}: {error}")
    url = reader.base + quote(title.replace(" ", "_"), safe=SAFE) if reader.base else ""
    return {"id": fields.get("id"), "url": url, "title": title, "timestamp": fields.get("timestamp"), "text": text}


class _Reader:
    """Collects pages while expat reads."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = _refuse
        self.base = ""  # what stands before the title in the address of an article
        self.prefixes: Prefixes = prefixes_of(())
        self.pages: list[Page] = []
        self._path: list[str] = []
        self._page = Page()
        self._key = ""  # of the namespace whose name is read
        self._names: list[str] = []  # of the namespaces of files and categories
        self._parts: list[str] | None = None  # of the text of the element that is read
        self._size = 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        if not self._path and name != "mediawiki":
            raise ValueError(f"XML of <{name}>; the XML that is read is a dump of MediaWiki")
        self._path.append(name)
        if name == "page":
            self._page = Page()
        elif name == "redirect":
            self._page.is_redirect = True
        elif name == "namespace":
            self._key, self._parts = attributes.get("key", ""), []
        elif tuple(self._path[-2:]) in FIELDS:
            self._parts, self._size = [], 0

    def _characters(self, text: str) -> None:
        if self._parts is None:
            return
        self._size += len(text)
        if self._size > PAGE_CHARACTERS:
            self._page.is_too_long = True
            self._parts.clear()
        else:
            self._parts.append(text)

    def _end(self, _name: str) -> None:
        place = tuple(self._path[-2:])
        name = self._path.pop()
        if self._parts is not None:
            self._take(name, FIELDS.get(place, ""), "".join(self._parts))
            self._parts = None
        if name == "page":
            self.pages.append(self._page)
        elif name == "siteinfo":
            self.prefixes = prefixes_of(self._names)

    def _take(self, name: str, field_name: str, text: str) -> None:
        """Keeps the text of an element; a later revision's replaces an earlier one's."""
        if name == "namespace":
            if self._key in (FILES, CATEGORIES):
                self._names.append(text)
        elif field_name == "base":
            self.base = text.rpartition("/")[0] + "/"
        elif field_name:
            self._page.fields[field_name] = text


def _refuse(*_: object) -> NoReturn:
    raise ValueError("XML that declares entities, which no dump needs")
