"""Fluent spam: sentences that pass every simple rule and say nothing, written from a grammar as article spinners do."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from curate.miniweb.capture import Capture
from curate.miniweb.junk import page
from curate.miniweb.markup import Site, share
from curate.miniweb.spam_words import GENRES
from curate.miniweb.texts import table_rows

CHOICE = re.compile(r"\{([^{}]*)\}")
SLOT = re.compile(r"\$(one|many|gain|who|part)")


@dataclass(frozen=True, slots=True)
class Ware:
    """What a page of spam sells: its name and plural, what one gains, who buys it, what it is made of."""

    one: str
    many: str
    gain: tuple[str, ...]
    who: tuple[str, ...]
    part: tuple[str, ...]


def wares(table: str) -> list[Ware]:
    """The wares of a table, one a line."""
    found = []
    for line in table_rows(table):
        names, *rest = ([each.strip() for each in cell.split(",")] for cell in line.split(" | "))
        gain, who, part = (tuple(cell) for cell in rest)
        found.append(Ware(names[0], names[1], gain, who, part))
    return found


def spin(template: str, ware: Ware, rng: random.Random) -> str:
    """One sentence of a template: every choice made, every slot filled, no gain or part named twice.

    >>> hose = Ware("hose", "hoses", ("grow",), ("gardeners",), ("the nozzle",))
    >>> spin("{A|A} $one helps $who.", hose, random.Random(0))
    'A hose helps gardeners.'
    """
    chosen = CHOICE.sub(lambda match: rng.choice(match[1].split("|")), template)
    rest = {name: rng.sample(getattr(ware, name), len(getattr(ware, name))) for name in ("gain", "who", "part")}

    def filled(match: re.Match[str]) -> str:
        name = match[1]
        return str(getattr(ware, name)) if name in ("one", "many") else rest[name].pop()

    sentence = re.sub(r"\ba (?=[aeiouAEIO]|SEO)", "an ", SLOT.sub(filled, chosen))
    return sentence[0].upper() + sentence[1:]


def spun(genre: str, ware: Ware, rng: random.Random) -> list[list[str]]:
    """The sentences of a page, by paragraph; no template is used twice."""
    (opening, middle, closing), _ = GENRES[genre]
    first = rng.sample(table_rows(opening), 2)
    body = rng.sample(table_rows(middle), rng.randint(7, 9))
    last = rng.sample(table_rows(closing), 2)
    sentences = [spin(template, ware, rng) for template in (*first, *body, *last)]
    cut = len(sentences) // 3
    return [sentences[:cut], sentences[cut : 2 * cut], sentences[2 * cut :]]


def spam_pages(site: Site, genre: str, why: str, rng: random.Random) -> Iterator[Capture]:
    """One page for every ware of a genre."""
    titles = {"guide": "The best {many} of 2026", "pitch": "{one}", "service": "{one}: start today"}
    for ware in wares(GENRES[genre][1]):
        title = titles[genre].format(one=ware.one, many=ware.many)
        title = title[0].upper() + title[1:]
        paragraphs = "\n".join(f"<p>{' '.join(sentences)}</p>" for sentences in spun(genre, ware, rng))
        content = f'<article class="post"><h1>{title}</h1>\n<div class="entry-content">\n{paragraphs}\n</div></article>'
        path = f"/{title.lower().replace(':', '').replace(' ', '-')}/"
        yield page(site, path, title, f"{content}\n{share(site, path)}", why=why, stage="score")
