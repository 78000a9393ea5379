"""Trains the model `useful`, which tells texts worth reading from the rest of the web, and writes its card.

    curate extract 'DATA/web/*.warc.gz' -o DOCUMENTS --all-languages --set 'filter.rules=[]'
    python tests/models/useful.py DATA DOCUMENTS SOURCES MODEL        # MODEL is manifests/quality/useful.ftz

What readers call good of the documents of the web is positive, and so are an encyclopedia, books, speeches and news
(english.py), and documentation, recipes, papers and answers of public repositories (repositories.py; SOURCES holds
their clones). Negative is what readers call promotional, junk or damaged. 30 of 100 hosts are held out; no host of the
labelled sample that judges the model is among its data.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import card
from rows import Row, prose, public, web

from curate import __version__
from curate.quality import classifier
from curate.quality.config import Score
from curate.quality.training import TRAINING, card_path
from curate.quality.windows import cut_text
from curate.storage import together
from curate.storage.writing import sha256_of

WINDOWS, WINDOWS_BESIDE = 6, 1  # of a document of the web at most, and of any other text
SETTINGS = Score(features="shape", dim=8, epochs=10, learning_rate=1.0, word_ngrams=2, buckets=50_000, min_count=3)


def windows(row: Row, number: int) -> Iterator[str]:
    """Yields the first windows of a text; a text that is too short for one stays whole."""
    yield from list(islice(cut_text(row.text, row.url.encode()), number)) or [row.text]


def train(of_web: Iterable[Row], beside: Iterable[Row], model: Path) -> None:
    """Trains the model on all rows that are not held out."""
    texts: dict[bool, list[str]] = {True: [], False: []}
    for rows, number in ((of_web, WINDOWS), (beside, WINDOWS_BESIDE)):
        for row in rows:
            if not row.held_out:
                texts[row.good] += windows(row, number)
    classifier.train(texts[True], texts[False], model, SETTINGS, quantised=True)


def digest(rows: Iterable[Row]) -> str:
    """Returns a digest of labelled texts, which does not depend on their order."""
    return sha256(b"".join(sorted(sha256(f"{row.label} {row.text}".encode()).digest() for row in rows))).hexdigest()


def counted(rows: Iterable[Row]) -> dict[str, int]:
    """Returns the numbers of good and other rows of each kind that train."""
    kinds = Counter(f"{row.kind}, {'good' if row.good else 'others'}" for row in rows if not row.held_out)
    return dict(sorted(kinds.items()))


def main(data: Path, documents: Path, sources: Path, path: Path) -> None:
    """Writes the model and its card."""
    of_web = web(documents)
    beside = {"prose": [*prose(data)], "repositories": [*public(sources)]}
    unseen = [row for row in of_web if row.held_out]

    def write(draft: Path) -> None:
        train(of_web, [row for rows in beside.values() for row in rows], draft)

    def describe(drafts: Mapping[str, Path]) -> dict[str, Any]:
        draft = drafts[path.name]
        model = classifier.Model(draft)
        parts = {"labelled web": of_web, **beside}
        return {
            "model": {"file": path.name, "sha256": sha256_of(draft), "bytes": draft.stat().st_size},
            "head": "useful: what a reader would want a language model to read, of any kind of text",
            "made_by": {"curate": __version__, "fasttext-community": metadata.version("fasttext-community")},
            "settings": {name: getattr(SETTINGS, name) for name in TRAINING},
            "data": {name: {"digest": digest(rows), "documents": len(rows)} for name, rows in parts.items()},
            "trained_on": {name: counted(rows) for name, rows in parts.items()},
            "held_out": card.held_out(model, unseen),
            "positives": card.quantiles(model, unseen),
            "reproducible": "one thread, seed 1: the same bytes from the same data and binding on the same kind of "
            "processor; another compiler or instruction set may round differently",
        }

    together.write_together(card_path(path), {path.name: write}, describe)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
