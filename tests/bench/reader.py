"""Records per CPU second of the reader against bare FastWARC and warcio, bodies read and decoded in each.

    python tests/bench/reader.py [--repeat 5] [--files 8] [--data ../shared/data/web] [--packing gzip|zstd|plain]

The three take turns in one process, on the same files; medians and ratios are printed. FastWARC and warcio do what a
user of them would write: no damage is noticed, no length is checked, no bomb is stopped.
"""

import argparse
import gzip
import io
import statistics
import time
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType
from warcio.archiveiterator import ArchiveIterator as Warcio

from curate.records import Page
from curate.warc.reader import read_pages

ROOT = Path(__file__).parents[2]


def ours(content: bytes) -> tuple[int, int]:
    """Pages and the bytes of their bodies."""
    outcomes = read_pages(io.BytesIO(content), "bench", size=len(content), max_bytes=10_000_000)
    sizes = [len(outcome.body) for outcome in outcomes if isinstance(outcome, Page)]
    return len(sizes), sum(sizes)


def by_fastwarc(content: bytes) -> tuple[int, int]:
    """The same by FastWARC alone."""
    records = ArchiveIterator(io.BytesIO(content), record_types=WarcRecordType.response, auto_decode="all")
    sizes = [len(record.reader.read()) for record in records]
    return len(sizes), sum(sizes)


def by_warcio(content: bytes) -> tuple[int, int]:
    """The same by warcio alone."""
    records = (record for record in Warcio(io.BytesIO(content)) if record.rec_type == "response")
    sizes = [len(record.content_stream().read()) for record in records]
    return len(sizes), sum(sizes)


def packed(content: bytes, packing: str) -> bytes:
    """A gzip file, record by record in another packing."""
    if packing == "gzip":
        return content
    whole = gzip.decompress(content)
    if packing == "plain":
        return whole
    from backports import zstd

    outcomes = read_pages(io.BytesIO(whole), "bench", size=len(whole), max_bytes=10_000_000)
    places = [outcome.pointer for outcome in outcomes if isinstance(outcome, Page)]
    return b"".join(zstd.compress(whole[place.offset : place.offset + place.length]) for place in places)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "web")
    parser.add_argument("--packing", choices=["gzip", "zstd", "plain"], default="gzip")
    options = parser.parse_args()
    paths = sorted(options.data.glob("*.warc.gz"))[: options.files]
    contents = [packed(path.read_bytes(), options.packing) for path in paths]
    ways = [ours, by_fastwarc] + ([by_warcio] if options.packing != "zstd" else [])  # warcio cannot read zstd
    seconds: dict[str, list[float]] = {way.__name__: [] for way in ways}
    results = {}
    for _ in range(options.repeat):
        for way in ways:
            start = time.process_time()
            results[way.__name__] = [way(content) for content in contents]
            seconds[way.__name__].append(time.process_time() - start)
    assert len({str(result) for result in results.values()}) == 1, "they do not read the same"
    records = sum(number for number, _ in results["ours"])
    best = statistics.median(seconds["ours"])
    print(f"{records} records, {sum(size for _, size in results['ours']) / 1e6:.0f} MB of bodies, {options.packing}")
    for name, times in seconds.items():
        middle = statistics.median(times)
        spread = f"{records / max(times):,.0f} to {records / min(times):,.0f}"
        print(f"{name:12} {records / middle:8,.0f} records/s ({spread}); ours is {middle / best:.2f} times as fast")


if __name__ == "__main__":
    main()
