"""A stage's folder, opened and closed: its closing record, the files that belong to it, the parts still to make.

Closing gathers the receipts into one file first, then writes the closing record, and last removes the single receipts:
what is killed between leaves receipts of which each part has at least one. On a store, a resume gathers them too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate import storage
from curate.errors import DamageError, OlderOutput, SettingsError, UserError
from curate.stage import traces
from curate.stage.parts import drop_receipt, receipt_name, receipt_path
from curate.stage.plan import (
    VERSION,
    Item,
    Plan,
    StoredItems,
    check_version,
    load_plan,
    opened_listing,
    stated_version,
    write_plan_file,
)
from curate.stage.receipts import (
    GATHERED,
    Counts,
    FileRecord,
    Receipt,
    as_line,
    as_receipt,
    gathered_lines,
    is_copies,
    of_line,
    replace_gathered,
    write_gathered,
)
from curate.storage.listing import Listing, whole_seal
from curate.storage.writing import sha256_of, unsealed, write_bytes, write_record

SINGLE = re.compile(r"receipts/(\d{5,})\.json")
REMAKE = "the same command makes it anew"
Receipts = list[Receipt | None]  # of a plan's items, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """The closing record of a stage, as `stage.json` holds it; items and outputs are read where they are asked for."""

    stage: str
    key: str
    settings: dict[str, Any]
    items: Sequence[Item]
    outputs: Mapping[str, FileRecord]
    counts: Counts
    seconds: float
    versions: dict[str, str]


class RecordedItems(Sequence[Item]):
    """The items of a closed stage, which its plan holds.

    DamageError where that is not the plan that the closing record names by its seal.
    """

    def __init__(self, folder: Path, seal: str) -> None:
        self._folder, self._seal = folder, seal
        self._items: StoredItems | None = None

    def _opened(self) -> StoredItems:
        if self._items is None:
            path = self._folder / "plan.json"
            self._items = StoredItems(_vouched(path, self._seal, "plan"), base="", key="")
        return self._items

    def __len__(self) -> int:
        """Returns the number of items."""
        return len(self._opened())

    def __iter__(self) -> Iterator[Item]:
        """Yields the items in order."""
        return iter(self._opened())

    def __getitem__(self, place: Any) -> Any:
        """Returns an item, or several as a tuple."""
        return self._opened()[place]

    def __eq__(self, other: object) -> bool:
        """Returns whether another sequence has the same items."""
        return self._opened() == other

    __hash__ = None  # type: ignore[assignment]


class Outputs(Mapping[str, FileRecord]):
    """The files of a closed stage by name, which its gathered receipts hold.

    DamageError where those are not the receipts that the closing record names by their seal.
    """

    def __init__(self, folder: Path, seal: str, attached: dict[str, FileRecord]) -> None:
        self._folder, self._seal, self.attached = folder, seal, attached
        self._files: dict[str, FileRecord] | None = None

    def receipts(self) -> Iterator[Receipt]:
        """Yields the receipts of the stage's parts, in order."""
        path = self._folder / GATHERED
        for line in _vouched(path, self._seal, "receipts"):
            receipt = of_line(line)
            if receipt is None:
                raise DamageError(f"{path}: {line.get('number')} is not a receipt; {REMAKE}")
            yield receipt

    def _read(self) -> dict[str, FileRecord]:
        if self._files is None:
            self._files = dict(sorted([*_files(self.receipts()), *self.attached.items()]))
        return self._files

    def __getitem__(self, name: str) -> FileRecord:
        """Returns the record of a file."""
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        """Yields the names in order."""
        return iter(self._read())

    def __len__(self) -> int:
        """Returns the number of files."""
        return len(self._read())


def _vouched(path: Path, seal: str, kind: str) -> Listing:
    """Opens the plan or the gathered receipts of a closed stage; DamageError where it is not the file of this seal."""

    def fault(message: str) -> DamageError:
        return DamageError(f"{path}: {message}; {REMAKE}")

    try:
        listing = Listing(path, fault)
    except (FileNotFoundError, NotADirectoryError):
        raise fault("missing") from None
    except ValueError as error:
        raise fault(str(error)) from None
    if listing.seal != seal:
        raise fault(f"not the {kind} that stage.json records")
    return listing


def read_stage(folder: Path) -> StageRecord:
    """Reads the closing record of a stage; SettingsError if there is none, OlderOutput if an older version wrote it."""
    try:
        stored = stored_record(folder)
        attached = {name: FileRecord(**record) for name, record in stored["attached"].items()}
        return StageRecord(
            stage=stored["stage"],
            key=stored["key"],
            settings=stored["settings"],
            items=RecordedItems(folder, stored["plan"]),
            outputs=Outputs(folder, stored["receipts"], attached),
            counts=Counts(**stored["counts"]),
            seconds=stored["seconds"],
            versions=stored["versions"],
        )
    except OlderOutput:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise SettingsError(f"{folder}: not the folder of a finished stage (it has no stage.json)") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{folder / 'stage.json'}: not readable as a stage record: {error}") from None


