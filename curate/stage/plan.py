"""The plan of a stage: its settings, its items, and the keys over both.

A stage's folder holds `plan.json` (settings and items), parts, `receipts/`, and once it is closed `receipts.json` in
place of that and `stage.json`. The key is the digest of the stage's settings, its inputs' digests and the versions that
its output depends on: equal key, equal bytes. A worker reads of the plan only the settings and the items that it needs.
"""

import hashlib
import json
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property, lru_cache
from importlib import metadata
from operator import eq
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from curate import __version__, settings, storage
from curate.errors import DamageError, OlderOutput
from curate.stage.kinds import KINDS, WHOLES
from curate.stage.parts import read_receipts
from curate.stage.receipts import Receipt
from curate.storage.identity import Fact
from curate.storage.listing import Listing, Row, write_listing
from curate.storage.writing import is_sealed

VERSION = 4  # of plan.json and stage.json
UNICODE = "unicode"  # the name under which the versions hold that of Python's tables
T = TypeVar("T")
# What an item is, and so how it is read.
Form = Literal[
    "warc",  # WARC, ARC, WET or WAT
    "documents",  # the user's rows, in any form; they may name their sources
    "owned",  # the same, but every row is of the recipe's source
    "part",  # a part of an earlier stage
    "decided",  # a part of dedup's decisions, whose text lies at base_uri
    "index",  # an index of captures, from which pointers are selected
    "pointers",  # pointers to records in files under base_uri
    "shard",  # a shard to pack
    "keys",  # a range of the keys of link candidates
    "lot",  # URLs to crawl
    "submissions",  # the rest are files of links: a Reddit dump
    "lines",  # JSON lines of any other kind
    "csv",
    "text",  # URLs, one a line
    "sitemap",  # or a feed
    "wat",
    "parquet",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of a stage's input, from which one part is made."""

    number: int
    name: str  # what lineage calls it
    uri: str  # where it lies: relative to the stage's folder, or absolute
    form: Form
    digest: str  # what identifies its content: a sha256, what a store says ("etag:…", "listed:…"), or a lot's id
    size: int  # bytes; of a lot 0
    source: str = ""
    columns: str = ""  # of the user's documents: which column holds what, as JSON; "" where each has its own name
    base_uri: str = ""  # where the text of a decided item lies, or the files of pointers
    start: int = 0  # the piece that the item is of its file: in bytes, rows of pointers, or places of keys
    stop: int | None = None  # its end; None is the file's
    urls: int = 0  # of a lot: how many
    wave: int | None = None  # of a lot: in which wave of the crawl it is fetched
    blocks: str = ""  # the checksums of a local input's blocks: at a file's first piece only; of a group with blanks
    files: tuple[str, ...] = ()  # of a group of small texts: the names of all, of which the first lies at uri

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(self.files))  # JSON has lists

    @property
    def label(self) -> str:
        """Returns the name, with the range if the item is a piece of a file."""
        return f"{self.name}[{self.start}:{self.stop or ''}]" if self.start or self.stop else self.name

    @property
    def uris(self) -> tuple[str, ...]:
        """Returns where its file lies, or all files of a group."""
        folder = self.uri.removesuffix(self.files[0]) if self.files else ""
        return tuple(folder + name for name in self.files) or (self.uri,)

    @property
    def key_fields(self) -> list[Any]:
        """Returns the fields of the item that its part's bytes depend on."""
        piece = [self.start, self.stop] if self.start or self.stop else []
        columns = [self.columns] if self.columns else []
        return [self.name, self.form, self.source, self.digest, *columns, *piece]


_DEFAULTS = [(entry.name, entry.default) for entry in fields(Item)]


def item_row(item: Item) -> Row:
    """Returns the fields of an item that are not as their defaults, as its line in a plan holds them."""
    row = {}
    for name, default in _DEFAULTS:
        value = getattr(item, name)
        if default is MISSING or value != default:
            row[name] = value
    return row


