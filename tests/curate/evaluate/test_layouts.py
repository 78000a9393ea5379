"""The bundled definitions over rows as each publisher writes them, and over the real files where they are present."""

import json
import re

import pytest
from own_rows import json_lines, parquet

from curate.evaluate import tasks

# One row as its publisher has it, under the name of the file there; the prompts of its choices, and which is right.
ROWS = [
    ("lambada", "lambada_test.jsonl", {"text": "He sat\ndown and wept"}, ["He sat\ndown and| wept"], 0),
    ("lambada", "lambada_test_plain_text.txt", "a bird in the hand\n", ["a bird in the| hand"], 0),
    (
        "hellaswag",
        "hellaswag_val.jsonl",
        {
            "activity_label": "Diving",
            "ctx_a": "A man climbs.",
            "ctx_b": "he",
            "endings": ["falls.", "jumps. [title] Try.", "[header] ok", ", it falls."],
            "label": 1,
        },
        [
            "Diving: A man climbs. He| falls.",
            "Diving: A man climbs. He| jumps.. Try.",
            "Diving: A man climbs. He| ok",
            "Diving: A man climbs. He|, it falls.",
        ],
        1,
    ),
    (
        "hellaswag",
        "hellaswag_val_full.txt",
        "Diving: A man climbs. he\n3\nfalls.\njumps.\nflies.\nsings.\n",
        [f"Diving: A man climbs. He| {word}." for word in ("falls", "jumps", "flies", "sings")],
        3,
    ),
    (
        "piqa",
        "plain_text/validation-00000-of-00001.parquet",
        {"goal": "open it", "sol1": "push", "sol2": "pull", "label": 1},
        ["Question: open it\nAnswer:| push", "Question: open it\nAnswer:| pull"],
        1,
    ),
    (
        "arc_easy",
        "ARC-Easy/test-00000-of-00001.parquet",
        {"question": "Ice is?", "choices": {"text": ["hot", "cold"], "label": ["1", "2"]}, "answerKey": "2"},
        ["Question: Ice is?\nAnswer:| hot", "Question: Ice is?\nAnswer:| cold"],
        1,
    ),
    (
        "arc_challenge",
        "ARC-V1-Feb2018-2/ARC-Challenge/ARC-Challenge-Test.jsonl",
        {
            "question": {"stem": "Ice is?", "choices": [{"text": "hot", "label": "A"}, {"text": "cold", "label": "B"}]},
            "answerKey": "A",
        },
        ["Question: Ice is?\nAnswer:| hot", "Question: Ice is?\nAnswer:| cold"],
        0,
    ),
    (
        "openbookqa",
        "main/test-00000-of-00001.parquet",
        {"question_stem": "Ice is", "choices": {"text": ["hot", "cold"], "label": ["A", "B"]}, "answerKey": "B"},
        ["Ice is| hot", "Ice is| cold"],
        1,
    ),
    (
        "copa",
        "COPA/val.jsonl",
        {"premise": "I slept.", "choice1": "I was tired.", "choice2": "The dog ate.", "question": "cause", "label": 0},
        ["I slept because| I was tired.", "I slept because| the dog ate."],
        0,
    ),
    (
        "copa",
        "validation-0.parquet",
        {
            "premise": "I slept.",
            "choice1": "He ate.",
            "choice2": "It rained.",
            "question": "effect",
            "label": "choice2",
        },
        ["I slept therefore| he ate.", "I slept therefore| it rained."],
        1,
    ),
    (
        "boolq",
        "dev.jsonl",
        {"passage": "Ice is cold.", "question": "is ice cold", "answer": True},
        [
            "Passage: Ice is cold.\nQuestion: is ice cold?\nAnswer:| no",
            "Passage: Ice is cold.\nQuestion: is ice cold?\nAnswer:| yes",
        ],
        1,
    ),
    (
        "boolq",
        "BoolQ/val.jsonl",
        {"passage": "Ice is cold.", "question": "is ice hot", "label": "False"},
        [
            "Passage: Ice is cold.\nQuestion: is ice hot?\nAnswer:| no",
            "Passage: Ice is cold.\nQuestion: is ice hot?\nAnswer:| yes",
        ],
        0,
    ),
    (
        "winogrande",
        "winogrande_xl/validation-00000-of-00001.parquet",
        {
            "sentence": "The cup fell off the shelf as the _ was wet.",
            "option1": "cup",
            "option2": "shelf",
            "answer": "2",
        },
        ["The cup fell off the shelf as the cup| was wet.", "The cup fell off the shelf as the shelf| was wet."],
        1,
    ),
    (
        "winograd",
        "test-00000-of-00001.parquet",
        {
            "text": "Ann rang Eve. She was out.",
            "pronoun": "She",
            "pronoun_loc": 14,
            "options": ["Ann", "Eve"],
            "label": 1,
        },
        ["Ann rang Eve. Ann| was out.", "Ann rang Eve. Eve| was out."],
        1,
    ),
    (
        "winograd",
        "wsc273/test-00000-of-00001.parquet",
        {
            "text": "The dog lost its ball.",
            "pronoun": "its",
            "pronoun_loc": 13,
            "options": ["The dog", "The cat"],
            "label": 0,
        },
        ["The dog lost the dog| ball.", "The dog lost the cat| ball."],
        0,
    ),
    (
        "blimp",
        "data/anaphor.jsonl",
        {"sentence_good": "He hurt himself.", "sentence_bad": "He hurt herself.", "UID": "x"},
        ["|He hurt himself.", "|He hurt herself."],
        0,
    ),
]


