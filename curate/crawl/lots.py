"""A URL that a crawl plans to fetch, its id, its host and the registrable domain that its lot goes by."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from curate.crawl.addresses import denied_port
from curate.crawl.outcomes import NAMES

MAX_URL = 2048  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL that a crawl plans to fetch."""

    url: str
    dedupe_key: bytes = b""
    votes: int = 0
    source: str = "web"
    via: tuple[str, ...] = ()  # the URLs whose redirects led here
    tries: int = 0  # waves in which it was tried
    not_before: float = 0.0  # unix time before which it is not requested
    verdict: str = ""  # the outcome of a URL that is never requested, else ''
    detail: str = ""  # of the verdict

    def __post_init__(self) -> None:
        if self.verdict and self.verdict not in NAMES:
            raise ValueError(f"no outcome is called {self.verdict!r}")

    @property
    def id(self) -> bytes:
        """Returns the URL's id."""
        return url_id(self.url)


def url_id(url: str) -> bytes:
    """Returns the 16 bytes that stand for a URL."""
    return hashlib.blake2b(url.encode("utf-8", "surrogateescape"), digest_size=16).digest()


@lru_cache(maxsize=1 << 12)
def request_host(url: str) -> str:
    """Returns the host of a URL, '' where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=1 << 16)
def politeness_key(host: str) -> str:
    """Returns the registrable domain of a host, private suffixes counted as such; the host where it has none.

    >>> politeness_key("a.b.example.co.uk"), politeness_key("me.blogspot.com"), politeness_key("127.0.0.1")
    ('example.co.uk', 'me.blogspot.com', '127.0.0.1')
    """
    parts = _domains()(host)
    return f"{parts.domain}.{parts.suffix}" if parts.domain and parts.suffix else host


def refusal_of(url: str) -> tuple[str, str]:
    """Returns the outcome and detail of a URL that is never requested (length, port); '' and '' for any other."""
    if len(url.encode("utf-8", "surrogateescape")) > MAX_URL:
        return "url_too_long", f"{len(url)} characters"
    try:
        port = urlsplit(url).port
    except ValueError:
        return "url_invalid", "port"
    reason = denied_port(port) if port is not None else None
    return ("skip_port", f"{port}: {reason}") if reason else ("", "")


@lru_cache(maxsize=1)
def _domains():  # type: ignore[no-untyped-def]
    """Returns the reader of the list of public suffixes that comes with tldextract."""
    import tldextract

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