def stored_record(folder: Path) -> dict[str, Any]:
    """Returns the fields of a stage's closing record; ValueError where it is not as it was written."""
    content = storage.content(folder / "stage.json")
    check_version(stated_version(content), folder)
    return unsealed(content)


def done(plan: Plan) -> StageRecord | None:
    """Reads the record of a plan's stage if the folder holds it closed, under this key, with its files in place.

    Single receipts that a killed closing has left are removed.
    """
    try:
        record = read_stage(plan.folder)
        if record.key != plan.key:
            return None
        for _ in record.items:  # the plan is as it was written
            pass
        sizes = storage.sizes(plan.folder)
        whole = all(sizes.get(name) == file.bytes for name, file in record.outputs.items())
    except OlderOutput:
        raise
    except (UserError, OSError):
        return None
    if not whole:
        return None
    single = [name for name in sizes if SINGLE.fullmatch(name)]
    contents = storage.contents(plan.folder / name for name in single)
    ours = [name for name, text in zip(single, contents, strict=True) if as_receipt(text)]
    _remove_single(plan.folder, [*ours, *filter(is_copies, sizes)])
    return record


def _remove_single(folder: Path, names: Iterable[str]) -> None:
    """Removes single receipts that are gathered, and their folder, if that is empty then."""
    storage.remove(folder / name for name in names)
    if not storage.is_remote(folder):
        with suppress(OSError):
            (folder / "receipts").rmdir()


def open_stage(plan: Plan) -> list[Item]:
    """Makes a stage's folder ready and returns the items still to do: stale files go, the plan is written.

    On a store the receipts of whole parts are gathered, so that no worker and no later resume reads them one by one.

    SettingsError, before any change, where a file that is not ours would be replaced. The caller has found that the
    stage is not done, and holds the folder alone.
    """
    facts = storage.listed(plan.folder) if storage.is_remote(plan.folder) else None
    receipts = plan.receipts(facts)
    before = traces.read(plan.folder, plan.stage, receipts, facts)
    traces.check_free(before, traces.files_of(plan))
    copies = {name for name in before.passing if is_copies(name)}
    traces.clear(before, owned_files(plan, receipts) | copies)
    if GATHERED in before.files:
        _keep_gathered(plan.folder, receipts, may_vouch=False)
    if facts is not None:
        _gather(plan.folder, receipts, {*before.receipts} | copies)
    write_plan(plan)
    return plan.pending(receipts)


def gather_left(folder: Path) -> None:
    """Gathers the receipts of a stage that an earlier attempt has left open in a store; the caller holds it alone."""
    is_open = storage.is_remote(folder) and not (folder / "stage.json").exists()
    if is_open and (folder / "plan.json").exists():
        plan = load_plan(folder)
        before = traces.read(folder, plan.stage, receipts := plan.receipts())
        _gather(folder, receipts, {*before.receipts} | {name for name in before.passing if is_copies(name)})


def _gather(folder: Path, receipts: Receipts, names: set[str]) -> None:
    """Gathers the receipts of whole parts of an open stage; names: of receipts, of which the single ones go."""
    whole = [receipt for receipt in receipts if receipt]
    single = names & {receipt_name(receipt.number) for receipt in whole}
    if single:
        write_gathered(folder / GATHERED, map(as_line, whole))
    _remove_single(folder, single | {name for name in names if is_copies(name)})


def begin_stage(plan: Plan) -> None:
    """Writes the plan and removes no part: another attempt at the same job may be making parts, or have closed it.

    SettingsError, before any change, where a file that is not ours would be replaced.
    """
    before = traces.read(plan.folder, plan.stage, plan.receipts())
    traces.check_free(before, traces.files_of(plan))
    try:
        closed = read_stage(plan.folder).key == plan.key
    except SettingsError:
        closed = False
    stale = [*(() if closed else ("stage.json",)), *sorted(before.planned - {"plan.json", *plan.attached})]
    storage.remove(plan.folder / name for name in stale)
    if not closed and not (whole_seal(plan.folder / GATHERED) and _all_of(plan, gathered_lines(plan.folder))):
        _keep_gathered(plan.folder, plan.receipts())
    write_plan(plan)


def _all_of(plan: Plan, lines: Iterable[dict[str, Any]]) -> bool:
    """Returns whether gathered receipts have the keys of the plan's parts, as those that another attempt has gathered.

    Such a receipt stands for the same bytes, whenever its part is made.
    """
    keys = {line["number"]: line.get("key") for line in lines}
    whole = [item for item in plan.items if item.number in keys and plan.part_key(item) == keys[item.number]]
    return len(whole) == len(keys)


