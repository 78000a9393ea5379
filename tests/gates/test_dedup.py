"""Dedup against the exact Jaccard similarity of all pairs, on real versions of terms of service.

python tests/gates/test_dedup.py [FILE.ndjson.zst]    # prints the table

Truth is the similarity of the sets of shingles that dedup makes. A removed document is right if it is similar to the
kept one that it names; a kept one is missed if it is similar to another kept one.
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.sparse
from backports import zstd

from curate.dedup import minhash
from curate.dedup.config import Dedup
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions

DATA = Path(__file__).parents[2].parent / "shared" / "data"
VERSIONS = "neardup/terms-of-service-versions.ndjson.zst"
LIMITS = (0.7, 0.8, 0.9)
LEAST_PRECISION, LEAST_RECALL = 0.99, 0.95
FILES = 3

pytestmark = pytest.mark.processes


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    limit: float
    verify: str
    removed: int
    right: int
    missed: int  # kept documents that are similar to a kept one
    later: int  # of those the ones that a kept one before them should have removed

    @property
    def precision(self) -> float:
        return self.right / self.removed

    @property
    def recall(self) -> float:
        return self.removed / (self.removed + self.missed)

    def __str__(self) -> str:
        both = f"{self.right}/{self.removed} = {self.precision:.4f}"
        kept = f"{self.removed}/{self.removed + self.missed} = {self.recall:.4f}"
        later = self.removed / (self.removed + self.later)
        return f"{self.limit:.2f}  {self.verify:10}{both:22}{kept:22}{later:.4f}"


def texts_of(path: Path) -> list[str]:
    with zstd.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def similarities(texts: list[str]) -> np.ndarray:
    """The exact Jaccard similarity of every pair."""
    sets = [minhash.shingles(text, Dedup().shingle) for text in texts]
    sizes = np.array([len(hashes) for hashes in sets])
    distinct, numbers = np.unique(np.concatenate(sets), return_inverse=True)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    held = scipy.sparse.csr_matrix((np.ones(len(numbers), np.int32), numbers, ends), (len(sets), len(distinct)))
    common = (held @ held.T).toarray()
    shares: np.ndarray = common / np.maximum(1, sizes[:, None] + sizes - common)
    return shares


def decided(folder: Path, texts: list[str], *settings: str) -> dict[int, dict]:
    """Dedup's decisions by the number of the text; the signatures of a folder serve all its calls."""
    names = [folder / f"in-{number}.jsonl" for number in range(FILES)]
    if not names[0].exists():
        folder.mkdir(exist_ok=True)
        for number, name in enumerate(names):
            rows = [{"url": f"http://terms.example/{at}", "text": texts[at]} for at in range(number, len(texts), FILES)]
            name.write_text("".join(json.dumps(row) + "\n" for row in rows))
    engine = Engine(target=EngineOptions(workers=1))
    verbs.run("dedup", tuple(map(str, names)), folder / "out", None, settings, engine, "terms", may_replace=True)
    rows = [row for part in sorted((folder / "out").glob("part-*")) for row in pq.read_table(part).to_pylist()]
    return {int(row["url"].rpartition("/")[2]): row for row in rows}


def judged(decisions: dict[int, dict], truth: np.ndarray, limit: float, verify: str) -> Row:
    """Precision and recall of decisions."""
    number_of = {row["id"]: number for number, row in decisions.items() if row["kept"]}
    pairs = [(number, number_of[row["winner"]]) for number, row in decisions.items() if not row["kept"]]
    right = sum(bool(truth[lost, winner] >= limit) for lost, winner in pairs)
    kept = np.array(sorted(number_of.values()))
    similar = truth[np.ix_(kept, kept)] >= limit
    np.fill_diagonal(similar, False)
    ids = [decisions[number]["id"] for number in kept]
    before = np.array([[other < own for other in ids] for own in ids])
    missed, later = int(similar.any(axis=1).sum()), int((similar & before).any(axis=1).sum())
    return Row(limit, verify, len(pairs), right, missed, later)


def table(path: Path, folder: Path, ways: tuple[str, ...] = ("shingles",)) -> list[Row]:
    texts = texts_of(path)
    truth = similarities(texts)
    return [
        judged(decided(folder, texts, f"dedup.similarity={limit}", f"dedup.verify={verify}"), truth, limit, verify)
        for verify in ways
        for limit in LIMITS
    ]


def lines(rows: list[Row]) -> list[str]:
    head = f"{'limit':6}{'verify':10}{'right of removed':22}{'removed of repeated':22}the later of two only"
    return [head, *map(str, rows)]


@pytest.mark.xdist_group("dedup-gate")
def test_each_removal_is_right_and_few_repeated_documents_stay(data, tmp_path):
    rows = table(data(VERSIONS), tmp_path / "gate")
    print("\n".join(lines(rows)))
    for row in rows:
        assert row.removed > 500
        assert row.precision >= LEAST_PRECISION
        assert row.recall >= LEAST_RECALL


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(sys.argv[1]) if sys.argv[1:] else DATA / VERSIONS
        print("\n".join(lines(table(source, Path(scratch) / "gate", ("shingles", "signature")))))
