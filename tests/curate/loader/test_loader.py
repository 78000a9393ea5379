"""The loader's laws: one stream of samples, whoever reads it and however, from any place on."""

import json
import pickle
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sets import write

from curate.loader import Loader
from curate.loader.loader import PLAN, PLANS

SETTINGS = {"split": "train", "context": 16, "batch": 4, "seed": 7}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two sources whose tokens say where they are: a is 0 .. 999 in four shards, b is 10000 .. 10499."""
    parts = [range(300), [], range(300, 317), range(317, 1000)]
    sources = {"a": (0.7, {"train": parts}), "b": (0.3, {"train": [range(10000, 10500)]})}
    return write(tmp_path_factory.mktemp("pair"), sources)


@pytest.fixture(scope="module")
def stream(pair):
    """The first 4500 samples of it: over three plans, and many epochs."""
    return Loader(pair, **SETTINGS).samples(0, 4500)


def own(pair, name="own"):
    """A copy of a manifest beside it, to be changed."""
    copy = pair.with_name(f"{name}.json")
    copy.write_bytes(pair.read_bytes())
    return copy


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4400), st.integers(0, 100)), max_size=8))
def test_samples_are_the_same_wherever_reading_begins_and_in_whatever_order(pair, stream, ranges):
    loader = Loader(pair, **SETTINGS)
    for first, count in ranges:
        assert (loader.samples(first, count) == stream[first : first + count]).all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2000),
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 7), st.integers(1, 9)), min_size=1, max_size=6),
)
def test_a_run_that_is_resumed_with_other_batches_worlds_and_micro_batches_reads_the_same(pair, stream, seen, legs):
    """Each leg: steps of a batch, cut over ranks, each rank's part cut into micro-batches; then a new process."""
    read, state = [], Loader(pair, **SETTINGS).state(seen)
    for batch, world, micro in legs:
        loader = Loader(pair, **SETTINGS | {"batch": batch})
        at = loader.resume(json.loads(json.dumps(state)))
        for _ in range(3):
            for rank in range(world):
                part = loader.part(at, batch, rank, world)
                read += [part[row : row + micro] for row in range(0, len(part), micro)]
            at += batch
        state = loader.state(at)
    assert (np.concatenate(read) == stream[seen : state["samples"]]).all()


def test_batches_go_on_from_the_samples_seen_rank_by_rank(pair, stream):
    batches = [Loader(pair, **SETTINGS).batches(10, rank=rank, world=2) for rank in (0, 1)]
    read = [next(batches[rank]) for _ in range(3) for rank in (0, 1)]
    assert (np.concatenate(read) == stream[10:22]).all()


def test_batches_by_number_are_runs_of_the_stream(pair, stream):
    loader, room = Loader(pair, **SETTINGS | {"batch": 10}), np.empty((10, 17), np.int64)
    assert (loader.batch_at(5) == stream[50:60]).all()
    assert loader.batch_at(6, room) is room
    assert (room == stream[60:70]).all()


def test_far_more_plans_than_are_kept_give_the_same_samples(pair, stream):
    loader = Loader(pair, **SETTINGS)
    for block in range(3 * PLANS):
        loader.samples(block * PLAN, 1)
    assert (loader.samples(0, 300) == stream[:300]).all()


def test_another_process_gets_the_loader_without_its_maps_and_reads_the_same(pair, stream):
    loader = Loader(pair, **SETTINGS)
    fresh = len(pickle.dumps(loader))
    loader.samples(0, 1)
    copy = pickle.loads(pickle.dumps(loader))
    assert len(pickle.dumps(copy)) < fresh + 150_000  # a plan, and no tokens
    assert (copy.samples(0, 500) == stream[:500]).all()


def test_a_window_is_of_neighbouring_tokens_and_of_one_source(stream):
    steps = np.diff(stream)
    assert stream.shape == (4500, 17)
    assert stream.dtype == np.int64
    assert np.isin(steps, [1, -999, -499]).all()  # from the last token of a source to its first
    assert ((steps != 1).sum(axis=1) <= 1).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4500))
def test_every_prefix_holds_its_share_of_each_source_within_two_samples(stream, m):
    assert abs((stream[:m, 0] < 1000).sum() - Fraction(7 * m, 10)) < 2


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40),
    st.lists(st.integers(0, 90), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 40),
    st.integers(0, 2**64 - 1),
)
def test_an_epoch_holds_every_window_once_and_every_token_but_a_few(tmp_path_factory, context, sizes, seed):
    """Whatever the shards: each token at most once as a target, and fewer than T tokens left out."""
    ends = np.cumsum([0, *sizes])
    shards = [range(low, high) for low, high in pairwise(ends)]
    manifest = write(tmp_path_factory.mktemp("one"), {"only": (1, {"train": shards})})
    loader = Loader(manifest, context=context, seed=seed)
    windows = loader.windows(0)
    assert windows == sum(sizes) // context
    for epoch in range(3):
        targets = loader.samples(epoch * windows, windows)[:, 1:].flatten()
        assert len(set(targets.tolist())) == windows * context > sum(sizes) - context


