"""Accuracy on the clean items of a task: what curate decontaminate lists is what curate evaluate reads."""

import json
import re

import pytest

pytest.importorskip("torch", reason="evaluation needs torch: pip install '.[train]'")

from small_runs import ROWS, models_of

from curate.errors import SettingsError
from curate.evaluate import bootstrap
from curate.evaluate.examples import clean_items
from curate.evaluate.measures import Result, clean_subset
from curate.evaluate.score import Likelihood, Scored, Scores


@pytest.fixture(scope="module")
def place(once, several_shards):
    """A folder with two small models and the task `boats`; the tests of the command make the same."""
    return once("evaluate", lambda folder: models_of(several_shards, folder))


def listed(*verdicts: str, name: str = "boats") -> str:
    rows = ({"set": name, "item": number, "verdict": verdict} for number, verdict in enumerate(verdicts))
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_the_list_of_a_decontaminated_corpus_gives_the_accuracy_on_its_clean_items(call, place, tmp_path):
    leaked = f"{ROWS[1][0]} {ROWS[1][1][1]}"
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": f"{'some prose before it ' * 40}. {leaked}"}) + "\n")
    own = f'files=["{place}/boats.jsonl"]', 'fields=["context", "choices"]'
    settings = [f"decontaminate.sets.boats.{setting}" for setting in own] + ["decontaminate.min_ngram=5"]
    options = [word for setting in settings for word in ("--set", setting)]
    done = call("decontaminate", tmp_path / "in.jsonl", "-o", tmp_path / "clean", *options)
    assert done.code == 0, done.err
    words = (place / "full", place / "boats.toml", "--clean", tmp_path / "clean" / "clean.jsonl")
    done = call("evaluate", *words, "--shots", "0,1", "--json")
    assert done.code == 0, done.err
    made = json.loads(done.out)
    assert [(row["task"], row["shots"], row["items"], row["clean"]) for row in made["clean"]] == [
        ("boats", 0, 4, 2),  # items 0 and 1 share their first five words
        ("boats", 1, 4, 2),
    ]
    assert {row["clean_share"] for row in made["clean"]} == {0.5}
    assert "2 (50.0%)" in call("evaluate", *words).out


def test_the_numbers_are_those_of_the_clean_items_alone():
    def scored(number: int, right: bool) -> Scored:
        nats = (-1.0, -2.0) if right else (-2.0, -1.0)
        completions = tuple(Likelihood(nats=one, tokens=1, bytes=1, greedy=False, cut=0) for one in nats)
        return Scored(number, 0, completions)

    scores = Scores([scored(number, right) for number, right in enumerate((True, True, True, False, False))])
    whole = Result(
        **{"model": "m", "task": "t", "form": "choice", "shots": 0, "demonstrations": 0.0, "items": 5},
        **{"left_out": {}, "example": "", "cut": 0, "normalise": "sum", "chance": 0.5, "at_chance": True},
        **{"accuracy": {"sum": bootstrap.mean([1, 1, 1, 0, 0], 0, "k")}, "gold_nats": None},
        gold_bits_per_byte=None,
    )
    subset = clean_subset(scores, whole, [True, False, False, True, True], 0)
    assert (subset.items, subset.clean, subset.clean_share) == (5, 3, 0.6)
    assert subset.on_clean.value == pytest.approx(1 / 3)
    assert subset.change == pytest.approx(1 / 3 / 0.6 - 1)
    none = clean_subset(scores, whole, [False] * 5, 0)
    assert (none.clean, none.on_clean, none.change) == (0, None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}\n", "line 1: no verdict on the next item of a set"),
        ("no JSON\n", "line 1: no verdict on the next item of a set"),
        (listed("clean", "unknown"), "line 2: no verdict on the next item of a set"),
        (listed("clean") * 2, "line 2: no verdict on the next item of a set"),
        (listed("clean", name="other"), "lists other, and none of boats; call a set as the task is called"),
    ],
)
def test_a_file_that_is_no_list_of_the_task_is_refused_by_its_line(tmp_path, text, message):
    (tmp_path / "clean.jsonl").write_text(text)
    with pytest.raises(SettingsError, match=re.escape(message)):
        clean_items(tmp_path / "clean.jsonl", ["boats"])


def test_a_list_of_other_files_is_refused_before_a_model_is_loaded(call, place, tmp_path):
    (tmp_path / "clean.jsonl").write_text(listed("clean", "dirty"))
    done = call("evaluate", place / "full", place / "boats.toml", "--clean", tmp_path / "clean.jsonl")
    assert done.code == 2
    assert "lists 2 items of boats, which has 4; give it its files" in done.error
