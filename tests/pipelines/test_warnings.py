"""A source that ends empty is a warning with the new weights, and --strict makes each warning an error."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from curate import recipe
from curate.dedup import removals
from curate.errors import SettingsError, StrictError
from curate.inspection.verify import faults
from curate.pipelines import verbs
from curate.pipelines.engines import warnings
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.progress import Progress
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.stage.receipts import Counts
from curate.stage.record import StageRecord
from curate.storage.writing import write_record

pytestmark = pytest.mark.processes

STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
TAKEN = "source web: dedup kept none of its 9 documents; its weight goes to the others"
REFUSED = "source web: filter kept none of its 9 documents; its weight goes to the others"
UNREAD = "source web: extract read no document of its inputs; its weight goes to the others"


def texts(word: str) -> list[str]:
    return [f"{STORY} {word} {number} " * 4 for number in range(9)]


def written(folder: Path, web: list[str], more: str = "") -> Path:
    """Returns a recipe of books and these texts of web."""
    for name, own in {"books": texts("books"), "web": web}.items():
        rows = ({"text": text, "url": f"http://{name}/{number}"} for number, text in enumerate(own))
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "own.toml"
    path.write_text(
        'name = "own"\n[sources.books]\ninputs = ["books.jsonl"]\n[sources.web]\ninputs = ["web.jsonl"]\nweight = 3\n'
        f'[filter]\nrules = ["gopher_quality"]\n[dedup]\nnear = false\n{more}'
    )
    return path


def made(path: Path, out: Path, *, strict: bool = False) -> list[str]:
    """Returns the lines that a run of the recipe prints."""
    console = Console(file=StringIO(), width=300)
    engine = Engine(target=EngineOptions(workers=1), progress=Progress(console, strict=strict))
    try:
        run(recipe.load(str(path)), out, engine)
    finally:
        lines = console.file.getvalue().splitlines()
    return lines


@pytest.mark.parametrize(
    ("web", "warning", "mend"),
    [
        (
            texts("books"),
            TAKEN,
            "of two equal documents that of the source which dedup.priority, or else the recipe, names first is kept",
        ),
        (["short"] * 9, REFUSED, "sources.web.filter decides what is kept"),
        ([], UNREAD, "sources.web.inputs names them"),
    ],
    ids=["by dedup", "by filter", "from the start"],
)
def test_a_source_that_ends_empty_is_one_warning_and_by_strict_an_error_that_leaves_its_stage(
    web, warning, mend, tmp_path
):
    path, out = written(tmp_path, web), tmp_path / "out"
    for _ in range(2):  # the stage is there at the second time
        with pytest.raises(StrictError) as caught:
            made(path, out, strict=True)
        assert str(caught.value) == f"{warning}; {mend} (an error by --strict)"
    stage = warning.split()[2]
    assert (out / stage / "stage.json").exists()
    assert not (out / "manifest.json").exists()
    for _ in range(2):
        warnings = [line for line in made(path, out) if line.startswith("warning: ")]
        assert warnings == [f"warning: {warning}; {mend}"]
    contract = json.loads((out / "manifest.json").read_bytes())
    assert [(source["name"], source["share"]) for source in contract["sources"]] == [("books", 1)]
    assert list(faults(out)) == []


def test_a_source_without_inputs_is_a_warning_and_by_strict_an_error_before_any_work(tmp_path):
    path, out = written(tmp_path, texts("web"), "[sources.wiki]\n"), tmp_path / "out"
    message = "source wiki: no inputs, left out; sources.wiki.inputs names its files"
    with pytest.raises(SettingsError) as caught:
        made(path, out, strict=True)
    assert str(caught.value) == f"{message} (an error by --strict)"
    assert not out.exists()
    assert f"warning: {message}" in made(path, out)


def test_values_that_cannot_be_read_and_ids_of_two_texts_are_warnings_and_by_strict_errors(tmp_path):
    path = written(tmp_path, texts("web"), "[pack]\nvalid_fraction = 0\n")
    rows = [{"text": text, "id": 1, "timestamp": "yesterday", "quality": "good"} for text in texts("web")]
    (tmp_path / "web.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    warnings = [line.removeprefix("warning: extract: ") for line in made(path, tmp_path / "out") if "warning" in line]
    assert sorted(line.split("; ")[-1] for line in warnings) == [
        "sources.NAME.columns names the columns",
        "sources.NAME.columns.id names the column of the id",
        "sources.NAME.columns.timestamp names the column of the time",
    ]
    assert sorted(line.partition(" ")[0] for line in warnings) == ["8", "9", "9"]
    with pytest.raises(StrictError):
        made(path, tmp_path / "strict", strict=True)
    assert (tmp_path / "strict" / "extract" / "stage.json").exists()


def test_a_verb_refuses_a_source_that_is_spelt_much_like_one_of_its_recipe(tmp_path):
    path = written(tmp_path, texts("web"), "[pack]\nvalid_fraction = 0\n")
    engine = Engine(target=EngineOptions(workers=1))
    message = "--source bokos: the recipe has no source 'bokos'; did you mean 'books'"
    with pytest.raises(SettingsError, match=message):
        verbs.run("filter", (str(tmp_path / "web.jsonl"),), tmp_path / "f", str(path), (), engine, "bokos")
    assert not (tmp_path / "f").exists()
    for source in ("books", "news"):
        record = verbs.run("filter", (str(tmp_path / "web.jsonl"),), tmp_path / source, str(path), (), engine, source)
        assert record.counts.kept == 9


def test_a_run_of_which_nothing_is_to_be_said_is_the_same_with_strict(tmp_path):
    path = written(tmp_path, texts("web"), "[pack]\nvalid_fraction = 0\n")
    assert not [line for line in made(path, tmp_path / "out", strict=True) if "warning" in line]


ALARMS = "max_removed_of_host = 0.3\nhost_removed = 3\n[dedup.max_removed]\nbooks = 0\nweb = 0.3\n"


def test_more_removed_of_a_source_or_a_host_than_the_recipe_states_is_a_warning_and_by_strict_an_error(tmp_path):
    web = [*texts("books")[:3], *texts("web")[3:]]
    path = written(tmp_path, web, ALARMS)
    warning = "web: dedup removed 33.3 % of its 9 documents, more than 30 %"
    lines = [line for line in made(path, tmp_path / "out") if "dedup removed" in line]
    assert [line.partition("; ")[0] for line in lines] == [f"warning: source {warning}", f"warning: host {warning}"]
    with pytest.raises(StrictError, match=f"source {warning}"):
        made(path, tmp_path / "out", strict=True)


@pytest.mark.parametrize(
    "other", [ALARMS.replace("0.3", "0.34"), ALARMS.replace("host_removed = 3", "host_removed = 4")]
)
def test_an_alarm_that_changes_makes_no_stage_anew(other, tmp_path):
    web = [*texts("books")[:3], *texts("web")[3:]]
    made(written(tmp_path, web, other), tmp_path / "out")
    records = {path: path.read_bytes() for path in (tmp_path / "out").glob("*/stage.json")}
    lines = made(written(tmp_path, web, ALARMS), tmp_path / "out")
    assert len([line for line in lines if "host web: dedup removed" in line]) == 1
    assert {path: path.read_bytes() for path in (tmp_path / "out").glob("*/stage.json")} == records
    assert [*faults(tmp_path / "out")] == []


@pytest.mark.parametrize("hosts", [1, 10, 11, 30])
def test_of_many_hosts_over_the_limits_the_first_are_named_and_the_others_counted(hosts, tmp_path):
    losses = [(f"h{number}.example", 1000, 950 - number) for number in range(hosts)]
    losses += [("large.example", 10_000, 900), ("small.example", 99, 99)]
    rows = [dict(zip(("host", "read", "removed"), loss, strict=True)) for loss in removals.worst(losses)]
    write_record(tmp_path / removals.FILE, {"hosts": rows})
    record = StageRecord(
        stage="dedup", key="", settings={}, items=(), outputs={}, counts=Counts(), seconds=0, versions={}
    )
    alarms = {"max_removed_of_host": 0.9, "host_removed": 100}
    messages = [warned.message for warned in warnings.of_record(record, tmp_path, alarms)]
    named = [f"host h{number}.example: dedup removed {95 - number / 10:.1f} % of" for number in range(min(hosts, 10))]
    assert [message[: len(start)] for message, start in zip(messages, named, strict=False)] == named
    more = [f"{hosts - 10} more hosts: dedup removed more than 90 % of their documents"] if hosts > 10 else []
    assert messages[len(named) :] == more


def test_a_run_cannot_keep_by_a_quality_that_comes_after_dedup(tmp_path):
    path = written(tmp_path, texts("web"), 'keep = ["quality", "hash"]\n')
    with pytest.raises(SettingsError, match="score comes after dedup"):
        made(path, tmp_path / "out")
    assert not (tmp_path / "out" / "extract").exists()


def test_the_command_exits_with_2_before_any_work_and_with_1_after_a_stage(call, tmp_path):
    path, out = written(tmp_path, ["short"] * 9, "[sources.wiki]\n"), tmp_path / "out"
    before = call("run", path, "-o", out, "--strict", "--workers", 1)
    assert (before.code, out.exists()) == (2, False)
    assert before.error.startswith("source wiki: no inputs, left out")
    rows = tmp_path / "web.jsonl"
    after = call("filter", rows, "-o", tmp_path / "f", "--strict", "--workers", 1)
    assert (after.code, (tmp_path / "f" / "stage.json").exists()) == (1, True)
    assert after.error == f"{REFUSED}; sources.web.filter decides what is kept (an error by --strict)"
    command = call("filter", rows, "-o", tmp_path / "f", "--workers", 1)
    assert (command.code, f"warning: {REFUSED}" in command.out) == (0, True)
    refused = call("run", path, "-o", out, "--strict", "--dry-run", tmp_path / "graph.json")
    assert (refused.code, refused.error.split(":")[0]) == (2, "--strict")
