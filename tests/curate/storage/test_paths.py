"""Local or remote: names, wholeness and facts, on the disk and in a store that lies in memory."""

from contextlib import suppress
from pathlib import Path

import pytest

from curate import storage
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.inputs.items import source_items
from curate.storage.identity import identity as of_info
from curate.storage.writing import replacing, sha256_of, write_bytes

REMOTE = "memory://bucket/out"


@pytest.fixture
def folder():
    """An empty folder of a store in memory."""
    import fsspec

    fsspec.filesystem("memory").store.clear()
    return storage.path(REMOTE)


@pytest.mark.parametrize(
    ("target", "start", "name"),
    [
        ("/a/b/part", "/a/c", "../b/part"),
        ("s3://bucket/out/extract/part", "s3://bucket/out/filter", "../extract/part"),
        ("s3://bucket/out/dedup/signatures/part", "s3://bucket/out/dedup", "signatures/part"),
        ("s3://bucket/out/part", "s3://other/out", "s3://bucket/out/part"),
        ("s3://bucket/out/part", "/a/c", "s3://bucket/out/part"),
        ("/a/b/part", "s3://bucket/out", "/a/b/part"),
    ],
)
def test_a_path_is_named_from_a_folder_and_found_again_from_it(target, start, name):
    path, reader = storage.path(target), storage.path(start)
    assert storage.relative(path, reader) == name
    assert str(storage.join(reader, name)).replace("/a/c/../", "/a/") == target


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/a/x/1.gz", "/a/y/2.gz"], ["x/1.gz", "y/2.gz"]),
        (["/a/1.gz"], ["1.gz"]),
        (["s3://b/a/x/1.gz", "s3://b/a/y/2.gz"], ["x/1.gz", "y/2.gz"]),
        (["s3://b/1.gz", "s3://c/1.gz"], ["b/1.gz", "c/1.gz"]),
        (["s3://b/1.gz", "/a/1.gz"], ["s3://b/1.gz", "/a/1.gz"]),
    ],
)
def test_inputs_are_named_from_the_deepest_folder_that_holds_them_all(paths, names):
    assert storage.names_below([storage.path(path) for path in paths]) == names


def test_a_file_in_a_store_is_whole_or_not_there(folder):
    with suppress(RuntimeError), replacing(folder / "a.bin") as draft:
        draft.write_bytes(b"half")
        assert storage.names(folder) == set()
        raise RuntimeError
    assert storage.names(folder) == set()
    assert not draft.exists()
    write_bytes(folder / "a.bin", b"whole")
    assert (folder / "a.bin").read_bytes() == b"whole"
    assert storage.sizes(folder) == {"a.bin": 5}


def test_small_files_are_read_together_and_a_missing_one_is_none(folder, tmp_path):
    for place in (folder, tmp_path):
        write_bytes(place / "a", b"1")
        assert storage.contents([place / "a", place / "b"]) == [b"1", None]


def test_a_glob_finds_files_in_a_store_sorted(folder):
    for name in ("b.gz", "a.gz", "c.txt", "deep/d.gz"):
        write_bytes(folder / name, b"x")
    assert [path.name for path in storage.glob(f"{REMOTE}/*.gz")] == ["a.gz", "b.gz"]
    assert [path.name for path in storage.glob(f"{REMOTE}/**/*.gz")] == ["a.gz", "b.gz", "d.gz"]
    assert [path.name for path in storage.glob(REMOTE)] == ["a.gz", "b.gz", "c.txt", "d.gz"]
    assert [path.name for path in storage.glob(f"{REMOTE}/a.gz")] == ["a.gz"]
    assert storage.glob(f"{REMOTE}/none-*.gz") == []


@pytest.mark.parametrize(
    ("info", "identity"),
    [
        ({"size": 3, "ETag": '"abc"'}, "etag:abc:3"),
        ({"size": 3, "md5Hash": "m==", "crc32c": "c==", "etag": "CJ"}, "md5:m==:3"),
        ({"size": 3, "crc32c": "c==", "etag": "CJ"}, "crc32c:c==:3"),
        ({"name": "x", "size": 3, "created": 7}, "created:7:3"),
    ],
)
def test_an_identity_says_what_it_is_and_prefers_the_checksum_of_the_content(info, identity):
    assert of_info(info) == identity


def test_a_file_of_which_nothing_tells_a_change_is_refused():
    with pytest.raises(SettingsError, match=r"^https://x/a: its server states neither"):
        of_info({"name": "https://x/a", "size": 3, "ETag": None})


def test_a_file_url_is_refused():
    with pytest.raises(SettingsError, match=r"^file:///a: give the plain path"):
        storage.path("file:///a")


def test_a_remote_input_is_known_by_its_store_and_ours_by_its_content(folder):
    write_bytes(folder / "given.jsonl", b"{}\n")
    write_bytes(folder / "miniweb" / "made.jsonl", b"{}\n")
    digests = Digests(ours=folder / "miniweb")
    assert digests.of(folder / "given.jsonl").startswith("created:")
    assert digests.of(folder / "miniweb" / "made.jsonl") == sha256_of(folder / "miniweb" / "made.jsonl")
    items = source_items({"web": (f"{REMOTE}/given.jsonl",)}, digests)
    assert [(item.name, item.uri, item.size, item.form) for item in items] == [
        ("given.jsonl", f"{REMOTE}/given.jsonl", 3, "documents")
    ]
    with pytest.raises(SettingsError, match="cannot read this input"):
        digests.of(folder / "gone.jsonl")


def test_a_local_path_stays_a_plain_path(tmp_path):
    assert type(storage.path(str(tmp_path))) is type(Path())
    with storage.local(tmp_path) as same:
        assert same is tmp_path
