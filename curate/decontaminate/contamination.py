"""Adds up the matches of a corpus: which grams are common phrases, and how much of each set the corpus holds.

An item is dirty if any of its grams, a common phrase too, is in any document, and clean otherwise (GPT-3, appendix C).
All of it follows from counts and from the ids of documents, so it is the same for any order of parts. Parts are read in
batches; what is held beside a batch is 16 bytes a gram of the sets, some numbers of each set, and its examples.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.decontaminate.config import Decontaminate
from curate.decontaminate.grams import Table
from curate.decontaminate.matches import matching_rows
from curate.decontaminate.sets import Contents
from curate.decontaminate.tallies import COLUMNS, Row, SetTally, Tally
from curate.decontaminate.words import Hashes
from curate.storage.writing import sealed

CLEAN, REPORT, IGNORED = "clean.jsonl", "contamination.json", "ignored.bin"  # files beside the parts of the stage
FORMAT = "curate.contamination"
TOP = 10  # grams of a set that the report shows
CANDIDATES = 200  # the commonest grams of a set, among which those are chosen that have few words in common


@dataclass(frozen=True, slots=True)
class Counted:
    """The grams of a table, and how many documents hold each; 16 bytes a gram."""

    keys: Hashes  # in order
    documents: npt.NDArray[np.int64]

    def of(self, keys: Hashes) -> npt.NDArray[np.int64]:
        """Returns how many documents hold each of these grams of the table."""
        return self.documents[np.searchsorted(self.keys, keys)]

    def ignored(self, rules: Decontaminate) -> Hashes:
        """Returns the grams that more documents hold than the rules allow for a leak."""
        return self.keys[self.documents > rules.max_documents]


def count(parts: Iterable[Path], table: Table) -> Counted:
    """Returns how many documents hold each gram of a table."""
    documents = np.zeros(len(table.keys), np.int64)
    for part in parts:
        for batch in matching_rows(part, ["grams"]):
            grams = batch["grams"]
            pairs = np.empty(len(grams.flatten()), [("row", np.int64), ("key", np.uint64)])
            pairs["row"], pairs["key"] = grams.value_parent_indices(), grams.flatten()
            keys, numbers = np.unique(np.unique(pairs)["key"], return_counts=True)
            documents[np.searchsorted(table.keys, keys)] += numbers
    return Counted(table.keys, documents)


def ignored_bytes(keys: Hashes) -> bytes:
    """Returns the content of `ignored.bin`: the keys in order, each as eight bytes, little-endian."""
    return keys.astype("<u8").tobytes()


def read_ignored(content: bytes) -> frozenset[int]:
    """Returns the keys that `ignored.bin` holds."""
    return frozenset(np.frombuffer(content, "<u8").tolist())


def clean_lines(contents: Contents, counted: Counted, rules: Decontaminate) -> bytes:
    """Returns the content of `clean.jsonl`: of every item of every set whether it is dirty or clean, in order."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in verdicts(contents, counted, rules))


def verdicts(contents: Contents, counted: Counted, rules: Decontaminate) -> Iterator[Row]:
    """Yields the verdict on every item.

    documents: that hold the commonest of its grams. remaining: whether a gram of it is left in the output, as it is a
    common phrase or the documents are only marked. short: whether it has no gram, as it has fewer words than one.
    """
    for name, items in contents.items.items():
        for number, (file, words, keys) in enumerate(items):
            numbers = counted.of(keys)
            most = int(numbers.max(initial=0))
            left = most > (0 if rules.action == "mark" else rules.max_documents)
            yield {
                "set": name,
                "item": number,
                "file": file,
                "verdict": "dirty" if most else "clean",
                "documents": most,
                "remaining": left,
                "short": not len(keys),
                "words": words,
            }


def report(parts: list[Path], contents: Contents, counted: Counted, rules: Decontaminate, documents: int) -> bytes:
    """Returns the content of `contamination.json`; documents: how many there are."""
    ignored = counted.ignored(rules)
    top = {name: _top(contents, counted, name) for name in contents.items}
    tally = Tally(contents, ignored, [key for keys in top.values() for key in keys])
    for batch in (batch for part in parts for batch in matching_rows(part, COLUMNS)):
        tally.add(batch)
    common = frozenset(ignored.tolist())
    judged: dict[str, Counter[str]] = {name: Counter() for name in contents.items}
    for verdict in verdicts(contents, counted, rules):
        names = [verdict["verdict"], *(name for name in ("short", "remaining") if verdict[name])]
        judged[verdict["set"]].update(names)
    sets = [
        _of_set(name, contents, tally.sets[name], judged[name], documents)
        | {"top": [_gram(key, tally.texts[key], counted, common) for key in _apart(top[name], tally.texts)]}
        for name in contents.items
    ]
    whole = {"documents": documents, "touched": tally.touched, "leaking": tally.leaking, "common": len(common)}
    return sealed({"format": FORMAT, "version": 1, "action": rules.action, **whole, "sets": sets})


def _of_set(name: str, contents: Contents, tally: SetTally, judged: Counter[str], documents: int) -> Row:
    items = len(contents.items[name])
    return {
        "name": name,
        "ngram": contents.ngrams[name],
        "items": items,
        "short": judged["short"],
        "dirty": judged["dirty"],
        "dirty_share": judged["dirty"] / items,
        "remaining": judged["remaining"],
        "documents": tally.documents,
        "documents_share": tally.documents / documents if documents else 0.0,
        "leaking": tally.leaking,
        "examples": [row for _, row in sorted(tally.examples.items())],
    }


def _top(contents: Contents, counted: Counted, name: str) -> list[int]:
    """Returns the grams of a set that most documents hold, from the most on; no more than CANDIDATES."""
    keys = np.unique(np.concatenate([own for _, _, own in contents.items[name]]))
    numbers = counted.of(keys)
    order = np.lexsort((keys, -numbers))[:CANDIDATES]
    return [int(keys[at]) for at in order if numbers[at]]


def _apart(keys: list[int], texts: dict[int, str]) -> list[int]:
    """Returns the first TOP of some grams that have at most half of their words in common with one before."""
    chosen: list[tuple[int, set[str]]] = []
    for key in keys:
        own = set(texts[key].split())
        if len(chosen) < TOP and all(2 * len(own & other) <= len(own) for _, other in chosen):
            chosen.append((key, own))
    return [key for key, _ in chosen]


def _gram(key: int, text: str, counted: Counted, ignored: frozenset[int]) -> Row:
    return {"gram": text, "documents": int(counted.of(np.array([key], np.uint64))[0]), "common": key in ignored}
