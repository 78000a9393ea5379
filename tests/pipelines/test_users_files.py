"""The user's files are safe from verbs, runs and exports, wherever they lie and whenever they were put there."""

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from curate import recipe as recipes
from curate.dataset import manifest as manifests
from curate.dataset.export import export
from curate.errors import SettingsError, UserError
from curate.inspection.verify import faults
from curate.pipelines import one_job, verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.stage.kinds import KINDS

pytestmark = pytest.mark.processes

ENGINE = Engine(target=EngineOptions(workers=1, beam=("--direct_running_mode=in_memory",)))
TEXT = "The council said that the bridge and the road would be open to all of the village by the spring of {} and {}."
RULES = ('filter.rules=["gopher_quality"]', "filter.gopher_quality.min_words=10", "dedup.near=false")
# Names of the user's at every level of a run, many of them like ours.
NAMES = (
    *("NOTES.txt", "report.md", "extract/NOTES.txt", "filter/sub/data.csv", "filter/part-00099.parquet"),
    *("mine/a.jsonl", "filter/receipts/00099.json", "filter/receipts/mine.txt", "dedup/signatures/mine.bin"),
    *("dedup/documents/a.jsonl", "tokenize/run-00000", "tokenize/.run-00000.1.ab.tmp", "shards/mine.txt"),
    *("shards/train/mine/part-00000-of-00001.x", "train/notes.txt", "miniweb/mine.warc.gz", ".mine.tmp"),
    *(".recipe.toml.1.0a1b2c3d.tmp", "extract/pointers/mine.txt", "filter/failed-00000.txt", "score/model.bin"),
    *("dedup/part-00000.parquet.bak", "recipe.toml.orig", "train/model.bin"),
)
LIKE_OURS = ("rejected-00000.parquet", "failed-00000.parquet", "part-00001.parquet", "receipts/00001.json")


def lines(path: Path, *numbers: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"text": TEXT.format(1900 + number, row), "id": f"{number}-{row}"} for number in numbers for row in range(4)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def put(root: Path, *names: str) -> dict[Path, bytes]:
    """Writes files of the user's under names that are free; returns their bytes by path."""
    made = {}
    for name in names:
        path = root / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"mine: {name}".encode())
            made[path] = path.read_bytes()
    return made


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def intact(theirs: dict[Path, bytes]) -> bool:
    return {path: path.read_bytes() if path.is_file() else None for path in theirs} == theirs


def verb(stage, inputs, out, *assignments, **more):
    reads = KINDS[stage].reads
    chosen = tuple(text for text in (*RULES, *assignments) if text.split(".")[0] in reads)
    return verbs.run(stage, tuple(map(str, inputs)), Path(out), None, chosen, ENGINE, "web", **more)


@pytest.fixture
def recipe(tmp_path):
    """Returns a recipe over one small file of documents."""
    lines(tmp_path / "in" / "0.jsonl", 0, 1)
    (tmp_path / "own.toml").write_text('name = "own"\n[sources.own]\n')

    def made(*more: str, inputs: str = "in/*.jsonl") -> recipes.Recipe:
        words = (f'sources.own.inputs=["{tmp_path}/{inputs}"]', *RULES, *more)
        return recipes.load(str(tmp_path / "own.toml"), words)

    return made


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Returns a finished run, its recipe in own.toml, its input in in/."""
    folder = tmp_path_factory.mktemp("finished")
    lines(folder / "in" / "0.jsonl", 0, 1)
    (folder / "own.toml").write_text('name = "own"\n[sources.own]\ninputs = ["in/0.jsonl"]\n')
    run(recipes.load(str(folder / "own.toml"), RULES), folder / "run", ENGINE)
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    """Returns a copy of the finished run that may be changed."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def changed(copy: Path, *assignments: str) -> recipes.Recipe:
    """Returns the recipe of a copy of the finished run, with other settings."""
    return recipes.load(str(copy / "own.toml"), (*RULES, *assignments))


