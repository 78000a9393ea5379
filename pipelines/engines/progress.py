"""Reports the progress of a run: a line per stage, and the current activity as a bar on a terminal or as plain lines.

A thread looks at the receipts and the heartbeats of the stage that runs, some times a second. It shows what it sees,
and notes it in the file of the attempt, from which `curate status` reads it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from curate import storage
from curate.console import plain, say
from curate.errors import SettingsError, StrictError
from curate.pipelines.engines.usage import Usage, total
from curate.pipelines.engines.warnings import Warned
from curate.stage import heartbeat, wording
from curate.stage.attempt import Ledger
from curate.stage.plan import Plan
from curate.stage.record import StageRecord
from curate.stage.tally import Pace, Rate, Sight, Tally
from curate.stage.wording import Field

PATIENCE_S = 0.2  # what takes less time is not shown
DRAW_S = 0.25
LOOK_S = 0.5
STORE_LOOK_S = 5.0  # each look at a store is a listing
LOOKS_A_TIME = 20  # a look that takes long is followed by a pause this many times as long
FIRST_LINE_S = 5.0  # without a terminal
LINE_S = 30.0
NOTE_S = 2.0  # between notes in the file of the attempt
SHOWN_S = 0.5  # a stage that took less is not named in the line of the workers
RATED_S = 5.0  # a stage that took less has no rate in its last line
NAME, BAR = 9, (8, 30)  # characters of a name at least, and of the bar at least and at most
GLYPHS, PLAIN_GLYPHS = ("━", "╸"), ("#", "")  # a full and a half cell of the bar; where the terminal knows only ASCII

Advance = Callable[[int], None]


class Topic:
    """An activity that is shown: its name and its progress; fields: makes the fields of a line of its own."""

    pause_s = 0.0  # until the next look

    def __init__(self, name: str, total: int = 0, fields: Callable[[], list[Field]] | None = None) -> None:
        self.name = name
        self._own_fields = fields
        self.began = time.monotonic()
        self.sight = Sight(stage=name, parts=0, items=0, done=0, total=total)
        self.rate: Rate | None = None
        self._pace = Pace()

    def advance(self, amount: int) -> None:
        """Adds bytes to what is done."""
        self.sight = replace(self.sight, done=self.sight.done + amount)

    def look(self) -> None:
        """Updates the rate from the current progress."""
        self.rate = self._pace.add(self.sight, time.monotonic())

    def fields(self) -> list[Field]:
        """Returns the fields of its line; where nothing can be measured, how long it takes so far."""
        if self._own_fields:
            return self._own_fields()
        fields = wording.fields(self.sight, self.rate)
        if wording.share(self.sight) is None:
            fields.append(Field(wording.duration(time.monotonic() - self.began), 1))
        return fields


class StageTopic(Topic):
    """A stage that runs; closes: this process closes it, once it is no longer shown."""

    def __init__(self, plan: Plan, *, closes: bool = False) -> None:
        super().__init__(plan.stage)
        self.plan = plan
        self.first: Sight | None = None  # before this attempt has made anything
        self._tally = Tally(plan, joins=closes)

    def look(self) -> None:
        """Measures the stage, unless a store does not answer, and updates the rate."""
        began = time.monotonic()
        with suppress(SettingsError), storage.one_line(str(self.plan.folder), "cannot look"):
            self.sight = self._tally.look()
            self.first = self.first or self.sight
        super().look()
        least = STORE_LOOK_S if storage.is_remote(self.plan.folder) else LOOK_S
        self.pause_s = max(least, LOOKS_A_TIME * (time.monotonic() - began))


class JobTopic(Topic):
    """A job of several stages, of which one runs."""

    def __init__(self, find: Callable[[], Plan | None], ledger: Ledger) -> None:
        super().__init__("planning")
        self.pause_s = LOOK_S
        self._find, self._ledger = find, ledger
        self._topic: StageTopic | None = None

    def look(self) -> None:
        """Finds the stage that runs, and measures it."""
        with suppress(SettingsError), storage.one_line("the output", "cannot look"):
            plan = self._find()
            if plan and (self._topic is None or self._topic.plan is not plan):
                self._topic = StageTopic(plan)
                self._ledger.note(stage=plan.stage, stage_since=_now())
        if self._topic:
            self._topic.look()
            self.name, self.sight, self.rate = self._topic.name, self._topic.sight, self._topic.rate
            self.pause_s = self._topic.pause_s


class Progress:
    """Reports progress to a console; without a console it prints nothing.

    strict: a warning is an error.
    """

    def __init__(self, console: Console | None = None, *, strict: bool = False) -> None:
        self.console, self.strict = console, strict
        self._worked = False  # a stage has begun, or an earlier run has finished it
        self._topics: list[Topic] = []  # the last is the one to show
        self._last: StageTopic | None = None
        self._display = Display(console)
        self._ledger = Ledger()
        self._began = time.monotonic()
        self._usages: list[tuple[str, Usage]] = []  # of the stages that have run

    @contextmanager
    def working(self, ledger: Ledger) -> Iterator[None]:
        """Shows the activities of the block, and notes them in a ledger; the first one is planning."""
        self._ledger = ledger
        ledger.begin()
        with self._shown(Topic("planning")):
            yield

    def skipped(self, plan: Plan) -> None:
        """Reports a stage that an earlier run has finished."""
        self._worked = True
        self.say(f"{plan.stage:9} done before")

    def done(self, record: StageRecord, usage: Usage | None = None) -> None:
        """Reports a stage that is now closed, with its counts, the time it took and its rates.

        usage: of its workers, if it is known.
        """
        if usage:
            self._usages.append((record.stage, usage))
        counts = record.counts
        failed = f", {counts.failed:,} failed" if counts.failed else ""
        topic = self._last
        seconds = time.monotonic() - topic.began if topic else 0.0
        rates = _mean_rates(topic, record, seconds) if topic and seconds >= RATED_S else ""
        time_taken = f" in {seconds:.1f} s{rates}" if topic else ""  # not known of a stage of one job
        self.say(f"{record.stage:9} read {counts.read:,}, kept {counts.kept:,}{failed}{time_taken}")

    def idle(self) -> None:
        """Reports the share of the workers' time, from the start of the command, in which they were idle."""
        wall = time.monotonic() - self._began
        if self._usages and wall >= RATED_S:
            stages = [(stage, usage) for stage, usage in self._usages if usage.wall >= SHOWN_S]
            whole = total([usage for _, usage in self._usages], wall)
            outside = wall - sum(usage.wall for _, usage in self._usages)
            of_stages = "".join(f"{stage} {usage.idle:.0%}, " for stage, usage in stages).replace("%", " %")
            share = f"{whole.idle:.0%}".replace("%", " %")
            self.say(
                f"workers   idle {share} of {whole.workers} x {wall:.1f} s ({of_stages}{outside:.1f} s between stages)"
            )

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
    def doing(self, name: str, total: int = 0) -> Iterator[Advance]:
        """Shows an activity during the block; yields the function that adds to its bytes. total: of bytes, if known."""
        topic = Topic(name, total)
        with self._shown(topic):
            self._ledger.note(doing=name)
            yield topic.advance
        self._ledger.note(doing="")

    @contextmanager
    def starting(self, name: str) -> Iterator[None]:
        """Shows an activity on a terminal during the block, without a thread, so that the block may fork."""
        self._display.draw_once(Topic(name))
        try:
            yield
        finally:
            self._display.clear()

    @contextmanager
    def watching(self, plan: Plan) -> Iterator[None]:
        """Shows the progress of a stage during the block, and notes it for `curate status`."""
        self._worked = True
        self._last = topic = StageTopic(plan, closes=True)
        self._ledger.note(stage=plan.stage, stage_since=_now(), doing="")
        try:
            with self._shown(topic):
                yield
        finally:
            heartbeat.clear(plan.folder)

    @contextmanager
    def following(self, ledger: Ledger, find: Callable[[], Plan | None]) -> Iterator[None]:
        """Shows the progress of one job, which works on stage after stage: of that whose plan `find` returns."""
        self._worked, self._ledger = True, ledger
        ledger.begin()
        with self._shown(JobTopic(find, ledger)):
            yield

    @contextmanager
    def _shown(self, topic: Topic) -> Iterator[None]:
        """Shows a topic in place of the last one during the block; the first starts the thread, and ends it."""
        self._topics.append(topic)
        if len(self._topics) > 1 or not (self.console or self._ledger.kept):
            try:
                yield
            finally:
                self._topics.pop()
                for above in self._topics[-1:]:
                    above.began = time.monotonic()
            return
        ended = threading.Event()
        thread = threading.Thread(target=self._show, args=(ended,), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self._topics.clear()
            self._display.clear()

    def _show(self, ended: threading.Event) -> None:
        look_at, note_at, shown = 0.0, 0.0, None
        while not ended.wait(DRAW_S if shown else PATIENCE_S):
            topic, now = self._topics[-1], time.monotonic()
            if topic is not shown or now >= look_at:
                topic.look()
                look_at, shown = now + topic.pause_s, topic
            with suppress(OSError):  # nobody reads any more
                self._display.show(topic)
            if now >= note_at:
                note_at = now + NOTE_S
                self._note(topic)

    def _note(self, topic: Topic) -> None:
        runs = isinstance(topic, StageTopic | JobTopic)
        rate = topic.rate if runs else None
        self._ledger.note(
            doing="" if runs else wording.line(topic.name, topic.fields()),
            documents_per_second=rate.documents if rate else None,
            amount_per_second=rate.amount if rate else None,
            left_s=rate.left_s if rate else None,
        )


class Display:
    """Shows topics on a console: as a bar that is drawn anew each time, or as a line from time to time."""

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._draws = console is not None and console.is_terminal and not console.is_dumb_terminal
        self._live: Live | None = None
        self._drawn = False
        self._lines: dict[Topic, float] = {}  # when the next line of a topic is due

    def show(self, topic: Topic) -> None:
        """Draws the bar, or prints a line if one is due."""
        if self._draws:
            self.draw(topic)
        elif self._console:
            now = time.monotonic()
            if now >= max(self._lines.get(topic, 0.0), topic.began + FIRST_LINE_S):
                self._lines[topic] = now + LINE_S
                say(self._console, wording.line(topic.name, topic.fields()))

    def draw(self, topic: Topic) -> None:
        """Draws the bar, if the console is a terminal."""
        if not self._console or not self._draws:
            return
        text = bar_line(topic, self._console.width - 1, _glyphs(self._console))
        if self._live is None:
            self._live = Live(text, console=self._console, auto_refresh=False, transient=True)
            self._live.start(refresh=True)
        else:
            self._live.update(text, refresh=True)

    def draw_once(self, topic: Topic) -> None:
        """Draws a topic that stays as it is until `clear`; the cursor is shown, and nothing is redirected."""
        if self._console and self._draws:
            self._console.print(bar_line(topic, self._console.width - 1, _glyphs(self._console)), end="")
            self._drawn = True

    def clear(self) -> None:
        """Removes the bar, and shows the cursor again."""
        live, self._live = self._live, None
        if live:
            live.stop()
        if self._console and self._drawn:
            self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
            self._drawn = False


def bar_line(topic: Topic, width: int, glyphs: tuple[str, str]) -> Text:
    """Returns a topic as one line of at most `width` characters: fields that do not fit are left out."""
    share = wording.share(topic.sight)
    head = f" {plain(topic.name):{NAME}}"
    least = BAR[0] + 1 if share is not None else 0
    fields = topic.fields()
    while (
        len(fields) > 1 and len(head) + least + sum(max(len(field.text), field.width) + 2 for field in fields) > width
    ):
        fields.remove(max(fields, key=lambda field: field.rank))
    tail = "".join(f"  {field.text:{field.width}}" for field in fields)
    text = Text(head, no_wrap=True, overflow="crop", end="")
    if share is not None and len(head) + least + len(tail) <= width:
        cells = min(BAR[1], width - len(head) - len(tail) - 1)
        halves = int(2 * cells * share)
        full, half = glyphs
        text.append(f" {full * (halves // 2)}{half * (halves % 2)}".ljust(cells + 1), style="cyan")
    text.append(tail.rstrip())
    text.truncate(max(1, width))
    return text


def _glyphs(console: Console) -> tuple[str, str]:
    """Returns what a bar is drawn with, which the terminal's encoding can hold."""
    try:
        "".join(GLYPHS).encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return PLAIN_GLYPHS
    return GLYPHS


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _mean_rates(topic: StageTopic, record: StageRecord, seconds: float) -> str:
    """Returns the mean rates of an attempt at a stage, for the last line of the stage."""
    first = topic.first
    read = record.counts.read - (first.read if first else 0)
    amount = topic.sight.total - (first.done if first else 0)
    docs = f", {wording.number(read / seconds)} docs/s" if topic.sight.unit == "bytes" and read > 0 else ""
    return f"{docs}, {wording.size(amount / seconds)}/s" if docs and amount > 0 else docs
