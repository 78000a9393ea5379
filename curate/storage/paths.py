"""Handles local paths and remote ones (`s3://`, `gs://` and the like, by fsspec) with one set of functions.

No other module tests whether a path is local.

A local path stays a `pathlib.Path`; a URL becomes a `UPath`, which takes the same calls. On an object store a finished
file is written to a local temporary file and uploaded whole, so a reader sees all of it or nothing. There are no
folders, renames and locks there: nothing stops two runs into one folder, which does harm if their settings differ.
A file that a library opens by name is downloaded, others are read by ranges; a broken connection never looks like a
damaged file.
"""

import glob as local_glob
import os
import posixpath
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from curate.errors import SettingsError, install, writing
from curate.storage import identity, regular
from curate.storage.blocks import CheckedFile
from curate.storage.identity import Fact
from curate.storage.patience import CHANGED_INPUT, ChangedError
from curate.storage.remote import RangeReader, http_fact, is_http

DRAFT = re.compile(r"\..+\.\d+\.[0-9a-f]{16}\.curate\.(?:tmp|note)", re.DOTALL)  # of `draft` or `notice`
# A protocol, and the extra of our package that reads it.
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "hf": "hf"}

_entered: set[tuple[int, str]] = set()  # the folders of drafts that are in the list, each with this process's id


def is_remote(path: Path | str) -> bool:
    """Returns True for a URL, and False for a path of the local file system."""
    return not isinstance(path, Path) and "://" in str(path)


def path(name: str) -> Path:
    """Returns the path of a name without a request to a store; raises SettingsError where its protocol is unknown."""
    if not is_remote(name):
        if "\0" in name:
            regular.check_name(name)
        return Path(name)
    if name.startswith("file:"):
        raise SettingsError(f"{name}: give the plain path, without file://")
    from upath import UPath

    try:
        remote: Any = UPath(name, use_listings_cache=False)  # listings must show what other workers have written
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None
    return remote  # type: ignore[no-any-return]


def need(path: Path) -> None:
    """Raises SettingsError where the library that reads this path is not installed."""
    if not is_remote(path):
        return
    import fsspec

    protocol = str(path).partition("://")[0]
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        mend = install([extra]) if (extra := EXTRAS.get(protocol)) else str(error)
        raise SettingsError(f"{path}: the library that reads {protocol}:// is not installed; {mend}") from None
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None


def uri(path: Path) -> str:
    """Returns the name of a path that holds in any working folder; `path` reads it back."""
    return str(path if is_remote(path) else path.absolute())


def absolute(path: Path) -> Path:
    """Returns the path from the root."""
    return path if is_remote(path) else path.absolute()


def glob(pattern: str) -> list[Path]:
    """Returns the files that a glob, a folder or a path names, sorted; SettingsError where one of them is no file.

    A folder names the files in it and in the folders below it.
    """
    if not is_remote(pattern):
        regular.check_name(pattern)
        if os.path.isfile(pattern):
            return [Path(pattern)]
        if os.path.isdir(pattern):
            return _files_below(pattern)
        local_names = sorted(name for name in local_glob.glob(pattern, recursive=True) if not os.path.isdir(name))
        for name in local_names:
            regular.check_name(name)
        return [Path(name) for name in local_names]
    if is_http(pattern):  # in a URL ? and [ may belong to the name
        if "*" in pattern:
            raise SettingsError(f"{pattern}: the web lists no files: name each of them, or a list of them (*.paths)")
        return [path(pattern)]
    start: Any = path(pattern.rstrip("/"))
    need(start)
    with one_line(pattern, "cannot look for this input"):
        if not local_glob.has_magic(pattern):
            if start.fs.isfile(start.path):
                return [start]
            pattern = pattern.rstrip("/") + "/**"
        infos = start.fs.glob(pattern, detail=True)
    names = sorted(name for name, info in infos.items() if info["type"] == "file")
    return [path(start.fs.unstrip_protocol(name)) for name in names]


def _files_below(folder: str) -> list[Path]:
    """Returns the files of a local folder and of the folders in it, sorted, those with hidden names aside."""
    local_names: list[str] = []
    for place, folders, names in os.walk(folder):
        folders[:] = (name for name in folders if not name.startswith("."))
        local_names += (os.path.join(place, name) for name in names if not name.startswith("."))
    for name in sorted(local_names):
        regular.check_name(name)
    return [Path(name) for name in sorted(local_names)]


def facts(paths: list[Path]) -> list[Fact]:
    """Returns the sizes and identities of remote files, in order; raises FileNotFoundError where one is missing."""
    if any(is_http(str(path)) for path in paths):
        return [http_fact(path) if is_http(str(path)) else identity.facts([path])[0] for path in paths]
    return identity.facts(paths)


def stamp(path: Path) -> object:
    """Returns a value that changes when the file is written anew."""
    return facts([path])[0] if is_remote(path) else path.stat().st_mtime_ns


