"""Writes a finished dataset to a folder in the form of another program.

The folder lies outside of the output; that of croissant may be the output itself. A form is a function from a `Dataset`
to the files to write, by name, so that names are known before any work. Files are written whole, in the order given;
`.curate-export-FORMAT.json` names them. A file that it does not name is never overwritten, so forms can share a folder.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from curate import storage
from curate.dataset import manifest, text_files, texts
from curate.dataset.forms import SPLITS, Dataset, Files, Write
from curate.errors import UserError
from curate.stage.claims import check_outside, is_run
from curate.stage.ownership import EXPORTED, held
from curate.storage import overlap
from curate.storage.writing import replacing, sha256_of, unsealed, write_record

TEXT_FORMS = tuple(text_files.FORMS)
RECORD = re.compile(r"\.curate-export-\w+\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOptions:
    """The options of an export as text: stage, split, sizes of files, compression."""

    stage: str | None = None  # whose documents; None: those of the shards
    split: str | None = None  # None: all
    compression: str = "zst"  # one of COMPRESSIONS
    max_bytes: int = 500_000_000  # of text in a file, unless one document is longer
    max_rows: int = 10_000_000  # documents in a file

    def __post_init__(self) -> None:
        if self.compression not in text_files.COMPRESSIONS:
            raise UserError(f"--compression {self.compression}: known are {', '.join(text_files.COMPRESSIONS)}")
        for option, value in (("--max-bytes", self.max_bytes), ("--max-rows", self.max_rows)):
            if value < 1:
                raise UserError(f"{option} {value}: a file has at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedTexts:
    """The outcome of an export as text."""

    folder: Path
    files: int  # their number
    documents: int
    bytes: int  # of text in UTF-8


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
    content = {"format": name, "splits": splits, "manifest": _manifest_digest(out)}
    with held(dest):
        _write(name, dest, content, files)
    tokens = sum(piece.shard.tokens for piece in dataset.pieces)
    return Exported(folder=dest, files=len(files), shards=len(dataset.pieces), tokens=tokens)


def export_texts(name: str, out: Path, dest: Path, options: TextOptions) -> ExportedTexts:
    """Writes the documents of an output to the folder `dest` as text; the same command writes it anew.

    name: jsonl or parquet. Raises UserError, before any work, where an option or the folder cannot be used.
    """
    _check_folder(name, out, dest)
    exported = texts.find(out if out.name != "manifest.json" else out.parent, options.stage)
    if options.split is not None and options.split not in exported.splits:
        raise UserError(
            f"--split {options.split}: {out} has {' and '.join(filter(None, exported.splits)) or 'no splits'}"
        )
    splits = exported.splits if options.split is None else (options.split,)
    cuts = texts.survey(exported, splits, options.max_bytes, options.max_rows)
    if not cuts:
        raise UserError(f"{out}: it has no documents to export")
    files = [*_text_files(name, exported, cuts, options.compression)]
    documents, size = sum(cut.documents for _, cut, _ in files), sum(cut.bytes for _, cut, _ in files)
    content = {
        "format": name,
        "splits": [split for split in cuts if split],
        "stage": exported.record.stage,
        "key": exported.record.key,
        "documents": documents,
        "bytes": size,
        "documents_of": {path: cut.documents for path, cut, _ in files},
    }
    with held(dest):
        _write(name, dest, content, {path: write for path, _, write in files})
    return ExportedTexts(folder=dest, files=len(files), documents=documents, bytes=size)


def _text_files(
    name: str, exported: texts.Texts, cuts: dict[str, list[texts.Cut]], compression: str
) -> Iterator[tuple[str, texts.Cut, Write]]:
    """Yields each file with what it holds; the files of a split share a stream, so they are written in this order."""
    suffix = ".parquet" if name == "parquet" else {"none": ".jsonl"}.get(compression, f".jsonl.{compression}")
    put = text_files.FORMS[name]
    for split, own in cuts.items():
        stream = exported.in_split(split)
        for number, cut in enumerate(own):
            path = f"{split}/part-{number:05d}-of-{len(own):05d}{suffix}".removeprefix("/")
            yield path, cut, partial(put, islice(stream, cut.documents), compression)


def _form(name: str, license: str | None) -> Callable[[Dataset], Files]:
    """Returns the form of this name; raises UserError where there is none, or it cannot state a licence."""
    from curate.dataset import croissant, datacard, trainers

    described = {"croissant": croissant.files, "datacard": datacard.files}
    forms = described | trainers.FORMS
    if name not in forms:
        raise UserError(f"{name}: no such format; known are {', '.join([*forms, *text_files.FORMS])}")
    if license is not None and name not in described:
        raise UserError(f"--license goes with {' and '.join(described)}, not with {name}")
    return forms[name]


def _check_folder(name: str, out: Path, dest: Path) -> None:
    """Raises UserError where the folder lies in the output or above; croissant's may be the output, or above it."""
    if name == "croissant" and overlap.place(dest) == overlap.place(out):
        return
    if overlap.is_within(dest, out):
        raise UserError(f"{dest}: lies in the output itself, of which a run owns every file; name another folder")
    if name != "croissant":
        overlap.check_apart(out, dest)
    check_outside(dest)
    if is_run(dest):
        raise UserError(f"{dest}: the folder of a run, which owns every file there; name another folder")


