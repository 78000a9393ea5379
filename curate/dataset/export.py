"""A finished dataset in the forms of others: which files an export has, and whose they are.

An export is a folder outside of the output; croissant's may be the output itself. A form is a function from a `Dataset`
to the files to write, by name, so that names are known before any work. Files are written whole, in the order given;
`.curate-export-FORMAT.json` names them. What it does not name is never overwritten, so forms can share a folder.
"""

import json
import os
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import storage
from curate.dataset import manifest
from curate.dataset.forms import SPLITS, Dataset, Files, Write
from curate.errors import SettingsError
from curate.stage.ownership import EXPORTED, held
from curate.storage.writing import replacing, sha256_of, write_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote."""

    folder: Path
    files: int
    shards: int
    tokens: int


def export(name: str, out: Path, dest: Path, *, split: str | None = None, license: str | None = None) -> Exported:
    """Write an output to the folder `dest` in the form of this name; the same command does it anew.

    SettingsError, before any work, where the form, the split or the folder will not do.
    """
    out = out if out.name != "manifest.json" else out.parent
    make = _form(name, license)
    contract = manifest.read(out)
    _check_place(name, out, dest)
    there = [each for each in SPLITS if any(each in source["splits"] for source in contract["sources"])]
    if split is not None and split not in there:
        raise SettingsError(f"--split {split}: {out} has {' and '.join(there) or 'no documents'}")
    splits = tuple(there) if split is None else (split,)
    dataset = Dataset(out=out, contract=contract, dest=dest, splits=splits, license=license)
    files = dict(make(dataset))
    with held(dest):
        _write(name, dataset, files)
    tokens = sum(piece.shard.tokens for piece in dataset.pieces)
    return Exported(folder=dest, files=len(files), shards=len(dataset.pieces), tokens=tokens)


def _form(name: str, license: str | None) -> Callable[[Dataset], Files]:
    from curate.dataset import croissant, datacard, trainers

    described = {"croissant": croissant.files, "datacard": datacard.files}
    forms = described | trainers.FORMS
    if name not in forms:
        raise SettingsError(f"{name}: no such format; known are {', '.join(forms)}")
    if license is not None and name not in described:
        raise SettingsError(f"--license goes with {' and '.join(described)}, not with {name}")
    return forms[name]


def _check_place(name: str, out: Path, dest: Path) -> None:
    resolved = [each if storage.is_remote(each) else each.resolve() for each in (dest, out)]
    into = storage.relative(*resolved)
    outside = into.startswith("..") or storage.is_remote(into) or os.path.isabs(into)
    if not outside and not (into == "." and name == "croissant"):
        raise SettingsError(f"{dest}: lies in the output itself, of which a run owns every file; name another folder")


def outdated(out: Path) -> Iterator[str]:
    """A line where an output holds a description of another manifest than lies there."""
    record, described = (out / name for name in EXPORTED)
    if record.exists() and described.exists() and _record(record).get("manifest") != _manifest_digest(out):
        yield f"{described}: describes an earlier manifest; curate export croissant writes it anew"


def _write(name: str, dataset: Dataset, files: dict[str, Write]) -> None:
    """The files, and the record that names them: first those that will be, at the end those that are."""
    dest, record = dataset.dest, dataset.dest / f".curate-export-{name}.json"
    before, there = _owned(record), storage.sizes(dest)
    for each, size in there.items():
        if each in files and each not in before:
            raise SettingsError(f"{dest / each}: not of an export to {name}; move it, or name another folder")
        if each in files and before[each] not in (None, size):
            raise SettingsError(f"{dest / each}: changed since it was exported; move it, or name another folder")
    told = {"format": name, "splits": dataset.splits, "manifest": _manifest_digest(dataset.out)}
    storage.make_folder(dest)
    write_json(record, told | {"files": dict.fromkeys([*before, *files])})
    for each, write in files.items():
        storage.make_folder((dest / each).parent)
        with replacing(dest / each) as draft:
            write(draft)
    for each in before.keys() - files.keys():
        if there.get(each) == before[each] is not None:
            (dest / each).unlink()
    sizes = storage.sizes(dest)
    write_json(record, told | {"files": {each: sizes[each] for each in files}})


def _owned(record: Path) -> dict[str, int | None]:
    """The files of an earlier export with their sizes, None of one that was not finished."""
    owned = _record(record).get("files", {})
    if not isinstance(owned, dict) or any(posixpath.normpath(name) != name or name[0] in "/." for name in owned):
        raise SettingsError(f"{record}: names no files of its folder; name another folder")
    return owned


def _record(record: Path) -> dict[str, Any]:
    try:
        found = json.loads(record.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{record}: cannot read this record of an export: {error}") from None
    return found if isinstance(found, dict) else {}


def _manifest_digest(out: Path) -> str:
    with storage.local(out / "manifest.json") as path:
        return sha256_of(path)
