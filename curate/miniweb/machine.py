"""Pages that machines write: logs, weather, prices, status reports, repeated notices, and fluent spam."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from curate.miniweb.capture import Capture
from curate.miniweb.junk import code, page
from curate.miniweb.markup import Site, share
from curate.miniweb.spam_words import GENRES
from curate.miniweb.texts import table_rows

TOWNS = (
    "Hollowbridge",
    "Saltby",
    "Arden Cross",
    "Whinmoor",
    "Tarrant Quay",
    "Ostley",
    "Kilbarrow",
    "Nettlecombe",
    "Fenwick Green",
    "Marlpit",
)
SKIES = ("Sunny", "Cloudy", "Light rain", "Heavy rain", "Fog", "Sleet", "Snow", "Hail", "Drizzle", "Overcast")
PARTS = ("api", "billing", "queue", "mailer", "search", "storage", "gateway", "scheduler", "metrics", "sessions")
LEVELS = ("INFO", "WARN", "DEBUG", "ERROR")
NO_LANGUAGE = ("weather report", "stock prices")  # numbers and codes, which no one takes for English
CHOICE = re.compile(r"\{([^{}]*)\}")  # {one|of|these} in a template of spam
SLOT = re.compile(r"\$(one|many|gain|who|part)")  # a field of Ware


@dataclass(frozen=True, slots=True)
class Ware:
    """A thing that a page of spam sells."""

    one: str  # its name
    many: str  # its plural
    gain: tuple[str, ...]  # what a buyer can do with it
    who: tuple[str, ...]  # the buyers
    part: tuple[str, ...]  # what it is made of


def log(rng: random.Random) -> str:
    """Returns a log: times, components, numbers."""
    rows = "\n".join(
        f"2026-02-{rng.randint(10, 28)} {rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.uniform(0, 59):06.3f} "
        f"{rng.choice(LEVELS)} [{rng.choice(PARTS)}-{rng.randint(1, 16)}] req={rng.getrandbits(32):08x} "
        f"ms={rng.randint(1, 900)} rc={rng.choice((0, 0, 0, 1, 22))}"
        for _ in range(80)
    )
    return f"<h1>{rng.choice(PARTS)} log</h1>\n<pre>{rows}</pre>"


def weather(rng: random.Random) -> str:
    """Returns a forecast, town by town."""
    rows = "\n".join(
        f"<p>{town}: {rng.choice(SKIES)}, {rng.randint(-4, 31)} °C, {rng.randint(2, 60)} km/h {rng.choice('NESW')}, "
        f"{rng.randint(0, 100)} %, {rng.randint(970, 1040)} hPa.</p>"
        for town in TOWNS
        for _ in range(3)
    )
    return f"<h1>Weather in {rng.choice(TOWNS)}</h1>\n{rows}"


def stocks(rng: random.Random) -> str:
    """Returns prices of shares, with their changes."""
    rows = "\n".join(
        f"<tr><td>{code(rng)}</td><td>{rng.randint(1, 900)}.{rng.randint(10, 99)}</td>"
        f"<td>{rng.choice('+-')}{rng.randint(0, 9)}.{rng.randint(10, 99)} %</td>"
        f"<td>{rng.randint(1000, 999999)}</td></tr>"
        for _ in range(60)
    )
    return f"<h1>Closing prices</h1>\n<table>{rows}</table>"


def status(rng: random.Random) -> str:
    """Returns a status report that says the same of every component and every day."""
    said = rng.choice(
        (
            "All of the checks that belong to this component have passed and there is nothing to report.",
            "The component was reachable from each of the regions and no incident was opened by the team.",
            "Maintenance of this part is not planned and its users have nothing that they need to do.",
        )
    )
    rows = "\n".join(f"<h3>{part}</h3>\n<p>{said}</p>" for part in PARTS for _ in range(4))
    return f"<h1>System status</h1>\n{rows}"


def notices(rng: random.Random) -> str:
    """Returns one notice of a library, repeated for each thing that it lists."""
    shelf = rng.choice(("reading room", "annexe", "map store", "basement"))
    rows = "\n".join(
        f"<p>Item {rng.randint(1000, 9999)} is held in the {shelf} and can be ordered at the desk with a card.</p>"
        for _ in range(50)
    )
    return f"<h1>Holdings of the {shelf}</h1>\n{rows}"


MACHINES: dict[str, Callable[[random.Random], str]] = {
    "log dump": log,
    "weather report": weather,
    "stock prices": stocks,
    "status report": status,
    "repeated notice": notices,
}


def machine_pages(site: Site, rng: random.Random, count: int) -> Iterator[Capture]:
    """Yields `count` pages of every kind in MACHINES."""
    for why, write in MACHINES.items():
        for number in range(count):
            title = f"{why.capitalize()} {number + 1}"
            path = f"/{why.replace(' ', '-')}/{rng.randint(1000, 9999)}.html"
            stage = "extract" if why in NO_LANGUAGE else "filter"
            yield page(site, path, title, write(rng), why=why, stage=stage)


def wares(table: str) -> list[Ware]:
    """Returns the wares of a table, one a line."""
    rows = []
    for line in table_rows(table):
        names, *rest = ([word.strip() for word in cell.split(",")] for cell in line.split(" | "))
        gain, who, part = (tuple(cell) for cell in rest)
        rows.append(Ware(names[0], names[1], gain, who, part))
    return rows


def spin(template: str, ware: Ware, rng: random.Random) -> str:
    """Returns a sentence of a template: every choice made, every slot filled, no gain or part named twice.

    >>> hose = Ware("hose", "hoses", ("grow",), ("gardeners",), ("the nozzle",))
    >>> spin("{A|A} $one helps $who.", hose, random.Random(0))
    'A hose helps gardeners.'
    """
    chosen = CHOICE.sub(lambda match: rng.choice(match[1].split("|")), template)
    rest = {name: rng.sample(getattr(ware, name), len(getattr(ware, name))) for name in ("gain", "who", "part")}

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        return str(getattr(ware, name)) if name in ("one", "many") else rest[name].pop()

    sentence = re.sub(r"\ba (?=[aeiouAEIO]|SEO)", "an ", SLOT.sub(fill, chosen))
    return sentence[0].upper() + sentence[1:]


def spun_paragraphs(genre: str, ware: Ware, rng: random.Random) -> list[list[str]]:
    """Returns the sentences of a page, by paragraph; no template is used twice."""
    (opening, middle, closing), _ = GENRES[genre]
    first = rng.sample(table_rows(opening), 2)
    body = rng.sample(table_rows(middle), rng.randint(7, 9))
    last = rng.sample(table_rows(closing), 2)
    sentences = [spin(template, ware, rng) for template in (*first, *body, *last)]
    cut = len(sentences) // 3
    return [sentences[:cut], sentences[cut : 2 * cut], sentences[2 * cut :]]


def spam_pages(site: Site, genre: str, why: str, rng: random.Random) -> Iterator[Capture]:
    """Yields one page for every ware of a genre."""
    titles = {"guide": "The best {many} of 2026", "pitch": "{one}", "service": "{one}: start today"}
    for ware in wares(GENRES[genre][1]):
        title = titles[genre].format(one=ware.one, many=ware.many)
        title = title[0].upper() + title[1:]
        paragraphs = "\n".join(f"<p>{' '.join(sentences)}</p>" for sentences in spun_paragraphs(genre, ware, rng))
        content = f'<article class="post"><h1>{title}</h1>\n<div class="entry-content">\n{paragraphs}\n</div></article>'
        path = f"/{title.lower().replace(':', '').replace(' ', '-')}/"
        yield page(site, path, title, f"{content}\n{share(site, path)}", why=why, stage="score")
