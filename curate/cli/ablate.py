"""The commands ablate, which compares data by models trained on it, and plant, which makes data with known faults."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from curate.cli.app import DATASET, MODEL, console, errors, print_json
from curate.cli.extras import need
from curate.cli.options import Json, Replace, Set, local_path, readable_path
from curate.cli.tables import duration
from curate.console import say
from curate.errors import SettingsError, UserError

if TYPE_CHECKING:
    from curate.ablation.config import Ablation
    from curate.ablation.plan import Plan
    from curate.ablation.run import Prepared

commands = typer.Typer()

Arms = Annotated[
    Path, typer.Argument(metavar="ARMS", parser=local_path, help="The .toml file of arms, judges, seeds and model.")
]
Folder = Annotated[
    Path, typer.Option("-o", "--out", metavar="DIR", parser=local_path, help="The folder to write.", show_default=False)
]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Make the data, print what the runs take, and train nothing.")]
Processes = Annotated[
    int | None, typer.Option(metavar="N", help="Runs side by side.", show_default="2, those of the file")
]
Anew = Annotated[bool, typer.Option("--replace", help="Make anew what is there of other data or settings.")]


@commands.command(rich_help_panel=MODEL)
def ablate(
    arms: Arms,
    out: Folder,
    plan: PlanOnly = False,
    processes: Processes = None,
    set_: Set = [],
    replace: Anew = False,
    json: Json = False,
) -> None:
    """Train one model on the data of several arms, and say on which judges an arm is better; print the cost first."""
    from curate.ablation import config

    given = [] if processes is None else [f"processes={processes}"]
    ablation = config.load(arms, (*set_, *given))
    _need(ablation)
    _check_place(ablation, arms, out)
    from curate.ablation import run as runs

    spoken = errors if json else console
    prepared, planned = _prepared(ablation, out, spoken, replace=replace)
    if plan and json:
        print_json(_plan_values(planned, prepared))
        return
    _print_plan(planned, prepared, spoken)
    if plan:
        return
    failures = runs.run(prepared, out, say=lambda line: say(spoken, f"ablate    {line}"), replacing=replace)
    if len(failures) < len(prepared.runs):
        written = runs.write(prepared, out, failures)
        if json:
            print_json(written)
        else:
            _print_outcome(written, out)
    if failures:
        count = f"{len(failures)} of {len(prepared.runs)} runs failed"
        say(errors, f"curate: {count}: {', '.join(failures)}; the same command tries them again")
        raise typer.Exit(1)


def _prepared(ablation: "Ablation", out: Path, spoken: Console, *, replace: bool) -> tuple["Prepared", "Plan"]:
    """Makes the data, fixes the judges, and returns both with the plan."""
    from curate.ablation import plan as plans
    from curate.ablation import run as runs
    from curate.pipelines.engines.engine import Engine
    from curate.pipelines.engines.progress import Progress
    from curate.pipelines.engines.target import EngineOptions

    engine = Engine(target=EngineOptions(workers=ablation.processes), progress=Progress(spoken))
    try:
        prepared = runs.prepare(ablation, out, engine, replacing=replace)
        planned = plans.plan(ablation, prepared.data, prepared.judges, prepared.runs, out, replacing=replace)
    except ValueError as error:  # a manifest, a shard or a setting with which there is nothing to train
        raise UserError(str(error)) from error
    return prepared, planned


def _need(ablation: "Ablation") -> None:
    """Raises UserError where a library is missing."""
    from curate.tokens.config import is_tokenizer_file

    made = [one for one in ablation.entries if one.recipe or one.inputs]
    recipes = made or [arm for arm in ablation.arms.values() if arm.documents]
    file = ablation.encoding is not None and is_tokenizer_file(ablation.encoding)
    need(["train", *(["beam"] if recipes else []), *(["tokenizers"] if file else [])])


def _check_place(ablation: "Ablation", arms: Path, out: Path) -> None:
    """Raises SettingsError where an ablation cannot go into a folder without harm to other files."""
    from curate.ablation.record import FILES, RECORD
    from curate.stage.claims import check_outside, is_run
    from curate.storage import together
    from curate.storage.overlap import check_apart, is_within

    if is_run(out) or any((out / name).exists() for name in ("plan.json", "stage.json", "train.json", "scaling.json")):
        raise SettingsError(f"{out}: holds a run, a stage or a model; name another folder for the ablation")
    if is_within(arms, out):
        raise SettingsError(f"{arms}: lies in the output {out}; name an output outside of what is read")
    for one in ablation.entries:
        if one.manifest:
            check_apart(one.manifest, out)
    check_outside(out)
    together.check_free(out / RECORD, FILES)


def _plan_values(planned: "Plan", prepared: "Prepared") -> dict[str, Any]:
    """Returns a plan as plain values."""
    from dataclasses import asdict

    judges = {name: fixed.record() for name, fixed in prepared.judges.items()}
    runs = [{"name": run.name, "settings": asdict(run.settings)} for run in prepared.runs]
    return asdict(planned) | {"judges": judges, "runs": runs}


def _print_plan(planned: "Plan", prepared: "Prepared", to: Console) -> None:
    """Prints the arms, the judges, and what the runs take."""
    table = Table(title=f"arms ({planned.tokens:,} tokens a run)", title_justify="left")
    table.add_column("arm")
    for name in ("documents", "tokens", "bytes", "epochs", "of a source"):
        table.add_column(name, justify="right")
    for arm in planned.arms:
        epochs = (f"{arm.epochs:.2f}", f"{arm.most_epochs:.2f}")
        table.add_row(arm.name, f"{arm.documents:,}", f"{arm.tokens:,}", f"{arm.bytes:,}", *epochs)
    to.print(table)
    table = Table(title="judges (what an arm holds is left out)", title_justify="left")
    table.add_column("judge")
    for name in ("documents", "bytes", "tokens", "same host", "13 words", "over limit", "unread"):
        table.add_column(name, justify="right")
    for name, fixed in prepared.judges.items():
        left_out = [f"{number:,}" for number in fixed.left_out.values()]
        table.add_row(name, f"{fixed.documents:,}", f"{fixed.bytes:,}", f"{fixed.tokens:,}", *left_out)
    to.print(table)
    shape = planned.shape
    sizes = f"{shape.layers} layers, {shape.heads} heads, width {shape.width}, context {shape.context}"
    say(to, f"model     {sizes}: {planned.parameters:,} parameters without embeddings, {shape.vocabulary:,} ids")
    say(
        to,
        f"plan      {planned.runs} runs, {planned.left} to train; about {duration(planned.run_s)} each, "
        f"{duration(planned.seconds)} in all, if the cores are free; estimated from a few steps",
    )
    if len(prepared.ablation.seeds) < 2:
        say(to, "warning   one seed has no interval, and so no verdict; give at least two seeds")


def _print_outcome(written: Mapping[str, Any], out: Path) -> None:
    """Prints the means of arms, the differences from the baseline, and the verdicts."""
    baseline = written["ablation"]["baseline"]
    table = Table(title=f"judges: mean of the arms, and less {baseline} with 95 % interval", title_justify="left")
    for name in ("judge", "measure", "arm"):
        table.add_column(name)
    for name in ("mean", "sd", "seeds", f"less {baseline}", "interval", "outcome"):
        table.add_column(name, justify="right")
    against = {
        (one["judge"], one["measure"], one["arm"]): one for one in written["comparisons"] if one["other"] == baseline
    }
    keys = sorted(written["means"], key=lambda row: [*written["judges"]].index(row["judge"]))
    for row in keys:
        one = against.get((row["judge"], row["measure"], row["arm"]))
        less = "" if one is None else f"{one['mean']:+.4f}"
        interval = "" if one is None or one["low"] is None else f"{one['low']:+.4f} to {one['high']:+.4f}"
        spread = "-" if row["sd"] is None else f"{row['sd']:.4f}"
        outcome = "" if one is None else one["outcome"] or "-"
        numbers = (f"{row['mean']:.4f}", spread, str(row["seeds"]), less, interval, outcome)
        table.add_row(row["judge"], row["measure"], row["arm"], *numbers)
    console.print(table)
    for verdict in written["verdicts"]:
        say(console, f"verdict   {verdict['words']}")
    for share in written.get("gap", {}).get("judges", ()):
        say(console, f"gap       {share['judge']}: {share['words']}")
    say(console, f"figure    {out / 'ablation.png'}")


Documents = Annotated[
    list[str], typer.Argument(metavar="DOCS…", help="Clean documents: files, globs, folders, or a finished stage.")
]
PlantOut = Annotated[
    Path | None,
    typer.Option(
        "-o", "--out", metavar="DIR", parser=local_path, help="The folder to write; with --against a .json file."
    ),
]
Duplicates = Annotated[float, typer.Option(help="The share of the planted documents that are copies.")]
Boilerplate = Annotated[float, typer.Option(help="The share with page furniture, or of nothing else.")]
OtherLanguage = Annotated[float, typer.Option(help="The share in other languages.")]
Leaks = Annotated[float, typer.Option(help="The share with items of tasks.")]
HeldOut = Annotated[float, typer.Option(help="The share of the clean documents that neither corpus gets.")]
Others = Annotated[
    list[str], typer.Option("--other", metavar="DOCS", help="Documents in other languages; else the mini-web's.")
]
LeaksFrom = Annotated[
    list[str], typer.Option(metavar="TASK|FILE", help="Tasks or a file of items; else arithmetic and scramble.")
]
TaskData = Annotated[
    Path | None, typer.Option("--data", metavar="FOLDER", parser=local_path, help="The folder of the tasks' files.")
]
MostWords = Annotated[int, typer.Option(metavar="N", help="The most words of a clean document; longer ones are cut.")]


Against = Annotated[
    Path | None,
    typer.Option(metavar="RUN", parser=readable_path, help="Measure a run, or a stage, over DOCS, a planted corpus."),
]


@commands.command(rich_help_panel=DATASET)
def plant(
    documents: Documents,
    out: PlantOut = None,
    duplicates: Duplicates = 0.4,
    boilerplate: Boilerplate = 0.2,
    other_language: OtherLanguage = 0.15,
    leaks: Leaks = 0.1,
    held_out: HeldOut = 0.0,
    max_words: MostWords = 1000,
    seed: Annotated[int, typer.Option(help="The seed of all draws.")] = 0,
    other: Others = [],
    leaks_from: LeaksFrom = [],
    data: TaskData = None,
    replace: Replace = False,
    against: Against = None,
    json: Json = False,
) -> None:
    """Plant known defects into clean documents; with --against, measure what a run over them did with each."""
    from curate.planting import files
    from curate.planting.config import Planting

    if against is not None:
        _measure(documents, against, out, replace=replace, json=json)
        return
    if out is None:
        raise SettingsError("-o DIR is missing: the folder to write")
    rates = {"duplicates": duplicates, "boilerplate": boilerplate, "other_language": other_language, "leaks": leaks}
    planting = _settings(Planting, held_out=held_out, max_words=max_words, seed=seed, **rates)
    request = files.Request(documents=tuple(documents), others=tuple(other), leaks_from=tuple(leaks_from), data=data)
    record = files.make(request, planting, out, replace=replace, warn=_warn)
    if json:
        print_json(record)
    else:
        _print_planted(record, out)


def _measure(documents: list[str], run: Path, out: Path | None, *, replace: bool, json: bool) -> None:
    """Prints what a run did with each defect of a planted corpus, and writes it where a file is named."""
    from dataclasses import asdict

    from curate.cli.tables import print_outcomes
    from curate.planting import outcomes
    from curate.storage.writing import check_new

    if len(documents) != 1:
        raise SettingsError("--against takes one folder, which curate plant wrote")
    if out is not None:
        if out.suffix != ".json":
            raise SettingsError(f"{out}: name a .json file; the same as .csv is written beside it")
        for path in (out, out.with_suffix(".csv")):
            check_new(path, replace=replace)
    measured = outcomes.measure(local_path(documents[0]), run)
    if out is not None:
        outcomes.write(measured, out, outcomes.origin_of(local_path(documents[0]), run))
    if json:
        print_json(asdict(measured))
        return
    print_outcomes(asdict(measured), console)
    if out is not None:
        say(console, f"written: {out} and {out.with_suffix('.csv')}")


def _settings(kind: Any, **values: Any) -> Any:
    """Returns settings; SettingsError where a value is refused."""
    try:
        return kind(**values)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _warn(message: str, mend: str) -> None:
    say(errors, f"warning: {message}; {mend}")


def _print_planted(record: dict[str, Any], out: Path) -> None:
    """Prints how many documents have each defect, and where they lie."""
    clean, planted = record["clean"], record["planted"]
    left = [f"{clean[name]:,} {words}" for name, words in LEFT_OUT.items() if clean[name]]
    say(
        console,
        f"clean     {clean['documents']:,} documents, {clean['words']:,} words" + "".join(f"; {one}" for one in left),
    )
    for defect, facts in planted["defects"].items():
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in facts["kinds"].items())
        say(console, f"{defect:14} {facts['documents']:>7,}  {100 * facts['share']:5.1f} %  {kinds}")
    say(console, f"planted   {planted['documents']:,} documents, {planted['words']:,} words")
    if held_out := record["held_out"]["documents"]:
        say(console, f"held out  {held_out:,} documents")
    say(console, f"files: {out}")


LEFT_OUT = {"repeated": "of equal text left out", "unread": "without a readable text left out"}
