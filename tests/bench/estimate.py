"""Prints the numbers of `curate estimate` beside those of the run: CPU seconds, documents, tokens, bytes, parts, time.

    python tests/bench/estimate.py --data DIR [--only NAME] [--workers 2] [--sample 400] [--folder DIR]

Three runs, each in processes of its own: quickstart; webtext over real pages (WARC); gpt3 over Parquet files of the
texts of the same pages, with two sources. A number that lies 25 % beside its run or more is marked, and the program
ends with code 1. `cpu_s` is of all processes, `parts_s` what the records of the stages count. Requests to a store are
compared by scale.py.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate.stage.record import read_stage

LIMIT = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A recipe with its inputs."""

    name: str
    arguments: tuple[str, ...]  # the recipe first, then its inputs
    estimated: tuple[str, ...] = ()  # what the estimate is given besides


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command took."""

    seconds: float
    cpu: float


def measured(*arguments: object, out: Path) -> Cost:
    """The cost of a command and of the processes that it starts; its output goes to a file."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with out.open("w") as file:
        subprocess.run([sys.executable, "-m", "curate.cli", *map(str, arguments)], check=True, stdout=file)
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(seconds=seconds, cpu=cpu)


def parquet_of(extracted: Path, folder: Path) -> list[Path]:
    """Parquet files of the texts of a stage's parts, as a user would have them."""
    paths = []
    for part in sorted(extracted.glob("part-*.parquet")):
        paths.append(folder / part.name)
        pq.write_table(pq.read_table(part, columns=["text", "url"]), paths[-1], compression="zstd")
    return paths


def bytes_below(folder: Path) -> int:
    """The bytes of the files of a run, its report aside."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "report.html")


def ran(out: Path, cost: Cost) -> dict[str, float]:
    """What a run did, by the names of an estimate."""
    records = [read_stage(path.parent) for path in out.glob("*/stage.json")]
    by_stage = {record.stage: record for record in records}
    manifest = json.loads((out / "manifest.json").read_text())
    halves = [read_stage(path.parent) for path in out.glob("*/*/stage.json")]
    pages = {f"{name}.kept": by_stage[name].counts.kept for name in by_stage if name != "pack"}
    return {
        "cpu_s": cost.cpu,
        "parts_s": sum(record.seconds for record in [*records, *halves]),
        "wall_s": cost.seconds,
        "parts": len(by_stage["extract"].items),
        "shards": len(by_stage["pack"].items),
        "extract.read": by_stage["extract"].counts.read,
        **pages,
        "tokens": sum(split["tokens"] for source in manifest["sources"] for split in source["splits"].values()),
        "disk": bytes_below(out),
    }


def estimated(made: dict[str, Any]) -> dict[str, tuple[float, float, float]]:
    """The numbers of an estimate by the same names, each with its interval."""
    stages = {stage["stage"]: stage for stage in made["stages"]}

    def added(numbers: list[dict[str, float]]) -> tuple[float, float, float]:
        value, low, high = (sum(number[name] for number in numbers) for name in ("value", "low", "high"))
        return value, low, high

    def spread(number: dict[str, float]) -> tuple[float, float, float]:
        return number["value"], number["low"], number["high"]

    kept = {f"{name}.kept": spread(stage["kept"]) for name, stage in stages.items() if name != "pack"}
    return {
        "cpu_s": spread(made["cpu_s"]),
        "parts_s": added([stage["parts_s"] for stage in made["stages"]]),
        "wall_s": (made["wall_s"],) * 3,
        "parts": spread(stages["extract"]["parts"]),
        "shards": spread(made["shards"]),
        "extract.read": spread(stages["extract"]["read"]),
        **kept,
        "tokens": spread(made["tokens"]),
        "disk": spread(made["disk"]),
    }


def compared(case: Case, options: argparse.Namespace, folder: Path) -> bool:
    """Prints the estimate of a case beside its run; returns whether all numbers are near."""
    workers = ("--workers", options.workers)
    estimate, out = folder / f"{case.name}.json", folder / case.name
    asking = measured(
        "estimate", *case.arguments, *workers, "--sample", options.sample, *case.estimated, "--json", out=estimate
    )
    running = measured(
        "run", case.arguments[0], "-o", out, *case.arguments[1:], *workers, "--no-train", out=folder / "run.txt"
    )
    made, done = estimated(json.loads(estimate.read_text())), ran(out, running)
    print(f"\n{case.name}: the estimate took {asking.cpu:.1f} s of CPU, {asking.seconds:.1f} s")
    print(f"{'':16}{'estimate':>14}{'from':>14}{'to':>14}{'run':>14}{'ratio':>8}")
    near = True
    for name, (value, low, high) in made.items():
        ratio = value / done[name] if done[name] else float("nan")
        is_near = abs(ratio - 1) < LIMIT or (name == "wall_s" and not options.quiet)
        near = near and is_near
        row = "".join(f"{number:14,.1f}" for number in (value, low, high, done[name]))
        print(f"{name:16}{row}{ratio:8.2f}{'' if is_near else '  FAR'}")
    return near


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("CURATE_TEST_DATA"))
    parser.add_argument("--only", choices=("quickstart", "webtext", "gpt3"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--quiet", action="store_true", help="the machine is quiet, so times are compared too")
    parser.add_argument("--folder", type=Path, help="where the runs are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(exist_ok=True)
        near = True
        if options.only in (None, "quickstart"):
            near &= compared(Case(name="quickstart", arguments=("quickstart",)), options, folder)
        if options.only != "quickstart":
            pages = Case(name="webtext", arguments=("webtext", f"{options.data}/web/*.warc.gz"))
            if options.only != "gpt3" or not (folder / "webtext" / "manifest.json").exists():
                near &= compared(pages, options, folder)
        if options.only in (None, "gpt3"):
            (folder / "parquet").mkdir(exist_ok=True)
            files = parquet_of(folder / "webtext" / "extract", folder / "parquet")
            inputs = [f"{('webtext2', 'common_crawl')[number % 2]}={path}" for number, path in enumerate(files)]
            near &= compared(Case(name="gpt3", arguments=("gpt3", *inputs)), options, folder)
    sys.exit(0 if near else 1)


if __name__ == "__main__":
    main()
