"""Single flipped bits, cuts and appended bytes of the files of an output, and which of them `curate verify` misses."""

import random
from collections.abc import Iterator
from pathlib import Path

from curate.inspection.verify import faults


def files(out: Path) -> list[Path]:
    """Returns every file of an output."""
    return [path for path in sorted(out.rglob("*")) if path.is_file()]


def flipped(content: bytes, bit: int) -> bytes:
    """Returns bytes with one bit changed."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def changes(content: bytes, seed: str) -> Iterator[tuple[object, bytes]]:
    """Yields one random bit, a cut and an appended byte, each with its label; an empty file has only the last."""
    if content:
        bit = random.Random(seed).randrange(8 * len(content))
        yield bit, flipped(content, bit)
        yield "cut", content[:-1]
    yield "appended", content + b"\n"


def named(out: Path, path: Path) -> bool:
    """Returns whether a line of one fault names the file."""
    lines = list(faults(out))
    assert all("\n" not in line for line in lines)
    return any(line.startswith(f"{path}: ") for line in lines)


def missed(out: Path, seed: int) -> list[tuple[str, object]]:
    """Returns the changes of single files of an output under which no fault names the file."""
    wrong = []
    for path in files(out):
        before = path.read_bytes()
        for label, content in changes(before, f"{seed} {path.relative_to(out)}"):
            path.write_bytes(content)
            if not named(out, path):
                wrong.append((str(path), label))
        path.write_bytes(before)
    return wrong
