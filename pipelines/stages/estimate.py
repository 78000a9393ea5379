"""An estimate of the memory that the largest shuffle of dedup or lines takes, made before the stage begins.

Beam's local runner keeps a shuffle in memory, with several copies of it at the peak, and dies where that does not fit.
Spark and Flink sort on disk, so they are not held back.
"""

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curate import storage
from curate.dedup import candidates, containment, signatures, urls
from curate.dedup.config import Dedup, Lines
from curate.errors import SettingsError
from curate.pipelines.engines.target import EngineOptions, parse_options, pipeline_options
from curate.stage.plan import Plan
from curate.stage.record import read_stage

VARIABLE = "CURATE_MEMORY"
# Calibrated by tests/bench/memory.py so that no measured peak lies above the estimate. At 70 % duplicates it is
# 1.03 to 1.1 times the peak, at 15 % up to 2.2 times: how much is duplicated is not known before the shuffle.
PAIRS = 2  # candidate pairs a document, each with the evidence of one end
EVIDENCE = 0.35  # bytes of shingles a byte of text: 0.7 of a document that is compared in a cluster, as half are
SAMPLES = 1.5  # bytes of sampled shingles, by which containment is found, a byte of text; their pairs come to it
# Of lines: bytes that a shuffle holds for a byte of text, by tests/bench/dedup.py --verb lines on documents of 2 kB of
# which 15 % are copies; 1.00 to 1.12 times the measured peaks. Passages grow with what is repeated.
SPANS, LINES, PASSAGES = 0.65, 0.37, 2.2
COPIES_OF_LINES = {"in_memory": 3.2, "multi_processing": 5.0}
FIXED_OF_LINES, WORKER_OF_LINES = 290_000_000, 265_000_000
PACKED = 4  # bytes of text for a byte of a user's file, at most about
COPIES = {"in_memory": 3.2, "multi_processing": 7.0}  # of the payload of all shuffles, at the peak
FIXED = {"in_memory": 350_000_000, "multi_processing": 300_000_000}  # the driver, before the first document
WORKER = 320_000_000  # a worker process, before the first document
MESSAGE = 2**31 - 100  # a worker process is sent its share of a shuffle as one gRPC message, of 2 GiB at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """An estimate of what a stage takes, in bytes."""

    memory: int  # at the peak
    message: int  # the largest that one worker is sent
    shuffled: int  # by all workers


def need(documents: int, rules: Dedup, mode: str, workers: int, size: float = 0, padding: int = 0) -> Need:
    """Returns the estimate for this many documents in a mode of the local runner; no measured peak was above it.

    size: bytes of text of a document. Pairs are gone before their clusters are compared, so the larger counts.
    padding: of nodes against an index, where as many pairs more lead to its documents.
    """
    layout = candidates.layout(rules, documents, padding)
    texts = layout.width
    bands = layout.bands * (candidates.KEY + layout.node)
    pair = 2 * layout.node + candidates.HASH + 4 * layout.bands * rules.rows
    cluster = 2 * layout.node + (
        round(EVIDENCE * size) if rules.verify == "shingles" else 4 * layout.bands * rules.rows
    )
    pairs = (2 if padding else 1) * max(PAIRS * pair, cluster) if layout.bands else 0
    processes = workers if mode == "multi_processing" else 0
    addresses = candidates.HASH + urls.AGE + 3 * layout.node if rules.url else 0
    samples = sampled(size, layout.node) if rules.containment else 0
    payload = texts + bands + pairs + addresses + samples
    memory = FIXED[mode] + WORKER * processes + round(COPIES[mode] * documents * payload)
    message = documents * max(texts, bands, pairs, samples) // processes if processes else 0
    return Need(memory=memory, message=message, shuffled=documents * payload)


def sampled(size: float, node: int) -> int:
    """Returns the bytes that containment shuffles for a document of `size` bytes of text, by nodes of `node` bytes."""
    return round(SAMPLES * size) + containment.FIRST * (2 * node + containment.SHARED.size)


def check(plan: Plan, target: EngineOptions, seconds: float) -> None:
    """Raises SettingsError where the local runner could not shuffle what a dedup plan over signed parts needs."""
    if target.runner != "local":
        return
    mode, workers = mode_of(target, seconds)
    documents, size = signatures.documents(plan)
    rules, padding = plan.built(Dedup, "dedup"), plan.settings.get("index", {}).get("padding", 0)
    mend = "use --runner spark, which sorts on disk (the signatures are kept)"
    needed = need(documents, rules, mode, workers, size / max(1, documents), padding)
    _check(f"dedup of {documents:,} documents", needed, workers, mend)


