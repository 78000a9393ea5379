"""The application without its commands, its two consoles, and what several commands do alike."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from curate import __version__
from curate.console import say
from curate.errors import SettingsError

# The panels of `curate --help`.
DATASET = "Make a dataset"
STAGES = "One stage"
LOOK = "Look at an output"
MODEL = "Train"
MACHINE = "Runners"

SHOWN_FAILURES = 5  # of the dead letters, which may be thousands

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Make language-model training data: extract, filter, deduplicate, score, tokenize, mix, train.",
    epilog="Exit codes: 0 done, 1 finished but some inputs failed, 2 usage or settings, 130 interrupted.",
)
console = Console(width=None if sys.stdout.isatty() else 120, markup=False, highlight=False)
errors = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"curate {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
) -> None:
    """Takes the options of every command; `main` reads --debug itself, since it may stand anywhere."""


def need_local(path: Path) -> None:
    """Raises SettingsError where training would write elsewhere than on this machine."""
    from curate import storage

    if storage.is_remote(path):
        raise SettingsError(
            f"{path}: a model is written to a local folder; give --no-train, then: curate train {path} -o DIR"
        )


def print_json(value: Any) -> None:
    """Prints a value as JSON."""
    import json

    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def exit_by_failures(out: Path) -> None:
    """Exits with code 1 where an input of a run or stage failed, and prints its first dead letters."""
    from curate.inspection import history

    letters = history.dead_letters(out)
    for letter in letters[:SHOWN_FAILURES]:
        say(errors, f"curate: {letter}")
    if len(letters) > SHOWN_FAILURES:
        say(errors, f"curate: and {len(letters) - SHOWN_FAILURES} more in the failed-*.parquet of {out}")
    if letters:
        raise typer.Exit(1)
