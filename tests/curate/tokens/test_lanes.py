"""Shards are what one sort in memory gives, byte for byte, in any number of passes; and reading grows straight."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pack_reference
import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st
from token_parts import contents, packed, planned, row, tokenized

from curate.pipelines.stages import sort
from curate.recipe import Recipe
from curate.stage.ranges import Passes
from curate.stage.record import open_stage
from curate.tokens import lanes
from curate.tokens.config import Pack
from curate.tokens.packing import pack_shard

orders = st.integers(0, 2**64 - 1) | st.sampled_from([0, 5, 2**63, 2**64 - 1])  # the latter meet
DOCUMENTS = st.lists(
    st.tuples(
        st.sampled_from(["train", "train", "valid"]),
        st.sampled_from(["web", "books"]),
        orders,
        st.integers(1, 12),
        st.integers(0, 5),  # the part
        st.none() | st.floats(0, 1, width=32),
        st.integers(0, 8),  # the id, which some share
    ),
    min_size=1,
    max_size=30,
)


def made_rows(drawn):
    rows = []
    for number, (split, source, order, length, _, quality, name) in enumerate(drawn):
        entry = row(number, split, source, order, length) | {"quality": quality, "cluster_size": 1 + number % 4}
        rows.append(entry | {"id": bytes(15) + bytes([name])} if name < 3 else entry)
    return rows


def in_parts(drawn, rows):
    return [[entry for entry, draw in zip(rows, drawn, strict=True) if draw[4] == part] for part in range(6)]


@given(DOCUMENTS, st.integers(1, 40), st.sampled_from(["", "quality", "cluster_size"]), st.sampled_from([0, 30]))
@limited(max_examples=5, deadline=None)
@pytest.mark.parametrize("fan", [1, 2])
def test_shards_are_the_bytes_of_one_sort_in_memory(tmp_path_factory, fan, drawn, max_tokens, by, valid_tokens):
    """fan 1: all parts are one group; 2: each is a group, or a few, so that there are up to three passes."""
    rows = made_rows(drawn)
    edges = {"": (), "quality": (0.3, 0.7), "cluster_size": (2, 4)}[by]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "LEAST_SEGMENT", 8)
        if fan > 1:
            patch.setattr(lanes, "LEAST_GROUP", 3000)
            patch.setattr(sort, "Passes", SimpleNamespace(over=partial(Passes.over, most=fan)))
        plan = packed(tmp_path_factory.mktemp("packed"), in_parts(drawn, rows), max_tokens, edges, valid_tokens, by=by)
    expected = pack_reference.files(rows, max_tokens, edges, by or "quality", valid_tokens)
    written = {name: content for name, content in contents(plan).items() if not name.startswith("sorted/")}
    assert written == expected


def bytes_read(folder, parts, patch):
    """What packing reads of so many parts of 20 documents, beside the bytes of their tokens."""
    rows = [row(number, order=number * 0x9E3779B97F4A7C15 % 2**64, length=500) for number in range(20 * parts)]
    source = tokenized(folder / "tokenize", [rows[start : start + 20] for start in range(0, len(rows), 20)])
    patch.setattr(lanes, "LEAST_GROUP", 100_000)
    recipe = Recipe(name="own", pack=Pack(max_tokens=20_000))
    before = rchar()
    plan = planned(recipe, folder / "shards", source)
    open_stage(plan)
    for item in plan.items:
        pack_shard(plan, item)
    return (rchar() - before) / (1000 * len(rows)), len(plan.items)


def rchar():
    """Bytes that reads of this process have returned, as the kernel counts them."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="this kernel counts no bytes")
def test_packing_reads_at_most_four_times_the_tokens_however_many_parts_and_shards(tmp_path, monkeypatch):
    bytes_read(tmp_path / "first", 1, monkeypatch)  # modules and the tokenizer are read once
    small, shards = bytes_read(tmp_path / "small", 12, monkeypatch)
    large, more = bytes_read(tmp_path / "large", 36, monkeypatch)
    assert more >= 2.9 * shards > 15
    assert small <= 4
    assert large <= min(4, 1.3 * small)
