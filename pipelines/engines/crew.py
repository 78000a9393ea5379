"""Makes the parts of a stage in forked processes: each takes the next item as soon as it is free.

Beam's local runner divides the items among its worker processes before they begin, so that one may wait for another,
and starts them and its servers again for each stage. A crew has neither cost. Its work begins while the graph of the
stage is still made; in the graph, the step that would make a part waits for the crew's answer.
"""

import pickle
import queue
import socket
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from curate.pipelines.engines.nursery import MEMBER, Nursery

UNREADABLE = "what a worker process answered cannot be read here"
LOST = "a worker ended: a worker process ended before its work did"

_current: "Crew | None" = None  # that of the pipeline which is built or runs in this process


class Crew:
    """A number of processes that call one function, each with one task after another."""

    def __init__(self, nursery: Nursery, count: int) -> None:
        self._nursery, self._count = nursery, count
        self._tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._results: dict[Hashable, Any] = {}
        self._error: BaseException | None = None
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def works(self) -> bool:
        """Returns whether it was given tasks."""
        return bool(self._threads)

    def begin(self, function: Callable[[Any], Any], tasks: Iterable[Hashable]) -> None:
        """Starts the processes, which call the function with each of the tasks, in their order."""
        first = pickle.dumps(function)
        for task in tasks:
            self._tasks.put(task)
        for _ in range(min(self._count, self._tasks.qsize())):
            member = self._nursery.call({MEMBER: "1"})
            self._sockets.append(member)
            self._threads.append(threading.Thread(target=self._lead, args=(member, first), daemon=True))
        for thread in self._threads:
            thread.start()

    def result(self, task: Hashable) -> Any:
        """Waits for a task and returns what the function returned; raises the first error of any task at once."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or task in self._results)
            if self._error is not None:
                raise self._error
            return self._results[task]

    def close(self) -> None:
        """Ends the processes, whatever they do."""
        for member in self._sockets:
            with suppress(OSError):
                member.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for member in self._sockets:
            member.close()

    def _lead(self, member: socket.socket, first: bytes) -> None:
        """Hands tasks to one process until there are no more, or one has failed; first: what it is sent before them."""
        with suppress(queue.Empty), member.makefile("rb") as answers:
            while self._error is None:
                task = self._tasks.get_nowait()
                try:
                    member.sendall(first + pickle.dumps(task))
                    answer, error = pickle.load(answers)
                except (OSError, EOFError, pickle.UnpicklingError):
                    answer, error = None, RuntimeError(LOST)
                except Exception as failure:  # the class of an answer or an error may be none of this process
                    answer, error = None, RuntimeError(f"{UNREADABLE}: {type(failure).__name__}: {failure}")
                first = b""
                with self._changed:
                    self._results[task], self._error = answer, self._error or error
                    self._changed.notify_all()
        with suppress(OSError):
            member.shutdown(socket.SHUT_RDWR)  # the process ends, and with it its extractor


@contextmanager
def serving(crew: Crew | None) -> Iterator[None]:
    """Makes a crew that of this process during the block, and ends it."""
    global _current
    _current = crew
    try:
        yield
    finally:
        _current = None
        if crew:
            crew.close()


def current() -> Crew | None:
    """Returns the crew that the pipeline of this process may give its items to; None where workers are Beam's own."""
    return _current
