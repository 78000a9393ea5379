"""The command `evaluate` on models that `curate train` made: tables, the result, the figure; what is refused."""

import json
import shutil

import pytest

pytest.importorskip("torch", reason="evaluation needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the figure needs vl-convert: pip install '.[train]'")

from small_runs import models_of

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def place(once, several_shards):
    """A folder with two small models, `full` and `compact`, and a task of one's own over words of their dataset."""
    return once("evaluate", lambda folder: models_of(several_shards, folder))


def test_two_models_on_a_task_with_several_numbers_of_demonstrations(call, place, several_shards, tmp_path):
    words = (place / "full", place / "compact", place / "boats.toml", "copy", "induction")
    options = ("--shots", "0,1,fit", "--limit", 6, "--perplexity", several_shards, "-o", tmp_path / "out.json")
    done = call("evaluate", *words, *options)
    assert done.code == 0, done.err
    made = json.loads((tmp_path / "out.json").read_bytes())
    rows = {(row["model"], row["task"], row["shots"]): row for row in made["results"]}
    assert {key[:2] for key in rows} == {(model, task) for model in ("full", "compact") for task in ("boats", "copy")}
    assert {key[2] for key in rows} == {0, 1, "fit"}
    for (model, task, _), row in rows.items():
        assert row["items"] + sum(row["left_out"].values()) == (4 if task == "boats" else 6)
        if model == "full":
            assert not row["left_out"]
            assert row["reported"]["low"] <= row["reported"]["value"] <= row["reported"]["high"]
    assert rows["compact", "copy", 1]["left_out"] == {"token": 6}
    assert "6 of 6" not in done.out
    assert "train with vocabulary" in done.out
    assert rows["full", "boats", "fit"]["demonstrations"] > 1
    assert {one["model"] for one in made["induction"]} == {"full", "compact"}
    assert {one["model"]: one["window"] for one in made["perplexity"]} == {"full": 64, "compact": 32}
    for one in made["perplexity"]:
        assert {part["name"] for part in one["sources"]} == {"books", "web"}
        assert sum(part["bytes"] for part in one["sources"]) == one["whole"]["bytes"]
        assert f"{one['whole']['bits_per_byte']['value']:.4f}" in done.out
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_a_result_states_what_its_numbers_depend_on_and_comes_out_the_same_again(call, place, several_shards, tmp_path):
    command = ("evaluate", place / "full", place / "boats.toml", "--shots", 1, "--seed", 3, "-o")
    for name in ("one.json", "two.json"):
        assert call(*command, tmp_path / name).code == 0
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    made = json.loads((tmp_path / "one.json").read_bytes())
    [model], [task] = made["models"], made["tasks"]
    trained = json.loads((place / "full" / "train.json").read_bytes())
    assert model["manifest_sha256"] == trained["manifest"]["sha256"]
    assert model["weights_sha256"]["model.safetensors"] == trained["files"]["model.safetensors"]["sha256"]
    assert model["shape"]["width"] == 16
    assert (made["settings"]["seed"], made["versions"]["curate"]) == (3, "0.1.0")
    assert len(task["sha256"]) == 1
    other = json.loads(call("evaluate", place / "full", place / "boats.toml", "--shots", 1, "--seed", 4, "--json").out)
    assert other["results"][0]["gold_nats"] != made["results"][0]["gold_nats"]


def test_an_export_has_the_numbers_of_its_run_and_an_unfinished_run_those_of_its_newest_checkpoint(
    call, place, tmp_path
):
    shutil.copytree(place / "compact", tmp_path / "unfinished")
    (tmp_path / "unfinished" / "train.json").unlink()
    assert call("export-model", place / "compact", "-o", tmp_path / "hf").code == 0
    newest = max((tmp_path / "unfinished" / "checkpoints").glob("*.safetensors"))
    numbers, digests = [], []
    for model in (place / "compact", tmp_path / "hf", tmp_path / "unfinished", newest):
        done = call("evaluate", model, place / "boats.toml", "--shots", "0,1", "--precision", "fp64", "--json")
        assert done.code == 0, done.err
        made = json.loads(done.out)
        numbers.append([row["gold_nats"]["value"] for row in made["results"]])
        digests.append(made["models"][0]["weights_sha256"])
    assert numbers[0] == pytest.approx(numbers[1], abs=1e-12)
    assert numbers[0] != pytest.approx(numbers[2], abs=1e-4)
    assert (numbers[2], digests[2]) == (numbers[3], digests[3])
    assert len({str(digest) for digest in digests[:3]}) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("copy",), "no model is named: give the folder of a run, of transformers, or a checkpoint"),
        (("MODEL",), "no task is named: give one, such as lambada or induction, or --perplexity"),
        (("MODEL", "lambda"), "no task is called 'lambda': did you mean 'lambada'?"),
        (("MODEL", "lambada"), "lambada reads files: name their folder with --data"),
        (("MODEL", "copy", "--shots", "-1"), "--shots -1: not a number, nor fit"),
        (("MODEL", "copy", "--shots", ","), "--shots names no number of demonstrations"),
        (("MODEL", "copy", "--limit", "0"), "--limit 0 is below 1"),
        (("MODEL", "copy", "--precision", "fp8"), "precision is fp8; it is one of fp32, fp64"),
        (("MODEL", "boats.toml", "--normalise", "unconditional"), "task boats: states no context for the normalis"),
        (("MODEL", "boats.toml", "--normalise", "letters"), "--normalise letters: not sum, per_token, per_byte or unc"),
        (("MODEL", "copy", "-o", "out.txt"), "out.txt: the result is JSON; name a file that ends in .json"),
        (("MODEL", "copy", "--device", "tpu"), "device is tpu; it is one of auto, cpu, cuda, mps"),
        (("MODEL", "--perplexity", "none.txt"), "none.txt: no such file, and no output with a manifest.json"),
        (("MODEL", "--perplexity", "boats.jsonl"), "boats.jsonl, row 1: has no column text with a text in it"),
        (("MODEL", "--perplexity", "OUT", "--stride", "65"), "--stride 65: it lies in 1..64, the context of full"),
        ((".", "copy"), ".: holds no model (no train.json, no checkpoints, no config.json)"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(call, place, several_shards, words, message):
    full = {"MODEL": place / "full", "OUT": several_shards}
    done = call("evaluate", *(full.get(word, word) for word in words), cwd=place)
    assert done.code == 2
    assert message in done.err.splitlines()[-1]
    assert not (place / "out.txt").exists()


def test_a_result_that_is_there_is_replaced_only_with_the_option(call, place, tmp_path):
    (tmp_path / "out.png").write_text("mine")
    command = ("evaluate", place / "full", place / "boats.toml", "-o", tmp_path / "out.json")
    assert "is there already; give --replace" in call(*command).error
    assert (tmp_path / "out.png").read_text() == "mine"
    assert call(*command, "--replace").code == 0
