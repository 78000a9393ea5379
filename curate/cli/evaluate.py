"""The commands evaluate and tasks: models on tasks with K demonstrations in the context, and bits per byte of text."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from curate.cli import tables
from curate.cli.app import MODEL, console, errors, print_json
from curate.cli.extras import need
from curate.cli.options import Json, Overwrite, local_path, readable_path
from curate.console import plain, say
from curate.errors import SettingsError

if TYPE_CHECKING:
    from curate.evaluate.bootstrap import Estimate
    from curate.evaluate.config import Task
    from curate.evaluate.evaluation import Evaluation, Settings
    from curate.evaluate.measures import Result
    from curate.evaluate.tasks import Item

MOST_DOMAINS = 10  # in the table

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
Words = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL… TASK…",
        help="Folders of runs or of transformers, or checkpoints; then tasks by name, or as .toml files.",
    ),
]
Shots = Annotated[str, typer.Option(metavar="K,K…", help="Demonstrations before each item; fit: as many as fit.")]
Perplexity = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT|FILE", parser=readable_path, help="Measure bits per byte of held-out shards, or of a file of text."
    ),
]
File = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="FILE.json", parser=local_path, help="Write the result, and FILE.png."),
]
Clean = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        parser=readable_path,
        help="The clean.jsonl of curate decontaminate: give the accuracy on clean items too.",
    ),
]
Normalise = Annotated[
    str | None, typer.Option(help="Compare by sum, per_token, per_byte or unconditional.", show_default="each task's")
]
Limit = Annotated[int | None, typer.Option(help="At most so many items of each task.", show_default="all")]
Stride = Annotated[
    int | None, typer.Option(help="Tokens by which the window slides.", show_default="half of the context")
]
Seed = Annotated[int, typer.Option(help="Draws demonstrations, items and intervals.")]
Precision = Annotated[str, typer.Option(help="fp32 or fp64.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


@commands.command(rich_help_panel=MODEL)
def evaluate(
    words: Words,
    shots: Shots = "0",
    data: Data = None,
    seed: Seed = 0,
    limit: Limit = None,
    normalise: Normalise = None,
    perplexity: Perplexity = None,
    stride: Stride = None,
    clean: Clean = None,
    precision: Precision = "fp32",
    device: Device = "auto",
    out: File = None,
    replace: Overwrite = False,
    json: Json = False,
) -> None:
    """Measure models on tasks without training them, with K demonstrations in the context, as GPT-3's paper does."""
    need(["train"])
    from curate.evaluate import evaluation, models

    options = _settings(shots=shots, seed=seed, limit=limit, normalise=normalise, stride=stride)
    places, names = _parted(words, has_text=perplexity is not None)
    induction = evaluation.INDUCTION in names
    chosen = evaluation.read_tasks([name for name in names if name != evaluation.INDUCTION], data, options)
    lists = evaluation.read_clean(clean, chosen, seed) if clean else None
    _check_files(out, replace=replace)
    loaded = [
        models.load(place, name, precision=precision, device=device)
        for place, name in zip(places, models.names(places), strict=True)
    ]
    more: dict[str, Any] = {"induction": induction, "text": perplexity, "clean": lists}
    made = evaluation.evaluate(loaded, chosen, options, **more, report=lambda line: say(errors, line))
    if json:
        print_json(evaluation.as_json(made))
    else:
        _print(made)
    if out:
        _write(out, made, quiet=json)


def _settings(*, shots: str, **options: Any) -> "Settings":
    """Returns the settings that the options name."""
    from curate.evaluate.evaluation import Settings, parse_shots

    try:
        return Settings(shots=parse_shots(shots), **options)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _parted(words: list[str], *, has_text: bool) -> tuple[list[Path], list[str]]:
    """Returns the models and the tasks that the words name."""
    from curate.evaluate import models

    places = [Path(word) for word in words if models.is_place(Path(word))]
    names = [word for word in words if not models.is_place(Path(word))]
    for name in names:
        if Path(name).is_dir() or name.endswith(".safetensors"):
            raise SettingsError(f"{name}: holds no model (no train.json, no checkpoints, no config.json)")
    if not places:
        raise SettingsError("no model is named: give the folder of a run, of transformers, or a checkpoint")
    if not names and not has_text:
        raise SettingsError("no task is named: give one, such as lambada or induction, or --perplexity")
    return places, names


def _check_files(out: Path | None, *, replace: bool) -> None:
    from curate.storage.writing import check_new

    if out is None:
        return
    if out.suffix != ".json":
        raise SettingsError(f"{out}: the result is JSON; name a file that ends in .json")
    for path in (out, out.with_suffix(".png")):
        check_new(path, replace=replace)


def _write(out: Path, made: "Evaluation", *, quiet: bool) -> None:
    """Writes the result, and the figure where there are tasks."""
    from curate.evaluate.evaluation import as_json
    from curate.storage.writing import write_bytes, write_record

    written = [out]
    if any(result.items for result in made.results):
        from curate.evaluate.figure import draw

        written.append(out.with_suffix(".png"))
        write_bytes(written[-1], draw(made.results))
    write_record(out, as_json(made))
    for path in () if quiet else written:
        say(console, f"written: {path}")


