"""The options that several commands have, each stated once, and the engine that a command's options ask for."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli.app import console, errors
from curate.errors import UserError
from curate.inputs.forms import HELP

if TYPE_CHECKING:
    from curate.pipelines.engines.engine import Engine
    from curate.pipelines.engines.target import EngineOptions

BEAM_HELP = "What follows a lone -- goes to Beam, such as: -- --direct_running_mode=in_memory"
ENGINE = "Where it runs"  # a panel of a command's help


def any_path(name: str) -> Path:
    """Returns the path that a local path or a URL names, whether or not what reads it is installed."""
    from curate import storage

    if not name:
        raise typer.BadParameter("an empty name")
    try:
        return storage.path(name)
    except UserError as error:  # a ValueError, of which the parser would print only the value
        raise typer.BadParameter(str(error)) from None


def readable_path(name: str) -> Path:
    """Returns the path that a local path or a URL names; a usage error where what reads it is not installed."""
    from curate import storage

    path = any_path(name)
    try:
        storage.need(path)
    except UserError as error:
        raise typer.BadParameter(str(error)) from None
    return path


def local_path(name: str) -> Path:
    """Returns the path that a local path names; a usage error where it is a URL."""
    from curate import storage

    path = any_path(name)
    if storage.is_remote(path):
        raise typer.BadParameter(f"{name}: it is written on this machine only; copy it from there")
    return path


Out = Annotated[
    Path,
    typer.Option("-o", "--out", metavar="PATH", parser=any_path, help="The folder to write.", show_default=False),
]
Output = Annotated[Path, typer.Argument(metavar="OUT", parser=readable_path, help="The folder of a run or of a stage.")]
RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="A bundled recipe or a .toml file.")]
RecipeOption = Annotated[str | None, typer.Option(help="A bundled recipe or a .toml file.", show_default=False)]
Files = Annotated[
    list[str],
    typer.Argument(
        metavar="[NAME=]FILES…",
        help=f"The inputs of the recipe's only source, or of source NAME: WARC or WET files, or documents: {HELP}.",
        show_default=False,
    ),
]
Set = Annotated[list[str], typer.Option("--set", metavar="PATH=VALUE", help="Change one setting, as in TOML.")]
Source = Annotated[str, typer.Option(help="The name of the source in the output.")]
AllLanguages = Annotated[
    bool, typer.Option("--all-languages", help="Keep every language: turn off the language rules.")
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try inputs that failed again.")]
Replace = Annotated[bool, typer.Option("--replace", help="Make a finished output anew from other inputs.")]
Overwrite = Annotated[bool, typer.Option("--replace", help="Replace the file if it is there already.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Make every warning an error: exit code 2 before any work, 1 after a stage.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# Those of `engine_options`.
Runner = Annotated[str, typer.Option(help="local, spark, flink, prism, portable or dataflow.", rich_help_panel=ENGINE)]
Workers = Annotated[
    int | None,
    typer.Option(help="Worker processes; one per core if left out.", show_default=False, rich_help_panel=ENGINE),
]
Master = Annotated[
    str | None,
    typer.Option(
        help="Spark's or Flink's: spark://HOST:PORT, yarn, HOST:PORT; a local one if left out.",
        show_default=False,
        rich_help_panel=ENGINE,
    ),
]
JobServer = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="A running job server.", show_default=False, rich_help_panel=ENGINE),
]
JobServerJar = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="A job server as a jar file.", show_default=False, rich_help_panel=ENGINE),
]
Conf = Annotated[
    list[str],
    typer.Option(metavar="KEY=VALUE", help="One of Spark's or Flink's own settings.", rich_help_panel=ENGINE),
]


def engine_options(
    context: typer.Context,
    runner: Runner = "local",
    workers: Workers = None,
    master: Master = None,
    job_server: JobServer = None,
    job_server_jar: JobServerJar = None,
    conf: Conf = [],
) -> "EngineOptions":
    """Returns where the stages run, as the command line says it; Beam's own options are the context's object."""
    from curate.pipelines.engines.target import EngineOptions

    return EngineOptions(
        runner=runner,
        workers=workers,
        master=master,
        job_server=job_server,
        job_server_jar=job_server_jar,
        conf=tuple(conf),
        beam=tuple(context.obj),
    )


def takes_engine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Returns a command whose parameter `target` is made from the command-line options of `engine_options`.

    So each of these options is stated once, and a command has one value for all of them.
    """
    options = inspect.signature(engine_options).parameters
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        parameters += options.values() if parameter.name == "target" else [parameter]

    def with_options(**values: Any) -> None:
        target = engine_options(**{name: values.pop(name) for name in options})
        command(target=target, **values)

    with_options.__name__ = command.__name__
    with_options.__doc__ = command.__doc__
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # typer reads this one
    return with_options


def engine_of(target: "EngineOptions", *, json: bool, strict: bool = False) -> "Engine":
    """Returns the engine that runs a command's pipelines; it reports on standard error if the command prints JSON."""
    from curate.pipelines.engines.engine import Engine
    from curate.pipelines.engines.progress import Progress

    return Engine(target=target, progress=Progress(errors if json else console, strict=strict))
