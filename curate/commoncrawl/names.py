"""Common Crawl's crawls by name, `commoncrawl:CC-MAIN-2024-30/warc[0:10]`, and lists of paths (`warc.paths.gz`).

A published crawl never changes, so its files are known by their names alone: planning asks for the list and for none of
the many thousand files in it. Whatever else a list names is asked for one by one.
"""

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from curate import storage
from curate.errors import SettingsError
from curate.storage.identity import Fact
from curate.storage.remote import UNTOLD

PREFIX = "commoncrawl:"
BASE = "https://data.commoncrawl.org"
NAME = re.compile(r"commoncrawl:([\w-]+(?:/\d+)*)/(\w+)(?:\[(-?\d*)(?::(-?\d*))?(?::(-?\d*))?\])?", re.ASCII)
# The list of each kind, and the bytes of one file of it, about, as nobody is asked for them (CC-MAIN-2024-30).
KINDS = {
    "warc": ("warc.paths.gz", 1_000_000_000),
    "wet": ("wet.paths.gz", 100_000_000),
    "wat": ("wat.paths.gz", 250_000_000),
    "index": ("cc-index-table.paths.gz", 700_000_000),
}
INDEXED = "/subset=warc/"  # of the columnar index the part whose captures are pages
PUBLISHED = ("crawl-data/", "cc-index/")
LISTS = (".paths", ".paths.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file of a list: its name there ('' where that is a place of its own), and what is known without asking."""

    name: str
    uri: str
    fact: Fact | None = None
    index: bool = False

    @property
    def path(self) -> Path:
        """Where it lies; made when it is needed, as a list may be long."""
        return storage.path(self.uri)


def listed(name: str, base: str) -> list[Listed]:
    """The files of a crawl or of a list, in the list's order; SettingsError where there is none."""
    if not name.startswith(PREFIX):
        return [_listed(line, base, "warc") for line in _lines(storage.path(name), name)]
    crawl, kind, chosen = parsed(name)
    path = storage.join(_root(base), f"crawl-data/{crawl}/{KINDS[kind][0]}")
    lines = [line for line in _lines(path, name) if kind != "index" or INDEXED in line][chosen]
    if not lines:
        raise SettingsError(f"{name}: chooses no file of {path}")
    return [_listed(line, base, kind) for line in lines]


def parsed(name: str) -> tuple[str, str, slice]:
    """The crawl, the kind and the choice of files in a crawl's name; SettingsError where it is none."""
    match = NAME.fullmatch(name)
    if not match or match[2] not in KINDS:
        known = ", ".join(KINDS)
        raise SettingsError(f"{name}: not like commoncrawl:CC-MAIN-2024-30/warc[0:10]; the kinds are {known}")
    crawl, kind, *numbers = match.groups()
    if numbers[1] is None and numbers[0] is not None:
        raise SettingsError(f"{name}: give a range of files, such as [{numbers[0] or 0}:{int(numbers[0] or 0) + 1}]")
    try:
        chosen = slice(*(int(number) if number else None for number in numbers))
        range(0)[chosen]
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None
    return crawl, kind, chosen


def _root(base: str) -> Path:
    return storage.absolute(storage.path(base.rstrip("/")))


def _listed(line: str, base: str, kind: str) -> Listed:
    index = kind == "index"
    if line.startswith(PUBLISHED) and storage.is_remote(base):
        fact = Fact(KINDS[kind][1], f"{UNTOLD}{line}")
        return Listed(name=line, uri=f"{base.rstrip('/')}/{line}", fact=fact, index=index)
    own = storage.is_remote(line) or line.startswith("/")
    return Listed(name="" if own else line, uri=str(storage.join(_root(base), line)), index=index)


def _lines(path: Path, name: str) -> list[str]:
    """The lines of a list; SettingsError in one line where it cannot be read."""
    try:
        with storage.opened(path) as (file, _):
            content = file.read()
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()
    except FileNotFoundError:
        raise SettingsError(f"{name}: no such list: {path}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: {path} is damaged: {error}") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for number, line in enumerate(lines, start=1):
        if any(character in line for character in "<>\0\t ") or ".." in line.split("/"):
            raise SettingsError(f"{name}: {path}, line {number}: not the path of a file: {line[:80]!r}")
    if not lines:
        raise SettingsError(f"{name}: {path} names no file")
    return lines
