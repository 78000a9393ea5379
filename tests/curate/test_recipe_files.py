"""Files on the command line are the inputs of a recipe's only source, or of the source that each names."""

import pytest

from curate import recipe
from curate.errors import SettingsError

ONE = 'name = "one"\n[sources.web]\ninputs = ["old.jsonl"]\n'
TWO = 'name = "two"\n[sources.web]\n[sources.my-books]\ninputs = ["old.jsonl"]\n'


@pytest.fixture
def inputs_of(tmp_path, monkeypatch):
    """Returns the inputs of each source of a recipe with these files, below the working folder."""
    (tmp_path / "recipe").mkdir()
    monkeypatch.chdir(tmp_path)

    def load(text, *files, assignments=()):
        (tmp_path / "recipe" / "a.toml").write_text(text)
        loaded = recipe.load("recipe/a.toml", assignments, files=files)
        names = {name: list(source.inputs) for name, source in loaded.sources.items()}
        return {name: [path.removeprefix(f"{tmp_path}/") for path in paths] for name, paths in names.items()}

    return load


def test_files_replace_the_inputs_of_the_only_source(inputs_of):
    assert inputs_of(ONE) == {"web": ["recipe/old.jsonl"]}
    assert inputs_of(ONE, "a.jsonl", "b/*.txt", "s3://bucket/c=d/e.csv") == {
        "web": ["a.jsonl", "b/*.txt", "s3://bucket/c=d/e.csv"]
    }
    assert inputs_of(ONE, "a.jsonl", assignments=('sources.web.inputs=["b.jsonl"]',)) == {"web": ["a.jsonl"]}


def test_a_name_before_a_file_is_that_of_its_source(inputs_of):
    assert inputs_of(ONE, "web=a.jsonl", "b.jsonl") == {"web": ["a.jsonl", "b.jsonl"]}
    assert inputs_of(TWO, "web=a.jsonl", "my-books=b/*.txt", "web=https://a/b?c=d", "my-books=c.csv") == {
        "web": ["a.jsonl", "https://a/b?c=d"],
        "my-books": ["b/*.txt", "c.csv"],
    }
    assert inputs_of(TWO, "web=a.jsonl") == {"web": ["a.jsonl"], "my-books": ["recipe/old.jsonl"]}


def test_a_file_whose_name_holds_a_sign_of_equality_is_that_file(inputs_of, tmp_path):
    (tmp_path / "web=a.jsonl").touch()
    (tmp_path / "lang=en").mkdir()
    (tmp_path / "lang=en" / "a.parquet").touch()
    assert inputs_of(ONE, "web=a.jsonl", "lang=en/*.parquet", "lang=en") == {
        "web": ["web=a.jsonl", "lang=en/*.parquet", "lang=en"]
    }
    assert inputs_of(ONE, "./web=b.jsonl") == {"web": ["web=b.jsonl"]}


@pytest.mark.parametrize(
    ("text", "file", "error"),
    [
        (TWO, "a.jsonl", "a.jsonl: the recipe has the sources web, my-books; name one, as in web=FILE"),
        (TWO, "webb=a.jsonl", "webb=a.jsonl: no source is called 'webb'; the recipe has web, my-books"),
        (ONE, "webb=a.jsonl", "webb=a.jsonl: no source is called 'webb'; the recipe has web"),
        (ONE, "web=", "web=: name a file behind the ="),
        ('name = "none"\n', "a.jsonl", r"a.jsonl: the recipe has no source that could read it; add a \[sources.NAME\]"),
    ],
)
def test_a_file_that_no_source_reads_is_refused(text, file, error, inputs_of):
    with pytest.raises(SettingsError, match=f"^{error}"):
        inputs_of(text, file)
