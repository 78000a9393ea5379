"""The command ablate: two datasets, two seeds and three judges end to end, killed and resumed; what is refused."""

import csv
import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from own_tokenizers import byte_level
from small_runs import write_task

pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the figure needs vl-convert: pip install '.[train]'")

from curate.ablation.config import load
from curate.ablation.intervals import paired
from curate.ablation.run import prepare
from curate.evaluate import models, perplexity
from curate.gpt.train import train
from curate.loader.streams import read_sources
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.storage.writing import sha256_of, unsealed

STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
OWN = "A ferry left the northern pier at dawn with nine goats and a piano whose owner never said where it was going"
PNG = b"\x89PNG\r\n\x1a\n"
SAME = ("ablation.json", "ablation.csv", "ablation.png", "arms.toml")
SETTINGS = """seeds = [0, 1]
baseline = "web"
tokens = 448

[train]
layers = 1
heads = 2
width = 8
context = 16
batch = 4
threads = 1

[arms.web]
manifest = "{quickstart}"

[arms.books]
manifest = "{several_shards}/manifest.json"

[judges.fresh]
documents = ["fresh.jsonl"]
least_documents = 4
least_bytes = 100

[judges.notes]
documents = ["notes.txt"]
least_documents = 1
least_bytes = 50

[judges.boats]
task = "boats.toml"
measure = "accuracy"
least_documents = 2
least_bytes = 50
"""


