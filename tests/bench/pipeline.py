"""Documents per second end to end, each stage's share, and what Beam costs over the same functions in a plain loop.

    python tests/bench/pipeline.py [--files 8] [--repeat 3] [--data ../shared/data/web]
    python tests/bench/pipeline.py --workers 1,2    # only commands with so many workers, and how idle these are

Every measurement is a fresh process, start-up included; the three ways take turns; medians are printed.
"""

import argparse
import json
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

WAYS = ("plain loop", "beam, 1 worker", "beam, 2 workers")
ROOT = Path(__file__).parents[2]


def recipe_of(files: list[str]):
    """The webtext recipe over these files."""
    from curate import recipe

    return recipe.load("webtext", (f"sources.webtext.inputs={json.dumps(files)}",))


def by_beam(recipe, out: Path, workers: int) -> None:
    """The path as `curate run` takes it."""
    from curate.pipelines.engines.engine import Engine
    from curate.pipelines.engines.target import EngineOptions
    from curate.pipelines.run import run

    run(recipe, out, Engine(target=EngineOptions(workers=workers)))


def by_loop(recipe, out: Path) -> None:
    """The same plans and the same functions, without Beam: a loop per stage, dicts for dedup's groups."""
    from curate.dataset import manifest
    from curate.inputs.digests import Digests
    from curate.pipelines import plans
    from curate.pipelines.engines.engine import wiring
    from curate.stage.kinds import KINDS

    digests, records = Digests(), {}
    for stage in recipe.stages:
        if half := KINDS[stage].first_half:
            loop(plans.planned(half, recipe, out, digests), wiring(half).make_part)
        plan = plans.planned(stage, recipe, out, digests)
        records[stage] = dedup_loop(plan) if stage == "dedup" else loop(plan, wiring(stage).make_part)
    manifest.write(manifest.make(recipe, out, records), out)


def loop(plan, make):
    """A map-only stage."""
    from curate.stage.record import close_stage, open_stage

    for item in open_stage(plan):
        make(plan, item)
    return close_stage(plan)


def grouped(pairs: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, list[bytes]]]:
    """Groups pairs by key, as GroupByKey does."""
    groups = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return list(groups.items())


def flat(function, groups, *arguments):
    """Maps and flattens, as FlatMap does."""
    return [outcome for group in groups for outcome in function(group, *arguments)]


def dedup_loop(plan):
    """Dedup's second half with dicts and union-find."""
    from curate import settings
    from curate.dedup import candidates, decisions
    from curate.dedup.clusters import components
    from curate.dedup.config import Dedup
    from curate.pipelines.stages.duplicates import dedup
    from curate.stage.record import close_stage, open_stage

    open_stage(plan)
    folder, rules = str(plan.folder), settings.build(Dedup, plan.settings["dedup"])
    numbers = [item.number for item in plan.items]
    same_text = grouped(flat(candidates.texts, numbers, folder))
    bands = grouped(flat(candidates.bands, same_text, folder))
    pairs = flat(candidates.candidate_pairs, bands, folder)
    evidence = grouped(flat(decisions.add_evidence, grouped(pairs), folder))
    edges = components(flat(decisions.compare, evidence, folder, rules.linking))
    spans = grouped(flat(decisions.as_spans, edges.items()))
    clusters = grouped(decisions.by_cluster((node, decisions.widest(ends))) for node, ends in spans)
    messages = grouped([*flat(candidates.copies, same_text, folder), *flat(decisions.requests, clusters)])
    marks = flat(decisions.settle, grouped(flat(decisions.members, messages, folder)), folder)
    for group in grouped([*marks, *(dedup.empty_mark(number) for number in numbers)]):
        dedup.decide(group, folder)
    return close_stage(plan)


def one(way: str, files: list[str], out: Path) -> None:
    """Run one way in this process."""
    logging.disable(logging.CRITICAL)
    recipe = recipe_of(files)
    if way == "plain loop":
        by_loop(recipe, out)
    else:
        by_beam(recipe, out, 1 if "1 worker" in way else 2)


