"""Finds the documents of an output to export as text, in order, and cuts them into files.

The documents of a finished run are those that its tokenize stage read, so they are exactly those of its shards, and
each lies in the split that its shard lies in. A survey reads them once and cuts them into files; then each split is
read as one stream, of which every file takes its own rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from curate import storage
from curate.errors import SettingsError, UserError
from curate.inputs.documents import read_documents
from curate.inputs.items import stage_items
from curate.records import Document
from curate.stage.kinds import KINDS
from curate.stage.plan import Item, Plan, stage_folder
from curate.stage.record import StageRecord, read_stage
from curate.tokens.splits import Orders, orders_in, split_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The documents to export."""

    plan: Plan  # of which the items are the documents, as seen from its folder
    record: StageRecord  # of the stage whose counts they have
    drawn: bool  # whether each lies in the split of its shard
    orders: Orders = field(default_factory=dict)  # up to which documents of the sources are held out too

    @property
    def splits(self) -> tuple[str, ...]:
        """Returns the names of the splits that may have documents; one without a name where none are drawn."""
        return ("train", "valid") if self.drawn else ("",)

    def split_of(self, document: Document) -> str:
        """Returns the split of a document."""
        return split_of(document.id, document.source, self.record.settings, self.orders) if self.drawn else ""

    def documents(self, columns: tuple[str, ...] | None = None) -> Iterator[Document]:
        """Yields the documents in order; columns: as `read_documents` takes them. Dead letters were counted before."""
        for item in self.plan.items:
            for document in read_documents(self.plan, item, columns=columns):
                if isinstance(document, Document):
                    yield document

    def in_split(self, split: str) -> Iterator[Document]:
        """Yields the documents of a split in order, with all columns."""
        return (document for document in self.documents() if self.split_of(document) == split)


@dataclass(slots=True, kw_only=True)
class Cut:
    """The documents of one file."""

    documents: int = 0
    bytes: int = 0  # of text in UTF-8


@dataclass(slots=True)
class Cuts:
    """The files of one split, in order."""

    max_bytes: int  # of text in a file, unless one document is longer
    max_rows: int
    files: list[Cut] = field(default_factory=list)

    def add(self, size: int) -> None:
        """Adds a document to the last file, or to a new one where that is full."""
        last = self.files[-1] if self.files else None
        if last is None or last.documents >= self.max_rows or last.bytes + size > self.max_bytes:
            last = Cut()
            self.files.append(last)
        last.documents += 1
        last.bytes += size


def find(out: Path, stage: str | None) -> Texts:
    """Returns the documents at the end of an output, or those that one of its stages left.

    SettingsError where there are none.
    """
    if (out / "stage.json").exists():
        return _of_folder(out, stage)
    if stage is None:
        if not (out / "manifest.json").exists():
            mend = (
                f"run it to its end, or name a finished stage with --stage ({', '.join(_finished(out)) or 'none is'})"
            )
            raise SettingsError(f"{out}: not a finished run (it has no manifest.json); {mend}")
        return _tokenized(stage_folder(out, "tokenize"), read_stage(stage_folder(out, "pack")))
    _check_stage(stage)
    folder = stage_folder(out, stage)
    if not (folder / "stage.json").exists():
        raise SettingsError(f"--stage {stage}: {out} has no such stage; it has {', '.join(_finished(out)) or 'none'}")
    return _left_by(folder)


def survey(texts: Texts, splits: tuple[str, ...], max_bytes: int, max_rows: int) -> dict[str, list[Cut]]:
    """Returns the files of each split; raises UserError where the documents are not those that the stage counted."""
    cuts = {split: Cuts(max_bytes, max_rows) for split in texts.splits}
    number = size = 0
    for document in texts.documents(("id", "source", "text")):
        length = len(document.text.encode())
        number, size = number + 1, size + length
        cuts[texts.split_of(document)].add(length)
    counts = texts.record.counts
    if (number, size) != (counts.kept, counts.bytes_kept):
        counted = (
            f"{number} documents of {size} bytes, and {texts.record.stage} counted {counts.kept} of {counts.bytes_kept}"
        )
        raise UserError(f"{texts.plan.folder}: its inputs have {counted}; run it again")
    return {split: own.files for split, own in cuts.items() if split in splits and own.files}


def _of_folder(folder: Path, stage: str | None) -> Texts:
    """Returns the documents of a stage's own folder; of tokens and shards those that they were made of."""
    record = read_stage(folder)
    if stage not in (None, record.stage):
        raise SettingsError(f"--stage {stage}: {folder} holds {record.stage}, which is the only stage there")
    if record.stage == "pack":
        return _tokenized(storage.join(folder, record.settings["parts"][0]).parent, record)
    return _tokenized(folder) if record.stage == "tokenize" else _left_by(folder)


def _left_by(folder: Path) -> Texts:
    """Returns the documents that a stage left."""
    record = read_stage(folder)
    _check_stage(record.stage)
    return Texts(plan=_reader(folder, record.stage, stage_items(folder, folder)), record=record, drawn=False)


def _tokenized(folder: Path, pack: StageRecord | None = None) -> Texts:
    """Returns the documents that a tokenize stage read; pack: the record of the shards that were made of them."""
    record = read_stage(folder)
    if record.counts.rejected > record.counts.failed:
        raise SettingsError(f"{folder}: it rejected documents; name the stage before it with --stage")
    orders = orders_in(pack.settings) if pack else {}
    return Texts(plan=_reader(folder, "tokenize", [*record.items]), record=record, drawn=True, orders=orders)


def _reader(folder: Path, stage: str, items: list[Item]) -> Plan:
    return Plan(stage=stage, folder=folder, settings={}, items=tuple(items))


def _check_stage(stage: str) -> None:
    """Raises SettingsError where a stage of this name leaves no documents."""
    holding = [name for name in KINDS if _holds_documents(name)]
    if stage not in holding:
        raise SettingsError(f"--stage {stage}: documents are left by {', '.join(holding)}")


def _holds_documents(stage: str) -> bool:
    return KINDS[stage].leaves == "documents" or stage == "dedup"


def _finished(out: Path) -> list[str]:
    """Returns the finished stages of a run that hold documents."""
    return [name for name in KINDS if _holds_documents(name) and (stage_folder(out, name) / "stage.json").exists()]
