"""Selects rows of an index by the settings of `[sources.NAME.select]`.

One rule judges rows of every kind of index, so that CDXJ and Parquet of one crawl select the same captures.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

LANGUAGE = re.compile(r"[a-z]{3}")
HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """One capture as an index states it; of a row that cannot be used, its place in the index and its fault."""

    url: str
    file: str  # of the record; the index where the row cannot be used
    offset: int  # of the record in bytes; the number of the line or row where it cannot be used
    length: int  # of the record in bytes; 0 where the row cannot be used
    status: int | None = None  # HTTP's
    mime: str = ""  # as detected, else as the server names it
    languages: tuple[str, ...] = ()  # Common Crawl's codes, the main one first
    truncated: bool = False
    fault: str = ""  # the reason for which the row cannot be used, or ''


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """The captures that are taken of an index; an empty list takes all, and a value that is missing fits no list."""

    domains: tuple[str, ...] = ()  # host names, each with all hosts below it
    languages: tuple[str, ...] = ()  # codes such as "eng", of the page's first language
    any_language: bool = False  # compare all languages of a page and not the first alone
    mimes: tuple[str, ...] = ()  # media types: the detected one of a page, else the server's
    statuses: tuple[int, ...] = ()  # HTTP status codes, such as 200
    truncated: bool = True  # take captures that the crawler cut

    def __post_init__(self) -> None:
        for domain in self.domains:
            if not HOST.fullmatch(domain):
                raise ValueError(f"domains holds host names such as 'example.com' or 'xn--…', got {domain!r}")
        for language in self.languages:
            if not LANGUAGE.fullmatch(language):
                raise ValueError(f"languages holds codes of three letters such as 'eng', got {language!r}")
        for mime in self.mimes:
            if mime.count("/") != 1 or mime != mime.strip().lower():
                raise ValueError(f"mimes holds media types such as 'text/html', got {mime!r}")
        for status in self.statuses:
            if not 100 <= status <= 999:
                raise ValueError(f"statuses holds HTTP status codes, got {status}")

    def takes(self, row: IndexRow) -> bool:
        """Returns True where a capture is taken; also for a row that cannot be used, so that it becomes a failure."""
        if row.fault:
            return True
        spoken = row.languages if self.any_language else row.languages[:1]
        return (
            (not self.statuses or row.status in self.statuses)
            and (not self.mimes or row.mime in self.mimes)
            and (self.truncated or not row.truncated)
            and (not self.languages or not set(self.languages).isdisjoint(spoken))
            and (not self.domains or self.holds(index_host(row.url)))
        )

    def holds(self, host: str) -> bool:
        """Returns True where a host is one of the domains, or a sub-domain of one.

        >>> Select(domains=("example.com",)).holds("www.example.com")
        True
        >>> Select(domains=("example.com",)).holds("notexample.com")
        False
        """
        labels = host.split(".")
        return any(".".join(labels[start:]) in self.domains for start in range(len(labels)))


def index_host(url: str) -> str:
    """Returns the host of a URL in lower case, '' where it has none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
