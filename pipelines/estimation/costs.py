"""Measured constants for costs that a sample cannot show: shuffles, requests to a store, worker processes, memory."""

import heapq
from collections.abc import Sequence

from curate.pipelines.engines.target import SMALL_FORKED_SECONDS, SMALL_READY_SECONDS, SMALL_SECONDS
from curate.pipelines.stages import estimate as shuffles
from curate.recipe import Recipe
from curate.stage.kinds import KINDS
from curate.storage.remote import CHUNK

# CPU seconds a document of dedup behind its signatures, and what an index adds to it: tests/bench/dedup.py, by the
# straight line through 100,000 and 1,000,000 documents, less what sign takes.
SHUFFLE_S, INDEX_S = 200e-6, 110e-6
SPANS_S, FURNITURE_S, PASSAGES_S = 1 / 13e6, 1 / 23e6, 1 / 3.4e6  # CPU seconds a byte of text that lines reads
# CPU seconds of the launching process, to plan a part, bring it through Beam and close it: what runs of 4, 40 and 160
# tiny parts take beside their parts. Dedup brings a part through two stages and many shuffles.
PART_S, DEDUP_PART_S = 0.0025, 0.010
WORKER_S = 0.05  # CPU seconds of a worker process that is forked, or waits already, to its first part of a stage
OPENING_S = 0.05  # seconds in which the workers of a stage begin and end
SHUFFLING = ("dedup", "lines")  # stages that send more than numbers from process to process
FIRST_S = 1.2  # CPU seconds of the command before its first stage, the imports of Beam and pyarrow most of all
READS = {"dedup": 2.0, "lines": 2.0, "decontaminate": 2.0}  # how often a stage reads its input; the others once
# Requests to a store that holds the output, of a part and of a stage, first halves included: tests/bench/scale.py --s3,
# for parts without rejected rows, whose file takes one more. Pack has parts of tokens and shards.
REQUESTS = {"extract": (10, 21), "dedup": (41, 90), "tokenize": (18, 31)}
OTHERS, OF_SHARD, PACKED = (13, 28), 13, (2, 86)


def driver_seconds(stage: str, parts: float) -> float:
    """Returns the CPU seconds of the launching process that grow with the parts of a stage."""
    return parts * (DEDUP_PART_S if stage == "dedup" else PART_S)


def processes(stage: str, size: float, workers: int, *, waiting: bool) -> int:
    """Returns how many processes the local runner makes the parts of a stage with; size: bytes that it reads.

    waiting: whether an earlier stage has left processes that wait for work.
    """
    small = SMALL_SECONDS if stage in SHUFFLING else SMALL_READY_SECONDS if waiting else SMALL_FORKED_SECONDS
    return 1 if workers == 1 or size / KINDS[stage].bytes_per_second < small else workers


def stretch(sizes: Sequence[float], count: int) -> float:
    """Returns how many times as long as evenly divided work the parts of these sizes take `count` processes.

    Each part goes to the process that is free first, the largest first.

    >>> stretch([1.0, 1.0, 1.0], 2)
    1.3333333333333333
    """
    ends = [0.0] * count
    for size in sorted(sizes, reverse=True):
        heapq.heapreplace(ends, ends[0] + size)
    whole = sum(sizes)
    return max(ends) * count / whole if whole else 1.0


def need(stage: str, recipe: Recipe, documents: int, text: float, count: int) -> shuffles.Need | None:
    """Returns what the shuffle of a stage takes on the local runner in `count` processes; None where there is none."""
    mode = "in_memory" if count == 1 else "multi_processing"
    if stage == "dedup":
        return shuffles.need(documents, recipe.dedup, mode, count, text / max(1, documents))
    if stage == "lines" and recipe.lines:
        return shuffles.need_of_lines(round(text), recipe.lines, mode, count)
    return None


def shuffle_seconds(stage: str, recipe: Recipe, documents: float, text: float) -> float:
    """Returns the CPU seconds of the shuffle of a stage; text: bytes of what it reads."""
    if stage == "dedup":
        return documents * (SHUFFLE_S + (INDEX_S if recipe.dedup.index else 0.0))
    if stage == "lines" and (rules := recipe.lines):
        rates = (SPANS_S * rules.spans, FURNITURE_S * rules.furniture, PASSAGES_S * rules.substrings)
        return text * sum(rates)
    return 0.0


def requests(stage: str, parts: int, size: float, *, reads: bool, shards: int = 0) -> int:
    """Returns the requests of a stage whose output lies on a store, but for files that are read from there in pieces.

    size: bytes of its input, of which each piece more is a request if it `reads` it from a store. parts: of the stage
    before, for pack.
    """
    of_part, of_stage = PACKED if stage == "pack" else REQUESTS.get(stage, OTHERS)
    ranges = round(READS.get(stage, 1.0) * size / CHUNK) if reads else 0
    return of_stage + of_part * parts + OF_SHARD * shards + ranges