def test_an_input_that_lies_in_its_output_is_refused_and_stays(tmp_path):
    lines(tmp_path / "d.jsonl", 0)
    verb("filter", [tmp_path / "d.jsonl"], tmp_path / "F")
    theirs = put(tmp_path / "F", "NOTES.txt", "sub/data.csv", "mine.jsonl")
    before = contents(tmp_path)
    (tmp_path / "link").symlink_to("F")
    for given_input, out in (
        ("F/mine.jsonl", "F"),
        ("link/mine.jsonl", "F"),
        ("F/mine.jsonl", "link"),
        ("F/../F/mine.jsonl", "F"),
        ("F/*.jsonl", "F"),
        ("F", "F"),
        ("F/", "./F"),
        ("*/mine.jsonl", "F"),
        (".", "F/new"),
        (".", "new"),
        ("**/*", "new"),
        ("**/*.parquet", "new"),
    ):
        with pytest.raises(SettingsError, match=r"lies in the (output|input)|takes files of the output|belongs to"):
            verb("filter", [f"{tmp_path}/{given_input}"], f"{tmp_path}/{out}")
        assert contents(tmp_path) == before
    assert intact(theirs)


def test_a_linked_file_of_an_output_is_no_input_of_it(tmp_path):
    lines(tmp_path / "d.jsonl", 0)
    verb("filter", [tmp_path / "d.jsonl"], tmp_path / "F")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.parquet").symlink_to("../F/part-00000.parquet")
    for name in ("in/a.parquet", "in/*.parquet", "in"):
        with pytest.raises(SettingsError, match="lies in the output"):
            verb("filter", [f"{tmp_path}/{name}"], tmp_path / "F")


def test_the_folder_of_inputs_may_hold_the_output_of_a_plain_glob(tmp_path, monkeypatch):
    lines(tmp_path / "a.jsonl", 0)
    lines(tmp_path / "b.jsonl", 1)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert verb("filter", ["*.jsonl"], "out").counts.read == 8


@pytest.mark.parametrize("stage", ["score", "dedup", "tokenize"])
def test_no_stage_reads_the_folder_that_it_writes(stage, copy):
    before = contents(copy)
    for out in ("run/filter", "run/filter/new", "run"):
        with pytest.raises(SettingsError, match=r"lies in the (input|output)|belongs to the run"):
            verb(stage, [copy / "run" / "filter"], copy / out)
    assert contents(copy) == before


@pytest.mark.parametrize("out", ["run/filter", "run/dedup/signatures", "run/new", "run/filter/new", "run"])
def test_the_folders_of_a_run_belong_to_it(out, copy):
    lines(copy / "x.jsonl", 5)
    before = contents(copy)
    with pytest.raises(SettingsError, match=r"belongs to the run|holds other files, not of filter"):
        verb("filter", [copy / "x.jsonl"], copy / out, retry_failed=True, may_replace=True)
    again = recipes.load(str(copy / "own.toml"), RULES)
    if out != "run":
        with pytest.raises(SettingsError, match="belongs to the run"):
            run(again, copy / out, ENGINE)
        with pytest.raises(UserError, match=r"belongs to the run|lies in the output"):
            export("npy", copy / "run", copy / out)
    assert contents(copy) == before


def test_other_inputs_replace_a_finished_output_only_where_that_is_asked_for(tmp_path):
    first, second = lines(tmp_path / "one.jsonl", 0), lines(tmp_path / "two.jsonl", 1)
    verb("filter", [first], tmp_path / "F")
    before = contents(tmp_path / "F")
    with pytest.raises(SettingsError, match=r"F: was made from \S+one\.jsonl, .*--replace"):
        verb("filter", [second], tmp_path / "F")
    assert contents(tmp_path / "F") == before
    verb("filter", [first], tmp_path / "F", "filter.gopher_quality.min_words=12")  # other settings
    verb("filter", [first, second], tmp_path / "F")  # more inputs
    moved = first.rename(tmp_path / "moved.jsonl")
    verb("filter", [moved, second], tmp_path / "F")  # an input that was moved
    with pytest.raises(SettingsError, match="--replace"):
        verb("filter", [second], tmp_path / "F")
    assert verb("filter", [second], tmp_path / "F", may_replace=True).counts.read == 4


def test_the_same_holds_for_stages_over_stages_and_for_shards(tmp_path):
    for name, number in (("A", 0), ("B", 1)):
        verb("filter", [lines(tmp_path / f"{name}.jsonl", number)], tmp_path / name)
    for stage, given_input in (("dedup", "{}"), ("tokenize", "{}"), ("pack", "tokenize-{}")):
        for name in ("A", "B"):
            verb(stage, [tmp_path / given_input.format(name)], tmp_path / f"{stage}-{name}")
        before = contents(tmp_path / f"{stage}-A")
        with pytest.raises(SettingsError, match="--replace"):
            verb(stage, [tmp_path / given_input.format("B")], tmp_path / f"{stage}-A")
        assert contents(tmp_path / f"{stage}-A") == before
    for stage, given_input in (("dedup", "B"), ("pack", "tokenize-B"), ("tokenize", "B")):
        verb(stage, [tmp_path / given_input], tmp_path / f"{stage}-A", may_replace=True)
        assert contents(tmp_path / f"{stage}-A").keys() == contents(tmp_path / f"{stage}-B").keys()


