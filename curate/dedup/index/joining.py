"""Clusters of an index as they are by now: later generations join clusters of earlier ones.

A cluster is named after its first document, which is kept. A file `clusters` holds, under the name of a cluster, all
its kept documents as of that generation; under the name of a cluster that was joined to another one, only the first
document of that. A document that is in no file is alone.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

from curate.dedup.index import places, tables
from curate.dedup.index.generations import Generation, Index
from curate.dedup.index.places import Member, Name

CLUSTERS = tables.keyed(places.NAME, pa.field("member", pa.binary(), nullable=False))


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of an index by now."""

    name: Name
    members: tuple[Member, ...]  # its kept documents; none where the document of its name is alone


def clusters(index: Index, labels: Collection[Name]) -> dict[Name, Cluster]:
    """Returns the cluster of documents that were labelled so, by label."""
    now = {label: label for label in labels}
    members: dict[Name, tuple[Member, ...]] = {}
    for generation in index.generations:
        entries = _entries(index, generation, {*now.values()})
        joined = {
            name: places.name_of_member(own[0])
            for name, own in entries.items()
            if name not in map(places.name_of_member, own)
        }
        entries |= _entries(index, generation, {*joined.values()} - entries.keys())
        now = {label: joined.get(name, name) for label, name in now.items()}
        members |= {name: own for name, own in entries.items() if name not in joined}
    return {label: Cluster(name, members.get(name, ())) for label, name in now.items()}


def _entries(index: Index, generation: Generation, names: Collection[Name]) -> dict[Name, tuple[Member, ...]]:
    """Returns what a generation's file says of these names, in order."""
    stored = [places.moved_name(name, -generation.shift) for name in names if _stated(name, generation)]
    entries = defaultdict(list)
    for row in index.of_generation(generation, "clusters", stored, columns=("member",)):
        name = places.moved_name(row["key"], generation.shift)
        entries[name].append(places.moved_member(row["member"], generation.shift))
    return {name: tuple(own) for name, own in entries.items()}


def _stated(name: Name, generation: Generation) -> bool:
    """Returns whether a generation can say anything of a name: not of one in an index that it was merged behind."""
    return int.from_bytes(name[places.ID : places.ID + places.GENERATION]) > generation.shift
