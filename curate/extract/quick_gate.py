"""A cheap gate before extraction: a fastText model of quick text that loses next to nothing of what a filter keeps.

It is trained on what a finished run did: pages that its filter kept, against pages that it rejected after extraction.
Pages are split by host into three parts, so that threshold and loss are told from hosts that the model has not seen.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ada_url import parse_url

from curate import storage
from curate.errors import SettingsError
from curate.extract.config import UNDECIDED
from curate.quality import classifier
from curate.quality.config import Score
from curate.storage.writing import sha256_of

LABEL = "kept"
CHARACTERS = 5_000
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
    """A page that was extracted: its address, its quick text, and whether the filter kept it."""

    url: str
    quick: str
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A gate's threshold, and what it did to pages of hosts that neither trained it nor set the threshold."""

    threshold: float
    kept_lost: float
    rejected_refused: float
    pages: tuple[int, ...]  # that trained, that set the threshold, that tested
    sha256: str = ""


def score(text: str, model: tuple[str, ...]) -> float:
    """The probability in [0, 1] that the filter will keep the page of a quick text; model: file and sha256."""
    path, sha256 = model
    return classifier.load(storage.path(path), sha256).score(text[:CHARACTERS], LABEL)


def checked_model(path: str | None) -> tuple[str, ...]:
    """A model's file and sha256, or nothing where there is no model; SettingsError where it is none of ours."""
    if path is None:
        return ()
    try:
        with storage.local(storage.path(path)) as file:
            sha256 = sha256_of(file)
        known = classifier.load(storage.path(path), sha256).labels
    except (OSError, ValueError) as error:
        raise SettingsError(f"extract.quality_model: {path}: {error}") from None
    if LABEL not in known:
        raise SettingsError(f"extract.quality_model: {path} has no label {LABEL!r}; curate gate makes such a model")
    return path, sha256


def part_of(url: str) -> int:
    """The part that an address belongs to by its host: 0 trains, 1 sets the threshold, 2 tests."""
    try:
        host = parse_url(url, ("hostname",))["hostname"]
    except ValueError:
        host = url
    place = int.from_bytes(hashlib.blake2b(host.encode(), digest_size=8).digest(), "big") % 100
    return (place >= TRAIN) + (place >= CALIBRATE)


def train(pages: Iterable[JudgedPage], path: Path, *, loss: float) -> Card:
    """Train a gate that refuses less than the share `loss` of kept pages, write it, and say what it does.

    SettingsError where there are too few pages to tell.
    """
    parts: tuple[list[JudgedPage], ...] = ([], [], [])
    for page in pages:
        parts[part_of(page.url)].append(page)
    kept, rejected = ([page.quick for page in parts[0] if page.kept is kind] for kind in (True, False))
    fewest = min(len(kept), len(rejected), *(sum(page.kept for page in part) for part in parts[1:]))
    if fewest < LEAST:
        raise SettingsError(f"too few pages to train a gate and to tell what it does: {fewest}, of {LEAST} at least")
    classifier.train([text[:CHARACTERS] for text in kept], [text[:CHARACTERS] for text in rejected], path, MODEL)
    model = (str(path), sha256_of(path))
    calibrated, tested = (
        {kind: sorted(_judged(page, model) for page in part if page.kept is kind) for kind in (True, False)}
        for part in parts[1:]
    )
    least_kept = calibrated[True][int(len(calibrated[True]) * loss / 2)]  # half, as the next hosts are others
    threshold = min([least_kept, *calibrated[False][-1:]])  # above the best rejected page there is nothing to refuse
    return Card(
        threshold=threshold,
        kept_lost=share_below(tested[True], threshold),
        rejected_refused=share_below(tested[False], threshold),
        pages=tuple(map(len, parts)),
        sha256=model[1],
    )


def _judged(page: JudgedPage, model: tuple[str, ...]) -> float:
    """The score of a page; 1 where its quick text is so short that no gate refuses it."""
    return score(page.quick, model) if len(page.quick) >= UNDECIDED else 1.0


def share_below(scores: list[float], threshold: float) -> float:
    """The share of scores that a threshold refuses."""
    return sum(score < threshold for score in scores) / len(scores) if scores else 0.0
