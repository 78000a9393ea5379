"""An addition to an index: planned against the generations that are there, and recorded once its stage is closed."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from curate import storage
from curate.dedup import candidates
from curate.dedup.config import Dedup
from curate.dedup.index import places
from curate.dedup.index.generations import (
    CLAIM,
    FILES,
    RECORD,
    VERSION,
    Generation,
    Index,
    check_folder,
    check_settings,
    deciding,
    probe,
    read_index,
)
from curate.errors import SettingsError, UserError
from curate.stage.plan import Item, Plan, json_digest, read_plan
from curate.stage.record import StageRecord
from curate.storage import overlap
from curate.storage.locks import locked
from curate.storage.writing import write_bytes, write_record


def location(rules: Dedup) -> Path:
    """Returns where the index lies."""
    return storage.absolute(storage.path(rules.index))


def check(rules: Dedup) -> None:
    """Raises SettingsError where a run of these settings could not be added to the index, whatever its documents."""
    if rules.index:
        _checked(rules)


def _checked(rules: Dedup) -> Index:
    path = location(rules)
    check_folder(path)
    index = read_index(path)
    check_settings(index, rules)
    return index


def planned(rules: Dedup, table: Mapping[str, Any], items: Iterable[Item], folder: Path) -> dict[str, Any]:
    """Returns what the plan of a run against an index says of it; table: what else decides the run's result.

    The same run gets the same place, whether the index holds it already or not, and wherever the index lies.
    SettingsError where the index was made by other settings, holds one of these inputs by another run or what this
    output has kept before, or lies in the stage's folder.
    """
    items = [*items]
    overlap.check_apart(location(rules), folder)
    index = _checked(rules)
    addition = json_digest([table, probe(rules), [item.key_fields for item in items]])
    if own := index.of(addition):
        index = index.before(own.number)
    _check_output(index, addition, folder)
    _check_new(index, items)
    number = len(index.generations) + 1
    most = max((generation.criteria for generation in index.generations), default=0)
    return {
        "number": number,
        "name": f"{number:05d}-{addition[:16]}",
        "addition": addition,
        "before": [generation.digest for generation in index.generations],
        "padding": places.padding(len(rules.criteria), most),
    }


def _check_output(index: Index, addition: str, folder: Path) -> None:
    """Raises SettingsError where the index holds what the output has kept in another run, against which it would lose.

    That is so where an earlier stage was made anew, whose documents have other digests now.
    """
    try:
        earlier = read_plan(folder)[0].settings.get("index", {}).get("addition", addition)
    except (UserError, OSError):
        return
    own = index.of(earlier) if earlier != addition else None
    if own:
        remove = f"remove {own.folder}, or " if own.number == len(index.generations) else ""
        raise SettingsError(
            f"{folder}: generation {own.number} of the index {index.path} holds what this output kept before, and its "
            f"documents would lose against themselves; {remove}name another index, or another output for new documents"
        )


def _check_new(index: Index, items: Iterable[Item]) -> None:
    for generation in index.generations:
        for item in items:
            if item.digest in generation.inputs:
                raise SettingsError(
                    f"{item.label}: generation {generation.number} of the index {index.path} holds these documents "
                    f"already, from {generation.inputs[item.digest]}; name new inputs only"
                )


def is_lost(plan: Plan) -> bool:
    """Returns whether neither the index nor the folder of the addition has what a closed stage was to add."""
    table = plan.settings["index"]
    path = storage.path(plan.locations["index"])
    names = storage.names(path / table["name"])
    return read_index(path).of(table["addition"]) is None and FILES not in names


def publish(plan: Plan, record: StageRecord) -> Generation | None:
    """Adds the generation that a closed stage has written to its index; None where the index has it.

    UserError where another run has added one since the stage was planned.
    """
    table = plan.settings["index"]
    path = storage.path(plan.locations["index"])
    with _claimed(path, table["name"]) if storage.is_remote(path) else locked(path, "documents are added"):
        index = read_index(path)
        if index.of(table["addition"]):
            return None
        if [generation.digest for generation in index.generations] != table["before"]:
            raise UserError(f"{path}: another run has added documents meanwhile; run the same command again")
        generation = _generation(plan, record, path / table["name"])
        write_generation(generation)
        (generation.folder / FILES).unlink(missing_ok=True)
        return read_index(path).generations[-1]


@contextmanager
def _claimed(path: Path, name: str) -> Iterator[None]:
    """Keeps other additions off an index in a store, which has no locks, for the length of the block.

    A run writes its claim, and goes on if it sees no other one; of two, at least the later one sees the other.
    """
    claim = path / f"{name}{CLAIM}"
    write_bytes(claim, name.encode())
    try:
        others = sorted(other for other in storage.names(path) if other.endswith(CLAIM) and other != claim.name)
        if others:
            raise UserError(
                f"{path / others[0]}: another run adds documents; run the same command again once that has ended, or "
                "remove this file if it was stopped"
            )
        yield
    finally:
        claim.unlink(missing_ok=True)


def _generation(plan: Plan, record: StageRecord, folder: Path) -> Generation:
    table, rules = plan.settings["index"], plan.built(Dedup, "dedup")
    content = storage.contents([folder / FILES])[0]
    if content is None:
        raise UserError(f"{folder}: the files of this addition are gone; remove {plan.folder}, and run again")
    entries = json.loads(content)
    sources: Counter[str] = Counter()
    for entry in entries:
        sources.update(entry.get("sources", {}))
    layout = candidates.layout(rules, record.counts.read)
    counts = record.counts
    return Generation(
        number=table["number"],
        folder=folder,
        digest="",
        before=table["before"][-1] if table["before"] else "",
        addition=table["addition"],
        settings=deciding(rules),
        probe=probe(rules),
        inputs=dict(entry["input"] for entry in entries if "input" in entry),
        sources=dict(sorted(sources.items())),
        counts={"documents": counts.read, "kept": counts.kept, "bytes": counts.bytes_kept},
        partitions={"urls": layout.texts, "texts": layout.texts, "bands": layout.splits, "clusters": layout.texts},
        criteria=len(rules.criteria),
        shift=0,
        files={entry["name"]: entry["file"] for entry in entries},
    )


def write_generation(generation: Generation) -> None:
    """Writes the record of a generation, whose files are all there."""
    stored = asdict(replace(generation, folder=Path()))
    del stored["folder"], stored["digest"]
    write_record(generation.folder / RECORD, {"format": "curate.dedup.index", "version": VERSION, **stored})
