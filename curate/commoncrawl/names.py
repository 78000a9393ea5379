"""Lists the files of a crawl by its name, `commoncrawl:CC-MAIN-2024-30/warc[0:10]`, or by a list of paths.

A published crawl never changes, so a file's name is its identity: planning requests the list (`warc.paths.gz`) and none
of the many thousand files in it. Every other file of a list is requested for its size and identity.
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
# The list of each kind of file, and the size of one such file in bytes, roughly, from CC-MAIN-2024-30.
KINDS = {
    "warc": ("warc.paths.gz", 1_000_000_000),
    "wet": ("wet.paths.gz", 100_000_000),
    "wat": ("wat.paths.gz", 250_000_000),
    "index": ("cc-index-table.paths.gz", 700_000_000),
}
INDEXED = "/subset=warc/"  # the part of the columnar index whose captures are pages
PUBLISHED = ("crawl-data/", "cc-index/")  # the folders of Common Crawl's own files
LISTS = (".paths", ".paths.gz")  # the ends of a list's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file of a list."""

    name: str  # its line in the list; '' where that is an absolute path or URL
    uri: str
    fact: Fact | None = None  # size and identity, if they are stated without a request
    index: bool = False

    @property
    def path(self) -> Path:
        """Returns its path, which is made on demand, as a list may be long."""
        return storage.path(self.uri)


def list_files(name: str, base: str) -> list[Listed]:
    """Returns the files of a crawl or of a list, in the list's order; raises SettingsError where there is none."""
    if not name.startswith(PREFIX):
        return [_listed_file(line, base, "warc") for line in _lines(storage.path(name), name)]
    crawl, kind, choice = parse_name(name)
    path = storage.join(_root(base), f"crawl-data/{crawl}/{KINDS[kind][0]}")
    lines = [line for line in _lines(path, name) if kind != "index" or INDEXED in line][choice]
    if not lines:
        raise SettingsError(f"{name}: chooses no file of {path}")
    return [_listed_file(line, base, kind) for line in lines]


def parse_name(name: str) -> tuple[str, str, slice]:
    """Splits a crawl's name into the crawl, the kind and the choice of files; raises SettingsError where it is none."""
    match = NAME.fullmatch(name)
    if not match or match[2] not in KINDS:
        kinds = ", ".join(KINDS)
        raise SettingsError(f"{name}: not like commoncrawl:CC-MAIN-2024-30/warc[0:10]; the kinds are {kinds}")
    crawl, kind, *numbers = match.groups()
    try:
        if numbers[1] is None and numbers[0] is not None:
            first = int(numbers[0] or 0)
            raise SettingsError(f"{name}: give a range of files, such as [{first}:{first + 1}]")
        choice = slice(*(int(number) if number else None for number in numbers))
        range(0)[choice]  # raises ValueError for a step of 0
    except SettingsError:
        raise
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None
    return crawl, kind, choice


def _root(base: str) -> Path:
    return storage.absolute(storage.path(base.rstrip("/")))


def _listed_file(line: str, base: str, kind: str) -> Listed:
    index = kind == "index"
    if line.startswith(PUBLISHED) and storage.is_remote(base):
        fact = Fact(KINDS[kind][1], f"{UNTOLD}{line}")
        return Listed(name=line, uri=f"{base.rstrip('/')}/{line}", fact=fact, index=index)
    absolute = storage.is_remote(line) or line.startswith("/")
    return Listed(name="" if absolute else line, uri=str(storage.join(_root(base), line)), index=index)


def _lines(path: Path, name: str) -> list[str]:
    """Returns the lines of a list; raises SettingsError in one line where it cannot be read."""
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