def draft(path: Path) -> Path:
    """Returns a local name that no other attempt uses: hidden beside a local path, else among the temporary files."""
    if is_remote(path):
        return Path(tempfile.gettempdir()) / f"curate{_hidden_name(path.name, 'tmp')}"
    _enter(path.parent)
    return path.with_name(_hidden_name(path.name, "tmp"))


def _enter(folder: Path) -> None:
    """Enters a folder of drafts in the list from which `cli/supervisor.py` removes those that a killed process left."""
    place, scratch = (os.getpid(), str(folder.absolute())), os.environ.get("CURATE_SCRATCH")
    if scratch and place not in _entered:
        _entered.add(place)
        with suppress(OSError), open(f"{scratch}/drafts", "ab", buffering=0) as file:
            file.write(os.fsencode(f"{place[0]} {place[1]}\0"))


def notice(path: Path) -> Path:
    """Returns a hidden name beside a record, in a store too, under which it names files before they are whole."""
    return path.with_name(_hidden_name(path.name, "note"))


def _hidden_name(name: str, kind: str) -> str:
    return f".{name}.{os.getpid()}.{secrets.token_hex(8)}.curate.{kind}"


def is_draft(name: str) -> bool:
    """Returns whether the last part of a name is one that `draft` or `notice` makes, as no file of a user's has.

    >>> is_draft("receipts/.00000.json.123.0123456789abcdef.curate.note"), is_draft(".notes.txt.123.tmp")
    (True, False)
    """
    return DRAFT.fullmatch(name.rpartition("/")[2]) is not None


def publish(draft: Path, path: Path) -> None:
    """Gives a finished draft its name: by a flush to disk and a rename, or by one upload."""
    if is_remote(path):
        remote: Any = path
        remote.fs.put_file(str(draft), remote.path)
        draft.unlink()
        return
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def local(path: Path, identity: str = "") -> Iterator[Path]:
    """Yields a local file that a library can open by name: the file itself, or a copy that lasts for the block.

    Raises ChangedError where a remote file has another identity than this; "" is not compared.
    """
    if not is_remote(path):
        yield path
        return
    remote: Any = path
    with tempfile.TemporaryDirectory(prefix="curate-") as folder:
        copy = Path(folder) / path.name
        if identity or is_http(str(path)):
            with writing(copy), opened(path, identity) as (file, _), copy.open("wb") as target:
                shutil.copyfileobj(file, target, 1 << 20)
        else:
            with writing(copy):
                remote.fs.get_file(remote.path, str(copy))
        yield copy


@contextmanager
def opened(path: Path, identity: str = "", blocks: str = "", size: int | None = None) -> Iterator[tuple[BinaryIO, int]]:
    """Yields a seekable file and its size in bytes; raises ChangedError if a remote one has another identity.

    blocks: the checksums of a local file's blocks; one that differs as it is read is a ChangedError too. size: of a
    file in a store whose content the caller checks, so that no identity is asked for.
    """
    if not is_remote(path):
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            fault = ChangedError(f"{path}: {CHANGED_INPUT}")
            checked = CheckedFile(file, size, blocks, fault) if blocks else None
            yield cast(BinaryIO, checked or file), size
            if checked:
                checked.check()
        return
    with RangeReader(path, size=size) as reader:
        reader.check(identity)
        yield cast(BinaryIO, reader), reader.size


@contextmanager
def checked(
    path: Path, blocks: str, fault: Exception, *, copy: bool = False, size: int | None = None
) -> Iterator[BinaryIO]:
    """Yields a seekable file; raises the fault where a block that is read has another checksum than stated.

    copy: a remote file is downloaded whole, else it is read by ranges. size: as the store has just stated it.
    """
    with local(path) if copy else nullcontext(path) as here, opened(here, size=size) as (file, size_here):
        checked = CheckedFile(file, size_here, blocks, fault)
        yield cast(BinaryIO, checked)
        checked.check()


def source(path: Path) -> Any:
    """Returns what pyarrow can open: a local path, or a file that fetches the ranges that are read."""
    return path.open("rb") if is_remote(path) else path


def sources(paths: list[Path]) -> tuple[list[str], Any]:
    """Returns what a pyarrow dataset can open: names, and their file system if they are remote."""
    if paths and is_remote(paths[0]):
        remotes: list[Any] = [*paths]
        return [remote.path for remote in remotes], remotes[0].fs
    return [str(path) for path in paths], None


def sizes_of(paths: list[Path]) -> list[int]:
    """Returns the sizes of files in bytes, in order; raises FileNotFoundError where one is missing."""
    return [fact.size for fact in facts(paths)] if any(map(is_remote, paths)) else [p.stat().st_size for p in paths]


def make_folder(path: Path) -> None:
    """Makes a local folder with its parents; a store has no folders."""
    if not is_remote(path):
        path.mkdir(parents=True, exist_ok=True)


