"""Measures the cost of the checks of what stages read: CPU seconds of each stage with and without them, in turns.

    python tests/bench/checks.py [--files 2] [--repeat 5] [--data ../shared/data/web]

Every measurement is a fresh process that runs all stages of the webtext recipe as a plain loop. Without checks, parts
and inputs are opened as they lie, and a written part gets its sha256 alone. Medians of the paired ratios are printed;
beside them, as a share, the CPU seconds that were spent in the checksums themselves, which noise does not hide.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

import pipeline

WAYS = ("with", "without")
CHECKSUMS = "checksums"  # the name under which the seconds in them are printed


def take_checks_away() -> None:
    """Replaces what opens checked files by what opens plain ones, in every module that has imported it."""
    import pyarrow as pa

    from curate import storage
    from curate.stage import checked, parts
    from curate.storage.blocks import Digest
    from curate.storage.writing import sha256_of

    plain_opened = storage.opened

    @contextmanager
    def opened_part(path, sha256="", *, copy=False):
        with pa.OSFile(str(path)) as file:
            yield file

    original = checked.opened_part
    for module in [*sys.modules.values()]:
        if vars(module).get("opened_part") is original:
            module.opened_part = opened_part
    storage.opened = lambda path, identity="", blocks="": plain_opened(path, identity)
    parts.digest_of = lambda path: Digest(path.stat().st_size, sha256_of(path), "")


def count_checksums(spent: list[float]) -> None:
    """Adds the CPU seconds of every checksum to `spent`."""
    from curate.storage import blocks

    checksum = blocks._checksum

    def timed(block):
        started = time.thread_time()
        try:
            return checksum(block)
        finally:
            spent.append(time.thread_time() - started)

    blocks._checksum = timed


def run_once(way: str, files: list[str], out: Path) -> dict[str, float]:
    """Runs every stage once; returns the CPU seconds of each, and of the checksums."""
    from curate.inputs.digests import Digests
    from curate.pipelines import plans
    from curate.pipelines.engines.engine import wiring
    from curate.stage.kinds import KINDS

    recipe, digests, seconds, spent = pipeline.recipe_of(files), Digests(), {}, []
    modules = [wiring(stage) for stage in recipe.stages]
    halves = {stage: wiring(half) for stage in recipe.stages if (half := KINDS[stage].first_half)}
    if way == "without":
        take_checks_away()
    count_checksums(spent)
    for stage, module in zip(recipe.stages, modules, strict=True):
        if half := KINDS[stage].first_half:
            plan = plans.planned(half, recipe, out, digests)
            seconds[half] = timed(pipeline.loop, plan, halves[stage].make_part)
        plan = plans.planned(stage, recipe, out, digests)
        steps = (pipeline.dedup_loop, plan) if stage == "dedup" else (pipeline.loop, plan, module.make_part)
        seconds[stage] = timed(*steps)
    return seconds | {CHECKSUMS: sum(spent)}


def timed(function, *arguments) -> float:
    """Returns the CPU seconds of a call that makes a stage: of this process, or with those of the extractor's."""
    started = time.process_time()
    record = function(*arguments)
    return max(record.seconds, time.process_time() - started)


def measure(way: str, files: list[str]) -> dict[str, float]:
    """Runs one way in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--way", way, "--out", f"{folder}/out", "--names", *files]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measures both ways in turn and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--data", type=Path, default=pipeline.ROOT.parent / "shared" / "data" / "web")
    parser.add_argument("--way")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--names", nargs="*")
    chosen = parser.parse_args()
    if chosen.way:
        logging.disable(logging.CRITICAL)
        print(json.dumps(run_once(chosen.way, chosen.names, chosen.out)))
        return
    files = [str(path.absolute()) for path in sorted(chosen.data.glob("*.warc.gz"))[: chosen.files]]
    if not files:
        sys.exit(f"{chosen.data}: no .warc.gz files there")
    pairs = defaultdict(list)
    for _ in range(chosen.repeat):
        both = {way: measure(way, files) for way in WAYS}
        both = {way: seconds | {"all": sum(seconds.values()) - seconds[CHECKSUMS]} for way, seconds in both.items()}
        for name in both["with"]:
            pairs[name].append(tuple(both[way][name] for way in WAYS))
    report(pairs, len(files))


def report(pairs: dict[str, list[tuple[float, float]]], files: int) -> None:
    """Prints the median ratio of each stage, and the share of the checksums."""
    print(f"{files} files, medians of {len(pairs['all'])} pairs")
    for name, times in pairs.items():
        if name != CHECKSUMS:
            ratios = [100 * (on / off - 1) for on, off in times]
            spread = f"({min(ratios):+.1f} to {max(ratios):+.1f})"
            seconds = statistics.median(on for on, _ in times)
            print(f"  {name:9} {seconds:7.2f} s  {statistics.median(ratios):+5.1f} % {spread}")
    shares = [100 * check / whole for (check, _), (whole, _) in zip(pairs[CHECKSUMS], pairs["all"], strict=True)]
    print(f"  {CHECKSUMS}: {statistics.median(shares):.3f} % of the CPU seconds of all stages")


if __name__ == "__main__":
    main()