class StoredItems(Sequence[Item]):
    """The items of a plan that was read: each is read from its file when it is asked for."""

    def __init__(self, listing: Listing, *, base: str, key: str) -> None:
        self._listing = listing
        self.base, self.key = base, key  # as the plan states them of all items

    def __len__(self) -> int:
        """Returns the number of items."""
        return len(self._listing)

    def __iter__(self) -> Iterator[Item]:
        """Yields the items in order; the file is read once."""
        for row in self._listing:
            yield Item(**row)

    @overload
    def __getitem__(self, place: int) -> Item: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Item, ...]: ...

    def __getitem__(self, place: int | slice) -> Item | tuple[Item, ...]:
        """Returns an item, or several as a tuple."""
        places = range(len(self))[place]
        if isinstance(places, range):
            return tuple(Item(**self._listing.at(at)) for at in places)
        return Item(**self._listing.at(places))

    def __eq__(self, other: object) -> bool:
        """Returns whether another sequence has the same items."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]


def stage_folder(out: Path, stage: str) -> Path:
    """Returns where a stage of a run lies; a first half lies in its stage's folder."""
    inside = KINDS[stage].folder
    return stage_folder(out, WHOLES[stage]) / inside if stage in WHOLES else out / inside


@dataclass(frozen=True, kw_only=True)  # no slots: the digests are kept once they are known
class Plan:
    """A stage before it runs: its settings, its items, and the keys over both."""

    stage: str
    folder: Path
    settings: dict[str, Any]  # as plain tables
    items: Sequence[Item]  # in order; each makes the part of its number
    per_item: bool = True  # a part depends on its own item only; False: on all of them (dedup)
    attached: tuple[str, ...] = ()  # files that belong to the stage beside its parts (a model)
    contents: dict[str, bytes] = field(default_factory=dict)  # of those among them that are written once it is opened
    alarms: dict[str, Any] = field(default_factory=dict)  # settings that only warn: in no key, not stored
    # In no key: where else the stage reads or writes, and what its items were planned from.
    locations: dict[str, str] = field(default_factory=dict)

    @cached_property
    def versions(self) -> dict[str, str]:
        """Returns the versions in the key: of curate, pyarrow, the kind's libraries, and a tokenizer's own library.

        Python's tables of Unicode have a version too, on which `str`, `re` and `unicodedata` depend.
        """
        kind = KINDS[self.stage]
        if not kind.versioned:
            return {}
        own = self.settings.get("tokenizer", {}).get("library") if self.stage == "tokenize" else None
        names = ("pyarrow", *kind.libraries, *((own,) if own else ()))
        own_versions = {"curate": __version__, UNICODE: unicodedata.unidata_version}
        return own_versions | {name: metadata.version(name) for name in names}

    @cached_property
    def base(self) -> str:
        """Returns the digest of everything but the items."""
        return base_of(self.stage, self.settings, self.versions)

    @cached_property
    def key(self) -> str:
        """Returns the digest of settings, versions and every input; of a plan that was read, what it states."""
        if isinstance(self.items, StoredItems) and self.items.base == self.base:
            return self.items.key
        return key_of(self.base, self.items)

    def part_key(self, item: Item) -> str:
        """Returns the key of one part, which its receipt must state to be valid."""
        return json_digest([self.base, item.key_fields]) if self.per_item else json_digest([self.key, item.number])

    def path(self, uri: str) -> Path:
        """Returns the path of an item's uri, which may be relative to the stage's folder."""
        return storage.join(self.folder, uri)

    def built(self, table: type[T], name: str = "") -> T:
        """Returns the settings, or their table of this name, as a value of a class; it is made once per plan."""
        key = (table, name)
        if key not in self._built:
            self._built[key] = settings.build(table, self.settings[name] if name else self.settings)
        value: T = self._built[key]
        return value

    @cached_property
    def _built(self) -> dict[tuple[type, str], Any]:
        return {}

    def receipts(self, facts: Mapping[str, Fact] | None = None) -> list[Receipt | None]:
        """Reads the receipt of each item's part, in order; None where there is none that is valid.

        facts: of the files in the folder, where it lies in a store that has just listed it.
        """
        return read_receipts(self.folder, ((item.number, self.part_key(item)) for item in self.items), facts)

    def blocks(self, item: Item) -> str:
        """Returns the checksums of the blocks of an item's file; "" where there are none.

        The pieces of a file follow one another, so its first is the one behind the last item of another file.
        """
        if not item.start or not item.number:
            return item.blocks
        step = 1
        while step < item.number and self.items[item.number - step].uri == item.uri:
            step *= 2
        others = range(max(0, item.number - step), item.number + 1)
        first = others.start + bisect_left(others, True, key=lambda number: self.items[number].uri == item.uri)
        return self.items[first].blocks

    def pending(self, receipts: list[Receipt | None] | None = None) -> list[Item]:
        """Returns the items whose part has no valid receipt; receipts: what `receipts` returned, else it reads them."""
        receipts = self.receipts() if receipts is None else receipts
        return [item for item, receipt in zip(self.items, receipts, strict=True) if not receipt]


