"""Faults of tasks and of their files are one line that names the place and the mend."""

import json

import pytest
import tomli_w
from own_rows import json_lines

from curate.errors import UserError
from curate.evaluate import tasks

GOOD = {"q": "Is it?", "c": ["no", "yes"], "g": 1}
TASK = {
    "form": "choice",
    "items": ["items.jsonl"],
    "layouts": [{"contexts": ["{q}"], "choices": ["{c}"], "gold": "{g}"}],
}


def fault(folder, task=TASK, rows=(GOOD,), shots=0):
    """Returns the error of a task with these rows, which is one line."""
    (folder / "items.jsonl").write_bytes(rows if isinstance(rows, bytes) else json_lines(rows))
    (folder / "own.toml").write_text(task if isinstance(task, str) else tomli_w.dumps(task))
    with pytest.raises(UserError) as raised:
        tasks.items(tasks.read_task(str(folder / "own.toml")), shots, 0)
    assert "\n" not in str(raised.value)
    return str(raised.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"form": "quiz"}, "own.toml: form: 'quiz' is none of choice, cloze, generate"),
        ({"normalise": "length"}, "own.toml: normalise: 'length' is none of sum, per_token, per_byte, unconditional"),
        ({"normalise": "unconditional"}, 'own.toml: normalise: "unconditional" needs its context'),
        ({"chance": 1.0}, "own.toml: chance: 1.0 does not lie from 0 to below 1"),
        ({"stop": ""}, "own.toml: stop: is empty"),
        ({"contexts": ["{q}"]}, "unknown setting 'contexts'"),
        ({"items": [""]}, "own.toml: items, demonstrations: a name of a file is empty"),
        ({"items": ["**mine"]}, "**mine"),
        ({"items": ["/nowhere/mine.jsonl"]}, "holds no file of own: /nowhere/mine.jsonl"),
        ({"items": []}, "own.toml, line 2: items: is missing"),
        ({"layouts": []}, "layouts: is missing"),
        ({"layouts": [{"contexts": ["{q|shout}"], "choices": ["{c}"]}]}, "unknown filter 'shout'"),
        ({"layouts": [{"contexts": ["{q"], "choices": ["{c}"]}]}, "a lone {; write {{ for a brace"),
        ({"layouts": [{"contexts": ["{q}"], "choices": []}]}, "choices: at least one template is needed"),
        ({"layouts": [{"choices": ["{c}"]}]}, "the setting 'contexts' is missing"),
        ({"layouts": [{"contexts": ["{.q}"], "choices": ["{c}"]}]}, "names no column"),
    ],
)
def test_a_definition_that_cannot_be_used_is_refused(change, message, tmp_path):
    assert message in fault(tmp_path, {**TASK, **change})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**GOOD, "g": 2}, "row 2: the right answer is 2, but there are 2 choices, numbered from 0"),
        ({**GOOD, "g": -1}, "row 2: states no right answer, as in test splits whose answers are hidden"),
        ({**GOOD, "g": "C"}, "row 2: the right answer is 'C', not a number from 0"),
        ({**GOOD, "c": ["no", "  "]}, "row 2: completion 1 is empty"),
        ({**GOOD, "c": ["no"], "g": 0}, "row 2: a single choice; at least two are needed"),
        ({**GOOD, "c": ["no", None]}, "row 2: column 'c' holds null, no text"),
        ({**GOOD, "q": {"text": "Is it?"}}, "row 2: column 'q' holds an object, no text"),
        ({**GOOD, "q": ["a", "b"]}, "row 2: 2 contexts need one completion that follows each of them, not 2"),
        ({"q": "Is it?", "c": ["no", "yes"]}, "row 2: has no column 'g', which the rows before it have"),
        ([1], "row 2: no object with columns, but '[1]'"),
    ],
)
def test_a_row_that_makes_no_item_is_named(row, message, tmp_path):
    assert fault(tmp_path, rows=[GOOD, row]).startswith(f"items.jsonl, {message}")


def test_a_column_that_the_file_lacks_is_named_with_those_that_it_has(tmp_path):
    message = fault(tmp_path, rows=[{"q": "Is it?", "options": ["no", "yes"], "g": 1}])
    assert message == "items.jsonl: has no column 'c'; its columns are q, options, g; own reads q, c, g"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "items.jsonl, row 1: the file is empty"),
        (b"\n", "items.jsonl: no item of own in it"),
        (json.dumps(GOOD).encode() + b"\n{", "items.jsonl, row 2: "),
        (
            b'{"q": "\xff", "c": ["no", "yes"], "g": 1}',
            "items.jsonl, row 1: half a character, or bytes that are no UTF-8, in ",
        ),
    ],
)
def test_a_damaged_file_is_named(content, message, tmp_path):
    assert fault(tmp_path, rows=content).startswith(message)


def test_more_demonstrations_than_there_are_items_are_refused(tmp_path):
    message = fault(tmp_path, rows=[{**GOOD, "q": f"{number}?"} for number in range(3)], shots=3)
    assert message == "own: 3 demonstrations are more than the 2 that there are; lower --shots"


def test_several_completions_are_refused_where_a_task_has_one(tmp_path):
    assert "a task of the form 'cloze' has one completion, not 2" in fault(tmp_path, {**TASK, "form": "cloze"})


def test_no_toml_is_refused_with_its_line(tmp_path):
    assert fault(tmp_path, 'form = "choice').startswith("own.toml: not TOML: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("piqqa",), "no task is called 'piqqa': did you mean 'piqa'? A task of your own is a .toml file."),
        (("piqa",), "piqa reads files: name their folder with --data (piqa.jsonl, "),
        (("piqa", "--data", "none"), "none: no such folder"),
        (("piqa", "--data", "."), ".: holds no file of piqa: piqa.jsonl, "),
        (("mine.toml",), "mine.toml: cannot be read: No such file or directory"),
        (("2D+", "--data", "."), "2D+: is made from a seed and reads no files; leave out --data"),
        (("anagrams1", "--data", "."), ".: no text file (.txt); the words that are scrambled are taken from one"),
    ],
)
def test_a_task_that_is_not_there_is_refused_by_the_command(arguments, message, tmp_path, call):
    done = call("tasks", *arguments, cwd=tmp_path)
    assert done.code == 2
    assert done.error.startswith(message)


def test_files_in_several_folders_are_told_apart(tmp_path, call):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "validation-0.parquet").touch()
    done = call("tasks", "piqa", "--data", ".", cwd=tmp_path)
    assert done.error == ".: */validation-*.parquet lies in several folders (one, two); name one of them as --data"


def test_a_text_file_needs_the_columns_of_its_lines(tmp_path, call):
    (tmp_path / "mine.txt").write_text("one\ntwo\n")
    (tmp_path / "own.toml").write_text(tomli_w.dumps({**TASK, "items": ["mine.txt"]}))
    done = call("tasks", "own.toml", cwd=tmp_path)
    assert done.error.endswith("mine.txt: a text file is read where the task's TOML says `lines`; or give JSON lines")
    (tmp_path / "own.toml").write_text(tomli_w.dumps({**TASK, "items": ["mine.txt"], "lines": ["q", "c", "g"]}))
    done = call("tasks", "own.toml", cwd=tmp_path)
    assert done.error.endswith("mine.txt, row 1: ends after 2 of its 3 lines")
