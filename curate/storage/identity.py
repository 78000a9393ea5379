"""Tells files apart without reading them: by the size and the checksum, etag or time that a store states."""

import posixpath
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import SettingsError

# Kind and key: a checksum of the content first (GCS has both), then the etag (S3: of the content, unless uploaded in
# pieces), then git's name of the content (the Hugging Face Hub).
CHECKSUMS = (("md5", "md5Hash"), ("crc32c", "crc32c"), ("etag", "ETag"), ("etag", "etag"), ("git", "blob_id"))
# fmt: off
TIMES = (  # the keys under which other stores state a time
    "mtime", "Last-Modified", "LastModified", "last_modified", "modified", "updated", "created",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Fact:
    """The size of a file, and a string that changes when its content does."""

    size: int  # bytes
    identity: str  # "md5:…", "etag:…" and so on, or the sha256 of a file that was read
    blocks: str = ""  # the checksums of a local file's blocks


def facts(paths: list[Path]) -> list[Fact]:
    """Returns the facts of files in a store, in order; raises FileNotFoundError if one is gone.

    Costs one request for one file, else one listing per folder.
    """
    remotes: list[Any] = [*paths]
    if len(remotes) == 1:
        infos = [remotes[0].fs.info(remotes[0].path)]
    else:
        folders = {posixpath.dirname(remote.path): remote.fs for remote in remotes}
        listed = {info["name"]: info for folder, fs in folders.items() for info in fs.ls(folder, detail=True)}
        for remote in remotes:
            if remote.path not in listed:
                raise FileNotFoundError(2, "no such file", str(remote))
        infos = [listed[remote.path] for remote in remotes]
    return [Fact(int(info["size"] or 0), identity(info)) for info in infos]


def listed(folder: Path) -> dict[str, Fact]:
    """Returns the facts of every file under a folder of a store, by its name from there; costs one listing.

    The identity is "" where the listing states nothing that changes with the content.
    """
    remote: Any = folder
    start, stated = remote.path.rstrip("/") + "/", dict[str, Fact]()
    try:
        infos = remote.fs.find(remote.path, detail=True)
    except FileNotFoundError:
        return stated
    for name, info in infos.items():
        if name.startswith(start):
            text = ""
            with suppress(SettingsError):
                text = identity(info)
            stated[name.removeprefix(start)] = Fact(int(info["size"] or 0), text)
    return stated


def identity(info: dict[str, Any]) -> str:
    """Returns a file's identity from its store's answer; raises SettingsError where nothing there changes with it."""
    for kind, key in CHECKSUMS:
        if value := info.get(key):
            text = str(value).strip('"')
            return f"{kind}:{text}:{info['size']}"
    for key in TIMES:
        if value := info.get(key):
            return f"{key}:{value}:{info['size']}"
    raise SettingsError(f"{info.get('name')}: its server states neither a checksum nor a time of it; download it first")
