"""Files written together are all old, all new, or without a record, and a file of the user's is never replaced."""

from contextlib import suppress

import pytest

from curate import storage
from curate.errors import SettingsError
from curate.storage import together
from curate.storage.writing import unsealed


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if not storage.is_draft(path.name)}


def put(folder, word):
    files = {name: lambda path: path.write_text(word) for name in ("a", "b", "c")}
    return together.write_together(folder / "all.json", files, lambda _: {"word": word})


def is_whole(folder):
    return together.whole(folder / "all.json", together.read(folder / "all.json"))


def test_the_record_states_every_file_and_the_described_fields(tmp_path):
    assert put(tmp_path, "old") == unsealed((tmp_path / "all.json").read_bytes())
    assert together.read(tmp_path / "all.json")["word"] == "old"
    assert is_whole(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "c", "all.json"}


@pytest.mark.parametrize("step", range(12))
def test_wherever_it_is_stopped_the_old_files_are_whole_or_nothing_counts_as_whole(step, tmp_path, monkeypatch):
    put(tmp_path, "old")
    before, left = contents(tmp_path), [step]
    names = ("notice", "publish", "rename")
    real = {name: getattr(storage, name) for name in names}

    def stopping(name):
        def call(*words):
            if left[0] == 0:
                raise OSError(28, "No space left on device")
            left[0] -= 1
            return real[name](*words)

        return call

    with monkeypatch.context() as patch, suppress(OSError):
        for name in names:
            patch.setattr(storage, name, stopping(name))
        put(tmp_path, "new")
    after = contents(tmp_path)
    new = {"a": b"new", "b": b"new", "c": b"new"}
    if is_whole(tmp_path):
        assert after == before or {name: after[name] for name in new} == new
    else:
        assert "all.json" not in after
    together.check_free(tmp_path / "all.json", ("a", "b", "c"))
    put(tmp_path, "newer")
    assert is_whole(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "c", "all.json"}


@pytest.mark.parametrize("name", ["a", "c", "all.json"])
def test_a_file_of_the_user_s_in_the_place_is_named_and_stays(name, tmp_path):
    for before in ("none", "finished"):
        folder = tmp_path / before
        folder.mkdir()
        if before == "finished":
            put(folder, "old")
        (folder / name).write_text("mine")
        kept = contents(folder)
        with pytest.raises(SettingsError, match="not written by curate, or changed since"):
            together.check_free(folder / "all.json", ("a", "b", "c"))
        assert contents(folder) == kept


def test_other_files_in_the_folder_are_nobody_s_business(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    put(tmp_path, "old")
    put(tmp_path, "new")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert set(together.ours(tmp_path / "all.json")) == {"a", "b", "c", "all.json"}
