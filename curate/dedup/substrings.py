"""Passages of many tokens that occurred before, word for word (Lee et al. 2021, arXiv:2107.06499).

A passage is a window of tokens: what stands between blanks, and in scripts that set none, letters. To hash every window
would take ten times the text. So each window has an anchor, the least hash of the shorter runs in it (winnowing,
Schleimer et al. 2003): equal windows have equal anchors, and neighbours mostly share theirs. Where an anchor occurs in
one document only, so do its windows, and only the others are hashed; they are records as those of `spans`.
"""

import hashlib
import zlib
from collections.abc import Collection, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from curate.dedup.candidates import HASH
from curate.dedup.cutting import lines
from curate.text.words import places

Hashes = npt.NDArray[np.uint64]
ANCHOR = 8  # bytes of an anchor
STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd
Place = tuple[int, int]  # where a token begins in its text, and where the next one of its line or the line's end is


def tokens(text: str) -> list[Place]:
    """Returns the places of the tokens that may be cut, which are not in code or tables."""
    all_places: list[Place] = []
    start = 0
    for line in lines(text):
        if line.is_prose:
            begins = [start + place for place in places(line.text)]
            all_places += zip(begins, [*begins[1:], start + len(line.text)], strict=True)
        start += len(line.text) + 1
    return all_places


def words_of(text: str, token_places: Iterable[Place]) -> list[bytes]:
    """Returns the tokens at these places, in UTF-8."""
    return [text[start:stop].rstrip().encode("utf-8", "surrogatepass") for start, stop in token_places]


def anchors(words: list[bytes], size: int) -> Hashes:
    """Returns the anchor of each window of `size` tokens: the least hash of its runs of about half that."""
    run = size // 2 + 1
    hashes = np.fromiter(map(zlib.crc32, words), np.uint64, len(words))
    if len(words) < size:
        return np.empty(0, dtype=np.uint64)
    runs = np.zeros(len(words) - run + 1, dtype=np.uint64)
    for offset in range(run):
        runs = (runs ^ hashes[offset : offset + len(runs)]) * STEP
        runs ^= runs >> np.uint64(29)
    least: Hashes = np.lib.stride_tricks.sliding_window_view(runs, size - run + 1).min(axis=1)
    return least * STEP  # over all values, as partitions go by the first bits


def anchor_keys(texts: Iterable[str], size: int) -> Iterator[bytes]:
    """Yields the different anchors of each text, joined."""
    for text in texts:
        yield np.unique(anchors(words_of(text, tokens(text)), size)).astype(">u8").tobytes()


def sorted_anchors(keys: Iterable[bytes]) -> Hashes:
    """Returns anchors as numbers, sorted."""
    return np.sort(np.frombuffer(b"".join(keys), ">u8").astype(np.uint64))


def windows(text: str, size: int, shared: Hashes) -> Iterator[tuple[int, bytes]]:
    """Yields place and hash of each window whose anchor other documents have too; shared: these, sorted."""
    words = words_of(text, tokens(text))
    own = anchors(words, size)
    if not len(shared) or not len(own):
        return
    nearest = shared[np.minimum(np.searchsorted(shared, own), len(shared) - 1)]
    for place in np.flatnonzero(nearest == own).tolist():
        content = b" ".join(words[place : place + size])
        yield place, hashlib.blake2b(content, digest_size=HASH).digest()


def ranges(text: str, numbers: Collection[int]) -> list[Place]:
    """Returns the places of the tokens of these numbers, with the blanks behind them."""
    return [place for number, place in enumerate(tokens(text)) if number in numbers] if numbers else []
