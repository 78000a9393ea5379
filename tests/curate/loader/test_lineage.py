"""From a training sample back to its documents."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sets import write, write_meta

from curate.loader import Loader

LENGTHS = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=6), min_size=1, max_size=4)
DOCUMENT = 100  # token = shard * 10000 + document * 100 + place in the document


def dataset(folder, shards):
    """One source of shards of documents of these lengths; each token says where it is from."""
    tokens = [
        [10_000 * shard + DOCUMENT * number + at for number, length in enumerate(lengths) for at in range(length)]
        for shard, lengths in enumerate(shards)
    ]
    manifest = write(folder, {"web": (1, {"train": tokens})})
    for number, lengths in enumerate(shards):
        write_meta(folder / f"shards/train/web/part-{number:05d}-of-{len(shards):05d}.meta.parquet", "web", lengths)
    return manifest


@settings(max_examples=60, deadline=None)
@given(LENGTHS.filter(lambda shards: sum(map(sum, shards)) > 12), st.integers(0, 50), st.integers(0, 3))
def test_the_places_of_a_sample_are_the_documents_of_its_tokens(tmp_path_factory, shards, step, row):
    loader = Loader(dataset(tmp_path_factory.mktemp("web"), shards), context=12, batch=4, seed=3)
    window, documents = loader.batch_at(step)[row], loader.locate(step, row)
    assert [documents[0].start, *(place.stop for place in documents)] == [
        0,
        *(place.start for place in documents[1:]),
        13,
    ]
    for place in documents:
        shard, number = divmod(int(window[place.start]), 10_000)
        document = number // DOCUMENT
        expected = np.arange(place.stop - place.start) + window[place.start]
        assert window[place.start : place.stop].tolist() == expected.tolist()
        assert place.url == f"http://web/part-{shard:05d}-of-{len(shards):05d}/{document}"
        assert place.id == f"{document:02x}" * 16
        assert place.shard == f"shards/train/web/part-{shard:05d}-of-{len(shards):05d}"
        assert place.token == sum(shards[shard][:document]) + number % DOCUMENT
    assert all(a.url != b.url or a.token > b.token for a, b in pairwise(documents))


def test_a_missing_meta_file_is_named(tmp_path):
    loader = Loader(dataset(tmp_path, [[20, 20]]), context=12, seed=3)
    (tmp_path / "shards/train/web/part-00000-of-00001.meta.parquet").unlink()
    with pytest.raises(ValueError, match=r"part-00000-of-00001\.meta\.parquet: missing"):
        loader.locate(0, 0)


def test_a_broken_meta_file_is_named(tmp_path):
    loader = Loader(dataset(tmp_path, [[20, 20]]), context=12, seed=3)
    (tmp_path / "shards/train/web/part-00000-of-00001.meta.parquet").write_bytes(b"not Parquet")
    with pytest.raises(ValueError, match=r"part-00000-of-00001\.meta\.parquet: cannot read it"):
        loader.locate(0, 0)
