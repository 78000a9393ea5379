"""The tokenize stage beside bare tiktoken, on one core: the share of bare tiktoken's speed that the stage has.

    python tests/bench/tokenizing.py [--data ../shared/data] [--pages 400] [--turns 7]

Both take the same documents, the text of real pages, in the same process. Bare tiktoken is `encode_ordinary` on each
text, which lies in memory; the stage's function reads a Parquet part, encodes, sorts, and writes its part and receipt
to the disk. Turns alternate, CPU time of all threads is counted, and the medians are compared. Profile with --profile.
"""

import argparse
import cProfile
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from curate.extract.config import Extract
from curate.extract.page import attempt
from curate.pipelines.stages.tokens import make_part
from curate.records import Document, Page
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.tokens import bpe
from curate.warc.reader import read_file

ROOT = Path(__file__).parents[2]
COPIES = 8  # of each document, under ids of their own, so that a turn is no matter of milliseconds


def documents(data: Path, pages: int) -> list[Document]:
    """The main text of real pages."""
    extracted: list[Document] = []
    for path in sorted((data / "web").glob("*.warc.gz")):
        for page in read_file(path):
            if len(extracted) == pages:
                return extracted
            document = attempt(page, "web", Extract()) if isinstance(page, Page) else None
            if isinstance(document, Document):
                extracted.append(document)
    return extracted


def stage(folder: Path, chosen: list[Document]) -> Callable[[], object]:
    """The stage's work on a part of these documents."""
    with PartWriter(folder, 0, "before") as part:
        for copy in range(COPIES):
            for document in chosen:
                identity = bytes([copy ^ document.id[0]]) + document.id[1:]
                row = {name: getattr(document, name) for name in Document.__slots__} | {"id": identity}
                part.keep(Document(**row))
    (folder / "stage").mkdir()
    (folder / "stage" / "receipts").mkdir()
    item = Item(number=0, name="part", uri=str(folder / "part-00000.parquet"), form="part", digest="", size=0)
    settings = {"tokenizer": bpe.named("gpt2").stated(), "seed": 0, "valid_fraction": 0.005}
    plan = Plan(stage="tokenize", folder=folder / "stage", settings=settings, items=(item,))
    return lambda: make_part(plan, item)


def turn(work: Callable[[], object]) -> float:
    """Seconds of CPU."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print both speeds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    chosen = documents(options.data, options.pages)
    texts = [document.text for document in chosen] * COPIES
    encode = bpe.gpt2().encode_ordinary
    with tempfile.TemporaryDirectory(prefix="curate-bench-") as folder:
        (Path(folder) / "receipts").mkdir()
        ways = {
            "tokenize stage": stage(Path(folder), chosen),
            "bare tiktoken": lambda: [encode(text) for text in texts],
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(options.turns + 1):
            for name, work in ways.items():
                seconds = turn(work)
                if number:  # the first turn warms up
                    times[name].append(seconds)
        if options.profile:
            cProfile.runctx("work()", {"work": ways["tokenize stage"]}, {}, sort="tottime")
    size = sum(len(text.encode()) for text in texts)
    for name, seconds in times.items():
        median = statistics.median(seconds)
        spread = f"{size / max(seconds) / 1e6:.1f} to {size / min(seconds) / 1e6:.1f}"
        print(f"{name:15} {len(texts) / median:8,.0f} documents/s {size / median / 1e6:7.1f} MB/s ({spread})")
    ratio = statistics.median(times["bare tiktoken"]) / statistics.median(times["tokenize stage"])
    print(f"{'ratio':15} {ratio:8.3f} ({len(texts)} documents of {size / len(texts):,.0f} bytes)")


if __name__ == "__main__":
    main()
