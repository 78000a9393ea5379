"""Examples: the items and the demonstrations of a task, read from the user's files by the task's layouts."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError, UserError
from curate.evaluate.config import Layout, Task
from curate.evaluate.templates import MissingColumn, Row, fill
from curate.inputs.forms import PACKINGS, form_of, unpacked_name
from curate.inputs.rows import numbered_rows
from curate.storage.lines import ERRORS, chunks, lines

LINE_BYTES = 1 << 24  # of a text file; a longer line is no part of an item
FILE_BYTES = 1 << 34  # unpacked
SHOWN = 5  # names in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row of a task, as texts: what stands before the completions, the completions, and which of them is right."""

    contexts: tuple[str, ...]  # one; or one for each choice, in partial evaluation
    choices: tuple[str, ...]  # without the task's lead
    gold: int

    @property
    def question(self) -> tuple[str, ...]:
        """Returns what examples that ask the same have in common; of tasks without a context, the completions."""
        return tuple(sorted(self.contexts if any(self.contexts) else self.choices))

    @property
    def digest(self) -> bytes:
        """Returns 16 bytes that stand for the texts."""
        content = json.dumps([self.contexts, self.choices, self.gold]).encode()
        return hashlib.blake2b(content, digest_size=16).digest()


def find(names: tuple[str, ...], folder: Path, task: str) -> list[Path]:
    """Returns the files that the first of these names has in the folder, or in one of the task's name within it."""
    for base in (folder / task, folder):
        for name in names:
            matches = {path for end in ("", *PACKINGS) for path in _matches(base, name + end) if path.is_file()}
            if not matches:
                continue
            folders = sorted({path.parent.name for path in matches})
            if name.startswith("*/") and len(folders) > 1:
                raise UserError(
                    f"{base}: {name} lies in several folders ({_some(folders)}); name one of them as --data"
                )
            by_name: dict[str, Path] = {}  # a file that lies there packed and unpacked is read once
            for path in sorted(matches):
                by_name.setdefault(unpacked_name(str(path)), path)
            return list(by_name.values())
    return []


def _matches(base: Path, name: str) -> list[Path]:
    """Returns the paths that a name with `*` and `**` has in a folder; a name from the root on is itself."""
    if Path(name).is_absolute():
        return [Path(name)]
    try:
        return list(base.glob(name))
    except ValueError as error:
        raise SettingsError(f"{name!r} names no files: {error}") from None


def read(files: tuple[str, ...], task: Task) -> tuple[Example, ...]:
    """Returns the examples in these files; raises UserError at the first row that makes none, naming it."""
    examples = [example for file in files for example in _of_file(Path(file), task)]
    if not examples:
        raise UserError(f"{', '.join(files)}: no item of {task.name} in it")
    return tuple(examples)


def clean_items(path: Path, names: Sequence[str]) -> dict[str, list[bool]]:
    """Returns of each of these sets whether its items are clean, in order, as curate decontaminate lists them.

    A set that the file does not list is left out. SettingsError where the file is no such list, or lists none of them.
    """
    lists: dict[str, list[bool]] = {}
    for number, line in enumerate(text_lines(path), start=1):
        try:
            row = json.loads(line)
            name, item, verdict = row["set"], row["item"], row["verdict"]
            verdicts = lists.setdefault(name, [])
            if item != len(verdicts) or verdict not in ("clean", "dirty"):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            mend = "--clean takes the file clean.jsonl of curate decontaminate"
            raise SettingsError(f"{path}, line {number}: no verdict on the next item of a set; {mend}") from None
        verdicts.append(verdict == "clean")
    if not any(name in lists for name in names):
        mend = "call a set as the task is called"
        raise SettingsError(f"{path}: lists {_some(list(lists))}, and none of {_some(list(names))}; {mend}")
    return {name: lists[name] for name in names if name in lists}


def _of_file(path: Path, task: Task) -> Iterator[Example]:
    layout: Layout | None = None
    for number, row in _rows(path, task):
        place = f"{path}, row {number}"
        if isinstance(row, Exception):
            raise UserError(f"{place}: {row}") from None
        if not isinstance(row, dict):
            raise UserError(f"{place}: no object with columns, but {str(row)[:60]!r}")
        layout = layout or _layout_of(row, path, task)
        try:
            yield _example(row, layout, task)
        except MissingColumn as error:
            raise UserError(f"{place}: has no column {str(error)!r}, which the rows before it have") from None
        except ValueError as error:
            raise UserError(f"{place}: {error}") from None


