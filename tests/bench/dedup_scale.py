"""Near-deduplication at size, for `dedup.py`: memory against the number of documents, and a page that is everywhere.

A document is about 2 kB: a run of 290 words of a real page of web/ of which 35 % are drawn anew from the words of all
pages; one in ten is a near duplicate of one of the 1,000 documents beside it, 1 % of its words drawn anew, and one in
twenty an exact one.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import corpus
import memory
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WORDS = 290  # of a document
FRESH, NEAR, EXACT, TOUCHED = 0.35, 0.10, 0.05, 0.01
GROUP = 1000  # documents that are drawn together; a copy is of one of them
FILE = 50_000  # documents of a file
FEW = 20  # documents of a run that is start-up
MB, GB = 1e6, 1e9
SCHEMA = pa.schema([("url", pa.string()), ("text", pa.string())])


@dataclass(frozen=True, slots=True)
class Pages:
    """Real pages as the numbers of their words, and the words."""

    vocabulary: list[str]  # each occurrence of a word with the blanks and punctuation behind it
    pieces: np.ndarray  # int64[pieces, WORDS]


def pages(data: Path) -> Pages:
    """Returns the main text of real pages, cut into pieces of WORDS words."""
    vocabulary, pieces = [], []
    for base in corpus.base_pages(data / "web", "documents", None):
        words = [base.pieces[place] + base.pieces[place + 1] for place in base.words.tolist()]
        for start in range(0, len(words) - WORDS + 1, WORDS):
            pieces.append(np.arange(start, start + WORDS) + len(vocabulary))
        vocabulary += words
    return Pages(vocabulary, np.array(pieces))


def texts(drawn_from: Pages, count: int, seed: int = 0) -> Iterator[str]:
    """Yields that many documents."""
    draw = np.random.default_rng(seed)
    for start in range(0, count, GROUP):
        words = drawn_from.pieces[draw.integers(len(drawn_from.pieces), size=GROUP)]
        words = changed(words, FRESH, draw, drawn_from)
        kind, original = draw.random(GROUP), draw.integers(GROUP, size=GROUP)
        copies = (kind < NEAR + EXACT) & (kind[original] >= NEAR + EXACT)
        words[copies] = words[original[copies]]
        near = copies & (kind < NEAR)
        words[near] = changed(words[near], TOUCHED, draw, drawn_from)
        for row in words[: count - start].tolist():
            yield "".join(map(drawn_from.vocabulary.__getitem__, row))


def changed(words: np.ndarray, share: float, draw: np.random.Generator, drawn_from: Pages) -> np.ndarray:
    """Returns documents with about this share of their words drawn anew."""
    fresh = draw.integers(len(drawn_from.vocabulary), size=words.shape)
    return np.where(draw.random(words.shape) < share, fresh, words)


def copies(drawn_from: Pages, count: int, *, near: bool) -> Iterator[str]:
    """Yields copies of one page; near: each with one word drawn anew."""
    draw, page = np.random.default_rng(1), drawn_from.pieces[0]
    for _ in range(count):
        words = page.copy()
        if near:
            words[draw.integers(WORDS)] = draw.integers(len(drawn_from.vocabulary))
        yield "".join(map(drawn_from.vocabulary.__getitem__, words.tolist()))


def write(documents: Iterator[str], folder: Path, name: str) -> list[Path]:
    """Writes documents as Parquet files of FILE rows; returns their paths."""
    folder.mkdir(exist_ok=True)
    paths: list[Path] = []
    while rows := [
        {"url": f"http://{name}.example/{len(paths)}/{number}", "text": text}
        for number, text in zip(range(FILE), documents, strict=False)
    ]:
        paths.append(folder / f"{name}-{len(paths):05d}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), paths[-1], row_group_size=5000)
    return paths


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of `curate dedup`."""

    documents: int
    text: int  # bytes
    peak: memory.Peak
    cpu: float  # seconds
    wall: float


def measure(inputs: list[Path], out: Path, workers: int, verb: str = "dedup", settings: list[str] = []) -> Measured:  # noqa: B006
    """Runs a verb over files; the peak is of all its processes together."""
    bench = memory.Bench(out.parent, workers, 0, ["--workers", str(workers)], [])
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    peaks = bench.curate(verb, inputs, out, settings)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    largest = max(peaks.values(), key=lambda peak: peak.tree)
    counts = json.loads((out / "stage.json").read_bytes())["counts"]
    return Measured(counts["read"], counts["bytes_read"], largest, cpu, time.monotonic() - started)


def sizes(data: Path, scratch: Path, counts: list[int], workers: int, verb: str, settings: list[str]) -> None:
    """Prints the memory of each size, and the straight line through them."""
    drawn_from, rows = pages(data), []
    print(f"{'documents':>10} {'text MB':>8} {'tree MB':>8} {'driver':>7} {'workers':>8} {'CPU s':>7} {'wall s':>7}")
    for count in counts:
        inputs = write(texts(drawn_from, count), scratch / f"in-{count}", "page")
        row = measure(inputs, scratch / f"out-{count}", workers, verb, settings)
        rows.append(row)
        peak = row.peak
        print(
            f"{row.documents:10,} {row.text / MB:8.0f} {peak.tree / MB:8.0f} {peak.driver / MB:7.0f} "
            f"{peak.workers / MB:8.0f} {row.cpu:7.1f} {row.wall:7.1f}",
            flush=True,
        )
    rows = [row for row in rows if row.peak.workers > row.peak.driver / 2]  # a small run is made in one process
    if len(rows) < 2:
        return
    documents, trees = np.array([row.documents for row in rows]), np.array([row.peak.tree for row in rows])
    slope, fixed = np.polyfit(documents, trees, 1)
    worst = max(abs(fixed + slope * documents - trees) / trees)
    at_million = fixed + slope * 1_000_000
    print(
        f"line through {len(rows)} runs in worker processes: {fixed / MB:.0f} MB + {slope:,.0f} bytes a document, "
        f"at most {worst:.1%} off; "
        f"1,000,000 documents: {at_million / GB:.1f} GB by the line"
    )


def hot(data: Path, scratch: Path, others: int, count: int, workers: int) -> None:
    """Prints by how much the time of other documents grows beside copies of one page."""
    drawn_from = pages(data)
    rest = write(texts(drawn_from, others), scratch / "rest", "rest")
    start = measure(write(texts(drawn_from, FEW), scratch / "few", "few"), scratch / "out-few", workers)
    alone = measure(rest, scratch / "out-rest", workers)
    print(f"{others:,} others alone: {alone.cpu:.1f} s of CPU, {alone.wall:.1f} s")
    for near in (False, True):
        name = "near copies, one word changed" if near else "copies"
        page = write(copies(drawn_from, count, near=near), scratch / f"hot-{near}", f"hot-{near}".lower())
        own = measure(page, scratch / f"out-hot-{near}", workers)
        both = measure([*rest, *page], scratch / f"out-both-{near}", workers)
        cpu = (both.cpu - own.cpu + start.cpu) / alone.cpu
        wall = (both.wall - own.wall + start.wall) / alone.wall
        print(
            f"{count:,} {name} alone: {own.cpu:.1f} s of CPU, {own.wall:.1f} s; beside the others: {both.cpu:.1f}, "
            f"{both.wall:.1f}; the others' time grows {cpu:.2f}x (CPU), {wall:.2f}x (wall)",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit("run dedup.py --sizes or --hot")
