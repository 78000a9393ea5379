"""Signatures of texts: MinHash (Broder 1997) of word shingles with datasketch's permutations, cut into LSH bands.

The permutations are made here, as importing datasketch imports SciPy, which takes 0.3 s of every process; the tests
compare signatures with datasketch's.

A signature is uint32[bands * rows]; a band's key is 9 bytes: the band's index and a 64-bit hash of its rows. What a
word is, in any script, says `curate.text.words`.
"""

import hashlib
import zlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from curate.dedup.config import Dedup
from curate.text import words
from curate.text.words import TEXT

SEED = 1  # of the permutations; a signature must not change with a recipe's seed
CHUNK = 512  # shingles that are permuted at once: 230 kB of hashes, which stay in the processor's cache
STEP = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, odd: the step of SplitMix64

Hashes = npt.NDArray[np.uint64]
Signature = npt.NDArray[np.uint32]


def text_hash(text: str, rule: str = TEXT) -> bytes:
    """Returns the 16-byte hash that equal texts share: those with the same words in the same order.

    >>> text_hash("Terms of use") == text_hash("Terms of Use.")
    True
    """
    return _digest(words.comparable(text, rule))


def shingles(text: str, size: int, rule: str = TEXT) -> npt.NDArray[np.uint32]:
    """Returns the distinct 32-bit hashes of a text's runs of `size` words, sorted.

    A text of fewer words is one run.
    """
    return np.unique(_runs(words.words(text, rule), size))


def signature(text: str, settings: Dedup) -> Signature | None:
    """Returns the signature of a text, or None if it has no words."""
    return _signature(words.words(text, settings.normalise), settings)


def fingerprint(text: str, settings: Dedup) -> tuple[bytes, Signature | None]:
    """Returns a text's hash, and its signature where near duplicates are looked for; its words are made once."""
    text_words = words.words(text, settings.normalise)
    same = (
        b" ".join(text_words)
        if text_words and settings.normalise == TEXT
        else words.comparable(text, settings.normalise)
    )
    return _digest(same), _signature(text_words, settings) if settings.near else None


def band_keys(values: Signature, settings: Dedup) -> list[bytes]:
    """Returns one 9-byte key per band; documents that share a key are candidates."""
    keys = band_hashes(values[None], settings)[0].astype(">u8").tobytes()
    return [bytes([band]) + keys[8 * band : 8 * band + 8] for band in range(settings.bands)]


def band_hashes(values: npt.NDArray[np.uint32], settings: Dedup) -> Hashes:
    """Returns the hash of each band's rows, uint64[signatures, bands], for uint32[signatures, bands * rows]."""
    rows = values.astype(np.uint64).reshape(len(values), settings.bands, settings.rows)
    return _mixed(rows @ _multipliers(settings.rows))


def similarity(first: Signature, second: Signature) -> float:
    """Returns the estimated Jaccard similarity: the share of places where two signatures agree."""
    return float(np.mean(first == second))


def _digest(same: bytes) -> bytes:
    return hashlib.blake2b(same, digest_size=16).digest()


def _runs(text_words: list[bytes], size: int) -> npt.NDArray[np.uint32]:
    """Returns the hash of every run of words, by multilinear hashing of the words' CRC32 (Lemire and Kaser 2014)."""
    if not text_words:
        return np.empty(0, dtype=np.uint32)
    hashes = np.fromiter(map(zlib.crc32, text_words), np.uint64, len(text_words))
    sums = np.correlate(hashes, _multipliers(min(size, len(text_words))), "valid")
    return (sums >> np.uint64(32)).astype(np.uint32)


def _signature(text_words: list[bytes], settings: Dedup) -> Signature | None:
    """Returns the least value of each permutation, as datasketch's scheme affine32 has it."""
    if not text_words:
        return None
    hashes = _runs(text_words, settings.shingle)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):  # MurmurHash3's finaliser
        hashes = (hashes ^ (hashes >> np.uint32(shift))) * np.uint32(factor)
    factors, terms = _permutations(settings.bands * settings.rows)
    least = np.full(len(factors), 0xFFFFFFFF, dtype=np.uint32)
    for start in range(0, len(hashes), CHUNK):
        permuted = factors * hashes[start : start + CHUNK]
        permuted += terms
        np.minimum(least, permuted.min(axis=1), out=least)
    return least


@lru_cache(maxsize=4)
def _permutations(count: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Returns datasketch's permutations `factor * hash + term` of 32 bits, as factors and terms uint32[count, 1].

    A factor is odd, so that it loses no bit. NumPy keeps the numbers of RandomState the same for ever.
    """
    draw = np.random.RandomState(SEED)
    factors = draw.randint(0, 2**31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    terms = draw.randint(0, 2**32, count, dtype=np.uint32)
    return factors[:, None], terms[:, None]


@lru_cache(maxsize=4)
def _multipliers(count: int) -> Hashes:
    """Returns this many odd numbers whose bits are mixed."""
    return _mixed(np.arange(1, count + 1, dtype=np.uint64) * np.uint64(STEP)) | np.uint64(1)


def _mixed(numbers: Hashes) -> Hashes:
    """Returns numbers with their bits mixed: the finaliser of SplitMix64."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
