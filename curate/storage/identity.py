"""What a store says of a file without its being read: its size, and what changes when the content does."""

import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import SettingsError

# A checksum of the content first (GCS has both), then the etag (S3: of the content, unless it came in pieces).
TOLD = (("md5", "md5Hash"), ("crc32c", "crc32c"), ("etag", "ETag"), ("etag", "etag"))
TIMES = (
    "mtime",
    "Last-Modified",
    "LastModified",
    "last_modified",
    "modified",
    "updated",
    "created",
)  # what other stores tell


@dataclass(frozen=True, slots=True)
class Fact:
    """Bytes, and an identity that says what it is: "md5:…", "etag:…", or the sha256 of a file that was read."""

    size: int
    identity: str


def facts(paths: list[Path]) -> list[Fact]:
    """The facts of files in a store, by one listing per folder if they are many; FileNotFoundError if one is gone."""
    remotes: list[Any] = [*paths]
    if len(remotes) == 1:
        infos = [remotes[0].fs.info(remotes[0].path)]
    else:
        folders = {posixpath.dirname(each.path): each.fs for each in remotes}
        listed = {info["name"]: info for folder, fs in folders.items() for info in fs.ls(folder, detail=True)}
        for each in remotes:
            if each.path not in listed:
                raise FileNotFoundError(2, "no such file", str(each))
        infos = [listed[each.path] for each in remotes]
    return [Fact(int(info["size"] or 0), identity(info)) for info in infos]


def identity(info: dict[str, Any]) -> str:
    """What a store tells of a file, and its size; SettingsError where nothing of it changes with the content."""
    for kind, key in TOLD:
        if value := info.get(key):
            text = str(value).strip('"')
            return f"{kind}:{text}:{info['size']}"
    for key in TIMES:
        if value := info.get(key):
            return f"{key}:{value}:{info['size']}"
    raise SettingsError(f"{info.get('name')}: its server tells neither a checksum nor a time of it; download it first")