def write(folder: Path, quickstart: Path, several_shards: Path, more: str = "") -> Path:
    """The settings of an ablation, with the texts of its judges: of five fresh ones and three that an arm holds."""
    fresh = [{"text": f"{OWN} on day {number}.", "url": f"http://pier{number}.test/"} for number in range(5)]
    held = [
        {"text": "A text of its own, on a host of an arm.", "url": "http://www.books/new"},
        {"text": f"It says: {STORY} So it does.", "url": "http://copy.test/"},
        {"text": STORY.upper()},
    ]
    folder.mkdir(exist_ok=True)
    (folder / "fresh.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (*fresh, *held)))
    (folder / "notes.txt").write_text(f"{OWN}, and they came back by night.")
    write_task(folder)
    byte_level(folder / "tokenizer.json")
    file = folder / "arms.toml"
    file.write_text(SETTINGS.format(quickstart=quickstart, several_shards=several_shards) + more)
    return file


@pytest.fixture(scope="module")
def arms(quickstart, several_shards, tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("ablate"), quickstart, several_shards)


@pytest.fixture(scope="module")
def whole(call, arms, tmp_path_factory) -> Path:
    """A finished ablation, whose models this process has trained and nothing stopped; nobody changes it."""
    out = tmp_path_factory.mktemp("ablated") / "out"
    engine = Engine(target=EngineOptions(workers=1))
    for run in prepare(load(arms), out, engine, replacing=False).runs:
        train(run.manifest, run.folder(out), run.settings, lambda *_: None)
    done = call("ablate", arms, "-o", out)
    assert done.code == 0, done.err
    return out


def words_of(process: Path) -> bytes:
    """The command line of a process; nothing of one that has ended."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def record(out: Path) -> dict:
    return unsealed((out / "ablation.json").read_bytes())


@pytest.mark.processes
def test_runs_see_equally_many_tokens_from_the_same_weights_and_judges_measure_each(whole):
    stated = record(whole)
    assert [run["name"] for run in stated["runs"]] == ["web-seed0", "books-seed0", "web-seed1", "books-seed1"]
    assert {run["tokens"] for run in stated["runs"]} == {448}
    losses = {(run["arm"], run["seed"]): run["first_loss"] for run in stated["runs"]}
    assert losses["web", 0] != losses["web", 1]
    for run in stated["runs"]:
        folder = whole / "runs" / run["name"]
        assert run["weights_sha256"] == sha256_of(folder / "model.safetensors")
        measured = perplexity.measure(models.load(folder), whole / "judges" / "fresh.jsonl", seed=0)
        assert run["judges"]["fresh"]["bits"] == measured.whole.bits_per_byte.value
        assert {"bits", "accuracy"} == set(run["judges"]["boats"])


@pytest.mark.processes
def test_a_judge_has_no_document_of_an_arm(whole):
    judges = record(whole)["judges"]
    assert judges["fresh"]["documents"] == 5
    assert judges["fresh"]["left_out"] == {"host": 1, "words": 2, "limit": 0, "unread": 0}
    kept = [json.loads(line)["text"] for line in (whole / "judges" / "fresh.jsonl").read_text().splitlines()]
    assert kept == [f"{OWN} on day {number}." for number in range(5)]
    assert judges["fresh"]["bytes"] == sum(map(len, kept))
    assert judges["boats"]["left_out"]["words"] >= 1  # "The keeper of the light" is in every text of the arm


@pytest.mark.processes
def test_differences_intervals_and_verdict_are_those_of_the_runs(whole, several_shards):
    stated = record(whole)
    bits = {(run["arm"], run["seed"]): run["judges"]["fresh"]["bits"] for run in stated["runs"]}
    differences = [bits["books", seed] - bits["web", seed] for seed in (0, 1)]
    one = next(one for one in stated["comparisons"] if (one["judge"], one["measure"]) == ("fresh", "bits"))
    assert one["differences"] == differences
    expected = paired(differences)
    assert (one["mean"], one["low"], one["high"]) == (expected.mean, expected.low, expected.high)
    verdict = stated["verdicts"][0]
    assert len(verdict["better"]) + len(verdict["worse"]) + len(verdict["none"]) == 3
    assert verdict["words"].startswith("books against web: ")
    assert stated["arms"]["books"]["sha256"] == sha256_of(several_shards / "manifest.json")
    tokens = sum(source.tokens for source in read_sources(several_shards / "manifest.json", "train"))
    assert stated["arms"]["books"]["tokens"] == tokens
    rows = list(csv.DictReader((whole / "ablation.csv").open()))
    assert {(row["kind"], row["judge"]) for row in rows} >= {("mean", "notes"), ("difference", "fresh")}
    assert (whole / "ablation.png").read_bytes().startswith(PNG)


@pytest.mark.processes
def test_a_finished_ablation_is_not_run_again_and_gives_the_same_bytes(whole, call, arms):
    before = {name: (whole / name).read_bytes() for name in SAME}
    times = [path.stat().st_mtime_ns for path in sorted(whole.glob("runs/*/*"))]
    done = call("ablate", arms, "-o", whole)
    assert done.code == 0, done.err
    assert "4 runs, 0 to train" in done.out
    assert {name: (whole / name).read_bytes() for name in SAME} == before
    assert [path.stat().st_mtime_ns for path in sorted(whole.glob("runs/*/*"))] == times


@pytest.mark.processes
def test_a_killed_ablation_ends_like_one_that_was_not(whole, command, call, arms, tmp_path):
    """Its last run is killed after a checkpoint, and another has lost what a judge said of it."""
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    for name in SAME:
        (out / name).unlink()
    shutil.rmtree(out / "runs" / "books-seed1")
    (out / "judged" / "books-seed1.json").unlink()
    (out / "judged" / "web-seed0.json").write_text("{}")
    process = subprocess.Popen(
        command("ablate", arms, "-o", out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while not any(out.glob("runs/books-seed1/checkpoints/step-*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.kill()
    process.wait()
    process.stderr.close()
    assert not (out / "ablation.json").exists()
    while any(str(out).encode() in words_of(process) for process in Path("/proc").glob("[0-9]*")):
        time.sleep(0.05)  # the processes of runs end with the command, within a second
    done = call("ablate", arms, "-o", out)
    assert done.code == 0, done.err
    assert {name: (out / name).read_bytes() for name in SAME} == {name: (whole / name).read_bytes() for name in SAME}


@pytest.mark.processes
def test_what_training_began_with_may_not_change(whole, call, arms, tmp_path, quickstart, several_shards):
    done = call("ablate", arms, "-o", whole, "--set", "train.clip=2")
    assert done.code == 2
    assert "training began with other settings: train.clip was 1.0 and is 2.0; give --replace" in done.error
    done = call("ablate", arms, "-o", whole, "--set", "judges.fresh.limit=4")
    assert "judges.fresh.limit was 0 and is 4" in done.error
    fresh = arms.with_name("fresh.jsonl")
    text = fresh.read_text()
    try:
        fresh.write_text(text.replace("nine goats", "ten goats"))
        done = call("ablate", arms, "-o", whole)
    finally:
        fresh.write_text(text)
    assert done.code == 2
    assert "judge fresh: its texts or its task have changed since training began; give --replace" in done.error


def test_a_plan_states_tokens_epochs_and_judges_and_trains_nothing(call, arms, several_shards, tmp_path):
    done = call("ablate", arms, "-o", tmp_path / "out", "--plan", "--json")
    assert done.code == 0, done.err
    planned = json.loads(done.out)
    assert (planned["tokens"], planned["runs"][1]["name"], planned["left"]) == (448, "books-seed0", 4)
    books = planned["arms"][1]
    assert books["epochs"] == pytest.approx(448 / books["tokens"])
    assert books["epochs"] <= books["most_epochs"] <= 1
    assert planned["seconds"] > 0
    assert planned["judges"]["fresh"]["left_out"] == {"host": 1, "words": 2, "limit": 0, "unread": 0}
    assert not (tmp_path / "out" / "runs").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("tokens=1000000", "arm books: 1,000,000 tokens are more than it has in 1 epochs"),
        ("judges.fresh.least_documents=6", "judge fresh: 5 documents of"),
        ("judges.fresh.least_bytes=100000", "it needs 4 and 100,000 (of 8, 1 are of hosts that an arm has, 2 share"),
        ("encoding=tokenizer.json", "its tokenizer is gpt2 (50,257 ids), not tokenizer.json"),
        ("train.batch=1000", "tokens are less than a step of 16,000; lower train.batch or train.context"),
        ('judges.fresh.documents=["missing.jsonl"]', "missing.jsonl: no such input file"),
        ('judges.boats.task="no"', "judge boats: no task is called 'no'"),
        ('arms.web.manifest="nowhere"', "nowhere: no such manifest"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_training(call, arms, tmp_path, change, message):
    done = call("ablate", arms, "-o", tmp_path / "out", "--set", change)
    assert done.code == 2, done.out
    assert message in done.error
    assert not (tmp_path / "out" / "runs").exists()


def test_an_ablation_goes_neither_into_a_run_nor_over_the_files_of_others(call, arms, quickstart, tmp_path):
    done = call("ablate", arms, "-o", quickstart)
    assert done.code == 2
    assert "holds a run, a stage or a model; name another folder for the ablation" in done.error
    (tmp_path / "ablation.csv").write_text("mine")
    done = call("ablate", arms, "-o", tmp_path)
    assert "ablation.csv: not written by curate, or changed since" in done.error
    assert (tmp_path / "ablation.csv").read_text() == "mine"
