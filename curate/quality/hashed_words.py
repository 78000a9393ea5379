"""The linear baseline of a quality model: logistic regression on hashed words, which is what GPT-3 filtered with.

There it was Spark's tokenizer, HashingTF and LogisticRegression (arXiv:2005.14165, appendix A); here numpy and no more.
"""

from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

BUCKETS = 2**18  # HashingTF's default
STEPS, RATE, DECAY = 200, 0.05, 1e-5


class Words(NamedTuple):
    """Texts as their hashed words: of which text, which bucket, which share of the text's length."""

    text: npt.NDArray[np.int64]
    bucket: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    texts: int


def hashed(texts: list[str]) -> Words:
    """The words of texts, each text of Euclidean length 1."""
    known: dict[str, int] = {}
    rows, buckets, weights = [], [], []
    for number, text in enumerate(texts):
        words = text.lower().split()
        ids = [known.setdefault(word, crc32(word.encode("utf-8", "replace")) % BUCKETS) for word in words]
        found, counts = np.unique(np.asarray(ids, dtype=np.int64), return_counts=True)
        rows.append(np.full(len(found), number))
        buckets.append(found)
        weights.append(counts / max(1.0, float(np.linalg.norm(counts))))
    return Words(np.concatenate(rows), np.concatenate(buckets), np.concatenate(weights), len(texts))


def logits(words: Words, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What the weights say of each text; the last one is the bias."""
    told = np.bincount(words.text, weights[words.bucket] * words.weight, minlength=words.texts)
    return np.asarray(told + weights[-1])


def fit(words: Words, positive: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Weights and bias by Adam over all texts at once, from zero: the same on every run."""
    weights, mean, square = np.zeros((3, BUCKETS + 1))
    for step in range(1, STEPS + 1):
        error = (1 / (1 + np.exp(-logits(words, weights))) - positive) / words.texts
        slope = np.bincount(words.bucket, error[words.text] * words.weight, minlength=BUCKETS + 1) + DECAY * weights
        slope[-1] = error.sum()
        mean += 0.1 * (slope - mean)
        square += 0.001 * (slope * slope - square)
        weights -= RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return weights
