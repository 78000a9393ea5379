"""A cheap gate before extraction: a fastText model of quick text, which loses almost no page that the filter keeps.

It is trained on the result of a finished run: pages that the run's filter kept, against pages that it rejected.
Pages are split by host into three parts, so that the threshold and the loss are measured on hosts that the model has
not seen.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ada_url import parse_url

from curate import storage
from curate.errors import SettingsError, UserError
from curate.extract.config import UNDECIDED
from curate.quality import classifier
from curate.quality.config import Score
from curate.storage.writing import sha256_of

LABEL = "kept"
CHARACTERS = 5_000  # of a quick text that the model reads
TRAIN, CALIBRATE = 60, 80  # hosts of a hundred up to which they train, and up to which they set the threshold
LEAST = 100  # pages of each kind in the training part, and kept ones in the two others
MODEL = Score(
    positive=("kept",),
    negative=("rejected",),
    label=LABEL,
    dim=16,
    epochs=5,
    word_ngrams=2,
    buckets=50_000,
    learning_rate=0.5,
)


class JudgedPage(NamedTuple):
    """A page that was extracted and then judged by the filter."""

    url: str
    quick: str  # its quick text
    kept: bool  # by the filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A gate's threshold, and its effect on pages of hosts that neither trained it nor set the threshold."""

    threshold: float  # a page whose quick text scores less is refused
    kept_lost: float  # share of the pages kept by the filter that the gate refuses
    rejected_refused: float  # share of the pages rejected by the filter that the gate refuses
    pages: tuple[int, ...]  # that trained, that set the threshold, that tested
    sha256: str = ""  # of the model file


def score(text: str, model: tuple[str, ...]) -> float:
    """Returns the probability in [0, 1] that the filter will keep the page of a quick text.

    model: file and sha256.
    """
    path, sha256 = model
    return classifier.load(storage.path(path), sha256).score(text[:CHARACTERS], LABEL)


def checked_model(path: str | None) -> tuple[str, ...]:
    """Returns a model's file and sha256, or nothing without a file; SettingsError if `curate gate` did not write it."""
    if path is None:
        return ()
    try:
        with storage.local(storage.path(path)) as file:
            classifier.check(file, f"extract.quality_model: {path}")
            sha256 = sha256_of(file)
        labels = classifier.load(storage.path(path), sha256).labels
    except OSError as error:
        raise SettingsError(f"extract.quality_model: {path}: {error.strerror or error}") from None
    if LABEL not in labels:
        raise SettingsError(f"extract.quality_model: {path} has no label {LABEL!r}; curate gate makes such a model")
    return path, sha256


def train(pages: Iterable[JudgedPage], path: Path, *, loss: float) -> Card:
    """Trains a gate that refuses less than the share `loss` of kept pages, writes it, and returns its card.

    UserError if the share is none, or there are too few pages to train it or to measure its effect.
    """
    if not 0 < loss < 1:
        raise UserError(f"--loss {loss}: expected a share of the kept pages, above 0 and below 1")
    training, calibrating, testing = split_by_host(pages)
    kept = [page.quick[:CHARACTERS] for page in training if page.kept]
    rejected = [page.quick[:CHARACTERS] for page in training if not page.kept]
    fewest = min(len(kept), len(rejected), *(sum(page.kept for page in part) for part in (calibrating, testing)))
    if fewest < LEAST:
        raise UserError(
            f"too few pages to train a gate and to test it: {fewest} of one kind, at least {LEAST} are needed"
        )
    classifier.train(kept, rejected, path, MODEL)
    model = (str(path), sha256_of(path))
    threshold = _threshold(calibrating, model, loss)
    return Card(
        threshold=threshold,
        kept_lost=share_below(_scores(testing, model, kept=True), threshold),
        rejected_refused=share_below(_scores(testing, model, kept=False), threshold),
        pages=(len(training), len(calibrating), len(testing)),
        sha256=model[1],
    )


def split_by_host(pages: Iterable[JudgedPage]) -> tuple[list[JudgedPage], list[JudgedPage], list[JudgedPage]]:
    """Returns the pages that train, those that set the threshold, and those that test."""
    parts: tuple[list[JudgedPage], list[JudgedPage], list[JudgedPage]] = ([], [], [])
    for page in pages:
        parts[part_of(page.url)].append(page)
    return parts


def part_of(url: str) -> int:
    """Returns the part that an address belongs to by its host: 0 trains, 1 sets the threshold, 2 tests."""
    try:
        host = parse_url(url, ("hostname",))["hostname"]
    except ValueError:
        host = url
    percentile = int.from_bytes(hashlib.blake2b(host.encode(), digest_size=8).digest(), "big") % 100
    return (percentile >= TRAIN) + (percentile >= CALIBRATE)


def share_below(scores: list[float], threshold: float) -> float:
    """Returns the share of scores that a threshold refuses."""
    return sum(score < threshold for score in scores) / len(scores) if scores else 0.0


def _threshold(pages: list[JudgedPage], model: tuple[str, ...], loss: float) -> float:
    """Returns the threshold at which a gate loses half of the share `loss` of these kept pages.

    It is half, because the pages that the gate will judge come from other hosts. The threshold is never above the best
    score of a rejected page, above which there is nothing to refuse.
    """
    kept = _scores(pages, model, kept=True)
    rejected = _scores(pages, model, kept=False)
    return min([kept[int(len(kept) * loss / 2)], *rejected[-1:]])


def _scores(pages: list[JudgedPage], model: tuple[str, ...], *, kept: bool) -> list[float]:
    """Returns the sorted scores of the pages that the filter kept, or of those that it rejected."""
    return sorted(_score_of(page, model) for page in pages if page.kept is kept)


def _score_of(page: JudgedPage, model: tuple[str, ...]) -> float:
    """Returns the score of a page; 1 if its quick text is so short that no gate refuses the page."""
    return score(page.quick, model) if len(page.quick) >= UNDECIDED else 1.0
