"""Histograms of what the filter's rules measured of kept and of rejected documents, with the limits that they ask.

The parts are read twice, batch by batch: first a sample of each signal chooses the range of its bins, then all values
are counted. The outermost bins hold what lies beyond the range, which reaches from the 1st to the 99th percentile of
all documents, and to the limits.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curate import settings, storage
from curate.filters.rules import MEASURES, Filter
from curate.filters.signals.measuring import EMPTY, LANGUAGE, columns
from curate.inspection import funnel
from curate.stage.checked import changed, opened_part, receipt_of
from curate.stage.parts import part_name
from curate.stage.record import StageRecord, read_stage
from curate.storage.writing import sha256_of

KINDS = {"kept": "part", "rejected": "rejected"}  # and what the names of their files begin with
BINS = 18  # within the range; two more hold what lies beyond it
PARTS = 100  # read of a stage, evenly spread over it
SAMPLE = 8192  # values by which the range is chosen, at most
BATCH_ROWS = 16_384
CLIP = (1, 99)  # percentiles
WIDE = 100  # a range of values from 0 upwards that is so long is logarithmic
UNLIMITED = 1e9  # from here on a setting means that there is no limit
LIMITS = {  # the settings of rules that change texts, of languages and of quality, by column without the rule's name
    "too_long": "max_chars",
    "too_few_sentences": "min_sentences",
    "too_many": "max_found",
    "removed_words": "max_removed_words",
    "score": "min_score",
    "quality": "min_quality",
}
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit of a rule on a signal."""

    name: str  # the setting, with its sources where not all have this value
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """One signal of the kept and of the rejected documents that were read."""

    signal: str
    edges: tuple[float, ...]  # of the bins within the range
    is_logarithmic: bool
    counts: Mapping[str, tuple[int, ...]]  # by kind: documents below the first edge, of each bin, from the last on
    without: Mapping[str, int]  # by kind: documents without a value
    limits: tuple[Limit, ...]

    def place(self, value: float) -> float:
        """Returns how far right a value stands, as a share of the width, on which all bins are equally wide."""
        low, high, at = _scaled(np.array([self.edges[0], self.edges[-1], value]), self.is_logarithmic)
        bins = len(self.edges) - 1
        return float((1 + bins * (at - low) / (high - low)) / (bins + 2))

    def bars(self, kind: str) -> Iterator[tuple[int, float, int, str]]:
        """Yields of each bin with documents its place, its height in (0, 1], the documents, and its range in words."""
        highest = max(self.counts[kind])
        for place, number in enumerate(self.counts[kind]):
            if number:
                yield place, number / highest, number, self._range(place)

    def _range(self, place: int) -> str:
        if place == 0:
            return f"below {shown(self.edges[0])}"
        if place == len(self.edges):
            return f"{shown(self.edges[-1])} or more"
        return f"{shown(self.edges[place - 1])} to below {shown(self.edges[place])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Histograms:
    """The histograms of all signals of a stage."""

    rows: tuple[Histogram, ...]
    documents: Mapping[str, int]  # that were read, by kind
    parts: tuple[int, int]  # how many were read, and how many there are


class NamedLimit(float):
    """A limit that knows the setting which states it."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, value: float, name: str) -> "NamedLimit":
        """Returns the value of a setting under its name."""
        limit = super().__new__(cls, value)
        limit.name = name
        return limit


class Range:
    """A sample of the finite values of a signal: each n-th, so that it stays small."""

    def __init__(self) -> None:
        self._values: Values = np.empty(0)
        self._step, self._start = 1, 0

    def add(self, values: Values) -> None:
        """Adds values."""
        values = values[np.isfinite(values)]
        self._values = np.concatenate((self._values, values[self._start :: self._step]))
        self._start = (self._start - len(values)) % self._step
        while len(self._values) > SAMPLE:
            self._values = self._values[::2]
            self._step *= 2

    def edges(self, limits: Iterable[float]) -> tuple[Values, bool]:
        """Returns the edges of the bins within the range, and whether they are logarithmic."""
        limits = [*limits]
        ends = [*map(float, np.percentile(self._values, CLIP)), *limits] if len(self._values) else limits
        low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
        size = max(1.0, abs(low), abs(high))
        is_logarithmic = low >= 0 and high - low >= WIDE
        are_whole = low.is_integer() and all(value.is_integer() for value in (*self._values, *limits))
        if are_whole and high - low < BINS - 1 and size < UNLIMITED:
            return np.arange(low, np.floor(high) + 2), False
        if high - low < 1e-9 * size:
            low, high = low - size / 2, high + size / 2
        first, last = _scaled(np.array([low, high]), is_logarithmic)
        edges = np.linspace(first, last, BINS + 1)
        edges = np.expm1(edges) if is_logarithmic else edges
        edges[[0, -1]] = low, high
        return edges, is_logarithmic


def shown(value: float) -> str:
    """Returns a number with up to four digits, and whole ones in full.

    >>> shown(100_000.0), shown(0.30000001)
    ('100,000', '0.3')
    """
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.4g}"


def histograms(out: Path) -> Histograms | None:
    """Returns the histograms of the signals of an output's filter; None where it has written none."""
    folder = funnel.stage_folders(out).get("filter")
    record = read_stage(folder) if folder else None
    if not folder or not record:
        return None
    default, sources = _filters(record)
    names = [name for name in columns([default, *sources.values()]) if name != LANGUAGE[0]]
    if not names:
        return None
    paths = _paths(folder, record)
    ranges: dict[str, Range] = {name: Range() for name in names}
    present: set[str] = set()
    documents = dict.fromkeys(KINDS, 0)
    for kind, batch in _batches(paths, ["source", *names]):
        present.update(batch["source"].unique().to_pylist())
        documents[kind] += len(batch)
        for name in names:
            ranges[name].add(_values(batch[name]))
    limits = limits_of({source: sources.get(source, default) for source in sorted(present)})
    edges = {name: ranges[name].edges([limit.value for limit in limits.get(name, ())]) for name in names}
    counts = _counted(paths, {name: inner for name, (inner, _) in edges.items()})
    rows = []
    for name, (inner, is_logarithmic) in edges.items():
        number = {kind: tuple(map(int, counts[kind, name])) for kind in KINDS}
        rows.append(
            Histogram(
                signal=name,
                edges=tuple(map(float, inner)),
                is_logarithmic=is_logarithmic,
                counts=number,
                without={kind: documents[kind] - sum(number[kind]) for kind in KINDS},
                limits=limits.get(name, ()),
            )
        )
    return Histograms(rows=tuple(rows), documents=documents, parts=(len(paths), len(record.items)))


