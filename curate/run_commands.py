"""The commands that run pipelines: a whole recipe, or one stage, on any runner; and what the runners need."""

from pathlib import Path
from typing import Annotated, Any

import typer

from curate import show
from curate.app import (
    DATASET,
    MACHINE,
    STAGES,
    Json,
    Out,
    Set,
    app,
    beam_options,
    console,
    errors,
    exit_by_failures,
    need_local,
    need_torch,
    print_json,
    train_model,
)
from curate.settings import SettingsError

BEAM_HELP = "What follows a lone -- goes to Beam, such as: -- --direct_running_mode=in_memory"
ENGINE = "Where it runs"

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
    typer.Option(metavar="HOST:PORT", help="A job server that runs.", show_default=False, rich_help_panel=ENGINE),
]
JobServerJar = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="A job server in one file.", show_default=False, rich_help_panel=ENGINE),
]
Conf = Annotated[
    list[str],
    typer.Option(metavar="KEY=VALUE", help="One of Spark's or Flink's own settings.", rich_help_panel=ENGINE),
]
OneJob = Annotated[
    bool, typer.Option("--one-job", help="All stages as one Beam job, planned by workers.", rich_help_panel=ENGINE)
]
DryRun = Annotated[
    Path | None,
    typer.Option(
        "--dry-run",
        metavar="FILE",
        help="Write that job's graph to a .json or .pb file and run nothing.",
        show_default=False,
        rich_help_panel=ENGINE,
    ),
]
AllLanguages = Annotated[
    bool, typer.Option("--all-languages", help="Keep every language: no gate and no rule asks for one.")
]
RecipeOption = Annotated[str | None, typer.Option(help="A bundled recipe or a .toml file.", show_default=False)]
SourceOption = Annotated[str, typer.Option(help="The source's name in what is written.")]
Inputs = Annotated[list[str], typer.Argument(metavar="INPUT…", help="Files, globs, or the folder of an earlier stage.")]


@app.command(rich_help_panel=DATASET, epilog=BEAM_HELP)
def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A bundled recipe or a .toml file.")],
    out: Out,
    set_: Set = [],  # noqa: B006 - typer copies it
    all_languages: AllLanguages = False,
    runner: Runner = "local",
    workers: Workers = None,
    master: Master = None,
    job_server: JobServer = None,
    job_server_jar: JobServerJar = None,
    conf: Conf = [],  # noqa: B006 - typer copies it
    one_job: OneJob = False,
    dry_run: DryRun = None,
    train: Annotated[bool, typer.Option(help="Train the recipe's model, if it has one.")] = True,
    json: Json = False,
) -> None:
    """Run or resume a whole recipe."""
    from curate import recipe as recipes
    from curate.pipelines import run as staged

    loaded = recipes.load(recipe, tuple(set_))
    if all_languages:
        loaded = recipes.in_all_languages(loaded)
    engine = _engine(json, runner, workers, master, job_server, job_server_jar, conf)
    if dry_run or runner == "dataflow":
        _hand_over(loaded, out, engine.target, dry_run, json)
        return
    wants_model = train and loaded.train is not None
    if wants_model:
        need_torch("leave the model out with --no-train")
        need_local(out)
    (staged.run_as_one_job if one_job else staged.run)(loaded, out, engine)
    if wants_model:
        train_model(out / "manifest.json", out / "train", loaded.train, errors if json else console)
    _finish_run(out, json)
    exit_by_failures(out)


def _hand_over(recipe: Any, out: Path, target: Any, dry_run: Path | None, json: bool) -> None:
    """Write the graph of a recipe, or give it to Dataflow, and come back."""
    from curate.pipelines import submit

    if dry_run:
        size = submit.dry_run(recipe, out, target, dry_run)
        told = {"graph": str(dry_run), "bytes": size}
        line = f"graph: {dry_run}, {size:,} bytes; nothing was run"
    else:
        job = submit.submit(recipe, out, target)
        told = {"job": job.id, "console": job.console, "output": str(out)}
        line = f"job: {job.id} {job.console}\ncurate inspect {out} shows the stages that it has finished"
        line += "\nno model is trained there: curate train a copy of the folder" if recipe.train else ""
    print_json(told) if json else show.say(console, line)


