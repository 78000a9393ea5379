"""Links to WARC files, politely: one Beam job per wave, in which each lot becomes a part.

Pages never travel through Beam: a worker fetches a lot and writes its WARC files and outcomes. What is to be tried
again, and where redirects to other hosts lead, makes up the next wave. The lots of all waves are one stage's items.
"""

import asyncio
import fcntl
import json
import resource
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import apache_beam as beam
import pyarrow as pa

from curate import settings, storage
from curate.crawl.addresses import parse_resolve
from curate.crawl.config import DECIDING, Crawl
from curate.crawl.journal import STOP, Place, gather_pauses
from curate.crawl.lot_run import run_lot
from curate.crawl.lot_writer import LotWriter
from curate.crawl.planning.onward import onward
from curate.crawl.planning.tables import as_tables
from curate.crawl.planning.waves import Lot, lot_name, plan_wave
from curate.crawl.sharing.places import check_store, forget_machine, held
from curate.crawl.targets import LotFiles, read_inputs, read_targets
from curate.errors import SettingsError
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.warnings import of_record
from curate.pipelines.stages.map_only import map_only
from curate.processes import announced
from curate.recipe import Recipe
from curate.stage import traces
from curate.stage.heartbeat import beating
from curate.stage.parts import read_receipt
from curate.stage.plan import Item, Plan, read_plan
from curate.stage.receipts import GATHERED
from curate.stage.record import StageRecord, begin_stage, close_stage, done
from curate.storage.writing import unsealed, write_record

PAGES_PER_SECOND = 200  # of a core, to judge whether worker processes pay
CONDUCT = "crawl.json"  # the settings that may change while a crawl is under way, with all others
WORK = "work"
SPARE_FILES = 200  # that a process has open beside its connections


def check(rules: Crawl, out: Path) -> Crawl:
    """Reads the files of addresses that the settings name; SettingsError where a crawl cannot begin with them."""
    if not rules.contact:
        raise SettingsError("who is asking? give --contact URL or --contact NAME@HOST, which every request will name")
    try:
        pinned = parse_resolve(rules.resolve)
    except ValueError as error:
        raise SettingsError(f"--resolve: {error}") from None
    except OSError as error:
        raise SettingsError(f"--resolve: {error.filename}: {error.strerror}") from None
    if rules.authority and not Path(rules.authority).is_file():
        raise SettingsError(f"crawl.authority: {rules.authority}: no such file")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit < rules.connections + SPARE_FILES:
        mend = f"ulimit -n {rules.connections + SPARE_FILES}, or --set crawl.connections={max(1, limit - SPARE_FILES)}"
        raise SettingsError(f"crawl.connections: {rules.connections} need more open files than {limit}; {mend}")
    if storage.is_remote(out):
        check_store(out / WORK, rules)
    resolve = tuple(f"{host}:{port}:{','.join(addresses)}" for (host, port), addresses in sorted(pinned.items()))
    authority = str(Path(rules.authority).absolute()) if rules.authority else ""
    return replace(rules, resolve=resolve, authority=authority)


def run(recipe: Recipe, inputs: tuple[str, ...], out: Path, engine: Engine, source: str) -> StageRecord:
    """Crawls what the inputs name, wave by wave, until nothing is left to try."""
    rules = check(recipe.crawl or Crawl(), out)
    table = settings.to_table(rules)
    plan = Plan(stage="crawl", folder=out, settings={name: table[name] for name in DECIDING}, items=())
    storage.make_folder(out / "lots")
    near = out / "lots" / "planning"
    tables, wave = as_tables(read_inputs(inputs, source)), 0
    while (first := next(tables, None)) is not None:
        tally = Tally()
        plan = _with_wave(plan, chain([first], tables), rules, wave, source, tally)
        if pending := plan.pending():
            _run_wave(plan, pending, tally, rules, wave, engine)
        tables = onward(plan, wave, near)
        wave += 1
    if not wave:
        raise SettingsError(f"{', '.join(inputs)}: it holds no URLs to crawl")
    if record := done(plan):
        engine.progress.skipped(plan)
    else:
        record = close_stage(plan)
        if storage.is_remote(out):
            forget_machine(out / WORK)
        engine.progress.done(record)
    engine.progress.warn_all(of_record(record, plan.folder, plan.alarms))
    return record


@dataclass(slots=True, kw_only=True)
class Tally:
    """The counts of a wave that is planned."""

    urls: int = 0
    most: tuple[int, str] = (0, "")  # URLs of the host that has most, and that host
    longest: dict[int, int] = field(default_factory=dict)  # by lot: URLs of the host that has most

    def add(self, number: int, lot: Lot) -> None:
        """Counts a lot."""
        self.urls += lot.urls
        self.most = max(self.most, (lot.longest, lot.host))
        self.longest[number] = lot.longest


def _with_wave(plan: Plan, tables: Iterable[pa.Table], rules: Crawl, wave: int, source: str, tally: Tally) -> Plan:
    """Returns the plan with the lots of one more wave, whose files it writes."""
    near, more, files = plan.folder / "lots" / "planning", list[Item](), LotFiles()
    try:
        for number, lot in enumerate(plan_wave(tables, rules, near), len(plan.items)):
            item = _item(number, wave, source)
            with files.writing(plan.path(item.uri)) as take:
                name = lot_name(_taken(lot, take), plan.base, wave, near)
            more.append(replace(item, name=f"wave-{wave}/{name}", digest=name, urls=lot.urls))
            tally.add(number, lot)
        items = (*plan.items, *more)
        plan = replace(plan, items=items, attached=(CONDUCT, *(item.uri for item in items)))
        if wave == 0:
            _check_same(plan)
        traces.check_free(traces.read(plan.folder, "crawl"), traces.files_of(plan))
        files.publish()
    finally:
        files.abandon()
    return plan


