"""Fits the weights of the rule `genre` (filters/genre/signs.py) on labelled pages, and prints how well they do.

    curate extract 'DATA/web/*.warc.gz' -o DOCUMENTS --all-languages --set 'filter.rules=[]'
    python tests/models/genre.py DOCUMENTS

Logistic regression with a penalty on squares. Promotional pages count twice and good pages of rare kinds three times,
as the labelled pages have few. How well it does is measured over five folds of hosts, each judged by the other four.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from curate.filters.genre.signs import signs
from curate.web.urls import host_of

LABELS = Path(__file__).parents[1] / "labels" / "training.jsonl"
GOOD = ("clean", "useful")
COMMON = ("news", "recipe")  # kinds of good pages that are many
PENALTY, FOLDS, STEPS = 5.0, 5, 30


def rows(documents: Path) -> tuple[list[dict[str, str]], list[dict[str, float]]]:
    """Returns the labels of the pages that have a text, and the signs of each."""
    texts: dict[str, dict[str, str]] = {}
    for path in sorted(documents.glob("part-*.parquet")):
        for row in pq.read_table(path, columns=["url", "text", "title"]).to_pylist():
            texts.setdefault(row["url"], row)
    labels = [json.loads(line) for line in LABELS.read_text().splitlines()]
    judged = [label for label in labels if label["url"] in texts]
    pages = [texts[label["url"]] for label in judged]
    return judged, [signs(page["text"], page["url"], page["title"] or "") for page in pages]


def weight(label: dict[str, str]) -> float:
    """Returns how often a page counts."""
    if label["label"] in GOOD:
        return 1.0 if label["kind"] in COMMON else 3.0
    return 2.0 if label["label"] == "promotional" else 0.7


def fit(values: np.ndarray, good: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Returns the weights of standardised values and, last, the bias, by Newton's method."""
    values = np.c_[values, np.ones(len(values))]
    penalty = np.diag([PENALTY] * (values.shape[1] - 1) + [0.0])
    weights = np.zeros(values.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-values @ weights))
        slope = values.T @ (worth * (chance - good)) + penalty @ weights
        curvature = (values.T * (worth * chance * (1 - chance))) @ values + penalty
        weights -= np.linalg.solve(curvature, slope)
    return weights


def area(good: np.ndarray, rest: np.ndarray) -> float:
    """Returns the AUC."""
    gaps = good[:, None] - rest[None, :]
    return float(((gaps > 0) + 0.5 * (gaps == 0)).mean())


def main() -> None:
    """Prints the weights, and the AUC over folds of hosts."""
    labels, pages = rows(Path(sys.argv[1]))
    names = [*pages[0]]
    raw = np.array([[page[name] for name in names] for page in pages])
    mean, spread = raw.mean(0), raw.std(0)
    values = (raw - mean) / spread
    good = np.array([label["label"] in GOOD for label in labels])
    sells = np.array([label["label"] == "promotional" for label in labels])
    worth = np.array([weight(label) for label in labels])
    fold = np.array([sha256(host_of(label["url"]).encode()).digest()[0] % FOLDS for label in labels])
    scores = np.zeros(len(labels))
    for number in range(FOLDS):
        own = fold == number
        weights = fit(values[~own], good[~own], worth[~own])
        scores[own] = values[own] @ weights[:-1] + weights[-1]
    print(f"{len(labels)} pages; AUC over folds of hosts {area(scores[good], scores[~good]):.3f},", end=" ")
    print(f"good against promotional {area(scores[good], scores[sells]):.3f}")
    weights = fit(values, good, worth)
    print(f"BIAS = {weights[-1] - (weights[:-1] * mean / spread).sum():.3f}")
    print("WEIGHTS =", {name: round(float(one), 3) for name, one in zip(names, weights[:-1] / spread, strict=True)})


if __name__ == "__main__":
    main()
