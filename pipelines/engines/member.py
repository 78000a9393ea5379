"""A process of a crew: calls a function with each task that it is sent."""

import os
import pickle
import queue
import socket
import threading
import traceback
from contextlib import suppress
from typing import IO, Any, NoReturn

from curate.extract.sandbox import shared
from curate.pipelines.engines import worker


def serve(stream: IO[bytes], runner: socket.socket) -> NoReturn:
    """Calls functions with the tasks that are sent, until the runner has ended or needs it no more.

    A message holds the number of a function, the function where it comes for the first time, and a task.
    """
    worker.set_up()
    received: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_work, args=(received, runner), daemon=True).start()  # the main thread hears of the end
    with suppress(OSError, EOFError):
        while True:
            received.put(pickle.load(stream))
    shared().close()
    os._exit(0)


def _work(received: "queue.SimpleQueue[Any]", runner: socket.socket) -> NoReturn:
    """Calls the function of each task, and sends what it returns or raises."""
    functions: dict[int, Any] = {}
    last = None
    while True:
        number, function, task = received.get()
        if function is not None:
            functions[number] = function
        if number != last:
            shared().close()  # other work has begun, which may need no extractor, and has use for its memory
        last = number
        try:
            answer, error = functions[number](task), None
        except BaseException as failure:
            answer, error = None, _portable(failure)
        runner.sendall(pickle.dumps((answer, error)))


def _portable(error: BaseException) -> BaseException:
    """Returns an error that another process can read: itself, or where that is impossible, one with its traceback."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
