"""Tasks whose items are made from a seed: GPT-3's arithmetic and scrambled words (section 3.9), and copying of symbols.

The wording is that of the files which OpenAI published with the paper (openai/gpt-3, `data/`), where 1DC has its
parentheses around the first two digits, and differences may be negative.
"""

import random
import re
import string
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache, partial

from curate.evaluate.config import Task
from curate.evaluate.examples import Example
from curate.miniweb.texts import read_site
from curate.records import keyed_hash

ITEMS = 2000  # of an arithmetic task, as in the paper
WORDS = 10_000  # the most of a task of scrambled words, as in the paper
LENGTHS = range(5, 15)  # of the words that are scrambled, as in the paper
SITES = ("fernhill-kitchen", "lathe-and-plane", "nightbus", "saltmarsh-review", "tinyqueue")  # those in English
WORD = re.compile(r"(?<![\w'’-])[a-z]+(?![\w'’-])")  # names, which begin with a capital, are left out
MARKS = " .!/"  # stand between the letters in random insertion
SYMBOLS = string.ascii_lowercase
SYMBOL_COUNTS = range(3, 9)  # of the symbols that are copied
TRIES = 100  # to scramble a word into another one
PAPER = "Brown et al. 2020, arXiv:2005.14165, section 3.9"
Random = random.Random
Problem = tuple[str, str]  # the question and its answer


def addition(digits: int, draw: Random) -> Problem:
    """Returns the sum of two numbers of up to so many digits."""
    a, b = draw.randrange(10**digits), draw.randrange(10**digits)
    return f"Q: What is {a} plus {b}?\n\nA:", str(a + b)


def subtraction(digits: int, draw: Random) -> Problem:
    """Returns the difference of two numbers of up to so many digits, which may be negative."""
    a, b = draw.randrange(10**digits), draw.randrange(10**digits)
    return f"Q: What is {a} minus {b}?\n\nA:", str(a - b)


def multiplication(draw: Random) -> Problem:
    """Returns the product of two numbers of up to two digits."""
    a, b = draw.randrange(100), draw.randrange(100)
    return f"Q: What is {a} times {b}?\n\nA:", str(a * b)


def composite(draw: Random) -> Problem:
    """Returns two operations on three digits."""
    a, b, c = (draw.randrange(10) for _ in range(3))
    first, second = draw.choice("+-*"), draw.choice("+-*")
    return f"Q: What is ({a} {first} {b}) {second} {c}?\n\nA:", str(_apply(second, _apply(first, a, b), c))


def _apply(operation: str, a: int, b: int) -> int:
    return {"+": a + b, "-": a - b, "*": a * b}[operation]


def copying(draw: Random) -> Problem:
    """Returns a row of letters that is to be written again."""
    symbols = " ".join(draw.choice(SYMBOLS) for _ in range(draw.choice(SYMBOL_COUNTS)))
    return f"{symbols} =", symbols


def cycled(word: str, draw: Random) -> str:
    """Returns a word whose letters are moved on by some places, the last ones to the front."""
    at = draw.randrange(1, len(word))
    return word[at:] + word[:at]


def shuffled_inside(kept: int, word: str, draw: Random) -> str:
    """Returns a word whose letters are shuffled, except for so many at either end."""
    inside = list(word[kept:-kept])
    draw.shuffle(inside)
    return word[:kept] + "".join(inside) + word[-kept:]


def with_insertions(word: str, draw: Random) -> str:
    """Returns a word with a mark or a blank between its letters."""
    return word[0] + "".join(draw.choice(MARKS) + letter for letter in word[1:])


def reversed_word(word: str, draw: Random) -> str:
    """Returns a word read from its end."""
    return word[::-1]


PROBLEMS: dict[str, tuple[str, Callable[[Random], Problem]]] = {
    **{
        f"{digits}D+": (f"sums of numbers of up to {digits} digits", partial(addition, digits))
        for digits in (2, 3, 4, 5)
    },
    **{
        f"{digits}D-": (f"differences of numbers of up to {digits} digits", partial(subtraction, digits))
        for digits in (2, 3, 4, 5)
    },
    "2Dx": ("products of numbers of up to two digits", multiplication),
    "1DC": ("two operations on three digits", composite),
    "copy": ("a row of letters, written again", copying),
}
SCRAMBLES: dict[str, tuple[str, Callable[[str, Random], str]]] = {
    "cycle_letters": ("a word whose letters were moved on in a circle", cycled),
    "anagrams1": ("a word shuffled but for its first and last letter", partial(shuffled_inside, 1)),
    "anagrams2": ("a word shuffled but for its first two and last two letters", partial(shuffled_inside, 2)),
    "random_insertion": ("a word with a mark or blank between its letters", with_insertions),
    "reversed_words": ("a word spelt backwards", reversed_word),
}
GROUPS = {
    "arithmetic": tuple(name for name in PROBLEMS if name != "copy"),
    "scramble": tuple(SCRAMBLES),
}


def task(name: str) -> Task:
    """Returns the definition of a generated task."""
    if name in SCRAMBLES:
        return Task(
            name=name,
            form="generate",
            summary=SCRAMBLES[name][0],
            citation=PAPER,
            description="Please unscramble the letters into a word, and write that word:",
            separator="\n",
        )
    citation = "made for curate" if name == "copy" else PAPER
    separator = "\n" if name == "copy" else "\n\n"
    return Task(name=name, form="generate", summary=PROBLEMS[name][0], citation=citation, separator=separator)


@lru_cache(maxsize=64)
def examples(name: str, seed: int, words: tuple[str, ...] = ()) -> tuple[Example, ...]:
    """Returns the examples of a generated task, no two of which ask the same; words: those that are scrambled."""
    made = _scrambled(name, seed, words or shipped_words()) if name in SCRAMBLES else _problems(name, seed)
    return tuple(Example(contexts=(question,), choices=(answer,), gold=0) for question, answer in made)


def _problems(name: str, seed: int) -> Iterator[Problem]:
    """Yields problems that differ; the number of each draw is part of its key."""
    asked: set[str] = set()
    number = 0
    while len(asked) < ITEMS:
        problem = PROBLEMS[name][1](_random(seed, name, str(number)))
        number += 1
        if problem[0] not in asked:
            asked.add(problem[0])
            yield problem


def _scrambled(name: str, seed: int, words: tuple[str, ...]) -> Iterator[Problem]:
    """Yields each word scrambled; a word that no try changes into a new one, such as a palindrome, is left out."""
    asked: set[str] = set()
    for word in words:
        draw = _random(seed, name, word)
        tries = (SCRAMBLES[name][1](word, draw) for _ in range(TRIES))
        scrambled = next((one for one in tries if one != word and one not in asked), "")
        if scrambled:
            asked.add(scrambled)
            yield f"{scrambled} =", word


def _random(seed: int, name: str, key: str) -> Random:
    """Returns a generator whose numbers depend on seed, task and key alone."""
    return Random(int.from_bytes(keyed_hash(seed, f"generated {name}", key.encode())))


@lru_cache(maxsize=1)
def shipped_words() -> tuple[str, ...]:
    """Returns the words in the English prose of the mini-web, the most frequent first."""
    return frequent_words(text.prose for site in SITES for text in read_site(site))


def frequent_words(texts: Iterator[str]) -> tuple[str, ...]:
    """Returns the words of these texts that are to be scrambled, the most frequent first."""
    counts = Counter(word for text in texts for word in WORD.findall(text) if len(word) in LENGTHS)
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return tuple(ordered[:WORDS])
