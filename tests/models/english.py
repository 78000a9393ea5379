"""Labelled English documents for the quality model `edited`, out of the real data for tests.

    python tests/models/english.py DATA FOLDER      # writes FOLDER/positive.jsonl and negative.jsonl
    curate quality train --positive FOLDER/positive.jsonl --negative FOLDER/negative.jsonl -o MODEL

MODEL is manifests/quality/edited.ftz. Positive is edited prose: an encyclopedia, books, speeches, radio news, what
people marked as the text of an article, and pages that call themselves news articles (schema.org). Negative is the rest
of the web: what stands on a page outside its main text (menus, teasers, comments, notices), and pages that are no
article: log-in, search, shop, list and home pages.
The kinds are told by markup and by address, never by the words that the model will see. Where a page gives text of both
kinds, both have its host, so that a held-out host holds out both.
"""

import gzip
import html
import json
import re
import sys
import zipfile
from bz2 import open as open_bz2
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from backports import zstd
from lxml import etree
from resiliparse.extract.html2text import extract_plain_text

from curate.extract.config import Extract
from curate.extract.main_text import main_text
from curate.records import Page
from curate.text.language import identify
from curate.warc.reader import read_file
from curate.web.encoding import decode
from curate.web.urls import host_of

TYPES = re.compile(r'"@type"\s*:\s*\[?\s*"(\w+)"')
OPEN_GRAPH = re.compile(r'<meta[^>]{0,99}og:type["\'][^>]{0,99}content=["\']?([\w.:]+)', re.IGNORECASE)
PASSWORD = re.compile(r'type=["\']?password', re.IGNORECASE)
NEWS = {"NewsArticle", "ReportageNewsArticle"}
ARTICLES = NEWS | {"Article", "BlogPosting"}
NO_ARTICLE_GRAPH = {"website", "product", "product.item", "company", "hotel", "profile"}
NO_ARTICLE = re.compile(
    r"https?://[^/]+/?$|login|sign-?in|sign-?up|register|search|[?&]q=|cart|shop|product|categor|tag/"
    r"|forum|showthread|viewtopic|/topic|/thread"
)
BACK_MATTER = re.compile(
    r"==+ *(See also|References|External links|Notes|Further reading|Bibliography) *==.*", re.DOTALL
)
LEAST = 30  # words
LABELS = Path(__file__).parents[1] / "labels"
STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")  # old sources have no others

Wanted = Callable[[str], bool]


class Labelled(NamedTuple):
    """A text, whether it is positive, and the address whose host is held out with it."""

    text: str
    positive: bool
    url: str


def work(kind: str, name: str) -> str:
    """The address of a work that has none: a host of its own."""
    return f"http://{blake2b(name.encode(), digest_size=8).hexdigest()}.{kind}.example/"


def judged_hosts() -> frozenset[str]:
    """Returns the hosts of the labelled sample that judges the models, none of which may train one."""
    rows = (json.loads(row) for row in (LABELS / "labels.jsonl").read_text().splitlines())
    return frozenset(host_of(row["url"]) for row in rows)


def pages(data: Path, wanted: Wanted) -> Iterator[Labelled]:
    """Both kinds of text out of the pages of the web, without the hosts of the labelled sample."""
    judged = judged_hosts()
    for path in sorted((data / "web").glob("*.warc.gz")):
        for page in read_file(path):
            if isinstance(page, Page) and wanted(page.url) and host_of(page.url) not in judged:
                markup = decode(page.body, page.charset)
                yield from of_page(page.url, markup, main_text(markup, page.url, Extract()).text)


def of_page(url: str, markup: str, main: str) -> Iterator[Labelled]:
    """The texts of one page that are clearly of a kind: its furniture, and its main text by what the page is."""
    types = set(TYPES.findall(markup))
    graph = next(iter(OPEN_GRAPH.findall(markup)), "").lower()
    if "Recipe" in types or "recipe" in graph + url:  # a tenth of the data: the furniture of cooking is no kind
        return
    whole = whole_text(markup)
    yield Labelled(outside(whole, main), False, url)
    if types & NEWS:
        yield Labelled(main, True, url)
    elif types & ARTICLES or graph == "article":
        return
    elif graph in NO_ARTICLE_GRAPH or NO_ARTICLE.search(url) or (PASSWORD.search(markup) and len(main.split()) < 200):
        yield Labelled(main, False, url)
        yield Labelled(whole, False, url)


def whole_text(markup: str) -> str:
    """All text of a page, as WET files have it."""
    return str(extract_plain_text(markup, False, main_content=False, alt_texts=False))


def outside(whole: str, main: str) -> str:
    """The lines of a page's text that share next to nothing with its main text."""
    inside = triples(main)
    words = set(main.split())
    lines = []
    for line in map(str.strip, whole.splitlines()):
        found = triples(line)
        shared = len(found & inside) / len(found) if found else words.issuperset(line.split())
        if shared < 0.5:
            lines.append(line)
    return "\n".join(lines)


