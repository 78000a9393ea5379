"""Where files lie: local paths, or `s3://`, `gs://` and whatever else fsspec knows. The only module that can tell.

A local path stays a `pathlib.Path`; a URL becomes a `UPath`, which takes the same calls. On an object store a finished
file is written to a local temporary file and uploaded whole, so a reader sees all of it or nothing. There are no
folders, renames and locks there: nothing stops two runs into one folder, which is harm where their settings differ.
What needs a name is downloaded, the rest is read by ranges; a broken connection never looks like a damaged file.
"""

import glob as local_glob
import os
import posixpath
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from curate.errors import SettingsError
from curate.storage import identity
from curate.storage.identity import Fact
from curate.storage.remote import RangeReader, http_fact, is_http

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}  # a protocol, and what of ours to install for it


def is_remote(path: Path | str) -> bool:
    """Does this name something that is not in the local file system?"""
    return not isinstance(path, Path) and "://" in str(path)


def path(name: str) -> Path:
    """The path of a name, for which no store is asked yet; SettingsError where its protocol is unknown."""
    if not is_remote(name):
        return Path(name)
    if name.startswith("file:"):
        raise SettingsError(f"{name}: give the plain path, without file://")
    from upath import UPath

    try:
        found: Any = UPath(name, use_listings_cache=False)  # listings must show what other workers have written
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None
    return found  # type: ignore[no-any-return]


def need(path: Path) -> None:
    """SettingsError where the library that reads this path is not installed."""
    if not is_remote(path):
        return
    import fsspec

    protocol = str(path).partition("://")[0]
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        extra = EXTRAS.get(protocol)
        mend = f"pip install 'curate-corpus[{extra}]'" if extra else str(error)
        raise SettingsError(f"{path}: what reads {protocol}:// is not installed; {mend}") from None
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None


def uri(path: Path) -> str:
    """The name of a path that holds in any working folder; `path` reads it back."""
    return str(path if is_remote(path) else path.absolute())


def join(folder: Path, name: str) -> Path:
    """A name that `relative` made, or a whole one, as seen from a folder."""
    if is_remote(name) or os.path.isabs(name):
        return path(name)
    if not is_remote(folder):
        return folder / name
    protocol, _, rest = str(folder).partition("://")
    return path(f"{protocol}://{posixpath.normpath(posixpath.join(rest, name))}")


def relative(target: Path, folder: Path) -> str:
    """The name of a path as seen from a folder; whole where they lie in different stores."""
    if is_remote(target) or is_remote(folder):
        roots = [str(each).split("/")[:3] if is_remote(each) else None for each in (target, folder)]
        if roots[0] != roots[1]:
            return uri(target)
        return posixpath.relpath(*("/" + str(each).partition("://")[2] for each in (target, folder)))
    return os.path.relpath(target, folder)


def absolute(path: Path) -> Path:
    """The path from the root."""
    return path if is_remote(path) else path.absolute()


def names_below(paths: list[Path]) -> list[str]:
    """The names of absolute paths under the deepest folder that holds them all; whole if they share no store."""
    if len({str(each).partition("://")[0] if is_remote(each) else None for each in paths}) > 1:
        return [str(each) for each in paths]
    bare = ["/" + str(each).partition("://")[2] if is_remote(each) else str(each) for each in paths]
    above = posixpath.commonpath([posixpath.dirname(each) for each in bare])
    return [posixpath.relpath(each, above) for each in bare]


def glob(pattern: str) -> list[Path]:
    """The files that a glob, a folder or a path names, sorted."""
    if not is_remote(pattern):
        if os.path.isfile(pattern):
            return [Path(pattern)]
        if os.path.isdir(pattern):
            pattern = os.path.join(local_glob.escape(pattern), "*")
        return sorted(Path(name) for name in local_glob.glob(pattern, recursive=True) if os.path.isfile(name))
    if is_http(pattern):  # where ? and [ may belong to the name
        if "*" in pattern:
            raise SettingsError(f"{pattern}: the web lists no files; name each one, or a list of them (*.paths)")
        return [path(pattern)]
    start: Any = path(pattern.rstrip("/"))
    need(start)
    with one_line(pattern, "cannot look for this input"):
        if not local_glob.has_magic(pattern):
            if start.fs.isfile(start.path):
                return [start]
            pattern = pattern.rstrip("/") + "/*"
        found = start.fs.glob(pattern, detail=True)
    names = sorted(name for name, info in found.items() if info["type"] == "file")
    return [path(start.fs.unstrip_protocol(name)) for name in names]


def facts(paths: list[Path]) -> list[Fact]:
    """The sizes and identities of remote files, in order; FileNotFoundError where one is missing."""
    if any(is_http(str(each)) for each in paths):
        return [http_fact(each) if is_http(str(each)) else identity.facts([each])[0] for each in paths]
    return identity.facts(paths)


def stamp(path: Path) -> object:
    """A value that changes when the file is written anew."""
    if is_remote(path):
        return facts([path])[0]
    return path.stat().st_mtime_ns