def base_of(stage: str, settings: dict[str, Any], versions: dict[str, str]) -> str:
    """Returns the digest of a stage's kind, settings and versions."""
    return json_digest([stage, settings, versions])


def key_of(base: str, items: Iterable[Item]) -> str:
    """Returns the key of a stage: the digest of its base and of its items, as `json_digest` of both together."""
    digest = hashlib.sha256(f"[{_canonical(base)},[".encode())
    for number, item in enumerate(items):
        digest.update(f"{',' if number else ''}{_canonical(item.key_fields)}".encode())
    digest.update(b"]]")
    return digest.hexdigest()


def json_digest(value: Any) -> str:
    """Returns the hex sha256 of a JSON value in canonical form."""
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def load_plan(folder: Path) -> Plan:
    """Reads the plan that a stage's folder holds; it is cached by the file's stamp, as each part asks for it.

    DamageError where the file is not as it was written;
    RuntimeError where a library here has another version than where the plan was made: the bytes could be others.
    """
    return _load_plan(str(folder), storage.stamp(folder / "plan.json"))


def open_plan(out: Path, stages: Iterable[str]) -> Plan | None:
    """Reads the plan of the first of these stages of a run that is not closed; None where that has no plan."""
    for stage in stages:
        folder = stage_folder(out, stage)
        if not (folder / "stage.json").exists():
            return load_plan(folder) if (folder / "plan.json").exists() else None
    return None


@lru_cache(maxsize=4)
def _load_plan(name: str, _stamp: object) -> Plan:
    folder = storage.path(name)
    plan, versions = read_plan(folder)
    for library, version in plan.versions.items():
        if versions.get(library) != version:
            planned = versions.get(library, "no version")
            mend = "use a Python that has that" if library == UNICODE else "install that"
            raise RuntimeError(f"{library} is {version} here, but {planned} where the stage was planned; {mend}")
    return plan


def read_plan(folder: Path) -> tuple[Plan, dict[str, str]]:
    """Reads a stage's plan, and the versions of libraries where it was made; DamageError where it was changed.

    Its items are read, and compared with their checksums, as they are asked for.
    """
    path = folder / "plan.json"
    try:
        listing = opened_listing(path, lambda message: _damaged(path, message))
        stored = listing.fields
        plan = Plan(
            stage=stored["stage"],
            folder=folder,
            settings=stored["settings"],
            items=StoredItems(listing, base=stored["base"], key=stored["key"]),
            per_item=stored["per_item"],
            attached=tuple(stored["attached"]),
            locations=stored.get("locations", {}),
        )
        return plan, stored["versions"]
    except OlderOutput:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, message: str) -> DamageError:
    return DamageError(f"{path}: not readable as a plan: {message}; remove it, and run the same command again")


def opened_listing(path: Path, fault: Callable[[str], Exception] = ValueError) -> Listing:
    """Opens a plan; ValueError where it was changed, OlderOutput where it has an older form.

    fault: makes the error for an item that was changed.
    """
    try:
        listing = Listing(path, fault)
    except ValueError:
        check_version(stated_version(storage.content(path), unstated=1), path.parent)
        raise
    check_version(listing.fields.get("version", 1), path.parent)
    return listing


def write_plan_file(plan: Plan) -> None:
    """Writes `plan.json`, unless it is there already: the versions of libraries, and the plan without its folder."""
    record = {
        "format": "curate.plan",
        "version": VERSION,
        "stage": plan.stage,
        "settings": plan.settings,
        "per_item": plan.per_item,
        "attached": plan.attached,
        "versions": plan.versions,
        "base": plan.base,
        "key": plan.key,
    }
    record |= {"locations": plan.locations} if plan.locations else {}
    write_listing(plan.folder / "plan.json", record, "items", map(item_row, plan.items))


def stated_version(content: bytes, *, unstated: int = VERSION) -> int:
    """Returns the version that a record states which has no seal, as the oldest have none, or is sealed as written.

    VERSION of anything else. unstated: of a record that states none.
    """
    try:
        stored = json.loads(content)
    except ValueError:
        return VERSION
    if not isinstance(stored, dict) or "stage" not in stored or ("seal" in stored and not is_sealed(content)):
        return VERSION
    version = stored.get("version", unstated)
    return version if isinstance(version, int) else VERSION


def check_version(version: int, folder: Path) -> None:
    """Raises OlderOutput where a plan or a closing record was written in an older form, with other names of fields."""
    if version < VERSION:
        raise OlderOutput(f"{folder}: made by an older version of curate; make it anew, in another folder")
