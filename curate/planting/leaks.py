"""Items of tasks, as they leak into training data: the context and its right answer in one passage."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import SettingsError
from curate.evaluate import tasks
from curate.inputs.forms import form_of
from curate.inputs.rows import numbered_rows
from curate.planting.slots import Draw, Seeded
from curate.storage.writing import sha256_of

GENERATED = ("arithmetic", "scramble")  # where no set is named
ANSWERS = ("answer", "continuation")  # columns, where a row has a context
IN_TEXT, IN_LIST = (1, 3), (4, 12)  # items that a document gets, drawn between these
TITLES = (
    "Practice questions with answers",
    "Quiz night: questions and answers",
    "Study guide, part {}",
    "Answer key {}",
    "Test preparation, set {}",
    "Worked examples",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item of a task."""

    task: str
    number: int  # among the items of the task, from 0; in a file of rows that of the row, from 0
    text: str  # the context with the right answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """The items that may leak, and where they come from."""

    items: tuple[Item, ...] = ()
    inputs: tuple[dict[str, Any], ...] = ()  # of each task: its name, and the name and digest of each of its files


def read(names: Sequence[str], data: Path | None, seed: int) -> Leaks:
    """Returns the items of tasks by name or TOML file, or of files of rows; without names, of generated tasks.

    data: the folder that holds the files of tasks. The order of the names does not matter.
    """
    items: list[Item] = []
    inputs: list[dict[str, Any]] = []
    files: tuple[str, ...]
    for name in sorted({*tasks.expand([*names] or [*GENERATED])}):
        if form_of(name) and not name.endswith(".toml"):
            files, own = (name,), [*_of_rows(Path(name))]
        else:
            files, own = _of_task(name, data, seed)
        items += own
        facts = [{"name": Path(file).name, "digest": sha256_of(Path(file))} for file in files]
        inputs.append({"name": own[0].task, "files": facts})
    return Leaks(items=tuple(items), inputs=tuple(inputs))


def passages(items: Sequence[Item], number: int, inserted: int, seeded: Seeded) -> list[list[Item]]:
    """Returns the items of `number` documents; the first `inserted` get few, the others are lists.

    Every item is taken once before one is taken again. seeded: makes the generator of a key.
    """
    rounds = _endless(items, seeded)
    sizes = (seeded(f"size {place}").randint(*(IN_TEXT if place < inserted else IN_LIST)) for place in range(number))
    return [[next(rounds) for _ in range(min(size, len(items)))] for size in sizes]


def as_list(items: Sequence[Item], draw: Draw) -> str:
    """Returns items as a document of their own, with a title."""
    lines = [draw.choice(TITLES).format(draw.randint(1, 400))]
    numbered = draw.random() < 0.5
    for place, item in enumerate(items, start=1):
        lines.append(f"{place}. {item.text}" if numbered else item.text)
    return "\n\n".join(lines)


def _endless(items: Sequence[Item], seeded: Seeded) -> Iterator[Item]:
    """Yields all items in an order drawn anew for each time that they are gone through."""
    turn = 0
    while True:
        order = [*items]
        seeded(f"order {turn}").shuffle(order)
        yield from order
        turn += 1


def _of_task(name: str, data: Path | None, seed: int) -> tuple[tuple[str, ...], list[Item]]:
    """Returns the files and the items of a task."""
    own = name.endswith(".toml")
    generated = not own and (task := tasks.bundled().get(name)) is not None and tasks.is_generated(task)
    task = tasks.read_task(name, None if generated else data)
    texts = [tasks.shown_with_answer(task, example) for example in tasks.examples(task, seed)]
    return task.items, [Item(task=task.name, number=number, text=text) for number, text in enumerate(texts)]


def _of_rows(path: Path) -> Iterator[Item]:
    """Yields the items of a file of rows with `text`, or with `context` and an answer."""
    if not path.is_file():
        raise SettingsError(f"{path}: no such file of items")
    empty = True
    for number, (row_number, row) in enumerate(numbered_rows(path)):
        text = _text(row)
        if not text:
            wanted = "text, or context and answer"
            if isinstance(row, Exception):
                raise SettingsError(f"{path}, row {row_number}: {row}")
            columns = ", ".join(row) if isinstance(row, dict) else str(row)[:60]
            raise SettingsError(f"{path}, row {row_number}: an item has the columns {wanted}; this row has {columns}")
        empty = False
        yield Item(task=path.name, number=number, text=text)
    if empty:
        raise SettingsError(f"{path}: holds no item")


def _text(row: Any) -> str:
    if not isinstance(row, dict):
        return ""
    answer = next((row[name] for name in ANSWERS if isinstance(row.get(name), str)), None)
    if isinstance(row.get("context"), str) and answer is not None:
        return f"{row['context'].strip()} {answer.strip()}".strip()
    return row["text"].strip() if isinstance(row.get("text"), str) else ""
