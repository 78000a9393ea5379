"""Candidate pairs to clusters of linked documents, and how many of which size a part has won."""

from collections import Counter
from collections.abc import Iterator

import apache_beam as beam

from curate.dedup import containment, decisions
from curate.dedup.candidates import Grouped, Pair
from curate.dedup.clusters import both_ways, large_star, small_star
from curate.dedup.decisions import Outcome


class Verify(beam.PTransform):  # type: ignore[misc]
    """Keeps the candidate pairs whose signatures agree in at least `limit` of their places."""

    def __init__(self, folder: str, limit: float) -> None:
        super().__init__()
        self.folder, self.limit = folder, limit

    def expand(self, pairs: beam.PCollection) -> beam.PCollection:
        """(part of the higher node, pair) to pairs."""
        return (
            pairs
            | "By part of one end" >> beam.GroupByKey()
            | "Add its evidence" >> beam.FlatMap(decisions.add_evidence, self.folder)
            | "By part of the other" >> beam.GroupByKey()
            | "Compare" >> beam.FlatMap(decisions.compare, self.folder, self.limit)
        )


class Inside(beam.PTransform):  # type: ignore[misc]
    """Text records to the pairs of which the later document may lie inside the earlier one."""

    def __init__(self, folder: str, limit: float) -> None:
        super().__init__()
        self.folder, self.limit = folder, limit

    def expand(self, same_text: beam.PCollection) -> beam.PCollection:
        """Partitions of text records to pairs; the texts are read once."""
        return (
            same_text
            | "First of each text" >> beam.FlatMap(containment.firsts, self.folder)
            | "Firsts by part" >> beam.GroupByKey()
            | "Samples" >> beam.FlatMap(containment.samples, self.folder)
            | "By shingle" >> beam.GroupByKey()
            | "Documents of a shingle" >> beam.FlatMap(containment.together, self.folder)
            | "By first document" >> beam.GroupByKey()
            | "Shared shingles" >> beam.FlatMap(containment.pairs, self.folder)
            | "By pair" >> beam.GroupByKey()
            | "Enough shared" >> beam.FlatMap(containment.linked, self.limit)
        )


class Connect(beam.PTransform):  # type: ignore[misc]
    """Pairs to (node, lower node of its cluster) by unrolled rounds of large-star and small-star."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.rounds = rounds

    def expand(self, edges: beam.PCollection) -> beam.PCollection:
        """(lower, higher) pairs to (higher, lower) pairs, stars when enough rounds were given."""
        for number in range(1, self.rounds + 1):
            edges = (
                edges
                | f"Both ways {number}" >> beam.FlatMap(both)
                | f"Around {number}" >> beam.GroupByKey()
                | f"Large star {number}" >> beam.FlatMap(large)
                | f"Below {number}" >> beam.GroupByKey()
                | f"Small star {number}" >> beam.FlatMap(small)
            )
        return edges


def both(edge: Pair) -> Iterator[Pair]:
    """Yields an edge twice, keyed by each of its ends."""
    yield from both_ways(edge)


def large(group: Grouped) -> Iterator[Pair]:
    """One large-star step."""
    yield from large_star(*group)


def small(group: Grouped) -> Iterator[Pair]:
    """One small-star step."""
    yield from small_star(*group)


def counted(outcome: Outcome) -> dict[str, int]:
    """Returns the counts of a part: its clusters, how many of which size, and what `Outcome` notes."""
    won = [removed + 1 for row, removed in outcome.removed.items() if row not in outcome.losses]
    sizes = Counter(map(size_class, won))
    return {"clusters": len(won)} | dict(sorted(sizes.items())) | dict(sorted(outcome.notes.items()))


def size_class(size: int) -> str:
    """Returns the name under which a cluster of this many documents is counted; classes end at powers of two.

    >>> size_class(2), size_class(3), size_class(100)
    ('clusters of 2', 'clusters of 3 to 4', 'clusters of 65 to 128')
    """
    last = 1 << (size - 1).bit_length()
    return f"clusters of {last // 2 + 1} to {last}" if last > 2 else f"clusters of {size}"
