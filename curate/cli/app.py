"""What the commands share: the application, its consoles, the options of several commands, how a run is told."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from curate import __version__, storage
from curate.console import say
from curate.errors import SettingsError

DATASET, STAGES, LOOK, MODEL, MACHINE = "Make a dataset", "One stage", "Look at an output", "Train", "Runners"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Make language-model training data: extract, filter, deduplicate, score, tokenize, mix, train.",
    epilog="Exit codes: 0 done, 1 finished but some inputs failed, 2 usage or settings, 130 interrupted.",
)
console = Console(width=None if sys.stdout.isatty() else 120, markup=False, highlight=False)
errors = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
beam_options: list[str] = []


def named(name: str) -> Path:
    """A path or a URL of the command line, whatever may be needed to read it."""
    try:
        return storage.path(name)
    except SettingsError as error:  # a ValueError, of which the parser would tell only the value
        raise typer.BadParameter(str(error)) from None


def place(name: str) -> Path:
    """A path or a URL of the command line that can be read here."""
    path = named(name)
    try:
        storage.need(path)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    return path


OutOption = typer.Option("-o", "--out", metavar="PATH", parser=named, help="The folder to write.", show_default=False)
Out = Annotated[Path, OutOption]
Set = Annotated[list[str], typer.Option("--set", metavar="PATH=VALUE", help="Change one setting, as in TOML.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Output = Annotated[Path, typer.Argument(metavar="OUT", parser=place, help="The folder of a run or of a stage.")]


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
    """Options of every command; --debug may stand anywhere and is read in `main`."""


def train_model(manifest: Path, out: Path, chosen: Any, console: Console = console) -> None:
    """Train, unless this very model of this very dataset is there; then tell what came of it."""
    from curate.gpt import result

    if result.is_done(manifest, out, chosen):
        console.print("train     done before")
    else:
        from curate.gpt.train import train as fit

        def tell(step: int, loss: float) -> None:
            if step % chosen.log_every == 0 or step == 1:
                console.print(f"train     step {step:>5}  loss {loss:.3f}")

        fit(manifest, out, chosen, report=tell)
    for line in result.lines(out):
        say(console, line)


def need_torch(mend: str) -> None:
    """SettingsError where what trains is not installed."""
    _need(("torch", "altair", "vl_convert"), mend)


def need_charts(mend: str) -> None:
    """SettingsError where what draws is not installed."""
    _need(("altair", "vl_convert"), mend)


def _need(modules: tuple[str, ...], mend: str) -> None:
    from importlib.util import find_spec

    for module in modules:
        if find_spec(module) is None:
            raise SettingsError(f"{module} is not installed: pip install 'curate-corpus[train]', or {mend}")


def need_local(path: Path) -> None:
    """SettingsError where training would write elsewhere than on this machine."""
    if storage.is_remote(path):
        raise SettingsError(
            f"{path}: a model is written to a local folder; --no-train, then: curate train {path} -o DIR"
        )


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    import json

    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def exit_by_failures(out: Path) -> None:
    """Exit code 1 where some input failed, with the first dead letters."""
    from curate.inspection import history

    letters = history.dead_letters(out)
    for letter in letters[:5]:
        say(errors, f"curate: {letter}")
    if len(letters) > 5:
        say(errors, f"curate: and {len(letters) - 5} more in the failed-*.parquet of {out}")
    if letters:
        raise typer.Exit(1)
