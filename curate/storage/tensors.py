"""Seals a safetensors file: its header holds the sha256 of the file's bytes with zeros in the place of the seal.

The format: eight bytes with the length of the header, the header as JSON, whose `__metadata__` maps names to strings,
and the tensors' bytes. It is read here without the library, so that a file can be checked where that is not installed.
"""

import hashlib
import json
from pathlib import Path

from curate.storage.writing import BLANK, BLOCK

SEAL = "seal"  # the name of the seal among the metadata; a file is written with BLANK there
LENGTH = 8  # bytes of the header's length
LONGEST = 100_000_000  # bytes of a header, as in the library


def metadata(path: Path) -> dict[str, str]:
    """Returns the metadata of a file; raises ValueError where the file is not of this format."""
    try:
        header = json.loads(_header(path))["__metadata__"]
    except (UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: no safetensors file with metadata") from error
    if not isinstance(header, dict) or not all(isinstance(value, str) for value in header.values()):
        raise ValueError(f"{path}: no safetensors file with metadata")
    return header


def seal(path: Path) -> None:
    """Puts its seal into a file that has BLANK in its place."""
    place = _place(path, BLANK.decode())
    digest = _digest(path, place)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(digest.encode())


def is_sealed(path: Path) -> bool:
    """Returns whether a file has a seal, and is as it was sealed."""
    try:
        stated = metadata(path)[SEAL]
        return _digest(path, _place(path, stated)) == stated
    except (OSError, ValueError, KeyError):
        return False


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        if length > LONGEST:
            raise ValueError(f"{path}: no safetensors file")
        return file.read(length)


def _place(path: Path, stated: str) -> int:
    """Returns the offset of a seal in the file."""
    mark = json.dumps({SEAL: stated}, separators=(",", ":")).encode()[1:-1]
    start = _header(path).find(mark)
    if start < 0 or len(stated) != len(BLANK):
        raise ValueError(f"{path}: no seal")
    return LENGTH + start + len(mark) - 1 - len(BLANK)


def _digest(path: Path, place: int) -> str:
    """Returns the sha256 of a file in hex, with zeros at the place of its seal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(place))
        digest.update(BLANK)
        file.seek(len(BLANK), 1)
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
