"""Words as blanks part them, and in scripts that set no blanks between words as ICU cuts them.

ICU has dictionaries for Han, kana, Thai, Lao, Khmer and Burmese, and ends Tibetan syllables at their marks (UAX #29).
The language makes no difference to it: a script has one dictionary.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from importlib import metadata

from curate.text.words import UNSPACED

TIBETAN = (0x0F00, 0x0FFF)
UNCUT = re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in (*UNSPACED, TIBETAN))}]")
Split = Callable[[str], list[str]]


def splitter(language: str | None) -> Split:
    """Returns the function that splits texts of this language; English and unidentified ASCII have blanks."""
    return str.split if language == "en" else split


def split(text: str) -> list[str]:
    """Returns what stands between blanks, cut into words where it has letters of a script without blanks.

    >>> split("Auf 中国的首都 steht China.")
    ['Auf', '中国', '的', '首都', 'steht', 'China.']
    """
    if text.isascii() or not UNCUT.search(text):
        return text.split()
    return list(_cut(text))


@lru_cache(maxsize=4)  # several rules split one text
def _cut(text: str) -> tuple[str, ...]:
    from icu4py.breakers import WordBreaker

    words: list[str] = []
    for token in text.split():
        if UNCUT.search(token):
            # ICU takes no lone surrogates.
            words += WordBreaker(token.encode("utf-8", "replace").decode(), "en")
        else:
            words.append(token)
    return tuple(words)


def version() -> str:
    """Returns the version of ICU's binding, which brings ICU and its dictionaries."""
    return f"icu4py {metadata.version('icu4py')}"
