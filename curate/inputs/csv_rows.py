"""Rows of CSV and TSV: the first row names the columns; a row with other fields costs itself and no other.

A quote that is never closed takes later lines into its row. Such a row is no CSV: its first line is given up, and
reading goes on at its second.
"""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Any

from curate.inputs.json_rows import ROW_BYTES

DELIMITERS = ",;\t|"


def csv_rows(texts: Iterator[str], *, tabs: bool = False) -> Iterator[tuple[int, Any]]:
    """Yields the line and the value of each row; a row that does not fit the first one comes as an error.

    texts: the lines, with their ends. tabs: between the fields; else the first row shows what stands there.
    """
    csv.field_size_limit(ROW_BYTES)
    lines = _Lines(texts)
    header = next((line for line in lines if line.strip()), "")
    delimiter = "\t" if tabs else delimiter_of(header)
    if header.strip().casefold() == f"sep={delimiter}":  # written by Excel, for itself
        header = next(lines, "")
    lines.give_back([header])
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names = _names(next(reader, []))
    lines.forget()
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield lines.begin(), ValueError(str(error))
            lines.give_up_one()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        if len(row) == len(names):
            yield lines.begin(), dict(zip(names, row, strict=True))
            lines.forget()
        elif not row or row == [""]:
            lines.forget()
        else:
            yield lines.begin(), ValueError(f"{len(row)} fields; the first row names {len(names)} columns")
            lines.give_up_one()


def delimiter_of(header: str) -> str:
    """Returns what stands most often between the fields of a first row, quoted fields aside; a comma if nothing does.

    >>> delimiter_of('id;"a, b";text')
    ';'
    """
    if header.casefold().startswith("sep=") and len(header.strip()) == 5:
        return header[4]
    bare = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=bare.count)


def _names(header: list[str]) -> list[str]:
    """Returns the names of the columns; raises ValueError where two are called the same."""
    names = [name.strip() or f"column_{number}" for number, name in enumerate(header, start=1)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"two columns are called {twice[0]!r} in the first row; rename one")
    return names


class _Lines:
    """The lines of a file; those of the row that is read are held, so that they can be read again."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._again: deque[str] = deque()
        self._row: list[str] = []  # the lines of the row
        self._number = 0  # of lines taken

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._texts)
        self._row.append(line)
        self._number += 1
        return line

    def begin(self) -> int:
        """Returns the number of the row's first line."""
        return self._number - len(self._row) + 1

    def forget(self) -> None:
        """Begins a new row."""
        self._row.clear()

    def give_back(self, lines: list[str]) -> None:
        """Makes these the next lines, in place of the last ones that were taken."""
        self._again.extendleft(reversed(lines))
        self._number -= len(lines)
        self._row.clear()

    def give_up_one(self) -> None:
        """Begins a new row at the second line of this one."""
        self.give_back(self._row[1:])
