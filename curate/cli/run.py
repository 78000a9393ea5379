"""The commands run, for a whole recipe, gate, which trains a gate on a finished run, and those of runners."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli import tables
from curate.cli.app import (
    DATASET,
    console,
    errors,
    exit_by_failures,
    need_local,
    print_json,
)
from curate.cli.extras import need, need_for_run
from curate.cli.model import train_model
from curate.cli.options import (
    BEAM_HELP,
    ENGINE,
    AllLanguages,
    Files,
    Json,
    Out,
    Overwrite,
    RecipeArgument,
    Replace,
    RetryFailed,
    Set,
    Strict,
    engine_of,
    readable_path,
    takes_engine_options,
)
from curate.console import say
from curate.errors import SettingsError, install

if TYPE_CHECKING:
    from rich.console import Console

    from curate.gpt.config import Train
    from curate.pipelines.engines.target import EngineOptions
    from curate.recipe import Recipe

OneJob = Annotated[
    bool | None,
    typer.Option(
        help="All stages as one Beam job, planned by workers; by default on Spark.",
        show_default=False,
        rich_help_panel=ENGINE,
    ),
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

commands = typer.Typer()
runners = typer.Typer(no_args_is_help=True, help="List and fetch what Spark, Flink and Prism need on this machine.")
dataflow = typer.Typer(no_args_is_help=True, help="Files for running recipes on Google Cloud's Dataflow.")


@commands.command(rich_help_panel=DATASET, epilog=BEAM_HELP)
@takes_engine_options
def run(
    recipe: RecipeArgument,
    out: Out,
    target: "EngineOptions",
    files: Files = [],
    set_: Set = [],
    all_languages: AllLanguages = False,
    retry_failed: RetryFailed = False,
    one_job: OneJob = None,
    dry_run: DryRun = None,
    train: Annotated[bool, typer.Option(help="Train the recipe's model, if it has one.")] = True,
    replace: Replace = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Run or resume a whole recipe."""
    from curate.pipelines import run as pipelines

    loaded = _loaded(recipe, set_, files, all_languages=all_languages)
    if strict and (dry_run or target.runner == "dataflow"):
        raise SettingsError("--strict: this command does not wait for the job, so it sees no warnings; leave it out")
    if dry_run:
        _write_graph(loaded, out, target, dry_run, replace=replace, json=json)
        return
    if target.runner == "dataflow":
        _submit(loaded, out, target, json=json)
        return
    settings = loaded.train if train else None
    _check_training(loaded, out, train=settings is not None)
    is_one = target.runner == "spark" if one_job is None else one_job
    run_recipe = pipelines.run_as_one_job if is_one else pipelines.run
    engine = engine_of(target, json=json, strict=strict)
    run_recipe(loaded, out, engine, retry_failed=retry_failed, may_replace=replace)
    if settings:
        _train(out, settings, errors if json else console)
    _print_run(out, json=json)
    exit_by_failures(out)


def _loaded(recipe: str, set_: list[str], files: list[str], *, all_languages: bool) -> "Recipe":
    """Returns the recipe that the command line describes."""
    from curate import recipe as recipes

    loaded = recipes.load(recipe, tuple(set_), files=tuple(files))
    return recipes.in_all_languages(loaded) if all_languages else loaded


def _check_training(recipe: "Recipe", out: Path, *, train: bool) -> None:
    """Raises UserError where a library is missing, or a run's model would replace a file of the user's."""
    from dataclasses import asdict

    from curate.gpt import hf, result
    from curate.gpt.config import with_sizes

    need_for_run(recipe, out, train=train)
    if train:
        need_local(out)
        result.check_place(out / "train")
        if recipe.train and recipe.train.init:
            with_sizes(asdict(recipe.train), hf.shape_of(Path(recipe.train.init)))


def _train(out: Path, settings: "Train", progress: "Console") -> None:
    """Trains a run's model; the report goes first where it would show another."""
    from curate.gpt import result

    if not result.is_done(out / "manifest.json", out / "train", settings):
        (out / "report.html").unlink(missing_ok=True)
    train_model(out / "manifest.json", out / "train", settings, progress, replace=True)


