"""Tasks by name or by file, and their items as prompts with K demonstrations.

The demonstrations of an item are drawn by hashes of the seed, the task and the item's own text, so they depend neither
on the other items nor on their order, and those for K are the first of those for more.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path

from curate import settings
from curate.errors import SettingsError, UserError
from curate.evaluate import generated
from curate.evaluate.config import Task
from curate.evaluate.examples import Example, find, read, text_lines
from curate.inputs.forms import form_of
from curate.records import keyed_hash
from curate.settings import Where

CLOSING = re.compile(r"[.,;:!?)]|['’]s\b")  # stands without a blank behind what goes before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item as a model is given it, without the end-of-text that every prompt begins with.

    context: the text before the completion. contexts: in partial evaluation, one for each choice, and the completions
    are all the same; otherwise empty. `pairs` has both cases.
    """

    number: int  # among the items of the task, from 0
    context: str  # with several contexts, that of the right choice
    choices: tuple[str, ...]  # the completions, with the blank that leads them
    gold: int  # the number of the right choice; of other forms than "choice" there is one
    unconditional: str  # the context of the likelihood that normalises by `unconditional`
    contexts: tuple[str, ...] = ()

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Returns the context and the completion of each choice, whose likelihoods are compared."""
        contexts = self.contexts or (self.context,) * len(self.choices)
        return tuple(zip(contexts, self.choices, strict=True))


def bundled() -> dict[str, Task]:
    """Returns the definitions that ship, by name: first those that read files, then those that are generated."""
    folder = resources.files("curate.manifests") / "tasks"
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml"))
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in files}
    read_from_files = [_from_toml(text, f"task {name}", name.removesuffix(".toml")) for name, text in texts.items()]
    made = [generated.task(name) for name in (*generated.PROBLEMS, *generated.SCRAMBLES)]
    return {task.name: task for task in (*read_from_files, *made)}


def expand(names: Sequence[str]) -> list[str]:
    """Returns names of tasks, with each name of a group replaced by those of its tasks, each once."""
    return list(dict.fromkeys(task for name in names for task in generated.GROUPS.get(name, (name,))))


def is_generated(task: Task) -> bool:
    """Returns whether the items of a task are made from a seed."""
    return not task.layouts


def read_task(name: str, data: Path | None = None) -> Task:
    """Returns a task whose `items` and `demonstrations` are paths of the files that it reads; these are not read yet.

    name: of a bundled task, or a TOML file of the user's. data: the folder of its files, or the file of its items; for
    words that are scrambled, a text file. Without it, a TOML file's own folder.
    """
    if name.endswith(".toml") or "/" in name:
        path = Path(name)
        task, data = _own(path), data or path.parent
    else:
        task = _bundled(name)
    if data is not None and not data.exists():
        raise SettingsError(f"{data}: no such folder")
    if is_generated(task):
        return replace(task, items=_words_file(task, data))
    if data is None:
        raise SettingsError(f"{task.name} reads files: name their folder with --data ({', '.join(task.items)})")
    if data.is_file():
        return replace(task, items=(str(data.resolve()),), demonstrations=())
    items = find(task.items, data, task.name)
    if not items:
        raise SettingsError(f"{data}: holds no file of {task.name}: {', '.join(task.items)} (plain or packed)")
    demonstrations = find(task.demonstrations, data, task.name)
    return replace(task, items=_names(items), demonstrations=_names(demonstrations))


def items(task: Task, shots: int, seed: int, limit: int | None = None) -> list[Item]:
    """Returns the items of a task that `read_task` gave, each with `shots` demonstrations.

    limit: the most items, which are then drawn by their texts; a higher limit adds to those of a lower one.
    """
    own = examples(task, seed)
    numbers = range(len(own))
    if limit is not None:
        settings.check(limit > 0, f"limit: {limit} is below 1")
        drawn = sorted(numbers, key=lambda number: (keyed_hash(0, f"limit {task.name}", own[number].digest), number))
        numbers = sorted(drawn[:limit])  # type: ignore[assignment]
    return [prompt(task, number, shots, seed) for number in numbers]


def prompt(task: Task, number: int, shots: int, seed: int) -> Item:
    """Returns one item of a task with `shots` demonstrations before it, none of which asks what the item asks."""
    example = examples(task, seed)[number]
    shown = [task.description] if task.description else []
    shown += [shown_with_answer(task, other) for other in demonstrations(task, example, shots, seed)]
    contexts = tuple(task.separator.join([*shown, context]) for context in example.contexts)
    return Item(
        number=number,
        context=contexts[example.gold if len(contexts) > 1 else 0],
        choices=tuple(_lead(task, choice) + choice for choice in example.choices),
        gold=example.gold,
        unconditional=task.unconditional,
        contexts=contexts if len(contexts) > 1 else (),
    )


def shown_with_answer(task: Task, example: Example) -> str:
    """Returns an example as a demonstration: its context with the right completion."""
    context = example.contexts[example.gold if len(example.contexts) > 1 else 0]
    choice = example.choices[example.gold]
    return context + (_lead(task, choice) if context else "") + choice


def _lead(task: Task, choice: str) -> str:
    return "" if task.continues and CLOSING.match(choice) else task.lead


def demonstrations(task: Task, example: Example, shots: int, seed: int) -> list[Example]:
    """Returns the demonstrations of an item: of the training split, or else other items; no two ask the same."""
    settings.check(shots >= 0, f"shots: {shots} is below 0")
    drawn: list[Example] = []
    asked = {example.question}
    for other in _shuffled(_pool(task, seed), f"demonstration {task.name}", example.digest, seed) if shots else ():
        if other.question not in asked:
            asked.add(other.question)
            drawn.append(other)
            if len(drawn) == shots:
                return drawn
    if shots:
        raise UserError(
            f"{task.name}: {shots} demonstrations are more than the {len(drawn)} that there are; lower --shots"
        )
    return drawn


def examples(task: Task, seed: int) -> tuple[Example, ...]:
    """Returns all examples of a task, in the order of its files."""
    if is_generated(task):
        return generated.examples(task.name, seed, _words(task.items))
    return _read(task.items, task)


def chance(items: Sequence[Item | Example], form: str) -> float:
    """Returns the accuracy that a guess would have on these items: one in the number of choices, 0 without choices."""
    return sum(1 / len(item.choices) for item in items) / len(items) if form == "choice" and items else 0.0


def _pool(task: Task, seed: int) -> tuple[Example, ...]:
    """Returns what demonstrations are drawn from, in an order that depends on the texts alone."""
    return _sorted(task, None if task.demonstrations else seed)


@lru_cache(maxsize=64)
def _sorted(task: Task, seed: int | None) -> tuple[Example, ...]:
    pool = _read(task.demonstrations, task) if seed is None else examples(task, seed)
    return tuple(sorted(pool, key=lambda example: example.digest))


_read = lru_cache(maxsize=64)(read)


def _shuffled(pool: Sequence[Example], purpose: str, key: bytes, seed: int) -> Iterator[Example]:
    """Yields the pool in an order drawn from the key, with work for those alone that are taken (Fisher and Yates)."""
    moved: dict[int, int] = {}
    for at in range(len(pool)):
        draw = int.from_bytes(keyed_hash(seed, purpose, key + at.to_bytes(8)))
        chosen = at + draw % (len(pool) - at)
        yield pool[moved.get(chosen, chosen)]
        moved[chosen] = moved.get(at, at)


def _bundled(name: str) -> Task:
    tasks = bundled()
    if name not in tasks:
        close = difflib.get_close_matches(name, tasks, n=1)
        mend = f"did you mean {close[0]!r}?" if close else "curate tasks lists them."
        raise SettingsError(f"no task is called {name!r}: {mend} A task of your own is a .toml file.")
    return tasks[name]


def _own(path: Path) -> Task:
    """Returns the task of a TOML file of the user's; its name is that of the file if it states none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is no UTF-8'}") from None
    task = _from_toml(text, str(path), path.stem)
    if not task.items:
        raise SettingsError(f'{path}: names no files of items (items = ["mine.jsonl"])')
    return task


