"""The command that fetches links into WARC files."""

from typing import Annotated

import typer

from curate.cli.app import STAGES, Json, Out, Set, app
from curate.cli.run import (
    BEAM_HELP,
    Conf,
    JobServer,
    JobServerJar,
    Master,
    RecipeOption,
    Runner,
    SourceOption,
    Workers,
    engine_of,
    run_stage,
)

CrawlInputs = Annotated[
    list[str],
    typer.Argument(metavar="LINKS…", help="The folder of curate links, Parquet with fetch_url or url, lists of URLs."),
]
Contact = Annotated[
    str | None,
    typer.Option(metavar="URL|MAIL", help="Who asks; every request names it. Required.", show_default=False),
]
AllowNetwork = Annotated[
    list[str],
    typer.Option(metavar="CIDR", help="Connect to these addresses too, though they are private or local."),
]
Resolve = Annotated[
    list[str],
    typer.Option(metavar="HOST:PORT:ADDRESS", help="An address for a name, as curl's; @FILE has one a line."),
]


@app.command(rich_help_panel=STAGES, epilog=BEAM_HELP)
def crawl(
    inputs: CrawlInputs,
    out: Out,
    contact: Contact = None,
    allow_network: AllowNetwork = [],  # noqa: B006 - typer copies it
    resolve: Resolve = [],  # noqa: B006 - typer copies it
    recipe: RecipeOption = None,
    set_: Set = [],  # noqa: B006 - typer copies it
    runner: Runner = "local",
    workers: Workers = None,
    master: Master = None,
    job_server: JobServer = None,
    job_server_jar: JobServerJar = None,
    conf: Conf = [],  # noqa: B006 - typer copies it
    source: SourceOption = "web",
    json: Json = False,
) -> None:
    """Links to WARC files, by robots.txt and at each host's pace."""
    chosen = [f"crawl.contact={_toml(contact)}"] if contact else []
    chosen += [f"crawl.allow_networks=[{', '.join(map(_toml, allow_network))}]"] if allow_network else []
    chosen += [f"crawl.resolve=[{', '.join(map(_toml, resolve))}]"] if resolve else []
    engine = engine_of(json, runner, workers, master, job_server, job_server_jar, conf)
    run_stage("crawl", inputs, out, recipe, [*set_, *chosen], engine, source, json)


def _toml(text: str) -> str:
    """A text as a TOML string."""
    from json import dumps

    return dumps(text)
