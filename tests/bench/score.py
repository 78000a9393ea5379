"""Scoring beside bare fastText, per document: the share of bare fastText's speed that the score stage's function has.

python tests/bench/score.py [--data ../shared/data] [--turns 7]

Both take the same documents one by one in the same process: ours is `Model.score`, bare is the binding's own
`predict` on the text with its line breaks replaced, which it demands. Turns alternate, and the medians are compared.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import fasttext_pybind

from curate.extract.main_text import quick_text
from curate.quality import classifier, model_file
from curate.records import Page
from curate.warc.reader import read_file
from curate.web.encoding import decode

ROOT = Path(__file__).parents[2]


def documents(data: Path, pages: int) -> list[str]:
    """The quick text of real pages."""
    texts = []
    for page in read_file(data / "web" / "pages-00000.warc.gz"):
        if isinstance(page, Page) and len(texts) < pages:
            texts.append(quick_text(decode(page.body, page.charset)))
    return [text for text in texts if text.strip()]


def turn(work: Callable[[str], object], texts: list[str]) -> float:
    """Seconds of CPU for all texts."""
    start = time.process_time()
    for text in texts:
        work(text)
    return time.process_time() - start


def main() -> None:
    """Print both speeds and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    texts = documents(options.data, options.pages)
    ours = classifier.Model(model_file.shipped())
    bare = fasttext_pybind.fasttext()
    bare.loadModel(str(model_file.shipped()))
    ways: dict[str, Callable[[str], object]] = {
        "curate": lambda text: ours.score(text, "positive"),
        "bare fastText": lambda text: bare.predict(text.replace("\n", " ") + "\n", -1, 0.0, "strict"),
    }
    for work in ways.values():
        turn(work, texts)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.turns):
        for name, work in ways.items():
            times[name].append(turn(work, texts))
    size = sum(len(text.encode()) for text in texts)
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:14} {len(texts) / median:10,.0f} documents/s {size / median / 1e6:8.1f} MB/s")
    print(f"ratio          {statistics.median(times['bare fastText']) / statistics.median(times['curate']):10.3f}")


if __name__ == "__main__":
    main()