def _keep_gathered(folder: Path, receipts: Receipts, *, may_vouch: bool = True) -> None:
    """Keeps of the gathered receipts those of whole parts, so that a part's old one does not stand for new files.

    may_vouch: the files of the others may be there, and are still to be known as ours.
    """
    keys = {receipt.number: receipt.key for receipt in receipts if receipt}
    lines = {True: list[dict[str, Any]](), False: list[dict[str, Any]]()}
    for line in gathered_lines(folder):
        lines[line.get("key") == keys.get(line["number"])].append(line)
    if lines[False] or not whole_seal(folder / GATHERED):
        replace_gathered(folder, lines[True], lines[False] if may_vouch else ())


def write_plan(plan: Plan) -> None:
    """Writes `plan.json`, then the attached files that it holds, each unless it is there already."""
    storage.make_folder(plan.folder / "receipts")
    write_plan_file(plan)
    for name, attached in plan.contents.items():
        if storage.contents([plan.folder / name]) != [attached]:
            write_bytes(plan.folder / name, attached)


def owned_files(plan: Plan, receipts: Receipts) -> set[str]:
    """Returns the files of a stage's folder that belong there, as far as parts are whole; `stage.json` aside."""
    owned = {"plan.json", GATHERED, *plan.attached}
    for receipt in receipts:
        if receipt:
            owned |= {*receipt.files, receipt_name(receipt.number)}
    return owned


def close_stage(plan: Plan) -> StageRecord:
    """Adds up the receipts into `stage.json`, after which the stage is done; RuntimeError if a part is missing."""
    receipts = plan.receipts()
    whole = [receipt for receipt in receipts if receipt]
    if missing := plan.pending(receipts):
        raise RuntimeError(f"{plan.stage}: no part was made of {missing[0].label} ({len(missing)} missing in all)")
    counts = Counts()
    for receipt in whole:
        counts.add(receipt.counts)
    attached = dict(_attached(plan))
    record = StageRecord(
        stage=plan.stage,
        key=plan.key,
        settings=plan.settings,
        items=plan.items,
        outputs=dict(sorted([*_files(whole), *attached.items()])),
        counts=counts,
        seconds=round(sum(receipt.seconds for receipt in whole), 3),
        versions=plan.versions,
    )
    stored = {
        "format": "curate.stage",
        "version": VERSION,
        "stage": record.stage,
        "key": record.key,
        "settings": record.settings,
        "plan": opened_listing(plan.folder / "plan.json").seal,
        "receipts": write_gathered(plan.folder / GATHERED, map(as_line, whole)),
        "attached": {name: asdict(file) for name, file in attached.items()},
        "counts": asdict(counts),
        "seconds": record.seconds,
        "versions": record.versions,
    }
    # What an attempt that lost its part, or was killed, has left goes; not the record, if another attempt wrote it.
    before = traces.read(plan.folder, plan.stage, receipts)
    traces.clear(before, owned_files(plan, receipts) | {"stage.json"})
    write_record(plan.folder / "stage.json", stored)
    _remove_single(plan.folder, filter(SINGLE.fullmatch, before.receipts))
    return record


def _attached(plan: Plan) -> Iterable[tuple[str, FileRecord]]:
    for name in plan.attached:
        path = plan.folder / name
        rows = pq.read_metadata(storage.source(path)).num_rows if name.endswith(".parquet") else 0
        yield name, FileRecord(rows=rows, bytes=path.stat().st_size, sha256=sha256_of(path))


def _files(receipts: Iterable[Receipt]) -> Iterable[tuple[str, FileRecord]]:
    for receipt in receipts:
        yield from receipt.files.items()


def forget_failed(out: Path) -> int:
    """Removes the receipts of parts that hold a dead letter, in a stage's folder or a run's; returns how many.

    The next run makes these parts again, and what depends on them if they turn out otherwise.
    """
    folders = [out, *(out / name for name in sorted(storage.names(out)))]
    return sum(_forget(folder) for folder in folders if (folder / "plan.json").exists())


def _forget(folder: Path) -> int:
    numbers = (SINGLE.fullmatch(f"receipts/{name}") for name in sorted(storage.names(folder / "receipts")))
    receipts = [receipt_path(folder, int(match[1])) for match in numbers if match]
    contents = zip(receipts, storage.contents(receipts), strict=True)
    failed = [path for path, content in contents if content and _holds_failed(content)]
    lines = [*gathered_lines(folder)]
    dropped = [line for line in lines if line["counts"].get("failed")]
    if failed or dropped:
        (folder / "stage.json").unlink(missing_ok=True)
    for path in failed:
        drop_receipt(path)
    if dropped:
        replace_gathered(folder, [line for line in lines if not line["counts"].get("failed")], dropped)
    return len({path.stem for path in failed} | {f"{line['number']:05d}" for line in dropped})


def _holds_failed(receipt: bytes) -> bool:
    """Returns whether a receipt counts a dead letter; one of ours that is damaged vouches for nothing."""
    stored = as_receipt(receipt)
    return stored.counts.failed > 0 if stored else traces.is_ours(receipt, "curate.receipt")
