"""Writes a finished dataset to a folder in the form of another program.

The folder lies outside of the output; that of croissant may be the output itself. A form is a function from a `Dataset`
to the files to write, by name, so that names are known before any work. Files are written whole, in the order given;
`.curate-export-FORMAT.json` names them. A file that it does not name is never overwritten, so forms can share a folder.
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
from curate.errors import UserError
from curate.stage.ownership import EXPORTED, held
from curate.storage.writing import replacing, sha256_of, write_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The outcome of an export."""

    folder: Path
    files: int  # their number
    shards: int  # their number
    tokens: int


def export(name: str, out: Path, dest: Path, *, split: str | None = None, license: str | None = None) -> Exported:
    """Writes an output to the folder `dest` in the form of this name; the same command writes it anew.

    Raises UserError, before any work, where the form, the split or the folder cannot be used.
    """
    out = out if out.name != "manifest.json" else out.parent
    make = _form(name, license)
    contract = manifest.read(out)
    _check_folder(name, out, dest)
    present = [name for name in SPLITS if any(name in source["splits"] for source in contract["sources"])]
    if split is not None and split not in present:
        raise UserError(f"--split {split}: {out} has {' and '.join(present) or 'no documents'}")
    splits = tuple(present) if split is None else (split,)
    dataset = Dataset(out=out, contract=contract, dest=dest, splits=splits, license=license)
    files = dict(make(dataset))
    with held(dest):
        _write(name, dataset, files)
    tokens = sum(piece.shard.tokens for piece in dataset.pieces)
    return Exported(folder=dest, files=len(files), shards=len(dataset.pieces), tokens=tokens)


def _form(name: str, license: str | None) -> Callable[[Dataset], Files]:
    """Returns the form of this name; raises UserError where there is none, or it cannot state a licence."""
    from curate.dataset import croissant, datacard, trainers

    described = {"croissant": croissant.files, "datacard": datacard.files}
    forms = described | trainers.FORMS
    if name not in forms:
        raise UserError(f"{name}: no such format; known are {', '.join(forms)}")
    if license is not None and name not in described:
        raise UserError(f"--license goes with {' and '.join(described)}, not with {name}")
    return forms[name]


def _check_folder(name: str, out: Path, dest: Path) -> None:
    """Raises UserError where the folder lies in the output, except croissant's, which may be the output."""
    resolved = [path if storage.is_remote(path) else path.resolve() for path in (dest, out)]
    relative = storage.relative(*resolved)
    outside = relative.startswith("..") or storage.is_remote(relative) or os.path.isabs(relative)
    if not outside and not (relative == "." and name == "croissant"):
        raise UserError(f"{dest}: lies in the output itself, of which a run owns every file; name another folder")


def outdated(out: Path) -> Iterator[str]:
    """Yields a line where an output holds a Croissant description of an earlier manifest."""
    record, description = (out / name for name in EXPORTED)
    if record.exists() and description.exists() and _read_record(record).get("manifest") != _manifest_digest(out):
        yield f"{description}: describes an earlier manifest; curate export croissant writes it anew"


def _write(name: str, dataset: Dataset, files: dict[str, Write]) -> None:
    """Writes the files, and the record that names them: before the work those to be written, after it those written."""
    dest, record = dataset.dest, dataset.dest / f".curate-export-{name}.json"
    before, present = _owned_files(record), storage.sizes(dest)
    for path, size in present.items():
        if path in files and path not in before:
            raise UserError(f"{dest / path}: not of an export to {name}; move it, or name another folder")
        if path in files and before[path] not in (None, size):
            raise UserError(f"{dest / path}: changed since it was exported; move it, or name another folder")
    content = {"format": name, "splits": dataset.splits, "manifest": _manifest_digest(dataset.out)}
    storage.make_folder(dest)
    write_json(record, content | {"files": dict.fromkeys([*before, *files])})
    for path, write in files.items():
        storage.make_folder((dest / path).parent)
        with replacing(dest / path) as draft:
            write(draft)
    for path in before.keys() - files.keys():
        if before[path] is not None and present.get(path) == before[path]:
            (dest / path).unlink()
    sizes = storage.sizes(dest)
    write_json(record, content | {"files": {path: sizes[path] for path in files}})


def _owned_files(record: Path) -> dict[str, int | None]:
    """Returns the files of an earlier export with their sizes in bytes, None for files of one that was not finished."""
    owned = _read_record(record).get("files", {})
    if not isinstance(owned, dict) or any(posixpath.normpath(name) != name or name[0] in "/." for name in owned):
        raise UserError(f"{record}: malformed record of an export; name another folder")
    return owned


def _read_record(path: Path) -> dict[str, Any]:
    """Returns the record of an earlier export, or {} where there is none."""
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot read this record of an export: {error}") from None
    return record if isinstance(record, dict) else {}


def _manifest_digest(out: Path) -> str:
    with storage.local(out / "manifest.json") as path:
        return sha256_of(path)
