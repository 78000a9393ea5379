"""Pages of real English for any URL: the same URL gives the same page, and no two pages read alike."""

import html
import random
import re
from functools import cache

from curate.miniweb.texts import read_site

SITES = ("fernhill-kitchen", "lathe-and-plane", "nightbus", "saltmarsh-review", "tinyqueue")
SENTENCES = 28


@cache
def sentences() -> list[str]:
    """The sentences of the mini-web's English prose."""
    texts = [text for site in SITES for text in read_site(site)]
    prose = [block.lines[0] for text in texts for block in text.blocks if block.kind == "paragraph"]
    return [
        sentence for line in prose for sentence in re.split(r"(?<=[.!?]) ", line.replace("`", "")) if len(sentence) > 40
    ]


def page(name: str, path: str, links: list[str], head: str = "") -> bytes:
    """The page of a path of a host; links: where it leads; head: more for its head element."""
    rng = random.Random(f"{name}{path}")
    chosen = rng.sample(sentences(), SENTENCES)
    title = " ".join(chosen[0].split()[:7]).strip(".,;:")
    paragraphs = [" ".join(chosen[start : start + 4]) for start in range(0, SENTENCES, 4)]
    anchors = "".join(f'<li><a href="{html.escape(link)}">{html.escape(link)}</a></li>\n' for link in links)
    body = "".join(f"<p>{html.escape(paragraph)}</p>\n" for paragraph in paragraphs)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        f"{head}</head>\n<body>\n<main><article>\n<h1>{html.escape(title)}</h1>\n{body}</article></main>\n"
        f"<nav><ul>\n{anchors}</ul></nav>\n</body>\n</html>\n"
    ).encode()


def links(name: str, path: str, pages: int, neighbours: list[str]) -> list[str]:
    """Returns the links of a page: to six pages of its host and one of another."""
    rng = random.Random(f"links {name}{path}")
    own = [f"/page/{rng.randrange(pages)}" for _ in range(6)] if pages else []
    return own + ([f"{rng.choice(neighbours)}/page/{rng.randrange(pages)}"] if neighbours and pages else [])
