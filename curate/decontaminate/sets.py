"""Evaluation sets: the items of the user's files, and `sets.parquet`, which holds the keys of their grams.

An item is a row. Where a field holds a list, such as the choices of a question, the item has as many texts as the
longest of its lists: the k-th takes the k-th element of each list, and the fields that are no lists whole. So no gram
runs from one choice into the next. No text of a set is written into an output.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.decontaminate.config import Decontaminate, EvaluationSet
from curate.decontaminate.grams import Table, keys_of, size_of, whole
from curate.decontaminate.words import Hashes, joined
from curate.errors import DamageError, SettingsError, UserError
from curate.evaluate import examples, tasks
from curate.inputs.forms import form_of
from curate.inputs.items import files
from curate.inputs.rows import numbered_rows
from curate.stage.parts import MARK
from curate.storage.writing import sha256_of

FILE = "sets.parquet"  # in the folder of the first half
HIDDEN = ("", "-1")  # what stands for an answer that is not published
SCHEMA = pa.schema(
    [
        pa.field("set", pa.string(), nullable=False),
        pa.field("item", pa.int64(), nullable=False),  # its number in the set, from 0
        pa.field("file", pa.string(), nullable=False),
        pa.field("words", pa.int64(), nullable=False),  # of its longest text
        pa.field("ngram", pa.int64(), nullable=False),  # the words of the set's grams
        pa.field("grams", pa.list_(pa.uint64()), nullable=False),  # keys, in order
    ],
    {MARK: b""},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationItem:
    """An item of a set."""

    file: str  # its name
    texts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)  # no slots: the index of items is kept once it is made
class Contents:
    """The items of all sets as `sets.parquet` holds them, and the table of their grams."""

    items: dict[str, list[tuple[str, int, Hashes]]]  # of each set: file, words and keys of every item
    ngrams: dict[str, int]  # of each set
    table: Table

    def items_holding(self, name: str, keys: list[int]) -> list[int]:
        """Returns the numbers of the items of a set that have one of these grams, in order."""
        grams, numbers = self._index(name)
        wanted = np.array(keys, np.uint64)
        first, last = np.searchsorted(grams, wanted), np.searchsorted(grams, wanted, side="right")
        spans = zip(first.tolist(), last.tolist(), strict=True)
        return sorted({number for start, stop in spans for number in numbers[start:stop].tolist()})

    def _index(self, name: str) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """Returns the grams of a set in order, and the number of the item that each is of; it is made once."""
        if name not in self._indexes:
            keys = [own for _, _, own in self.items[name]]
            grams = np.concatenate(keys)
            order = np.argsort(grams, kind="stable")
            numbers = np.repeat(np.arange(len(keys)), [len(own) for own in keys])
            self._indexes[name] = grams[order], numbers[order]
        return self._indexes[name]

    @cached_property
    def _indexes(self) -> dict[str, tuple[Hashes, npt.NDArray[np.int64]]]:
        return {}


def paths_of(evaluation: EvaluationSet, name: str) -> list[Path]:
    """Returns the files of a set; SettingsError where a name names none."""
    try:
        return [path for pattern in evaluation.files for path in files(pattern)]
    except SettingsError as error:
        raise SettingsError(f"decontaminate.sets.{name}.files: {error}") from None


def check_files(rules: Decontaminate) -> None:
    """Raises SettingsError, before any work, where a set has no file, or the first row of a file is no item."""
    for name, evaluation in rules.sets.items():
        for path in paths_of(evaluation, name):
            for _ in _items_of(path, evaluation, name):
                pass


def items_of(evaluation: EvaluationSet, name: str) -> list[EvaluationItem]:
    """Returns the items of a set in the order of its files; SettingsError at the first row that is none."""
    items = [item for path in paths_of(evaluation, name) for item in _items_of(path, evaluation, name)]
    if not items:
        raise SettingsError(f"decontaminate.sets.{name}: its files have no row")
    return items


def content_of(rules: Decontaminate) -> bytes:
    """Returns the bytes of `sets.parquet`: the same for the same items, wherever their files lie."""
    tables = [_table_of(name, items_of(evaluation, name), rules) for name, evaluation in rules.sets.items()]
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables(tables), sink, compression="zstd")
    return sink.getvalue()


def load(path: Path, sha256: str) -> Contents:
    """Reads `sets.parquet`, once for every process; DamageError where it is not as the plan states."""
    return _load(str(path), sha256)


@lru_cache(maxsize=2)
def _load(name: str, sha256: str) -> Contents:
    path = storage.path(name)
    if sha256_of(path) != sha256:
        raise DamageError(f"{path}: its content is not what the plan states; the command that made it makes it anew")
    read = pq.read_table(storage.source(path), use_threads=False)
    names = list(dict.fromkeys(read["set"].to_pylist()))
    columns = [read[column].to_pylist() for column in ("set", "file", "words", "ngram")]
    lists = read["grams"].combine_chunks()
    ends, flat = lists.offsets.to_numpy(), lists.values.to_numpy(zero_copy_only=False)
    items: dict[str, list[tuple[str, int, Hashes]]] = {name: [] for name in names}
    ngrams: dict[str, int] = {}
    for row, (set_, file, words, ngram) in enumerate(zip(*columns, strict=True)):
        items[set_].append((file, words, flat[ends[row] : ends[row + 1]]))
        ngrams[set_] = ngram
    grams = [np.unique(np.concatenate([keys for _, _, keys in own])) for own in items.values()]
    return Contents(items=items, ngrams=ngrams, table=Table(names, list(ngrams.values()), grams))


def _table_of(name: str, items: list[EvaluationItem], rules: Decontaminate) -> pa.Table:
    """Returns the rows of `sets.parquet` of one set."""
    words, begins = joined([text for item in items for text in item.texts])
    first = np.cumsum([0, *(len(item.texts) for item in items)])[:-1]  # the first text of each item
    lengths = np.maximum.reduceat(np.diff(begins), first)
    unspaced = words.unspaced / max(1, len(words.hashes))
    ngram = size_of(lengths.tolist(), unspaced, rules.min_ngram, rules.max_ngram)
    keys = keys_of(words, [ngram]).get(ngram, np.zeros(0, np.uint64))
    item_begins = np.append(begins[first], begins[-1])
    pairs = np.empty(len(keys), [("item", np.int64), ("key", np.uint64)])
    pairs["item"] = np.repeat(np.arange(len(items)), np.diff(item_begins))[: len(keys)]
    pairs["key"] = keys
    pairs = np.unique(pairs[whole(begins, ngram)])
    ends = np.searchsorted(pairs["item"], np.arange(len(items) + 1)).astype(np.int32)
    columns = {
        "set": [name] * len(items),
        "item": range(len(items)),
        "file": [item.file for item in items],
        "words": lengths,
        "ngram": [ngram] * len(items),
        "grams": pa.ListArray.from_arrays(pa.array(ends), pa.array(pairs["key"])),
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _items_of(path: Path, evaluation: EvaluationSet, name: str) -> Iterator[EvaluationItem]:
    """Yields the items of a file."""
    if evaluation.task:
        yield from _of_task(path, evaluation.task, name)
        return
    where = f"decontaminate.sets.{name}: {path}"
    if form_of(path.name) == "text":
        raise SettingsError(f"{where}: a text file has no fields; give JSON lines, or task")
    hidden = dict.fromkeys(evaluation.fields)
    number = 0
    for number, row in numbered_rows(path):
        if isinstance(row, Exception):
            raise SettingsError(f"{where}, row {number}: {row}") from None
        if not isinstance(row, dict):
            raise SettingsError(f"{where}, row {number}: no object with fields, but {str(row)[:60]!r}")
        values = {field: _value(row, field, f"{where}, row {number}") for field in evaluation.fields}
        hidden = {field: None for field in hidden if _is_hidden(values[field])}
        yield EvaluationItem(file=path.name, texts=_texts([*values.values()]))
    if hidden and number:
        empty, *_ = hidden
        raise SettingsError(
            f"{where}: the field {empty!r} is empty or -1 in every row, as in test splits whose answers are hidden; "
            "name the validation split, or leave the field out"
        )


def _of_task(path: Path, task: str, name: str) -> Iterator[EvaluationItem]:
    """Yields the items of a file as a task of `curate evaluate` reads them: a context with each of its completions."""
    bundled = tasks.bundled()
    if task not in bundled or tasks.is_generated(bundled[task]):
        reading = ", ".join(other for other, definition in bundled.items() if not tasks.is_generated(definition))
        raise SettingsError(f"decontaminate.sets.{name}.task: {task!r} is none of {reading}")
    try:
        for example in examples.read((str(path),), tasks.read_task(task, path)):
            contexts = example.contexts * (len(example.choices) if len(example.contexts) == 1 else 1)
            pairs = zip(contexts, example.choices, strict=True)
            yield EvaluationItem(file=path.name, texts=tuple(f"{context} {choice}" for context, choice in pairs))
    except UserError as error:
        raise SettingsError(f"decontaminate.sets.{name}: {error}") from None


def _is_hidden(value: str | list[str]) -> bool:
    """Returns whether the value of a field states nothing, as a hidden answer does."""
    return all(text.strip() in HIDDEN for text in ([value] if isinstance(value, str) else value))


def _texts(values: list[str | list[str]]) -> tuple[str, ...]:
    """Returns the texts of a row from the values of its fields."""
    count = max([1, *(len(value) for value in values if isinstance(value, list))])
    texts = []
    for number in range(count):
        chosen = [value[min(number, len(value) - 1)] if isinstance(value, list) else value for value in values if value]
        texts.append(" ".join(chosen))
    return tuple(texts)


def _value(row: Mapping[str, Any], field: str, where: str) -> str | list[str]:
    """Returns a field's text or texts; what is neither text nor number is none."""
    value: Any = row
    for step in field.split("."):
        inner = (
            [one.get(step) if isinstance(one, Mapping) else None for one in value] if isinstance(value, list) else None
        )
        if inner is None and (not isinstance(value, Mapping) or step not in value):
            raise SettingsError(f"{where}: has no field {field!r}; its fields are {', '.join(map(str, row))}")
        value = value[step] if inner is None else inner
    if isinstance(value, list):
        return [str(one) for one in value if isinstance(one, str | int | float)]
    return str(value) if isinstance(value, str | int | float) else ""
