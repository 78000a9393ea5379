"""Counts the bytes that dedup shuffles: a document, and in the largest group, of each shuffle (`dedup.py --shuffles`).

The runs are made in this process; each pair of a key and a value is weighed as it enters a GroupByKey. What is combined
before it is shuffled (a value for each document in a cluster) is left out.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dedup_scale import Pages, copies, pages, texts, write


@dataclass(slots=True)
class Weights:
    """The bytes that entered the shuffles of one run."""

    total: Counter[str] = field(default_factory=Counter)  # by label
    groups: Counter[tuple[str, bytes]] = field(default_factory=Counter)  # by label and key


SCALES = Weights()  # of the run that goes on


def weigh(pair: tuple[Any, Any], label: str) -> tuple[Any, Any]:
    """Adds a pair's bytes to the scales; those of Beam's own shuffles of item numbers are left out."""
    from dedup_shuffles import SCALES as scales  # not those of a pickled copy of this function

    key, value = pair
    if isinstance(key, bytes) and isinstance(value, bytes):
        scales.total[label] += len(key) + len(value)
        scales.groups[label, key] += len(key) + len(value)
    return pair


def install() -> None:
    """Has every GroupByKey that dedup names weigh what enters it."""
    import apache_beam as beam

    class Weighed(beam.PTransform):
        grouping = beam.GroupByKey

        def expand(self, pairs: Any) -> Any:
            weighed = pairs | "Weigh" >> beam.Map(weigh, self.label).with_output_types(pairs.element_type)
            return weighed | "Group" >> Weighed.grouping()

        def default_label(self) -> str:
            return "GroupByKey"

    beam.GroupByKey = Weighed


def run(inputs: list[Path], out: Path) -> int:
    """Runs `curate dedup` in this process; returns the documents read."""
    from curate.pipelines import verbs
    from curate.pipelines.engines.engine import Engine
    from curate.pipelines.engines.target import EngineOptions

    SCALES.total.clear()
    SCALES.groups.clear()
    verbs.run("dedup", tuple(map(str, inputs)), out, None, (), Engine(target=EngineOptions(workers=1)), "web")
    return int(json.loads((out / "stage.json").read_bytes())["counts"]["read"])


def cases(drawn_from: Pages, counts: list[int]) -> Iterator[tuple[str, Iterator[str]]]:
    """Yields the corpora: documents of which 15 % are copies at each size, then as many copies of one page."""
    for count in counts:
        yield f"{count:,} documents", texts(drawn_from, count)
    yield f"{counts[-1]:,} copies of one page", copies(drawn_from, counts[-1], near=False)
    yield f"{counts[-1]:,} near copies of it", copies(drawn_from, counts[-1], near=True)


def shuffles(data: Path, scratch: Path, counts: list[int]) -> None:
    """Prints a table for each corpus: bytes a document, and the largest group, of each shuffle."""
    install()
    drawn_from = pages(data)
    for number, (name, documents) in enumerate(cases(drawn_from, counts)):
        read = run(write(documents, scratch / f"in-{number}", f"page-{number}"), scratch / f"out-{number}")
        print(f"{name}: {sum(SCALES.total.values()) / read:,.1f} bytes a document in all shuffles", flush=True)
        for label, size in SCALES.total.items():
            largest = max(group for (of, _), group in SCALES.groups.items() if of == label)
            print(f"  {label:24} {size / read:9.1f} bytes a document, largest group {largest:12,} bytes")
