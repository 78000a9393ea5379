"""Rows of JSON: one on each line, or the elements of an array, or values one after another over several lines.

An array is read element by element with the standard library's decoder, so that its rows mean what they mean on a line:
`NaN`, large numbers, repeated keys and half a surrogate pair are read alike. Bytes that are not UTF-8 become lone
surrogates (`surrogateescape`), which the caller replaces and counts.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from curate.storage.lines import TooLarge, lines

ROW_BYTES = 1 << 28  # a longer row is not read
# A string of JSON, whose end is group 1, or a bracket: what it takes to find the end of a value.
TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*+("?)|[\[\]{}]', re.DOTALL)
BLANKS = re.compile(r"[ \t\n\r\ufeff]*")
SCALAR = re.compile(r"[^,\]\n]*")
decode = json.JSONDecoder().raw_decode


def line_rows(pieces: Iterator[bytes]) -> Iterator[tuple[int, Any]]:
    """Yields the number and the value of each line that is not blank; of a line that is no JSON the error."""
    for number, line in enumerate(lines(pieces, ROW_BYTES), start=1):
        if line.content is None:
            yield number, ValueError(f"a row of {line.length:,} bytes; the most is {ROW_BYTES:,}")
        elif line.content and not line.content.isspace():
            try:
                yield number, json.loads(line.content.decode("utf-8", "surrogateescape"))
            except (ValueError, RecursionError) as error:
                yield number, error


def value_rows(pieces: Iterator[bytes]) -> Iterator[tuple[int, Any]]:
    """Yields the number and the value of each element of an array, or of each value where there is no array.

    An element that is no JSON comes as an error, and costs no other if its brackets and quotes match.
    """
    text = _Text(pieces)
    number, inside = 0, False
    while character := text.next_character():
        if character == "," or character == ("]" if inside else "["):
            text.at += 1
            inside = inside if character == "," else not inside
        else:
            number += 1
            yield number, text.value()
    if inside:
        raise EOFError("the file ends within its array")


def is_one_value_a_line(head: bytes, form: str) -> bool:
    """Returns False where the first bytes of JSON show an array of objects, or a value over several lines.

    form: "lines" or "json", as the name says; a file of lines may hold arrays as rows, which are then no documents.
    """
    start = head.lstrip()
    if start.startswith(b"["):
        return form == "lines" and not start[1:].lstrip().startswith(b"{")
    first = start.partition(b"\n")[0].rstrip()
    return form == "lines" or not first.endswith((b"{", b"[", b","))


class _Text:
    """A window on the text of a stream, which moves forward and grows where a value does not fit."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._held = ""
        self._ended = False
        self.at = 0  # in the window

    def next_character(self) -> str:
        """Returns the next character that is not blank, without moving past it; "" at the end."""
        while True:
            match = BLANKS.match(self._held, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self._held):
                return self._held[self.at]
            if not self._grow():
                return ""

    def value(self) -> Any:
        """Returns the next value and moves past it; an error in its place where it is no JSON."""
        while True:
            error: Exception | None = None
            try:
                value, end = decode(self._held, self.at)
            except (ValueError, RecursionError) as raised:
                error, end = raised, self._end()
            if end < len(self._held) or (self._ended and end == len(self._held)):  # a number may go on
                self.at = end
                return error or value
            if not self._grow():
                raise EOFError(f"the file ends within a row: {error}")

    def _end(self) -> int:
        """Returns where the next value ends by its brackets and strings; beyond the window if it does not end there."""
        beyond = len(self._held) + 1
        if self._held[self.at] not in '[{"':
            match = SCALAR.match(self._held, self.at)
            return max(match.end() if match else 0, self.at + 1)
        depth = 0
        for token in TOKEN.finditer(self._held, self.at):
            if token[0][0] == '"':
                if not token[1]:
                    return beyond
            else:
                depth += 1 if token[0] in "[{" else -1
            if depth <= 0:
                return token.end()
        return beyond

    def _grow(self) -> bool:
        """Drops what lies behind, and doubles what lies before; returns False where the stream had ended already."""
        if self._ended:
            return False
        self._held, self.at = self._held[self.at :], 0
        if len(self._held) > ROW_BYTES:
            raise TooLarge(f"a row of more than {ROW_BYTES:,} bytes")
        parts, wanted = [self._held], len(self._held)
        while not self._ended and wanted >= 0:
            piece = next(self._pieces, b"")
            self._ended = not piece
            parts.append(self._decoder.decode(piece, self._ended))
            wanted -= len(parts[-1])
        self._held = "".join(parts)
        return True
