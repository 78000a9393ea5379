"""OUT and inputs in an object store: the same bytes as on the disk, against real servers on this machine.

S3 is moto's server, through s3fs. Google's is fake-gcs-server, where that is on the PATH.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from stores import Store, counted_requests, gs, s3

from curate import recipe as recipes
from curate import storage
from curate.inspection import status
from curate.pipelines import plans
from curate.pipelines.estimation import costs
from curate.pipelines.stages import extract
from curate.pipelines.stages.map_only import make_part
from curate.records import EPOCH, Document, document_id
from curate.stage.checked import opened_part
from curate.stage.parts import PartWriter, part_name
from curate.stage.plan import Item, Plan
from curate.stage.record import close_stage, done, open_stage
from curate.storage.patience import ChangedError
from curate.storage.remote import RangeReader

pytestmark = pytest.mark.processes

RUN = ("run", "quickstart", "--no-train", "--workers", 1)


@pytest.fixture(scope="module", params=[s3, gs], ids=["s3", "gs"])
def store(request) -> Iterator[Store]:
    with request.param() as opened:
        yield opened


@pytest.fixture
def local(quickstart) -> Path:
    return quickstart


def contents(out: Path) -> dict[str, bytes]:
    chosen = [path for path in sorted(out.rglob("*")) if path.suffix in (".parquet", ".bin", ".idx")]
    return {str(path.relative_to(out)): path.read_bytes() for path in [*chosen, out / "manifest.json"]}


def copied(source: str, target: str) -> None:
    """Copies a folder, here or in a store."""
    out, copy = storage.path(source), storage.path(target)
    for name in storage.sizes(out):
        storage.make_folder((copy / name).parent)
        (copy / name).write_bytes((out / name).read_bytes())


def test_a_run_whose_output_lies_in_a_store_writes_the_bytes_of_a_local_one(
    curate, call, store, several_shards, tmp_path
):
    out, recipe = f"{store.bucket}/one/out", several_shards.parent / "own.toml"
    done = curate("run", recipe, "-o", out, "--one-job", env=store.env)
    assert done.code == 0, done.err
    copied(out, str(tmp_path / "copy"))
    assert contents(tmp_path / "copy") == contents(several_shards)
    again = call("run", recipe, "-o", out)
    assert again.out.count("done before") == 5, again.out + again.err
    verified = call("verify", out)
    assert verified.code == 0, verified.out
    shown, near = call("inspect", out, "--json").out, call("inspect", several_shards, "--json").out
    assert shown.replace(out, str(several_shards)).splitlines()[:2] == near.splitlines()[:2]


def test_inputs_in_a_store_give_the_documents_of_local_ones_and_are_known_by_their_checksums(
    call, store, miniweb, tmp_path
):
    copied(str(miniweb), f"{store.bucket}/crawl")
    done = call("extract", f"{store.bucket}/crawl/web-*.warc.gz", "-o", tmp_path / "far")
    assert done.code == 1 or done.code == 0, done.err
    near = call("extract", f"{miniweb}/web-*.warc.gz", "-o", tmp_path / "near")
    assert done.code == near.code
    files = {path.name: path.read_bytes() for path in (tmp_path / "near").glob("*.parquet")}
    assert {path.name: path.read_bytes() for path in (tmp_path / "far").glob("*.parquet")} == files
    assert len(files) > 1
    plan = (tmp_path / "far" / "plan.json").read_text()
    assert '"digest":"etag:' in plan or '"digest":"md5:' in plan
    filtered = call("filter", tmp_path / "far", "-o", f"{store.bucket}/filtered")
    assert filtered.code == 0, filtered.err
    deduplicated = call("dedup", f"{store.bucket}/filtered", "-o", tmp_path / "dedup")
    assert deduplicated.code == 0, deduplicated.err
    assert call("verify", tmp_path / "dedup").code == 0
    scored = call("score", tmp_path / "dedup", "-o", f"{store.bucket}/scored", "--set", 'score.keep="all"')
    assert scored.code == 0, scored.err
    assert call("verify", f"{store.bucket}/scored").code == 0


def test_a_file_in_a_store_is_read_by_ranges_of_one_version(store):
    path, content = storage.path(f"{store.bucket}/ranges.bin"), bytes(range(256)) * 200
    path.write_bytes(content)
    with RangeReader(path, chunk=1000) as file:
        assert file.size == len(content)
        assert file.read() == content
        file.seek(777)
        assert file.read(3000) == content[777:3777]
        path.write_bytes(content[::-1])
        file.seek(40_000)
        with pytest.raises(ChangedError, match=r"ranges\.bin"):
            file.read(10)


def test_a_stage_in_a_store_is_opened_resumed_closed_skipped_and_shown_by_few_requests_however_many_parts(store):
    if not store.bucket.startswith("s3"):
        pytest.skip("requests are counted where S3's client makes them")
    # What each takes however many parts there are; a thousand parts, with their rejected rows and receipts, take three
    # more for each listing, of which a closing has two, and two more for copies, so that no step takes over 20.
    parts, most = 24, {"open": 5, "status": 11, "resume": 8, "close": 12, "skip": 5}
    items = tuple(
        Item(number=number, name=f"n{number}", uri=f"/in/{number}", form="part", digest=f"d{number}", size=9)
        for number in range(parts)
    )
    plan = Plan(stage="filter", folder=storage.path(f"{store.bucket}/many"), settings={"least": 1}, items=items)
    steps, made = dict[str, int](), 0

    def counted(step, work):
        with counted_requests() as requests:
            result = work()
        steps[step] = max(requests.total(), steps.get(step, 0))
        return result

    for step, numbers in (("open", range(0, parts, 2)), ("resume", range(1, parts, 2))):
        pending = counted(step, lambda: open_stage(plan))
        assert {item.number for item in pending} >= {*numbers}
        for number in numbers:
            with PartWriter(plan.folder, number, plan.part_key(items[number])) as part:
                id_ = document_id("", EPOCH, str(number).encode())
                part.keep(Document(id=id_, url="", timestamp=EPOCH, source="web", text=f"text {number}"))
        made += len(numbers)
        assert counted("status", lambda: status.of(plan.folder)).stages[0].sight.kept == made
    for step, work in (("close", close_stage), ("skip", done)):
        assert counted(step, lambda work=work: work(plan)).counts.kept == parts
    assert counted("status", lambda: status.of(plan.folder)).state == "finished"
    assert all(steps[step] <= count for step, count in most.items()), steps
    with counted_requests() as requests:
        for number in range(parts):
            with opened_part(plan.folder / part_name(number)) as source:
                assert pq.read_table(source)["text"].to_pylist() == [f"text {number}"]
    assert requests.total() <= 1 + 3 * parts, requests  # of a part: the receipts' and its own size, and its bytes


def test_the_requests_of_a_stage_are_those_that_an_estimate_states(store, tmp_path):
    if not store.bucket.startswith("s3"):
        pytest.skip("requests are counted where S3's client makes them")
    parts = 8
    for number in range(parts):
        (tmp_path / f"{number}.jsonl").write_text(f'{{"text": "Text {number} of its own."}}\n')
    recipe = recipes.load("documents", files=(str(tmp_path),))
    out = storage.path(f"{store.bucket}/counted")
    with counted_requests() as requests:
        digests = plans.open_digests(out)
        plan = plans.planned("extract", recipe, out, digests)
        digests.save()
        open_stage(plan)
        for item in plan.items:
            make_part((storage.uri(plan.folder), item.number), extract.make_part)
        close_stage(plan)
    assert len(plan.items) == parts
    assert requests.total() == pytest.approx(costs.requests("extract", parts, 0, reads=False), rel=0.25), requests


def test_a_store_that_refuses_is_told_in_one_line(call, store):
    scheme = store.bucket.partition("://")[0]
    done = call(*RUN, "-o", f"{scheme}://there-is-none/out")
    assert done.code == 2
    assert f"curate: {scheme}://there-is-none/out: cannot write there: " in done.err


def test_a_model_is_not_written_to_a_store(call, store):
    done = call("run", "quickstart", "-o", f"{store.bucket}/trained")
    assert done.code == 2
    assert "a model is written to a local folder" in done.err


def test_shards_in_a_store_are_mixed_and_trained_on_as_local_ones(call, store, local, tmp_path):
    pytest.importorskip("torch")
    few = ("steps=2", "context=32", "threads=1", "layers=1", "heads=1", "width=8", "batch=2")
    few = [word for setting in few for word in ("--set", setting)]
    copied(str(local), f"{store.bucket}/dataset")
    shutil.copytree(local, tmp_path / "dataset")
    env = {"CURATE_CACHE": str(tmp_path / "cache")}
    for place, model in ((f"{store.bucket}/dataset", "far"), (tmp_path / "dataset", "near")):
        mixed = call("mix", place, "--preset", "uniform", "--json", env=env)
        assert mixed.code == 0, mixed.err
        done = call("train", place, "-o", tmp_path / model, *few, env=env)
        assert done.code == 0, done.err
    assert (tmp_path / "far" / "loss.csv").read_bytes() == (tmp_path / "near" / "loss.csv").read_bytes()
    assert len(list((tmp_path / "cache" / "shards").iterdir())) == 4
