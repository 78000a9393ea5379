"""A stage's key, the folder it leaves, and what a resume believes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from stage_files import relist, reseal

from curate import storage
from curate.errors import OlderOutput, SettingsError
from curate.filters.rules import Filter
from curate.records import EPOCH, Document, document_id
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan, json_digest, load_plan
from curate.stage.record import begin_stage, close_stage, done, open_stage, read_stage
from curate.storage.writing import write_bytes


def item(number, **changes):
    item = Item(number=number, name=f"n{number}", uri=f"/in/{number}", form="part", digest="ab", size=9, source="web")
    return replace(item, **changes)


@pytest.fixture
def plan(tmp_path):
    return Plan(stage="filter", folder=tmp_path / "filter", settings={"min": 3}, items=(item(0), item(1)))


def make(plan, *numbers, text="some text"):
    for number in numbers:
        with PartWriter(plan.folder, number, plan.part_key(plan.items[number])) as part:
            part.keep(Document(id=document_id("", EPOCH, b""), url="", timestamp=EPOCH, source="web", text=text))


def finish(plan):
    open_stage(plan)
    make(plan, *(planned.number for planned in plan.items))
    return close_stage(plan)


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def numbers(items):
    return [planned.number for planned in items]


CHANGES = {
    "settings": {"settings": {"min": 4}},
    "a digest": {"items": (item(0), item(1, digest="cd"))},
    "a name": {"items": (item(0), item(1, name="other"))},
    "a source": {"items": (item(0), item(1, source="books"))},
    "a form": {"items": (item(0), item(1, form="documents"))},
    "an item more": {"items": (item(0), item(1), item(2))},
    "an item less": {"items": (item(0),)},
    "the order": {"items": (item(1), item(0))},
    "the stage": {"stage": "sign"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_key_changes_with_what_decides_the_output(change, plan):
    assert replace(plan, **change).key != plan.key


@pytest.mark.parametrize("module", ["__version__", "library", "unicode"])
def test_the_key_changes_with_a_version(module, plan, monkeypatch):
    before = plan.key
    if module == "library":
        monkeypatch.setattr("importlib.metadata.version", lambda name: "99")
    elif module == "unicode":
        monkeypatch.setattr("unicodedata.unidata_version", "99")
    else:
        monkeypatch.setattr("curate.stage.plan.__version__", "99")
    later = replace(plan)  # a plan of another process: it keeps its digests once they are known
    assert later.key != before
    assert "99" in later.versions.values()


def test_the_key_does_not_change_with_where_things_lie(plan, tmp_path):
    moved = tuple(replace(planned, uri=f"/elsewhere/{planned.number}", base_uri="x", size=1) for planned in plan.items)
    assert replace(plan, items=moved, folder=tmp_path / "other", attached=("extra.bin",)).key == plan.key


def test_a_part_s_key_depends_on_its_own_item_unless_the_stage_looks_at_all(plan):
    other = replace(plan, items=(item(0), item(1, digest="cd")))
    assert other.part_key(other.items[0]) == plan.part_key(plan.items[0])
    assert other.part_key(other.items[1]) != plan.part_key(plan.items[1])
    together, others = replace(plan, per_item=False), replace(other, per_item=False)
    assert together.part_key(together.items[0]) != others.part_key(others.items[0])
    assert together.part_key(together.items[0]) != together.part_key(together.items[1])


def test_opening_makes_the_folder_and_names_every_item(plan):
    assert open_stage(plan) == list(plan.items)
    assert files(plan.folder) == {"plan.json"}
    assert load_plan(plan.folder) == plan
    assert load_plan(plan.folder).key == plan.key


def test_a_finished_stage_is_done_and_its_record_is_what_was_closed(plan):
    record = finish(plan)
    assert done(plan)
    assert read_stage(plan.folder) == record
    assert (record.counts.read, record.counts.kept, record.key) == (2, 2, plan.key)
    assert set(record.outputs) == {"part-00000.parquet", "part-00001.parquet"}


def test_opening_again_keeps_whole_parts_and_asks_for_the_others(plan):
    open_stage(plan)
    make(plan, 1)
    before = (plan.folder / "part-00001.parquet").stat().st_mtime_ns
    assert numbers(open_stage(plan)) == [0]
    assert (plan.folder / "part-00001.parquet").stat().st_mtime_ns == before
    assert files(plan.folder) == {"plan.json", "part-00001.parquet", "receipts/00001.json"}


def test_opening_removes_what_a_killed_run_left(plan):
    open_stage(plan)
    make(plan, 0)
    for name in ("part-00001.parquet", "receipts/00001.json", "x/deep/y"):
        draft = storage.draft(plan.folder / name)
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(b"half")
    with pytest.raises(KeyError, match="killed"):
        make_until(plan, 1, "write_receipt")
    assert "part-00001.parquet" in files(plan.folder)
    open_stage(plan)
    assert files(plan.folder) == {"plan.json", "part-00000.parquet", "receipts/00000.json"}
    assert not (plan.folder / "x").exists()


def test_opening_removes_the_closing_record_first_so_that_nothing_half_done_looks_done(plan):
    finish(plan)
    open_stage(replace(plan, settings={"min": 4}))
    assert not (plan.folder / "stage.json").exists()
    assert not done(plan)


def test_changed_settings_make_every_part_stale(plan):
    finish(plan)
    assert numbers(open_stage(replace(plan, settings={"min": 4}))) == [0, 1]
    assert files(plan.folder) == {"plan.json"}


def test_a_changed_input_makes_its_own_part_stale_only(plan):
    finish(plan)
    changed = replace(plan, items=(item(0, digest="cd"), item(1)))
    assert numbers(open_stage(changed)) == [0]
    assert files(plan.folder) == {"plan.json", "part-00001.parquet", "receipts.json"}


def test_an_input_less_leaves_no_part_of_it(plan):
    finish(plan)
    assert open_stage(replace(plan, items=(item(0),))) == []
    assert "part-00001.parquet" not in files(plan.folder)


def test_a_truncated_part_is_made_again(plan):
    finish(plan)
    path = plan.folder / "part-00000.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert not done(plan)
    assert numbers(open_stage(plan)) == [0]
    assert not path.exists()


def test_a_stage_inside_the_folder_stays(plan):
    inner = replace(plan, stage="sign", folder=plan.folder / "signatures")
    finish(inner)
    (inner.folder / "x").mkdir()
    (inner.folder / "x" / "y").write_bytes(b"its own affair")
    before = files(plan.folder)
    open_stage(plan)
    assert files(plan.folder) == before | {"plan.json"}
    assert done(inner)


def test_an_attached_file_stays_and_is_recorded(plan):
    plan = replace(plan, attached=("extra.bin",))
    plan.folder.mkdir()
    write_bytes(plan.folder / "extra.bin", b"weights")
    record = finish(plan)
    assert record.outputs["extra.bin"].bytes == 7
    assert numbers(open_stage(plan)) == []
    assert (plan.folder / "extra.bin").exists()


def test_an_attached_file_that_is_gone_is_not_done(plan):
    plan = replace(plan, attached=("extra.bin",))
    plan.folder.mkdir()
    write_bytes(plan.folder / "extra.bin", b"weights")
    finish(plan)
    (plan.folder / "extra.bin").unlink()
    assert not done(plan)


def test_closing_without_a_part_names_the_input(plan):
    open_stage(plan)
    make(plan, 0)
    with pytest.raises(RuntimeError, match=r"filter: no part was made of n1 \(1 missing in all\)"):
        close_stage(plan)
    assert not (plan.folder / "stage.json").exists()


def test_moving_the_folder_changes_nothing(plan, tmp_path):
    record = finish(plan)
    shutil.move(plan.folder, tmp_path / "elsewhere")
    moved = replace(plan, folder=tmp_path / "elsewhere")
    assert done(moved)
    assert not done(plan)
    assert read_stage(moved.folder) == record
    assert load_plan(moved.folder).key == plan.key


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"stage": "filter"}', '{"outputs": 3}', "\udcff"])
def test_a_broken_closing_record_is_named_and_is_not_done(content, plan):
    finish(plan)
    (plan.folder / "stage.json").write_text(content, errors="surrogateescape")
    assert not done(plan)
    with pytest.raises(SettingsError, match=r"stage\.json: not readable as a stage record"):
        read_stage(plan.folder)


def test_a_folder_without_a_closing_record_is_no_finished_stage(tmp_path):
    with pytest.raises(SettingsError, match="not the folder of a finished stage"):
        read_stage(tmp_path)


@pytest.mark.parametrize("name", ["attached", "counts"])
def test_a_closing_record_whose_tables_are_lists_of_something_else_is_named(name, plan):
    finish(plan)
    path = plan.folder / "stage.json"
    reseal(path, json.loads(path.read_text()) | {name: [3]})
    with pytest.raises(SettingsError, match="not readable as a stage record"):
        read_stage(plan.folder)


def test_a_changed_plan_is_loaded_anew(plan):
    open_stage(plan)
    assert load_plan(plan.folder).settings == {"min": 3}
    open_stage(replace(plan, settings={"min": 4}))
    assert load_plan(plan.folder).settings == {"min": 4}


def test_a_digest_is_that_of_the_canonical_json():
    assert json_digest({"b": 1, "a": [1, "é"]}) == json_digest({"a": [1, "é"], "b": 1})
    assert json_digest([1, 2]) != json_digest([2, 1])
    assert json_digest(1.0) != json_digest(1)


def test_a_relative_uri_starts_at_the_stage_s_folder_and_an_absolute_one_stays(plan):
    assert plan.path("../extract/part-00000.parquet") == plan.folder / "../extract/part-00000.parquet"
    assert plan.path("/in/0") == Path("/in/0")


@pytest.mark.parametrize(("library", "mend"), [("pyarrow", "install that"), ("unicode", "use a Python that has that")])
def test_a_worker_with_another_version_of_a_library_refuses_the_plan(library, mend, plan):
    open_stage(plan)
    relist(plan.folder / "plan.json", versions=plan.versions | {library: "1.0"})
    with pytest.raises(RuntimeError, match=rf"{library} is .* here, but 1\.0 where the stage was planned; {mend}"):
        load_plan(plan.folder)


def test_an_attempt_that_closes_late_does_not_take_the_record_away(plan):
    finish(plan)
    before = (plan.folder / "stage.json").read_bytes()
    begin_stage(plan)
    assert (plan.folder / "stage.json").read_bytes() == before
    assert close_stage(plan) == read_stage(plan.folder)


def test_a_part_of_new_settings_first_takes_the_old_receipt_away(plan):
    finish(plan)
    changed = replace(plan, settings={"min": 4})
    begin_stage(changed)
    with pytest.raises(KeyError, match="killed"):
        make_until(changed, 0, "TableWriter.publish")
    assert numbers(plan.pending()) == [0, 1]


def test_a_part_made_by_another_attempt_first_takes_its_receipt_away(plan):
    open_stage(plan)
    make(plan, 0, 1)
    with pytest.raises(KeyError, match="killed"):
        make_until(replace(plan, settings={"min": 4}), 0, "TableWriter.publish")
    assert numbers(plan.pending()) == [0]


def make_until(plan, number, step):
    """Makes a part until a function of its module, and leaves what a process leaves that is killed there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"curate.stage.parts.{step}", killed)
        make(plan, number)


