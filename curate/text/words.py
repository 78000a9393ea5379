"""The words of a text by which texts are compared, in every script. A recipe names the rule: "text-1".

1. Invisible characters are dropped: soft hyphens, zero-width blanks, all of format, variation selectors, tatweel.
2. Letters are folded: NFKC (forms, widths, ligatures) and full case folding; i with and without a dot are one letter.
3. A word is a letter or digit with the letters, digits and marks that follow it. All else parts words.
4. In the scripts that set no blanks between words (UNSPACED) each letter, with its marks, is a word.

Letters and marks are those of Python's `unicodedata`; one that its Unicode version does not have yet parts words.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property, lru_cache

TEXT, NONE = "text-1", "none"  # the rules that a recipe may name

UNSPACED = (  # the blocks of scripts that set no blanks between words; of them, the letters
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),  # Thai, Lao; Myanmar; Khmer
    *((0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x1B00, 0x1B7F)),  # Tai Le, New Tai Lue; Tai Tham; Balinese
    *((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x303C)),  # Han: radicals, iteration, numerals
    *((0x3041, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF)),  # kana, Bopomofo
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA000, 0xA48F)),  # Han, Yi
    *((0xA980, 0xA9FF), (0xAA60, 0xAADF), (0xF900, 0xFAFF)),  # Javanese, Myanmar; Tai Viet; Han
    *((0x1AFF0, 0x1B16F), (0x20000, 0x3FFFF)),  # kana, Han
)
HAN = 0x20000  # from here on, letters are Han alone
BASIC, EVERY = chr(0xFFFF), chr(0x10FFFF)  # the last character of the basic plane, and of all
INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff"
TATWEEL = "\u0640"  # invisible too, and in forms that NFKC takes apart
# What common text has beside letters is replaced first, whole; a text with other than PLAIN letters goes a longer way.
BLANKS = "\u00a0«»·–—‘’‚“”„…•‹›′″€£©®°§→"
GAPS = "\u00ad\u200b\u200c\u200d\ufeff"
PLAIN = (  # Latin, Greek, Cyrillic and Armenian; Hebrew, Arabic; Georgian, Vietnamese
    *((0xC0, 0x24F), (0x386, 0x588), (0x5D0, 0x5EA), (0x620, 0x64A), (0x671, 0x6D3), (0x10D0, 0x10FA)),
    (0x1E00, 0x1EFF),
)
HANGUL = "\uac00-\ud7a3"
KIND = defaultdict(lambda: " ", {"Nd": "N", "No": "N", "Nl": "L", "Cf": "F"})  # of Unicode's categories
KIND |= {f"M{sort}": "M" for sort in "nce"} | {f"L{sort}": "L" for sort in "ultmo"}
ASCII = bytes(ord(chr(code).lower()) if code > 127 or chr(code).isalnum() else 32 for code in range(128)) + bytes(
    range(128, 256)
)  # bytes of UTF-8 in lower case, blanks for what is no letter and no digit


def words(text: str, rule: str = TEXT) -> list[bytes]:
    """Returns the words of a text in order, in UTF-8.

    By the rule "none" nothing is folded or dropped, and words are what stands between blanks.

    >>> words("“Terms of Use.”") == words("ＴＥＲＭＳ of u\u00adse")
    True
    >>> len(words("第1条　自由"))
    5
    """
    if rule == NONE:
        return _encoded(PATTERNS.unfolded.findall(text))
    if not text.isascii():
        for character in BLANKS:
            text = text.replace(character, " ")
        for character in GAPS:
            text = text.replace(character, "")
        text = text.replace("İ", "i")
        if PATTERNS.seldom.search(text):
            return _encoded(_found(fold(text)))
        text = _caseless(text)
    return text.encode().translate(ASCII).split()


def places(text: str) -> Iterator[int]:
    """Yields where the words of a text begin by the rule "none".

    >>> [*places("One 第1条")]
    [0, 4, 5, 6]
    """
    return (word.start() for word in PATTERNS.unfolded.finditer(text))


def comparable(text: str, rule: str = TEXT) -> bytes:
    """Returns what equal texts share: their words in order, or of a text without words what is not blank in it."""
    if rule == NONE:
        return text.encode("utf-8", "surrogatepass")
    return b" ".join(words(text)) or "".join(fold(text).split()).encode("utf-8", "surrogatepass")


def fold(text: str) -> str:
    """Returns a text in NFKC without case and invisible characters; folding it again changes nothing.

    >>> fold("ﬁancé") == fold("FIANCE\u0301")
    True
    """
    text = unicodedata.normalize("NFKC", PATTERNS.invisible.sub("", text))
    while (folded := unicodedata.normalize("NFKC", _caseless(text.replace(TATWEEL, "")))) != text:
        text = folded
    return text


def _caseless(text: str) -> str:
    return text.casefold().replace("ı", "i").replace("i\u0307", "i")


def _found(text: str) -> list[str]:
    if PATTERNS.above.search(text):
        text = PATTERNS.above.sub(_blank_unless_letter, text)  # emoji, mostly
        if PATTERNS.above.search(text):
            return PATTERNS.rare.findall(text)
    return (PATTERNS.mixed if PATTERNS.unspaced.search(text) else PATTERNS.spaced).findall(text)


def _blank_unless_letter(match: re.Match[str]) -> str:
    return match[0] if unicodedata.category(match[0])[0] in "LNM" else " "


def _encoded(words: list[str]) -> list[bytes]:
    return " ".join(words).encode("utf-8", "surrogatepass").split()


class _Patterns:
    """The patterns of the rule, made of Unicode's tables as they are needed."""

    @cached_property
    def spaced(self) -> re.Pattern[str]:
        """A word of a text of the basic plane without letters of UNSPACED."""
        return re.compile(_spaced(BASIC))

    @cached_property
    def mixed(self) -> re.Pattern[str]:
        """A word of a text of the basic plane."""
        return re.compile(_mixed(BASIC))

    @cached_property
    def rare(self) -> re.Pattern[str]:
        """A word of any text; ten times as slow, as `re` has tables for the basic plane alone."""
        return re.compile(_mixed(EVERY))

    @cached_property
    def unfolded(self) -> re.Pattern[str]:
        """A word by the rule "none"."""
        unspaced = _ranges("U", EVERY)
        return re.compile(rf"[{unspaced}][{_ranges('M', EVERY)}]*|[^\s{unspaced}]+")

    @cached_property
    def above(self) -> re.Pattern[str]:
        """A character above the basic plane."""
        return re.compile(f"[^{chr(0)}-{BASIC}]")

    @cached_property
    def unspaced(self) -> re.Pattern[str]:
        """A letter of UNSPACED in the basic plane."""
        return re.compile(f"[{_ranges('U', BASIC)}]")

    @cached_property
    def invisible(self) -> re.Pattern[str]:
        """A character that is dropped."""
        return re.compile(f"[{INVISIBLE}{_ranges('F', EVERY)}]")

    @cached_property
    def seldom(self) -> re.Pattern[str]:
        """Neither ASCII nor a plain letter."""
        alphabets = (chr(code) for first, last in PLAIN for code in range(first, last + 1))
        plain = "".join(letter for letter in alphabets if _is_plain(letter))
        return re.compile(f"[^{chr(0)}-{chr(127)}{plain}{HANGUL}]")