def write(path, row):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(row, str):
        path.write_text(row)
    else:
        path.write_bytes((parquet if path.suffix == ".parquet" else json_lines)([row]))


@pytest.mark.parametrize(("name", "file", "row", "prompts", "gold"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
def test_a_bundled_task_reads_the_rows_of_its_publishers(name, file, row, prompts, gold, tmp_path):
    write(tmp_path / file, row)
    (item,) = tasks.items(tasks.read_task(name, tmp_path), 0, 0)
    assert [f"{context}|{completion}" for context, completion in item.pairs] == prompts
    assert item.gold == gold


def test_the_training_split_gives_the_demonstrations_where_it_is_there(tmp_path):
    for split, goal in (("validation", "open it"), ("train", "shut it")):
        write(tmp_path / f"{split}-00000-of-00001.parquet", {"goal": goal, "sol1": "push", "sol2": "pull", "label": 0})
    (item,) = tasks.items(tasks.read_task("piqa", tmp_path), 1, 0)
    assert item.context == "Question: shut it\nAnswer: push\n\nQuestion: open it\nAnswer:"


def test_a_folder_of_the_tasks_name_goes_before_the_folder_that_holds_it(tmp_path):
    row = {"sol1": "push", "sol2": "pull", "label": 0}
    write(tmp_path / "validation-0.parquet", {"goal": "of another task", **row})
    write(tmp_path / "piqa" / "validation-0.parquet", {"goal": "open it", **row})
    (item,) = tasks.items(tasks.read_task("piqa", tmp_path), 0, 0)
    assert "open it" in item.context


def test_a_file_that_lies_there_packed_too_is_read_once(tmp_path, call):
    write(tmp_path / "piqa.jsonl", {"query": "Question: open it\n", "choices": ["push", "pull"], "gold": 0})
    (tmp_path / "piqa.jsonl.gz").write_bytes(b"never opened")
    assert len(tasks.items(tasks.read_task("piqa", tmp_path), 0, 0)) == 1


# Of each set as its publisher counts it: the items, and the share of the most frequent right choice.
REAL = {
    "lambada": (5153, 1),
    "lambada_cloze": (5153, 1),
    "hellaswag": (10042, 0.26),
    "piqa": (1838, 0.51),
    "arc_easy": (2376, 0.27),
    "arc_challenge": (1172, 0.27),
    "openbookqa": (500, 0.28),
    "copa": (100, 0.55),
    "boolq": (3270, 0.63),
    "winogrande": (1267, 0.51),
    "winograd": (273, 0.52),
}


@pytest.mark.parametrize("name", REAL)
def test_a_bundled_task_reads_its_real_file(name, data):
    task = tasks.read_task(name, data("eval"))
    items = tasks.items(task, 0, 0)
    number, most = REAL[name]
    assert len(items) == number
    golds = [item.gold for item in items]
    assert max(golds.count(gold) for gold in set(golds)) / number <= most
    assert tasks.chance(items, task.form) == pytest.approx(task.chance, abs=0.001)
    for item in tasks.items(task, 3, 0, 50):
        for context, completion in item.pairs:
            assert re.match(" [^ ]|[.,)'][^ ]*" if task.continues else " [^ ]", completion)
            assert not context.endswith((" ", "\n"))


def test_twins_of_a_winograd_schema_are_no_demonstrations_of_each_other(data):
    task = tasks.read_task("winograd", data("eval"))
    for item in tasks.items(task, 5, 0):
        sentence = item.contexts[0].rpartition("\n\n")[2]
        assert sentence not in item.contexts[0].rpartition("\n\n")[0]


def test_every_definition_states_what_a_reader_needs():
    for name, task in tasks.bundled().items():
        assert name == task.name
        assert task.summary
        assert task.citation
        assert (task.chance > 0) == (task.form == "choice")
        assert json.dumps(task.items)
