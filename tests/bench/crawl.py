"""curate crawl beside scrapy with warcio, on one loopback web in one run: pages per CPU second, and how polite.

    make bench-crawl                                     # makes .venv-peers with scrapy, then runs this
    python tests/bench/crawl.py [--hosts 300] [--pages 20] [--repeat 5] [--delay 1] [--json]

Speed: no delay, so that the CPU is the limit. Both sides fetch the same list of pages, robots.txt obeyed and a request
at a time to each host, into WARC files, which are counted afterwards; they take turns and medians are told. CPU seconds
are user and system of the command and all its processes; the loopback web's are not in it. A crawl of two pages is
start-up, and the rates are told with it and without.

Politeness: hosts with robots.txt and answers of all kinds, each client on a fresh web of the same plan, and the judge
(tests/servers/judge.py) reads the web's ledger. Efficiency is the least time that the rules allow for what was asked,
over the time that it took; above 1 is too fast. scrapy keeps its delay from start to start and knows no other pause, so
what starts too early by that measure alone is counted too. A client that keeps no rules shows that the judge sees.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from warcio.archiveiterator import ArchiveIterator

ROOT = Path(__file__).parents[2]
PEER = ROOT / ".venv-peers" / "bin" / "python"
sys.path[:0] = [str(ROOT / "tests" / "servers"), str(ROOT / "tests" / "helpers")]

from judge import Entry, Rules, Verdict, judge  # noqa: E402
from loopback.plan import Plan, ordinary, url  # noqa: E402
from loopback.process import Running, running  # noqa: E402
from loopback.seeds import seeds  # noqa: E402
from polite import crawl_rudely  # noqa: E402

CONTACT = "http://operator.test/bot"
WAYS = ("curate", "scrapy")
OPEN = {"missing": 3, "allow": 2, "part": 2}  # kinds of robots.txt of a web on which every page may be asked for
RUDE = 3  # pages that the rude client asks each host for


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """The cost of a crawl: seconds of CPU and of wall clock, and the pages in its WARC files."""

    cpu: float
    wall: float
    pages: int


def crawl(way: str, web: Running, links: Iterable[str], folder: Path, *, delay: float, factor: float) -> Took:
    """Fetch links into a new folder as a user would, start-up included."""
    folder.mkdir()
    (folder / "links.txt").write_text("".join(f"{link}\n" for link in links))
    command = ours(web, folder, delay, factor) if way == "curate" else scrapy(web, folder, delay)
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.monotonic()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=compiled)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{way}: exit code {process.returncode}\n{(folder / 'log').read_text()[-2000:]}")
    return Took(cpu=usage.ru_utime + usage.ru_stime, wall=wall, pages=stored(folder))


def ours(web: Running, folder: Path, delay: float, factor: float) -> list[str]:
    """curate's command."""
    settings = {"min_delay": delay, "delay_factor": factor, "address_delay": min(delay, 0.25), "waves": 1}
    sets = [word for name, value in settings.items() for word in ("--set", f"crawl.{name}={value}")]
    where = ["--allow-network", "127.0.0.0/8", "--resolve", f"@{web.resolve}", "--contact", CONTACT, "--workers", "1"]
    words = ["-m", "curate.cli", "crawl", str(folder / "links.txt"), "-o", str(folder / "out")]
    return [sys.executable, *words, *where, *sets]


def scrapy(web: Running, folder: Path, delay: float) -> list[str]:
    """scrapy's command."""
    script = str(Path(__file__).with_name("peers_scrapy.py"))
    where = ["--links", str(folder / "links.txt"), "--resolve", str(web.resolve), "--out", str(folder / "out")]
    return [str(PEER), script, *where, "--contact", CONTACT, "--delay", str(delay)]


def stored(folder: Path) -> int:
    """The pages of status 200 in WARC files, each read to its end; a revisit stands for a page."""
    pages = 0
    for path in folder.glob("out/**/*.warc.gz"):
        with path.open("rb") as file:
            for record in ArchiveIterator(file):
                page = record.rec_type in ("response", "revisit") and record.http_headers.get_statuscode() == "200"
                record.content_stream().read()
                pages += page
    return pages


def speed(folder: Path, chosen: argparse.Namespace) -> dict:
    """Both sides in turn on one web without delays; pages per CPU second."""
    plan = Plan(hosts=ordinary(chosen.hosts, latency=0.02, mix=OPEN))
    took: dict[str, list[Took]] = {way: [] for way in WAYS}
    start: dict[str, list[Took]] = {way: [] for way in WAYS}
    with running(folder / "web", plan) as web:
        links = [url(web.plan, host, f"/page/{n}") for host in plan.hosts for n in range(chosen.pages)]
        random.Random(0).shuffle(links)
        for way in WAYS:
            crawl(way, web, links[:2], folder / f"{way}-first", delay=0.0, factor=0.0)  # compiles what it imports
        for turn in range(chosen.repeat):
            for way in WAYS if turn % 2 == 0 else WAYS[::-1]:
                for kind, wanted in ((start, links[:2]), (took, links)):
                    where = folder / f"{way}-{turn}-{len(wanted)}"
                    kind[way].append(crawl(way, web, wanted, where, delay=0.0, factor=0.0))
                    if kind[way][-1].pages != len(wanted):
                        sys.exit(f"{way} stored {kind[way][-1].pages} of {len(wanted)} pages")
                print(f"  {turn + 1}: {way} {took[way][-1].cpu:.1f} CPU s", file=sys.stderr)
    return {way: rates(took[way], start[way]) for way in WAYS}