def need_of_lines(text: int, rules: Lines, mode: str, workers: int) -> Need:
    """Returns the estimate of lines for so many bytes of text; no measured peak was above it.

    In one process a shuffle is gone before the next is at its largest, so the largest counts; in several, all do.
    """
    shares = (SPANS * rules.spans, LINES * rules.furniture, PASSAGES * rules.substrings)
    processes = workers if mode == "multi_processing" else 0
    held = text * (sum(shares) if processes else max(shares))
    memory = FIXED_OF_LINES + WORKER_OF_LINES * processes + round(COPIES_OF_LINES[mode] * held)
    message = round(text * max(shares) / processes) if processes else 0
    return Need(memory=memory, message=message, shuffled=round(text * sum(shares)))


def check_lines(plan: Plan, target: EngineOptions, seconds: float) -> None:
    """Raises SettingsError where the local runner could not shuffle what a plan of lines needs."""
    if target.runner != "local":
        return
    mode, workers = mode_of(target, seconds)
    text = text_bytes(plan)
    needed = need_of_lines(text, plan.built(Lines, "lines"), mode, workers)
    _check(f"lines of {_gb(text)} of text", needed, workers, "use --runner spark, which sorts on disk")


def text_bytes(plan: Plan) -> int:
    """Returns the bytes of the texts that a plan reads: as an earlier stage has counted them, else about."""
    parts = (storage.join(plan.folder, item.uri).parent for item in plan.items if item.form in ("part", "decided"))
    # the folder of the plan need not be there yet, so that `..` behind it leads nowhere
    folders = {part if storage.is_remote(part) else Path(os.path.normpath(part)) for part in parts}
    own = sum(item.size for item in plan.items if item.form not in ("part", "decided"))
    return sum(read_stage(folder).counts.bytes_kept for folder in folders) + PACKED * own


def _check(what: str, needed: Need, workers: int, mend: str) -> None:
    given = available()
    if given is not None and needed.memory > given:
        raise SettingsError(
            f"{what} takes about {_gb(needed.memory)} of memory, {_gb(given)} are available; "
            f"{mend}, or state {VARIABLE}=BYTES if you give it more"
        )
    if needed.message > MESSAGE:
        raise SettingsError(
            f"{what} sends each of {workers} workers about {_gb(needed.message)} at once, "
            f"and Beam's local runner can send {_gb(MESSAGE)}; {mend}"
        )


def _gb(size: int) -> str:
    return f"{size / 1e9:,.2f} GB"


def mode_of(target: EngineOptions, seconds: float) -> tuple[str, int]:
    """Returns the mode in which the local runner would run a stage, and how many worker processes it would start."""
    options = parse_options(pipeline_options(target, seconds))
    from apache_beam.options.pipeline_options import DirectOptions

    direct = options.view_as(DirectOptions)
    processes = direct.direct_running_mode == "multi_processing"
    return ("multi_processing", direct.direct_num_workers or target.count) if processes else ("in_memory", 1)


def available() -> int | None:
    """Returns the bytes of memory that this process may use: what the user states, else the least of its limits."""
    if stated := os.environ.get(VARIABLE):
        if not stated.isdecimal():
            raise SettingsError(f"{VARIABLE}={stated}: expected a number of bytes")
        return int(stated)
    return min(limits(Path("/")), default=None)


def limits(root: Path) -> Iterator[int]:
    """Yields the machine's available memory, what each control group above this process leaves, the address space."""
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield 1024 * int(line.split()[1])
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _left(root / "sys/fs/cgroup", path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            yield from _left(root / "sys/fs/cgroup/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes")
    space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if space != resource.RLIM_INFINITY:
        yield space


def _left(mount: Path, path: str, limit: str, used: str) -> Iterator[int]:
    """Yields what a control group and those above it leave; files that the kernel may drop do not count as used."""
    below = mount / path.lstrip("/")
    for group in (below, *below.parents):
        if not group.is_relative_to(mount):
            return
        allowed, taken = _lines(group / limit), _lines(group / used)
        if allowed and taken and allowed[0].isdecimal():
            facts = dict(line.split() for line in _lines(group / "memory.stat"))
            cached = int(facts.get("total_inactive_file", facts.get("inactive_file", 0)))
            yield max(0, int(allowed[0]) - max(0, int(taken[0]) - cached))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
