"""The threshold of a top share is the one that sorting finds, ties and all."""

import json
import math
import shutil
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import UserError
from curate.quality.scores import threshold
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.record import close_stage, open_stage

SCORED = pa.schema([pa.field("source", pa.string()), pa.field("quality", pa.float32())])
SCORES = st.lists(st.floats(0, 1, width=32) | st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=60)


def stage(folder, parts, keep="all", source="web"):
    """A finished score stage, as far as thresholds read it."""
    shutil.rmtree(folder, ignore_errors=True)
    items = tuple(
        Item(number=number, name=f"p{number}", uri="", form="part", digest="", size=0) for number in range(len(parts))
    )
    plan = Plan(stage="score", folder=folder, settings={"score": {"keep": keep}}, items=items)
    open_stage(plan)
    for item, scores in zip(items, parts, strict=True):
        with PartWriter(folder, item.number, plan.part_key(item), schema=SCORED) as part:
            for score in scores:
                part.keep_row({"source": source, "quality": score}, source, 1)
    close_stage(plan)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("scored")


@given(SCORES, st.integers(0, 60), st.floats(0.001, 1))
def test_the_threshold_is_the_score_of_the_last_document_of_the_top_share(place, scores, cut, fraction):
    top = threshold(stage(place / "score", [scores[:cut], scores[cut:]]), fraction)
    exact = sorted((float(np.float32(score)) for score in scores), reverse=True)
    assert top.score == exact[math.ceil(Fraction(str(fraction)) * len(exact)) - 1]
    assert top.kept == sum(score >= top.score for score in exact) >= fraction * len(exact)
    assert top.documents == len(scores)


def test_a_document_without_a_score_counts_as_0(tmp_path):
    assert threshold(stage(tmp_path / "score", [[None, 0.5]]), 1.0) == (0.0, 2, 2)


def test_the_command_prints_what_the_rule_takes(call, tmp_path):
    stage(tmp_path / "score", [[0.25, 0.5, 0.75, 1.0]])
    done = call("quality", "threshold", tmp_path, "--fraction", "0.5")
    assert "score.threshold=0.75" in done.out
    assert "keeps 2 of 4 documents" in done.out
    printed = call("quality", "threshold", tmp_path / "score", "--fraction", "0.5", "--source", "web", "--json")
    assert json.loads(printed.out) == {"score": 0.75, "kept": 2, "documents": 4}


@pytest.mark.parametrize(
    ("keep", "fraction", "source", "message"),
    [
        ("pareto", 0.5, None, 'score with --set score.keep="all" first'),
        ("all", 0.0, None, "--fraction lies above 0 and up to 1, got 0.0"),
        ("all", math.nan, None, "--fraction lies above 0"),
        ("all", 0.5, "books", "no documents of the source 'books'"),
    ],
)
def test_what_has_no_threshold_is_refused(keep, fraction, source, message, tmp_path):
    with pytest.raises(UserError, match=message):
        threshold(stage(tmp_path / "score", [[0.5]], keep), fraction, source)