def rates(took: list[Took], start: list[Took]) -> dict[str, float]:
    """Medians over the turns."""
    cpu = sorted(turn.cpu for turn in took)
    middle, first = statistics.median(cpu), statistics.median(turn.cpu for turn in start)
    pages = took[0].pages
    return {
        "pages": pages,
        "cpu_seconds": middle,
        "least": cpu[0],
        "most": cpu[-1],
        "startup_seconds": first,
        "pages_per_cpu_second": pages / middle,
        "without_startup": (pages - start[0].pages) / (middle - first),
    }


def politeness(folder: Path, chosen: argparse.Namespace) -> dict:
    """Each client on a fresh web of the same plan, before the judge."""
    plan = Plan(hosts=ordinary(chosen.polite_hosts, latency=0.02), crawl_delay=2 * chosen.delay)
    rules = Rules(min_delay=chosen.delay, address_delay=min(chosen.delay, 0.25))
    rows = {}
    for way in (*WAYS, "rude"):
        with running(folder / f"web-{way}", plan) as web:
            links = [seed.url for seed in seeds(web.plan, chosen.polite_pages)]
            random.Random(0).shuffle(links)
            if way == "rude":
                began = time.monotonic()
                crawl_rudely(web, web.plan.hosts, [f"/page/{n}" for n in range(RUDE)])
                took = Took(cpu=0.0, wall=time.monotonic() - began, pages=0)
            else:
                took = crawl(way, web, links, folder / f"polite-{way}", delay=chosen.delay, factor=rules.factor)
            ledger = web.ledger()
            rows[way] = told(judge(ledger, web.plan, rules), took, started_early(ledger, chosen.delay))
            print(f"  {way}: {took.wall:.1f} s", file=sys.stderr)
    return rows


def started_early(ledger: list[Entry], delay: float) -> int:
    """Requests that started before the delay after the start of the one before: the kindest reading of a delay."""
    last: dict[str, float] = {}
    early = 0
    for entry in ledger:
        early += entry.start - last.get(entry.host, -delay) < 0.9 * delay
        last[entry.host] = entry.start
    return early


def told(verdict: Verdict, took: Took, early: int) -> dict:
    """A verdict as it is printed."""
    return {
        "requests": verdict.requests,
        "pages": took.pages,
        "violations": len(verdict.violations),
        "kinds": dict(verdict.kinds.most_common()),
        "start_to_start": early,
        "floor": verdict.floor,
        "wall": verdict.wall,
        "efficiency": verdict.efficiency,
        "with_startup": verdict.floor / took.wall,
    }


def show_speed(rows: dict) -> None:
    """The table of speed."""
    ours, theirs = (rows[way] for way in WAYS)
    print(f"\nSpeed: {ours['pages']:,} pages, no delay, CPU seconds of the command")
    print(f"  {'':10}{'CPU s':>8}{'(range)':>16}{'start-up':>10}{'pages/CPU s':>13}{'without start-up':>18}")
    for way, row in rows.items():
        spread = f"({row['least']:.1f} to {row['most']:.1f})"
        speeds = f"{row['pages_per_cpu_second']:>13.0f}{row['without_startup']:>18.0f}"
        print(f"  {way:10}{row['cpu_seconds']:>8.1f}{spread:>16}{row['startup_seconds']:>10.1f}{speeds}")
    ratio, marginal = (ours[name] / theirs[name] for name in ("pages_per_cpu_second", "without_startup"))
    print(f"  curate fetches {ratio:.2f} times as many pages per CPU second; {marginal:.2f} times without start-up")


def show_politeness(rows: dict) -> None:
    """The table of politeness."""
    print("\nPoliteness: violations of all rules, and starts too close to the start before")
    names = ("requests", "pages", "violations", "start to start", "floor s", "wall s", "efficiency", "with start-up")
    print(f"  {'':10}" + "".join(f"{name:>{len(name) + 2}}" for name in names))
    for way, row in rows.items():
        counts = [row[name] for name in ("requests", "pages", "violations", "start_to_start")]
        times = [f"{row[name]:.1f}" for name in ("floor", "wall")]
        shares = [f"{row[name]:.2f}" for name in ("efficiency", "with_startup")]
        cells = zip(names, [*counts, *times, *shares], strict=True)
        print(f"  {way:10}" + "".join(f"{cell:>{len(name) + 2}}" for name, cell in cells))
    for way, row in rows.items():
        if row["kinds"]:
            print(f"  {way}: {', '.join(f'{kind} {count}' for kind, count in row['kinds'].items())}")


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=300)
    parser.add_argument("--pages", type=int, default=20, help="of each host")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--polite-hosts", type=int, default=100)
    parser.add_argument("--polite-pages", type=int, default=20, help="of each host")
    parser.add_argument("--delay", type=float, default=1.0, help="seconds between requests to a host")
    parser.add_argument("--only", choices=PARTS, help="one of both tables")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if not PEER.exists():
        sys.exit(f"{PEER}: not there; make bench-crawl makes it")
    tell = "from importlib.metadata import version as v; print('scrapy', v('scrapy'), 'with warcio', v('warcio'))"
    peer = subprocess.run([str(PEER), "-c", tell], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{peer}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        wanted = [name for name in PARTS if chosen.only in (None, name)]
        results = {name: PARTS[name][0](Path(folder), chosen) for name in wanted}
    if chosen.json:
        print(json.dumps({"peer": peer, **results}, indent=1))
        return
    for name in wanted:
        PARTS[name][1](results[name])


PARTS = {"speed": (speed, show_speed), "politeness": (politeness, show_politeness)}

if __name__ == "__main__":
    main()
