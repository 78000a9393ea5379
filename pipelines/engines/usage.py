"""Measures the CPU time that the workers of a stage take, and so the share of their time in which they are idle."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # of a second, in which the system counts CPU time


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The time of a stage and of its workers; where others use the machine too, a wait for a core counts as idle."""

    wall: float  # seconds that the stage ran
    busy: float  # CPU seconds of all workers
    workers: int

    @property
    def idle(self) -> float:
        """The share of the workers' time that was not CPU time, from 0 to 1."""
        whole = self.wall * self.workers
        return min(1.0, max(0.0, 1 - self.busy / whole)) if whole else 0.0


def total(usages: list[Usage], wall: float) -> Usage:
    """Returns the usage of all stages of a run that took `wall` seconds."""
    busy, workers = sum(usage.busy for usage in usages), max((usage.workers for usage in usages), default=0)
    return Usage(wall=wall, busy=busy, workers=workers)


def cpu_seconds(root: int, *, with_root: bool) -> float | None:
    """Returns the CPU seconds of the processes below one, and of all that these have waited for.

    None where the system has no list of processes to read. A process that has ended counts until its parent knows.
    """
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            values = path.read_text().rpartition(")")[2].split()
            pid = int(path.parent.name)
            ticks[pid] = sum(map(int, values[11:15]))  # user and system, its own and of children it has waited for
            children.setdefault(int(values[1]), []).append(pid)
    if root not in ticks:
        return None
    below = [*children.get(root, [])]
    for pid in below:  # which grows by the children of each
        below += children.get(pid, [])
    return sum(ticks[pid] for pid in [*below, *([root] if with_root else [])]) / TICKS