def killed(*_):
    raise KeyError("killed")


def older(plan, name, *, is_sealed):
    """Writes a plan or a closing record as an earlier version did, which had all items in it."""
    stored = {"format": f"curate.{name[:-5]}", "version": 3, "stage": "filter", "settings": plan.settings}
    stored |= {"items": [vars_of(planned) for planned in plan.items], "key": plan.key, "outputs": {}}
    if is_sealed:
        reseal(plan.folder / name, stored)
    else:  # the oldest
        (plan.folder / name).write_text(json.dumps(stored | {"version": 1}))


def vars_of(planned):
    return {name: getattr(planned, name) for name in planned.__slots__}


@pytest.mark.parametrize("is_sealed", [True, False])
def test_the_record_of_an_older_version_is_named_as_such_and_is_not_replaced(is_sealed, plan):
    finish(plan)
    older(plan, "stage.json", is_sealed=is_sealed)
    before = (plan.folder / "stage.json").read_bytes()
    for call in (lambda: read_stage(plan.folder), lambda: done(plan), lambda: begin_stage(plan)):
        with pytest.raises(OlderOutput, match="made by an older version of curate; make it anew, in another folder"):
            call()
    assert (plan.folder / "stage.json").read_bytes() == before


@pytest.mark.parametrize("is_sealed", [True, False])
def test_an_open_stage_of_an_older_version_is_left_alone(is_sealed, plan):
    open_stage(plan)
    make(plan, 0)
    older(plan, "plan.json", is_sealed=is_sealed)
    before = sorted(path.name for path in plan.folder.rglob("*"))
    for call in (lambda: load_plan(plan.folder), lambda: open_stage(plan), lambda: begin_stage(plan)):
        with pytest.raises(OlderOutput):
            call()
    assert sorted(path.name for path in plan.folder.rglob("*")) == before


def test_one_opening_and_one_closing_read_each_receipt_once(plan, monkeypatch):
    reads = []
    real = storage.contents
    monkeypatch.setattr(storage, "contents", lambda paths: reads.extend(paths := list(paths)) or real(paths))
    assert done(plan) is None
    open_stage(plan)
    make(plan, 0, 1)
    reads.clear()
    assert open_stage(plan) == []
    assert sum(path.parent.name == "receipts" for path in reads) == 2
    reads.clear()
    close_stage(plan)
    assert sum(path.parent.name == "receipts" for path in reads) == 2


def test_settings_are_built_once_for_a_plan(plan):
    loaded = replace(plan, settings={"filter": {"rules": ["mime"]}})
    assert loaded.built(Filter, "filter").rules == ("mime",)
    assert loaded.built(Filter, "filter") is loaded.built(Filter, "filter")
