"""CPU time of extraction per page beside another checkout's, for `python tests/bench/extract.py --before CHECKOUT`.

CHECKOUT has its own environment in .venv, as `make .venv/.dev` makes it. Both checkouts read the same pages into
memory and extract them with default settings and without gates, one process each. The processes take turns after every
block of pages, and who begins changes with each block, so that other work on the machine meets both. The first round
warms up and is not counted. What counts is each process's own CPU time.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = 50  # pages


class Side:
    """A checkout's process, which extracts a block of pages when its number is written to it."""

    def __init__(self, name: str, checkout: Path, files: list[Path], every: int) -> None:
        python = checkout / ".venv" / "bin" / "python"
        if not python.exists():
            sys.exit(f"{python}: not there; make .venv/.dev makes it")
        command = [str(python), __file__, str(every), *map(str, files)]
        self.name = name
        self.process = subprocess.Popen(command, cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        where, pages = self._answer().split("\t")
        if Path(where).resolve().parents[1] != checkout.resolve():
            sys.exit(f"{python} imports curate from {where}; make .venv/.dev there")
        self.pages = int(pages)

    def seconds(self, block: int) -> float:
        """Returns the CPU seconds of the process for a block of pages."""
        assert self.process.stdin
        self.process.stdin.write(f"{block}\n")
        self.process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self.process.stdout
        answer = self.process.stdout.readline().strip()
        if not answer:
            sys.exit(f"the process of {self.name} ended with code {self.process.wait()}")
        return answer


def serve(every: int, files: list[str]) -> None:
    """Extracts blocks of pages as their numbers come in, and answers with CPU seconds."""
    import curate.records
    from curate.extract.config import Extract
    from curate.extract.page import attempt
    from curate.warc.reader import read_file

    read = (page for path in files for page in read_file(Path(path)) if isinstance(page, curate.records.Page))
    pages = [page for number, page in enumerate(read) if number % every == 0]
    settings = Extract()
    print(curate.records.__file__, len(pages), sep="\t", flush=True)
    for line in sys.stdin:
        block = pages[int(line) * BLOCK : (int(line) + 1) * BLOCK]
        started = time.process_time()
        for page in block:
            attempt(page, "bench", settings)
        print(time.process_time() - started, flush=True)


def paired(before: Path, files: list[Path], rounds: int, every: int) -> None:
    """Measures this checkout beside another one and prints milliseconds per page and their ratio."""
    now, earlier = Side("this checkout", ROOT, files, every), Side(str(before), before, files, every)
    if now.pages != earlier.pages:
        sys.exit(f"{now.pages} pages here, {earlier.pages} in {before}")
    totals: list[tuple[float, float]] = []
    for turn in range(rounds + 1):
        seconds = {now: 0.0, earlier: 0.0}
        for block in range(-(-now.pages // BLOCK)):
            for side in (now, earlier) if (block + turn) % 2 else (earlier, now):
                seconds[side] += side.seconds(block)
        totals.append((seconds[now], seconds[earlier]))
        print(f"  {turn}: {seconds[now]:.2f} s, before {seconds[earlier]:.2f} s", file=sys.stderr)
    counted = totals[1:]
    print(f"extraction of {now.pages} pages, gates off, medians of {rounds} rounds in turns")
    for label, values in zip(("now", "before"), zip(*counted, strict=True), strict=True):
        per_page = [1000 * value / now.pages for value in values]
        print(
            f"  {label:8}{statistics.median(per_page):8.3f} ms CPU a page ({min(per_page):.3f} to {max(per_page):.3f})"
        )
    ratios = [mine / theirs for mine, theirs in counted]
    print(f"  ratio   {statistics.median(ratios):8.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2:])
