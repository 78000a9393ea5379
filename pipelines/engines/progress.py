"""What a run shows while it works: one line per stage, and on a terminal a bar that counts receipts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from curate import storage
from curate.console import say
from curate.stage.plan import Plan
from curate.stage.record import StageRecord

PATIENCE_S = 2.0  # a shorter stage shows no bar
POLL_S = 0.25
STORE_POLL_S = 5.0  # each look is a listing


class Progress:
    """Reports to a console; silent where it has none."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console
        self._started = 0.0

    def skipped(self, plan: Plan) -> None:
        """A stage that was done before."""
        self.say(f"{plan.stage:9} done before")

    def done(self, record: StageRecord) -> None:
        """A stage that is now closed."""
        counts = record.counts
        failed = f", {counts.failed:,} failed" if counts.failed else ""
        spent = time.monotonic() - self._started if self._started else 0.0
        self.say(f"{record.stage:9} read {counts.read:,}, kept {counts.kept:,}{failed} in {spent:.1f} s")

    def say(self, line: str) -> None:
        """Print a line."""
        if self.console:
            say(self.console, line)

    @contextmanager
    def watching(self, plan: Plan) -> Iterator[None]:
        """Show the stage's finished parts until the block ends."""
        self._started = time.monotonic()
        if not self.console or not self.console.is_terminal:
            yield
            return
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(plan, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _watch(self, plan: Plan, over: threading.Event) -> None:
        if over.wait(PATIENCE_S):
            return
        columns = (TextColumn("{task.description:9}"), BarColumn(), MofNCompleteColumn())
        with Bar(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console, transient=True) as bar:
            task = bar.add_task(plan.stage, total=len(plan.items))
            while not over.wait(STORE_POLL_S if storage.is_remote(plan.folder) else POLL_S):
                made = sum(name.endswith(".json") for name in storage.names(plan.folder / "receipts"))
                bar.update(task, completed=made)
