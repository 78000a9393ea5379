"""The receipts of a closed stage lie in one file; closing and planning anew may be killed at any step."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import storage
from curate.errors import DamageError, UserError
from curate.records import EPOCH, Document, Failure, Pointer, document_id
from curate.stage.checked import opened_part, receipt_of
from curate.stage.parts import PartWriter, part_name, read_receipt
from curate.stage.plan import Item, Plan, load_plan
from curate.stage.receipts import Counts, FileRecord, Receipt, as_line, of_line
from curate.stage.record import begin_stage, close_stage, done, forget_failed, open_stage, read_stage
from curate.storage import listing

WHOLE = {"plan.json", "receipts.json", "stage.json", "part-00000.parquet", "part-00001.parquet", "part-00002.parquet"}


def plan_of(folder, *digests):
    items = tuple(
        Item(number=number, name=f"n{number}", uri=f"/in/{number}", form="part", digest=digest, size=9)
        for number, digest in enumerate(digests)
    )
    return Plan(stage="filter", folder=folder, settings={"least": 1}, items=items)


def make(plan, number, *, failed=False):
    with PartWriter(plan.folder, number, plan.part_key(plan.items[number])) as part:
        id_ = document_id("", EPOCH, str(number).encode())
        part.keep(Document(id=id_, url="", timestamp=EPOCH, source="web", text=f"text {number}"))
        if failed:
            part.fail(Failure.at(Pointer(file="f", offset=0, length=1), "malformed", "bad", stage="filter"), "web")


def finish(plan, failed=()):
    for item in open_stage(plan):
        make(plan, item.number, failed=item.number in failed)
    return close_stage(plan)


def names(folder):
    return storage.entries(folder)[0]


@pytest.fixture
def plan(tmp_path):
    return plan_of(tmp_path / "filter", "a", "b", "c")


class Killer:
    """Counts the changes of a local file system, and ends the process, as it were, before one of them."""

    def __init__(self, patch, at):
        self.left = at
        for name in ("unlink", "replace", "rmdir"):
            patch.setattr(Path, name, self.killing(name, getattr(Path, name)))

    def killing(self, name, change):
        def changed(path, *words, **more):
            if name != "unlink" or not storage.is_draft(path.name):  # a draft goes where an error is handled
                if self.left == 0:
                    raise KeyboardInterrupt
                self.left -= 1
            return change(path, *words, **more)

        return changed


def killed(work, at):
    """Runs some work until its n-th change of the disk; returns whether it was killed."""
    with pytest.MonkeyPatch.context() as patch:
        Killer(patch, at)
        with suppress(KeyboardInterrupt):
            work()
            return False
    return True


COUNT = st.integers(0, 10**12)
TABLE = st.dictionaries(st.text(max_size=9), COUNT, max_size=3)


@given(
    st.builds(
        Receipt,
        key=st.text(max_size=9),
        number=COUNT,
        counts=st.builds(
            Counts,
            read=COUNT,
            kept=COUNT,
            failed=COUNT,
            reasons=TABLE,
            skipped=TABLE,
            notes=TABLE,
            by_source=st.just({}),
        ),
        files=st.dictionaries(st.text(max_size=9), st.builds(FileRecord, rows=COUNT, bytes=COUNT, sha256=st.text())),
        blocks=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=2),
        seconds=st.floats(0, 1e9),
    )
)
def test_a_receipt_is_read_back_from_its_line(receipt):
    assert of_line(as_line(receipt)) == receipt


def test_a_closed_stage_has_one_file_of_receipts_that_every_reader_reads(plan):
    finish(plan)
    assert names(plan.folder) == WHOLE
    assert not (plan.folder / "receipts").exists()
    for item in plan.items:
        receipt = read_receipt(plan.folder, item.number, plan.part_key(item))
        assert receipt == receipt_of(plan.folder / part_name(item.number))
        assert receipt.files.items() <= read_stage(plan.folder).outputs.items()
    assert plan.receipts() == [receipt_of(plan.folder / part_name(number)) for number in range(3)]


@pytest.mark.parametrize("at", range(9))
def test_a_closing_that_is_killed_at_any_change_loses_no_part(at, plan):
    open_stage(plan)
    for number in range(3):
        make(plan, number)
    if not killed(lambda: close_stage(plan), at):
        assert at >= 6  # two records, three receipts and their folder
    assert plan.pending() == []
    if done(plan) is None:
        assert open_stage(plan) == []
        close_stage(plan)
    assert names(plan.folder) == WHOLE
    assert not (plan.folder / "receipts").exists()


@pytest.mark.parametrize("at", range(12))
@pytest.mark.parametrize("begin", [open_stage, begin_stage])
def test_a_plan_anew_that_is_killed_at_any_change_keeps_the_parts_that_hold(begin, at, plan):
    finish(plan)
    changed = plan_of(plan.folder, "a", "x", "c")
    before = {number: (plan.folder / part_name(number)).stat().st_mtime_ns for number in (0, 2)}
    killed(lambda: begin(changed), at)
    begin(changed)
    assert [item.number for item in changed.pending()] == [1]
    make(changed, 1)
    close_stage(changed)
    assert {number: (plan.folder / part_name(number)).stat().st_mtime_ns for number in (0, 2)} == before
    assert names(plan.folder) == WHOLE


def test_an_attempt_that_begins_late_keeps_the_receipts_of_one_that_closes_meanwhile(plan, monkeypatch):
    begin_stage(plan)
    make(plan, 0)
    late = plan.receipts()
    make(plan, 1)
    make(plan, 2)
    close_stage(plan)
    stage = (plan.folder / "stage.json").read_bytes()
    (plan.folder / "stage.json").unlink()  # as the late one, which looked before, sees it
    monkeypatch.setattr(Plan, "receipts", lambda plan: late)
    begin_stage(plan)
    monkeypatch.undo()
    (plan.folder / "stage.json").write_bytes(stage)
    assert done(plan) is not None
    assert plan.pending() == []


@pytest.mark.parametrize("begin", [open_stage, begin_stage])
def test_an_old_receipt_never_stands_for_a_part_of_other_settings(begin, plan):
    finish(plan)
    begin(replace(plan, settings={"least": 2}))
    assert [item.number for item in plan.pending()] == [0, 1, 2]


def test_parts_with_dead_letters_alone_are_forgotten(plan):
    finish(plan, failed=(1,))
    assert forget_failed(plan.folder) == 1
    assert done(plan) is None
    assert [item.number for item in open_stage(plan)] == [1]


def test_a_part_whose_gathered_receipt_is_damaged_is_made_again_and_reading_it_is_an_error_of_one_line(
    plan, monkeypatch
):
    monkeypatch.setattr(listing, "ROWS", 1)
    finish(plan)
    path = plan.folder / "receipts.json"
    path.write_bytes(path.read_bytes().replace(plan.part_key(plan.items[1]).encode(), b"0" * 64))
    with pytest.raises(DamageError, match=r"receipts\.json: changed since it was written, at the entries from 1 on"):
        receipt_of(plan.folder / part_name(1))
    with opened_part(plan.folder / part_name(2)) as source:
        assert source.size() > 0
    with pytest.raises(UserError, match=r"receipts\.json: changed since it was written") as raised:
        len(read_stage(plan.folder).outputs)
    assert "\n" not in str(raised.value)
    assert done(plan) is None
    assert [item.number for item in open_stage(plan)] == [1]


DAMAGE = {
    "a line": (b'"number":1,"key"', b'"number":7,"key"', [1]),
    "a count": (b'"number":2,"key":"', b'"number":2,"key":"0', [2]),
    "the head": (b'"format": "curate', b'"format": "Curate', []),
    "the index": (b'"index": [[0,', b'"index": [[1,', []),
}


@pytest.mark.parametrize(("before", "after", "lost"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_receipts_cost_the_parts_of_the_lines_that_are_damaged_alone(before, after, lost, plan):
    finish(plan)
    path = plan.folder / "receipts.json"
    whole = path.read_bytes()
    assert whole.count(before) == 1
    path.write_bytes(whole.replace(before, after))
    assert done(plan) is None
    assert [item.number for item in open_stage(plan)] == lost
    for number in lost:
        make(plan, number)
    close_stage(plan)
    assert done(plan)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_receipts_that_were_cut_keep_the_lines_before(share, plan):
    finish(plan)
    path = plan.folder / "receipts.json"
    content = path.read_bytes()
    cut = int(share * len(content))
    path.write_bytes(content[:cut])
    ends = [content.index(b'"}', content.index(b'"crc"', content.index(b'{"number":%d,' % own))) for own in range(3)]
    assert [item.number for item in open_stage(plan)] == [own for own, end in enumerate(ends) if end + 2 > cut]


def test_a_worker_reads_the_items_that_it_asks_for_and_a_damaged_one_is_an_error_of_one_line(plan, monkeypatch):
    monkeypatch.setattr(listing, "ROWS", 1)
    monkeypatch.setattr(listing, "SMALL", 64)
    open_stage(plan)
    path = plan.folder / "plan.json"
    path.write_bytes(path.read_bytes().replace(b'"digest":"b"', b'"digest":"B"'))
    loaded = load_plan(plan.folder)
    assert (loaded.items[0], loaded.items[-1], loaded.key) == (plan.items[0], plan.items[2], plan.key)
    with pytest.raises(DamageError, match=r"plan\.json: not readable as a plan: changed since it was written"):
        loaded.items[1]


def test_the_items_of_a_stored_plan_are_a_sequence_like_that_of_the_plan(plan):
    open_stage(plan)
    items = load_plan(plan.folder).items
    assert (len(items), items, [*items], items[1:], items[-1]) == (
        3,
        plan.items,
        [*plan.items],
        plan.items[1:],
        plan.items[-1],
    )
    assert items != plan.items[1:]
    with pytest.raises(IndexError):
        items[3]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_the_checksums_of_a_file_are_those_of_its_first_piece(tmp_path_factory, pieces):
    items = []
    for file, count in enumerate(pieces):
        for piece in range(count):
            fields = {"uri": f"/in/{file}", "start": 10 * piece, "blocks": "" if piece else f"checksums {file}"}
            items.append(Item(number=len(items), name="n", form="warc", digest="", size=10, **fields))
    plan = Plan(stage="extract", folder=tmp_path_factory.getbasetemp(), settings={}, items=tuple(items))
    assert [plan.blocks(item) for item in items] == [f"checksums {item.uri[4:]}" for item in items]
