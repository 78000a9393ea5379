"""The counts of a report are what a count of one document after the other gives, for any batches in any order."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.decontaminate.grams import Table
from curate.decontaminate.matches import MATCHES
from curate.decontaminate.sets import Contents
from curate.decontaminate.tallies import COLUMNS, EXAMPLES, ITEMS, Tally

SETS = {"a": [[1, 2, 3], [3, 4]], "b": [[4, 5], [6], [7]]}  # of each set the grams of its items; 4 is of both
WORD = "w{} "
KEYS = st.lists(st.integers(1, 7), min_size=1, max_size=4)
DOCUMENTS = st.lists(st.tuples(st.integers(0, 30), KEYS), min_size=1, max_size=30)


def contents() -> Contents:
    items = {name: [("f", 9, np.array(keys, np.uint64)) for keys in own] for name, own in SETS.items()}
    grams = [np.unique(np.concatenate([keys for _, _, keys in own])) for own in items.values()]
    return Contents(items=items, ngrams=dict.fromkeys(SETS, 1), table=Table(list(SETS), [1, 1], grams))


def row(id_: int, keys: list[int]) -> dict:
    """A document whose text is the words of its grams, a passage each; its url follows from its id."""
    starts = [4 * place for place in range(len(keys))]
    return {
        "id": id_.to_bytes(16, "big"),
        "url": f"u{id_}",
        "grams": keys,
        "starts": starts,
        "stops": [start + 3 for start in starts],
        "passages": [WORD.format(key) for key in keys],
        "passage_starts": starts,
    }


def batches(documents: list[tuple[int, list[int]]], size: int) -> list[pa.RecordBatch]:
    table = pa.Table.from_pylist([row(*document) for document in documents], schema=MATCHES).select(COLUMNS)
    return table.to_batches(max_chunksize=size)


def reference(documents: list[tuple[int, list[int]]], name: str, ignored: set[int]) -> tuple[int, int, list[dict]]:
    """Returns the documents of a set, those that leak, and the examples, by their definitions."""
    of_set = {key for item in SETS[name] for key in item}
    holding = [(id_, keys, of_set & set(keys)) for id_, keys in documents if of_set & set(keys)]
    examples = {}
    for id_, keys, own in holding:
        common = own <= ignored
        shown = own if common else own - ignored
        examples.setdefault(
            (common, id_),
            {
                "id": f"{id_:032x}",
                "url": f"u{id_}",
                "passage": WORD.format(next(key for key in keys if key in shown)),
                "grams": len(shown),
                "items": [number for number, item in enumerate(SETS[name]) if shown & set(item)][:ITEMS],
                "common": common,
            },
        )
    leaking = sum(not own <= ignored for _, _, own in holding)
    return len(holding), leaking, [examples[rank] for rank in sorted(examples)][:EXAMPLES]


@given(documents=DOCUMENTS, ignored=st.sets(st.integers(1, 7)), size=st.integers(1, 40))
def test_counts_and_examples_are_those_of_one_document_after_the_other(documents, ignored, size):
    tally = Tally(contents(), np.array(sorted(ignored), np.uint64), [])
    for batch in batches(documents, size):
        tally.add(batch)
    assert tally.touched == len(documents)
    assert tally.leaking == sum(not set(keys) <= ignored for _, keys in documents)
    for name, own in tally.sets.items():
        examples = [example for _, example in sorted(own.examples.items())]
        assert (own.documents, own.leaking, examples) == reference(documents, name, ignored)


@given(documents=DOCUMENTS, shown=st.sets(st.integers(1, 7)), size=st.integers(1, 40))
def test_the_text_of_a_gram_is_that_of_a_document_which_holds_it(documents, shown, size):
    tally = Tally(contents(), np.zeros(0, np.uint64), shown)
    for batch in batches(documents, size):
        tally.add(batch)
    held = {key for _, keys in documents for key in keys}
    assert tally.texts == {key: f"w{key}" if key in held else "" for key in shown}


@pytest.mark.parametrize("keys", [[], [4], [1, 4, 9, 4]])
def test_a_gram_is_of_every_set_that_holds_it(keys):
    table = contents().table
    at, numbers = table.pairs_of(np.array(keys, np.uint64))
    pairs = [(place, table.names[number]) for place, number in zip(at.tolist(), numbers.tolist(), strict=True)]
    assert pairs == [(place, name) for place, key in enumerate(keys) for name in table.sets_of([key])[0]]
