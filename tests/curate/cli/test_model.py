"""`curate models`: the models of the papers, counted, beside what is printed; `curate export-model`."""

import json

import pytest
from own_tokenizers import STORY
from small_sets import write

from curate.gpt.config import Train
from curate.gpt.shapes import PRESETS
from curate.tokens.load import load


def test_models_are_listed_with_their_sizes_as_counted_and_as_printed(call):
    done = call("models")
    lines = {line.strip("│").split("│")[0].strip(): line for line in done.out.splitlines() if line.startswith("│")}
    assert {*PRESETS} <= {*lines}
    assert "124.4" in lines["gpt2"]
    assert "117" in lines["gpt2"]
    assert "gpt3-13b: Table 2.1 prints a width of 5140" in done.out.replace("\n", " ")


def test_models_as_json_hold_every_size(call):
    rows = {row["name"]: row for row in json.loads(call("models", "--json").out)}
    literal = {row["name"]: row for row in json.loads(call("models", "--json", "--literal").out)}
    assert rows["gpt3-xl"]["parameters"] == PRESETS["gpt3-xl"].shape.parameters
    assert literal["gpt3-xl"]["shape"]["inner"] == 3072
    assert literal["gpt2"] == rows["gpt2"]


@pytest.fixture
def fit(tmp_path):
    """Trains a small model for two steps and returns its folder."""
    pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
    pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")
    from curate.gpt.train import train

    ids = [number for text in STORY for number in load("gpt2").encode(text).tolist()]
    manifest = write(tmp_path / "data", {"stories": (1, {"train": [ids * 2], "valid": [ids]})})

    def run(**settings):
        sizes = {"layers": 2, "heads": 2, "width": 16, "context": 16, "batch": 2, "sample_tokens": 2}
        train(manifest, tmp_path / "run", Train(**sizes, steps=2, **settings))
        return tmp_path / "run"

    return run


def test_export_model_writes_what_transformers_loads(fit, curate, call, tmp_path):
    run = fit()
    done = curate("export-model", run, "-o", tmp_path / "out")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith(f"export-model: GPT2LMHeadModel in {tmp_path / 'out'} (")
    assert "ids do not occur in the dataset and were not trained" in lines[1]
    assert json.loads((tmp_path / "out" / "config.json").read_text())["vocab_size"] == 50257
    again = call("export-model", run, "-o", tmp_path / "out", "--json")
    assert json.loads(again.out)["architecture"] == "GPT2LMHeadModel"


def test_export_model_refuses_what_is_no_model_and_a_folder_that_is_not_its_own(fit, call, tmp_path):
    run = fit()
    assert "name an output outside of what is read" in call("export-model", run, "-o", run).error
    done = call("export-model", tmp_path / "data", "-o", tmp_path / "out")
    assert (done.code, done.error.partition(": ")[2][:22]) == (2, "holds no trained model")
    assert not (tmp_path / "out").exists()


def test_export_model_says_why_transformers_cannot_hold_a_model(fit, call, tmp_path):
    done = call("export-model", fit(attention="gpt-neo", band=4), "-o", tmp_path / "out")
    assert (done.code, done.error) == (
        2,
        "banded layers are GPT-Neo's in transformers, which has no bias on the query: train with query_bias=false, or"
        " with attention=dense",
    )
    assert not (tmp_path / "out").exists()
