"""The command tasks: which tasks a model can be evaluated on, and the prompts of one as a model is given them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli import tables
from curate.cli.app import MODEL, console, print_json
from curate.cli.options import Json, local_path
from curate.console import say

if TYPE_CHECKING:
    from curate.evaluate.config import Task
    from curate.evaluate.tasks import Item

commands = typer.Typer()

SHOWN_FILES = 3

Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        parser=local_path,
        help="The folder of the task's files, or the file of its items.",
        show_default=False,
    ),
]


@commands.command(rich_help_panel=MODEL)
def tasks(
    name: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="A bundled task or a .toml file.", show_default=False)
    ] = None,
    data: Data = None,
    shots: Annotated[int, typer.Option(min=0, help="Demonstrations in each prompt.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="Items to show.")] = 3,
    seed: Annotated[int, typer.Option(help="Draws the demonstrations, and makes the items of generated tasks.")] = 0,
    json: Json = False,
) -> None:
    """List the tasks that a model can be evaluated on; or show the prompts of one as a model is given them."""
    from dataclasses import asdict

    from curate.evaluate import tasks

    if name is None:
        rows = [_row(task, tasks.is_generated(task)) for task in tasks.bundled().values()]
        print_json(rows) if json else tables.print_tasks(rows, console)
        return
    task = tasks.read_task(name, data)
    items = tasks.items(task, shots, seed, limit)
    total = len(tasks.examples(task, seed))
    if json:
        print_json({"task": asdict(task), "total": total, "items": [asdict(item) for item in items]})
        return
    for item in items:
        for line in _shown(task, item, total, shots):
            say(console, line)
    for line in _about(task, seed, shots):
        say(console, line)


def _row(task: "Task", generated: bool) -> dict[str, Any]:
    """Returns a task as a row of the list."""
    from curate.evaluate.config import MEASURES

    return {
        "name": task.name,
        "form": task.form,
        "summary": task.summary,
        "measure": MEASURES[task.form],
        "normalise": task.normalise if task.form == "choice" else None,
        "chance": task.chance,
        "files": list(task.items),
        "generated": generated,
        "citation": task.citation,
    }


def _shown(task: "Task", item: "Item", total: int, shots: int) -> list[str]:
    """Returns an item as lines: the prompt after the end-of-text, then the completions, the right one marked."""
    head = f"--- {task.name}, item {item.number} of {total:,}, K = {shots} "
    lines = [head.ljust(100, "-")]
    if item.contexts:
        for number, (context, completion) in enumerate(item.pairs):
            lines += [
                f"choice {number}{' (right)' if number == item.gold else ''}:",
                *_text(context),
                f"=> {completion!r}",
            ]
        return lines
    lines += _text(item.context)
    if task.form != "choice":
        return [*lines, f"=> {item.choices[0]!r}"]
    marks = ("(right)" if number == item.gold else "" for number in range(len(item.choices)))
    return [*lines, *(f"=> {choice!r} {mark}".rstrip() for choice, mark in zip(item.choices, marks, strict=True))]


def _text(context: str) -> list[str]:
    return f"<|endoftext|>{context}".split("\n")


def _about(task: "Task", seed: int, shots: int) -> list[str]:
    """Returns what is measured, and where the items and the demonstrations come from."""
    from curate.evaluate import tasks
    from curate.evaluate.config import MEASURES

    examples = tasks.examples(task, seed)
    guess = f"{tasks.chance(examples, task.form):.0%}"
    choice = f" ({task.normalise}; chance {guess})" if task.form == "choice" else ""
    lines = [f"{task.name}: {len(examples):,} items; right where {MEASURES[task.form]}{choice}"]
    if tasks.is_generated(task):
        return [*lines, f"{task.name}: made from seed {seed}" + (f" and {task.items[0]}" if task.items else "")]
    lines.append(f"{task.name}: items come from {_files(task.items)}")
    if shots:
        source = _files(task.demonstrations) or "the other items, as no file of a training split is there"
        lines.append(f"{task.name}: demonstrations come from {source}")
    return lines


def _files(names: tuple[str, ...]) -> str:
    return ", ".join(names[:SHOWN_FILES]) + (f" and {len(names) - SHOWN_FILES} more" if names[SHOWN_FILES:] else "")
