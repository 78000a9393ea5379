"""A quality model from labelled documents, with its card: its training data, and its results on hosts not seen."""

from collections.abc import Mapping
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
from curate.quality.model_file import score_quantiles
from curate.quality.windows import (
    BINS,
    Window,
    host_or_id,
    is_held_out,
    labelled_documents,
    train_and_test_windows,
)
from curate.storage import together
from curate.storage.writing import sha256_of

SETTINGS = Score(dim=16, epochs=5, learning_rate=0.2, word_ngrams=2, buckets=100_000, min_count=3)
TRAINING = ("label", "features", "dim", "epochs", "learning_rate", "word_ngrams", "buckets", "min_count")
BUCKETS = 2**18  # of the baseline's hashed words; HashingTF's default
STEPS, RATE, DECAY = 200, 0.05, 1e-5  # of the baseline's training

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The results of a model on windows of hosts that did not train it."""

    windows: int
    words: int
    hosts: int
    auc: float
    auc_by_words: tuple[
        tuple[int, int, float], ...
    ]  # (least words, words that are too many, AUC) of a class of lengths
    auc_masked: float  # of texts without capitalised words, digits and punctuation
    calibration: tuple[tuple[float, float, int], ...]  # (mean score, share of positives, windows) of a tenth of scores
    calibration_error: float
    # Of the Pareto rule, such that the negatives that it keeps have scores like the positives'. GPT-3's negatives were
    # the unfiltered crawl.
    alpha: float


class HashedWords(NamedTuple):
    """The words of some texts, as three columns with a row per text and bucket."""

    text: npt.NDArray[np.int64]  # the number of the text
    bucket: npt.NDArray[np.int64]  # of the word's hash
    weight: Floats  # share of the text's Euclidean length, which is 1
    texts: int  # number of all texts


def settings_of(assignments: list[str]) -> Score:
    """Returns the settings of training, changed by PATH=VALUE assignments.

    SettingsError for a setting that has no effect on training.
    """
    table = {name: getattr(SETTINGS, name) for name in TRAINING}
    for text in assignments:
        path, value = settings.parse_assignment(text)
        if path[0] not in TRAINING:
            raise SettingsError(f"--set {text}: the settings of training are {', '.join(TRAINING)}")
        table = settings.assign(table, path, value)
    return settings.build(Score, table, where=settings.Where("--set", ""))


def train(positive: list[Path], negative: list[Path], model: Path, chosen: Score = SETTINGS) -> dict[str, Any]:
    """Trains and quantises a model, evaluates it on held-out hosts, writes it with its card, and returns the card."""
    if card_path(model) == model:
        raise SettingsError(f"{model}: the model's card would have this name; give it another ending, such as .ftz")
    together.check_free(card_path(model), (model.name,))
    training, held_out = train_and_test_windows(positive, negative)
    good = [window.text for window in training if window.positive]
    rest = [window.text for window in training if not window.positive]
    digests = Digests()
    data = {
        name: [{"file": path.name, "digest": digests.of(path)} for path in paths]
        for name, paths in (("positive", positive), ("negative", negative))
    }

    def write(draft: Path) -> None:
        classifier.train(good, rest, draft, chosen, quantised=True)

    def describe(drafts: Mapping[str, Path]) -> dict[str, Any]:
        card = _card(drafts[model.name], model.name, data, training, held_out, chosen)
        unseen = (document for document in labelled_documents(positive) if is_held_out(host_or_id(document)))
        return card | {"positives": score_quantiles(classifier.Model(drafts[model.name]), unseen, chosen.label)}

    return together.write_together(card_path(model), {model.name: write}, describe)


def _card(
    model: Path, name: str, data: dict[str, Any], training: list[Window], held_out: list[Window], chosen: Score
) -> dict[str, Any]:
    """Returns the card of a model file; name: the one that the file will have."""
    return {
        "model": {"file": name, "sha256": sha256_of(model), "bytes": model.stat().st_size},
        "made_by": {"curate": __version__, "fasttext-community": metadata.version("fasttext-community")},
        "settings": {name: getattr(chosen, name) for name in TRAINING},
        "data": data,
        "trained_on": counts(training),
        "held_out": asdict(evaluate(model, held_out, chosen.label)),
        "baseline": {"name": "logistic regression on hashed words", "auc": baseline(training, held_out)},
        "reproducible": "one thread, seed 1: the same bytes from the same files and binding on the same kind of "
        "processor; another compiler or instruction set may round differently",
    }


def card_path(model: Path) -> Path:
    """Returns the path of a model's card."""
    return model.with_suffix(".json")


