"""On a store, receipts are read from copies: a copy counts for the receipt that it was made of, and for no other."""

import hashlib

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import storage
from curate.pipelines.stages.map_only import part_numbers
from curate.records import EPOCH, Document, document_id
from curate.stage import parts, receipts, tally
from curate.stage.ownership import owners
from curate.stage.parts import PartWriter, read_receipt, read_receipts, receipt_path, receipted
from curate.stage.plan import Item, Plan, load_plan
from curate.stage.receipts import Counts, Receipt, is_copies
from curate.stage.record import begin_stage, close_stage, done, forget_failed, gather_left, open_stage
from curate.stage.tally import Tally

pytestmark = pytest.mark.filterwarnings("ignore:UPath 'etags' filesystem not explicitly implemented")
PARTS = 6


class Etags(MemoryFileSystem):
    """A store in memory whose listing states the checksum of each file, as S3's does."""

    protocol = ("etags",)
    store = {}  # noqa: RUF012  # as fsspec has it: of all instances
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("etags:"))

    def ls(self, path, detail=True, **words):
        return self._with_checksums(super().ls(path, detail=detail, **words), detail)

    def find(self, path, maxdepth=None, withdirs=False, detail=False, **words):
        listed = super().find(path, maxdepth, withdirs, detail, **words)
        self._with_checksums(listed.values() if detail else (), detail)
        return listed

    def _with_checksums(self, infos, detail):
        for info in infos if detail else ():
            if info["type"] == "file":
                info["ETag"] = hashlib.md5(self.store[info["name"]].getvalue()).hexdigest()
        return infos


fsspec.register_implementation("etags", Etags, clobber=True)


@pytest.fixture(params=["etags", "memory"], ids=["checksums", "times"])
def plan(request):
    """A stage in a store that states checksums, as S3 and Google's do, or the times of files, as others do."""
    fsspec.filesystem(request.param).store.clear()
    receipts._forget()
    return plan_in(f"{request.param}://data/filter")


def plan_in(folder):
    items = tuple(
        Item(number=number, name=f"n{number}", uri=f"/in/{number}", form="part", digest=f"d{number}", size=9)
        for number in range(PARTS)
    )
    return Plan(stage="filter", folder=storage.path(folder), settings={"least": 1}, items=items)


def make(plan, number, text="text"):
    with PartWriter(plan.folder, number, plan.part_key(plan.items[number])) as part:
        id_ = document_id("", EPOCH, str(number).encode())
        part.keep(Document(id=id_, url="", timestamp=EPOCH, source="web", text=text))


def copies_in(plan):
    return [name for name in storage.sizes(plan.folder) if is_copies(name)]


@pytest.fixture
def requests(monkeypatch):
    """The names of the small files that are asked for."""
    names = []
    contents = storage.contents

    def listed(paths):
        paths = [*paths]
        names.extend(path.name for path in paths)
        return contents(paths)

    monkeypatch.setattr(storage, "contents", listed)
    return names


def single(names):
    return sorted(name for name in names if name[:-5].isdecimal())


def test_a_resume_and_a_closing_read_copies_and_no_single_receipt(plan, requests, monkeypatch):
    monkeypatch.setattr(receipts, "COPIED", 4)
    states_checksums = plan.folder.protocol == "etags"
    open_stage(plan)
    for number in range(PARTS - 1):
        make(plan, number)
    assert len(copies_in(plan)) == 2
    requests.clear()
    assert [item.number for item in open_stage(plan)] == [PARTS - 1]
    assert single(requests) == ([] if states_checksums else [f"{number:05d}.json" for number in range(PARTS - 1)])
    assert {name for name in storage.sizes(plan.folder) if name.startswith("receipts")} == {"receipts.json"}
    for number in range(PARTS - 1):
        assert read_receipt(plan.folder, number, plan.part_key(plan.items[number]))
    receipts._forget()  # another process
    make(plan, PARTS - 1)
    requests.clear()
    close_stage(plan)
    assert single(requests) == ([] if states_checksums else [f"{PARTS - 1:05d}.json"])
    assert done(plan).counts.kept == PARTS
    assert not [name for name in storage.sizes(plan.folder) if name.startswith("receipts/")]


