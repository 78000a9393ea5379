"""The errors that a user can correct; the command line prints them as one line and exits with code 2, or as stated."""

import re
from collections.abc import Sequence

ALL = frozenset(("beam", "report", "tokenizers", "train"))  # the extras that `all` stands for

CAUSE = re.compile(
    r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt)): (.*?)(?: \[while running.*)?$", re.MULTILINE
)  # a line of a trace that names an exception


class UserError(ValueError):
    """A request of the user that cannot be carried out; the message says in one line why, and what to do instead."""


class StrictError(RuntimeError):
    """A warning after work has begun, which `--strict` makes an error; the command line exits with code 1."""


class SettingsError(UserError):
    """A setting or an input that cannot be used; the message is one line that names it."""


class OlderOutput(UserError):
    """An output that an older version of curate made, in a form that this one does not read."""


def install(extras: Sequence[str]) -> str:
    """Returns the command that installs extras of this package, as README gives it.

    >>> install(["train", "beam"]), install(["beam", "report", "train"])
    ("pip install '.[beam,train]' in curate's checkout", "pip install '.[all]' in curate's checkout")
    """
    wanted = {*extras}
    if {"beam", "report", "train"} <= wanted:
        wanted = wanted - ALL | {"all"}
    return f"pip install '.[{','.join(sorted(wanted))}]' in curate's checkout"


def one_line(error: BaseException) -> str:
    """Returns an error as one line; of a worker's trace, which Beam wraps, the last line that names an exception."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, UserError):
        return text
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    causes = CAUSE.findall(text)
    name, message = causes[-1] if "\n" in text and causes else (type(error).__name__, text.splitlines()[0])
    return f"{message} ({name})"
