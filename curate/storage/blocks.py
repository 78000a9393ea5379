"""Checks a file while it is read: each block has a CRC32, which is compared before a byte of the block is handed on.

A CRC32 finds every single flipped bit, and takes a hundredth of the time of any stage. The sha256 of a file, taken in
the same pass, is its identity; the CRC32s let a reader of ranges check what it reads, and nothing else.
"""

import hashlib
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

BLOCK = 1 << 20  # bytes
WIDTH = 8  # hex digits of a CRC32


class Digest(NamedTuple):
    """The size, the sha256 and the block checksums of a file, which one pass over it gives."""

    size: int  # bytes
    sha256: str
    blocks: str  # the CRC32 of each block, in hex, one after another


def digest_of(path: Path, advance: Callable[[int], None] | None = None) -> Digest:
    """Returns size, sha256 and block checksums of a file, which is read once; advance: is called with bytes read."""
    size, sha256, checksums = 0, hashlib.sha256(), []
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            size += len(block)
            sha256.update(block)
            checksums.append(_checksum(block))
            if advance:
                advance(len(block))
    return Digest(size, sha256.hexdigest(), "".join(checksums))


class CheckedFile(io.RawIOBase):
    """A seekable file whose blocks are compared with their checksums as they are read.

    fault: what is raised where a block is not as recorded.
    """

    def __init__(self, file: BinaryIO, size: int, blocks: str, fault: Exception) -> None:
        super().__init__()
        self._fault = fault
        self._failed = False
        self._file, self._size, self._blocks = file, size, blocks
        self._position = 0  # of the next read
        self._number, self._held = -1, b""  # the block in memory
        if -(-size // BLOCK) * WIDTH != len(blocks):
            raise fault

    def readable(self) -> bool:
        """Returns True."""
        return True

    def seekable(self) -> bool:
        """Returns True."""
        return True

    def tell(self) -> int:
        """Returns the offset of the next read in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves the offset of the next read."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"seek to byte {start + offset}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: object) -> int:
        """Fills the buffer, up to the end of the file, and returns the number of bytes."""
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        done = 0
        while done < len(target) and self._position < self._size:
            number, offset = divmod(self._position, BLOCK)
            piece = memoryview(self._block(number))[offset : offset + len(target) - done]
            target[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done

    def check(self) -> None:
        """Raises the fault again, where a reader took it for damage and read on."""
        if self._failed:
            raise self._fault

    def _block(self, number: int) -> bytes:
        """Returns a block; raises the fault where its checksum is another than recorded."""
        if number != self._number:
            self._file.seek(number * BLOCK)
            block = self._file.read(BLOCK)
            recorded = self._blocks[WIDTH * number : WIDTH * (number + 1)]
            if len(block) != min(BLOCK, self._size - number * BLOCK) or _checksum(block) != recorded:
                self._failed = True
                raise self._fault
            self._number, self._held = number, block
        return self._held


def _checksum(block: bytes) -> str:
    return f"{zlib.crc32(block):08x}"
