"""Trains the model `useful`, which tells texts worth reading from the rest of the web, and writes its card.

    curate extract 'DATA/web/*.warc.gz' -o DOCUMENTS --all-languages --set 'filter.rules=[]'
    python tests/models/english.py DATA TEXTS
    python tests/models/useful.py DOCUMENTS TEXTS SOURCES MODEL        # MODEL is manifests/quality/useful.ftz

What readers call good of the documents of the web is positive, and so are an encyclopedia, speeches and news (TEXTS),
and documentation, recipes, papers and answers of public repositories (repositories.py; SOURCES holds their clones).
Negative is what readers call promotional, junk or damaged, and what stands beside the main texts of pages (TEXTS). The
model that ships is trained on all of it; the card says what four models do, each on the hosts of a quarter of the
labelled documents, which did not train it. No host of the labelled sample that judges the model is among the data.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from importlib import metadata
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import card
import numpy as np
from repositories import repositories
from rows import Row, furniture, prose, public, web

from curate import __version__
from curate.quality import classifier
from curate.quality.config import Score
from curate.quality.training import TRAINING, card_path
from curate.quality.windows import cut_text
from curate.records import uniform
from curate.storage import together
from curate.storage.writing import sha256_of

FOLDS = 4
WINDOWS, WINDOWS_BESIDE = 6, 1  # of a document of the web at most, and of any other text
SETTINGS = Score(features="shape", dim=8, epochs=10, learning_rate=1.0, word_ngrams=2, buckets=50_000, min_count=3)


def windows(row: Row, number: int) -> Iterator[str]:
    """Yields the first windows of a text; a text that is too short for one stays whole."""
    yield from list(islice(cut_text(row.text, row.url.encode()), number)) or [row.text]


def train(of_web: Iterable[Row], beside: Iterable[Row], model: Path) -> None:
    """Trains a model."""
    texts: dict[bool, list[str]] = {True: [], False: []}
    for rows, number in ((of_web, WINDOWS), (beside, WINDOWS_BESIDE)):
        for row in rows:
            texts[row.good] += windows(row, number)
    classifier.train(texts[True], texts[False], model, SETTINGS, quantised=True)


def cross_validated(of_web: list[Row], beside: list[Row]) -> list[float]:
    """Returns the score that each document of the web has from a model that no document of its fold trained."""
    scores = dict.fromkeys(of_web, 0.0)
    with TemporaryDirectory() as folder:
        for fold in range(FOLDS):
            path = Path(folder) / f"{fold}.ftz"
            train(*([row for row in rows if fold_of(row) != fold] for rows in (of_web, beside)), path)
            model = classifier.Model(path)
            scores |= {row: model.score(row.text, "positive") for row in of_web if fold_of(row) == fold}
    return list(scores.values())


def fold_of(row: Row) -> int:
    """Returns the fold of a document: all documents of a host are of one."""
    return int(uniform(0, "quality-fold", row.host.encode()) * FOLDS)


def digest(rows: Iterable[Row]) -> str:
    """Returns a digest of labelled texts, which does not depend on their order."""
    return sha256(b"".join(sorted(sha256(f"{row.label} {row.text}".encode()).digest() for row in rows))).hexdigest()


def counted(rows: Iterable[Row]) -> dict[str, int]:
    """Returns the numbers of good and other rows of each kind that train."""
    kinds = Counter(f"{row.kind}, {'good' if row.good else 'others'}" for row in rows)
    return dict(sorted(kinds.items()))


def check(folders: Iterable[Path]) -> None:
    """Ends the program, with the reason, where a folder of data is absent."""
    for folder in folders:
        if not folder.is_dir():
            raise SystemExit(f"{folder}: no such folder; useful.py says above how each is made")


def main(documents: Path, texts: Path, sources: Path, path: Path) -> None:
    """Writes the model and its card."""
    check([documents, texts, sources, *(repository.folder(sources) for repository in repositories())])
    of_web = web(documents)
    beside = {"prose": [*prose(texts)], "repositories": [*public(sources)], "furniture": [*furniture(texts)]}
    scores = np.array(cross_validated(of_web, [row for rows in beside.values() for row in rows]))

    def write(draft: Path) -> None:
        train(of_web, [row for rows in beside.values() for row in rows], draft)

    def describe(drafts: Mapping[str, Path]) -> dict[str, Any]:
        draft = drafts[path.name]
        parts = {"labelled web": of_web, **beside}
        return {
            "model": {"file": path.name, "sha256": sha256_of(draft), "bytes": draft.stat().st_size},
            "head": "useful: what a reader would want a language model to read, of any kind of text",
            "made_by": {"curate": __version__, "fasttext-community": metadata.version("fasttext-community")},
            "settings": {name: getattr(SETTINGS, name) for name in TRAINING},
            "data": {name: {"digest": digest(rows), "documents": len(rows)} for name, rows in parts.items()},
            "trained_on": {name: counted(rows) for name, rows in parts.items()},
            "cross_validated": card.measures(scores, of_web),
            "positives": card.quantiles(scores, of_web),
            "reproducible": "one thread, seed 1: the same bytes from the same data and binding on the same kind of "
            "processor; another compiler or instruction set may round differently",
        }

    together.write_together(card_path(path), {path.name: write}, describe)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