def measure(way: str, files: list[str]) -> tuple[float, bytes, dict]:
    """Seconds of a fresh process, the manifest's shard part, and CPU seconds per stage."""
    from curate.inspection.funnel import summary

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [sys.executable, __file__, "--one", way, "--out", str(out), "--names", *files]
        started = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - started
        record = summary(out)
        shards = json.loads((out / "manifest.json").read_bytes())["sources"]
    return seconds, json.dumps(shards).encode(), {stage["stage"]: stage for stage in record["stages"]}


def command(files: list[str], workers: int) -> tuple[float, float, str]:
    """Seconds and CPU seconds of `curate run webtext` with so many workers, and what it says of them."""
    with tempfile.TemporaryDirectory() as folder:
        sets = ["--set", f"sources.webtext.inputs={json.dumps(files)}"]
        words = ["run", "webtext", "-o", f"{folder}/out", "--no-train", "--workers", str(workers), *sets]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "curate.cli", *words], capture_output=True, text=True)
        if done.returncode not in (0, 1):  # 1: pages have failed
            sys.exit(done.stderr)
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = (done.stdout + done.stderr).splitlines()
    idle = next((line for line in lines if line.startswith("workers ")), "workers   no word of them")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, idle


def scaling(files: list[str], counts: list[int], repeat: int) -> None:
    """Print the time of a run with each number of workers, its share of the first one's, and how idle they were."""
    runs = defaultdict(list)
    for _ in range(repeat):
        for count in counts:
            runs[count].append(command(files, count))
    median = {count: statistics.median(seconds for seconds, _, _ in rows) for count, rows in runs.items()}
    for count, rows in runs.items():
        spread = f"{min(rows)[0]:.1f} to {max(rows)[0]:.1f}"
        cpu = statistics.median(cpu for _, cpu, _ in rows)
        ratio = f"{median[counts[0]] / median[count]:.3f} times as fast as {counts[0]}"
        print(f"{count} workers: {median[count]:6.1f} s ({spread}), {cpu:.1f} s of CPU, {ratio}")
        print(f"  {sorted(rows)[len(rows) // 2][2]}")


def main() -> None:
    """Measure every way in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "web")
    parser.add_argument("--workers", type=lambda text: [int(count) for count in text.split(",")])
    parser.add_argument("--one")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--names", nargs="*")
    chosen = parser.parse_args()
    if chosen.one:
        one(chosen.one, chosen.names, chosen.out)
        return
    files = [str(path.absolute()) for path in sorted(chosen.data.glob("*.warc.gz"))[: chosen.files]]
    if not files:
        sys.exit(f"{chosen.data}: no .warc.gz files there")
    if chosen.workers:
        scaling(files, chosen.workers, chosen.repeat)
        return
    times, shards, stages = defaultdict(list), set(), {}
    for _ in range(chosen.repeat):
        for way in WAYS:
            seconds, content, by_stage = measure(way, files)
            times[way].append(seconds)
            shards.add(content)
            if way == "plain loop":
                stages = by_stage
    report(times, stages, len(shards) == 1, len(files))


def report(times: dict[str, list[float]], stages: dict, same: bool, files: int) -> None:
    """Print medians, ratios, shares."""
    documents = stages["extract"]["read"]
    median = {way: statistics.median(seconds) for way, seconds in times.items()}
    print(f"{files} files, {documents} documents, medians of {len(times[WAYS[0]])}; same shards every time: {same}")
    for way in WAYS:
        spread = f"{min(times[way]):.1f} to {max(times[way]):.1f}"
        print(f"  {way:16} {median[way]:7.1f} s ({spread})  {documents / median[way]:6.1f} documents/s")
    print(f"Beam over plain loop, 1 worker: {median[WAYS[1]] / median[WAYS[0]]:.3f} (aim: at most 1.15)")
    print(f"2 workers over 1 worker:        {median[WAYS[1]] / median[WAYS[2]]:.3f} (aim: at least 1.8)")
    total = sum(stage["seconds"] for stage in stages.values())
    for name, stage in stages.items():
        per = 1000 * stage["seconds"] / max(1, stage["read"])
        print(f"  {name:9} {100 * stage['seconds'] / total:5.1f} % of the CPU, {per:8.2f} ms per document read")


if __name__ == "__main__":
    main()
