"""Checks that a file holds a whole fastText classifier, before fastText reads it.

fastText believes every size that a file states, so that a damaged file may take all memory, and it does not notice a
file that is cut off. The layout is that of version 12 (fastText 0.9): arguments, dictionary, input and output matrix.
"""

import mmap
import struct
from pathlib import Path

from curate.errors import SettingsError

MAGIC, VERSION = 793712314, 12
SUPERVISED, LOSSES = 3, range(1, 5)
ENTRY = struct.Struct("<qb")  # after a word and its zero byte: how often it came, and whether it is a label
HEAD = 2 * 4 + 12 * 4 + 8  # bytes of the magic number, the version and the arguments
FREQUENT = 1000  # first words of a dictionary, which is in the order of their numbers
CENTROIDS = 256  # of each part of a quantised vector


class _Reader:
    """Reads values in their order, and raises ValueError where the file ends before."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content, self.at = content, 0

    def values(self, form: str) -> tuple[int, ...]:
        """Returns the next values, in the format characters of `struct`."""
        start = self.skip(struct.calcsize(f"<{form}"), 1)
        return struct.unpack_from(f"<{form}", self.content, start)

    def skip(self, size: int, number: int) -> int:
        """Passes over a number of values of a size in bytes; returns where they start."""
        start = self.at
        if number < 0 or size * number > len(self.content) - start:
            raise ValueError(f"it states {number:,} values of {size} bytes at byte {start:,}, and ends before")
        self.at = start + size * number
        return start

    def word(self) -> bytes:
        """Returns the word or label with which an entry of the dictionary begins."""
        start, end = self.at, self.content.find(b"\0", self.at)
        if end < 0:
            raise ValueError(f"its dictionary does not end (byte {self.at:,})")
        self.at = end + 1
        return self.content[start:end]

    def entry(self) -> int:
        """Passes over the rest of an entry; returns 1 for a label, 0 for a word."""
        return int(ENTRY.unpack_from(self.content, self.skip(ENTRY.size, 1))[1])


def check_classifier(path: Path, name: str) -> None:
    """Raises SettingsError, which says what is wrong, unless a local file holds a whole fastText classifier.

    name: of the file in the message.
    """
    if not path.is_file():
        raise SettingsError(
            f"{name}: not a fastText model: {'not a regular file' if path.exists() else 'no such file'}"
        )
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            reader = _Reader(content)
            _check(reader)
            if reader.at != len(content):
                raise ValueError(f"{len(content) - reader.at:,} bytes follow its end")
    except OSError as error:
        raise SettingsError(f"{name}: cannot read this model: {error.strerror or error}") from None
    except ValueError as error:
        raise SettingsError(f"{name}: not a fastText model: {error}; copy or train it anew") from None


def has_frequent_word(path: Path, word: str) -> bool:
    """Returns whether a word is among the FREQUENT first and most frequent ones of a sound classifier."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        reader = _Reader(content)
        reader.skip(HEAD, 1)
        entries, _, _ = reader.values("3i")
        reader.values("2q")
        for _ in range(min(entries, FREQUENT)):
            if reader.word() == word.encode():
                return True
            reader.entry()
    return False


def _check(reader: _Reader) -> None:
    """Passes over the whole of a model; raises ValueError where it is none."""
    magic, version = reader.values("ii")
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError(f"it begins with {magic} and {version}, not with {MAGIC} and {VERSION}")
    dim, _, _, _, _, _, loss, kind, bucket, *_ = reader.values("12i")
    reader.skip(8, 1)
    if kind != SUPERVISED:
        raise ValueError("it holds vectors of words and no labels")
    if dim < 1 or bucket < 0 or loss not in LOSSES:
        raise ValueError(f"it states dim {dim}, bucket {bucket} and loss {loss}")
    words, labels, pruned = _dictionary(reader)
    quantised = _flag(reader)
    rows = _matrix(reader, dim, quantised=quantised)
    expected = words + (bucket if pruned < 0 else pruned)
    if rows != expected:
        raise ValueError(f"its input has {rows:,} rows, and {expected:,} words and buckets")
    quantised_output = _flag(reader)
    if (rows := _matrix(reader, dim, quantised=quantised and quantised_output)) != labels:
        raise ValueError(f"its output has {rows:,} rows, and {labels:,} labels")


def _is_label(reader: _Reader) -> int:
    """Passes over an entry of the dictionary; returns 1 for a label, 0 for a word."""
    reader.word()
    return reader.entry()


def _dictionary(reader: _Reader) -> tuple[int, int, int]:
    """Passes over the dictionary; returns the numbers of words, of labels, and of pruned buckets (-1 if none are)."""
    entries, words, labels = reader.values("3i")
    _, pruned = reader.values("2q")
    if min(words, labels) < 0 or words + labels != entries or labels < 1:
        raise ValueError(f"its dictionary states {entries:,} entries, {words:,} words and {labels:,} labels")
    if entries * (ENTRY.size + 1) > len(reader.content):
        raise ValueError(f"its dictionary states {entries:,} entries, more than the file can hold")
    if sum(_is_label(reader) for _ in range(entries)) != labels:
        raise ValueError(f"its dictionary has not the {labels:,} labels that it states")
    reader.skip(8, max(0, pruned))
    return words, labels, pruned


def _matrix(reader: _Reader, dim: int, *, quantised: bool) -> int:
    """Passes over a matrix, and returns its rows."""
    normed = quantised and _flag(reader)
    rows, columns = reader.values("2q")
    if rows < 0 or columns != dim:
        raise ValueError(f"it states a matrix of {rows:,} rows and {columns:,} columns, dim is {dim}")
    if not quantised:
        reader.skip(4 * columns, rows)
        return rows
    (codes,) = reader.values("i")
    reader.skip(1, codes)
    _quantiser(reader, rows, codes, columns)
    if normed:
        reader.skip(1, rows)
        _quantiser(reader, rows, rows, 1)
    return rows


def _quantiser(reader: _Reader, rows: int, codes: int, columns: int) -> None:
    """Passes over a product quantiser of so many rows, codes and columns."""
    dim, parts, size, last = reader.values("4i")
    if dim != columns or size < 1 or (parts - 1) * size + last != dim or rows * parts != codes:
        raise ValueError(f"it states {codes:,} codes of {parts} parts for {rows:,} rows of {columns} columns")
    reader.skip(4 * CENTROIDS, dim)


def _flag(reader: _Reader) -> bool:
    """Returns the next value, which is 0 or 1."""
    (value,) = reader.values("b")
    if value not in (0, 1):
        raise ValueError(f"byte {reader.at - 1:,} is {value}, where a 0 or a 1 stands in a model")
    return bool(value)