def _write_graph(
    recipe: "Recipe", out: Path, target: "EngineOptions", file: Path, *, replace: bool, json: bool
) -> None:
    """Writes the graph of a recipe as one job, and runs nothing."""
    from curate.pipelines.dataflow import submit
    from curate.storage.writing import check_new

    check_new(file, replace=replace)
    size = submit.dry_run(recipe, out, target, file)
    if json:
        print_json({"graph": str(file), "bytes": size})
    else:
        say(console, f"graph: {file}, {size:,} bytes; nothing was run")


def _submit(recipe: "Recipe", out: Path, target: "EngineOptions", *, json: bool) -> None:
    """Hands a recipe over to Dataflow, and does not wait for it."""
    from curate.pipelines.dataflow import submit

    need(["gcp"])
    job = submit.submit(recipe, out, target)
    if json:
        print_json({"job": job.id, "console": job.console, "output": str(out)})
        return
    say(console, f"job: {job.id} {job.console}")
    say(console, f"curate inspect {out} shows the stages that it has finished")
    if recipe.train:
        say(console, "no model is trained there: curate train a copy of the folder")


def _print_run(out: Path, *, json: bool) -> None:
    """Writes the report of a finished run, and prints what the run did."""
    from curate.inspection import funnel

    try:
        from curate.inspection import report as reports

        report = f"report: {reports.write(out)}"
    except ImportError:
        report = f"no report: {install(['report'])}, then: curate report {out}"
    summary = funnel.summary(out)
    if json:
        print_json(summary)
        return
    tables.print_funnel(summary, console)
    tables.print_sources(summary, console)
    say(console, f"manifest: {out / 'manifest.json'}")
    say(console, report)


@commands.command(rich_help_panel=DATASET)
def gate(
    run: Annotated[str, typer.Argument(metavar="OUT", help="The folder of a run, extracted and filtered.")],
    model: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The model to write.", show_default=False)],
    loss: Annotated[
        float, typer.Option(help="The share of pages that the filter keeps which the gate may refuse.")
    ] = 0.01,
    pages: Annotated[int, typer.Option(help="The most pages to train and test on.")] = 20_000,
    json: Json = False,
) -> None:
    """Train a cheap gate on quick text: it refuses, before extraction, pages that the run's filter rejected."""
    from dataclasses import asdict

    from curate.extract import lessons, quick_gate
    from curate.storage import overlap, together

    if model.suffix == ".json":
        raise SettingsError(f"{model}: the model's card is written beside it as .json; give the model another ending")
    folder, record = readable_path(run), model.with_suffix(".json")
    overlap.check_apart(folder, model)
    together.check_free(record, (model.name,))
    cards: list[quick_gate.Card] = []

    def write(draft: Path) -> None:
        cards.append(quick_gate.train(lessons.judged_pages(folder, pages), draft, loss=loss))

    together.write_together(record, {model.name: write}, lambda _: asdict(cards[0]))
    card = cards[0]
    if json:
        print_json({"model": str(model), **asdict(card)})
        return
    trained, calibrated, tested = card.pages
    say(console, f"trained on {trained} pages, threshold from {calibrated}, tested on {tested}")
    say(console, f"of unseen hosts: {card.kept_lost:.2%} of kept pages lost, {card.rejected_refused:.1%} refused")
    say(console, f"--set extract.quality_model={model} --set extract.quality_gate={card.threshold!r}")


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
    from curate.pipelines.engines.runners import archive_classes

    for name in names:
        if name not in installs.NAMES:
            raise SettingsError(f"{name}: nothing to fetch for it; known are {', '.join(installs.NAMES)}")
    for name in names:
        folder = installs.fetch(name)
        files = installs.recorded(name)
        size = sum(record.bytes for record in files.values()) / 1e6
        say(console, f"{name}: ready, {len(files)} files, {size:.0f} MB in {folder}")
        if name in installs.JAVA and not archive_classes(name):
            say(console, f"{name}: this Java cannot archive its classes, so it starts more slowly")


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
