"""The commands runners list, runners fetch, dataflow template and dataflow folder."""

from pathlib import Path
from typing import Annotated

import typer

from curate.cli import tables
from curate.cli.app import console, print_json
from curate.cli.options import Json, Overwrite
from curate.console import say
from curate.errors import SettingsError

runners = typer.Typer(no_args_is_help=True, help="List and fetch what Spark, Flink and Prism need on this machine.")
dataflow = typer.Typer(no_args_is_help=True, help="Files for running recipes on Google Cloud's Dataflow.")


@runners.command("list")
def list_runners(json: Json = False) -> None:
    """Print which runners are ready, and what they are made of."""
    from curate.pipelines.engines import installs

    rows = [
        {
            "runner": name,
            "state": installs.state(name, thorough=True),
            "versions": installs.versions(name),
            "folder": str(installs.folder(name)),
        }
        for name in installs.NAMES
    ]
    if json:
        print_json(rows)
    else:
        tables.print_runners(rows, console)


@runners.command("fetch")
def fetch_runners(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="spark, flink or prism.")],
) -> None:
    """Fetch what a runner needs: a class path by Maven, or a binary built by Go."""
    from curate.pipelines.engines import installs

    for name in names:
        if name not in installs.NAMES:
            raise SettingsError(f"{name}: nothing to fetch for it; known are {', '.join(installs.NAMES)}")
    for name in names:
        folder = installs.fetch(name)
        files = installs.recorded(name)
        size = sum(record.bytes for record in files.values()) / 1e6
        say(console, f"{name}: ready, {len(files)} files, {size:.0f} MB in {folder}")


@dataflow.command("template")
def template(
    file: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="The file to write.", show_default=False)
    ] = None,
    replace: Overwrite = False,
) -> None:
    """Print or write the metadata.json of the Flex Template: a parameter for every setting of a recipe."""
    from curate.pipelines.dataflow import flextemplate
    from curate.storage.writing import check_new, write_json

    if file:
        check_new(file, replace=replace)
        write_json(file, flextemplate.metadata())
    else:
        print_json(flextemplate.metadata())


@dataflow.command("folder")
def folder() -> None:
    """Print the folder of the Dockerfile and of the page that says how to use it."""
    from importlib import resources

    say(console, str(resources.files("curate.pipelines") / "dataflow"))
