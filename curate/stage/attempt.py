"""The attempt: what one process says of its work on an output, in a file there, for who asks from another process.

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
    """What is said of an attempt. Times are in UTC, as ISO 8601 has them."""

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
    """Writes the file of an attempt. folder: None keeps none."""

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
        """Writes the file, and names it to `cli/supervisor.py`, which says there if the process is killed."""
        self.note()
        scratch = os.environ.get("CURATE_SCRATCH")
        if self._path and scratch:
            with suppress(OSError):
                Path(scratch, "attempt").write_bytes(os.fsencode(self._path.absolute()))

    def note(self, **values: object) -> None:
        """Changes fields of the attempt and writes them; a disk that is full costs the note alone."""
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

        A mistake of the user's before any stage began changes nothing: what the file held before is put back.
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
    """Reads what the last attempt at a local output has left; None where there is nothing that can be read."""
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