def _print(made: "Evaluation") -> None:
    if made.results:
        _print_tasks(made)
    if made.clean:
        _print_clean(made)
    for one in made.induction:
        title = f"loss on a random string of {one.tokens} tokens {one.first.value:.3f}, on its repetition"
        say(console, f"induction  {one.model}: {title} {one.second.value:.3f}: {_difference(one)}")
    for place in made.positions:
        losses = f"loss at token {place.early} {place.early_loss.value:.3f}, at token {place.late}"
        say(console, f"positions  {place.model}: {losses} {place.late_loss.value:.3f}: {_difference(place)}")
    if made.perplexity:
        _print_perplexity(made)
    for note in made.notes:
        say(console, f"not measured: {note}")


def _difference(one: Any) -> str:
    """Returns the difference of two losses with its interval in words."""
    change = f"{_number(one.difference, '+.3f')} nats per token"
    return f"{change}, no difference shown" if one.at_chance else change


def _print_tasks(made: "Evaluation") -> None:
    """Prints accuracy, and the log-probability of the right answer, for each task, number of examples and model."""
    intervals = f"with intervals of 95 % by bootstrap over items, seed {made.settings.seed}"
    accuracy = _table(f"accuracy, {intervals}", "by", "accuracy", "chance", "")
    gold = _table(f"log-probability of the right answer, {intervals}", "nats", "bits per byte")
    for result in made.results:
        lost = sum(result.left_out.values())
        count = f"{result.items:,}" + (f" of {result.items + lost:,}" if lost else "")
        start = (Text(plain(result.task)), str(result.shots), count, Text(plain(result.model)))
        level = "at chance" if result.at_chance else ""
        accuracy.add_row(*start, result.normalise, _number(result.reported), f"{result.chance:.3f}", level)
        gold.add_row(*start, _number(result.gold_nats, ".2f"), _number(result.gold_bits_per_byte))
    console.print(accuracy)
    console.print(gold)
    for line in _faults(made.results):
        say(console, line)


def _print_clean(made: "Evaluation") -> None:
    """Prints the accuracy on the clean items of each task beside that on all items."""
    table = _table("accuracy on the items of which the training text holds no gram", "clean", "on clean", "change")
    for one in made.clean:
        start = (Text(plain(one.task)), str(one.shots), f"{one.items:,}", Text(plain(one.model)))
        change = "-" if one.change is None else f"{one.change:+.1%}"
        table.add_row(*start, f"{one.clean:,} ({one.clean_share:.1%})", _number(one.on_clean), change)
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    """Returns a table of results, without its rows."""
    table = Table(title=title, title_justify="left")
    for name in ("task", "K", "items", "model", *columns):
        table.add_column(name, justify="left" if name in ("task", "model", "by", "") else "right", no_wrap=True)
    return table


def _faults(results: "list[Result]") -> list[str]:
    """Returns what a reader must know of the items of each model."""
    from curate.evaluate.encoding import REASONS

    lines = []
    for model in dict.fromkeys(result.model for result in results):
        own = [result for result in results if result.model == model]
        for reason, (fault, mend) in REASONS.items():
            if count := sum(result.left_out.get(reason, 0) for result in own):
                example = next(result.example for result in own if result.left_out.get(reason))
                lines.append(f"{model}: {count:,} prompts left out for {fault} (such as {example!r}); {mend}")
        if count := sum(result.cut for result in own):
            lines.append(f"{model}: {count:,} prompts cut from the left, as they are longer than its context")
        for result in own:
            if result.shots == "fit":
                lines.append(f"{model}: {result.demonstrations:.1f} demonstrations of {result.task} fit on the mean")
    return lines


def _print_perplexity(made: "Evaluation") -> None:
    """Prints the bits per byte of all text, of each source, and of the largest domains."""
    for one in made.perplexity:
        window = f"window of {one.window} tokens, sliding by {one.stride}"
        table = Table(title=Text(f"bits per byte of {plain(one.text)}: {one.model} ({window})"), title_justify="left")
        for name in ("", "name"):
            table.add_column(name)
        for name in ("documents", "bytes", "bits per byte"):
            table.add_column(name, justify="right")
        rows = [("", one.whole), *(("source", part) for part in one.sources)]
        rows += [("domain", part) for part in one.domains[:MOST_DOMAINS]]
        for kind, part in rows:
            sizes = (f"{part.documents:,}", f"{part.bytes:,}", _number(part.bits_per_byte, ".4f"))
            table.add_row(kind, Text(plain(part.name)), *sizes)
        console.print(table)
        if len(one.domains) > MOST_DOMAINS:
            say(console, f"… and {len(one.domains) - MOST_DOMAINS} more domains (--json lists all)")
        if one.decoded:
            again = f"ids of the tokenizer {one.decoded} were decoded, and their texts encoded by the model's own"
            say(console, f"{one.model}: {again}")
        if count := one.left_out["documents"]:
            lost = f"{count:,} documents ({one.left_out['bytes']:,} bytes)"
            say(console, f"{one.model}: {lost} left out: they hold a token that the model's embedding has no row for")


def _number(estimate: "Estimate | None", form: str = ".3f") -> str:
    """Returns a number with its interval."""
    if estimate is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return format(estimate.value, form)
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


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
