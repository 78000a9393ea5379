"""Sitemaps, indexes of sitemaps, RSS and Atom: the addresses that they name, from a stream, without ever expanding one.

A document that declares an entity or points to one outside is refused: neither format needs any.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn
from xml.parsers import expat

LONGEST = 1 << 16  # characters of an address
DEEPEST = 64


class NotXml(ValueError):
    """Bytes that are no XML, or XML that is refused."""


class Entry(NamedTuple):
    """An address in a sitemap; is it a sitemap's own?"""

    url: str
    is_sitemap: bool


def entries(pieces: Iterable[bytes]) -> Iterator[Entry]:
    """The addresses that a document names, in order; NotXml, after those before it, where it is damaged or refused."""
    reader = _Reader()
    for piece in pieces:
        try:
            reader.parser.Parse(piece, False)
        except expat.ExpatError as error:
            yield from reader.taken()
            raise NotXml(f"not XML: {error}") from None
        except NotXml:
            yield from reader.taken()
            raise
        yield from reader.taken()
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
        self._path: list[str] = []
        self._held: list[str] | None = None
        self._found: list[Entry] = []

    def taken(self) -> list[Entry]:
        """What was found since the last call."""
        found, self._found = self._found, []
        return found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(" ")[2].lower())
        if len(self._path) > DEEPEST:
            raise NotXml(f"elements {DEEPEST} deep")
        below = self._path[-2:]
        if below in (["url", "loc"], ["sitemap", "loc"], ["item", "link"]):
            self._held = []
        elif below == ["entry", "link"] and attributes.get("rel", "alternate") == "alternate":
            self._add(attributes.get("href", ""), False)

    def _text(self, text: str) -> None:
        if self._held is not None and len(self._held) < LONGEST:
            self._held.append(text[: LONGEST + 1])

    def _end(self, _name: str) -> None:
        if self._held is not None and self._path[-1] in ("loc", "link"):
            self._add("".join(self._held), self._path[-2:-1] == ["sitemap"])
            self._held = None
        self._path.pop()

    def _add(self, url: str, is_sitemap: bool) -> None:
        if url.strip():
            self._found.append(Entry(url.strip(), is_sitemap))


def _refuse(*_told: object) -> NoReturn:
    raise NotXml("it declares an entity")
