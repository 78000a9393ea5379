"""lm-eval with our model, transformers with the exported weights, and `curate evaluate` give the same likelihoods.

All in 64-bit floats, without a network, over items in a local file of JSON lines.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from small_runs import models_of

from curate.evaluate import models, perplexity, tasks
from curate.evaluate.likelihood import log_probabilities
from curate.evaluate.score import score, written

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-readers" / "bin" / "python"
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
SAMPLES = """task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{validation: {file}}}}}
validation_split: validation
output_type: {kind}
target_delimiter: ""
{more}
"""
CHOICE = """doc_to_text: "{{context}}"
doc_to_choice: "{{choices}}"
doc_to_target: gold
metric_list: [{metric: acc}, {metric: acc_norm}]
"""
FREE = """doc_to_text: "{{context}}"
doc_to_target: "{{choices[0]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 12}
metric_list: [{metric: exact_match}]
"""
ROLLING = """doc_to_text: ""
doc_to_target: "{{text}}"
metric_list: [{metric: bits_per_byte}]
"""

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the readers are not here: make readers")


@pytest.fixture(scope="module")
def place(several_shards, tmp_path_factory, curate) -> Path:
    """Returns a folder with two trained models, the export of one, and a task."""
    folder = tmp_path_factory.mktemp("harness")
    models_of(several_shards, folder)
    assert curate("export-model", folder / "full", "-o", folder / "hf").code == 0
    return folder


@pytest.fixture
def harness(tmp_path):
    """Runs the harness's command on a model, and returns its samples, each with the item that it is of."""

    def run(model: Path, name: str, rows: list[dict], kind: str, more: str) -> list[dict]:
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / f"{name}.yaml").write_text(SAMPLES.format(name=name, file=file, kind=kind, more=more))
        command = [PYTHON, "-m", "curate.evaluate.harness", "--model", "curate", "--tasks", name]
        command += ["--model_args", f"model={model},precision=fp64", "--include_path", tmp_path]
        command += ["--log_samples", "--output_path", tmp_path / "out"]
        offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=os.environ | offline)
        assert done.returncode == 0, done.stderr[-3000:]
        [samples] = (tmp_path / "out").rglob(f"samples_{name}_*.jsonl")
        return sorted(map(json.loads, samples.read_text().splitlines()), key=lambda sample: sample["doc_id"])

    return run


def items_of(place: Path, shots: int) -> list[tasks.Item]:
    return tasks.items(tasks.read_task(str(place / "boats.toml")), shots, 0)


@pytest.mark.parametrize(("name", "shots"), [("full", 2), ("compact", 0)])
def test_likelihoods_of_lm_eval_are_ours(place, harness, name, shots):
    items = items_of(place, shots)
    rows = [{"context": item.context, "choices": item.choices, "gold": item.gold} for item in items]
    ours = score(models.load(place / name, precision="fp64"), items).items
    assert len(ours) == len(items)
    for scored, sample in zip(ours, harness(place / name, "boats", rows, "multiple_choice", CHOICE), strict=True):
        answers = [(float(nats), greedy == "True") for [(nats, greedy)] in sample["resps"]]
        assert [nats for nats, _ in answers] == pytest.approx([one.nats for one in scored.completions], abs=1e-6)
        assert [greedy for _, greedy in answers] == [one.greedy for one in scored.completions]
        assert sample["acc"] == scored.share_right("sum")


def test_likelihoods_of_transformers_on_the_exported_weights_are_ours(place, tmp_path):
    items = items_of(place, 2)
    rows = [{"context": item.context, "completion": choice} for item in items for choice in item.choices]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    script = ROOT / "tests" / "readers" / "transformers_nats.py"
    command = [PYTHON, script, place / "hf", tmp_path / "rows.jsonl"]
    offline = {"HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=os.environ | offline)
    assert done.returncode == 0, done.stderr[-3000:]
    for folder in ("full", "hf"):
        scores = score(models.load(place / folder, precision="fp64"), items).items
        ours = [one.nats for scored in scores for one in scored.completions]
        assert json.loads(done.stdout) == pytest.approx(ours, abs=1e-6)


@pytest.mark.parametrize("name", ["full", "compact"])
def test_the_comparison_of_a_user_s_own_model_prints_agreement_of_all_three(place, tmp_path, name):
    command = [PYTHON, "-m", "curate.evaluate.harness", "--compare", place / name, place / "boats.toml", "--shots", "1"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=os.environ | offline)
    assert done.returncode == 0, done.stderr[-3000:]
    ours = score(models.load(place / name, precision="fp64"), items_of(place, 1)).items
    share = sum(item.share_right("sum") for item in ours) / len(ours)
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("boats ")]
    assert [row[1] for row in rows] == ["lm-eval", "transformers"]
    for _, _, items, left_out, texts, largest, theirs, own in rows:
        assert (items, left_out, texts) == (str(len(ours)), str(4 - len(ours)), str(2 * len(ours)))
        assert float(largest) <= 1e-6
        assert theirs == own == f"{share:.4f}"


def test_free_text_of_lm_eval_is_ours(place, harness):
    model = models.load(place / "compact", precision="fp64")
    contexts = [item.context for item in items_of(place, 0)]
    rows = [{"context": context, "choices": [" no"]} for context in contexts]
    for context, sample in zip(contexts, harness(place / "compact", "free", rows, "generate_until", FREE), strict=True):
        text = sample["resps"][0][0].strip()  # of 12 tokens; ours goes on as long as the text may be the answer
        assert text
        assert written(model, context, text, "\n")[0].startswith(text)


def test_the_likelihood_of_a_long_text_of_lm_eval_is_that_of_our_windows(place, harness):
    model, text = models.load(place / "full", precision="fp64"), " ".join([STORY] * 9)
    [sample] = harness(place / "full", "rolling", [{"text": text}], "loglikelihood_rolling", ROLLING)
    ids = [model.tokenizer.eot, *map(int, model.tokenizer.ordinary(text))]
    groups = [[one] for one in perplexity.windows(model.vocabulary.encode(ids), model.window, model.window)]
    assert len(groups) > 2
    ours = sum(one.nats.sum() for [one] in log_probabilities(model.gpt, groups))
    assert float(sample["resps"][0][0]) == pytest.approx(float(ours), abs=1e-6)
