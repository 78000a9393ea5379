"""`curate tasks`: the list of tasks, and prompts as a model is given them."""

import json

from curate.evaluate.generated import PROBLEMS, SCRAMBLES
from curate.evaluate.tasks import bundled


def test_the_list_names_every_task_with_form_chance_source_and_files(call):
    out = call("tasks", env={"COLUMNS": "200"}).out
    rows = {line.strip("│").split("│")[0].strip(): line for line in out.splitlines() if line.startswith("│")}
    assert {*bundled()} <= {*rows}
    assert {*PROBLEMS, *SCRAMBLES} <= {*bundled()}
    assert "choice (per_token)" in rows["piqa"]
    assert "50%" in rows["piqa"]
    assert "piqa.jsonl" in rows["piqa"]
    assert "Bisk et al. 2020" in rows["piqa"]
    assert "choice: right where the likeliest completion is the right one" in out


def test_the_list_as_json_has_every_file_name(call):
    rows = {row["name"]: row for row in json.loads(call("tasks", "--json").out)}
    assert rows["piqa"]["files"] == list(bundled()["piqa"].items)
    assert rows["piqa"]["normalise"] == "per_token"
    assert rows["2D+"]["generated"]


def test_prompts_are_shown_as_a_model_is_given_them(tmp_path, call):
    rows = [{"query": f"Question: open {name}\n", "choices": ["push", "pull"], "gold": 1} for name in ("one", "two")]
    (tmp_path / "piqa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = call("tasks", "piqa", "--data", ".", "--shots", 1, "--limit", 1, cwd=tmp_path)
    lines = done.out.splitlines()
    assert lines[0].startswith("--- piqa, item ")
    shown = [lines[1].removeprefix("<|endoftext|>"), *lines[2:6]]
    first, second = ("one", "two") if "open one" in shown[0] else ("two", "one")
    assert shown == [f"Question: open {first}", "Answer: pull", "", f"Question: open {second}", "Answer:"]
    assert lines[6:8] == ["=> ' push'", "=> ' pull' (right)"]
    assert lines[8:] == [
        "piqa: 2 items; right where the likeliest completion is the right one (per_token; chance 50%)",
        f"piqa: items come from {tmp_path / 'piqa.jsonl'}",
        "piqa: demonstrations come from the other items, as no file of a training split is there",
    ]


def test_partial_evaluation_is_shown_with_the_context_of_each_choice(tmp_path, call):
    row = {"context_options": ["Ann left as Ann", "Ann left as Eve"], "continuation": "came.", "gold": 1}
    (tmp_path / "winogrande.jsonl").write_text(json.dumps(row))
    lines = call("tasks", "winogrande", "--data", ".", cwd=tmp_path).out.splitlines()
    assert lines[1:7] == [
        *("choice 0:", "<|endoftext|>Ann left as Ann", "=> ' came.'"),
        *("choice 1 (right):", "<|endoftext|>Ann left as Eve", "=> ' came.'"),
    ]


def test_prompts_as_json_hold_the_items_whole(call):
    shown = json.loads(call("tasks", "anagrams1", "--shots", 2, "--limit", 5, "--json").out)
    assert len(shown["items"]) == 5
    assert shown["task"]["form"] == "generate"
    assert all(item["context"].count("\n") == 3 for item in shown["items"])


def test_the_files_that_are_read_are_named(tmp_path, call):
    pair = json.dumps({"sentence_good": "He runs.", "sentence_bad": "He run."})
    for number in range(5):
        (tmp_path / f"{number}.jsonl").write_text(pair)
    done = call("tasks", "blimp", "--data", ".", cwd=tmp_path)
    assert "blimp: 5 items; right where the likeliest completion is the right one (sum; chance 50%)" in done.out
    assert f"items come from {tmp_path}/0.jsonl, {tmp_path}/1.jsonl, {tmp_path}/2.jsonl and 2 more" in done.out
    assert "copy: made from seed 4" in call("tasks", "copy", "--seed", 4).out
