import json
import random
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.loader import (
    NO_TOKEN,
    Loader,
    Stream,
    counts,
    held_out,
    integer_weights,
    occurring_ids,
    read_sources,
)

GPT3 = (60, 22, 8, 8, 3)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=8).filter(any).map(tuple)


def write(folder: Path, sources: dict, changes: dict | None = None) -> Path:
    """A manifest of {name: (weight, {split: [tokens of each shard]})}; every token stands for three bytes."""
    tables = []
    for name, (weight, splits) in sources.items():
        stated = {}
        for split, shards in splits.items():
            stated[split] = {"shards": []}
            for number, tokens in enumerate(shards):
                path = f"shards/{split}/{name}/part-{number:05d}-of-{len(shards):05d}"
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                np.asarray(tokens, "<u2").tofile(folder / f"{path}.bin")
                stated[split]["shards"].append({"path": path, "tokens": len(tokens), "bytes": 3 * len(tokens)})
        tables.append({"name": name, "weight": weight, "splits": stated})
    manifest = {"format": "curate.manifest", "version": 1, "name": "test", "dtype": "<u2", "sources": tables}
    manifest["tokenizer"] = {"name": "gpt2", "vocabulary": 50257, "eot": 50256}
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest | (changes or {})))
    return path


@pytest.fixture
def pair(tmp_path):
    """Two sources whose tokens say where they are: a is 0 .. 999 in three shards, b is 10000 .. 10499."""
    parts = [range(300), [], range(300, 317), range(317, 1000)]
    return write(tmp_path, {"a": (0.7, {"train": parts}), "b": (0.3, {"train": [range(10000, 10500)]})})


@given(st.integers(0, 10**12), WEIGHTS)
def test_counts_sum_to_the_samples_and_one_sample_more_grows_one_source(m, weights):
    before, after = counts(m, weights), counts(m + 1, weights)
    assert sum(before) == m
    assert sorted(b - a for a, b in zip(before, after, strict=True)) == [0] * (len(weights) - 1) + [1]


@given(st.integers(0, 10**12), WEIGHTS)
def test_counts_stay_within_the_bound_that_the_docstring_states(m, weights):
    bound = max(1, sum(Fraction(1, k) for k in range(1, len(weights))))
    assert all(
        abs(n - Fraction(m * w, sum(weights))) <= bound for n, w in zip(counts(m, weights), weights, strict=True)
    )


def test_counts_of_gpt3s_mixture_stay_within_two_samples_on_every_prefix():
    off = [abs(n - m * w / sum(GPT3)) for m in range(5000) for n, w in zip(counts(m, GPT3), GPT3, strict=True)]
    assert max(off) < 2


@pytest.mark.parametrize(("m", "weights"), [(-1, (1, 2)), (3, (0, 0)), (3, (2, -1))])
def test_counts_refuse_what_has_no_meaning(m, weights):
    with pytest.raises(ValueError, match="weights"):
        counts(m, weights)


def test_weights_are_exact_decimals():
    weights = [Fraction(str(weight)) for weight in (0.1, 0.2, "0.7")]
    assert integer_weights(weights) == (1, 2, 7)


def test_a_stream_reads_across_shards_as_if_they_were_one(pair):
    stream = Stream(read_sources(pair, "train")[0].shards)
    assert len(stream) == 1000
    for start, count in [(0, 1000), (299, 20), (300, 1), (316, 2), (990, 50), (1000, 5)]:
        assert stream.read(start, count).tolist() == list(range(start, min(start + count, 1000)))


def test_a_batch_holds_whole_windows_of_neighbouring_tokens(pair):
    batch = Loader(pair, context=16, batch=10, seed=3).batch_at(5)
    assert batch.shape == (10, 17)
    assert batch.dtype == np.int64
    assert (np.diff(batch) == 1).all()
    assert (batch[:, 0] < 1000).sum() == 7  # the share of source a


def whole_epochs(manifest: Path, context: int) -> Loader:
    """A loader whose batch e is the epoch e of the manifest's one source."""
    windows = Loader(manifest, context=context, batch=1, seed=1).windows(0)
    return Loader(manifest, context=context, batch=windows, seed=1)


@pytest.mark.parametrize("context", [1, 7, 16, 100, 400, 600, 999])
def test_every_window_of_a_source_comes_once_per_epoch(tmp_path, context):
    manifest = write(tmp_path, {"only": (1, {"train": [range(400), range(400, 1000)]})})
    loader = whole_epochs(manifest, context)
    for epoch in range(3):
        starts = np.sort(loader.batch_at(epoch)[:, 0])
        assert np.diff(starts).tolist() == [context] * (loader.batch - 1)
        assert starts[0] < context


