"""Adds up the rows of match parts, a batch at a time: documents of each set, examples, and the texts of some grams."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.decontaminate.sets import Contents
from curate.decontaminate.words import Hashes, plain

COLUMNS = ["id", "url", "grams", "starts", "stops", "passages", "passage_starts"]  # of a match part, which are read
EXAMPLES = 5  # documents of a set that the report shows
PASSAGE = 400  # characters of each
ITEMS = 3  # items of the set that an example names
Numbers = npt.NDArray[np.int64]
Row = dict[str, Any]
Rank = tuple[bool, bytes]  # whether a document holds common phrases alone, and its id; the least is shown first


@dataclass(slots=True)
class SetTally:
    """The counts of one set."""

    documents: int = 0  # that hold a gram of it
    leaking: int = 0  # that hold one which is no common phrase
    examples: dict[Rank, Row] = field(default_factory=dict)  # at most EXAMPLES, those of the least ranks


class Tally:
    """The counts of all sets over the batches that were added; the order of batches does not matter."""

    def __init__(self, contents: Contents, ignored: Hashes, shown: Iterable[int]) -> None:
        """ignored: the grams that are common phrases, in order. shown: the grams whose texts are looked for."""
        self.contents, self.ignored = contents, ignored
        self.touched = self.leaking = 0  # documents that hold a gram; those that hold one which is no common phrase
        self.sets = {name: SetTally() for name in contents.items}
        self.texts = dict.fromkeys(shown, "")  # as they are compared
        self._missing = np.unique(np.fromiter(self.texts, np.uint64))  # those whose texts are not there yet

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds rows that hold grams, of COLUMNS."""
        grams: Hashes = batch["grams"].flatten().to_numpy(zero_copy_only=False)
        rows: Numbers = batch["grams"].value_parent_indices().to_numpy(zero_copy_only=False)
        leaks = ~_among(grams, self.ignored)
        self.touched += batch.num_rows
        self.leaking += len(np.unique(rows[leaks]))
        at, numbers = self.contents.table.pairs_of(grams)
        for number, name in enumerate(self.contents.table.names):
            own = at[numbers == number]
            if len(own):
                self._add_to_set(name, batch, np.unique(rows[own]), np.unique(rows[own[leaks[own]]]))
        self._enter_texts(batch, grams, rows)

    def _add_to_set(self, name: str, batch: pa.RecordBatch, rows: Numbers, leaking: Numbers) -> None:
        """Counts the documents of a batch that hold grams of a set, and takes those of the least ranks as examples."""
        tally = self.sets[name]
        tally.documents += len(rows)
        tally.leaking += len(leaking)
        ids = np.frombuffer(batch["id"].take(pa.array(rows)).buffers()[1], ">u8").reshape(-1, 2)
        common = ~np.isin(rows, leaking, assume_unique=True)
        taken: set[Rank] = set()
        for at in np.lexsort((rows, ids[:, 1], ids[:, 0], common)).tolist():
            rank = (bool(common[at]), ids[at].tobytes())
            if len(taken) == EXAMPLES or (len(tally.examples) == EXAMPLES and rank > max(tally.examples)):
                break
            taken.add(rank)
            if rank not in tally.examples:  # an id may stand in two parts
                tally.examples[rank] = self._example(_row(batch, int(rows[at])), name, common=rank[0])
                if len(tally.examples) > EXAMPLES:
                    del tally.examples[max(tally.examples)]

    def _example(self, row: Row, name: str, *, common: bool) -> Row:
        """Returns a document that holds grams of a set, with the passage around the first of them."""
        at, numbers = self.contents.table.pairs_of(np.array(row["grams"], np.uint64))
        held = np.unique(np.array(row["grams"], np.uint64)[at[numbers == self.contents.table.names.index(name)]])
        keys = (held if common else held[~_among(held, self.ignored)]).tolist()
        own = set(keys)
        place = next(start for key, start in zip(row["grams"], row["starts"], strict=True) if key in own)
        return {
            "id": row["id"].hex(),
            "url": row["url"],
            "passage": _passage(row, place)[:PASSAGE],
            "grams": len(keys),
            "items": self.contents.items_holding(name, keys)[:ITEMS],
            "common": common,
        }

    def _enter_texts(self, batch: pa.RecordBatch, grams: Hashes, rows: Numbers) -> None:
        """Enters the text of each missing gram from the first row that holds it."""
        places = np.flatnonzero(_among(grams, self._missing))
        for row_number in np.unique(rows[places[np.unique(grams[places], return_index=True)[1]]]).tolist():
            row = _row(batch, row_number)
            for key, start, stop in zip(row["grams"], row["starts"], row["stops"], strict=True):
                if self.texts.get(key) == "":
                    before = row["passage_starts"][bisect_right(row["passage_starts"], start) - 1]
                    self.texts[key] = plain(_passage(row, start)[start - before : stop - before])
        self._missing = np.setdiff1d(self._missing, grams[places])


def _among(keys: Hashes, ordered: Hashes) -> npt.NDArray[np.bool_]:
    """Returns of each key whether it is one of some keys in order."""
    if not len(ordered):
        return np.zeros(len(keys), np.bool_)
    same: npt.NDArray[np.bool_] = ordered[np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)] == keys
    return same


def _row(batch: pa.RecordBatch, number: int) -> Row:
    row: Row = batch.slice(number, 1).to_pylist()[0]
    return row


def _passage(row: Row, start: int) -> str:
    """Returns the passage of a row that begins at a character of the text or before it."""
    return str(row["passages"][bisect_right(row["passage_starts"], start) - 1])
