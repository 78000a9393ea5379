"""The errors that a user can correct; the command line prints them as one line and exits with code 2, or as stated."""

from collections.abc import Sequence

ALL = frozenset(("beam", "report", "tokenizers", "train"))  # the extras that `all` stands for


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