def test_epochs_differ_in_order_and_offset(tmp_path):
    loader = Loader(write(tmp_path, {"only": (1, {"train": [range(5000)]})}), context=50, seed=1)
    first, second = loader.samples(0, 100)[:, 0], loader.samples(100, 100)[:, 0]
    assert first[0] % 50 != second[0] % 50
    assert (first // 50).tolist() != (second // 50).tolist()


def test_what_was_seen_is_what_was_read(pair, stream):
    a, b = Loader(pair, **SETTINGS).seen(4500)
    assert (a.source, a.samples, a.tokens) == ("a", 3150, 3150 * 16)
    assert a.samples == (stream[:, 0] < 1000).sum()
    assert (a.epochs, b.epochs) == (3150 / 62, 1350 / 31)


def test_the_published_weights_give_the_epochs_that_follow_from_them_not_those_of_the_table(tmp_path):
    """GPT-3's Table 2.2 in small: a thousand tokens for a billion, 300B tokens seen."""
    sizes = {"common_crawl": 410, "webtext2": 19, "books1": 12, "books2": 55, "wikipedia": 3}
    weights = dict(zip(sizes, (60, 22, 8, 8, 3), strict=True))
    sources = {name: (weights[name], {"train": [np.arange(1000 * sizes[name]) % 50256]}) for name in sizes}
    loader = Loader(write(tmp_path, sources), context=10, seed=0)
    epochs = [round(progress.epochs * 1.01, 2) for progress in loader.seen(30_000)]  # the weights sum to 101
    assert epochs == [0.44, 3.47, 2.0, 0.44, 3.0]


def test_a_short_source_is_left_out_and_the_others_take_its_share(tmp_path):
    sources = {"long": (0.5, {"train": [range(500)]}), "short": (0.4, {"train": [range(9)]}), "none": (0.1, {})}
    loader = Loader(write(tmp_path, sources), context=16, batch=4, seed=0)
    assert loader.left_out == ("short", "none")
    assert [progress.source for progress in loader.seen(5)] == ["long"]


def test_a_source_of_weight_0_is_never_read(tmp_path):
    sources = {"a": (1, {"train": [range(500)]}), "b": (0, {"train": [range(1000, 1500)]})}
    loader = Loader(write(tmp_path, sources), context=16, batch=64, seed=0)
    assert loader.batch_at(0).max() < 500
    assert loader.left_out == ()


def test_ids_of_32_bits_are_read(tmp_path):
    manifest = write(tmp_path, {"a": (1, {"train": [range(100_000, 100_500)]})}, dtype="<u4")
    assert Loader(manifest, context=16, seed=0).samples(0, 31).min() >= 100_000


def test_too_few_tokens_for_one_window_are_named(tmp_path):
    manifest = write(tmp_path, {"tiny": (1, {"train": [range(16)]})})
    with pytest.raises(ValueError, match=r"manifest\.json.*17 tokens.*tiny \(16 tokens"):
        Loader(manifest, context=16, batch=4, seed=0)
    assert Loader(manifest, context=15, batch=4, seed=0).batch_at(0).shape == (4, 16)


@pytest.mark.parametrize("change", [{"context": 0}, {"batch": 0}, {"seed": -1}, {"seed": 2**64}])
def test_a_setting_without_meaning_is_refused(pair, change):
    with pytest.raises(ValueError, match="context and batch are at least 1"):
        Loader(pair, **SETTINGS | change)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda loader: loader.samples(-1, 2), "a first sample from 0 on"),
        (lambda loader: loader.samples(0, 2, np.empty((2, 16), np.int64)), "room for 2 windows"),
        (lambda loader: loader.part(0, 4, 2, 2), "a rank below the world size, got 2 of 2"),
        (lambda loader: loader.locate(0, 4), "a row below 4, got step 0, row 4"),
        (lambda loader: loader.resume(loader.state(0) | {"samples": -3}), "from 0 on, got -3"),
    ],
)
def test_a_place_that_is_not_there_is_refused(pair, call, why):
    with pytest.raises(ValueError, match=why):
        call(Loader(pair, **SETTINGS))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"context": 17}, "context was 16 and is 17"),
        ({"seed": 8}, "seed was 7 and is 8"),
        ({"weight": ("0.7", "0.6")}, "source a has weight '3/5', which was '7/10'"),
        ({"digest": ("a", "ab" * 32)}, "source a has shards "),
        ({"name": ('"name": "b"', '"name": "c"')}, "source c has name 'c', which was None"),
    ],
)
def test_resuming_on_another_stream_is_refused_by_what_differs(pair, change, why):
    state, other = Loader(pair, **SETTINGS).state(40), own(pair)
    changed = {key: value for key, value in change.items() if key in SETTINGS}
    table = json.loads(other.read_text())
    if "digest" in change:
        table["sources"][0]["splits"]["train"]["shards"][0]["files"] = {"bin": {"sha256": change["digest"][1]}}
    text = json.dumps(table)
    for key in change.keys() & {"weight", "name"}:
        text = text.replace(*change[key])
    other.write_text(text)
    with pytest.raises(ValueError, match=f"own.json: this would not go on with the checkpoint's samples: {why}"):
        Loader(other, **SETTINGS | changed).resume(state)


def test_words_of_a_manifest_that_decide_no_sample_may_change(pair):
    state, other = Loader(pair, **SETTINGS).state(40), own(pair, "renamed")
    other.write_text(other.read_text().replace('"name": "test"', '"name": "anew", "stages": []'))
    assert Loader(other, **SETTINGS | {"batch": 9}).resume(state) == 40
