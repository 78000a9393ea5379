"""Single flipped bits, cuts and appended bytes of the files of an output, and which of them `curate verify` misses."""

import random
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


def change(content: bytes, draw: random.Random) -> tuple[object, bytes]:
    """Returns a change with its label: mostly a random bit, else a cut or an appended byte, as for an empty file."""
    if content and draw.random() < 0.6:
        bit = draw.randrange(8 * len(content))
        return bit, flipped(content, bit)
    if content and draw.random() < 0.5:
        return "cut", content[:-1]
    return "appended", content + b"\n"


def named(out: Path, path: Path) -> bool:
    """Returns whether a line of one fault names the file."""
    lines = list(faults(out))
    assert all("\n" not in line for line in lines)
    return any(line.startswith(f"{path}: ") for line in lines)


def missed(out: Path, seed: int) -> list[tuple[str, object]]:
    """Changes each file of an output in its turn, and returns the changes under which no fault names the file."""
    wrong, draw = [], random.Random(seed)
    for path in files(out):
        before = path.read_bytes()
        label, content = change(before, draw)
        path.write_bytes(content)
        if not named(out, path):
            wrong.append((str(path), label))
        path.write_bytes(before)
    return wrong
