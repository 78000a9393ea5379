"""Pages whose payload another page has too, whatever file it lies in: of the first source's, the least id is kept.

Only fixed records of 42 bytes are passed on: digest, source, id, item, and the page's number within the item.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from curate.extract.config import Gates
from curate.records import Page, document_id

SIGHTING = struct.Struct(">16sH16sII")  # big-endian, so that the order of the bytes is the order of the values
BUCKET_BYTES = 256 << 20  # of input; a bucket then holds some ten thousand records
DIGEST_BYTES = 16


class Repeat(NamedTuple):
    """A page that is not kept: its item, its number within it, and the id of the page that is kept for it."""

    item: int
    page: int
    kept: bytes


def payload_digest(page: Page, gates: Gates) -> bytes:
    """The hash of all that decides a page's text and whether it passes: payload, media type, charset, gates."""
    judged = repr((page.mime, page.charset, gates.languages)).encode()
    return hashlib.blake2b(
        page.body, digest_size=DIGEST_BYTES, key=hashlib.blake2b(judged, digest_size=64).digest()
    ).digest()


def sighting(page: Page, gates: Gates, *, rank: int, item: int, number: int) -> bytes:
    """The record of a page; `rank` is the place of its source, of which an earlier one wins."""
    return SIGHTING.pack(payload_digest(page, gates), rank, document_id(page.url, page.timestamp), item, number)


def by_bucket(sightings: Iterable[bytes], number: int) -> dict[int, bytes]:
    """The records by the bucket of their digest, of so many buckets, as one blob each."""
    buckets: dict[int, list[bytes]] = {}
    for record in sightings:
        buckets.setdefault(int.from_bytes(record[:4], "big") % number, []).append(record)
    return {bucket: b"".join(records) for bucket, records in sorted(buckets.items())}


def repeats(blobs: Iterable[bytes]) -> Iterator[Repeat]:
    """The pages of a bucket that are not kept, in whatever order the blobs come."""
    records = sorted(blob[at : at + SIGHTING.size] for blob in blobs for at in range(0, len(blob), SIGHTING.size))
    for _, same in groupby(records, key=lambda record: record[:DIGEST_BYTES]):
        kept, *others = (SIGHTING.unpack(record) for record in same)
        for other in others:
            yield Repeat(item=other[3], page=other[4], kept=kept[2])
