"""The quality model that ships with the package, on real text of hosts and works that did not train it.

PYTHONPATH=tests/models python tests/gates/test_quality.py    # prints the table
"""

import hashlib
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import english
import numpy as np
import pytest

from curate.quality.classifier import Model
from curate.quality.measure import auc
from curate.quality.model_file import shipped
from curate.quality.training import Evaluation, card_path, evaluate
from curate.quality.windows import Window, host_or_id, is_held_out, match_lengths, windows
from curate.records import Document, document_id

DATA = Path(__file__).parents[2].parent / "shared" / "data"
EDITED = shipped("edited")
DAY = datetime(2020, 1, 1, tzinfo=UTC)
LEAST, LEAST_BY_WORDS, LEAST_MASKED, LEAST_SAME_PAGE = 0.95, 0.93, 0.88, 0.83
MOST_CALIBRATION_ERROR = 0.05


def document(url: str, text: str) -> Document:
    return Document(id=document_id(url + text[:99], DAY, b""), url=url, timestamp=DAY, source="labels", text=text)


def unseen(url: str) -> bool:
    return is_held_out(host_or_id(document(url, "")))


def held_out(data: Path) -> list[Window]:
    """The windows of the hosts and works that did not train."""
    kinds: dict[bool, list[Document]] = {True: [], False: []}
    for page in english.labelled(data, unseen):
        kinds[page.positive].append(document(page.url, page.text))
    return match_lengths(*(windows(kinds[kind], positive=kind) for kind in (True, False)))


def same_pages(all_windows: list[Window]) -> float:
    """The AUC over what people marked on pages against the rest of these same pages: no source can tell here."""
    model = Model(EDITED)
    own = [window for window in all_windows if window.host.endswith(".gold.example")]
    scores = np.array([model.score(window.text, "positive") for window in own])
    return auc(scores, np.array([window.positive for window in own]))


def lines(evaluation: Evaluation, same: float) -> list[str]:
    """The table for people."""
    rows = [
        f"{evaluation.windows} windows of {evaluation.hosts} hosts and works",
        f"all            {evaluation.auc:.4f}",
    ]
    rows += [f"{low:>3} to {high - 1:>3} words {value:.4f}" for low, high, value in evaluation.auc_by_words]
    return [*rows, f"masked         {evaluation.auc_masked:.4f}", f"same pages     {same:.4f}"]


@pytest.fixture(scope="module")
def kept_apart(data):
    data("gold")
    data("text")
    return held_out(data("web").parent)


@pytest.fixture(scope="module")
def evaluation(kept_apart):
    return evaluate(EDITED, kept_apart, "positive")


def test_the_default_model_tells_edited_prose_from_the_rest_of_the_web_on_hosts_unseen(evaluation, kept_apart):
    print("\n".join(lines(evaluation, same_pages(kept_apart))))
    assert evaluation.hosts > 300
    assert evaluation.auc >= LEAST
    assert evaluation.calibration_error <= MOST_CALIBRATION_ERROR


def test_it_is_no_detector_of_length(evaluation):
    for _, _, value in evaluation.auc_by_words:
        assert value >= LEAST_BY_WORDS


def test_it_does_not_live_on_names_digits_and_signs(evaluation):
    assert evaluation.auc_masked >= LEAST_MASKED


def test_it_is_no_detector_of_sources_alone(kept_apart):
    assert same_pages(kept_apart) >= LEAST_SAME_PAGE


def test_its_card_is_its_own_and_says_what_is_measured(evaluation):
    card = json.loads(card_path(EDITED).read_text())
    assert card["model"]["sha256"] == hashlib.sha256(EDITED.read_bytes()).hexdigest()
    assert card["model"]["bytes"] == EDITED.stat().st_size < 4_000_000
    assert math.isclose(card["held_out"]["auc"], evaluation.auc, abs_tol=0.01)
    assert math.isclose(card["held_out"]["auc_masked"], evaluation.auc_masked, abs_tol=0.02)


if __name__ == "__main__":
    apart = held_out(DATA)
    print("\n".join(lines(evaluate(EDITED, apart, "positive"), same_pages(apart))))
