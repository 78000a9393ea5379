"""Rows of many parts in ranges: every row once, in the range of its place, equal places in the order of the parts."""

from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st

from curate.errors import DamageError
from curate.stage import ranges
from curate.stage.parts import read_receipt
from curate.stage.plan import Item, Plan
from curate.stage.ranges import PLACES, Passes, cut, grouped, in_memory, run_index, run_names, slices, writing_run
from curate.storage.segments import parse_index, read

SCHEMA = pa.schema([pa.field("place", pa.uint64(), nullable=False), pa.field("text", pa.binary(), nullable=False)])
places = st.integers(0, PLACES - 1) | st.integers(PLACES - 3, PLACES - 1) | st.integers(0, 3)


def table(rows):
    return pa.table({"place": [place for place, _ in rows], "text": [text for _, text in rows]}, schema=SCHEMA)


def a_plan(folder, passes):
    items = tuple(
        Item(number=number, name=f"step {number}", uri="", form="keys", digest="", size=0)
        for number in range(passes.starts[-1])
    )
    (folder / "receipts").mkdir(parents=True)
    return Plan(stage="gather", folder=folder, settings={"passes": asdict(passes)}, items=items)


def distribute(plan, passes, groups, held=1 << 20):
    """Runs every step; the last pass keeps the order of places, stable."""
    for item in plan.items:
        step = passes.step(item.number)
        with writing_run(plan, item) as run:

            def rows(step=step):
                return [table(groups[step.cluster])] if not step.number else slices(plan.folder, passes, step, SCHEMA)

            if passes.is_last(step):
                for own in in_memory(rows, "place", held):
                    own = own.take(np.argsort(own["place"].to_numpy(), kind="stable"))
                    run.segments.add(own, 0, own["place"][0].as_py(), own["place"][-1].as_py())
            else:
                cut(rows(), "place", passes.edges(step), run, held)


def rows_of(plan, number):
    index = run_index(plan.folder, number)
    tables = read(plan.folder / run_names(number)[0], index, np.arange(len(index.length)), SCHEMA)
    return [(row["place"], row["text"]) for own in tables for row in own.to_pylist()]


@given(st.lists(st.lists(places, max_size=6), min_size=1, max_size=9), st.integers(2, 3), st.sampled_from([1, 1 << 20]))
@limited(max_examples=6, deadline=None)
def test_ranges_hold_every_row_once_in_order_and_equal_places_as_the_parts_hold_them(
    tmp_path_factory, drawn, most, held
):
    groups = [[(place, f"{group}-{row}".encode()) for row, place in enumerate(own)] for group, own in enumerate(drawn)]
    passes = Passes.over(len(groups), most)
    plan = a_plan(tmp_path_factory.mktemp("ranges") / "stage", passes)
    distribute(plan, passes, groups, held)
    rows = [row for group in groups for row in group]
    pieces = [rows_of(plan, passes.final(piece)) for piece in range(passes.ranges)]
    assert [row for piece in pieces for row in piece] == sorted(rows, key=lambda row: row[0])
    assert all(passes.range_of(place) == number for number, piece in enumerate(pieces) for place, _ in piece)
    assert all(read_receipt(plan.folder, item.number, plan.part_key(item)) for item in plan.items)


@given(st.integers(1, 10**7), st.integers(2, 300))
def test_a_step_reads_at_most_so_many_slices_and_passes_are_as_few_as_can_be(groups, most):
    passes = Passes.over(groups, most)
    assert passes.fan <= most
    assert passes.ranges >= groups
    assert passes.last == 0 or most ** (passes.last - 1) < groups
    assert passes.starts[-1] <= 3 * (passes.last + 1) * groups + passes.fan
    for item in {0, passes.starts[-1] - 1, passes.starts[-2], passes.starts[-1] // 2}:
        step = passes.step(item)
        assert passes.item(step.number, step.cluster, step.piece) == item
        if step.number:
            numbers, own = passes.inputs(step)
            assert 0 < len(numbers) <= passes.fan
            assert 0 <= own < passes.fan
            assert {passes.step(number).number for number in numbers} == {step.number - 1}


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=20), st.integers(1, 60))
def test_groups_are_the_parts_in_order_and_a_large_part_is_divided_by_its_rows(parts, limit):
    sizes, rows = [size for size, _ in parts], [count for _, count in parts]
    groups = grouped(sizes, rows, limit)
    held = [
        (number, row)
        for group in groups
        for number in range(group.first, group.stop)
        for row in range(rows[number])[group.start_row : group.stop_row]
    ]
    assert held == [(number, row) for number, count in enumerate(rows) for row in range(count)]
    for group in groups:
        single = group.stop - group.first == 1
        assert group.size <= limit + (sizes[group.first] / max(rows[group.first], 1) if single else 0)
    assert sum(size > limit for size in sizes) + 2 * sum(sizes) / limit + 1 + len(parts) >= len(groups)


def test_rows_that_do_not_fit_are_read_once_for_each_range_and_one_place_is_never_divided():
    rows = table([(place, bytes(1000)) for place in [5, 5, 5, 1, 9, 9]])
    pieces = [own["place"].to_pylist() for own in in_memory(lambda: [rows], "place", 2500)]
    assert pieces == [[1], [5, 5, 5], [9, 9]]


@pytest.mark.parametrize("end", [0, 1])
def test_a_changed_byte_is_found_before_a_row_is_handed_on(tmp_path, end):
    passes = Passes.over(1)
    plan = a_plan(tmp_path / "stage", passes)
    distribute(plan, passes, [[(1, b"a"), (2, b"b")]])
    path = plan.folder / run_names(0)[end]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamageError, match=path.name):
        rows_of(plan, 0)
    path.unlink()
    with pytest.raises(DamageError, match=f"{path.name}: missing"):
        rows_of(plan, 0)


def test_an_index_is_read_alone_and_a_reader_reads_only_the_segments_that_it_names(tmp_path):
    plan = a_plan(tmp_path / "stage", Passes.over(1))
    with writing_run(plan, plan.items[0]) as run:
        for place in range(20):
            run.segments.add(table([(place, bytes([place]) * 10)]), place % 2, place, place, texts=10)
        run.facts["inputs"] = "abc"
    rows, name = run_names(0)
    index = parse_index((plan.folder / name).read_bytes(), plan.folder / name)
    assert index.facts == {"inputs": "abc"}
    assert index.sums["texts"].tolist() == [10] * 20
    chosen = (index.group == 1) & (index.first >= 5) & (index.last <= 9)
    tables = list(ranges.read_run(plan.folder, 0, index, chosen, SCHEMA))
    assert [own["place"].to_pylist() for own in tables] == [[5], [7], [9]]
    assert index.length.sum() == (plan.folder / rows).stat().st_size