def draft(path: Path) -> Path:
    """A local name that no other attempt uses: hidden beside a local path, else among the temporary files."""
    name = f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    return Path(tempfile.gettempdir()) / f"curate{name}" if is_remote(path) else path.with_name(name)


def publish(draft: Path, path: Path) -> None:
    """Give a finished draft its name: a flush to disk and a rename, or an upload of the whole."""
    if is_remote(path):
        remote: Any = path
        remote.fs.put_file(str(draft), remote.path)
        draft.unlink()
        return
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def local(path: Path) -> Iterator[Path]:
    """The file where a library can open it by name: itself, or a copy that goes with the block."""
    if not is_remote(path):
        yield path
        return
    remote: Any = path
    with tempfile.TemporaryDirectory(prefix="curate-") as folder:
        copy = Path(folder) / path.name
        if is_http(str(path)):
            with opened(path) as (file, _), copy.open("wb") as target:
                shutil.copyfileobj(file, target, 1 << 20)
        else:
            remote.fs.get_file(remote.path, str(copy))
        yield copy


@contextmanager
def opened(path: Path, identity: str = "") -> Iterator[tuple[BinaryIO, int]]:
    """A file to seek and read in, and its bytes; RemoteError where a remote one is not what was planned for."""
    if not is_remote(path):
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
        return
    with RangeReader(path) as reader:
        reader.check(identity)
        yield cast(BinaryIO, reader), reader.size


def source(path: Path) -> Any:
    """What pyarrow opens: a local path, or a file that fetches the ranges that are read."""
    return path.open("rb") if is_remote(path) else path


def sources(paths: list[Path]) -> tuple[list[str], Any]:
    """What a pyarrow dataset opens: names, and their file system if they are remote."""
    if paths and is_remote(paths[0]):
        remotes: list[Any] = [*paths]
        return [each.path for each in remotes], remotes[0].fs
    return [str(each) for each in paths], None


def sizes_of(paths: list[Path]) -> list[int]:
    """The bytes of files, in order; FileNotFoundError where one is missing."""
    if paths and is_remote(paths[0]):
        return [fact.size for fact in facts(paths)]
    return [each.stat().st_size for each in paths]


def build(folder: Path, make: Callable[[Path], None]) -> None:
    """Let `make` fill a folder, which is then uploaded if it is remote."""
    if not is_remote(folder):
        make(folder)
        return
    with tempfile.TemporaryDirectory(prefix="curate-") as draft:
        make(Path(draft))
        for each in sorted(Path(draft).rglob("*")):
            if each.is_file():
                publish(each, folder / str(each.relative_to(draft)))


def make_folder(path: Path) -> None:
    """Make a folder where there are such."""
    if not is_remote(path):
        path.mkdir(parents=True, exist_ok=True)


def names(folder: Path) -> set[str]:
    """The names of what lies in a folder; none where it is not there."""
    if not is_remote(folder):
        return {each.name for each in folder.iterdir()} if folder.is_dir() else set()
    remote: Any = folder
    try:
        found = {posixpath.basename(info["name"].rstrip("/")) for info in remote.fs.ls(remote.path, detail=True)}
    except FileNotFoundError:
        return set()
    return found - {posixpath.basename(remote.path.rstrip("/"))}


def sizes(folder: Path) -> dict[str, int]:
    """Every file under a folder, by its name from there, and its bytes."""
    if not is_remote(folder):
        found = {each: _size(each) for each in folder.rglob("*")}
        return {str(each.relative_to(folder)): size for each, size in found.items() if size is not None}
    remote: Any = folder
    start = remote.path.rstrip("/") + "/"
    infos = remote.fs.find(remote.path, detail=True)
    return {name.removeprefix(start): int(info["size"]) for name, info in infos.items() if name.startswith(start)}


def _size(path: Path) -> int | None:
    """The bytes of a local file; None where it is none or has just gone."""
    try:
        return path.stat().st_size if path.is_file() else None
    except FileNotFoundError:
        return None


def contents(paths: Iterable[Path]) -> list[bytes | None]:
    """The bytes of small files, in order, None where there is none; many requests at a time on a store."""
    wanted: list[Any] = [*paths]
    if wanted and is_remote(wanted[0]):
        found = wanted[0].fs.cat([each.path for each in wanted], on_error="return")
        values = [found.get(each.path) for each in wanted]
        for value in values:
            if isinstance(value, Exception) and not isinstance(value, FileNotFoundError):
                raise value
        return [value if isinstance(value, bytes) else None for value in values]
    return [_content(each) for each in wanted]


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def check_writable(folder: Path) -> None:
    """SettingsError in one line where a remote folder cannot be listed and written."""
    need(folder)
    remote: Any = folder
    probe = f"{remote.path.rstrip('/')}/.curate-{secrets.token_hex(4)}.tmp"
    with one_line(str(folder), "cannot write there"):
        remote.fs.pipe_file(probe, b"")
        remote.fs.rm_file(probe)


@contextmanager
def one_line(name: str, complaint: str) -> Iterator[None]:
    """SettingsError in one line, whatever a store raises: each has errors of its own."""
    try:
        yield
    except Exception as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingsError(f"{name}: {complaint}: {told}") from error
