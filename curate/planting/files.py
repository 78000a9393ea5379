"""Writes a planted corpus, its clean original, the truth and the record that names them; reads the truth back."""

import gzip
import json
import platform
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from curate import __version__, settings, storage
from curate.errors import DamageError, SettingsError
from curate.inputs.columns import Warn, unheard
from curate.planting import leaks
from curate.planting.config import Planting
from curate.planting.corpus import CLEAN, DEFECTS, Planted, plant
from curate.planting.reading import Clean, Read, held_out, read
from curate.stage.claims import check_outside
from curate.storage import together
from curate.storage.overlap import check_apart

RECORD, TRUTH = "plant.json", "truth.jsonl.gz"
FORMAT, VERSION = "curate.plant", 1
OURS = re.compile(r"(?:clean|planted|heldout)-\d{5}\.jsonl\.gz|truth\.jsonl\.gz")
FILE_DOCUMENTS = 2000  # of a file, so that several workers have something to read
LEVEL = 6  # of gzip


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The inputs of a planted corpus."""

    documents: tuple[str, ...]
    others: tuple[str, ...] = ()  # documents in other languages; none: those of the mini-web
    leaks_from: tuple[str, ...] = ()  # tasks or files of items; none: generated tasks
    data: Path | None = None  # the folder with the files of tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The truth about a document of the planted corpus; the fields are those of `Planted`."""

    id: str
    row: str  # the id that the pipeline gives it, in hex
    defect: str
    kind: str
    origin: str
    changed: str
    words: int
    jaccard: float | None = None
    added: tuple[str, ...] = ()
    items: tuple[Mapping[str, Any], ...] = ()  # of a leak: task and number


def make(
    request: Request, planting: Planting, out: Path, *, replace: bool = False, warn: Warn = unheard
) -> dict[str, Any]:
    """Writes a planted corpus into a folder, and returns its record.

    replace: one that is there already is made anew. SettingsError, before a file is written, where an input or the
    folder cannot be used.
    """
    _check_folder(out, replace=replace)
    if request.data is not None:
        check_apart(request.data, out)
    leaking = leaks.read(request.leaks_from, request.data, planting.seed) if planting.leaks else leaks.Leaks()
    source = read(request.documents, out, planting.max_words, warn=warn)
    others = read(request.others, out, 1 << 30, warn=warn) if request.others and planting.other_language else None
    clean, apart = held_out(source.documents, planting.held_out, planting.seed)
    planted = plant(clean, planting, leaking.items, others.documents if others else None)
    truth = [truth_of(document) for document in planted]
    rows = {
        "clean": [_row(document) for document in clean],
        "planted": [_row(document) for document in planted],
        "heldout": [_row(document) for document in apart],
    }
    files = {name: partial(_write, rows=part) for group in rows for name, part in _parts(group, rows[group])}
    files[TRUTH] = partial(_write, rows=[asdict(one) for one in truth])
    content = {
        "format": FORMAT,
        "version": VERSION,
        "planting": settings.to_table(planting),
        "inputs": _inputs(source, others, leaking),
        "clean": {**_sizes(clean), "whole": source.whole, "repeated": source.repeated, "unread": source.unread},
        "planted": {**_sizes(planted), "defects": _defects(planted)},
        "held_out": _sizes(apart),
        "leaked_items": dict(sorted(_leaked(planted).items())),
        "versions": {"curate": __version__, "python": platform.python_version()},
    }
    return _write_all(out, files, content)


def _check_folder(out: Path, *, replace: bool) -> None:
    check_outside(out)
    if (out / RECORD).exists() and not replace:
        raise SettingsError(f"{out}: holds a planted corpus; give --replace to make it anew, or name another folder")
    together.check_free(out / RECORD, [name for name in storage.names(out) if OURS.fullmatch(name)])


def _write_all(out: Path, files: Mapping[str, together.Write], content: Mapping[str, Any]) -> dict[str, Any]:
    before = {*together.named(out / RECORD)}
    written = together.write_together(out / RECORD, files, lambda _: content)
    for name in before - {*files, RECORD}:
        (out / name).unlink(missing_ok=True)
    return written


def read_record(folder: Path) -> dict[str, Any]:
    """Returns the record of a planted corpus; SettingsError where the folder holds none that is whole."""
    record = together.read(folder / RECORD)
    if record.get("format") != FORMAT:
        raise SettingsError(f"{folder}: holds no planted corpus; name the folder that curate plant wrote")
    if not together.whole(folder / RECORD, record):
        raise SettingsError(f"{folder}: a file of the planted corpus is missing or changed; make it anew")
    return record


def read_truth(folder: Path) -> list[Truth]:
    """Returns the truth about every document of a planted corpus."""
    try:
        with gzip.open(folder / TRUTH, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return [Truth(**{**row, "added": tuple(row["added"]), "items": tuple(row["items"])}) for row in rows]
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        raise DamageError(f"{folder / TRUTH}: cannot be read: {error}; make the planted corpus anew") from None


def read_texts(folder: Path, group: str) -> dict[str, str]:
    """Returns the texts of the clean, the planted or the held-out documents by their ids."""
    texts = {}
    for path in sorted(folder.glob(f"{group}-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            texts.update({row["id"]: row["text"] for row in map(json.loads, file)})
    return texts


def truth_of(document: Planted) -> Truth:
    """Returns the truth about a document."""
    return Truth(
        id=document.id,
        row=document.row,
        defect=document.defect,
        kind=document.kind,
        origin=document.origin,
        changed=document.changed,
        words=len(document.text.split()),
        jaccard=document.jaccard,
        added=document.added,
        items=tuple({"task": item.task, "number": item.number} for item in document.items),
    )


def _row(document: Clean | Planted) -> dict[str, str]:
    return {"id": document.id, "url": document.url, "text": document.text}


def _parts(name: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    for number, start in enumerate(range(0, len(rows), FILE_DOCUMENTS)):
        yield f"{name}-{number:05}.jsonl.gz", rows[start : start + FILE_DOCUMENTS]


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("wb") as raw, gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _inputs(source: Read, others: Read | None, leaking: leaks.Leaks) -> dict[str, Any]:
    return {
        "documents": source.inputs,
        "others": others.inputs if others else "the mini-web",
        "leaks_from": leaking.inputs,
    }


def _sizes(documents: Sequence[Clean] | Sequence[Planted]) -> dict[str, int]:
    words = sum(len(document.text.split()) for document in documents)
    return {"documents": len(documents), "words": words}


def _defects(planted: Sequence[Planted]) -> dict[str, Any]:
    """Returns the documents and the share of each defect, and its kinds."""
    kinds = Counter((document.defect, document.kind) for document in planted)
    result = {}
    for defect in (CLEAN, *DEFECTS):
        own = {kind: number for (name, kind), number in sorted(kinds.items()) if name == defect}
        result[defect] = {"documents": sum(own.values()), "share": sum(own.values()) / len(planted), "kinds": own}
    return result


def _leaked(planted: Sequence[Planted]) -> Counter[str]:
    """Returns the number of different items of each task that leaked."""
    return Counter(task for task, _ in {(item.task, item.number) for one in planted for item in one.items})
