"""The errors that a user can correct; the command line prints them as one line and exits with code 2, or as stated."""

import ast
import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

ALL = frozenset(("beam", "report", "tokenizers", "train"))  # the extras that `all` stands for

CAUSE = re.compile(
    r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt)): (.*?)(?: \[while running.*)?$", re.MULTILINE
)  # a line of a trace that names an exception


# What the machine sets a limit to, so that no file is at fault which was only read; some have a mend.
LIMITS = {
    errno.ENOSPC: "",
    errno.EDQUOT: "",
    errno.EROFS: "",
    errno.EFBIG: " (ulimit -f tells the limit, unless it is the file system's)",
    errno.EMFILE: "; raise the limit with ulimit -n",
    errno.ENFILE: "; the whole machine has too many open",
}
QUOTED = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
# A line of a trace that names an error of the operating system: its class, number and file.
SYSTEM = re.compile(rf"(\w+): \[Errno (\d+)\] [^\n]*?(?:: ({QUOTED}))?(?: \[while running[^\n]*)?$", re.MULTILINE)


class WriteError(OSError):
    """A file that could not be written; `filename` is its path."""


class UserError(ValueError):
    """A request of the user that cannot be carried out; the message says in one line why, and what to do instead."""


class StrictError(RuntimeError):
    """A warning after work has begun, which `--strict` makes an error; the command line exits with code 1."""


class SettingsError(UserError):
    """A setting or an input that cannot be used; the message is one line that names it."""


class OlderOutput(UserError):
    """An output that an older version of curate made, in a form that this one does not read."""


class DamageError(UserError):
    """A file that does not hold what its record states; the message is one line that names the file and the mend."""


def install(extras: Sequence[str]) -> str:
    """Returns the command that installs extras of this package, as README gives it.

    >>> install(["train", "beam"]), install(["beam", "report", "train"])
    ("pip install '.[beam,train]' in curate's checkout", "pip install '.[all]' in curate's checkout")
    """
    wanted = {*extras}
    if {"beam", "report", "train"} <= wanted:
        wanted = wanted - ALL | {"all"}
    return f"pip install '.[{','.join(sorted(wanted))}]' in curate's checkout"


@contextmanager
def writing(path: object, draft: object = None) -> Iterator[None]:
    """Raises WriteError with this path where the block meets a limit of the machine, or cannot write the draft.

    path: what the block writes; draft: the name under which it does so. Another file may be read meanwhile: an error
    of its own stays as it is.
    """
    try:
        yield
    except WriteError as error:
        if draft is None or os.path.basename(str(draft)) not in str(error.filename):
            raise
        raise WriteError(error.errno, error.strerror, str(path)) from error
    except OSError as error:
        ours = error.filename is not None and str(error.filename) in (str(path), str(draft))
        if error.errno is None or not (error.errno in LIMITS or ours):
            raise
        raise WriteError(error.errno, os.strerror(error.errno), str(path)) from error


def of_the_machine(error: BaseException) -> bool:
    """Returns whether a limit of the machine is at fault, not the file that was read."""
    return isinstance(error, OSError) and error.errno in LIMITS


def system_error(error: BaseException) -> OSError | None:
    """Returns the error of the operating system that this error is, or that its text, a worker's trace, names."""
    if isinstance(error, OSError):
        return error if error.errno is not None else None
    if not (traced := SYSTEM.findall(str(error))):
        return None
    kind, number, name = traced[-1]
    file = ast.literal_eval(name) if name else None
    return (WriteError if kind == "WriteError" else OSError)(int(number), os.strerror(int(number)), file)


def one_line(error: BaseException) -> str:
    """Returns an error as one line; of a worker's trace, which Beam wraps, the last line that names an exception."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, UserError):
        return text
    if system := system_error(error):
        return _of_the_system(system)
    causes = CAUSE.findall(text)
    name, message = causes[-1] if "\n" in text and causes else (type(error).__name__, text.splitlines()[0])
    return f"{message} ({name})"


def _of_the_system(error: OSError) -> str:
    reason = os.strerror(error.errno or 0) + LIMITS.get(error.errno or 0, "")
    if isinstance(error, WriteError):
        return f"{error.filename}: cannot be written: {reason}"
    named = error.filename is not None and error.errno not in (errno.EMFILE, errno.ENFILE)  # any file met those two
    return f"{error.filename}: {reason}" if named else reason
