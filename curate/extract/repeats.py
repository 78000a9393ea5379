"""Pages with the same payload: of each payload one page is kept, that of the first source and the least id.

The pages of all files are compared by fixed records of 42 bytes: payload digest, source, document id, item, and the
page's number within the item.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from curate.extract.config import Gates
from curate.records import Page, page_id

SIGHTING = struct.Struct(">16sH16sII")  # big-endian, so that the order of the bytes is the order of the values
BUCKET_BYTES = 256 << 20  # of input; a bucket then holds some ten thousand records
DIGEST_BYTES = 16


class Repeat(NamedTuple):
    """A page that is not kept, as another page has its payload."""

    item: int
    page: int  # its number within the item
    kept: bytes  # the document id of the page that is kept


def sighting(page: Page, gates: Gates, *, rank: int, item: int, number: int) -> bytes:
    """Returns the record of a page.

    rank: of its source; the page of the least rank is kept. number: of the page within its item.
    """
    return SIGHTING.pack(payload_digest(page, gates), rank, page_id(page), item, number)


def payload_digest(page: Page, gates: Gates) -> bytes:
    """Returns the digest of all that decides a page's text and its passing: payload, media type, charset, languages."""
    conditions = repr((page.mime, page.charset, gates.languages)).encode()
    key = hashlib.blake2b(conditions, digest_size=64).digest()
    return hashlib.blake2b(page.body, digest_size=DIGEST_BYTES, key=key).digest()


def by_bucket(sightings: Iterable[bytes], count: int) -> dict[int, bytes]:
    """Returns the records of each bucket as one blob; their digest decides which of `count` buckets they lie in."""
    buckets: dict[int, list[bytes]] = {}
    for record in sightings:
        buckets.setdefault(int.from_bytes(record[:4], "big") % count, []).append(record)
    return {bucket: b"".join(records) for bucket, records in sorted(buckets.items())}


def repeats(blobs: Iterable[bytes]) -> Iterator[Repeat]:
    """Yields the pages of a bucket that are not kept; the order of the blobs does not matter."""
    records = sorted(blob[at : at + SIGHTING.size] for blob in blobs for at in range(0, len(blob), SIGHTING.size))
    for _, same_payload in groupby(records, key=lambda record: record[:DIGEST_BYTES]):
        (_, _, kept, _, _), *others = map(SIGHTING.unpack, same_payload)
        for _, _, _, item, page in others:
            yield Repeat(item=item, page=page, kept=kept)
