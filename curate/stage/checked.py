"""Opens the parts that an earlier stage wrote; each block is compared with the part's receipt while it is read."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from curate import storage
from curate.errors import DamageError
from curate.stage.parts import receipt_path
from curate.stage.receipts import GATHERED, FileRecord, Receipt, gathered, of_line, parse_receipt
from curate.storage.listing import Listing

NUMBERED = re.compile(r"[a-z]+-(\d{5,})\.parquet")
MEND = "remove it, and the command that made it makes it anew"


def receipt_of(path: Path) -> Receipt:
    """Returns the receipt of a part's file; DamageError where there is none that can be read."""
    return receipts_of([path])[0]


def receipts_of(paths: Iterable[Path]) -> list[Receipt]:
    """Returns the receipts of parts' files, in order, as `receipt_of`; a folder's gathered ones are opened once."""
    opened: dict[Path, Listing | None] = {}
    return [_receipt_of(path, opened) for path in paths]


def _receipt_of(path: Path, opened: dict[Path, Listing | None]) -> Receipt:
    match = NUMBERED.fullmatch(path.name)
    number = int(match[1]) if match else 0
    folder, note = path.parent, path.with_name(GATHERED)
    try:
        if folder not in opened:
            opened[folder] = gathered(folder)
        receipts = opened[folder]
        receipt = of_line(receipts.numbered(number) if receipts else None)
        if receipt is None:
            note = receipt_path(folder, number)
            content = storage.contents([note])[0]
            receipt = None if content is None else parse_receipt(content)
    except ValueError as error:
        mend = "the command that made it mends it" if note.name == GATHERED else MEND
        raise DamageError(f"{note}: {error}; {mend}") from None
    if receipt is None:
        raise DamageError(f"{note}: missing; the command that made {path.name} makes it anew")
    if path.name not in receipt.files or path.name not in receipt.blocks:
        raise DamageError(f"{note}: not the receipt of {path.name}; {MEND}")
    return receipt


def recorded(path: Path) -> FileRecord:
    """Returns what the receipt of a part's file states of it; DamageError as `receipt_of`."""
    return receipt_of(path).files[path.name]


def replaced(path: Path) -> DamageError:
    """Returns the error for a part that is not the one that a later stage was planned from."""
    return DamageError(f"{path}: was made anew after this stage was planned; the same command plans anew")


def changed(path: Path) -> DamageError:
    """Returns the error for a part that is not what its stage wrote."""
    return DamageError(f"{path}: its content is not what its receipt states; {MEND}")


@contextmanager
def opened_part(
    path: Path, sha256: str = "", *, copy: bool = False, receipt: Receipt | None = None
) -> Iterator[pa.NativeFile]:
    """Yields a part as pyarrow reads it; DamageError, once a block is read that is not as its receipt states.

    sha256: of the part that the reader was planned with; "" is not compared. copy: a remote part is downloaded whole,
    else it is read by ranges. receipt: of the part, where the caller has read it.
    """
    receipt = receipt or receipt_of(path)
    if sha256 and receipt.files[path.name].sha256 != sha256:
        raise replaced(path)
    try:
        size = storage.sizes_of([path])[0]
    except FileNotFoundError:
        raise DamageError(f"{path}: missing; the command that made it makes it anew") from None
    if size != receipt.files[path.name].bytes:
        raise changed(path)
    blocks = receipt.blocks[path.name]
    with (
        storage.checked(path, blocks, changed(path), copy=copy, size=size) as file,
        pa.PythonFile(file, "r") as source,
    ):
        yield source
