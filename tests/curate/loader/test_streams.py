"""Sources and shards as a manifest states them: read as one, and named where they are not so."""

import subprocess
import sys

import pytest
from small_sets import write

from curate.loader import Loader, streams
from curate.loader.streams import Stream, read_sources


@pytest.fixture
def pair(tmp_path):
    """a is 0 .. 999 in four shards, one of them empty; b is 10000 .. 10499."""
    parts = [range(300), [], range(300, 317), range(317, 1000)]
    return write(tmp_path, {"a": (0.7, {"train": parts}), "b": (0.3, {"train": [range(10000, 10500)]})})


def open_all(manifest):
    return Loader(manifest, context=16, batch=4, seed=0)


def test_a_stream_reads_across_shards_as_if_they_were_one(pair):
    stream = Stream(read_sources(pair, "train")[0].shards)
    assert len(stream) == 1000
    for start, count in [(0, 1000), (299, 20), (300, 1), (316, 2), (990, 50), (1000, 5), (7, 0)]:
        assert stream.read(start, count).tolist() == list(range(start, min(start + count, 1000)))


def test_a_split_that_is_not_there_has_no_shards(pair):
    assert [source.tokens for source in read_sources(pair, "valid")] == [0, 0]


def test_a_missing_shard_is_named(pair):
    (pair.parent / "shards/train/b/part-00000-of-00001.bin").unlink()
    with pytest.raises(ValueError, match=r"train/b/part-00000-of-00001\.bin: no such shard"):
        open_all(pair)


def test_a_shard_of_the_wrong_size_is_named_with_both_sizes(pair):
    cut = pair.parent / "shards/train/b/part-00000-of-00001.bin"
    cut.write_bytes(cut.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"part-00000-of-00001\.bin: 999 bytes, but its manifest states 1000"):
        open_all(pair)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[]", "not a manifest of format curate.manifest, version 1"),
        ('{"format": "curate.manifest", "version": 2}', "version 2"),
        ('{"format": "curate.manifest", "version": 1, "dtype": ">u2"}', "dtype >u2"),
        ('{"format": "curate.manifest", "version": 1, "dtype": ["<u2"]}', "dtype .*<u2"),
    ],
)
def test_a_file_that_is_no_manifest_is_named(tmp_path, text, why):
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"manifest\.json: .*{why}"):
        open_all(path)


def test_a_manifest_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.json: no such manifest"):
        open_all(tmp_path / "none.json")


@pytest.mark.parametrize("sources", [[{"name": "a"}], [{"name": "a", "weight": 1, "splits": []}], {}, [3]])
def test_a_malformed_manifest_is_named(tmp_path, sources):
    with pytest.raises(ValueError, match=r"manifest\.json: "):
        open_all(write(tmp_path, {}, {"sources": sources}))


@pytest.mark.parametrize("weight", [-1, "much", "1/0", None, float("nan")])
def test_a_weight_that_is_none_is_named(tmp_path, weight):
    with pytest.raises(ValueError, match=r"manifest\.json: malformed manifest: .*(weight -1|much|1, 0|None|nan)"):
        open_all(write(tmp_path, {"a": (weight, {"train": [range(50)]})}))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of open files to set")
def test_more_shards_than_files_may_be_open_are_read(tmp_path):
    path = write(tmp_path, {"a": (1, {"train": [range(number, number + 9) for number in range(300)]})})
    code = (
        "import resource; from curate.gpt.vocabulary import occurring_ids; from curate.loader import Loader;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128));"
        f"manifest = Loader({str(path)!r}, context=8, seed=0).manifest;"
        "loaders = [Loader(manifest, context=8, seed=seed) for seed in range(2)];"
        "print([int(loader.samples(0, 337).sum()) for loader in loaders], len(occurring_ids(manifest)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    expected = [int(Loader(path, context=8, seed=seed).samples(0, 337).sum()) for seed in range(2)]
    assert done.stdout == f"{expected} 308\n", done.stderr


def test_a_shard_is_mapped_again_after_others_took_its_place(tmp_path, monkeypatch):
    path = write(tmp_path, {"a": (1, {"train": [range(9), range(9, 18), range(18, 27)]})}, digests=True)
    monkeypatch.setattr(streams, "MOST_MAPS", 1)
    stream = streams.Stream(streams.read_sources(path, "train")[0].shards)
    for start in (0, 20, 5, 12, 0):
        assert stream.read(start, 7).tolist() == [*range(start, start + 7)]
        assert len(stream._maps) == 1


@pytest.mark.parametrize("name", ["manifest.json", "", "./"])
def test_a_loader_takes_a_name_as_text_of_the_manifest_or_of_its_folder(pair, name):
    by_name = Loader(str(pair.parent / name) if name != "./" else f"{pair.parent}/", context=16, seed=0)
    assert (by_name.samples(0, 9) == Loader(pair, context=16, seed=0).samples(0, 9)).all()


def test_reading_needs_no_library_but_numpy(pair):
    code = (
        "import sys; from pathlib import Path; from curate.loader import Loader;"
        f"Loader(Path({str(pair)!r}), context=16, batch=4, seed=0).batch_at(0);"
        "print(sorted({'pyarrow', 'torch', 'apache_beam', 'upath', 'fsspec', 'urllib3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
