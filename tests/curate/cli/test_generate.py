"""`curate generate`: text from a prompt, by one seed or several, and every refusal in one line."""

import io
import json
import subprocess

import pytest
from own_tokenizers import STORY
from small_sets import write

from curate.gpt.config import Train
from curate.tokens.load import load

pytest.importorskip("torch", reason="the model needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")


def fill(folder, **settings):
    from curate.gpt.train import train

    ids = [number for text in STORY for number in load("gpt2").encode(text).tolist()]
    manifest = write(folder / "data", {"stories": (1, {"train": [ids * 2], "valid": [ids]})})
    sizes = {"layers": 2, "heads": 2, "width": 16, "context": 16, "batch": 2, "sample_tokens": 2}
    train(manifest, folder / "train", Train(**sizes, steps=2, **settings))


@pytest.fixture(scope="module")
def run(once):
    """A model of two steps whose vocabulary is that of three sentences."""
    return once("generate", fill) / "train"


def test_generate_writes_a_text_that_goes_on_from_the_prompt(run, curate, call):
    done = curate("generate", run, "--prompt", "The keeper", "--tokens", 5)
    assert done.code == 0, done.err
    assert done.out.startswith("The keeper")
    assert call("generate", run, "--prompt", "The keeper", "--tokens", 5).out == done.out
    assert call("generate", run, "--prompt", "The keeper", "--tokens", 5, "--seed", 1).out != done.out


def test_generate_reads_the_prompt_from_standard_input_and_writes_several_samples(run, command, call, monkeypatch):
    words = ("generate", run, "--prompt", "-", "--tokens", 5, "--seed")
    several = command(*words, 7, "--samples", 2)
    done = subprocess.run(several, input="The keeper\n", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("--- seed 8\n")
    assert first.startswith("--- seed 7\nThe keeper")
    assert second.startswith("The keeper")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"The keeper\n")))
    assert call(*words, 8).out == second
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"The \xff")))
    wrong = call(*words, 7)
    assert wrong.code == 2
    assert "standard input is not UTF-8: invalid start byte at byte 4" in wrong.err


def test_generate_as_json_holds_every_sample(run, call):
    made = json.loads(call("generate", run, "--tokens", 5, "--samples", 2, "--json").out)
    assert made["prompt"] == ""
    assert [sample["seed"] for sample in made["samples"]] == [0, 1]
    assert all(sample["tokens"] == 5 or sample["ended"] for sample in made["samples"])


def test_generate_reads_a_folder_of_transformers_and_writes_the_same(run, call, tmp_path):
    assert call("export-model", run, "-o", tmp_path / "out").code == 0
    texts = [call("generate", folder, "--prompt", "The keeper").out for folder in (run, tmp_path / "out")]
    assert texts[0] == texts[1]


def test_generate_takes_a_run_or_a_checkpoint_in_the_place_of_the_model(run, call):
    expected = call("generate", run, "--tokens", 5).out
    newest = max((run / "checkpoints").iterdir())
    for place in (run.parent, newest):
        assert call("generate", place, "--tokens", 5).out == expected


def test_generate_says_what_it_reads_of_a_long_prompt(run, call):
    done = call("generate", run, "--prompt", STORY[0], "--tokens", 3)
    assert done.code == 0, done.err
    assert "tokens, of which the model reads the last 16" in done.err
    assert done.out.startswith(STORY[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prompt", "a zebra"], "the prompt's ' z' is a token that the model's dataset does not hold"),
        (["--tokens", "0"], "generate: tokens is at least 1, got 0"),
        (["--top-p", "0"], "generate: top_p is above 0 and at most 1, got 0.0"),
        (["--temperature", "nan"], "generate: temperature: expected a number, got nan"),
        (["--samples", "0"], "generate: samples is at least 1, got 0"),
    ],
)
def test_generate_refuses_what_it_cannot_do_in_one_line(run, call, options, message):
    done = call("generate", run, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_generate_without_a_model_is_one_line(call, tmp_path):
    done = call("generate", tmp_path)
    assert done.code == 2
    assert "holds no trained model" in done.err


def test_generate_escapes_what_could_move_the_cursor(call, tmp_path):
    fill(tmp_path, vocabulary="full")
    done = call("generate", tmp_path, "--prompt", "a\x1b[2J\tb\n", "--tokens", 1)
    assert done.out.startswith("a\\x1b[2J\tb\n")
    assert "\x1b" not in done.out


def test_generate_ends_quietly_where_its_reader_has_gone(run, command):
    words = command("generate", run, "--prompt", "The keeper", "--tokens", 100_000)
    started = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert started.stdout.read(10) == b"The keeper"
    started.stdout.close()
    assert started.stderr.read() == b""
    assert started.wait() != 0
