"""Parts that workers make before their stage begins are those that it would make, and it makes none of them again."""

import json
import shutil

import pytest

from curate import recipe, storage
from curate.inputs.digests import Digests
from curate.pipelines import plans
from curate.pipelines.ahead import ahead_of, chain
from curate.pipelines.engines.engine import Engine, execute
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.stage.ownership import owners, strays

ENGINE = Engine(target=EngineOptions(workers=1))
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
RECIPE = """
name = "own"
[sources.web]
inputs = ["web-*.jsonl"]
[filter]
rules = ["gopher_quality"]
[dedup]
rounds = 1
"""
LATER = ("filter", "dedup/signatures")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Returns a folder with a recipe over two files, and a run that stands in the middle: its later parts are ahead."""
    folder = tmp_path_factory.mktemp("ahead")
    for file in range(2):
        rows = [{"text": f"{STORY} It was said in letter {file} {n}. " * 3, "url": f"http://b/{n}"} for n in range(9)]
        rows.append({"text": f"too short {file}", "url": f"http://b/{file}/short"})
        (folder / f"web-{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "own.toml").write_text(RECIPE)
    own, out = recipe.load(str(folder / "own.toml")), folder / "out"
    plan = plans.planned("extract", own, out, Digests())
    stages = chain(own, out, plan)
    assert [stage.stage for stage in stages] == ["extract", "filter", "sign"]
    with ENGINE.started() as engine:
        execute(plan, engine)
    (out / "recipe.toml").write_text(recipe.to_toml(own))
    ahead = ahead_of(plan, stages)
    for item in plan.items:
        task = ahead.after((ahead.folder, item.number))
        while task is not None:
            ahead(task)
            task = ahead.after(task)
    return folder


def contents(out):
    names = [path for path in out.rglob("*") if path.suffix in (".parquet", ".bin", ".idx")]
    return {str(path.relative_to(out)): path.read_bytes() for path in [*names, out / "manifest.json"]}


def finished(made, out, *sets):
    """Returns the folder after a run of the recipe to its end."""
    run(recipe.load(str(made / "own.toml"), sets), out, ENGINE)
    return out


def same(one, two):
    return contents(one) == contents(two) and {path.name for path in one.rglob("*")} == {
        path.name for path in two.rglob("*")
    }


def test_no_part_that_was_made_ahead_is_made_again_and_what_a_killed_worker_has_left_goes(made, tmp_path):
    half = shutil.copytree(made / "out", tmp_path / "half")
    storage.draft(half / "filter" / "part-00000.parquet").write_bytes(b"half")
    ahead = {path: path.stat().st_mtime_ns for stage in LATER for path in (half / stage).glob("part-*.parquet")}
    assert len(ahead) == 4
    assert same(finished(made, half), finished(made, tmp_path / "whole"))
    assert {path: path.stat().st_mtime_ns for path in ahead} == ahead


def test_with_other_settings_all_of_them_are_made_again(made, tmp_path):
    half = shutil.copytree(made / "out", tmp_path / "half")
    sets = ("filter.gopher_quality.min_words=2",)
    assert same(finished(made, half, *sets), finished(made, tmp_path / "whole", *sets))


def test_what_was_made_ahead_belongs_to_stages_that_are_open(made):
    assert {*strays(made / "out")} == set()
    assert {owners(made / "out")[made / "out" / "filter" / f"part-0000{number}.parquet"] for number in (0, 1)} == {
        "open stage"
    }


def test_nothing_is_made_ahead_in_a_folder_that_holds_something(made, tmp_path):
    out = shutil.copytree(made / "out", tmp_path / "out")
    own = recipe.load(str(made / "own.toml"))
    plan = plans.planned("extract", own, out, Digests())
    assert [step.stage for step in chain(own, out, plan)] == ["extract"]


def test_the_order_of_tasks_is_that_of_the_stages(made):
    own = recipe.load(str(made / "own.toml"))
    plan = plans.planned("extract", own, made / "new", Digests())
    stages = chain(own, made / "new", plan)
    ahead = ahead_of(plan, stages)
    assert ahead.after((ahead.folder, 7)) == (0, 7)
    assert ahead.after((0, 7)) == (1, 7)
    assert ahead.after((1, 7)) is None
    assert ahead_of(stages[1], stages).after((ahead.folder, 7)) == (0, 7)
    assert ahead_of(stages[2], stages) is None