PATTERNS = _Patterns()


def _spaced(last: str) -> str:
    return f"[{_ranges('L', last)}][{_ranges('LM', last)}]*"


def _mixed(last: str) -> str:
    return f"[{_ranges('U', last)}][{_ranges('M', last)}]*|{_spaced(last)}"


@lru_cache(maxsize=1)
def _runs() -> list[tuple[str, str, str]]:
    """Returns the runs of code points of one kind: the kind, the first and the last.

    Kinds are U a letter of UNSPACED, L another or a digit, M a mark, F of format.
    """
    kinds = "".join(map(KIND.__getitem__, map(unicodedata.category, map(chr, range(HAN)))))
    kinds += "L" * (UNSPACED[-1][1] + 1 - HAN)
    for first, last in UNSPACED:
        kinds = kinds[:first] + kinds[first : last + 1].replace("L", "U") + kinds[last + 1 :]
    runs = re.finditer("L+|U+|M+|F+", kinds.replace("N", "L"))
    return [(run[0][0], chr(run.start()), chr(run.end() - 1)) for run in runs]


def _is_plain(letter: str) -> bool:
    """Returns whether a letter is as NFKC has it, in both cases, and stands for letters alone."""
    lower = _caseless(letter)
    stable = all(unicodedata.normalize("NFKC", form) == form for form in (letter, lower))
    return stable and lower.isalpha() and letter.isalpha() and letter != TATWEEL


def _ranges(kinds: str, last: str) -> str:
    """Returns the code points of these kinds, up to the last, as the ranges of a pattern's character class."""
    return "".join(f"{first}-{min(end, last)}" for kind, first, end in _runs() if kind in kinds and first <= last)
