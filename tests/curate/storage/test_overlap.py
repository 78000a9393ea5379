"""A place inside another is recognised, and so is a file that a glob would take, whether it exists or not."""

import glob

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import SettingsError
from curate.storage import overlap


@pytest.mark.parametrize(
    ("inner", "outer", "within"),
    [
        ("/a/b", "/a", True),
        ("/a", "/a", True),
        ("/a/../a/b/.", "/a", True),
        ("/ab", "/a", False),
        ("/a", "/a/b", False),
        ("/a", "/", True),
        ("s3://x/a/b", "s3://x/a", True),
        ("s3a://x/a/../a/b", "s3://x/a", True),
        ("gcs://x/a/b", "gs://x/a/", True),
        ("s3://x/ab", "s3://x/a", False),
        ("s3://x/a", "s3://y/a", False),
        ("/x/a", "s3://x", False),
    ],
)
def test_a_place_lies_in_another_whatever_its_spelling(inner, outer, within):
    assert overlap.is_within(inner, outer) == within


def test_links_and_relative_names_are_resolved(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    assert overlap.is_within("link/new", "real")
    assert overlap.is_within("real", str(tmp_path / "link"))
    assert overlap.is_within(".", tmp_path)


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("g/**/*", True),
        ("g/**", True),
        ("g/*/*", True),
        ("g/o*/*.parquet", True),
        ("g/*/part-*", True),
        ("**/*.parquet", True),
        ("g/[o]ut/part-0000?.parquet", True),
        ("g/*", False),
        ("g/*.parquet", False),
        ("g/**/*.jsonl", False),
        ("h/**/*", False),
        ("g/out/*/*", False),
    ],
)
def test_a_glob_takes_files_of_an_output_that_it_would_match(pattern, taken, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert overlap.takes(pattern, "g/out", ["part-00000.parquet"]) == taken
    store = [overlap.takes(f"s3://x/{pattern}", "s3://x/g/out", ["part-00000.parquet"])]
    assert store == [taken]


def test_a_folder_matches_its_own_name_before_two_stars_and_a_file_does_not(tmp_path):
    assert overlap.takes(f"{tmp_path}/a/**", tmp_path / "a", [""])
    assert not overlap.takes(f"{tmp_path}/a/**", tmp_path, ["a"])


NAME = st.sampled_from(("a", "b", ".h", "ab"))
PART = st.sampled_from(("a", "*", "**", "?", "a*", "[ab]", ".h", "*b"))


@given(st.lists(PART, min_size=1, max_size=4), st.lists(NAME, min_size=1, max_size=4))
def test_a_glob_takes_what_the_standard_library_matches(tmp_path_factory, pattern, names):
    folder = tmp_path_factory.mktemp("glob")
    file = folder.joinpath(*names)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    matched = str(file) in glob.glob(str(folder.joinpath(*pattern)), recursive=True)
    magic = any(glob.has_magic(part) for part in pattern)
    assert not magic or overlap.takes(str(folder.joinpath(*pattern)), folder, ["/".join(names)]) == matched


@pytest.mark.parametrize(
    ("read", "out", "message"),
    [
        ("/a/b", "/a", "/a/b: lies in the output /a"),
        ("/a", "/a", "/a: lies in the output /a"),
        ("/a", "/a/b", "/a/b: lies in the input /a"),
        ("s3://x/a", "s3://x/a/b", "s3://x/a/b: lies in the input s3://x/a"),
    ],
)
def test_what_is_read_and_what_is_written_lie_apart(read, out, message):
    from curate import storage

    with pytest.raises(SettingsError, match=message):
        overlap.check_apart(read, storage.path(out))
    overlap.check_apart(read, storage.path("/elsewhere"))
