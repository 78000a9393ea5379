"""Reads what a finished run, or a stage, did with each document of a planted corpus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from curate import storage
from curate.dataset import texts
from curate.dedup.config import Dedup
from curate.errors import SettingsError
from curate.inspection.funnel import closing_records, tables
from curate.planting.files import Truth

ABSENT = ("", "neither kept nor rejected")  # stage and reason of a document that a run has not read to its end
COLUMNS = ("id", "text", "given_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """The end of a document in a run."""

    text: str | None  # as it was kept; None: removed
    stage: str = ""  # that removed it
    reason: str = ""  # the full name of the rule

    @property
    def kept(self) -> bool:
        """Returns whether the document is in the output."""
        return self.text is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The fates of the documents of a planted corpus in a run."""

    fates: dict[str, Fate]  # by the ids of the truth
    stages: tuple[str, ...]
    others: int  # kept documents that are not of the planted corpus
    similarity: float  # from which two documents are near duplicates for the run


def read(run: Path, truth: Sequence[Truth]) -> Run:
    """Returns the fate of every document of the truth; SettingsError where the run has read few of them."""
    if not any((run / name).is_file() for name in ("manifest.json", "stage.json")):
        mend = f"run it to its end, or name the folder of a finished stage, such as {run}/filter"
        raise SettingsError(f"{run}: not a finished run; {mend}")
    finder = _Finder(truth)
    fates: dict[str, Fate] = {}
    others = 0
    for document in texts.find(run, None).documents():
        if id_ := finder.id_of(document.id, document.given_id):
            fates[id_] = Fate(text=document.text)
        else:
            others += 1
    for id_, fate in _rejections(run, finder):
        fates.setdefault(id_, fate)
    whole = (run / "manifest.json").is_file()  # of a stage, documents are missing that a stage before it removed
    if len(fates) < (len(truth) / 2 if whole else 1):
        has = f"has {len(fates):,} of the {len(truth):,} documents of this planted corpus"
        raise SettingsError(f"{run}: {has}; name a run over all of its planted-*.jsonl.gz")
    stage, reason = ABSENT
    absent = Fate(text=None, stage=stage, reason=reason)
    return Run(
        fates={one.id: fates.get(one.id, absent) for one in truth},
        stages=tuple(closing_records(run)),
        others=others,
        similarity=_similarity(run),
    )


class _Finder:
    """Finds the id of the truth by that of the pipeline, or else by the id of the user's row."""

    def __init__(self, truth: Sequence[Truth]) -> None:
        self._rows = {bytes.fromhex(one.row): one.id for one in truth}
        self._ids = {one.id for one in truth}

    def id_of(self, id_: bytes, given_id: str | None) -> str | None:
        """Returns the id of the truth, or None for a document that is not of the planted corpus."""
        return self._rows.get(id_) or (given_id if given_id in self._ids else None)


def _rejections(run: Path, finder: _Finder) -> Iterator[tuple[str, Fate]]:
    for _, folder, name in tables(run):
        if not name.startswith("rejected-"):
            continue
        rows = pq.read_table(storage.source(folder / name), columns=["id", "stage", "reason", "given_id"])
        for row in rows.to_pylist():
            if id_ := finder.id_of(row["id"], row["given_id"]):
                yield id_, Fate(text=None, stage=row["stage"], reason=row["reason"])


def _similarity(run: Path) -> float:
    """Returns the least similarity of near duplicates that a run's recipe has, or the usual one."""
    record = closing_records(run).get("dedup")
    stated = record.settings.get("dedup", {}).get("similarity") if record else None
    return Dedup().similarity if stated is None else float(stated)
