"""Ids that stand twice are named with their files, whatever the sizes, and so are ids of different texts."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limited
from hypothesis import strategies as st

from curate.inspection import ids

ROWS = st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.sampled_from(["a", "b", ""])), max_size=6)


def write(path, rows, kept=None):
    columns = {"id": pa.array([id_ for id_, _ in rows], pa.binary(16)), "text": pa.array([text for _, text in rows])}
    columns["text"] = columns["text"].cast(pa.string())
    if kept is not None:
        columns["kept"] = pa.array(kept, pa.bool_())
    pq.write_table(pa.table(columns), path)
    return path


def key(number):
    return number.to_bytes(16, "big")


@given(st.lists(ROWS, min_size=1, max_size=3), st.data())
@limited(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_repeated_id_is_named_and_unique_ids_are_not(tmp_path, files, data):
    rows = [row for part in files for row in part]
    if rows and data.draw(st.booleans()):
        files[-1].append(data.draw(st.sampled_from(rows)))
        rows.append(files[-1][-1])
    paths = [write(tmp_path / f"{number}.parquet", part) for number, part in enumerate(files)]
    faults = list(ids.repeated_in(paths))
    assert bool(faults) == (len({id_ for id_, _ in rows}) < len(rows))
    texts = {}
    for id_, text in rows:
        texts.setdefault(id_, set()).add(text)
    assert bool(list(ids.differing_in(paths))) == any(len(own) > 1 for own in texts.values())


def test_the_line_names_the_id_how_often_it_stands_and_the_files(tmp_path):
    first = write(tmp_path / "a.parquet", [(key(7), "x"), (key(1), "y")])
    last = write(tmp_path / "b.parquet", [(key(2), "x"), (key(7), "z"), (key(7), "x")])
    assert list(ids.repeated_in([first, last])) == [f"{first}: the id {key(7).hex()} stands 3 times, last in {last}"]
    assert list(ids.differing_in([first, last])) == [
        f"{last}: the document {key(7).hex()} has another text than in {first}"
    ]


def test_only_rows_that_a_column_marks_are_counted(tmp_path):
    path = write(tmp_path / "a.parquet", [(key(7), "x"), (key(7), "x")], kept=[True, False])
    assert list(ids.repeated_in([path], only="kept")) == []
    path = write(tmp_path / "a.parquet", [(key(7), "x"), (key(7), "x")], kept=[True, True])
    assert len(list(ids.repeated_in([path], only="kept"))) == 1


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_ids_in_many_bins_are_compared_as_in_one(tmp_path, monkeypatch, at_once):
    rows = [(bytes([number]) * 16, "x") for number in range(40)]
    path = write(tmp_path / "a.parquet", rows)
    monkeypatch.setattr(ids, "AT_ONCE", at_once)
    assert list(ids.repeated_in([path])) == []
    path = write(tmp_path / "a.parquet", [*rows, rows[3], (rows[30][0], "other")])
    assert len(list(ids.repeated_in([path]))) == 1
    assert len(list(ids.differing_in([path]))) == 1
