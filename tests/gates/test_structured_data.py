"""Recipes of real pages have the ingredients that their JSON-LD states, and none has them twice.

python tests/gates/test_structured_data.py    # counts in all files, with the pages
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from curate.extract.config import Extract
from curate.extract.main_text import main_text
from curate.records import Page
from curate.warc.reader import read_file
from curate.web.encoding import decode

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SCRIPT = re.compile(r"<script[^>]+ld\+json[^>]*>(.*?)</script", re.I | re.S)
INGREDIENTS = re.compile(r'"recipeIngredient"\s*:\s*(\[[^\[\]]*\])')
LETTERS = re.compile(r"[^\W\d_]+")
MARKER = re.compile(r"\s*(?:[-•]|\d+\.) ")
HELD = 0.6  # of an item's words, in one line that is not much longer


class Recipe(NamedTuple):
    """A page with a list of ingredients, and its text."""

    url: str
    items: list[str]
    text: str
    markup: str
    added: bool


def recipes(files: list[Path]) -> Iterator[Recipe]:
    """Yields the pages with ingredients in JSON-LD."""
    for file in files:
        for page in read_file(file):
            if not isinstance(page, Page) or b"recipeIngredient" not in page.body:
                continue
            markup = decode(page.body, page.charset)
            items = [item for script in SCRIPT.findall(markup) for item in ingredients(script)]
            if len(items) > 1:
                main = main_text(markup, page.url, Extract())
                yield Recipe(page.url, items, main.text, markup, "structured:Recipe.ingredients" in main.flags)


def ingredients(script: str) -> list[str]:
    """Returns the first list of ingredients of a script."""
    match = INGREDIENTS.search(script)
    try:
        return [" ".join(item.split()) for item in json.loads(match[1], strict=False)] if match else []
    except ValueError:
        return []


def lacks(recipe: Recipe) -> bool:
    """Returns True if the text has less than half of the items, each in a line or part of a line of its own."""
    lines = [LETTERS.findall(line.casefold()) for line in recipe.text.split("\n")]
    together = "".join(word for line in lines for word in line)
    return sum(holds(item, lines, together) for item in recipe.items) < len(recipe.items) / 2


def holds(item: str, lines: list[list[str]], together: str) -> bool:
    """Returns True if a line holds most words of an item, or the text its letters without blanks."""
    words = LETTERS.findall(item.casefold())
    counts = Counter(words)
    short = (line for line in lines if len(line) <= 4 * len(words) + 6)
    return "".join(words) in together or any((Counter(line) & counts).total() >= HELD * len(words) for line in short)


def is_twice(recipe: Recipe) -> bool:
    """Returns True if most items have more lines of their own in the text than the metadata or a browser show."""
    stated, text = Counter(recipe.items), lines_of(recipe.text)
    repeated = [item for item in stated if text[item] > stated[item]]
    if len(repeated) <= len(stated) / 2:
        return False
    visible = lines_of(main_text(recipe.markup, recipe.url, Extract(extractor="visible")).text)
    return sum(text[item] > visible[item] for item in repeated) > len(stated) / 2


def lines_of(text: str) -> Counter[str]:
    """Returns how often each line stands in a text, without markers of lists."""
    return Counter(MARKER.sub("", line) for line in text.split("\n"))


def test_recipes_have_their_ingredients_once(data):
    read = [*islice(recipes([data("web") / "pages-00001.warc.gz"]), 20)]
    assert len(read) == 20
    assert any(recipe.added for recipe in read)
    assert [recipe.url for recipe in read if lacks(recipe)] == []
    assert [recipe.url for recipe in read if is_twice(recipe)] == []


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    every = [*recipes(sorted((parser.parse_args().data / "web").glob("*.warc.gz")))]
    lacking, twice = (
        [recipe.url for recipe in every if lacks(recipe)],
        [recipe.url for recipe in every if is_twice(recipe)],
    )
    added = [recipe.url for recipe in every if recipe.added]
    print(f"{len(every)} recipes, added to {len(added)}, {len(lacking)} lack ingredients, {len(twice)} have them twice")
    for label, urls in (("added", added), ("lacks", lacking), ("twice", twice)):
        print("\n".join(f"{label}: {url}" for url in urls))