def test_a_job_that_plans_its_stages_itself_reads_no_receipt_that_an_earlier_one_has_left(plan, requests):
    begin_stage(plan)
    for number in range(PARTS - 1):
        receipts._forget()  # each worker makes one part
        make(plan, number)
    gather_left(plan.folder)
    assert {name for name in storage.sizes(plan.folder) if name.startswith("receipts")} == {"receipts.json"}
    begin_stage(plan)
    requests.clear()
    assert [number for _, number in part_numbers(storage.uri(plan.folder))] == [PARTS - 1]
    assert not single(requests)
    make(plan, PARTS - 1)
    close_stage(plan)
    before = storage.sizes(plan.folder)
    gather_left(plan.folder)
    assert storage.sizes(plan.folder) == before


def test_the_launching_process_joins_the_copies_of_many_workers(plan, requests, monkeypatch):
    monkeypatch.setattr(tally, "COPIED", 3)
    open_stage(plan)
    progress = Tally(load_plan(plan.folder), joins=True)
    for number in range(PARTS - 1):
        receipts._forget()  # each worker makes one part
        make(plan, number)
        assert progress.look().parts == number + 1
        assert len(copies_in(plan)) <= 3
    assert progress.look().kept == PARTS - 1
    requests.clear()
    whole = plan.receipts()
    assert [receipt.number for receipt in whole if receipt] == [*range(PARTS - 1)]
    assert len(single(requests)) <= 2
    assert not [path for path, owner in owners(plan.folder).items() if not owner]


def test_a_part_that_is_made_anew_is_not_taken_for_its_old_copy(plan):
    open_stage(plan)
    make(plan, 0)
    before = plan.receipts()[0]
    make(plan, 0, text="a longer text than before")
    after = plan.receipts()[0]
    assert after.files != before.files
    assert after.files == parts.as_receipt(receipt_path(plan.folder, 0).read_bytes()).files


def test_a_worker_that_ends_late_leaves_a_closed_stage_as_it_is(plan):
    begin_stage(plan)
    for number in range(PARTS):
        make(plan, number)
    close_stage(plan)
    with receipted(plan.folder, read_receipt(plan.folder, 0, plan.part_key(plan.items[0]))):
        pass
    assert copies_in(plan)
    assert done(plan)
    assert not copies_in(plan)
    assert forget_failed(plan.folder) == 0


class StoreError(Exception):
    """An error of a store's own, as Google's has."""


def test_a_copy_that_a_store_refuses_costs_no_part(plan, monkeypatch):
    open_stage(plan)

    def refuse(_path, _copies):
        raise StoreError("429")

    monkeypatch.setattr(receipts, "write_copies", refuse)
    make(plan, 0)
    assert plan.receipts()[0]
    assert not copies_in(plan)


STEP = st.tuples(
    st.sampled_from(["write", "write", "drop", "another process", "damage", "join"]), st.integers(0, PARTS - 1)
)


@settings(max_examples=40)
@given(st.lists(STEP, max_size=20))
def test_what_copies_say_is_what_the_single_receipts_say(steps):
    """Copies that are written, dropped, damaged and joined in any order."""
    plan = plan_in("etags://data/filter")
    Etags.store.clear()
    receipts._forget()
    progress = Tally(plan, joins=True)
    expected = {}
    for version, (step, number) in enumerate(steps):
        if step == "write":
            receipt = Receipt(key=plan.part_key(plan.items[number]), number=number, counts=Counts(), files={})
            expected[number] = Receipt(key=receipt.key, number=number, counts=Counts(read=version), files={})
            with receipted(plan.folder, expected[number]):
                pass
        elif step == "drop":
            parts.drop_receipt(receipt_path(plan.folder, number))
            expected.pop(number, None)
        elif step == "another process":
            receipts._forget()
        elif step == "damage":
            for name in copies_in(plan)[:1]:
                path = plan.folder / name
                path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
        else:
            progress.look()
            progress._join()
        assert read_receipts(plan.folder, keys_of(plan)) == [expected.get(number) for number in range(PARTS)]


def keys_of(plan):
    return [(item.number, plan.part_key(item)) for item in plan.items]