def _counted(paths: list[dict[str, Path]], edges: Mapping[str, Values]) -> dict[tuple[str, str], npt.NDArray[np.int64]]:
    """Returns the documents of each kind and signal by bin."""
    counts = {(kind, name): np.zeros(len(inner) + 1, np.int64) for kind in KINDS for name, inner in edges.items()}
    for kind, batch in _batches(paths, [*edges]):
        for name, inner in edges.items():
            values = _values(batch[name])
            bins = np.searchsorted(inner, values[~np.isnan(values)], side="right")
            counts[kind, name] += np.bincount(bins, minlength=len(inner) + 1)
    return counts


def limits_of(filters: Mapping[str, Filter]) -> dict[str, tuple[Limit, ...]]:
    """Returns the limits of each signal, by the filters of sources; those of documents in English."""
    named: dict[str, dict[tuple[str, float], list[str]]] = defaultdict(lambda: defaultdict(list))
    for source, chosen in filters.items():
        for signal, limit in _limits(chosen) if chosen.signals else ():
            if abs(limit) < UNLIMITED:
                named[signal][limit.name, float(limit)].append(source)
    return {
        signal: tuple(
            Limit(name=name if len(sources) == len(filters) else f"{name} of {', '.join(sources)}", value=value)
            for (name, value), sources in limits.items()
        )
        for signal, limits in named.items()
    }


def _limits(filters: Filter) -> Iterator[tuple[str, NamedLimit]]:
    """Yields the limits of a filter, with the column of the signal that they bound."""
    for name in filters.rules:
        if name in MEASURES:
            for measure in MEASURES[name](EMPTY, _named(getattr(filters, name)), True):
                for word, limit in (("at least", measure.low), ("at most", measure.high)):
                    if abs(limit) < inf:
                        stated = limit if isinstance(limit, NamedLimit) else NamedLimit(limit, word)
                        yield f"{name}.{measure.name}", stated
    for column in columns([filters]):
        rule, _, signal = column.partition(".")
        setting = LIMITS.get(signal, "") if rule not in MEASURES else ""
        if setting and not (rule == "language" and not filters.language.allowed):
            yield column, NamedLimit(getattr(getattr(filters, rule), setting), setting)


def _named(rules: Any) -> Any:
    """Returns the settings of a rule with limits that know their names."""
    values: dict[str, Any] = {}
    for name in (entry.name for entry in fields(rules)):
        value = getattr(rules, name)
        if name.startswith(("min_", "max_")):
            many = isinstance(value, tuple)
            values[name] = tuple(NamedLimit(one, name) for one in value) if many else NamedLimit(value, name)
    return replace(rules, **values)


def _filters(record: StageRecord) -> tuple[Filter, dict[str, Filter]]:
    """Returns the filter of a stage, and those that sources have of their own."""
    tables = record.settings
    sources = {name: settings.build(Filter, table) for name, table in tables.get("sources", {}).items()}
    return settings.build(Filter, tables.get("default", {})), sources


def _paths(folder: Path, record: StageRecord) -> list[dict[str, Path]]:
    """Returns the files of up to PARTS parts, evenly spread, by kind."""
    every = max(1, -(-len(record.items) // PARTS))
    names = ({kind: part_name(item.number, begin) for kind, begin in KINDS.items()} for item in record.items[::every])
    return [{kind: folder / name for kind, name in part.items() if name in record.outputs} for part in names]


def _batches(paths: list[dict[str, Path]], names: list[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yields these columns of the parts, batch by batch; DamageError where a part is not as it was written."""
    for part in paths:
        for kind, path in part.items():
            if kind == "kept":
                with opened_part(path) as source, pq.ParquetFile(source) as file:
                    yield from ((kind, batch) for batch in file.iter_batches(BATCH_ROWS, columns=names))
                continue
            if sha256_of(path) != receipt_of(part["kept"]).files[path.name].sha256:
                raise changed(path)
            with pq.ParquetFile(storage.source(path)) as file:
                yield from ((kind, batch) for batch in file.iter_batches(BATCH_ROWS, columns=names))


def _values(column: pa.Array) -> Values:
    """Returns the values of a column, NaN where there is none."""
    values: Values = column.to_numpy(zero_copy_only=False)
    return values


def _scaled(values: Values, is_logarithmic: bool) -> Values:
    return np.log1p(values) if is_logarithmic else values
