"""Measures what a run did with each planted defect: recall per defect, precision per rule, clean text lost.

A document is removed where the output does not have it, and mended where it is kept without any passage that was
planted in it. Of a document and its copies one should stay, whichever: where the original is removed, the kept copy
that is most like it stands in for it. That copy is no duplicate any more, and the original is not lost.
"""

import csv
import io
import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curate import __version__
from curate.intervals import Share, portion, share
from curate.planting import files, runs
from curate.planting.corpus import BOILERPLATE, CLEAN, DEFECTS, DUPLICATE, LEAK
from curate.planting.files import Truth
from curate.planting.passages import clean_words, items_left, lines_left, words_lost
from curate.planting.runs import Run
from curate.storage import together
from curate.storage.writing import sha256_of, write_bytes, write_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of the documents with a defect, or with a kind of it."""

    defect: str
    kind: str  # "" for all kinds
    removed: int
    mended: int  # kept without what was planted in them
    recall: Share  # removed or mended, of those planted
    stages: Mapping[str, int]  # the rules that removed them


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The documents that a rule removed."""

    stage: str
    reason: str
    defects: Mapping[str, int]  # documents with each defect
    replaced: int  # clean documents of which a copy is kept
    clean: int  # clean documents of which no copy is kept
    precision: Share  # with a defect, or replaced by a copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The documents of a defect in the planted corpus and in what was kept; copies that stand in are clean there."""

    defect: str
    documents: Share  # kept, of those planted
    words: Share
    planted_share: float  # of all documents of the planted corpus
    kept_share: float | None  # of all documents that were kept; None where none was


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Everything that is measured of a run over a planted corpus."""

    planted: str
    run: str
    stages: tuple[str, ...]
    similarity: float  # the run's limit for near duplicates, at which copies are split
    others: int  # kept documents that are not of the planted corpus
    defects: tuple[Outcome, ...]
    rules: tuple[Rule, ...]
    parts: tuple[Part, ...]
    clean_lost: Share  # untouched documents of which neither they nor a copy are kept
    clean_replaced: int  # untouched documents of which a copy is kept in their place
    clean_words_lost: Share  # of untouched documents that were kept, words that were cut
    furniture_lines_left: Share  # lines of furniture in the output, of those planted in clean documents
    furniture_words_lost: Share  # of the clean text around them
    items_left: Share  # items that are whole in the output, of those planted, each as often as it was planted
    leak_words_lost: Share  # of the clean text around them


def measure(folder: Path, run: Path) -> Outcomes:
    """Returns the outcomes of a finished run, or of a stage, over the planted corpus in a folder."""
    files.read_record(folder)
    truth = files.read_truth(folder)
    texts = files.read_texts(folder, "planted")
    return _Measure(truth, texts, runs.read(run, truth)).outcomes(str(folder), str(run))


class _Measure:
    """A truth, the planted texts and the fates of the documents in a run."""

    def __init__(self, truth: Sequence[Truth], texts: Mapping[str, str], run: Run) -> None:
        self.truth, self.texts, self.run = truth, texts, run
        families: dict[str, list[Truth]] = defaultdict(list)
        for one in truth:
            if one.defect in (CLEAN, DUPLICATE) and run.fates[one.id].kept:
                families[one.origin].append(one)
        # Of each clean document: itself, or the copy that stands in for it.
        self.remaining = {origin: min(own, key=_unlikeness).id for origin, own in families.items()}

    def outcomes(self, planted: str, run: str) -> Outcomes:
        """Returns all that is measured."""
        untouched = [one for one in self.truth if one.defect == CLEAN]
        replaced = sum(self._replaced(one) for one in untouched)
        lost = sum(not self._fate(one).kept for one in untouched) - replaced
        furnished = [one for one in self.truth if one.defect == BOILERPLATE and one.origin]
        leaked = [one for one in self.truth if one.defect == LEAK]
        return Outcomes(
            planted=planted,
            run=run,
            stages=self.run.stages,
            similarity=self.run.similarity,
            others=self.run.others,
            defects=tuple(self._defects()),
            rules=tuple(self._rules()),
            parts=tuple(self._parts()),
            clean_lost=share(lost, len(untouched)),
            clean_replaced=replaced,
            clean_words_lost=self._words_lost([one for one in untouched if self._fate(one).kept]),
            furniture_lines_left=self._passages_left(furnished),
            furniture_words_lost=self._words_lost(furnished),
            items_left=self._passages_left(leaked),
            leak_words_lost=self._words_lost([one for one in leaked if one.origin]),
        )

    def _fate(self, one: Truth) -> runs.Fate:
        return self.run.fates[one.id]

    def _replaced(self, one: Truth) -> bool:
        """Returns whether a clean document was removed and a copy of it is kept."""
        return one.defect == CLEAN and not self._fate(one).kept and one.origin in self.remaining

    def _removed(self, one: Truth) -> bool:
        """Returns whether a document is removed, or is the one that was to be kept of a document and its copies."""
        return self._stands_in(one) or not self._fate(one).kept

    def _stands_in(self, one: Truth) -> bool:
        """Returns whether a copy is kept in the place of its original."""
        return one.defect == DUPLICATE and self.remaining.get(one.origin) == one.id

    def _mended(self, one: Truth) -> bool:
        """Returns whether a document was kept without any passage that was planted in it."""
        return self._fate(one).kept and one.defect in (BOILERPLATE, LEAK) and bool(one.added) and not self._left(one)

    def _left(self, one: Truth) -> int:
        """Returns how many of the passages that were planted in a document are in the output."""
        kept = self._fate(one).text
        if kept is None:
            return 0
        return items_left(one.added, kept) if one.defect == LEAK else lines_left(one.added, kept)

    def _defects(self) -> Iterable[Outcome]:
        """Yields each defect and its kinds, and the copies on either side of the run's limit of similarity."""
        for defect in DEFECTS:
            own = [one for one in self.truth if one.defect == defect]
            if not own:
                continue
            yield self._outcome(defect, "", own)
            for kind in sorted({one.kind for one in own}):
                yield self._outcome(defect, kind, [one for one in own if one.kind == kind])
            limit = self.run.similarity
            if defect == DUPLICATE:
                above = [one for one in own if (one.jaccard or 0) >= limit]
                yield self._outcome(defect, f"Jaccard from {limit:g}", above)
                yield self._outcome(
                    defect, f"Jaccard below {limit:g}", [one for one in own if (one.jaccard or 0) < limit]
                )

    def _outcome(self, defect: str, kind: str, own: Sequence[Truth]) -> Outcome:
        removed = sum(map(self._removed, own))
        mended = sum(map(self._mended, own))
        rules = Counter(self._fate(one).reason for one in own if not self._fate(one).kept)
        return Outcome(
            defect=defect,
            kind=kind,
            removed=removed,
            mended=mended,
            recall=share(removed + mended, len(own)),
            stages=dict(rules.most_common()),
        )

    def _rules(self) -> Iterable[Rule]:
        """Yields the rules, those that removed most first."""
        by_rule: dict[tuple[str, str], list[Truth]] = defaultdict(list)
        for one in self.truth:
            if not self._fate(one).kept:
                by_rule[self._fate(one).stage, self._fate(one).reason].append(one)
        for (stage, reason), own in sorted(by_rule.items(), key=lambda pair: (-len(pair[1]), pair[0])):
            defects = Counter(one.defect for one in own if one.defect != CLEAN)
            replaced = sum(map(self._replaced, own))
            yield Rule(
                stage=stage,
                reason=reason,
                defects={defect: defects[defect] for defect in DEFECTS if defects[defect]},
                replaced=replaced,
                clean=len(own) - defects.total() - replaced,
                precision=share(defects.total() + replaced, len(own)),
            )

    def _parts(self) -> Iterable[Part]:
        kept_documents = sum(fate.kept for fate in self.run.fates.values())
        for defect in (CLEAN, *DEFECTS):
            own = [one for one in self.truth if one.defect == defect]
            kept = [one for one in self.truth if self._fate(one).kept and self._kept_as(one) == defect]
            words = sum(len((self._fate(one).text or "").split()) for one in kept)
            yield Part(
                defect=defect,
                documents=share(len(kept), len(own)),
                words=portion(words, sum(one.words for one in own)),
                planted_share=len(own) / len(self.truth),
                kept_share=len(kept) / kept_documents if kept_documents else None,
            )

    def _kept_as(self, one: Truth) -> str:
        """Returns what a kept document is: a copy that stands in for its original is clean."""
        return CLEAN if self._stands_in(one) else one.defect

    def _passages_left(self, own: Sequence[Truth]) -> Share:
        return portion(sum(map(self._left, own)), sum(len(one.added) for one in own))

    def _words_lost(self, own: Sequence[Truth]) -> Share:
        """Returns the words of the clean text of some documents that the output does not have."""
        lost = whole = 0
        for one in own:
            text, kept = self.texts[one.id], self._fate(one).text
            words = clean_words(text, one.added)
            whole += words
            lost += 0 if kept == text else words_lost(text, one.added, kept)
        return portion(lost, whole)


