"""Reads the addresses in sitemaps, indexes of sitemaps, RSS and Atom from a stream, and expands no entities.

A document that declares an entity or points to one outside is refused: no format needs any.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn
from xml.parsers import expat

LONGEST = 1 << 16  # characters of an address
DEEPEST = 64  # elements within each other


class NotXml(ValueError):
    """Raised for bytes that are no XML, and for XML that is refused."""


class Entry(NamedTuple):
    """An address in a sitemap or a feed."""

    url: str
    is_sitemap: bool  # True where it is the address of another sitemap


def entries(pieces: Iterable[bytes]) -> Iterator[Entry]:
    """Yields the addresses that a document names, in order; then raises NotXml where it is damaged or refused."""
    reader = _Reader()
    for piece in pieces:
        try:
            reader.parser.Parse(piece, False)
        except expat.ExpatError as error:
            yield from reader.take()
            raise NotXml(f"not XML: {error}") from None
        except NotXml:
            yield from reader.take()
            raise
        yield from reader.take()
    try:
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise NotXml(f"not XML: {error}") from None


class _Reader:
    """Collects addresses while expat reads."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = _refuse
        self.parser.ExternalEntityRefHandler = _refuse
        self._path: list[str] = []  # the names of the open elements
        self._text_parts: list[str] | None = None  # of the open element, where its text is an address
        self._entries: list[Entry] = []

    def take(self) -> list[Entry]:
        """Returns the addresses that were read since the last call."""
        entries, self._entries = self._entries, []
        return entries

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(" ")[2].lower())
        if len(self._path) > DEEPEST:
            raise NotXml(f"elements {DEEPEST} deep")
        below = self._path[-2:]
        if below in (["url", "loc"], ["sitemap", "loc"], ["item", "link"]):
            self._text_parts = []
        elif below == ["entry", "link"] and attributes.get("rel", "alternate") == "alternate":
            self._add(attributes.get("href", ""), False)

    def _text(self, text: str) -> None:
        if self._text_parts is not None and len(self._text_parts) < LONGEST:
            self._text_parts.append(text[: LONGEST + 1])

    def _end(self, _name: str) -> None:
        if self._text_parts is not None and self._path[-1] in ("loc", "link"):
            self._add("".join(self._text_parts), self._path[-2:-1] == ["sitemap"])
            self._text_parts = None
        self._path.pop()

    def _add(self, url: str, is_sitemap: bool) -> None:
        if url.strip():
            self._entries.append(Entry(url.strip(), is_sitemap))


def _refuse(*_arguments: object) -> NoReturn:
    raise NotXml("it declares an entity")
