"""Measures how the cost of stages and verbs grows with the number of parts: N tiny documents in N files of a recipe.

    python tests/bench/scale.py [--parts 100 1000 3000 10000] [--s3 30 100 300] [--links 1000000 3000000]
                                [--without pack] [--folder DIR]

Every step runs in a process of its own, and does what a run does: plans are made from the folders of the stage before,
each part is made by the stage's own `make_part`, dedup and pack run their whole pipelines on Beam in one process. Of
each step the CPU seconds, the peak memory above that of an idle process, the bytes that it read and the files and
folders that Python opened are taken (those that Arrow opens are not seen, but the bytes that it reads are). `--s3`
sends a run's output to moto's S3 and counts the requests of each stage, without times. `--links` joins so many made-up
links and plans the lots of a crawl of them, as links_scale.py does; half a million are still sorted in memory, so fewer
than a million show no growth.

The exponent is the slope of the straight line through the logarithms, by least squares, over the sizes from 1,000 on
(all, where fewer than two are so large). A cost that is small at the largest size has none. An exponent above 1.1 ends
the program with code 1. 90,000 parts, those of a Common Crawl, take about an hour, and 6 GB in --folder, best one in
memory (/dev/shm).
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import links_scale
import numpy as np
from parts import apart, counted_requests, moto

from curate import recipe as recipes
from curate import storage
from curate.dataset import manifest
from curate.inspection import funnel, report, status, verify
from curate.pipelines import plans
from curate.pipelines.engines.engine import Engine, wiring
from curate.pipelines.engines.target import EngineOptions, quiet_beam
from curate.pipelines.estimation.costs import requests as estimated_requests
from curate.pipelines.run import run_stage
from curate.pipelines.stages.map_only import make_part
from curate.recipe import Recipe
from curate.stage.plan import Plan, load_plan, stage_folder
from curate.stage.record import close_stage, done, open_stage, read_stage

LIMIT, QUARTER = 1.1, 0.25
LARGE = 1000  # sizes from here on are fitted
WORDS = " ".join(f"word{number}" for number in range(40))
SHARD = 10  # documents of a shard, about
MAPPED = ("extract", "filter", "tokenize")  # stages whose parts are made one by one
# What is measured; costs that are smaller at the largest size are not fitted: what is fixed would decide.
COSTS = ("cpu_s", "wall_s", "peak_mb", "read_mb", "opened")
LEAST = {"cpu_s": 0.5, "peak_mb": 30.0, "read_mb": 1.0, "opened": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one step cost."""

    step: str
    parts: int
    cpu_s: float
    wall_s: float
    peak_mb: float
    read_mb: float
    opened: int
    requests: int  # to the store


def write_inputs(folder: Path, parts: int) -> None:
    """Writes a file for each part, with one document that no other resembles."""
    folder.mkdir(parents=True)
    for number in range(parts):
        text = f"{WORDS} of {' '.join(f'{number}x{word}' for word in range(30))}."
        (folder / f"{number:06}.jsonl").write_text(json.dumps({"text": text, "id": str(number)}) + "\n")


def recipe_of(folder: Path) -> Recipe:
    """Returns the recipe over these files."""
    tokens = 250 * SHARD
    return recipes.load("documents", (f"pack.max_tokens={tokens}", "pack.valid_fraction=0"), files=(str(folder),))


