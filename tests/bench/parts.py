"""Measures the costs of a stage of many parts beside its work: plans, receipts, records, and the verbs that read them.

    python tests/bench/parts.py [--parts 1000 10000 90000] [--shards 10000] [--s3 1000]

The parts are stand-ins: one empty table under many names, with receipts that hold. Each step runs in a process of its
own, of which the CPU time, the peak memory and the files opened are taken; `--s3` counts the requests to moto's store.
"""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate import recipe as recipes
from curate import storage
from curate.dataset import manifest
from curate.inspection import funnel, report, status, verify
from curate.stage.parts import MARK, part_name, read_receipt, receipted
from curate.stage.plan import Item, Plan, load_plan
from curate.stage.receipts import Counts, FileRecord, Receipt
from curate.stage.record import close_stage, done, open_stage, read_stage
from curate.stage.schemas import KEPT
from curate.storage.blocks import digest_of
from curate.storage.writing import as_json, write_bytes

LINKS = 10_000  # names that one file has at most
HALF = 2  # a resume finds every second part made
STEPS = ("open", "load", "receipts", "resume", "close", "skip", "status", "inspect", "verify", "reopen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one step cost."""

    step: str
    parts: int
    seconds: float  # of CPU
    peak_mb: float  # above that of the process before
    opened: int  # files and folders
    requests: dict[str, int]  # to a store, by kind


def plan_of(folder: Path, parts: int) -> Plan:
    """Returns the plan of a stage that extracts as many WARC files as it has parts."""
    items = tuple(
        Item(
            number=number,
            name=f"crawl-data/CC-MAIN-2026-47/segments/1764.{number % 100:02}/warc/CC-MAIN-{number:05d}.warc.gz",
            uri=f"https://data.commoncrawl.org/crawl-data/segments/1764/warc/CC-MAIN-{number:05d}.warc.gz",
            form="warc",
            digest=sha256(b"%d" % number).hexdigest(),
            size=1_000_000_000 + number,
            source="web",
        )
        for number in range(parts)
    )
    return Plan(stage="extract", folder=folder, settings={"extract": {"languages": ["en"]}}, items=items)


def empty_table(path: Path) -> FileRecord:
    """Writes a table of kept documents without rows, and returns its record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = KEPT.with_metadata({MARK: b""})
    pq.write_table(pa.Table.from_pylist([], schema=schema), path)
    digest = digest_of(path)
    return FileRecord(rows=0, bytes=digest.size, sha256=digest.sha256)


def write_parts(folder: Path, numbers: range) -> None:
    """Writes the parts of these numbers, each with its receipt, as workers do."""
    plan = load_plan(folder)
    scratch = Path(tempfile.mkdtemp(prefix="parts-", dir=None if storage.is_remote(folder) else folder.parent))
    record = empty_table(scratch / "empty")
    blocks = digest_of(scratch / "empty").blocks
    content = (scratch / "empty").read_bytes()
    for at, number in enumerate(numbers):
        if not at % LINKS:
            original = scratch / f"empty-{at}"
            original.write_bytes(content)
        name, key = part_name(number), plan.part_key(plan.items[number])
        if read_receipt(folder, number, key) is not None:
            continue
        receipt = Receipt(
            key=key, number=number, counts=Counts(), files={name: record}, blocks={name: blocks}, seconds=1.0
        )
        with receipted(folder, receipt):
            if storage.is_remote(folder):
                (folder / name).write_bytes(content)
            else:
                os.link(original, folder / name)
    shutil.rmtree(scratch)


def steps(folder: Path, parts: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yields the steps of a stage of so many parts in their order, each with what does it."""
    plan = plan_of(folder, parts)
    evens, odds = range(0, parts, HALF), range(1, parts, HALF)
    yield "open", lambda: open_stage(plan)
    yield "load one item", lambda: load_plan(folder).part_key(load_plan(folder).items[parts // 2])
    yield "write half of the parts", lambda: write_parts(folder, evens)
    yield "status of half", lambda: status.of(folder)
    yield "resume with half", lambda: open_stage(plan)
    yield "write the other half", lambda: write_parts(folder, odds)
    yield "close", lambda: close_stage(plan)
    yield "skip", lambda: expect(done(plan) is not None)
    yield "status", lambda: status.of(folder)
    yield "inspect", lambda: funnel.summary(folder)
    yield "read one receipt", lambda: expect(read_receipt(folder, 7, plan.part_key(plan.items[7])) is not None)
    if not storage.is_remote(folder):
        yield "verify", lambda: expect([*verify.faults(folder)] == [])
    yield "plan anew, one item more", lambda: expect(len(open_stage(plan_of(folder, parts + 1))) == 1)


def expect(holds: bool) -> None:
    """Raises where a step did not do what it is measured for."""
    if not holds:
        raise RuntimeError("the step did not do its work")


def shard_steps(folder: Path, shards: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yields the steps of a manifest with so many shards."""
    recipe = recipes.load("quickstart", ())
    pack = pack_record(folder, recipe, shards)
    state: dict[str, Any] = {}

    def make() -> None:
        contract = manifest.made(recipe, folder, {".": pack}, shards=".", tokens="../tokenize")
        write_bytes(folder / "contract.json", as_json(contract))

    yield "manifest made", make
    yield "manifest checked", lambda: manifest.check(json.loads((folder / "contract.json").read_bytes()), folder)
    yield "manifest written", lambda: manifest.write(json.loads((folder / "contract.json").read_bytes()), folder)
    yield "manifest read", lambda: manifest.read(folder)
    yield "mix", lambda: manifest.remix(folder, ("mixture.tokens=1000000",))
    yield "inspect", lambda: funnel.summary(folder)
    yield "report", lambda: report.write(folder)
    del state


def pack_record(folder: Path, recipe: recipes.Recipe, shards: int) -> Any:
    """Writes a pack stage of so many empty shards, and returns its closing record."""
    from curate.pipelines.stages.tokens import tokenizer_of

    names = [*recipe.sources]
    cuts = [
        {
            "path": f"train/{names[number % len(names)]}/part-{number:05d}-of-{shards:05d}",
            "split": "train",
            "source": names[number % len(names)],
            "bucket": None,
            "documents": 1,
            "tokens": 1_000_000,
            "bytes": 4_000_000,
        }
        for number in range(shards)
    ]
    settings = {"cuts": cuts, "parts": [], "tokenizer": tokenizer_of(recipe).stated()}
    items = tuple(
        Item(number=number, name=cut["path"], uri="", form="shard", digest="0" * 64, size=2_000_000)
        for number, cut in enumerate(cuts)
    )
    plan = Plan(stage="pack", folder=folder, settings=settings, items=items)
    open_stage(plan)
    one = sha256(b"x").hexdigest()
    for item, cut in zip(items, cuts, strict=True):
        names = [f"{cut['path']}.{suffix}" for suffix in ("bin", "idx", "meta.parquet")]
        files = {name: FileRecord(rows=0, bytes=1, sha256=one) for name in names}
        (folder / names[0]).parent.mkdir(parents=True, exist_ok=True)
        with receipted(folder, Receipt(key=plan.part_key(item), number=item.number, counts=Counts(), files=files)):
            for name in names:
                (folder / name).write_bytes(b"x")
    close_stage(plan)
    return read_stage(folder)


def measured(step: str, parts: int, work: Callable[[], Any]) -> Cost:
    """Returns what a step costs, which runs in a process of its own."""
    return Cost(**apart(step, lambda: asdict(_run(step, parts, work))))


def apart(step: str, run: Callable[[], Any]) -> Any:
    """Returns a value of JSON that a fork of this process has made."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            os.write(writing, json.dumps(run()).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as file:
        answer = file.read()
    if os.waitpid(child, 0)[1]:
        raise SystemExit(f"{step}: failed")
    return json.loads(answer)


def _run(step: str, parts: int, work: Callable[[], Any]) -> Cost:
    opened = Counter[str]()
    events = {"open", "os.listdir", "os.scandir"}
    sys.addaudithook(lambda name, _: opened.update([name]) if name in events else None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with counted_requests() as requests:
        began = time.process_time()
        work()
        seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Cost(
        step=step,
        parts=parts,
        seconds=round(seconds, 3),
        peak_mb=round(peak / 1024, 1),
        opened=sum(opened.values()),
        requests=dict(requests),
    )


@contextmanager
def counted_requests() -> Iterator[Counter[str]]:
    """Yields the counts of the requests to S3 during the block, by kind."""
    requests: Counter[str] = Counter()
    if "AWS_ENDPOINT_URL" not in os.environ:
        yield requests
        return
    from aiobotocore.client import AioBaseClient

    call = AioBaseClient._make_api_call

    async def counted(client: Any, kind: str, values: Any) -> Any:
        requests[kind] += 1
        return await call(client, kind, values)

    AioBaseClient._make_api_call = counted
    try:
        yield requests
    finally:
        AioBaseClient._make_api_call = call


@contextmanager
def moto() -> Iterator[str]:
    """Yields the URL of a bucket in moto's store, which runs in a process of its own."""
    import socket
    import subprocess
    from urllib.request import urlopen

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    settings = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    os.environ |= settings
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                urlopen(f"{address}/moto-api/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        made = [sys.executable, "-c", "import s3fs; s3fs.S3FileSystem().mkdir('bucket')"]
        subprocess.run(made, check=True)
        yield "s3://bucket"
    finally:
        server.kill()
        server.wait()
        for name in settings:
            del os.environ[name]


def table(costs: list[Cost]) -> Iterator[str]:
    """Yields the lines of a table of costs."""
    yield f"{'step':26} {'parts':>7} {'CPU s':>8} {'ms/part':>8} {'peak MB':>8} {'opened':>8}  requests"
    for cost in costs:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(cost.requests.items()))
        total = f"{sum(cost.requests.values())} ({kinds})" if kinds else ""
        times = f"{cost.seconds:8.3f} {1000 * cost.seconds / cost.parts:8.3f}"
        yield f"{cost.step:26} {cost.parts:7,} {times} {cost.peak_mb:8.1f} {cost.opened:8,}  {total}"


def main() -> None:
    """Measures, and prints the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parts", type=int, nargs="*", default=[1000, 10_000, 90_000])
    parser.add_argument("--shards", type=int, default=10_000)
    parser.add_argument("--s3", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    for parts in options.parts:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            run(steps(Path(folder) / "extract", parts), parts)
    if options.shards:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            run(shard_steps(Path(folder) / "shards", options.shards), options.shards)
    if options.s3:
        with moto() as bucket:
            run(steps(storage.path(f"{bucket}/extract"), options.s3), options.s3)


def run(work: Iterator[tuple[str, Callable[[], Any]]], parts: int) -> list[Cost]:
    """Measures steps one after another, and prints their costs as they come."""
    costs = []
    for step, function in work:
        costs.append(measured(step, parts, function))
        print([*table(costs[-1:])][-1] if len(costs) > 1 else "\n".join(table(costs)), flush=True)
    return costs


if __name__ == "__main__":
    main()
