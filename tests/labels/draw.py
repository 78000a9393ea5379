"""Draws the documents of the labelled sample, in strata, by a hash of their address; see README.md beside this file.

    curate extract 'DATA/web/*.warc.gz' -o OUT --all-languages --set 'filter.rules=[]'
    python tests/labels/draw.py OUT > drawn.jsonl

A stratum is a kind of page, guessed from its address, title and text by the table below, and a fifth of the scale of
the shipped model's score. The strata take turns until enough documents are drawn. A guess serves to draw rare kinds
more often and nothing else: the kind that is stored is the reader's. Hosts that did not train the model go first in
their stratum. `weight` is the number of candidates of the stratum for which a document stands.
"""

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq

from curate.quality.classifier import Model
from curate.quality.model_file import shipped
from curate.quality.windows import is_held_out
from curate.web.urls import host_of

DOCUMENTS, PER_HOST, BANDS = 400, 3, 5
LEAST_PROBABILITY = 0.65  # of English, as the language rule has it
INGREDIENTS = r"(?s)\bingredients\b.*\b(instructions|directions|method|preparation|steps)\b"
# The first row that matches gives the guess; the pattern is looked for in the address and the title, or in the text.
GUESSES = (
    (
        "question",
        "address",
        r"forum|thread|viewtopic|question|answers?\b|stackoverflow|stackexchange|quora|community|discuss",
    ),
    (
        "service",
        "address",
        r"contact|log-?in|sign-?(in|up)|regist|account|password|cart\b|checkout|privacy|terms|polic|legal",
    ),
    ("recipe", "address", r"recipe|cook|kitchen|baking|food"),
    ("recipe", "text", INGREDIENTS),
    (
        "code",
        "address",
        r"github|\bdocs?\b|documentation|manual|\bapi\b|python|java\b|programming|linux|software|develop",
    ),
    ("science", "address", r"abstract|journal|pubmed|sciencedirect|nature\.com|arxiv|doi\.org|protocol|research|scien"),
    ("reference", "address", r"wiki|encyclop|dictionary|glossary|definition|\bfaq|history"),
    ("howto", "address", r"how[- ]to|guide|tutorial|\btips\b|\bdiy\b|instructions"),
    ("blog", "address", r"blog|wordpress"),
    ("news", "address", r"/(19|20)\d\d[/-]|news|article|story|politics|world"),
    ("shop", "address", r"product|shop|store|\bbuy\b|price|/p/|sale|categor|search|/tag/|\bpage \d"),
    ("shop", "text", r"(?s)([$£€]\s?\d.*){4}"),
    ("company", "address", r"about|services?\b|hotel|compan|inc\.|\bllc|real estate|\.\w+/?$"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A document that may be drawn."""

    url: str
    host: str
    stratum: tuple[str, int]  # the guessed kind and the fifth of the score

    def turn(self) -> tuple[bool, str]:
        """Returns what sorts the candidates of a stratum: hosts that trained the model last, then the hash."""
        return not is_held_out(self.host), digest(self.url)


def digest(text: str) -> str:
    """Returns a hash of a text."""
    return sha256(text.encode()).hexdigest()


def guess(url: str, title: str, text: str) -> str:
    """Returns the kind of page that the table of guesses gives."""
    places = {"address": f"{url} {title}", "text": text}
    return next((kind for kind, place, words in GUESSES if re.search(words, places[place], re.IGNORECASE)), "other")


def candidates(folder: Path) -> list[Candidate]:
    """Returns the English documents of an extract stage: one an address, one a text, at most three a host."""
    columns = ["url", "title", "text", "language", "language_score"]
    rows = [
        row
        for path in sorted(folder.glob("part-*.parquet"))
        for row in pq.read_table(path, columns=columns).to_pylist()
    ]
    copies = Counter(row["url"] for row in rows)
    english = [row for row in rows if row["language"] == "en" and row["language_score"] >= LEAST_PROBABILITY]
    model = Model(shipped("edited"))
    texts: set[str] = set()
    hosts: Counter[str] = Counter()
    chosen = []
    for row in sorted(english, key=lambda row: digest(row["url"])):
        url, text, host = row["url"], row["text"], host_of(row["url"])
        if copies[url] > 1 or text in texts or hosts[host] == PER_HOST:
            continue
        texts.add(text)
        hosts[host] += 1
        band = min(int(model.score(text, "positive") * BANDS), BANDS - 1)
        chosen.append(Candidate(url=url, host=host, stratum=(guess(url, row["title"] or "", text), band)))
    return chosen


def draw(frame: Iterable[Candidate], number: int) -> list[tuple[str, float]]:
    """Returns the addresses that are drawn and their weights; the strata take turns."""
    strata: dict[tuple[str, int], list[Candidate]] = defaultdict(list)
    for candidate in frame:
        strata[candidate.stratum].append(candidate)
    queues = {name: sorted(members, key=Candidate.turn) for name, members in strata.items()}
    drawn: list[Candidate] = []
    while len(drawn) < number and any(queues.values()):
        for name in sorted(queues):
            if queues[name] and len(drawn) < number:
                drawn.append(queues[name].pop(0))
    shares = Counter(candidate.stratum for candidate in drawn)
    return [(one.url, len(strata[one.stratum]) / shares[one.stratum]) for one in drawn]


def main() -> None:
    """Prints a JSON line for every document that is drawn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="the output of curate extract")
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    options = parser.parse_args()
    for url, weight in sorted(draw(candidates(options.folder), options.documents)):
        print(json.dumps({"url": url, "weight": round(weight, 2)}))


if __name__ == "__main__":
    main()
