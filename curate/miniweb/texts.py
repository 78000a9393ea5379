"""The prose of the mini-web: reading its texts, and the light edits by which a copy of one comes to differ."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from importlib import resources
from itertools import groupby
from typing import NamedTuple

# Words that a careless copyist changes without anyone noticing; each key is a whole word.
SWAPS = {
    "very": "quite",
    "large": "big",
    "small": "little",
    "began": "started",
    "perhaps": "maybe",
    "although": "though",
    "almost": "nearly",
    "often": "frequently",
    "enough": "sufficiently",
    "colour": "color",
    "grey": "gray",
    "metres": "meters",
    "towards": "toward",
    "whilst": "while",
    "quickly": "rapidly",
    "nobody": "no one",
    "everyone": "everybody",
    "however": "nevertheless",
    "usually": "normally",
    "entire": "whole",
    "until": "till",
    "because": "since",
    "thirty": "forty",
    "seven": "eight",
    "evening": "afternoon",
    "morning": "night",
    "whole": "complete",
    "old": "aged",
    "never": "seldom",
    "left": "right",
}
NOTES = (
    "Reposted here because a reader asked us to keep a copy in case the old page ever went away for good.",
    "We found this while clearing out our bookmarks last winter and thought that some of you would enjoy it too.",
    "Our editor came across this piece by accident one rainy afternoon, and it has hung above the desk since then.",
    "This is one of the ten pages that members of our reading circle voted to save before the spring tidy-up began.",
    "Several people wrote to say that the previous copy had lost its last lines, so this one has been checked twice.",
)


class Block(NamedTuple):
    """A run of lines of one kind: paragraph, heading, bullets, steps, code, or post (who and when, of what follows)."""

    kind: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One original text; kind is article, essay, forum, docs or recipe, slug the file's name."""

    site: str
    slug: str
    title: str
    author: str
    date: date
    language: str
    kind: str
    blocks: tuple[Block, ...]

    @property
    def prose(self) -> str:
        """Returns the lines that an extractor should return: the blocks without marks and the headers of posts."""
        lines = "\n".join(line for block in self.blocks if block.kind != "post" for line in block.lines)
        return lines.replace("`", "")


def read_site(site: str) -> list[Text]:
    """The texts of one folder, by slug."""
    folder = resources.files("curate.manifests") / "miniweb" / site
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".txt"))
    return [parse(site, name.removesuffix(".txt"), (folder / name).read_text(encoding="utf-8")) for name in names]


def parse(site: str, slug: str, content: str) -> Text:
    """A text from its file; ValueError naming the file where a header or a block is missing."""
    head, _, rest = content.strip().partition("\n\n")
    header = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    missing = [name for name in ("title", "author", "date", "language", "kind") if name not in header]
    if missing or not rest.strip():
        raise ValueError(f"miniweb/{site}/{slug}.txt: no {missing[0] if missing else 'text after the header'}")
    return Text(
        site=site,
        slug=slug,
        title=typographic(header["title"]),
        author=header["author"],
        date=date.fromisoformat(header["date"]),
        language=header["language"],
        kind=header["kind"],
        blocks=tuple(blocks(rest)),
    )


def blocks(content: str) -> Iterator[Block]:
    """The blocks of a text, which blank lines separate."""
    lines = content.splitlines()
    for blank, group in groupby(lines, key=lambda line: not line.strip()):
        if not blank:
            yield block([line.rstrip() for line in group])


def block(lines: list[str]) -> Block:
    """One block, its kind read from how its lines begin.

    >>> block(["1. Melt the butter.", "2. Wait."])
    Block(kind='steps', lines=('Melt the butter.', 'Wait.'))
    """
    if all(line.startswith("    ") for line in lines):
        return Block("code", tuple(line[4:] for line in lines))
    if all(line.startswith("- ") for line in lines):
        return Block("bullets", tuple(typographic(line[2:]) for line in lines))
    if all(re.match(r"\d+\. ", line) for line in lines):
        return Block("steps", tuple(typographic(line.partition(" ")[2]) for line in lines))
    for kind, mark in (("heading", "## "), ("post", "@ ")):
        if len(lines) == 1 and lines[0].startswith(mark):
            return Block(kind, (typographic(lines[0].removeprefix(mark)),))
    return Block("paragraph", (typographic(" ".join(lines)),))


def typographic(line: str) -> str:
    """The line with curly quotation marks and apostrophes, as a publishing system sets them; code stays straight.

    >>> typographic("'I won\\'t,' she said, \\"ever.\\"")
    '‘I won’t,’ she said, “ever.”'
    """
    pieces = re.split(r"(`[^`]*`)", line)
    for number in range(0, len(pieces), 2):
        piece = re.sub(r'(^|[\s(\[—–])"', r"\1“", pieces[number]).replace('"', "”")
        pieces[number] = re.sub(r"(^|[\s(\[—–“])'", r"\1‘", piece).replace("'", "’")
    return "".join(pieces)


def table_rows(table: str) -> list[str]:
    """The rows of a table in a string, each a line and the indented ones that go on with it."""
    return table.strip().replace("\n    ", " ").splitlines()


def edited(text: Text, rng: random.Random) -> Text:
    """A near duplicate: about one word in 200 is another, and a line is added; its shingles stay over 85% the same."""
    words = [
        (number, place)
        for number, one in enumerate(text.blocks)
        if one.kind == "paragraph"
        for place, word in enumerate(one.lines[0].split(" "))
        if word in SWAPS
    ]
    count = min(len(words), max(2, len(text.prose.split()) // 200))
    changed = list(text.blocks)
    for number, place in sorted(rng.sample(words, count)):
        line = changed[number].lines[0].split(" ")
        line[place] = SWAPS[line[place]]
        changed[number] = Block("paragraph", (" ".join(line),))
    note = Block("paragraph", (rng.choice(NOTES),))
    return replace(text, blocks=(*changed, note) if rng.random() < 0.5 else (note, *changed))
