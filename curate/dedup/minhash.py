"""Signatures of texts: MinHash (Broder 1997) of word shingles with datasketch's permutations, cut into LSH bands.

A signature is uint32[bands * rows]; a band's key is 9 bytes: the band's index and a 64-bit blake2b of its rows.
"""

import hashlib
import re
import zlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from datasketch import MinHash

from curate.dedup.config import Dedup

WORD = re.compile(r"\w+")
SEED = 1  # of the permutations; a signature must not change with a recipe's seed
MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd: spreads the word hashes over all bits

Signature = npt.NDArray[np.uint32]


def text_hash(text: str) -> bytes:
    """Returns the 16-byte hash that equal texts share; case and white space count for nothing.

    >>> text_hash("One  two") == text_hash("one two\\n")
    True
    """
    return hashlib.blake2b(" ".join(text.lower().split()).encode("utf-8", "replace"), digest_size=16).digest()


def shingles(text: str, size: int) -> npt.NDArray[np.uint32]:
    """Returns the distinct 32-bit hashes of a text's runs of `size` words, sorted; no case, no punctuation."""
    words = WORD.findall(text.lower())
    if len(words) < size:
        return np.empty(0, dtype=np.uint32)
    hashes = np.fromiter((zlib.crc32(word.encode("utf-8", "replace")) for word in words), np.uint64, len(words))
    runs = np.zeros(len(words) - size + 1, dtype=np.uint64)
    for offset in range(size):
        runs = (runs ^ hashes[offset : offset + len(runs)]) * MIX
        runs ^= runs >> np.uint64(29)
    return np.unique((runs >> np.uint64(32)).astype(np.uint32))


def signature(text: str, settings: Dedup) -> Signature | None:
    """Returns the signature of a text, or None if it has fewer words than a shingle."""
    hashes = shingles(text, settings.shingle)
    if not len(hashes):
        return None
    template = _permutations(settings.bands * settings.rows)
    minhash = MinHash(
        num_perm=len(template), hashfunc=int, permutations=template.permutations, scheme="affine32", seed=SEED
    )
    minhash.update_batch(hashes)
    return np.asarray(minhash.hashvalues, dtype=np.uint32)


def band_keys(values: Signature, settings: Dedup) -> list[bytes]:
    """Returns one 9-byte key per band; documents that share a key are candidates."""
    row_bytes = values.astype("<u4").tobytes()
    width = 4 * settings.rows
    return [
        bytes([band]) + hashlib.blake2b(row_bytes[band * width : (band + 1) * width], digest_size=8).digest()
        for band in range(settings.bands)
    ]


def similarity(first: Signature, second: Signature) -> float:
    """Returns the estimated Jaccard similarity: the share of places where two signatures agree."""
    return float(np.mean(first == second))


@lru_cache(maxsize=4)
def _permutations(count: int) -> MinHash:
    """Returns a MinHash that holds this many permutations; cached, as they take long to make."""
    return MinHash(num_perm=count, seed=SEED, scheme="affine32", hashfunc=int)
