"""The places that name a model."""

import pytest

from curate.evaluate.models import is_place, names


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (("train.json",), True),
        (("checkpoints/step-00000001.safetensors",), True),
        (("config.json",), True),
        (("train/train.json",), True),
        (("train/checkpoints/step-00000001.safetensors",), True),  # of a recipe whose training was stopped
        (("manifest.json",), False),
        (("train/log.jsonl",), False),
    ],
)
def test_a_folder_names_a_model_where_one_was_trained_or_exported(made, expected, tmp_path):
    for name in made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert is_place(tmp_path) is expected


def test_models_of_folders_with_one_name_have_their_whole_paths(tmp_path):
    places = [tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "other"]
    assert names(places) == [str(places[0]), str(places[1]), "other"]