def outdated(out: Path) -> Iterator[str]:
    """Yields a line where an output holds a Croissant description of an earlier manifest."""
    record, description = (out / name for name in EXPORTED)
    try:
        stored = _read_record(record)
    except UserError:
        return  # which `faults` says
    if stored and description.exists() and stored.get("manifest") != _manifest_digest(out):
        yield f"{description}: describes an earlier manifest; curate export croissant writes it anew"


def records(dest: Path) -> list[Path]:
    """Returns the records of the exports in a folder."""
    return [dest / name for name in sorted(storage.names(dest)) if RECORD.fullmatch(name)]


def faults(dest: Path) -> Iterator[str]:
    """Yields the records of exports that were changed, and the files that are not as these state."""
    for record in records(dest):
        try:
            stored = _read_record(record)
            files, digests = _owned_files(record), stored.get("sha256", {})
        except UserError as error:
            yield str(error)
            continue
        for name, size in files.items():
            path = dest / name
            if size is None or name not in digests:
                yield f"{path}: its export was not finished; run the same command again"
            elif not path.is_file():
                yield f"{path}: missing"
            elif path.stat().st_size != size or sha256_of(path) != digests[name]:
                yield f"{path}: changed since it was exported"


def _write(name: str, dest: Path, content: dict[str, Any], files: dict[str, Write]) -> None:
    """Writes the files, and the record that names them: before the work those to be written, after it those written."""
    record = dest / f".curate-export-{name}.json"
    before, present = _owned_files(record), storage.sizes(dest)
    for path, size in present.items():
        if path in files and path not in before:
            raise UserError(f"{dest / path}: not of an export to {name}; move it, or name another folder")
        if path in files and before[path] not in (None, size):
            raise UserError(f"{dest / path}: changed since it was exported; move it, or name another folder")
    digested: dict[str, str] = {}
    for path in present:
        if storage.is_draft(path):  # of an export that was killed
            (dest / path).unlink(missing_ok=True)
    storage.make_folder(dest)
    write_record(record, content | {"manifest": None, "files": dict.fromkeys([*before, *files])})  # not finished
    for path, write in files.items():
        storage.make_folder((dest / path).parent)
        with replacing(dest / path) as draft:
            write(draft)
            digested[path] = sha256_of(draft)
    for path in before.keys() - files.keys():
        if before[path] is not None and present.get(path) == before[path]:
            (dest / path).unlink()
    sizes = storage.sizes(dest)
    write_record(record, content | {"sha256": digested, "files": {path: sizes[path] for path in files}})


def _owned_files(record: Path) -> dict[str, int | None]:
    """Returns the files of an earlier export with their sizes in bytes, None for files of one that was not finished."""
    owned = _read_record(record).get("files", {})
    if not isinstance(owned, dict) or any(posixpath.normpath(name) != name or name[0] in "/." for name in owned):
        raise UserError(f"{record}: malformed record of an export; name another folder")
    return owned


def _read_record(path: Path) -> dict[str, Any]:
    """Returns the record of an earlier export, or {} where there is none."""
    try:
        return unsealed(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot read this record of an export: {error}") from None


def _manifest_digest(out: Path) -> str:
    with storage.local(out / "manifest.json") as path:
        return sha256_of(path)
