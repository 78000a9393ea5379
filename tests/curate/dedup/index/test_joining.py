"""Whatever generations join, a document's label leads to the cluster that union-find gives and its kept documents."""

from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.config import Dedup
from curate.dedup.index import joining, places, tables
from curate.dedup.index.generations import Generation, deciding, partition, probe, read_index
from curate.dedup.index.publishing import write_generation

PARTITIONS = 3
# Of each generation: how many documents it adds, and the sets of document numbers that it joins.
GENERATIONS = st.lists(
    st.tuples(st.integers(1, 5), st.lists(st.sets(st.integers(0, 14), min_size=2, max_size=4), max_size=4)),
    min_size=1,
    max_size=4,
)


def member(number: int, generation: int) -> bytes:
    """The member of a document; ids are not in the order of the documents' numbers, as hashes are not."""
    identity = ((number * 7919) % 65521).to_bytes(4) + bytes(12)
    return generation.to_bytes(3) + b"\0" + identity + bytes(4) + number.to_bytes(4) + bytes(4)


def write(folder: Path, number: int, before: str, rows: set[tuple[bytes, bytes]], shift: int = 0) -> None:
    """Writes a generation that holds nothing but these entries of clusters."""
    path = folder / f"{number:05d}-{number:016x}"
    path.mkdir(parents=True)
    files = {}
    for at in range(PARTITIONS):
        own = sorted(row for row in rows if partition(row[0], PARTITIONS) == at)
        if own:
            table = pa.table({"key": [key for key, _ in own], "member": [value for _, value in own]})
            name = f"clusters-{at:05d}.parquet"
            files[name] = asdict(tables.write(path / name, joining.CLUSTERS, [table], group=2))
    write_generation(
        Generation(
            number=number,
            folder=path,
            digest="",
            before=before,
            addition=f"{number:064x}",
            settings=deciding(Dedup()),
            probe=probe(Dedup()),
            inputs={},
            sources={},
            counts={"documents": 0, "kept": 0, "bytes": 0},
            partitions={"clusters": PARTITIONS},
            criteria=0,
            shift=shift,
            files=files,
        )
    )


@settings(max_examples=30)
@given(history=GENERATIONS, shift=st.integers(0, 2))
def test_labels_lead_where_union_find_does(history, shift, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    for number in range(1, shift + 1):  # an index that this one is merged behind
        write(folder, number, read_index(folder).generations[-1].digest if number > 1 else "", set())
    cluster: dict[int, frozenset[int]] = {}
    born: dict[int, int] = {}
    labels: dict[int, bytes] = {}
    for at, (count, joined) in enumerate(history, start=1):
        old = {*cluster}
        for number in range(len(cluster), len(cluster) + count):
            cluster[number], born[number] = frozenset({number}), at
        changed = set()
        for numbers in joined:
            whole = frozenset().union(*(cluster[number] for number in numbers if number in cluster))
            for number in whole:
                cluster[number] = whole
            changed |= whole
        name = {number: places.name_of_member(member(number, born[number])) for number in cluster}
        rows = set()
        for whole in {cluster[number] for number in changed if len(cluster[number]) > 1}:
            first = min(whole)
            rows |= {(name[first], member(number, born[number])) for number in whole}
            rows |= {(name[number], member(first, born[first])) for number in whole & old if number != first}
        before = read_index(folder).generations
        write(folder, at + shift, before[-1].digest if before else "", rows, shift)
        for number in {*cluster} - old:
            labels[number] = name[min(cluster[number])]
    index = read_index(folder)
    queries = {number: places.moved_name(label, shift) for number, label in labels.items()}
    answers = joining.clusters(index, {*queries.values()})
    for number, label in queries.items():
        whole = cluster[number]
        expected = {places.moved_member(member(other, born[other]), shift) for other in whole}
        first = places.name_of_member(places.moved_member(member(min(whole), born[min(whole)]), shift))
        assert answers[label].name == first
        assert {*answers[label].members} == (expected if len(whole) > 1 else set())