def rename(path: Path, target: Path) -> None:
    """Gives a file another name in its folder; raises FileNotFoundError where it is gone."""
    if is_remote(path):
        old, new = cast(Any, path), cast(Any, target)
        new.fs.cp_file(old.path, new.path)
        new.fs.rm_file(old.path)
    else:
        path.replace(target)


def names(folder: Path) -> set[str]:
    """Returns the names of the files and folders in a folder; none where it is not there."""
    if not is_remote(folder):
        return {*os.listdir(folder)} if folder.is_dir() else set()
    remote: Any = folder
    try:
        listed = {posixpath.basename(info["name"].rstrip("/")) for info in remote.fs.ls(remote.path, detail=True)}
    except FileNotFoundError:
        return set()
    return listed - {posixpath.basename(remote.path.rstrip("/"))}


def sizes(folder: Path) -> dict[str, int]:
    """Returns the size in bytes of every file under a folder, by its name from there."""
    if not is_remote(folder):
        return dict(_local_sizes(str(folder), ""))
    return {name: fact.size for name, fact in identity.listed(folder).items()}


def _local_sizes(folder: str, start: str) -> Iterator[tuple[str, int]]:
    """Yields the files under a folder by their names from there, each with its size; a link to a folder is passed."""
    try:
        listed = [*os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for entry in listed:
        name = f"{start}{entry.name}"
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _local_sizes(entry.path, f"{name}/")
            elif entry.is_file():
                yield name, entry.stat().st_size
        except FileNotFoundError:  # it has just gone
            continue


def sizes_there(folder: Path, names: Iterable[str]) -> dict[str, int]:
    """Returns the sizes of those of the files in a folder that are there, by name."""
    return {name: size for name in names if (size := _size(folder / name)) is not None}


def entries(folder: Path, names: Iterable[str] | None = None) -> tuple[set[str], set[str]]:
    """Returns the files and the folders under a folder, by their names from there; a link counts as a file.

    names: those of the files, where a store has just listed them.
    """
    if is_remote(folder):
        files = set(sizes(folder) if names is None else names)
        return files, {name.rpartition("/")[0] for name in files} - {""}
    files, folders = set[str](), set[str]()
    for above, names_of_folders, names_of_files in os.walk(folder):
        start = "" if Path(above) == folder else f"{Path(above).relative_to(folder)}/"
        links = {name for name in names_of_folders if os.path.islink(os.path.join(above, name))}
        files |= {f"{start}{name}" for name in [*names_of_files, *links]}
        folders |= {f"{start}{name}" for name in names_of_folders if name not in links}
    return files, folders


def _size(path: Path) -> int | None:
    """Returns the size of a local file in bytes; None where it is no file or has just gone."""
    try:
        return path.stat().st_size if path.is_file() else None
    except FileNotFoundError:
        return None


def remove(paths: Iterable[Path]) -> None:
    """Removes files, as far as they are there; a store gets one request for many."""
    files: list[Any] = [*paths]
    if files and is_remote(files[0]):
        with suppress(FileNotFoundError):  # another attempt has removed one
            files[0].fs.rm([file.path for file in files])
            return
    for file in files:
        file.unlink(missing_ok=True)


def content(path: Path) -> bytes:
    """Returns the bytes of a small file, by one request to a store; raises FileNotFoundError where there is none."""
    stored = contents([path])[0] if is_remote(path) else path.read_bytes()
    if stored is None:
        raise FileNotFoundError(2, "no such file", str(path))
    return stored


def contents(paths: Iterable[Path]) -> list[bytes | None]:
    """Returns the bytes of small files, in order, None where there is none; a store gets many requests at a time."""
    files: list[Any] = [*paths]
    if not files or not is_remote(files[0]):
        return [_content(file) for file in files]
    at_once = {"max_concurrency": 1} if "s3" in files[0].fs.protocol else {}  # else s3fs asks for the size of each
    answers = files[0].fs.cat([file.path for file in files], on_error="return", **at_once)
    for value in answers.values():
        if isinstance(value, Exception) and not isinstance(value, FileNotFoundError):
            raise value
    return [value if isinstance(value := answers.get(file.path), bytes) else None for file in files]


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def check_writable(folder: Path) -> None:
    """Raises SettingsError in one line where a remote folder cannot be written."""
    need(folder)
    remote: Any = folder
    probe = f"{remote.path.rstrip('/')}/{_hidden_name('probe', 'tmp')}"
    with one_line(str(folder), "cannot write there"):
        remote.fs.pipe_file(probe, b"")
        remote.fs.rm_file(probe)


@contextmanager
def one_line(name: str, complaint: str) -> Iterator[None]:
    """Turns every error of a store into a SettingsError of one line, as each store has errors of its own."""
    try:
        yield
    except Exception as error:
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingsError(f"{name}: {complaint}: {message}") from error