def steps(recipe: Recipe, out: Path, chosen: Callable[[str], bool]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yields the steps of a run in their order, each with what does it."""
    for stage in recipe.stages:
        if not chosen(stage):
            return
        if stage in MAPPED:
            yield f"{stage} plan, open", lambda stage=stage: open_stage(planned(stage, recipe, out))
            yield f"{stage} parts", lambda stage=stage: make_parts(stage, out)
            yield f"{stage} resume", lambda stage=stage: open_stage(planned(stage, recipe, out))
            yield f"{stage} close", lambda stage=stage: close_stage(planned(stage, recipe, out))
            yield f"{stage} skip", lambda stage=stage: expect(done(planned(stage, recipe, out)))
        else:
            yield stage, lambda stage=stage: whole(stage, recipe, out)
    records = {stage: read_stage(stage_folder(out, stage)) for stage in recipe.stages}
    (out / "recipe.toml").write_bytes(recipes.to_toml(recipe).encode())
    yield "manifest", lambda: manifest.write(manifest.make(recipe, out, records), out)
    yield "mix", lambda: manifest.remix(out, ("mixture.tokens=1000000",))
    yield "status", lambda: status.of(out)
    yield "inspect", lambda: funnel.summary(out)
    if not storage.is_remote(out):
        yield "report", lambda: report.write(out)
        yield "verify", lambda: expect(not [*verify.faults(out)])


def planned(stage: str, recipe: Recipe, out: Path) -> Plan:
    """Returns the plan of a stage of the run."""
    digests = plans.open_digests(out)
    plan = plans.planned(stage, recipe, out, digests)
    digests.save()
    return plan


def make_parts(stage: str, out: Path) -> None:
    """Makes every part as a worker does that is given all of them."""
    folder, make = storage.uri(stage_folder(out, stage)), wiring(stage).make_part
    for number in range(len(load_plan(stage_folder(out, stage)).items)):
        make_part((folder, number), make)


def whole(stage: str, recipe: Recipe, out: Path) -> None:
    """Runs a stage with its pipeline, on Beam in this process."""
    with Engine(target=EngineOptions(workers=1, beam=("--direct_running_mode=in_memory",))).started() as engine:
        given = plans.given(stage, recipe, out, plans.open_digests(out))
        run_stage(stage, recipe, stage_folder(out, stage), given, engine)


def expect(holds: Any) -> None:
    """Raises where a step did not do what it is measured for."""
    if not holds:
        raise RuntimeError("the step did not do its work")


def measured(step: str, parts: int, work: Callable[[], Any]) -> Cost:
    """Returns what a step costs, which runs in a process of its own; prints it too, as a long run may end early."""
    cost = apart(step, lambda: asdict(_run(step, parts, work)))
    print(json.dumps(cost), flush=True, file=sys.stderr)
    return Cost(**cost)


def _run(step: str, parts: int, work: Callable[[], Any]) -> Cost:
    opened = Counter[str]()
    events = {"open", "os.listdir", "os.scandir"}
    sys.addaudithook(lambda name, _: opened.update([name]) if name in events else None)
    before, read = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, bytes_read()
    with counted_requests() as requests:
        began, cpu = time.perf_counter(), time.process_time()
        work()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Cost(
        step=step,
        parts=parts,
        cpu_s=round(cpu, 3),
        wall_s=round(seconds, 3),
        peak_mb=round(peak / 1024, 1),
        read_mb=round((bytes_read() - read) / 1e6, 3),
        opened=opened.total(),
        requests=requests.total(),
    )


def bytes_read() -> int:
    """Returns the bytes that this process has read, from files and from the system's cache of them."""
    facts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(facts["rchar"])


def exponent(costs: list[Cost], name: str) -> float | None:
    """Returns the slope of a cost over the parts in logarithms; None where there is too little of it to say."""
    large = [cost for cost in costs if cost.parts >= LARGE]
    fitted = large if len(large) > 1 else costs
    values = [float(getattr(cost, name)) for cost in fitted]
    if len(fitted) < 2 or min(values) <= 0 or values[-1] < LEAST.get(name, 1):
        return None
    return float(np.polyfit(np.log([cost.parts for cost in fitted]), np.log(values), 1)[0])


def print_costs(costs: list[Cost], names: tuple[str, ...]) -> list[str]:
    """Prints a row for each step and size, and the exponents; returns what grows too fast."""
    head = "".join(f"{name:>12}" for name in names)
    print(f"\n{'step':24}{'parts':>9}{head}   exponents")
    steep = []
    for step in dict.fromkeys(cost.step for cost in costs):
        own = [cost for cost in costs if cost.step == step]
        slopes = {name: exponent(own, name) for name in names if name != "wall_s"}
        shown = ", ".join(f"{name} {slope:.2f}" for name, slope in slopes.items() if slope is not None)
        for cost in own:
            row = "".join(f"{getattr(cost, name):12,}" for name in names)
            print(f"{step:24}{cost.parts:9,}{row}   {shown if cost is own[-1] else ''}")
        for name, slope in slopes.items():
            if slope and slope > LIMIT:
                steep.append(f"{step}: {name} grows as N to the power of {slope:.2f}")
    return steep


def against_estimate(costs: list[Cost]) -> list[str]:
    """Prints what an estimate says of the requests of each run beside their number; returns where it is far off."""
    far = []
    print(f"\n{'requests of a run':24}{'parts':>8}{'counted':>12}{'estimated':>12}")
    for parts in dict.fromkeys(cost.parts for cost in costs):
        for stage in (*MAPPED, "dedup", "pack"):
            names = [f"{stage} {step}" for step in ("plan, open", "parts", "close")] if stage in MAPPED else [stage]
            counted = sum(cost.requests for cost in costs if cost.parts == parts and cost.step in names)
            shards = round(parts / SHARD) if stage == "pack" else 0
            said = estimated_requests(stage, parts, 0, reads=False, shards=shards)
            print(f"{stage:24}{parts:8,}{counted:12,}{said:12,}")
            if counted and abs(said / counted - 1) > QUARTER:
                far.append(f"{stage}, {parts} parts: estimated {said} requests, counted {counted}")
    return far


def run(sizes: list[int], place: Path, store: str, chosen: Callable[[str], bool]) -> list[Cost]:
    """Measures a run of each size; store: the URL of a bucket for its output, or "" for a folder."""
    costs = []
    for parts in sizes:
        with tempfile.TemporaryDirectory(dir=place) as scratch:
            folder = Path(scratch)
            write_inputs(folder / "in", parts)
            out = storage.path(f"{store}/{parts}") if store else folder / "out"
            recipe = recipe_of(folder / "in")
            storage.make_folder(out)
            for step, work in steps(recipe, out, chosen):
                costs.append(measured(step, parts, work))
    return costs


def links_steps(size: int, folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yields what is done with so many links before a crawl of them, each with what does it."""
    yield "links gathered", lambda: links_scale.gather(size, folder)
    yield "links joined", lambda: links_scale.join(folder)
    yield "lots planned", lambda: links_scale.planned(links_scale.links_of(size), folder)


def run_links(sizes: list[int], place: Path) -> list[Cost]:
    """Measures the steps of so many links."""
    costs = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=place) as folder:
            costs += [measured(step, size, work) for step, work in links_steps(size, Path(folder))]
    return costs


def main() -> None:
    """Measures, prints the tables, and ends with code 1 where something grows too fast."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, nargs="*", default=[100, 1000, 3000, 10_000])
    parser.add_argument("--s3", type=int, nargs="*", default=[30, 100, 300], help="sizes of the runs to a store")
    parser.add_argument("--links", type=int, nargs="*", default=[1_000_000, 3_000_000], help="numbers of links")
    parser.add_argument("--without", default="", help="the first stage that is left out, with all behind it")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    quiet_beam(connectors=False)

    def chosen(stage: str) -> bool:
        return stage != options.without

    steep = []
    if options.parts:
        measures = run(options.parts, options.folder, "", chosen)
        steep += print_costs(measures, COSTS)
    if options.s3:
        with moto() as bucket:
            counted = run(options.s3, options.folder, bucket, chosen)
        steep += print_costs(counted, ("requests",)) + against_estimate(counted)
    if options.links:
        steep += print_costs(run_links(options.links, options.folder), COSTS)
    for line in steep:
        print(f"not as it should be: {line}")
    sys.exit(1 if steep else 0)


if __name__ == "__main__":
    main()
