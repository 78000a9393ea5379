"""Reports the progress of a run: one line per stage, and on a terminal a bar that counts receipts."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from curate import storage
from curate.console import say
from curate.errors import SettingsError, StrictError
from curate.pipelines.engines.warnings import Warned
from curate.stage.plan import Plan
from curate.stage.record import StageRecord

PATIENCE_S = 2.0  # a shorter stage shows no bar
POLL_S = 0.25
STORE_POLL_S = 5.0  # each poll of an object store is a listing


class Progress:
    """Reports progress to a console; without a console it prints nothing.

    strict: a warning is an error.
    """

    def __init__(self, console: Console | None = None, *, strict: bool = False) -> None:
        self.console, self.strict = console, strict
        self._started = 0.0
        self._worked = False  # a stage has begun, or an earlier run has finished it

    def skipped(self, plan: Plan) -> None:
        """Reports a stage that an earlier run has finished."""
        self._worked = True
        self.say(f"{plan.stage:9} done before")

    def done(self, record: StageRecord) -> None:
        """Reports a stage that is now closed, with its counts and the time it took."""
        counts = record.counts
        failed = f", {counts.failed:,} failed" if counts.failed else ""
        seconds = time.monotonic() - self._started if self._started else 0.0
        self.say(f"{record.stage:9} read {counts.read:,}, kept {counts.kept:,}{failed} in {seconds:.1f} s")

    def warn(self, message: str, mend: str) -> None:
        """Prints a warning: what happened and what was done about it, and the setting that changes it.

        If strict, raises it instead: SettingsError before any work, StrictError after a stage, which stays as it is.
        """
        self.warn_all([Warned(message, mend)])

    def warn_all(self, warnings: Iterable[Warned]) -> None:
        """Prints several warnings; if strict, prints all but the first, and raises that."""
        first, *others = [f"{message}; {mend}" for message, mend in warnings] or [""]
        for line in others if self.strict else (first, *others):
            if line:
                self.say(f"warning: {line}")
        if first and self.strict:
            raise (StrictError if self._worked else SettingsError)(f"{first} (an error by --strict)")

    def say(self, line: str) -> None:
        """Prints a line."""
        if self.console:
            say(self.console, line)

    @contextmanager
    def watching(self, plan: Plan) -> Iterator[None]:
        """Shows the number of the stage's finished parts until the block ends."""
        self._started = time.monotonic()
        self._worked = True
        if not self.console or not self.console.is_terminal:
            yield
            return
        ended = threading.Event()
        thread = threading.Thread(target=self._watch, args=(plan, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _watch(self, plan: Plan, ended: threading.Event) -> None:
        if ended.wait(PATIENCE_S):
            return
        columns = (TextColumn("{task.description:9}"), BarColumn(), MofNCompleteColumn())
        with Bar(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console, transient=True) as bar:
            task = bar.add_task(plan.stage, total=len(plan.items))
            while not ended.wait(STORE_POLL_S if storage.is_remote(plan.folder) else POLL_S):
                made = sum(name.endswith(".json") for name in storage.names(plan.folder / "receipts"))
                bar.update(task, completed=made)