def test_dedup_of_the_user_s_own_documents_knows_its_inputs(tmp_path):
    verb("dedup", [lines(tmp_path / "a.jsonl", 0)], tmp_path / "D")
    theirs = put(tmp_path / "D", "documents/mine.jsonl", "signatures/mine.txt", "mine.txt")
    with pytest.raises(SettingsError, match="--replace"):
        verb("dedup", [lines(tmp_path / "b.jsonl", 1)], tmp_path / "D")
    verb("dedup", [tmp_path / "b.jsonl"], tmp_path / "D", may_replace=True)
    assert intact(theirs)


@pytest.mark.parametrize("make", [run, one_job.run])
def test_a_run_resumes_with_more_inputs_and_is_replaced_by_others_only_where_that_is_asked_for(make, recipe, tmp_path):
    make(recipe(), tmp_path / "run", ENGINE)
    lines(tmp_path / "in" / "1.jsonl", 3)
    make(recipe(), tmp_path / "run", ENGINE)
    before = contents(tmp_path / "run")
    with pytest.raises(SettingsError, match=r"0\.jsonl, which is not among the inputs now; give --replace"):
        make(recipe(inputs="in/1.jsonl"), tmp_path / "run", ENGINE)
    assert contents(tmp_path / "run") == before
    assert make(recipe(inputs="in/1.jsonl"), tmp_path / "run", ENGINE, may_replace=True)["extract"].counts.read == 4


@pytest.mark.parametrize("make", [run, one_job.run])
def test_files_of_every_name_and_level_outlast_a_run_of_other_settings(make, copy):
    theirs = put(copy / "run", *NAMES)
    strays = {line.partition(":")[0] for line in faults(copy / "run") if "no record owns this file" in line}
    assert strays == {str(path) for path in theirs}
    make(changed(copy, "filter.gopher_quality.min_words=12", "seed=3"), copy / "run", ENGINE)
    make(changed(copy, "filter.gopher_quality.min_words=13"), copy / "run", ENGINE, retry_failed=True)
    assert intact(theirs)


@pytest.mark.parametrize("make", [run, one_job.run])
@pytest.mark.parametrize("name", [f"{stage}/{name}" for stage in ("extract", "dedup") for name in LIKE_OURS[:2]])
def test_a_file_in_the_place_of_a_part_is_named_before_any_work(name, make, copy):
    theirs = put(copy / "run", name)
    before = contents(copy / "run")
    with pytest.raises(SettingsError, match=rf"{name}: not written by curate, and would be replaced"):
        make(changed(copy, "seed=3"), copy / "run", ENGINE)
    assert contents(copy / "run") == before
    assert intact(theirs)


@pytest.mark.parametrize("name", ["recipe.toml", "inputs.json", "manifest.json", "report.html", "filter/stage.json"])
def test_a_folder_of_the_user_s_is_no_run_whatever_its_files_are_called(name, recipe, tmp_path):
    theirs = put(tmp_path / "run", name)
    if name == "recipe.toml":
        theirs = {tmp_path / "run" / name: b'name = "own"\n[sources.own]\n'}
        (tmp_path / "run" / name).write_bytes(theirs[tmp_path / "run" / name])
    for make in (run, one_job.run):
        with pytest.raises(SettingsError, match="not empty and no output of curate"):
            make(recipe(), tmp_path / "run", ENGINE)
    assert intact(theirs)