def _from_toml(text: str, origin: str, name: str) -> Task:
    where = Where(origin, text)
    task = settings.build(Task, {"name": name, **settings.parse_toml(text, origin)}, where=where)
    for key, mend in (
        ("items", 'name its files: items = ["mine.jsonl"]'),
        ("layouts", "say how a row is read: [[layouts]]"),
    ):
        if not getattr(task, key):
            raise where.error((key,), f"is missing; {mend}")
    return task


def _names(paths: list[Path]) -> tuple[str, ...]:
    return tuple(str(path.resolve()) for path in paths)


def _words_file(task: Task, data: Path | None) -> tuple[str, ...]:
    """Returns the path of the text whose words are scrambled; none where those that ship are taken."""
    if data is None:
        return ()
    if task.name not in generated.SCRAMBLES:
        raise SettingsError(f"{task.name}: is made from a seed and reads no files; leave out --data")
    if not data.is_file() or form_of(data.name) != "text":
        raise SettingsError(f"{data}: no text file (.txt); the words that are scrambled are taken from one")
    if not _words((str(data),)):
        raise SettingsError(f"{data}: holds no word of 5 to 14 small letters")
    return (str(data.resolve()),)


@lru_cache(maxsize=8)
def _words(files: tuple[str, ...]) -> tuple[str, ...]:
    return generated.frequent_words(line for file in files for line in text_lines(Path(file)))
