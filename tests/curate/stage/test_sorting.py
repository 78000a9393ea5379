"""Sorting through runs on disk."""

import random

import pyarrow as pa
import pytest

from curate.stage.sorting import ROW_BYTES, in_order

SCHEMA = pa.schema([("order", pa.int64()), ("came", pa.int64()), ("ids", pa.binary())])


def rows(count):
    drawn = random.Random(0)
    return [{"order": drawn.randrange(count // 3), "came": came, "ids": bytes(came % 50)} for came in range(count)]


@pytest.mark.parametrize("limit", [1, 20 * ROW_BYTES, 10**9], ids=["a run per row", "some runs", "no run"])
def test_rows_come_in_order_and_equal_ones_as_they_came_however_little_is_held(limit, tmp_path):
    ordered = list(in_order(rows(300), SCHEMA, lambda row: row["order"], "ids", tmp_path / "run", limit))
    assert ordered == sorted(rows(300), key=lambda row: row["order"])
    assert list(tmp_path.iterdir()) == []


def test_at_most_the_limit_is_held_before_the_first_row_comes(tmp_path):
    held = in_order(rows(300), SCHEMA, lambda row: row["order"], "ids", tmp_path / "run", 100 * ROW_BYTES)
    next(held)
    assert len(list(tmp_path.iterdir())) == 3


def test_runs_go_when_the_rows_are_given_up(tmp_path):
    held = in_order(rows(300), SCHEMA, lambda row: row["order"], "ids", tmp_path / "run", 1)
    next(held)
    held.close()
    assert list(tmp_path.iterdir()) == []
