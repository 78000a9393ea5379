"""A relative path of a recipe starts at the recipe's folder, or at the working folder on the command line."""

from pathlib import Path

import pytest

from curate import recipe
from curate.inputs.items import files


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = tmp_path / "recipes" / "own.toml"
    path.write_text(
        'name = "own"\n[sources.web]\ninputs = ["a/*.gz", "../b.gz", "/c.gz", "miniweb:d-*.gz", "s3://e/f.gz"]\n'
        '[score]\npositive = ["good.jsonl"]\nnegative = ["/bad.jsonl"]\n'
    )
    return path


def test_a_path_in_a_recipe_starts_at_the_recipe_s_folder(own, tmp_path):
    for name in (str(own), "../recipes/own.toml"):
        loaded = recipe.load(name)
        inputs = [Path(path).resolve() if path[0] in "/." else path for path in loaded.sources["web"].inputs]
        assert inputs[:3] == [tmp_path / "recipes/a/*.gz", tmp_path / "b.gz", Path("/c.gz")]
        assert inputs[3:] == ["miniweb:d-*.gz", "s3://e/f.gz"]
        assert all(Path(path).is_absolute() for path in loaded.sources["web"].inputs[:3])
        assert [Path(path).resolve() for path in loaded.score.positive] == [tmp_path / "recipes/good.jsonl"]
        assert loaded.score.negative == ("/bad.jsonl",)


def test_a_path_on_the_command_line_starts_at_the_working_folder(own, tmp_path):
    assigned = ('sources.web.inputs=["x.gz", "miniweb:y.gz"]', 'score.positive=["z.jsonl"]')
    loaded = recipe.load(str(own), assigned)
    assert loaded.sources["web"].inputs == (str(tmp_path / "here/x.gz"), "miniweb:y.gz")
    assert loaded.score.positive == (str(tmp_path / "here/z.jsonl"),)
    assert loaded.score.negative == ("/bad.jsonl",)


def test_a_path_in_a_whole_table_on_the_command_line_starts_there_too(own, tmp_path):
    loaded = recipe.load(str(own), ('sources={web={inputs=["x.gz"]}}',))
    assert loaded.sources["web"].inputs == (str(tmp_path / "here/x.gz"),)


def test_a_glob_in_a_folder_with_brackets_in_its_name_still_means_that_folder(tmp_path):
    folder = tmp_path / "data[1]"
    folder.mkdir()
    (folder / "a.jsonl").touch()
    (folder / "own.toml").write_text('name = "own"\n[sources.web]\ninputs = ["*.jsonl", "a.jsonl"]\n')
    for pattern in recipe.load(str(folder / "own.toml")).sources["web"].inputs:
        assert files(pattern) == [folder / "a.jsonl"]
