"""The commands: parse, call, print. Each imports what it needs when it runs, so `--help` is quick."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from curate import __version__, show
from curate.settings import SettingsError

DATASET, STAGES, LOOK, MODEL = "Make a dataset", "One stage", "Look at an output", "Train"
BEAM_HELP = "What follows a lone -- goes to Beam, such as: -- --direct_running_mode=in_memory"

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

Out = Annotated[Path, typer.Option("-o", "--out", help="The folder to write.", show_default=False)]
Set = Annotated[list[str], typer.Option("--set", metavar="PATH=VALUE", help="Change one setting, as in TOML.")]
Runner = Annotated[str, typer.Option(help="Where it runs: local.")]
Workers = Annotated[int | None, typer.Option(help="Worker processes; one per core if left out.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RecipeOption = Annotated[str | None, typer.Option(help="A bundled recipe or a .toml file.", show_default=False)]
SourceOption = Annotated[str, typer.Option(help="The source's name in what is written.")]
Inputs = Annotated[list[str], typer.Argument(metavar="INPUT…", help="Files, globs, or the folder of an earlier stage.")]
Output = Annotated[Path, typer.Argument(metavar="OUT", help="The folder of a run or of a stage.")]


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
) -> None:
    """Options of every command; --debug may stand anywhere and is read in `main`."""
    if version:
        typer.echo(f"curate {__version__}")
        raise typer.Exit


@app.command(rich_help_panel=DATASET, epilog=BEAM_HELP)
def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A bundled recipe or a .toml file.")],
    out: Out,
    set_: Set = [],  # noqa: B006 - typer copies it
    runner: Runner = "local",
    workers: Workers = None,
    train: Annotated[bool, typer.Option(help="Train the recipe's model, if it has one.")] = True,
    json: Json = False,
) -> None:
    """Run or resume a whole recipe."""
    from curate import recipe as recipes
    from curate.pipelines import run as pipeline

    loaded = recipes.load(recipe, tuple(set_))
    wants_model = train and loaded.train is not None
    if wants_model:
        _need_torch("leave the model out with --no-train")
    pipeline.run(loaded, out, _engine(runner, workers, json))
    if wants_model:
        _train(out / "manifest.json", out / "train", loaded.train, errors if json else console)
    _finish_run(out, json)
    _exit_by_failures(out)


def _finish_run(out: Path, json: bool) -> None:
    from curate import funnel

    try:
        from curate import report as reports

        report = f"report: {reports.write(out)}"
    except ImportError:
        report = "no report: install it with pip install 'curate-corpus[report]', then curate report OUT"
    summary = funnel.summary(out)
    if json:
        _print_json(summary)
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
        runner: Runner = "local",
        workers: Workers = None,
        source: SourceOption = "web",
        json: Json = False,
    ) -> None:
        from curate import funnel
        from curate.pipelines import verbs

        verbs.run(stage, tuple(inputs), out, recipe, tuple(set_), _engine(runner, workers, json), source)
        summary = funnel.summary(out)
        _print_json(summary) if json else show.funnel(summary, console)
        _exit_by_failures(out)

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


@app.command(rich_help_panel=LOOK)
def inspect(out: Output, json: Json = False) -> None:
    """Print the funnel, the sources, the weights and the shards."""
    from curate import funnel

    summary = funnel.summary(out)
    if json:
        _print_json(summary)
        return
    show.funnel(summary, console)
    if "sources" in summary:
        show.sources(summary, console)
    if "shards" in summary:
        show.shards(summary, console)


@app.command(rich_help_panel=LOOK)
def verify(out: Output, json: Json = False) -> None:
    """Check every digest, row count and sum; one line per fault."""
    from curate import verify as check

    found = list(check.faults(out))
    if json:
        _print_json({"output": str(out), "faults": found})
    else:
        for fault in found:
            show.say(console, fault)
        if not found:
            show.say(console, f"{out}: all files, counts and digests are as recorded")
    if found:
        raise typer.Exit(1)


@app.command(rich_help_panel=LOOK)
def why(
    out: Output,
    what: Annotated[str, typer.Argument(metavar="URL|ID", help="A URL, or a document id in hex.")],
    json: Json = False,
) -> None:
    """What became of a document, stage by stage."""
    from curate import history

    found = history.of(out, what)
    if json:
        _print_json(found)
    for row in [] if json else found:
        show.say(console, history.line(row))
    if not found:
        raise SettingsError(f"{what}: no stage of {out} has seen this URL or id")


@app.command(rich_help_panel=LOOK)
def trace(
    out: Output,
    shard: Annotated[str, typer.Option(help="A shard's path, as inspect prints it.", show_default=False)],
    token: Annotated[int, typer.Option(help="A token's number in the shard, from 0.", show_default=False)],
    json: Json = False,
) -> None:
    """Which document a token of a shard comes from, and what every stage said of it."""
    from curate import history

    found = history.of(out, history.owner(out, shard, token))
    if json:
        _print_json(found)
    for row in [] if json else found:
        show.say(console, history.line(row))


@app.command(rich_help_panel=LOOK)
def report(out: Output) -> None:
    """Write report.html: one static file with the funnel and real kept and rejected documents."""
    try:
        from curate import report as reports
    except ImportError as error:
        mend = "install it with: pip install 'curate-corpus[report]'"
        raise SettingsError(f"{error.name} is not installed; {mend}") from None
    show.say(console, f"report: {reports.write(out)}")


@app.command(rich_help_panel=DATASET)
def recipe(
    name: Annotated[str, typer.Argument(metavar="RECIPE", help="A bundled recipe or a .toml file.")],
    set_: Set = [],  # noqa: B006 - typer copies it
) -> None:
    """Print a recipe with all its defaults, as TOML that can be run."""
    from curate import recipe as recipes

    typer.echo(recipes.to_toml(recipes.load(name, tuple(set_))), nl=False)


@app.command(rich_help_panel=DATASET)
def miniweb(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")]) -> None:
    """Write the mini-web that quickstart runs on: WARC files, labels, and the truth about every page."""
    from curate import miniweb as pages

    pages.build(folder)
    show.say(console, f"mini-web: {folder}")


@app.command(rich_help_panel=MODEL)
def train(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="manifest.json, or the folder that holds it.")],
    out: Out,
    set_: Set = [],  # noqa: B006 - typer copies it
) -> None:
    """Train a small GPT-2-shaped model on the shards."""
    from curate import manifest as manifests
    from curate import settings
    from curate.recipe import Train

    table: settings.Table = {}
    for text in set_:
        path, value = settings.parse_assignment(text)
        table = settings.assign(table, path, value)
    chosen = settings.build(Train, table, where=settings.Where("--set", ""))
    manifests.read(manifest)
    _need_torch("it is needed to train")
    _train(manifest / "manifest.json" if manifest.is_dir() else manifest, out, chosen)


def _train(manifest: Path, out: Path, chosen: Any, console: Console = console) -> None:
    """Train, unless this very model of this very dataset is there; then tell what came of it."""
    from curate import training

    if training.is_done(manifest, out, chosen):
        console.print("train     done before")
    else:
        from curate.train import train as fit

        def tell(step: int, loss: float) -> None:
            if step % chosen.log_every == 0 or step == 1:
                console.print(f"train     step {step:>5}  loss {loss:.3f}")

        fit(manifest, out, chosen, report=tell)
    for line in training.lines(out):
        show.say(console, line)


def _need_torch(mend: str) -> None:
    from importlib.util import find_spec

    for module in ("torch", "altair", "vl_convert"):
        if find_spec(module) is None:
            raise SettingsError(f"{module} is not installed: pip install 'curate-corpus[train]', or {mend}")


def _engine(runner: str, workers: int | None, json: bool) -> Any:
    from curate.pipelines.run import Engine
    from curate.progress import Progress

    return Engine(
        runner=runner, workers=workers, beam=list(beam_options), progress=Progress(errors if json else console)
    )


def _print_json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def _exit_by_failures(out: Path) -> None:
    """Exit code 1 where some input failed, with the first dead letters."""
    from curate import history

    letters = history.dead_letters(out)
    for letter in letters[:5]:
        show.say(errors, f"curate: {letter}")
    if len(letters) > 5:
        show.say(errors, f"curate: and {len(letters) - 5} more in the failed-*.parquet of {out}")
    if letters:
        raise typer.Exit(1)
