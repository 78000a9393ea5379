"""Links by the million: the time, the disk and the peak memory of planning a crawl, by sorting and in memory.

    python tests/bench/links_scale.py plan 1 3 10          # millions of links, each in a process of its own
    python tests/bench/links_scale.py memory 1 3           # the same lots, planned in memory as they were before
    python tests/bench/links_scale.py join 0.2 0.4 0.8     # the join in passes; old-join reads each part for each range

Links are made up: domains by a power law, of which some have many hosts. One core; the peak is that of the process.
"""

import argparse
import hashlib
import math
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import pyarrow as pa
from lots_in_memory import plan_wave as plan_in_memory

from curate.crawl.config import Crawl
from curate.crawl.lots import Target
from curate.crawl.planning.tables import as_tables
from curate.crawl.planning.waves import lot_name, plan_wave
from curate.crawl.targets import LotFiles
from curate.links.config import Links
from curate.links.sieve import LinkCandidate
from curate.links.votes import GATHERED, gathered_row, order
from curate.pipelines.stages import links
from curate.pipelines.stages.given import Given
from curate.recipe import Recipe
from curate.stage import ranges
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.record import begin_stage, close_stage, open_stage
from curate.web.urls import Address

RULES = Crawl(contact="a@b.test")
LINKS_A_DOMAIN = 20
ROWS = 5_000  # links of a gathered part
GROUP = 8_000_000  # bytes of parts that a worker of the join reads; so small that three million links show the growth
RANGE = 50_000  # links of a range, where the join reads each part for each range


def links_of(count: int) -> Iterator[Target]:
    """Made-up links, the same for the same count."""
    domains = max(10, count // LINKS_A_DOMAIN)
    for number in range(count):
        draw = int.from_bytes(hashlib.blake2b(number.to_bytes(8), digest_size=8).digest()) / (1 << 64)
        domain = int(domains * draw**2)
        host = f"h{number % (1 + int(math.sqrt(domains / (1 + domain))))}.site-{domain}.com"
        yield Target(url=f"https://{host}/articles/2024/{number}/a-title-of-some-length", votes=number % 50)


def planned(targets: Iterable[Target], folder: Path) -> int:
    """Plans and writes the lots as the stage does; returns how many there are."""
    files, near, count = LotFiles(), folder / "planning", 0
    for number, lot in enumerate(plan_wave(as_tables(targets), RULES, near)):
        with files.writing(folder / f"{number:05d}.parquet") as take:

            def taken(lot=lot, take=take) -> Iterator[pa.Table]:  # type: ignore[no-untyped-def]
                for table in lot.tables:
                    take(table)
                    yield table

            lot_name(taken(), "config", 0, near)
        count += 1
    files.publish()
    return count


def watch(folder: Path, most: list[int]) -> None:
    """Notes the most bytes that lie in a folder, once a second."""
    while True:
        most[0] = max(most[0], sum(path.stat().st_size for path in folder.iterdir() if path.exists()))
        time.sleep(1)


def measured(way: str, count: int) -> None:
    """Plans so many links in this process, and prints a line."""
    folder, most = Path(tempfile.mkdtemp(prefix="links-")), [0]
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    threading.Thread(target=watch, args=(folder, most), daemon=True).start()
    began = time.process_time()
    if way == "plan":
        lots = planned(links_of(count), folder)
    elif way.endswith("join"):
        lots = joined(way, count, folder)
    else:
        lots = sum(1 for _ in plan_in_memory(links_of(count), RULES, wave=0, config="config"))
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    shutil.rmtree(folder)
    made = f"{lots:,} {'lots' if way in ('plan', 'memory') else 'opened'}"
    print(f"{way:8} {count:12,} links  {made:>16}  {seconds:8.1f} s of CPU  {peak / 1e3:7,.0f} MB at the peak ", end="")
    print(f"({base / 1e3:,.0f} before)  {most[0] / 1e9:6.2f} GB of disk", flush=True)


def joined(way: str, count: int, folder: Path) -> int:
    """Joins made-up links that lie in parts of ROWS; returns how many files were opened for that."""
    gather(count, folder)
    opened = [0]
    links.opened_part = counting(links.opened_part, opened)
    ranges.read_run = counting(ranges.read_run, opened)
    began = time.process_time()
    items = join(folder, 1 << 60 if way == "old-join" else GROUP)
    print(f"  the join alone {time.process_time() - began:.1f} s of CPU, {-(-count // ROWS)} parts, ", end="")
    print(f"{items} items, {opened[0]:,} files opened")
    return opened[0]


def gather(count: int, folder: Path) -> None:
    """Writes made-up links in parts of ROWS, as gather leaves them."""
    gathered, pieces = folder / "gathered", -(-count // ROWS)
    items = tuple(
        Item(number=number, name=f"{number}", uri="", form="lines", digest="", size=0) for number in range(pieces)
    )
    plan = Plan(stage="gather", folder=gathered, settings={}, items=items)
    open_stage(plan)
    rows = gathered_rows(count)
    for item in items:
        with PartWriter(gathered, item.number, plan.part_key(item), schema=GATHERED) as part:
            for row in sorted(islice(rows, ROWS), key=order):
                part.keep_row(row, "web", 50)
    close_stage(plan)


def join(folder: Path, group: int = GROUP) -> int:
    """Joins gathered links, of which a worker reads `group` bytes of parts; returns how many items that takes."""
    links.GROUP_BYTES, links.ROWS_A_PART = group, RANGE
    plan = links.plan(Recipe(name="bench", links=Links(min_score=0)), folder, Given())
    begin_stage(plan)
    for item in plan.items:
        links.make_part(plan, item)
    return len(plan.items)


def counting(call: Callable[..., Any], times: list[int]) -> Callable[..., Any]:
    """Returns the function, whose calls are counted."""

    def counted(*words: Any, **more: Any) -> Any:
        times[0] += 1
        return call(*words, **more)

    return counted


def gathered_rows(count: int) -> Iterator[dict[str, Any]]:
    """Made-up links as gather has them."""
    for number, target in enumerate(links_of(count)):
        link = LinkCandidate(url=target.url, kind="list", id=str(number))
        yield gathered_row(link, Address(fetch_url=target.url, host="", rewrites=()), "web")


def main() -> None:
    """Measure each number of links in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=["plan", "memory", "join", "old-join"])
    parser.add_argument("millions", type=float, nargs="+")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for millions in options.millions:
        if options.here:
            measured(options.way, int(millions * 1e6))
        else:
            subprocess.run([sys.executable, __file__, options.way, str(millions), "--here"], check=True)


if __name__ == "__main__":
    main()
