"""The command that turns files of links into candidates for a crawl."""

from typing import Annotated

import typer

from curate.cli.app import STAGES, Json, Out, Set, app, exit_by_failures
from curate.cli.run import (
    BEAM_HELP,
    Conf,
    JobServer,
    JobServerJar,
    Master,
    RecipeOption,
    RetryFailed,
    Runner,
    SourceOption,
    Workers,
    engine_of,
    forget,
    run_stage,
)
from curate.errors import SettingsError

LinkInputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT…", help="Dumps of submissions, lists of URLs, WAT, WARC, sitemaps."),
]
Preset = Annotated[
    str | None, typer.Option(help="webtext, webtext2, openwebtext or openwebtext2.", show_default="webtext")
]


@app.command(rich_help_panel=STAGES, epilog=BEAM_HELP)
def links(
    inputs: LinkInputs,
    out: Out,
    preset: Preset = None,
    recipe: RecipeOption = None,
    set_: Set = [],  # noqa: B006 - typer copies it
    retry_failed: RetryFailed = False,
    runner: Runner = "local",
    workers: Workers = None,
    master: Master = None,
    job_server: JobServer = None,
    job_server_jar: JobServerJar = None,
    conf: Conf = [],  # noqa: B006 - typer copies it
    source: SourceOption = "web",
    json: Json = False,
) -> None:
    """Files of links to candidates with votes, each page once."""
    if preset and recipe:
        raise SettingsError("--preset and --recipe: give one; a recipe names its own with links.preset")
    chosen = [f"links.preset={preset or 'webtext'}"] if recipe is None else []
    forget(out, retry_failed)
    engine = engine_of(json, runner, workers, master, job_server, job_server_jar, conf)
    run_stage("links", inputs, out, recipe, [*chosen, *set_], engine, source, json)
    exit_by_failures(out)
