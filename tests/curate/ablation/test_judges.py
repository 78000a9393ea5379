"""A judge's key states all that a model's numbers depend on, and its file holds the texts that were fixed."""

import json
from dataclasses import replace

import pytest

from curate.ablation.config import Judge
from curate.ablation.judges import Fixed, check_file, digest_of, fixed_task

TASK = """
form = "choice"
items = ["items.jsonl"]
demonstrations = ["train.jsonl"]
[[layouts]]
contexts = ["{question}"]
choices = ["{options}"]
gold = "{answer}"
"""
ITEM = {"question": "One and one is", "options": ["two", "three"], "answer": 0}


@pytest.fixture
def judge(tmp_path):
    (tmp_path / "sums.toml").write_text(TASK)
    write(tmp_path, "items", ITEM)
    write(tmp_path, "train", {"question": "Two and two is", "options": ["four", "five"], "answer": 0})
    return Judge(task=str(tmp_path / "sums.toml"), data=str(tmp_path))


def write(folder, name, row):
    (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("items", ITEM | {"options": ["two", "four"]}),
        ("train", {"question": "Two and two is", "options": ["four", "six"], "answer": 0}),
    ],
    ids=["another wrong choice", "another demonstration"],
)
def test_what_is_wrong_in_an_item_and_what_is_shown_before_it_are_in_the_key_of_a_task(judge, name, row, tmp_path):
    before = fixed(judge, fixed_task(judge)).key
    assert fixed(judge, fixed_task(judge)).key == before
    write(tmp_path, name, row)
    assert fixed(judge, fixed_task(judge)).key != before


def fixed(judge, task_sha256="", texts=("a text",)):
    return Fixed(
        name="sums",
        judge=judge,
        documents=len(texts),
        bytes=6,
        tokens=3,
        sha256=digest_of(texts),
        left_out={},
        task_sha256=task_sha256,
    )


def test_a_file_of_a_judge_with_other_texts_is_refused(tmp_path):
    made = fixed(Judge(documents=("a",)))
    made.file(tmp_path).parent.mkdir()
    made.file(tmp_path).write_text(json.dumps({"text": "a text"}) + "\n")
    check_file(made, tmp_path)
    with pytest.raises(ValueError, match=r"sums\.jsonl: changed since training began"):
        check_file(replace(made, sha256=digest_of(["another text"])), tmp_path)
