"""Shards on this machine: remote ones cached whole, damaged ones named."""

import json
from pathlib import Path

import pytest
from small_sets import write

from curate import storage
from curate.loader import Loader
from curate.storage import cache as shardcache

TOKENS = {"a": (1, {"train": [range(300), range(300, 1000)]})}
FIRST, SECOND = (f"shards/train/a/part-0000{number}-of-00002.bin" for number in (0, 1))
SETTINGS = {"context": 16, "batch": 4, "seed": 7}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of the test's own."""
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def local(tmp_path):
    return write(tmp_path / "set", TOKENS, digests=True)


@pytest.fixture
def remote(local):
    """The same in a store that lies in memory."""
    import fsspec

    fsspec.filesystem("memory").store.clear()
    folder = storage.path("memory://shards/set")
    for path in sorted(local.parent.rglob("*")):
        if path.is_file():
            (folder / path.relative_to(local.parent).as_posix()).write_bytes(path.read_bytes())
    return folder / "manifest.json"


def flip(path):
    """Change one byte, not the size."""
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(bytes(content))


def shards(cache):
    return sorted(path.name for path in (cache / "shards").iterdir())


def test_remote_shards_are_read_as_local_ones_and_kept_whole(local, remote, cache):
    loader = Loader(remote, **SETTINGS)
    assert not cache.exists()
    assert (loader.samples(0, 200) == Loader(local, **SETTINGS).samples(0, 200)).all()
    stated = json.loads(local.read_text())["sources"][0]["splits"]["train"]["shards"]
    assert shards(cache) == sorted(f"{shard['files']['bin']['sha256']}.bin" for shard in stated)


def test_a_cached_shard_is_not_fetched_again(remote, cache):
    first = Loader(remote, **SETTINGS).samples(0, 200)
    for name in (FIRST, SECOND):
        (remote.parent / name).unlink()
    assert (Loader(remote, **SETTINGS).samples(0, 200) == first).all()


def test_a_cached_shard_that_was_cut_is_fetched_again(remote, cache):
    first = Loader(remote, **SETTINGS).samples(0, 200)
    for name in shards(cache):
        (cache / "shards" / name).write_bytes(b"cut")
    assert (Loader(remote, **SETTINGS).samples(0, 200) == first).all()


def test_a_cached_shard_with_a_changed_byte_is_fetched_again_by_who_always_checks(remote, cache):
    first = Loader(remote, **SETTINGS).samples(0, 200)
    for name in shards(cache):
        flip(cache / "shards" / name)
    assert (Loader(remote, **SETTINGS, check="always").samples(0, 200) == first).all()


def test_remote_shards_without_a_digest_are_cached_by_their_name(remote, cache):
    table = json.loads(remote.read_bytes())
    for shard in table["sources"][0]["splits"]["train"]["shards"]:
        del shard["files"]
    remote.write_bytes(json.dumps(table).encode())
    assert Loader(remote, **SETTINGS).samples(0, 200).max() < 1000
    assert len(shards(cache)) == 2


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda path: path.unlink(), "no such shard"),
        (lambda path: path.write_bytes(path.read_bytes()[:-2]), "1398 bytes, but its manifest states 1400"),
        (flip, "damaged: its sha256 is "),
    ],
)
def test_a_remote_shard_that_is_not_as_stated_is_named_and_not_kept(remote, cache, harm, why):
    harm(remote.parent / SECOND)
    with pytest.raises(ValueError, match=f"{SECOND}: {why}"):
        Loader(remote, **SETTINGS).samples(0, 200)
    assert len(shards(cache)) <= 1


@pytest.mark.parametrize("check", ["once", "always"])
def test_a_damaged_local_shard_is_named_before_any_of_it_is_read(local, check):
    flip(local.parent / SECOND)
    with pytest.raises(ValueError, match=rf"{SECOND}: damaged: its sha256 is .* states "):
        Loader(local, **SETTINGS, check=check).samples(0, 200)


def test_who_never_checks_reads_a_damaged_local_shard(local):
    flip(local.parent / SECOND)
    assert Loader(local, **SETTINGS, check="never").samples(0, 200).shape == (200, 17)


def test_a_sound_local_shard_is_checked_once_until_it_changes(local, monkeypatch):
    taken = []
    monkeypatch.setattr(
        shardcache, "_file_digest", lambda path, real=shardcache._file_digest: taken.append(1) or real(path)
    )
    for _ in range(3):
        Loader(local, **SETTINGS).samples(0, 200)
    assert len(taken) == 2
    Loader(local, **SETTINGS, check="always").samples(0, 200)
    assert len(taken) == 4
    (local.parent / FIRST).touch()
    Loader(local, **SETTINGS).samples(0, 200)
    assert len(taken) == 5


def test_without_a_place_for_notes_a_local_shard_is_read_all_the_same(local, cache):
    cache.write_bytes(b"a file where the folder would be")
    assert Loader(local, **SETTINGS).samples(0, 200).shape == (200, 17)


@pytest.mark.parametrize("where", ["absent", "file", "beyond reach", "no home"])
def test_local_shards_are_read_and_checked_without_a_cache(where, local, cache, monkeypatch):
    if where == "file":
        cache.write_text("not a folder")
    elif where == "beyond reach":  # as a folder without permission is to anyone but root
        monkeypatch.setenv("CURATE_CACHE", str(cache / ("long" * 100)))
    elif where == "no home":
        monkeypatch.delenv("CURATE_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(Path, "home", no_home)
    assert Loader(local, **SETTINGS).samples(0, 50).shape == (50, 17)
    flip(local.parent / FIRST)
    with pytest.raises(ValueError, match="damaged"):
        Loader(local, **SETTINGS).samples(0, 50)


def test_a_cache_that_cannot_hold_remote_shards_is_named_with_its_variable(remote, cache, monkeypatch):
    cache.write_text("not a folder")
    with pytest.raises(ValueError, match=rf"^{cache}/shards: cannot keep shards there: .*; set CURATE_CACHE"):
        Loader(remote, **SETTINGS).samples(0, 5)
    monkeypatch.delenv("CURATE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ValueError, match=r"^no cache folder: .*; set CURATE_CACHE"):
        Loader(remote, **SETTINGS).samples(0, 5)


def no_home():
    raise RuntimeError("Could not determine home directory.")