@pytest.mark.parametrize("name", ["manifest.json", "report.html", "inputs.json"])
def test_a_run_whose_own_file_was_replaced_by_the_user_s_does_not_replace_theirs(name, copy):
    (copy / "run" / name).write_bytes(b"mine")
    with pytest.raises(SettingsError, match=rf"{name}: not written by curate"):
        run(recipes.load(str(copy / "own.toml"), (*RULES, "seed=4")), copy / "run", ENGINE)
    assert (copy / "run" / name).read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("dedup", "documents/a.jsonl"),
        ("dedup", "signatures/a.bin"),
        ("score", "model.bin"),
        ("score", "model.json"),
        ("score", "scores/a.txt"),
        ("tokenize", "tokenizer.json"),
        ("extract", "pointers/a.parquet"),
        ("filter", "receipts/00000.json"),
        ("filter", "receipts.json"),
        ("filter", "stage.json"),
        ("pack", "manifest.json"),
    ],
)
def test_a_verb_takes_no_folder_with_files_of_the_user_s(stage, name, copy):
    theirs = put(copy / "own", name)
    before = {"extract": copy / "in" / "0.jsonl", "pack": copy / "run" / "tokenize"}.get(stage, copy / "run" / "filter")
    with pytest.raises(SettingsError, match=r"holds other files|cannot read what is there"):
        verb(stage, [before], copy / "own")
    assert intact(theirs)


def test_an_output_may_not_be_read_as_a_model_or_a_tokenizer_of_itself(copy):
    for assignment in ("score.model={}/run/score/model.bin", "extract.quality_model={}/run/gate.bin"):
        table = "score" if assignment.startswith("score") else "extract"
        words = (*RULES, f'{assignment.split("=")[0]}="{assignment.split("=")[1].format(copy)}"')
        words += ('score.keep="all"',) if table == "score" else ()
        with pytest.raises(SettingsError, match="lies in the output"):
            run(recipes.load(str(copy / "own.toml"), words), copy / "run", ENGINE)


def test_an_export_lies_apart_from_its_output_and_leaves_what_is_the_user_s(copy):
    theirs = put(copy / "dest", "README.md", "train/mine.npy", "notes.txt")
    for dest in ("run/x", "run", "."):
        with pytest.raises(UserError, match="lies in"):
            export("npy", copy / "run", copy / dest)
    with pytest.raises(UserError, match=r"README\.md: not of an export to datacard"):
        export("datacard", copy / "run", copy / "dest")
    export("npy", copy / "run", copy / "dest")
    assert intact(theirs)


def test_an_export_that_was_stopped_half_way_counts_as_outdated(copy, monkeypatch):
    export("croissant", copy / "run", copy / "run")
    assert list(faults(copy / "run")) == []
    manifests.remix(copy / "run", ("mixture.tokens=1000",))
    with monkeypatch.context() as patch, suppress(OSError):
        patch.setattr("curate.storage.publish", full_after(1))
        export("croissant", copy / "run", copy / "run")
    assert any("croissant" in line for line in faults(copy / "run"))


def full_after(number):
    """Publishes so many files, and then fails as on a full disk."""
    from curate import storage

    left, real = [number], storage.publish

    def publish(draft, path):
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        real(draft, path)

    return publish


@pytest.mark.parametrize("number", [0, 1])
def test_a_mixture_that_was_stopped_half_way_is_reported_and_mixed_anew(number, copy, monkeypatch):
    (copy / "run" / "report.html").write_text('<meta name="generator" content="curate">')
    with monkeypatch.context() as patch, suppress(OSError):
        patch.setattr("curate.storage.publish", full_after(number))
        manifests.remix(copy / "run", ("mixture.tokens=1000",))
    assert not (copy / "run" / "report.html").exists()
    assert (list(faults(copy / "run")) == []) == (number == 0)
    manifests.remix(copy / "run", ("mixture.tokens=1000",))
    assert list(faults(copy / "run")) == []


@settings(max_examples=4, phases=(Phase.explicit, Phase.generate))
@given(
    st.lists(st.sampled_from((12, 13, 30)), min_size=2, max_size=3),
    st.lists(st.sets(st.sampled_from((*NAMES, *LIKE_OURS[1:])), max_size=8), min_size=3, max_size=3),
    st.booleans(),
)
def test_whatever_lies_where_and_whatever_is_changed_every_file_of_the_user_s_keeps_its_bytes(
    finished, tmp_path_factory, settings_of, names, one
):
    copy = Path(shutil.copytree(finished, tmp_path_factory.mktemp("law") / "copy"))
    theirs: dict[Path, bytes] = {}
    for least, new in zip(settings_of, names, strict=False):
        levels = (name if name in NAMES else f"{stage}/{name}" for name in new for stage in ("extract", "filter"))
        theirs |= put(copy / "run", *levels)
        words = (*RULES, f"filter.gopher_quality.min_words={least}")
        with suppress(UserError):
            (one_job.run if one else run)(recipes.load(str(copy / "own.toml"), words), copy / "run", ENGINE)
        assert intact(theirs)