def _unlikeness(one: Truth) -> tuple[bool, float, bool, str]:
    """Returns what sorts an original before its copies, and these by their likeness to it."""
    return one.defect != CLEAN, -(one.jaccard or 0), one.kind != "exact", one.id


def origin_of(planted: Path, run: Path) -> dict[str, Any]:
    """Returns what decides outcomes: seed and digest of the planted corpus, digest of the run, versions."""
    record = run / "manifest.json" if (run / "manifest.json").exists() else run / "stage.json"
    return {
        "seed": together.read(planted / files.RECORD)["planting"]["seed"],
        "plant_sha256": sha256_of(planted / files.RECORD),
        "run_record": record.name,
        "run_sha256": sha256_of(record),
        "versions": {"curate": __version__, "python": platform.python_version()},
    }


def write(outcomes: Outcomes, path: Path, origin: Mapping[str, Any]) -> None:
    """Writes outcomes as JSON, with their origin, and beside it as CSV under the same name."""
    text = io.StringIO()
    rows = flat_rows(outcomes)
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path.with_suffix(".csv"), text.getvalue().encode())
    write_json(path, asdict(outcomes) | {"origin": dict(origin)})


def flat_rows(outcomes: Outcomes) -> list[dict[str, Any]]:
    """Returns the outcomes as rows of equal columns, for CSV."""
    rows: list[dict[str, Any]] = []

    def add(table: str, name: str, kind: str, measure: str, one: Share) -> None:
        values = {"number": one.number, "of": one.of, "share": one.share, "low": one.low, "high": one.high}
        rows.append({"table": table, "name": name, "kind": kind, "measure": measure} | values)

    for one in outcomes.defects:
        add("defects", one.defect, one.kind, "recall", one.recall)
        for measure, number in (("removed", one.removed), ("mended", one.mended)):
            add("defects", one.defect, one.kind, measure, share(number, one.recall.of))
        for reason, number in one.stages.items():
            add("defects", one.defect, one.kind, f"removed by {reason}", share(number, one.recall.of))
    for rule in outcomes.rules:
        add("rules", rule.stage, rule.reason, "precision", rule.precision)
    for part in outcomes.parts:
        add("kept", part.defect, "", "documents", part.documents)
        add("kept", part.defect, "", "words", part.words)
    for name in SHARES:
        add("text", name, "", "share", getattr(outcomes, name))
    return rows


SHARES = (
    *("clean_lost", "clean_words_lost", "furniture_lines_left", "furniture_words_lost", "items_left"),
    "leak_words_lost",
)
