"""The commands that run pipelines: a whole recipe, or one stage, on any runner; and the gate that a run can teach."""

from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli import tables
from curate.cli.app import (
    DATASET,
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
    place,
    print_json,
    train_model,
)
from curate.console import say
from curate.errors import SettingsError

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
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Make the parts with dead letters again.")]
RecipeOption = Annotated[str | None, typer.Option(help="A bundled recipe or a .toml file.", show_default=False)]
SourceOption = Annotated[str, typer.Option(help="The source's name in what is written.")]
Inputs = Annotated[list[str], typer.Argument(metavar="INPUT…", help="Files, globs, or the folder of an earlier stage.")]


@app.command(rich_help_panel=DATASET, epilog=BEAM_HELP)
def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A bundled recipe or a .toml file.")],
    out: Out,
    set_: Set = [],  # noqa: B006 - typer copies it
    all_languages: AllLanguages = False,
    retry_failed: RetryFailed = False,
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
    engine = engine_of(json, runner, workers, master, job_server, job_server_jar, conf)
    if dry_run or runner == "dataflow":
        _hand_over(loaded, out, engine.target, dry_run, json)
        return
    wants_model = train and loaded.train is not None
    if wants_model:
        need_torch("leave the model out with --no-train")
        need_local(out)
    forget(out, retry_failed)
    (staged.run_as_one_job if one_job else staged.run)(loaded, out, engine)
    if wants_model:
        train_model(out / "manifest.json", out / "train", loaded.train, errors if json else console)
    _finish_run(out, json)
    exit_by_failures(out)


def forget(out: Path, wanted: bool) -> None:
    """Have the parts with dead letters made again, if that is wanted."""
    if wanted:
        from curate.stage.record import forget_failed

        say(errors, f"retry: {forget_failed(out)} parts with dead letters are made again")


def _hand_over(recipe: Any, out: Path, target: Any, dry_run: Path | None, json: bool) -> None:
    """Write the graph of a recipe, or give it to Dataflow, and come back."""
    from curate.pipelines.dataflow import submit

    if dry_run:
        size = submit.dry_run(recipe, out, target, dry_run)
        told = {"graph": str(dry_run), "bytes": size}
        line = f"graph: {dry_run}, {size:,} bytes; nothing was run"
    else:
        job = submit.submit(recipe, out, target)
        told = {"job": job.id, "console": job.console, "output": str(out)}
        line = f"job: {job.id} {job.console}\ncurate inspect {out} shows the stages that it has finished"
        line += "\nno model is trained there: curate train a copy of the folder" if recipe.train else ""
    print_json(told) if json else say(console, line)


def _finish_run(out: Path, json: bool) -> None:
    from curate.inspection import funnel

    try:
        from curate.inspection import report as reports

        report = f"report: {reports.write(out)}"
    except ImportError:
        report = "no report: install it with pip install 'curate-corpus[report]', then curate report OUT"
    summary = funnel.summary(out)
    if json:
        print_json(summary)
        return
    tables.funnel(summary, console)
    tables.sources(summary, console)
    say(console, f"manifest: {out / 'manifest.json'}")
    say(console, report)


def run_stage(
    stage: str,
    inputs: list[str],
    out: Path,
    recipe: str | None,
    assignments: list[str],
    engine: Any,
    source: str,
    json: bool,
    *,
    all_languages: bool = False,
) -> None:
    """Run one stage, and print what it read and kept."""
    from curate.inspection import funnel
    from curate.pipelines import verbs

    verbs.run(stage, tuple(inputs), out, recipe, tuple(assignments), engine, source, all_languages=all_languages)
    summary = funnel.summary(out)
    print_json(summary) if json else tables.funnel(summary, console)


def _stage_command(stage: str, summary: str) -> None:
    def command(
        inputs: Inputs,
        out: Out,
        recipe: RecipeOption = None,
        set_: Set = [],  # noqa: B006 - typer copies it
        all_languages: AllLanguages = False,
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
        forget(out, retry_failed)
        engine = engine_of(json, runner, workers, master, job_server, job_server_jar, conf)
        run_stage(stage, inputs, out, recipe, set_, engine, source, json, all_languages=all_languages)
        exit_by_failures(out)

    command.__doc__ = summary
    app.command(stage, rich_help_panel=STAGES, epilog=BEAM_HELP)(command)


for _name, _summary in (
    ("extract", "WARC or WET files to documents."),
    ("filter", "Documents to those that the rules let pass."),
    ("dedup", "Documents to decisions: exact text, then MinHash-LSH."),
    ("score", "Documents to scored documents, by a fastText classifier."),
    ("tokenize", "Documents to sorted parts of tokens."),
    ("pack", "Tokens to shards."),
):
    _stage_command(_name, _summary)


def engine_of(
    json: bool,
    runner: str,
    workers: int | None,
    master: str | None,
    job_server: str | None,
    job_server_jar: Path | None,
    conf: list[str],
) -> Any:
    """Where and how a command's pipelines run."""
    from curate.pipelines.engines.engine import Engine
    from curate.pipelines.engines.progress import Progress
    from curate.pipelines.engines.target import EngineOptions

    target = EngineOptions(
        runner=runner,
        workers=workers,
        master=master,
        job_server=job_server,
        job_server_jar=job_server_jar,
        conf=tuple(conf),
        beam=tuple(beam_options),
    )
    return Engine(target=target, progress=Progress(errors if json else console))


@app.command(rich_help_panel=DATASET)
def gate(
    run: Annotated[str, typer.Argument(metavar="OUT", help="The folder of a run, extracted and filtered.")],
    model: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The model to write.", show_default=False)],
    loss: Annotated[float, typer.Option(help="The share of kept pages that may be lost.")] = 0.01,
    pages: Annotated[int, typer.Option(help="How many pages are looked at, at most.")] = 20_000,
    json: Json = False,
) -> None:
    """Train a cheap gate on quick text: it refuses, before extraction, pages that the run's filter rejected."""
    from dataclasses import asdict

    from curate.extract import lessons, quick_gate
    from curate.storage.writing import write_json

    if model.suffix == ".json":
        raise SettingsError(f"{model}: the model's card is written beside it as .json; name the model otherwise")
    card = quick_gate.train(lessons.judged_pages(place(run), pages), model, loss=loss)
    write_json(model.with_suffix(".json"), asdict(card))
    if json:
        print_json({"model": str(model), **asdict(card)})
        return
    say(console, f"trained on {card.pages[0]} pages, threshold from {card.pages[1]}, tested on {card.pages[2]}")
    say(console, f"of unseen hosts: {card.kept_lost:.2%} of kept pages lost, {card.rejected_refused:.1%} refused")
    say(console, f"--set extract.quality_model={model} --set extract.quality_gate={card.threshold!r}")
