"""Measures the progress and the speed of a stage that runs, from its receipts and its heartbeats.

On a store the receipts are read from their copies, a file of which each worker writes. Where there are many workers of
few parts each, the process that launched them joins their files, so that a resume and a closing read few of them.
"""

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import Literal

from curate import storage
from curate.stage import heartbeat
from curate.stage.heartbeat import Beat, Heartbeat
from curate.stage.plan import Plan
from curate.stage.receipts import (
    COPIED,
    Copy,
    Counts,
    Receipt,
    as_line,
    as_receipt,
    gathered_lines,
    is_copies,
    new_copies,
    of_line,
    read_copies,
    stamp_of,
    write_copies,
)
from curate.storage.identity import Fact

WINDOW_S = 30.0  # the least time over which a rate is taken; it is half of the time that a stage has run, if longer
SAMPLES = 100  # sights that are kept of that time, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The progress of a stage at one moment; no number of a stage ever falls."""

    stage: str
    parts: int  # that are whole
    items: int  # that were planned, each to make a part
    done: int  # bytes of the items that are read, those of unfinished parts too; of lots the URLs that have an outcome
    total: int
    unit: Literal["bytes", "URLs"] = "bytes"
    read: int = 0
    kept: int = 0
    rejected: int = 0
    failed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)  # rejections by reason, the most frequent first
    step: str = ""  # what comes before the parts, in a stage of several steps
    step_done: int = 0  # bytes of the items that went through that step
    workers: int = 0  # processes that have given a sign of life

    @property
    def kept_share(self) -> float | None:
        """Returns the share of the records judged so far that was kept; None where none was judged."""
        judged = self.kept + self.rejected
        return self.kept / judged if judged else None


