"""The attempt: the record of one process's work on an output, in a file there that `curate status` reads.

The file is written once the output is locked and claimed, every few seconds while a stage runs, and when the attempt
fails; an attempt that succeeds removes it. On a store there is none.
"""

import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from curate import storage
from curate.errors import UserError, one_line

NAME = ".curate-attempt.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The record of an attempt. Times are in UTC, in ISO 8601."""

    pid: int
    host: str
    command: str
    cwd: str
    since: str
    seen: str  # when this was written
    stage: str = ""  # that runs or ran last
    stage_since: str = ""
    doing: str = ""  # what else is being done
    documents_per_second: float | None = None  # of the stage
    amount_per_second: float | None = None  # bytes, or URLs of a crawl
    left_s: float | None = None  # about how long the stage still takes, when this was written
    ended: str = ""  # when it failed
    error: str = ""


class Ledger:
    """Writes the file of an attempt. folder: the output; None for no file."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = folder / NAME if folder and not storage.is_remote(folder) else None
        self._before = _content(self._path)  # what an earlier attempt has left
        now = _now()
        words = [Path(sys.argv[0]).name, *sys.argv[1:]]
        self.attempt = Attempt(
            pid=os.getpid(), host=socket.gethostname(), command=shlex.join(words), cwd=os.getcwd(), since=now, seen=now
        )

    @property
    def kept(self) -> bool:
        """Returns whether there is a file."""
        return self._path is not None

    def begin(self) -> None:
        """Writes the file, and gives its path to `cli/supervisor.py`, which notes there if the process is killed."""
        self.note()
        scratch = os.environ.get("CURATE_SCRATCH")
        if self._path and scratch:
            with suppress(OSError):
                Path(scratch, "attempt").write_bytes(os.fsencode(self._path.absolute()))

    def note(self, **values: object) -> None:
        """Changes fields of the attempt and writes the file; an error of the disk is ignored."""
        self.attempt = replace(self.attempt, **values, seen=_now())  # type: ignore[arg-type]
        if self._path:
            with suppress(OSError):
                draft = storage.draft(self._path)
                try:
                    draft.write_text(json.dumps(asdict(self.attempt), indent=1))
                    draft.replace(self._path)
                finally:
                    draft.unlink(missing_ok=True)

    def close(self, error: BaseException | None) -> None:
        """Ends the attempt: removes the file, or leaves the error there.

        After a mistake of the user's before any stage began, the file is put back as it was.
        """
        if not self._path:
            return
        if error is None:
            self._path.unlink(missing_ok=True)
        elif isinstance(error, UserError) and not self.attempt.stage:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
                if self._before:
                    self._path.write_bytes(self._before)
        else:
            self.note(ended=_now(), error="interrupted" if isinstance(error, KeyboardInterrupt) else one_line(error))


@contextmanager
def recorded(out: Path) -> Iterator[Ledger]:
    """Yields the ledger of an attempt at a local output, and closes it at the end of the block, however that ends."""
    ledger = Ledger(out)
    try:
        yield ledger
    except BaseException as error:
        ledger.close(error)
        raise
    ledger.close(None)


def read(out: Path) -> Attempt | None:
    """Returns the record of the last attempt at a local output; None if there is none that can be read."""
    names = {field.name for field in fields(Attempt)}
    try:
        stored = json.loads(_content(out / NAME) or b"")
        return Attempt(**{name: value for name, value in stored.items() if name in names})
    except (ValueError, TypeError, AttributeError):
        return None


def _content(path: Path | None) -> bytes | None:
    return storage.contents([path])[0] if path else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
