"""Makes the parts of stages in forked processes: each takes the next item as soon as it is free.

Beam's local runner divides the items among its worker processes before they begin, so that one may wait for another,
and starts them and its servers again for each stage. A crew has neither cost: its processes stay from stage to stage,
and one that finds no task left works ahead, for the stages behind, while the others are still at theirs. A stage whose
items a crew takes has no graph.
"""

import heapq
import pickle
import socket
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import IO, Any, Protocol

from curate.pipelines.engines.nursery import MEMBER, Nursery

UNREADABLE = "what a worker process answered cannot be read here"
LOST = "a worker ended: a worker process ended before its work did"

_current: "Crew | None" = None  # that of the pipeline which is built or runs in this process


class Ahead(Protocol):
    """Work that can be done for later stages before they begin: a function of tasks, which the processes call."""

    def __call__(self, task: Any) -> None:
        """Does one task."""

    def after(self, task: Any) -> Any:
        """Returns the task that can be done once another is, of the stage or ahead; None for none. Tasks have order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A task, and the function to call with it."""

    function: int  # its number
    task: Any
    is_ahead: bool = False


class Member:
    """One process of a crew."""

    def __init__(self, nursery: Nursery) -> None:
        self._socket = nursery.call({MEMBER: "1"})
        self._answers: IO[bytes] = self._socket.makefile("rb")
        self._has: set[int] = set()  # the functions that were sent
        self.is_lost = False

    def work(self, order: Order, function: Any) -> tuple[Any, BaseException | None]:
        """Has the process call the function with a task; returns what it returned, and the error that it raised."""
        message = (order.function, None if order.function in self._has else function, order.task)
        try:
            self._socket.sendall(pickle.dumps(message))
            self._has.add(order.function)
            answer, error = pickle.load(self._answers)
        except (OSError, EOFError, pickle.UnpicklingError):
            self.is_lost = True
            return None, RuntimeError(LOST)
        except Exception as failure:  # the class of an answer or an error may be none of this process
            self.is_lost = True
            return None, RuntimeError(f"{UNREADABLE}: {type(failure).__name__}: {failure}")
        return answer, error

    def end(self) -> None:
        """Ends the process, whatever it does."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the process, and closes what leads to it; nothing waits for its answer any more."""
        self.end()
        self._answers.close()
        self._socket.close()


class Crew:
    """A number of processes that call one function, each with one task after another."""

    def __init__(self, nursery: Nursery, size: int) -> None:
        self._nursery, self.size = nursery, size
        self._numbers = count()  # of functions
        self._changed = threading.Condition()
        self._functions: dict[int, Any] = {}  # of the stage: that which makes its parts, and what is done ahead
        self._tasks: deque[Order] = deque()
        self._in_work = 0  # tasks of the stage
        self.ahead: Ahead | None = None  # what a process does for which no task is left, until the last one is done
        self._ahead_number = -1
        self._ahead_tasks: list[Any] = []  # a heap
        self._results: dict[Hashable, Any] = {}
        self._error: BaseException | None = None
        self._members: list[Member] = []
        self._threads: list[threading.Thread] = []

    @property
    def works(self) -> bool:
        """Returns whether it was given tasks, and is not done with them."""
        return bool(self._threads)

    @property
    def is_ready(self) -> bool:
        """Returns whether it has processes that wait for tasks."""
        return bool(self._members) and not self.works

    def begin(self, function: Callable[[Any], Any], tasks: Iterable[Hashable]) -> None:
        """Has the processes, which are started if need be, call the function with each of the tasks, in their order."""
        number, self._ahead_number = next(self._numbers), next(self._numbers)
        self._functions = {number: function, self._ahead_number: self.ahead}
        self._tasks = deque(Order(function=number, task=task) for task in tasks)
        self._ahead_tasks = []
        self._results, self._error = {}, None
        size = min(self.size, len(self._tasks))
        self._members += [Member(self._nursery) for _ in range(len(self._members), size)]
        self._threads = [
            threading.Thread(target=self._lead, args=(member,), daemon=True) for member in self._members[:size]
        ]
        for thread in self._threads:
            thread.start()

    def wait(self) -> dict[Hashable, Any]:
        """Waits for all tasks; returns the answers by task, and raises the first error of any task at once."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or not (self._tasks or self._in_work))
            if self._error is not None:
                raise self._error
            return self._results

    def finish(self) -> None:
        """Waits for what the processes still do; they stay for the next stage."""
        for thread in self._threads:
            thread.join()
        self._threads = []
        for member in self._members:
            if member.is_lost:
                member.close()
        self._members = [member for member in self._members if not member.is_lost]

    def close(self) -> None:
        """Ends the processes, whatever they do."""
        for member in self._members:
            member.end()
        self.finish()
        for member in self._members:
            member.close()
        self._members = []

    def _lead(self, member: Member) -> None:
        """Hands tasks to one process until there are no more, or one has failed."""
        while not member.is_lost and (order := self._next()):
            answer, error = member.work(order, self._functions[order.function])
            with self._changed:
                self._in_work -= not order.is_ahead
                if order.is_ahead and error is not None:
                    self.ahead, self._ahead_tasks = None, []  # its own stage does it again, and reports what fails
                elif error is not None:
                    self._error = self._error or error
                elif not order.is_ahead:
                    self._results[order.task] = answer
                if error is None and self.ahead and (task := self.ahead.after(order.task)) is not None:
                    heapq.heappush(self._ahead_tasks, task)
                self._changed.notify_all()

    def _next(self) -> Order | None:
        """Waits for something to do: a task, and where all are taken, what can be done ahead meanwhile."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._error is not None or self._tasks or not self._in_work or self._ahead_tasks
            )
            if self._error is not None:
                return None
            if self._tasks:
                self._in_work += 1
                return self._tasks.popleft()
            if self._in_work:
                return Order(function=self._ahead_number, task=heapq.heappop(self._ahead_tasks), is_ahead=True)
            return None


@contextmanager
def serving(crew: Crew | None, ahead: Ahead | None = None) -> Iterator[None]:
    """Makes a crew that of this process during the block; where the block fails, its processes end.

    ahead: what its processes do for which there is no task left, until the last task is done.
    """
    global _current
    _current = crew
    if crew:
        crew.ahead = ahead
    try:
        yield
        if crew:
            crew.finish()
    except BaseException:
        if crew:
            crew.close()
        raise
    finally:
        _current = None


def current() -> Crew | None:
    """Returns the crew that the pipeline of this process may give its items to; None where workers are Beam's own."""
    return _current
