"""Lines that many documents of a host share: menus, footers, notices.

What is counted are the documents of each host, and those that have a line of a host (`counting`).
"""

import hashlib
from collections.abc import Iterable, Iterator

from curate.dedup.candidates import HASH
from curate.dedup.config import Lines
from curate.dedup.counting import Totals
from curate.dedup.cutting import line_keys
from curate.web.urls import host_of


def host_key(url: str) -> bytes | None:
    """Returns the hash of a host without `www.`, or None where the text is no address."""
    host = host_of(url).removeprefix("www.")
    return hashlib.blake2b(host.encode(), digest_size=HASH).digest() if host else None


def line_key(host: bytes, line: bytes) -> bytes:
    """Returns the hash of a line on a host, both given by theirs."""
    return hashlib.blake2b(host + line, digest_size=HASH).digest()


def keys(documents: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    """Yields the keys of each document, joined: of its host and of each of its lines; documents are URL and text."""
    for url, text in documents:
        if host := host_key(url):
            yield host + b"".join({line_key(host, line) for line in line_keys(text) if line})


def furniture(url: str, text: str, shared: Totals, rules: Lines) -> set[int]:
    """Returns the numbers of the lines of a document that are furniture of its host; shared: the totals of its part."""
    host = host_key(url)
    if host is None or host not in shared:
        return set()
    least = max(rules.host_documents, rules.host_share * shared[host])
    return {
        number for number, line in enumerate(line_keys(text)) if line and shared.get(line_key(host, line), 0) >= least
    }
