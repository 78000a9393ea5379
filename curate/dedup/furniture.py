"""Lines that many documents of a host share: menus, footers, notices.

A record is key(16) part(4) count(4), big-endian: of a host, or of a line on a host, the number of a part's documents
that have it. Only these counts are shuffled, so a large host is no heavier than many small ones.
"""

import hashlib
from collections.abc import Iterable, Iterator

from curate.dedup.candidates import HASH, Grouped, Pair, equal_rows, split_by_hash, unpack
from curate.dedup.config import Lines
from curate.dedup.cutting import line_keys
from curate.web.urls import host_of

NUMBER = 4  # bytes of a part and of a count
WIDTH = HASH + 2 * NUMBER
TOTAL = HASH + NUMBER  # bytes of a key and of its count over all parts
MOST = 2**32 - 1  # the greatest count that is told apart
Totals = dict[bytes, int]  # documents, by the keys of hosts and of lines on hosts that enough of them have


def host_key(url: str) -> bytes | None:
    """Returns the hash of a host without `www.`, or None where the text is no address."""
    host = host_of(url).removeprefix("www.")
    return hashlib.blake2b(host.encode(), digest_size=HASH).digest() if host else None


def line_key(host: bytes, line: bytes) -> bytes:
    """Returns the hash of a line on a host, both given by theirs."""
    return hashlib.blake2b(host + line, digest_size=HASH).digest()


def counts(number: int, documents: Iterable[tuple[str, str]], partitions: int) -> Iterator[Pair]:
    """Yields (partition, records) for the documents of a part, given by URL and text."""
    hosted = ((host, text) for url, text in documents if (host := host_key(url)))
    keys = unpack(
        (host + b"".join({line_key(host, line) for line in line_keys(text) if line}) for host, text in hosted), HASH
    )
    part = number.to_bytes(NUMBER)
    packed = (
        keys[rows[0]].tobytes() + part + len(rows).to_bytes(NUMBER) for rows in equal_rows(keys, 0, HASH, least=1)
    )
    for partition, blob in split_by_hash(unpack(packed, WIDTH), 0, partitions):
        yield partition.to_bytes(4), blob


def totals(group: Grouped, least: int) -> Iterator[Pair]:
    """Yields (part, keys and totals) for the keys that at least so many documents have, to each part that has them."""
    records = unpack(group[1], WIDTH)
    by_part: dict[bytes, list[bytes]] = {}
    for rows in equal_rows(records, 0, HASH, least=1):
        total = sum(int.from_bytes(records[row, HASH + NUMBER :].tobytes()) for row in rows)
        if total >= least:
            entry = records[rows[0], :HASH].tobytes() + min(total, MOST).to_bytes(NUMBER)
            for row in rows:
                by_part.setdefault(records[row, HASH : HASH + NUMBER].tobytes(), []).append(entry)
    for part, entries in sorted(by_part.items()):
        yield part, b"".join(entries)


def by_key(blobs: Iterable[bytes]) -> Totals:
    """Returns the totals that `totals` has sent to a part."""
    return {
        blob[at : at + HASH]: int.from_bytes(blob[at + HASH : at + TOTAL])
        for blob in blobs
        for at in range(0, len(blob), TOTAL)
    }


def furniture(url: str, text: str, shared: Totals, rules: Lines) -> set[int]:
    """Returns the numbers of the lines of a document that are furniture of its host; shared: the totals of its part."""
    host = host_key(url)
    if host is None or host not in shared:
        return set()
    least = max(rules.host_documents, rules.host_share * shared[host])
    return {
        number for number, line in enumerate(line_keys(text)) if line and shared.get(line_key(host, line), 0) >= least
    }