class Tally:
    """Measures a stage by its folder; it may be asked again and again, and reads each receipt once.

    joins: it joins the copies of receipts in a store, too, as may only a process that no closing overtakes.
    """

    def __init__(self, plan: Plan, *, joins: bool = False) -> None:
        self.plan = plan
        self._joins = joins
        amounts = [(item.form == "lot", item.urls, item.size) for item in plan.items]
        lots = all(is_lot for is_lot, _, _ in amounts)
        self._sizes = [urls if lots else size for _, urls, size in amounts]
        self._keys = [bytes.fromhex(plan.part_key(item)) for item in plan.items]
        self._unit: Literal["bytes", "URLs"] = "URLs" if lots and plan.items else "bytes"
        self._counts = Counts()
        self._read: set[str] = set()  # names of receipts
        self._gathered = False  # whether those that lie together are read
        self._files: dict[str, Fact] = {}  # of copies, as they were when they were read
        self._joined: set[str] = set()  # files of copies that it has written
        self._to_join: list[Copy] = []
        self._made: set[int] = set()
        self._beats: dict[int, Beat] = {}  # the furthest of each unfinished part
        self._steps: dict[str, dict[str, tuple[int, int]]] = {}  # by file of heartbeats, then by step
        self._step, self._step_done = "", 0
        self._last: Sight | None = None

    def look(self) -> Sight:
        """Reads what has changed, and returns the progress now."""
        beats = self._heartbeats()  # first: where one has gone since, its part has a receipt by now
        made = len(self._made)
        self._read_receipts()
        self._last = self._never_less(self._sight(beats, made))
        return self._last

    def _heartbeats(self) -> dict[str, Heartbeat]:
        if storage.is_remote(self.plan.folder):
            return {}
        stored = {file.name: heartbeat.read(file) for file in heartbeat.files(self.plan.folder)}
        return {name: beat for name, beat in stored.items() if beat}

    def _read_receipts(self) -> None:
        """Adds the receipts that were not there at the last look; the gathered ones are those of a stage made anew."""
        folder, items = self.plan.folder, self.plan.items
        if not self._gathered:
            self._gathered = True
            for line in gathered_lines(folder):
                self._add(of_line(line))
        facts = storage.listed(folder / "receipts") if storage.is_remote(folder) else {}
        self._read_copies(facts)
        names = (facts.keys() or storage.names(folder / "receipts")) - self._read
        new = [name for name in sorted(names) if name[:-5].isdecimal() and int(name[:-5]) < len(items)]
        for name, content in zip(new, storage.contents(folder / "receipts" / name for name in new), strict=True):
            self._add_single(name, as_receipt(content), stamp_of(facts.get(name)))
        if len(self._to_join) >= COPIED and len(self._made) < len(items):
            self._join()

    def _read_copies(self, facts: dict[str, Fact]) -> None:
        """Adds the receipts of a store that have copies, as far as these are of what the listing shows."""
        changed = {name: fact for name, fact in facts.items() if is_copies(name) and self._files.get(name) != fact}
        for copy in read_copies(self.plan.folder / "receipts" / name for name in changed.keys() - self._joined):
            receipt = of_line(copy.line)
            name = f"{receipt.number:05d}.json" if receipt else ""
            if name not in self._read and copy.stamp == stamp_of(facts.get(name)):
                self._add_single(name, receipt, copy.stamp)
        self._files |= changed

    def _add_single(self, name: str, receipt: Receipt | None, stamp: str) -> None:
        """Adds a single receipt, once; stamp: as the listing of a store states it."""
        if receipt and self._add(receipt):
            self._read.add(name)
            if self._joins and stamp:
                self._to_join.append(Copy(stamp=stamp, line=as_line(receipt)))

    def _join(self) -> None:
        """Writes the copies that were read since the last time as one file, and removes the files that held them.

        A file that its worker has written over meanwhile comes back with the worker's next part.
        """
        folder, path = self.plan.folder / "receipts", new_copies(self.plan.folder)
        write_copies(path, self._to_join)
        self._joined.add(path.name)
        storage.remove(folder / name for name in self._files.keys() - self._joined)
        self._files, self._to_join = {}, []

    def _add(self, receipt: Receipt | None) -> bool:
        """Adds a receipt, once; returns whether it is one of the plan."""
        if receipt is None or not 0 <= receipt.number < len(self.plan.items):
            return False
        if receipt.number not in self._made:
            if receipt.key != self._keys[receipt.number].hex():
                return False
            self._made.add(receipt.number)
            self._counts.add(receipt.counts)
            self._beats.pop(receipt.number, None)
        return True

    def _sight(self, heartbeats: dict[str, Heartbeat], made: int) -> Sight:
        active = [beat for stored in heartbeats.values() for beat in stored.beats]
        for beat in active:
            last = self._beats.get(beat.number)
            if not beat.step and beat.number not in self._made and not (last and last.share > beat.share):
                self._beats[beat.number] = beat
        self._steps |= {name: stored.steps for name, stored in heartbeats.items()}
        self._enter_step(active, made)
        parts = [beat for beat in self._beats.values() if beat.number < len(self._sizes)]
        reasons = Counter(self._counts.reasons)
        for beat in parts:
            reasons.update(beat.reasons or {})
        return Sight(
            stage=self.plan.stage,
            parts=len(self._made),
            items=len(self.plan.items),
            done=sum(self._sizes[number] for number in self._made)
            + sum(int(beat.share * self._sizes[beat.number]) for beat in parts),
            total=sum(self._sizes),
            unit=self._unit,
            read=self._counts.read + sum(beat.read for beat in parts),
            kept=self._counts.kept + sum(beat.kept for beat in parts),
            rejected=self._counts.rejected + sum(beat.rejected for beat in parts),
            failed=self._counts.failed,
            reasons=dict(reasons.most_common()),
            step=self._step,
            step_done=self._step_done,
            workers=len(heartbeats),
        )

    def _enter_step(self, active: list[Beat], made: int) -> None:
        """Sets the step that the stage is in, and its progress; there is no step while parts are being made."""
        steps = [beat for beat in active if beat.step]
        if len(steps) < len(active) or len(self._made) > made:
            self._step, self._step_done = "", 0
        elif steps:
            step = steps[-1].step
            ended = sum(stored.get(step, (0, 0))[1] for stored in self._steps.values())
            under_way = sum(int(beat.share * beat.size) for beat in steps if beat.step == step)
            before = self._step_done if step == self._step else 0
            self._step, self._step_done = step, max(before, ended + under_way)

    def _never_less(self, sight: Sight) -> Sight:
        """Returns the progress with no number below the last one; a part that failed half way would lower it."""
        last = self._last or sight
        numbers = ("done", "read", "kept", "rejected", "failed")
        return replace(sight, **{name: max(getattr(sight, name), getattr(last, name)) for name in numbers})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The speed of a stage."""

    documents: float  # a second
    amount: float  # bytes or URLs a second
    left_s: float | None  # about how long it takes from now (s); None where it stands still


class Pace:
    """Takes the rates of a stage over the second half of the time that it has run, and at least over WINDOW_S."""

    def __init__(self) -> None:
        self._step: str | None = None
        self._moved = False
        self._sights: deque[tuple[float, int, int]] = deque()  # time (s), bytes or URLs, documents
        self._began = 0.0

    def add(self, sight: Sight, now: float) -> Rate | None:
        """Adds a measurement, and returns the rate; None while nothing has moved yet. now: a monotonic time (s)."""
        done = sight.step_done if sight.step else sight.done
        if sight.step != self._step:
            self._step, self._began, self._moved = sight.step, now, False
            self._sights.clear()
        elif not self._moved and (done, sight.read) != self._sights[0][1:]:
            self._moved = True
            if sight.workers:  # the first sight of work is the start, as workers began at some time before
                self._began = now
                self._sights.clear()
        elif not self._moved:  # workers are starting
            self._began = now
            self._sights.clear()
        window = max(WINDOW_S, (now - self._began) / 2)
        if not self._sights or now - self._sights[-1][0] >= window / SAMPLES:
            self._sights.append((now, done, sight.read))
        while len(self._sights) > 2 and self._sights[1][0] <= now - window:
            self._sights.popleft()
        then, done_then, read_then = self._sights[0]
        if not self._moved or now <= then or (done, sight.read) == (done_then, read_then):
            return None
        amount = (done - done_then) / (now - then)
        left = (sight.total - done) / amount if amount else None
        return Rate(documents=(sight.read - read_then) / (now - then), amount=amount, left_s=left)
