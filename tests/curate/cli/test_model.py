"""`curate models`: the models of the papers, counted, beside what is printed."""

import json

from curate.gpt.shapes import PRESETS


def test_models_are_listed_with_their_sizes_as_counted_and_as_printed(curate):
    done = curate("models")
    lines = {line.strip("│").split("│")[0].strip(): line for line in done.out.splitlines() if line.startswith("│")}
    assert {*PRESETS} <= {*lines}
    assert "124.4" in lines["gpt2"]
    assert "117" in lines["gpt2"]
    assert "gpt3-13b: Table 2.1 prints a width of 5140" in done.out.replace("\n", " ")


def test_models_as_json_hold_every_size(curate):
    rows = {row["name"]: row for row in json.loads(curate("models", "--json").out)}
    literal = {row["name"]: row for row in json.loads(curate("models", "--json", "--literal").out)}
    assert rows["gpt3-xl"]["parameters"] == PRESETS["gpt3-xl"].shape.parameters
    assert literal["gpt3-xl"]["shape"]["inner"] == 3072
    assert literal["gpt2"] == rows["gpt2"]
