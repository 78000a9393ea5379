"""Reads the bytes of a local or remote file at any offset; it needs nothing of the file but `read` and `seek`."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from curate.warc.headers import LOOK

WINDOW = 1 << 20  # bytes read from the file at once


class Raw:
    """A file of known size (bytes), read at any offset, mostly forward, through a window."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.size = file, size
        self._window, self._begin, self._position = b"", 0, -1

    def at(self, offset: int, length: int) -> bytes:
        """Returns the bytes at an offset, fewer only at the end of the file."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        first = offset - self._begin
        if first < 0 or first + length > len(self._window):
            self._load(offset, length)
            first = 0
        return self._window[first : first + length]

    def piece(self, offset: int) -> bytes:
        """Returns some bytes at an offset, as many as the window holds, none at the end of the file."""
        first = offset - self._begin
        if not 0 <= first < len(self._window) and offset < self.size:
            self._load(offset, 1)
            first = 0
        return self._window[first:] if offset < self.size else b""

    def _load(self, offset: int, length: int) -> None:
        """Moves the window so that it begins at an offset and holds this many bytes, if the file has them."""
        first = offset - self._begin
        parts = [self._window[first:]] if 0 <= first < len(self._window) else []
        have = sum(map(len, parts))
        if self._position != offset + have:
            self._file.seek(offset + have)
        while have < length:
            part = self._file.read(max(WINDOW, length - have))
            if not part:
                self.size = offset + have  # the file is shorter than its size said
            parts.append(part)
            have += len(part)
            length = min(length, self.size - offset)
        self._window = parts[0] if len(parts) == 1 else b"".join(parts)
        self._begin, self._position = offset, offset + have

    def find(self, pattern: re.Pattern[bytes], offset: int, stop: int | None = None) -> Iterator[int]:
        """Yields the offsets of a pattern in [offset, stop); a match is at most LOOK bytes long.

        Little behind the stop is read.
        """
        while offset < (self.size if stop is None else min(stop, self.size)):
            before = min(offset, 1)  # bytes that the pattern looks back at
            length = WINDOW // 2 if stop is None else min(WINDOW // 2, stop - offset + before + 2 * LOOK)
            window = self.at(offset - before, length)
            last = offset - before + len(window) >= self.size
            for match in pattern.finditer(window, before):
                if stop is not None and offset - before + match.start() >= stop:
                    return
                if last or match.start() < len(window) - LOOK:
                    yield offset - before + match.start()
            offset += len(window) - before if last else len(window) - before - LOOK
