"""The rule `genre`: whether a page is there to be read, by signs of its text, its address and its title. Ours.

Pages of shops, firms and accounts, and lists of other pages, pass all published rules where they are whole sentences.
They speak in "we" and "our", of products, orders and accounts, in capitals and short lines, under addresses without a
title's words. Thirteen such signs are weighed by logistic regression. `tests/models/genre.py` fits the weights on
labelled pages (`tests/labels/training.jsonl`), of hosts that are not in the sample that judges recipes. The words are
English, so pages in other languages are not judged.
"""

import re
from collections import Counter
from dataclasses import dataclass
from math import exp, log, log1p

from curate.records import Document, Reason

WORD = re.compile(r"[a-z']+")
CAPITAL = re.compile(r"(?<![A-Za-z'])[A-Z]")
WORDS = {  # signs that are the share of these words in all words
    "we": "we our us ours we're we've we'll",
    "said": "said says told according reported asked",
    "firm": (
        "service services solution solutions product products customer customers client clients company quality team"
        " provide provides offer offers experience professional experts specialists leading industry business needs"
        " committed"
    ),
    "shop": (
        "cart basket checkout shipping delivery sale discount order orders price prices buy book booking reservation"
        " stock sku shop store wishlist qty guests rooms accommodation"
    ),
    "account": (
        "login log sign register registration password username account subscribe newsletter forgot member members"
        " email captcha required submit"
    ),
}
GROUPS = {name: tuple(words.split()) for name, words in WORDS.items()}
SERVING = (
    "about account basket cart categories category checkout contact contacts login privacy products register search"
    " services shop signin store tag tags terms"
)
SITE_PATH = frozenset(SERVING.split())  # words of the path of pages that serve
SITE_TITLE = re.compile(
    r"\b(?:about us|account|cart|contact|forum|home|log ?in|page not|privacy|register|search|sign|terms)\b"
)
ENDS = tuple('.!?":)”’')  # of a line of prose
CUT = ("...", "…")
LONG, SHORT = 100, 80  # characters of a line
MOST_DASHES = 4  # of a part of the path that count
NAMELESS = re.compile(r"(?:^|/)[0-9a-f]{16,}(?:\.[a-z]+)?/?$")  # a path that ends in a digest tells nothing
MEAN_DASHES = 2.7  # of the labelled pages whose address tells something; those of other pages count as so many

BIAS = -3.928
WEIGHTS = {
    "words": 0.89,
    "prose": 1.657,
    "short": 0.617,
    "cut": -11.353,
    "capitals": -4.116,
    "we": -1.294,
    "said": 2.724,
    "firm": -1.893,
    "shop": -1.682,
    "account": -1.294,
    "dashes": 0.213,
    "site": -1.467,
    "title": -2.262,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Genre:
    """The least chance that a page is there to be read (ours, fitted on labelled pages; English)."""

    min_chance: float = 0.5  # in [0, 1]

    def __post_init__(self) -> None:
        if not 0 <= self.min_chance <= 1:
            raise ValueError(f"min_chance lies in [0, 1], got {self.min_chance}")


def judge_genre(document: Document, rules: Genre) -> Reason | None:
    """Returns the reason if an English page is hardly there to be read, or None."""
    if document.language not in (None, "en"):
        return None
    value = chance(document)
    return Reason("genre.chance", value, rules.min_chance) if value < rules.min_chance else None


def chance(document: Document) -> float:
    """Returns the chance that a page is there to be read, in [0, 1]."""
    values = signs(document.text, document.url, document.title or "")
    return 1 / (1 + exp(-BIAS - sum(WEIGHTS[name] * value for name, value in values.items())))


def signs(text: str, url: str, title: str) -> dict[str, float]:
    """Returns the signs of a page; shares of words as the logarithm of 1 and so many in a hundred."""
    words = WORD.findall(text.lower().replace("’", "'"))
    number, counts = max(len(words), 1), Counter(words)
    lines = [line for line in map(str.strip, text.split("\n")) if line]
    size = max(len(text), 1)
    groups = {name: log1p(100 * sum(counts[word] for word in own) / number) for name, own in GROUPS.items()}
    return {
        "words": log(number),
        "prose": sum(len(line) for line in lines if len(line) >= LONG and line.endswith(ENDS)) / size,
        "short": sum(len(line) for line in lines if len(line) < SHORT) / size,
        "cut": sum(line.endswith(CUT) for line in lines) / max(len(lines), 1),
        "capitals": len(CAPITAL.findall(text)) / number,
        **groups,
        **address_signs(url),
        "title": float(SITE_TITLE.search(title.lower()) is not None),
    }


def address_signs(url: str) -> dict[str, float]:
    """Returns the signs of an address: dashes in the part of its path that has most, and words of pages that serve.

    >>> address_signs("http://a.example/news/a-new-road-is-built?page=2")
    {'dashes': 4.0, 'site': 0.0}

    An address that is not of the web, or ends in a digest, tells nothing of dashes: the mean stands for it.
    >>> address_signs("http://a.example/0a1b2c3d4e5f6789.html")
    {'dashes': 2.7, 'site': 0.0}
    """
    path = url.partition("://")[2].partition("/")[2].partition("?")[0].partition("#")[0].lower()
    dashes = max(part.count("-") + part.count("_") for part in path.split("/"))
    tells = url.startswith(("http://", "https://")) and not NAMELESS.search(path)
    return {
        "dashes": float(min(dashes, MOST_DASHES)) if tells else MEAN_DASHES,
        "site": float(not SITE_PATH.isdisjoint(WORD.findall(path))),
    }