def _finish_run(out: Path, json: bool) -> None:
    from curate import funnel

    try:
        from curate import report as reports

        report = f"report: {reports.write(out)}"
    except ImportError:
        report = "no report: install it with pip install 'curate-corpus[report]', then curate report OUT"
    summary = funnel.summary(out)
    if json:
        print_json(summary)
        return
    show.funnel(summary, console)
    show.sources(summary, console)
    show.say(console, f"manifest: {out / 'manifest.json'}")
    show.say(console, report)


def _stage_command(stage: str, summary: str) -> None:
    def command(
        inputs: Inputs,
        out: Out,
        recipe: RecipeOption = None,
        set_: Set = [],  # noqa: B006 - typer copies it
        all_languages: AllLanguages = False,
        runner: Runner = "local",
        workers: Workers = None,
        master: Master = None,
        job_server: JobServer = None,
        job_server_jar: JobServerJar = None,
        conf: Conf = [],  # noqa: B006 - typer copies it
        source: SourceOption = "web",
        json: Json = False,
    ) -> None:
        from curate import funnel
        from curate.pipelines import verbs

        verbs.run(
            stage,
            tuple(inputs),
            out,
            recipe,
            tuple(set_),
            _engine(json, runner, workers, master, job_server, job_server_jar, conf),
            source,
            all_languages=all_languages,
        )
        summary = funnel.summary(out)
        print_json(summary) if json else show.funnel(summary, console)
        exit_by_failures(out)

    command.__doc__ = summary
    app.command(stage, rich_help_panel=STAGES, epilog=BEAM_HELP)(command)


for _name, _summary in (
    ("extract", "WARC or WET files to documents."),
    ("filter", "Documents to those that the rules let pass."),
    ("dedup", "Documents to decisions: exact text, then MinHash-LSH."),
    ("score", "Documents to scored documents, by a fastText classifier."),
    ("tokenize", "Documents to sorted parts of GPT-2 tokens."),
    ("pack", "Tokens to shards."),
):
    _stage_command(_name, _summary)


def _engine(
    json: bool,
    runner: str,
    workers: int | None,
    master: str | None,
    job_server: str | None,
    job_server_jar: Path | None,
    conf: list[str],
) -> Any:
    from curate.pipelines.run import Engine
    from curate.pipelines.target import Target
    from curate.progress import Progress

    target = Target(
        runner=runner,
        workers=workers,
        master=master,
        job_server=job_server,
        job_server_jar=job_server_jar,
        conf=tuple(conf),
        beam=tuple(beam_options),
    )
    return Engine(target=target, progress=Progress(errors if json else console))


runners = typer.Typer(no_args_is_help=True, help="What Spark, Flink and Prism need on this machine.")
app.add_typer(runners, name="runners", rich_help_panel=MACHINE)


dataflow = typer.Typer(no_args_is_help=True, help="What Google Cloud's Dataflow needs of a recipe.")
app.add_typer(dataflow, name="dataflow", rich_help_panel=MACHINE)


@dataflow.command("template")
def template(
    file: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="The file to write.", show_default=False)
    ] = None,
) -> None:
    """Print or write the metadata.json of the Flex Template: a parameter for every setting of a recipe."""
    from curate.parts import write_json
    from curate.pipelines import flextemplate

    if file:
        write_json(file, flextemplate.metadata())
    else:
        print_json(flextemplate.metadata())


@dataflow.command("folder")
def folder() -> None:
    """Print the folder of the Dockerfile and of the page that says how to use it."""
    from importlib import resources

    show.say(console, str(resources.files("curate.pipelines") / "dataflow"))


@runners.command("list")
def list_runners(json: Json = False) -> None:
    """Print which runners are ready, and what they are made of."""
    from curate.pipelines import installs

    rows = [
        {
            "runner": name,
            "state": installs.state(name, thorough=True),
            "versions": installs.versions(name),
            "folder": str(installs.folder(name)),
        }
        for name in installs.NAMES
    ]
    print_json(rows) if json else show.runners(rows, console)


@runners.command("fetch")
def fetch_runners(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="spark, flink or prism.")],
) -> None:
    """Fetch what a runner needs: a class path by Maven, or a binary built by Go."""
    from curate.pipelines import installs

    for name in names:
        if name not in installs.NAMES:
            raise SettingsError(f"{name}: nothing to fetch for it; known are {', '.join(installs.NAMES)}")
    for name in names:
        folder = installs.fetch(name)
        files = installs.recorded(name)
        size = sum(record.bytes for record in files.values()) / 1e6
        show.say(console, f"{name}: ready, {len(files)} files, {size:.0f} MB in {folder}")
