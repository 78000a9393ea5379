"""The words of a text as numbers, and where each lies: lower-case, without punctuation, between blanks.

That is GPT-3's definition of the words of a gram (appendix C). Here letters are also compared without their width and
without accents, so that two spellings of one letter in Unicode are the same. In scripts that set no blanks between
words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) every character is a word, with the marks upon it.

All characters of a text are looked up in one table and hashed by numpy; no word is made as a string.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

CODES = 0x32400  # code points that the table holds; no letter of a script lies above them
CHUNK = 1 << 18  # characters that are looked up at a time, so that a long text takes little more memory than itself
REMOVED, BLANK = np.uint32(0), np.uint32(1)  # the values of punctuation and of white space
ALONE, OF_UNSPACED = np.uint32(1 << 31), np.uint32(1 << 30)  # begins a word of its own; is of a script without blanks
WEIGHTS = 256  # places of a word that weigh differently in its hash
UNSPACED_SCRIPTS = (  # the ranges of code points of scripts that set no blanks between words
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x19E0, 0x19FF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
    *((0x3005, 0x3007), (0x3041, 0x30FA), (0x30FD, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF)),
    *((0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, CODES - 1)),
)
ACCENTS = range(0x0300, 0x0370)  # the combining marks of Latin, Greek and Cyrillic letters


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text, in order."""

    hashes: Hashes
    starts: Places  # the first character of each, in the text
    stops: Places  # one more than the last character of each
    unspaced: int = 0  # how many are characters of scripts without blanks


def words_of(text: str) -> Words:
    """Returns the words of a text.

    >>> words = words_of("Don't  stop!")
    >>> words.starts.tolist(), words.stops.tolist()
    ([0, 7], [5, 11])
    """
    parts: list[Words] = []
    at = 0
    while True:
        part = _words(text[at : at + CHUNK])
        count = len(part.starts)
        if at + CHUNK >= len(text):
            following = len(text)
        elif count and part.starts[-1] > 0:  # the last word may go on in the next chunk
            count, following = count - 1, at + int(part.starts[-1])
        else:  # no word, or one that is longer than a chunk
            following = at + CHUNK
        parts.append(Words(part.hashes[:count], part.starts[:count] + at, part.stops[:count] + at, part.unspaced))
        at = following
        if at >= len(text):
            break
    if len(parts) == 1:
        return parts[0]
    return Words(
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.stops for part in parts]),
        sum(part.unspaced for part in parts),
    )


def joined(texts: Sequence[str]) -> tuple[Words, Places]:
    """Returns the words of several texts as those of one, and where the words of each begin; last comes their number.

    Places count from the first character of the text that a word is of.

    >>> words, begins = joined(["a b", "", "c"])
    >>> words.starts.tolist(), begins.tolist()
    ([0, 2, 0], [0, 2, 2, 3])
    """
    words = words_of("\n".join(texts))
    offsets = np.cumsum([0, *(len(text) + 1 for text in texts)])
    begins = np.searchsorted(words.starts, offsets)
    shift = np.repeat(offsets[:-1], np.diff(begins))
    return Words(words.hashes, words.starts - shift, words.stops - shift, words.unspaced), begins


def plain(text: str) -> str:
    """Returns a text as it is compared, its words with a blank between them.

    >>> plain("“Ça va?”, she asked")
    'ca va she asked'
    """
    values = _values(text)
    begins = _begins(values[values != REMOVED])
    letters = values[values != REMOVED] & np.uint32(0x3FFFFFFF)
    pieces = [
        (" " if begin else "") + chr(letter)
        for letter, begin in zip(letters.tolist(), begins.tolist(), strict=True)
        if letter != BLANK
    ]
    return "".join(pieces).strip()


def mixed(numbers: Hashes) -> Hashes:
    """Returns the numbers with all of their bits mixed (the finaliser of SplitMix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def _values(text: str) -> npt.NDArray[np.uint32]:
    """Returns the value of each character in the table."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return _table()[np.minimum(codes, CODES - 1)]


def _words(text: str) -> Words:
    """Returns the words of a text that is short enough to be hashed at once."""
    values = _values(text)
    kept = np.flatnonzero(values)
    values = values[kept]
    begins = _begins(values)
    letters = values != BLANK
    where, values, begins = kept[letters], values[letters], begins[letters]
    first = np.flatnonzero(begins)
    if not len(first):
        none = np.zeros(0, np.int64)
        return Words(np.zeros(0, np.uint64), none, none)
    last = np.append(first[1:], len(values)) - 1
    lengths = last - first + 1
    nth = np.arange(len(values)) - np.repeat(first, lengths)
    weighted = values.astype(np.uint64) * _weights()[np.minimum(nth, WEIGHTS - 1)]
    hashes = mixed(np.add.reduceat(weighted, first) + lengths.astype(np.uint64))
    unspaced = int(np.count_nonzero(values[first] & OF_UNSPACED))
    return Words(hashes, where[first], where[last] + 1, unspaced)


def _begins(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Returns of the values of characters that stay whether each begins a word."""
    begins: npt.NDArray[np.bool_] = values != BLANK
    if not len(values):
        return begins
    before = np.concatenate(([BLANK], values[:-1]))
    goes_on = (before != BLANK) & ((values & ALONE) == 0)
    goes_on &= ~(((before & OF_UNSPACED) != 0) & ((values & OF_UNSPACED) == 0))
    begins &= ~goes_on
    return begins


@cache
def _weights() -> Hashes:
    """Returns an odd number for each place in a word."""
    return mixed(np.arange(1, WEIGHTS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)


@cache
def _table() -> npt.NDArray[np.uint32]:
    """Returns the value of every code point: REMOVED, BLANK, or the letter that it is compared as, with its marks."""
    values = np.zeros(CODES, np.uint32)
    for code in range(CODES - 1):
        character = chr(code)
        if character.isspace():
            values[code] = BLANK
        elif unicodedata.category(character)[0] in "LMN" and code not in ACCENTS:
            values[code] = _letter(character)
    for start, stop in UNSPACED_SCRIPTS:
        for code in range(start, min(stop, CODES - 2) + 1):
            if values[code] > BLANK:
                mark = unicodedata.category(chr(code))[0] == "M"
                values[code] |= OF_UNSPACED if mark else OF_UNSPACED | ALONE
    return values


def _letter(character: str) -> int:
    """Returns the letter, as a code point, that a character is compared as."""
    wide = unicodedata.normalize("NFKC", character)
    base = unicodedata.normalize("NFD", wide if len(wide) == 1 else character)
    if len(base) > 1 and all(ord(mark) in ACCENTS for mark in base[1:]):
        wide = base[0]
    lower = (wide if len(wide) == 1 else character).lower()
    return ord(lower[0])