def _taken(lot: Lot, take: Callable[[pa.Table], None]) -> Iterator[pa.Table]:
    for table in lot.tables:
        take(table)
        yield table


def _check_same(plan: Plan) -> None:
    """Raises SettingsError where the folder holds pages of other links, or fetched under other settings."""
    out = plan.folder
    begun = storage.names(out / "receipts") or (out / GATHERED).exists() or _has_rows(out / WORK)
    if not begun or not (out / "plan.json").exists():
        return
    stored, _ = read_plan(out)
    lots = [item.digest for item in stored.items if item.wave == 0]
    if lots == [item.digest for item in plan.items]:
        return
    settled = json.loads(json.dumps(plan.settings))
    changed = [name for name, value in settled.items() if stored.settings.get(name) != value]
    why = f"with another crawl.{changed[0]}" if changed else "of other links"
    raise SettingsError(f"{out}: holds a crawl {why}; name another folder, or remove this one")


def _has_rows(work: Path) -> bool:
    """Returns whether a lot has committed outcomes."""
    return any(name.count("/") == 1 and name.endswith(".parquet") for name in storage.sizes(work))


def _item(number: int, wave: int, source: str) -> Item:
    """Returns the item of a lot whose URLs are not read yet."""
    uri = f"lots/{number:05d}.parquet"
    return Item(number=number, name="", uri=uri, form="lot", digest="", size=0, source=source, wave=wave)


def _run_wave(plan: Plan, pending: list[Item], tally: Tally, rules: Crawl, wave: int, engine: Engine) -> None:
    if engine.session is None:
        raise ValueError("an engine executes between `started` and the end of its block")
    engine.session.prepare()
    begin_stage(plan)
    work = plan.folder / WORK
    storage.make_folder(work)
    if wave:
        gather_pauses(work)
    (work / STOP).unlink(missing_ok=True)
    write_record(plan.folder / CONDUCT, settings.to_table(rules))
    for line in _announced(tally, pending, rules, wave):
        engine.progress.say(line)
    with engine.progress.watching(plan), _finishing(work / STOP, engine) as stopped:
        engine.session.run(lambda pipeline: build(pipeline, plan), _seconds(tally, pending, rules))
    if stopped.is_set():
        raise KeyboardInterrupt
    if left := plan.pending():
        raise RuntimeError(f"crawl: {len(left)} lots were not finished ({left[0].name} first); run it again")


def _seconds(tally: Tally, pending: list[Item], rules: Crawl) -> float:
    """Returns the seconds that lots take one after another, waiting included; 0 for one lot, which is one process's."""
    if len(pending) == 1:
        return 0.0
    working = sum(item.urls for item in pending) / PAGES_PER_SECOND
    return max(working, sum(tally.longest[item.number] for item in pending) * rules.min_delay)


def _announced(tally: Tally, pending: list[Item], rules: Crawl, wave: int) -> Iterator[str]:
    if wave == 0 and rules.allow_networks:
        yield f"crawl     connects to {', '.join(rules.allow_networks)} too"
    number, host = tally.most
    least = f"at least {number * rules.min_delay:,.0f} s, for {number:,} of {host}" if host else "nothing to ask for"
    yield f"crawl     wave {wave}: {tally.urls:,} URLs in {len(pending):,} lots, {least}"


@contextmanager
def _finishing(stop: Path, engine: Engine) -> Iterator[threading.Event]:
    """While the block runs, an interrupt asks the workers to finish what is in flight; a second one ends at once."""
    stopped = threading.Event()

    def ask() -> None:
        if not stopped.is_set():
            stopped.set()
            stop.write_bytes(b"")
            engine.progress.say("crawl     finishing what is in flight; a second interrupt ends at once")

    with announced(ask):
        yield stopped


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Wires a wave: each lot is fetched by one worker."""
    map_only(pipeline, plan, fetch_lot)


def fetch_lot(plan: Plan, item: Item) -> None:
    """Fetches one lot and seals it, or stops when asked to; other attempts at the lot are kept away."""
    while _attempt(plan, item):
        continue


def _attempt(plan: Plan, item: Item) -> bool:
    """Fetches one lot, once this process has it. Returns whether the lot was lost to another process."""
    key = plan.part_key(item)
    rules = settings.build(Crawl, unsealed((plan.folder / CONDUCT).read_bytes()))
    work, lot = plan.folder / WORK, f"{item.number:05d}-{key[:16]}"

    def ended() -> bool:
        return read_receipt(plan.folder, item.number, key) is not None or (work / STOP).exists()

    hold = held(work, lot, rules, ended) if storage.is_remote(work) else _locked(work, lot, ended)
    with hold as place:
        if place is None:
            return False
        with beating(plan.folder, item.number, expected=item.urls):
            started = time.thread_time()
            writer = LotWriter(plan.folder, item.digest, item.wave or 0, rules, place)
            done = asyncio.run(run_lot(read_targets(plan.path(item.uri)), writer, rules, place))
            if done and place.holds:
                writer.seal(item.number, key, round(time.thread_time() - started, 3))
                place.forget()
                return False
            return not (place.stopped() or place.holds)


@contextmanager
def _locked(work: Path, lot: str, ended: Callable[[], bool]) -> Iterator[Place | None]:
    """Yields the place of a lot on this machine, once no other process has its lock; None if it is done by then."""
    (work / lot).mkdir(parents=True, exist_ok=True)
    with (work / lot / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ended():
            yield None
            return
        place = Place(work, lot)
        try:
            yield place
        finally:
            place.close()
