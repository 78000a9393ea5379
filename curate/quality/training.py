"""A quality model from labelled documents, and its card: what it was made of, and what it does on hosts unseen."""

from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from curate import __version__, settings, storage
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.quality import classifier, measure
from curate.quality.config import Score
from curate.quality.windows import BINS, Window, prepared
from curate.storage.writing import sha256_of, write_json

SETTINGS = Score(dim=16, epochs=5, learning_rate=0.2, word_ngrams=2, buckets=100_000, min_count=3)
TRAINING = ("label", "dim", "epochs", "learning_rate", "word_ngrams", "buckets", "min_count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a model does on windows of hosts that did not train it.

    auc_by_words: of windows from .. to .. words. auc_masked: without capitalised words, digits and punctuation.
    calibration: mean score, share of positives, windows of each tenth of the score. alpha: of the Pareto rule, so that
    what it keeps of the negatives has scores like the positives'; GPT-3's negatives were the unfiltered crawl.
    """

    windows: int
    words: int
    hosts: int
    auc: float
    auc_by_words: tuple[tuple[int, int, float], ...]
    auc_masked: float
    calibration: tuple[tuple[float, float, int], ...]
    calibration_error: float
    alpha: float


def card_path(model: Path) -> Path:
    """Where the card of a model lies."""
    return model.with_suffix(".json")


def train(positive: list[Path], negative: list[Path], model: Path, chosen: Score = SETTINGS) -> dict[str, Any]:
    """Train, quantise, evaluate on held-out hosts; write the model and its card, and return the card."""
    if card_path(model) == model:
        raise SettingsError(f"{model}: the model's card would have this name; give it another ending, such as .ftz")
    known, unseen = prepared(positive, negative)
    digests = Digests()
    good, rest = ([window.text for window in known if window.positive is kind] for kind in (True, False))
    classifier.train(good, rest, model, chosen, quantised=True)
    card = {
        "model": {"file": model.name, "sha256": sha256_of(model), "bytes": model.stat().st_size},
        "made_by": {"curate": __version__, "fasttext-community": metadata.version("fasttext-community")},
        "settings": {name: getattr(chosen, name) for name in TRAINING},
        "data": {
            name: [{"file": path.name, "digest": digests.of(path)} for path in paths]
            for name, paths in (("positive", positive), ("negative", negative))
        },
        "trained_on": counts(known),
        "held_out": asdict(evaluate(model, unseen, chosen.label)),
        "baseline": {"name": "logistic regression on hashed words", "auc": baseline(known, unseen)},
        "reproducible": "one thread, seed 1: the same bytes from the same files and binding on the same kind of "
        "processor; another compiler or instruction set may round differently",
    }
    write_json(card_path(model), card)
    return card


def counts(windows: list[Window]) -> dict[str, int]:
    """Windows, words and hosts."""
    words, hosts = sum(window.words for window in windows), len({window.host for window in windows})
    return {"windows": len(windows), "words": words, "hosts": hosts}


def evaluate(model: Path, windows: list[Window], label: str) -> Evaluation:
    """What a model file does on windows."""
    with storage.local(model) as file:
        try:
            loaded = classifier.Model(file)
        except ValueError as error:
            raise SettingsError(f"{model}: not a fastText model: {error}") from None
    if label not in loaded.labels:
        raise SettingsError(f"{model} has no label {label!r}; it has {loaded.labels}")
    positive = np.array([window.positive for window in windows])
    length = np.array([window.words for window in windows])
    scores = np.array([loaded.score(window.text, label) for window in windows])
    plain = np.array([loaded.score(measure.masked(window.text), label) for window in windows])
    classes = [(low, high, (low <= length) & (length < high)) for low, high in BINS]
    rows = measure.calibration(scores, positive)
    return Evaluation(
        **counts(windows),
        auc=measure.auc(scores, positive),
        auc_by_words=tuple((low, high, measure.auc(scores[own], positive[own])) for low, high, own in classes),
        auc_masked=measure.auc(plain, positive),
        calibration=tuple(rows),
        calibration_error=measure.calibration_error(rows),
        alpha=measure.fitted_alpha(scores[positive], scores[~positive]),
    )


def baseline(known: list[Window], unseen: list[Window]) -> float:
    """The AUC of a linear model of the same windows."""
    train, test = (hashed([window.text for window in part]) for part in (known, unseen))
    weights = fit(train, np.array([window.positive for window in known]))
    return measure.auc(logits(test, weights), np.array([window.positive for window in unseen]))


def settings_of(assignments: list[str]) -> Score:
    """The settings of training with PATH=VALUE assignments on top; SettingsError for one that does not train."""
    table = {name: getattr(SETTINGS, name) for name in TRAINING}
    for text in assignments:
        path, value = settings.parse_assignment(text)
        if path[0] not in TRAINING:
            raise SettingsError(f"--set {text}: the settings of training are {', '.join(TRAINING)}")
        table = settings.assign(table, path, value)
    return settings.build(Score, table, where=settings.Where("--set", ""))


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
