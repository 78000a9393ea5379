"""The speed of links: submissions decoded and filtered, against the standard library's JSON with that filter, and keys.

Real dumps, repeated in memory until they are long enough; the median of several runs on one core. What is not measured
here: unpacking, sorting, and the writing of parts (the last line, over the whole first half of the stage, has them).

    python tests/bench/links.py [--data FOLDER] [--rounds 5]
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from curate import settings
from curate.links.config import WEBTEXT
from curate.links.sieve import LinkCandidate, Sieve, judge, sieve
from curate.links.submissions import parse_row, submission
from curate.pipelines.stages import gather
from curate.records import Reason
from curate.stage.plan import Item, Plan
from curate.stage.record import begin_stage
from curate.storage.lines import chunks, lines
from curate.web.urls import Address, address, dedupe_key, fetch_url

DAY = 86_400
DUMPS = {"2005-06, all fields": "RS_v2_2005-06.xz", "2013, nine fields": "links-2013-sample.ndjson.zst"}
ROWS = 80_000


def rows_of(path: Path) -> list[bytes]:
    """The lines of a dump, repeated up to ROWS."""
    with path.open("rb") as file:
        rows = [line.content or b"" for line in lines(chunks(file, 1 << 40), 1 << 24)]
    return (rows * (1 + ROWS // len(rows)))[:ROWS]


def mixed(full: list[bytes], real: list[bytes]) -> list[bytes]:
    """Rows of all fields with the links of the later dump, self posts and pictures among them as they came."""
    pairs = zip(full, real, strict=True)
    return [json.dumps(json.loads(one) | json.loads(other), separators=(",", ":")).encode() for one, other in pairs]


def kept(rows: list[bytes], decode: Callable[[bytes], object], tables: Sieve) -> int:
    """Returns the number of links in these lines that pass the filters, keys made."""
    number = 0
    for line in rows:
        row = decode(line)
        link = submission(row, "", DAY) if isinstance(row, dict) else row
        if isinstance(link, LinkCandidate):
            verdict = judge(link, tables)
            if isinstance(verdict, Address):
                dedupe_key(verdict.fetch_url)
                number += 1
    return number


def rate(work: Callable[[], object], size: int, rounds: int) -> float:
    """The median of `size` over the seconds of CPU that the work takes."""
    seconds = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return size / statistics.median(seconds)


def whole(path: Path) -> float:
    """Lines of a dump's file per second of CPU through the whole first half: unpacked, sorted, written."""
    with tempfile.TemporaryDirectory() as folder:
        item = Item(number=0, name=path.name, uri=str(path), form="lines", digest="", size=path.stat().st_size)
        plan = Plan(stage="gather", folder=Path(folder), settings=settings.to_table(WEBTEXT), items=(item,))
        begin_stage(plan)
        begin = time.process_time()
        gather.make_part(plan, item)
        return time.process_time() - begin


def main() -> None:
    """Print a line for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    tables = sieve(WEBTEXT)
    dumps = {name: rows_of(asked.data / "reddit" / file) for name, file in DUMPS.items()}
    for name, rows in {**dumps, "all fields, links of 2013": mixed(*dumps.values())}.items():
        share = kept(rows, parse_row, tables) / len(rows)
        ours = rate(lambda rows=rows: kept(rows, parse_row, tables), len(rows), asked.rounds)  # type: ignore[misc]
        plain = rate(lambda rows=rows: kept(rows, json.loads, tables), len(rows), asked.rounds)  # type: ignore[misc]
        size = sum(map(len, rows)) / len(rows)
        print(f"{name} ({size:.0f} bytes a row, {share:.0%} kept): {ours:,.0f} submissions/s; json.loads {plain:,.0f}")
    rows = dumps["2013, nine fields"]
    urls = [link.url for row in rows if isinstance(link := submission(json.loads(row), "", DAY), LinkCandidate)]
    ready = [url for url in map(fetch_url, urls) if not isinstance(url, Reason)]
    print(f"fetch_url {rate(lambda: [*map(fetch_url, urls)], len(urls), asked.rounds):,.0f} URLs/s")
    print(f"dedupe_key {rate(lambda: [*map(dedupe_key, ready)], len(ready), asked.rounds):,.0f} URLs/s")
    both = rate(lambda: [dedupe_key(fetch_url(url)) for url in ready], len(ready), asked.rounds)  # type: ignore[arg-type]
    print(f"fetch_url and dedupe_key {both:,.0f} URLs/s; with what is unwrapped ", end="")
    print(f"{rate(lambda: [address(url) for url in urls], len(urls), asked.rounds):,.0f} (address alone)")
    path = asked.data / "reddit" / DUMPS["2013, nine fields"]
    print(f"the whole first half, {path.name}: {81_465 / whole(path):,.0f} submissions/s")


if __name__ == "__main__":
    main()
