"""The forms that a file of documents may have, by the end of its name; what a reader yields where it cannot read rows.

The name proposes a form, the first bytes decide (`rows.py`).
"""

import re
from typing import Literal

RowForm = Literal["lines", "json", "parquet", "arrow", "csv", "text", "dump", "zip"]
FORMS: dict[str, RowForm] = {
    **dict.fromkeys((".jsonl", ".ndjson"), "lines"),
    ".json": "json",
    ".parquet": "parquet",
    **dict.fromkeys((".arrow", ".feather"), "arrow"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".txt", ".md"), "text"),
    ".xml": "dump",
    ".zip": "zip",
}
PACKINGS = (".gz", ".zst", ".zstd", ".xz", ".bz2", ".lz4")
DUMP_PIECE = re.compile(r"\.xml-p\d+p\d+[\w-]*$")  # ends the name of one of the files of a large dump
ENDINGS = f"{' '.join(FORMS)}, plain or in {' '.join(PACKINGS)}"
HELP = (
    "JSON lines (.jsonl, .ndjson), JSON (.json), Parquet, Arrow (.arrow, .feather), CSV (.csv, .tsv), texts (.txt, "
    ".md: one document each), a Wikipedia dump (.xml); plain or in .gz, .zst, .xz, .bz2, .lz4, .zip; local, or "
    "s3://, gs://, https://, hf://datasets/OWNER/NAME/FILE"
)


class UnreadRows(ValueError):
    """Stands for rows that could not be read: `rows` of them, or the rest of a file where that is 0."""

    def __init__(self, message: str, rows: int = 0) -> None:
        super().__init__(message)
        self.rows = rows


def form_of(name: str) -> RowForm | None:
    """Returns the form of a file by its name, which may end in a packing; None where the name tells none.

    >>> form_of("enwiki-pages-articles1.xml-p1p41242.bz2")
    'dump'
    """
    base = unpacked_name(name)
    if DUMP_PIECE.search(base):
        return "dump"
    return next((form for end, form in FORMS.items() if base.casefold().endswith(end)), None)


def unpacked_name(name: str) -> str:
    """Returns a name without the end that tells how the file is packed.

    >>> unpacked_name("a.jsonl.GZ")
    'a.jsonl'
    """
    for packing in PACKINGS:
        if name.casefold().endswith(packing):
            return name[: -len(packing)]
    return name