def test_epochs_differ_in_order_and_offset(tmp_path):
    loader = whole_epochs(write(tmp_path, {"only": (1, {"train": [range(5000)]})}), 50)
    first, second = loader.batch_at(0)[:, 0], loader.batch_at(1)[:, 0]
    assert first[0] % 50 != second[0] % 50
    assert (first // 50).tolist() != (second // 50).tolist()


def test_a_batch_is_the_same_whichever_batches_were_read_before(pair):
    in_order = Loader(pair, context=16, batch=8, seed=7)
    batches = [in_order.batch_at(number) for number in range(60)]  # several epochs of both sources
    order = list(range(60))
    random.Random(0).shuffle(order)
    jumping = Loader(pair, context=16, batch=8, seed=7)
    assert all((jumping.batch_at(number) == batches[number]).all() for number in order)
    assert (Loader(pair, context=16, batch=8, seed=8).batch_at(0) != batches[0]).any()


def test_two_batch_sizes_read_the_same_samples(pair):
    def samples(size, number):
        loader = Loader(pair, context=16, batch=size, seed=7)
        return Counter(map(bytes, np.concatenate([loader.batch_at(each) for each in range(number)])))

    assert samples(4, 20) == samples(16, 5)


def test_a_short_source_is_left_out_and_the_others_take_its_share(tmp_path):
    sources = {"long": (0.5, {"train": [range(500)]}), "short": (0.4, {"train": [range(9)]}), "none": (0.1, {})}
    loader = Loader(write(tmp_path, sources), context=16, batch=4, seed=0)
    assert loader.left_out == ("short", "none")
    assert loader.weights == (1,)


def test_a_source_of_weight_0_is_never_read(tmp_path):
    sources = {"a": (1, {"train": [range(500)]}), "b": (0, {"train": [range(1000, 1500)]})}
    loader = Loader(write(tmp_path, sources), context=16, batch=64, seed=0)
    assert loader.batch_at(0).max() < 500
    assert loader.left_out == ()


def test_too_few_tokens_for_one_window_are_named(tmp_path):
    manifest = write(tmp_path, {"tiny": (1, {"train": [range(16)]})})
    with pytest.raises(ValueError, match=r"manifest\.json.*17 tokens.*tiny \(16 tokens"):
        Loader(manifest, context=16, batch=4, seed=0)
    assert Loader(manifest, context=15, batch=4, seed=0).batch_at(0).shape == (4, 16)


def test_a_missing_shard_is_named(pair):
    lost = pair.parent / "shards/train/b/part-00000-of-00001.bin"
    lost.unlink()
    with pytest.raises(ValueError, match=r"train/b/part-00000-of-00001\.bin: no such shard"):
        Loader(pair, context=16, batch=4, seed=0)


def test_a_shard_of_the_wrong_size_is_named_with_both_sizes(pair):
    cut = pair.parent / "shards/train/b/part-00000-of-00001.bin"
    cut.write_bytes(cut.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"part-00000-of-00001\.bin: 999 bytes.*500 tokens \(1000 bytes\)"):
        Loader(pair, context=16, batch=4, seed=0)


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "not JSON"), ("[]", "not a curate.manifest"), ('{"format": "curate.manifest", "version": 2}', "version 2")],
)
def test_a_file_that_is_no_manifest_is_named(tmp_path, text, why):
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"manifest\.json: .*{why}"):
        Loader(path, context=16, batch=4, seed=0)


def test_a_manifest_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.json: cannot read this manifest"):
        Loader(tmp_path / "none.json", context=16, batch=4, seed=0)


@pytest.mark.parametrize("sources", [[{"name": "a"}], [{"name": "a", "weight": 1, "splits": []}], {}, [3]])
def test_a_malformed_manifest_is_named(tmp_path, sources):
    with pytest.raises(ValueError, match=r"manifest\.json: "):
        Loader(write(tmp_path, {}, {"sources": sources}), context=16, batch=4, seed=0)


@pytest.mark.parametrize("change", [{"context": 0}, {"batch": 0}, {"seed": -1}])
def test_a_setting_without_meaning_is_refused(pair, change):
    with pytest.raises(ValueError, match="need context"):
        Loader(pair, **{"context": 16, "batch": 4, "seed": 0, **change})


def test_the_fingerprint_is_of_the_manifest_and_every_setting(pair):
    settings = {"split": "train", "context": 16, "batch": 4, "seed": 0}
    base = Loader(pair, **settings).fingerprint()
    assert base == Loader(pair, **settings).fingerprint()
    for change in ({"context": 17}, {"batch": 5}, {"seed": 1}):
        assert Loader(pair, **{**settings, **change}).fingerprint() != base
    pair.write_text(pair.read_text() + "\n")
    assert Loader(pair, **settings).fingerprint() != base


def test_held_out_windows_predict_every_token_but_the_first_once_and_in_order(tmp_path):
    manifest = write(
        tmp_path, {"a": (1, {"valid": [range(20), range(20, 50)]}), "b": (1, {"valid": [[5]]}), "c": (1, {})}
    )
    windows, size = held_out(manifest, 16, 100)
    assert windows.shape == (4, 17)
    assert [token for token in windows[:, 1:].flatten().tolist() if token != NO_TOKEN] == list(range(1, 50))
    assert size == 49 * 3


def test_held_out_windows_are_shared_out_by_weight_and_limited(tmp_path):
    sources = {"a": (0.75, {"valid": [range(500)]}), "b": (0.25, {"valid": [range(1000, 1500)]})}
    windows, _ = held_out(write(tmp_path, sources), 16, 8)
    assert windows[:, 0].tolist() == [0, 16, 32, 48, 64, 80, 1000, 1016]


def test_without_held_out_text_there_are_no_windows(pair):
    assert held_out(pair, 16, 8)[0].shape == (0, 17)


def test_ids_that_occur_are_those_of_both_splits(tmp_path):
    manifest = write(tmp_path, {"a": (1, {"train": [[5, 9, 50256], []], "valid": [[7, 5]]})})
    assert occurring_ids(manifest).tolist() == [5, 7, 9, 50256]


def test_an_id_beyond_the_tokenizer_is_named_with_its_file(tmp_path):
    manifest = write(tmp_path, {"a": (1, {"train": [[5], [50300]]})})
    with pytest.raises(ValueError, match=r"part-00001-of-00002\.bin: holds token 50300"):
        occurring_ids(manifest)
