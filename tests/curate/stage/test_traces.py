"""Only files that our plan, receipts and records name are removed or replaced; the user's keep their bytes."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from curate import storage
from curate.errors import SettingsError
from curate.records import EPOCH, Failure, Pointer, Rejection, document_id
from curate.records import Document as Doc
from curate.stage import traces
from curate.stage.parts import PartWriter, read_receipt
from curate.stage.plan import Item, Plan
from curate.stage.record import begin_stage, close_stage, done, forget_failed, open_stage
from curate.storage.writing import write_bytes

KILLED = "killed"
STEPS = ("TableWriter.publish", "announce_receipt", "drop_other_receipt", "write_receipt")
NAMES = (
    *("NOTES.txt", "part-00000.parquet", "part-00001.parquet", "part-00007.parquet", "rejected-00000.parquet"),
    *("failed-00001.parquet", "receipts/00001.json", "receipts/00009.json", "receipts/notes.txt", "receipts/plan.json"),
    *(
        "plan.json",
        "stage.json",
        "receipts.json",
        "sub/data.csv",
        "sub/plan.json",
        "shards/mine.txt",
        ".part-00000.parquet.tmp",
    ),
    *(".part-00000.parquet.1.0a1b2c3d.tmp", "documents/mine.jsonl", "signatures/mine.bin", "extra.bin", "x/y/z"),
    *("pointers/mine.parquet", "lots/00000.parquet", "work/stop", "warc/crawl-0-mine-00000.warc.gz", "receipts"),
)


def plan_of(folder, least=1, items=2, stage="filter"):
    made = tuple(
        Item(number=n, name=f"n{n}", uri=f"/in/{n}", form="part", digest="ab", size=9, source="web")
        for n in range(items)
    )
    return Plan(stage=stage, folder=folder, settings={"least": least}, items=made)


def make(plan, number, *, rejected=False, failed=False):
    id_ = document_id("", EPOCH, str(number).encode())
    with PartWriter(plan.folder, number, plan.part_key(plan.items[number])) as part:
        part.keep(Doc(id=id_, url="", timestamp=EPOCH, source="web", text=f"text {plan.settings['least']} {number}"))
        if rejected:
            fields = {"id": id_, "url": "", "source": "web", "stage": "filter", "reason": "a.b"}
            part.reject(Rejection(**fields, value=None, threshold=None, bytes=3))
        if failed:
            part.fail(Failure.at(Pointer(file="f", offset=0, length=1), "malformed", "bad", stage="filter"), "web")


def killed(*_):
    raise RuntimeError(KILLED)


def kill_at(step, plan, number, **more):
    """Makes a part until a function of its module, and leaves what a process leaves that is killed there."""
    with pytest.MonkeyPatch.context() as patch, suppress(RuntimeError):
        patch.setattr(f"curate.stage.parts.{step}", killed)
        make(plan, number, **more)


def in_place(folder, files):
    """Returns those of the files that can be written beside the present ones: none at a folder, none inside a file."""
    there, folders = storage.entries(folder)
    for name, content in files.items():
        above = {name.rsplit("/", depth)[0] for depth in range(1, name.count("/") + 1)}
        if name not in there | folders and not above & there:
            write_new(folder / name, content)
            yield name, content
            there, folders = storage.entries(folder)


def write_new(path, content):
    storage.make_folder(path.parent)
    write_bytes(path, content)


@pytest.fixture(params=["disk", "store"])
def folder(request, tmp_path):
    if request.param == "disk":
        return tmp_path / "filter"
    import fsspec

    fsspec.filesystem("memory").store.clear()
    return storage.path("memory://bucket/filter")


ACTION = st.tuples(
    st.sampled_from(("stage", "job")),
    st.integers(1, 2),  # a setting
    st.integers(1, 3),  # items
    st.sampled_from(("close", "kill", "retry", *STEPS)),
    st.booleans(),  # whether parts have rejections and dead letters
)


@settings(max_examples=40, phases=(Phase.explicit, Phase.generate))
@given(
    st.lists(ACTION, min_size=1, max_size=5),
    st.lists(st.dictionaries(st.sampled_from(NAMES), st.binary(min_size=1, max_size=9), max_size=6), min_size=5),
)
def test_whatever_is_run_and_killed_every_file_of_the_user_keeps_its_bytes(tmp_path_factory, actions, files):
    folder = tmp_path_factory.mktemp("law") / "filter"
    theirs: dict[str, bytes] = {}
    plan = None
    for (way, least, items, end, more), new in zip(actions, files, strict=False):
        plan = plan_of(folder, least, items)
        with suppress(SettingsError):
            step(way, plan, end, more)
        assert {name: (folder / name).read_bytes() for name in theirs} == theirs
        theirs |= dict(in_place(folder, new))
    with suppress(SettingsError):
        if done(plan) is None:
            step("stage", plan, "close", more=False)
        named = {"plan.json", "stage.json", "receipts.json", *done(plan).outputs}
        assert storage.entries(folder)[0] == named | theirs.keys()
    assert {name: (folder / name).read_bytes() for name in theirs} == theirs


def step(way, plan, end, more):
    """Runs a stage, as one job or alone, to its end or until it is killed."""
    if done(plan):
        return
    if way == "stage":
        open_stage(plan)
    else:
        begin_stage(plan)
    for item in plan.pending():
        if end == "kill" and item.number == 1:
            return
        if end in STEPS:
            return kill_at(end, plan, item.number, rejected=more, failed=more)
        make(plan, item.number, rejected=more, failed=more)
    close_stage(plan)
    if end == "retry":
        forget_failed(plan.folder)


def test_strays_of_every_name_stay_when_a_stage_is_made_again_with_fewer_items_and_other_settings(folder):
    theirs = {name: b"mine" for name in NAMES if name not in {"receipts", "plan.json", "stage.json", "receipts.json"}}
    plan = plan_of(folder, items=1)
    for name in ("part-00000.parquet", "rejected-00000.parquet", ".part-00000.parquet.tmp"):
        theirs.pop(name, None)
    for name, content in theirs.items():
        write_new(folder / name, content)
    for least in (1, 2):
        plan = plan_of(folder, least, items=1)
        open_stage(plan)
        make(plan, 0)
        close_stage(plan)
    assert {name: (folder / name).read_bytes() for name in theirs} == theirs
    assert done(plan)


@pytest.mark.parametrize(
    "name", ["part-00001.parquet", "rejected-00000.parquet", "receipts/00001.json", "stage.json", "receipts.json"]
)
def test_a_file_that_would_be_replaced_is_named_before_any_change(name, folder):
    first = plan_of(folder, items=1)
    if name not in ("stage.json", "receipts.json"):
        open_stage(first)
        make(first, 0)
        close_stage(first)
    write_new(folder / name, b"mine")
    before = {name: (folder / name).read_bytes() for name in storage.entries(folder)[0]}
    for call in (open_stage, begin_stage):
        with pytest.raises(SettingsError, match=rf"{name}: not written by curate, and would be replaced"):
            call(plan_of(folder, least=2, items=2))
    assert {name: (folder / name).read_bytes() for name in storage.entries(folder)[0]} == before


@pytest.mark.parametrize("name", ["receipts", "part-00000.parquet/mine.txt"])
def test_a_file_where_a_folder_is_needed_or_a_folder_in_a_file_s_place_is_named(name, tmp_path):
    write_new(tmp_path / name, b"mine")
    with pytest.raises(SettingsError, match="not written by curate, and would be replaced"):
        open_stage(plan_of(tmp_path))


def test_a_link_in_a_part_s_place_is_the_user_s_even_where_it_leads_nowhere(tmp_path):
    (tmp_path / "part-00000.parquet").symlink_to("nowhere")
    with pytest.raises(SettingsError, match=r"part-00000\.parquet: not written by curate"):
        open_stage(plan_of(tmp_path))


@pytest.mark.parametrize("at", STEPS)
@pytest.mark.parametrize("begin", [open_stage, begin_stage])
def test_a_part_killed_at_any_step_leaves_nothing_once_the_stage_is_done_with_other_settings(at, begin, folder):
    plan = plan_of(folder)
    begin(plan)
    kill_at(at, plan, 0, rejected=True, failed=True)
    other = plan_of(folder, least=2, items=1)
    begin(other)
    make(other, 0)
    record = close_stage(other)
    assert storage.entries(folder)[0] == {"plan.json", "stage.json", "receipts.json", *record.outputs}


@pytest.mark.parametrize("at", range(9))
def test_a_sweep_killed_at_any_file_is_finished_by_the_next(at, tmp_path, monkeypatch):
    plan = replace(plan_of(tmp_path, items=3), attached=("extra.bin",))
    write_new(tmp_path / "extra.bin", b"weights")
    open_stage(plan)
    for number in range(3):
        make(plan, number, rejected=True)
    close_stage(plan)
    (tmp_path / "mine.txt").write_bytes(b"mine")
    left, unlink = [at], type(tmp_path).unlink

    def killing(path, **more):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        unlink(path, **more)

    other = plan_of(tmp_path, least=2, items=1)
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(type(tmp_path), "unlink", killing)
        open_stage(other)
    assert done(plan) is None or at == 0
    open_stage(other)
    make(other, 0)
    close_stage(other)
    ours = {"plan.json", "stage.json", "receipts.json", "part-00000.parquet"}
    assert storage.entries(tmp_path)[0] == ours | {"mine.txt"}


def test_a_lost_receipt_s_part_is_made_anew_if_it_is_ours_and_else_named(tmp_path):
    plan = plan_of(tmp_path)
    open_stage(plan)
    for number in (0, 1):
        make(plan, number)
    (tmp_path / "receipts" / "00000.json").unlink()
    assert [item.number for item in open_stage(plan)] == [0]
    make(plan, 0)
    (tmp_path / "receipts" / "00000.json").unlink()
    (tmp_path / "part-00000.parquet").write_bytes(b"mine")
    with pytest.raises(SettingsError, match=r"part-00000\.parquet: not written by curate"):
        open_stage(plan)


def test_a_damaged_receipt_or_plan_of_ours_is_made_anew(tmp_path):
    plan = plan_of(tmp_path)
    open_stage(plan)
    for number in (0, 1):
        make(plan, number)
    for name in ("receipts/00001.json", "plan.json"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes().replace(b'"web"', b'"we', 1)[:-9])
    assert [item.number for item in open_stage(plan)] == [1]
    assert read_receipt(tmp_path, 0, plan.part_key(plan.items[0]))


def test_what_is_no_receipt_of_ours_is_not_forgotten_and_names_nothing(tmp_path):
    plan = plan_of(tmp_path)
    open_stage(plan)
    for number in (0, 1):
        make(plan, number, failed=number == 0)
    close_stage(plan)
    theirs = dict.fromkeys(("receipts/00009.json", "part-00009.parquet", "receipts/mine.json"), b"mine")
    for name, content in theirs.items():
        write_new(tmp_path / name, content)
    assert forget_failed(tmp_path) == 1
    assert [item.number for item in open_stage(plan)] == [0]
    assert {name: (tmp_path / name).read_bytes() for name in theirs} == theirs


def test_a_receipt_that_names_files_elsewhere_removes_none(tmp_path):
    (tmp_path / "victim").write_text("keep")
    plan = plan_of(tmp_path / "filter", items=1)
    open_stage(plan)
    make(plan, 0)
    path = plan.folder / "receipts" / "00000.json"
    stored = json.loads(path.read_text())
    stored["files"] = {"../victim": {"rows": 0, "bytes": 4, "sha256": ""}, str(tmp_path / "victim"): {}}
    path.write_text(json.dumps(stored | {"key": "other"}))
    with suppress(SettingsError):
        open_stage(plan)
    assert (tmp_path / "victim").read_text() == "keep"


def test_warc_files_of_another_crawl_are_the_user_s_and_those_of_the_plan_s_lots_are_ours(tmp_path):
    plan = replace(plan_of(tmp_path, stage="crawl"), items=(replace(plan_of(tmp_path).items[0], digest="0" * 16),))
    begin_stage(plan)
    ours = f"warc/crawl-0-{'0' * 16}-00003.warc.gz"
    theirs = f"warc/crawl-0-{'1' * 16}-00003.warc.gz"
    for name in (ours, theirs, "work/mine.txt", "work/stop.curate", "work/robots/ab/mine.json"):
        write_new(tmp_path / name, b"x")
    names = traces.read(tmp_path, "crawl").ours
    assert {ours, "work/stop.curate", "plan.json"} <= names
    assert not {theirs, "work/mine.txt", "work/robots/ab/mine.json"} & names