def evaluate(model: Path, windows: list[Window], label: str) -> Evaluation:
    """Returns the results of a model file on windows; SettingsError if it is no model or does not know the label."""
    with storage.local(model) as file:
        classifier.check(file, str(model))
        loaded = classifier.Model(file)
    if label not in loaded.labels:
        raise SettingsError(f"{model} has no label {label!r}; it has {loaded.labels}")
    positive = np.array([window.positive for window in windows])
    length = np.array([window.words for window in windows])
    scores = np.array([loaded.score(window.text, label) for window in windows])
    masked_scores = np.array([loaded.score(measure.mask(window.text), label) for window in windows])
    classes = [(low, high, (low <= length) & (length < high)) for low, high in BINS]
    rows = measure.calibration(scores, positive)
    return Evaluation(
        **counts(windows),
        auc=measure.auc(scores, positive),
        auc_by_words=tuple((low, high, measure.auc(scores[own], positive[own])) for low, high, own in classes),
        auc_masked=measure.auc(masked_scores, positive),
        calibration=tuple(rows),
        calibration_error=measure.calibration_error(rows),
        alpha=measure.fitted_alpha(scores[positive], scores[~positive]),
    )


def counts(windows: list[Window]) -> dict[str, int]:
    """Returns the numbers of windows, words and hosts."""
    words = sum(window.words for window in windows)
    hosts = {window.host for window in windows}
    return {"windows": len(windows), "words": words, "hosts": len(hosts)}


def baseline(training: list[Window], held_out: list[Window]) -> float:
    """Returns the AUC of a linear model that is trained and tested on the same windows."""
    positive = np.array([window.positive for window in training])
    weights = fit(hash_words([window.text for window in training]), positive)
    scores = logits(hash_words([window.text for window in held_out]), weights)
    return measure.auc(scores, np.array([window.positive for window in held_out]))


def hash_words(texts: list[str]) -> HashedWords:
    """Returns the hashed words of texts."""
    bucket_of: dict[str, int] = {}
    numbers, buckets, weights = [], [], []
    for number, text in enumerate(texts):
        words = text.lower().split()
        hashes = [bucket_of.setdefault(word, crc32(word.encode("utf-8", "replace")) % BUCKETS) for word in words]
        distinct, counts = np.unique(np.asarray(hashes, dtype=np.int64), return_counts=True)
        numbers.append(np.full(len(distinct), number))
        buckets.append(distinct)
        weights.append(counts / max(1.0, float(np.linalg.norm(counts))))
    return HashedWords(np.concatenate(numbers), np.concatenate(buckets), np.concatenate(weights), len(texts))


def fit(words: HashedWords, positive: npt.NDArray[np.bool_]) -> Floats:
    """Returns a weight per bucket and, last, the bias; by Adam over all texts at once, from zero: always the same."""
    weights, mean, square = np.zeros((3, BUCKETS + 1))
    for step in range(1, STEPS + 1):
        error = (1 / (1 + np.exp(-logits(words, weights))) - positive) / words.texts
        slope = np.bincount(words.bucket, error[words.text] * words.weight, minlength=BUCKETS + 1) + DECAY * weights
        slope[-1] = error.sum()
        mean += 0.1 * (slope - mean)
        square += 0.001 * (slope * slope - square)
        weights -= RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return weights


def logits(words: HashedWords, weights: Floats) -> Floats:
    """Returns the log-odds that the weights give each text to be positive."""
    sums = np.bincount(words.text, weights[words.bucket] * words.weight, minlength=words.texts)
    return np.asarray(sums + weights[-1])
