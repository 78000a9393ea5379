"""The record of what dedup removed, made of the decisions once they are all written."""

from collections.abc import Iterable

import apache_beam as beam

from curate.dedup import removals
from curate.dedup.candidates import Grouped
from curate.pipelines.stages.map_only import Made, made


class Account(beam.PTransform):  # type: ignore[misc]
    """Parts made to the record of what was removed, which is written when all are made (`removals`)."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def expand(self, parts: beam.PCollection) -> beam.PCollection:
        """Takes a PCollection of the parts made; returns one with an element, once the record is written."""
        folder = self.folder
        hosts = parts | "Hosts" >> beam.FlatMap(removals.host_counts, folder) | "By host" >> beam.GroupByKey()
        sample = parts | "Draws" >> beam.Map(removals.draws, folder) | "Sample" >> beam.CombinePerKey(least_draws)
        judged = (
            sample
            | "To every part" >> beam.FlatMap(removals.to_parts, folder)
            | "Sample by part" >> beam.GroupByKey()
            | "Texts of the sample" >> beam.FlatMap(removals.texts_of, folder)
            | "Both texts" >> beam.GroupByKey()
            | "Judge" >> beam.FlatMap(removals.judge, folder)
        )
        pieces = (hosts | "Worst hosts" >> beam.Map(removals.worst_of), sample | "Drawn" >> beam.Map(removals.drawn))
        return (
            (*pieces, judged)
            | "Pieces of the record" >> beam.Flatten()
            | "All pieces" >> beam.GroupByKey()
            | "Write" >> beam.Map(write_removals, folder)
        )


def least_draws(samples: Iterable[bytes]) -> bytes:
    """Returns the sample of several samples."""
    return removals.least_draws(samples)


def write_removals(group: Grouped, folder: str) -> Made:
    """Writes the record of what was removed."""
    removals.write(group, folder)
    return made(0)