def triples(text: str) -> set[tuple[str, ...]]:
    """Every three words in a row."""
    words = text.split()
    return set(zip(words, words[1:], words[2:], strict=False))


def gold(data: Path) -> Iterator[Labelled]:
    """Returns the text that people marked on a page, and the text that they left out."""
    for folder in sorted((data / "gold").iterdir()):
        marked = json.loads(gzip.decompress((folder / "text.json.gz").read_bytes()))
        for page in read_file(folder / "pages-00000.warc.gz"):
            if isinstance(page, Page):
                text, url = marked[page.url], work("gold", page.url)
                yield Labelled(text, True, url)
                yield Labelled(outside(whole_text(decode(page.body, page.charset)), text), False, url)


def wikipedia(data: Path) -> Iterator[Labelled]:
    """The articles of a Wikipedia dump, without its markup."""
    name = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
    with open_bz2(data / "text" / name) as file:
        for _, page in etree.iterparse(file, tag="{*}page", recover=True):
            title, text = page.findtext("{*}title") or "", page.findtext("{*}revision/{*}text") or ""
            if ":" not in title and not text[:12].upper().startswith("#REDIRECT"):
                yield Labelled(without_wiki_markup(text), True, work("wikipedia", title))
            page.clear()


def without_wiki_markup(text: str) -> str:
    """The prose of a page in MediaWiki's markup: no templates, tables, notes, files, links or lists of references."""
    text = re.sub(r"<!--.*?-->|<ref[^>]*/>|<ref.*?</ref>|<(gallery|math|timeline)\b.*?</\1>", "", text, flags=re.DOTALL)
    for _ in range(6):
        text = re.sub(r"\{\{[^{}]*\}\}|\{\|[^{}]*\|\}", "", text)
    text = BACK_MATTER.sub("", text)
    for _ in range(3):
        text = re.sub(r"\[\[(?:File|Image|Category|[a-z-]{2,12}):[^\[\]]*\]\]", "", text)
        text = re.sub(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]", r"\1", text)
    text = re.sub(r"\[https?://\S+ ?([^\]]*)\]", r"\1", re.sub(r"'{2,}", "", text))
    lines = (line.strip() for line in html.unescape(re.sub(r"<[^>]*>", "", text)).splitlines())
    return "\n".join(line for line in lines if line and line[0] not in "*#:;|!{}=[")


def texts(data: Path) -> Iterator[Labelled]:
    """Books, speeches and news."""
    for path in sorted((data / "text").glob("gutenberg-*[0-9].txt.zst")):
        book = zstd.decompress(path.read_bytes()).decode("utf-8", "replace")
        inside = re.split(r"\*\*\* ?(?:START|END) OF TH[^*]*\*\*\*", book)
        yield Labelled(inside[1].replace("_", ""), True, work("book", path.name))
    for name in ("inaugural", "state_union", "abc"):
        with zipfile.ZipFile(data / "text" / f"{name}.zip") as archive:
            for member in sorted(archive.namelist()):
                if member.endswith(".txt"):
                    text = archive.read(member).decode("latin-1")
                    works = [text] if name != "abc" else re.split(r"\n\s*\n", text)[::2]  # else a third were radio news
                    for number, each in enumerate(works):
                        yield Labelled(each, True, work(name.replace("_", "-"), f"{member} {number}"))


def labelled(data: Path, wanted: Wanted = bool) -> Iterator[Labelled]:
    """All texts that are English and long enough; wanted: which addresses are looked at."""
    for found in chain(pages(data, wanted), gold(data), wikipedia(data), texts(data)):
        if wanted(found.url) and len(found.text.split()) >= LEAST and identify(found.text)[0] == "en":
            yield found._replace(text=plain(found.text))


def plain(text: str) -> str:
    """A text without what tells its source or extractor rather than its kind: curly quotes, bars, bullets, dashes.

    >>> plain("| Price | \u201c5\u201d |\\n- a bullet \u2013 and a dash")
    'Price "5"\\na bullet and a dash'
    """
    lines = (" ".join(filter(has_letter_or_digit, line.split())) for line in text.translate(STRAIGHT).splitlines())
    return "\n".join(filter(None, lines))


def has_letter_or_digit(word: str) -> bool:
    """Returns whether a word is more than signs."""
    return any(map(str.isalnum, word))


def main(data: Path, folder: Path) -> None:
    """Write either kind to its own file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "positive.jsonl").open("w") as positive, (folder / "negative.jsonl").open("w") as negative:
        for found in labelled(data):
            row = {"text": found.text, "url": found.url}
            (positive if found.positive else negative).write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
