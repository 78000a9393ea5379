"""Which rows of an index are read: `[sources.NAME.select]`, and the row that it judges.

One rule judges rows of every kind of index, so that CDXJ and Parquet of one crawl select the same captures.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

LANGUAGE = re.compile(r"[a-z]{3}")
HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """One capture as an index tells of it; fault: why the row cannot be used, or ''.

    languages: Common Crawl's codes, the main one first. file, offset, length: where the record lies; of a row that
    cannot be used the index, the line, and 0.
    """

    url: str
    file: str
    offset: int
    length: int
    status: int | None = None
    mime: str = ""
    languages: tuple[str, ...] = ()
    truncated: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """What is taken of an index; an empty list takes all, and what an index does not tell fits no list.

    domains: host names, each with all hosts below it. languages: codes such as "eng", of the page's first language, or
    of any of its languages where `any_language`. mimes: the detected media type, else the server's. truncated: are
    captures taken that the crawler cut?
    """

    domains: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    any_language: bool = False
    mimes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    truncated: bool = True

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
        """Is this capture taken? A row that cannot be used is, so that it is told of."""
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
        """Is a host one of the domains, or below one, label by label?

        >>> Select(domains=("example.com",)).holds("www.example.com")
        True
        >>> Select(domains=("example.com",)).holds("notexample.com")
        False
        """
        labels = host.split(".")
        return any(".".join(labels[start:]) in self.domains for start in range(len(labels)))


def index_host(url: str) -> str:
    """The host of a URL in lower case, '' where it has none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
