"""What one part of a stage is made from."""

from dataclasses import dataclass
from typing import Any


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
