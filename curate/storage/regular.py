"""Refuses an input that is no file: a pipe, a socket, a device, a folder, an open file of one process."""

import os
import re
import stat
from pathlib import Path

from curate.errors import SettingsError

KINDS = {
    stat.S_IFIFO: "a pipe, which can be read only once",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
OF_ONE_PROCESS = re.compile(r"/dev/(?:stdin|stdout|stderr|fd/\d+)|/proc/(?:self|thread-self|\d+)/.*")
MEND = "write it to a file, and name that"


def odd(name: str) -> str:
    """Returns what a local name stands for that is neither a file nor a folder, or ''; a link that leads nowhere too.

    The name is not opened, as a pipe that nobody writes to would wait for ever.
    """
    if not name or "\0" in name:
        return "a name with a NUL character, which no file has" if name else "an empty name"
    try:
        kind = stat.S_IFMT(os.stat(name).st_mode)
    except OSError as error:
        return f"a link that cannot be followed ({error.strerror})" if os.path.islink(name) else ""
    if kind in KINDS:
        return f"{KINDS[kind]}; {MEND}"
    if kind == stat.S_IFREG and OF_ONE_PROCESS.fullmatch(name):
        return f"an open file of this process, which its workers do not have; {MEND}"
    return ""


def check_name(name: str) -> None:
    """Raises SettingsError where a local name stands for what is neither a file nor a folder."""
    if fault := odd(name):
        raise SettingsError(f"{name!r}: {fault}" if not name or "\0" in name else f"{name}: {fault}")


def check_file(path: Path, setting: str = "") -> None:
    """Raises SettingsError where a local path is there and is no file; setting: the one that names it."""
    where = f"{setting}: {path}" if setting else str(path)
    if fault := odd(str(path)):
        raise SettingsError(f"{where}: {fault}")
    if os.path.isdir(path):
        raise SettingsError(f"{where}: a folder, where a file is needed")