def _rows(path: Path, task: Task) -> Iterator[tuple[int, Any]]:
    """Yields the number and the value of each row of a file; of a text file as many lines as the task says."""
    if form_of(path.name) != "text":
        yield from numbered_rows(path)
        return
    if not task.lines:
        raise UserError(f"{path}: a text file is read where the task's TOML says `lines`; or give JSON lines")
    texts = text_lines(path)
    for number, first in enumerate(texts, start=1):
        row = dict(zip(task.lines, [first, *islice(texts, len(task.lines) - 1)], strict=False))
        if len(row) < len(task.lines):
            raise UserError(f"{path}, row {number}: ends after {len(row)} of its {len(task.lines)} lines")
        yield number, row


def text_lines(path: Path) -> Iterator[str]:
    """Yields the lines of a text file, packed or not, without blank ones; bytes that are no UTF-8 become U+FFFD."""
    try:
        with storage.opened(path) as (file, _):
            for line in lines(chunks(file, FILE_BYTES), LINE_BYTES):
                if line.content is None:
                    raise UserError(f"{path}: a line of {line.length:,} bytes; the most is {LINE_BYTES:,}")
                if line.content.strip():
                    yield line.content.decode("utf-8", "replace")
    except ERRORS as error:
        raise UserError(f"{path}: cannot be read: {error}") from None


def _layout_of(row: Row, path: Path, task: Task) -> Layout:
    """Returns the first layout whose columns the row has; raises UserError naming what each layout lacks."""
    lacking = []
    for layout in task.layouts:
        missing = [column for column in layout.columns if not _has(row, column)]
        if not missing:
            return layout
        lacking.append(missing)
    nearest = min(range(len(lacking)), key=lambda number: len(lacking[number]))
    wanted = " or ".join(", ".join(layout.columns) for layout in task.layouts)
    raise UserError(
        f"{path}: has no column {', '.join(map(repr, lacking[nearest]))}; its columns are {_some(list(row))}; "
        f"{task.name} reads {wanted}"
    )


def _has(row: Row, column: str) -> bool:
    try:
        fill(f"{{{column}}}", row)
    except MissingColumn:
        return False
    except ValueError:
        pass
    return True


def _example(row: Row, layout: Layout, task: Task) -> Example:
    """Returns the example of a row; raises ValueError where its texts make none."""
    contexts = _filled(layout.contexts, row)
    choices = _filled(layout.choices, row)
    if len(contexts) > 1:
        if len(choices) != 1:
            raise ValueError(
                f"{len(contexts)} contexts need one completion that follows each of them, not {len(choices)}"
            )
        choices *= len(contexts)
    if task.form != "choice" and len(choices) != 1:
        raise ValueError(f"a task of the form {task.form!r} has one completion, not {len(choices)}")
    if task.form == "choice" and len(choices) < 2:
        raise ValueError("a single choice; at least two are needed")
    for number, choice in enumerate(choices):
        if not choice:
            raise ValueError(f"completion {number} is empty")
    return Example(contexts=contexts, choices=choices, gold=_gold(row, layout, len(choices)))


def _filled(templates: tuple[str, ...], row: Row) -> tuple[str, ...]:
    """Returns the texts of some templates, without blanks at their ends."""
    texts = tuple(text.strip() for template in templates for text in fill(template, row))
    for text in texts:
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ValueError(f"half a character, or bytes that are no UTF-8, in {text[:60]!r}")
    return texts


def _gold(row: Row, layout: Layout, choices: int) -> int:
    """Returns the number of the right choice; raises ValueError where the column names none of them."""
    stated = _filled((layout.gold,), row)[0]
    labels = [label.casefold() for label in _filled(layout.labels, row)]
    if stated.casefold() in labels:
        gold = labels.index(stated.casefold())
    elif stated in ("-1", ""):
        raise ValueError(
            "states no right answer, as in test splits whose answers are hidden; name the validation split"
        )
    elif stated.isascii() and stated.isdigit():
        gold = int(stated)
    else:
        names = f"{', '.join(labels)} or " if labels else ""
        raise ValueError(f"the right answer is {stated[:60]!r}, not {names}a number from 0")
    if gold >= choices:
        raise ValueError(f"the right answer is {gold}, but there are {choices} choices, numbered from 0")
    return gold


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
