"""The command scale: a ladder of model sizes on one dataset, and the laws of loss against compute."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from curate.cli import tables
from curate.cli.app import MODEL, console, errors, print_json
from curate.cli.extras import need
from curate.cli.options import Json, Set, local_path, readable_path
from curate.cli.tables import duration
from curate.console import say
from curate.errors import SettingsError, UserError

if TYPE_CHECKING:
    from curate.scaling.config import Ladder
    from curate.scaling.gains import Questions
    from curate.scaling.plan import Plan
    from curate.scaling.rungs import Rung

commands = typer.Typer()

Place = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        parser=readable_path,
        help="The folder of a finished run, or a manifest.json; with --predict that of a ladder.",
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="DIR", parser=local_path, help="The folder to write.", show_default=False),
]
Preset = Annotated[
    str, typer.Option("--ladder", metavar="NAME", help="The sizes and settings: laptop, tiny or a .toml file.")
]
Definition = Annotated[
    str, typer.Option("--compute", metavar="NAME", help="How FLOPs of the figure are counted: kaplan, all or counted.")
]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Print what the ladder takes, and train nothing.")]
Flops = Annotated[
    float | None,
    typer.Option(
        "--predict", metavar="FLOPS", help="Print the loss that a ladder's laws give for this.", show_default=False
    ),
]
Processes = Annotated[
    int | None, typer.Option(metavar="N", help="Runs side by side.", show_default="2, those of the ladder")
]
Evaluate = Annotated[
    str | None,
    typer.Option(
        metavar="TASK,TASK…",
        help="Draw in-context gain against size: induction, positions, or tasks of curate evaluate.",
        show_default=False,
    ),
]
Shots = Annotated[str | None, typer.Option(metavar="K,K…", help="Demonstrations in --evaluate.", show_default="0,1,8")]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", parser=local_path, help="The folder of the files of --evaluate.", show_default=False
    ),
]
Limit = Annotated[
    int | None, typer.Option(metavar="N", help="At most so many items of a task in --evaluate.", show_default="all")
]
Anew = Annotated[bool, typer.Option("--replace", help="Train runs anew that are there with other data or settings.")]


@commands.command(rich_help_panel=MODEL)
def scale(
    place: Place,
    out: Folder = None,
    ladder: Preset = "laptop",
    plan: PlanOnly = False,
    compute: Definition = "all",
    predict: Flops = None,
    processes: Processes = None,
    evaluate: Evaluate = None,
    shots: Shots = None,
    data: Data = None,
    limit: Limit = None,
    set_: Set = [],
    replace: Anew = False,
    json: Json = False,
) -> None:
    """Train a ladder of sizes on the shards, and fit how loss falls with compute; print what it takes first."""
    from curate.scaling import config, laws

    if compute not in laws.DEFINITIONS:
        raise SettingsError(f"--compute {compute}: there are {', '.join(laws.DEFINITIONS)}")
    if predict is not None:
        _print_prediction(laws.predict(place, predict, compute), json=json)
        return
    if out is None:
        raise SettingsError("-o DIR is missing: the folder to write; --predict FLOPS asks one that is there")
    given = [] if processes is None else [f"processes={processes}"]
    chosen = config.load(ladder, (*set_, *given))
    need(["train"])
    questions = _questions(evaluate, shots, data, limit, chosen.train.device)
    _run(chosen, place, out, compute, questions, only_plan=plan, replace=replace, json=json)


def _questions(
    evaluate: str | None, shots: str | None, data: Path | None, limit: int | None, device: str
) -> "Questions | None":
    """Returns what the models of the ladder are questions, None where --evaluate is not given."""
    if evaluate is None:
        for name, value in (("--shots", shots), ("--data", data), ("--limit", limit)):
            if value is not None:
                raise SettingsError(f"{name} belongs to --evaluate TASK,…, which is not given")
        return None
    from curate.evaluate.evaluation import Settings, parse_shots
    from curate.scaling.gains import questions

    names = [name.strip() for name in evaluate.split(",") if name.strip()]
    try:
        settings = Settings(shots=parse_shots(shots or "0,1,8"), limit=limit)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return questions(names, data, settings, device)


def _run(
    ladder: "Ladder",
    place: Path,
    out: Path,
    compute: str,
    questions: "Questions | None",
    *,
    only_plan: bool,
    replace: bool,
    json: bool,
) -> None:
    """Prints the plan of a ladder, and runs it."""
    manifest = _manifest(place)
    _check_place(manifest, out)
    from curate.scaling import plan
    from curate.scaling.rungs import rungs

    _check_gains(rungs(ladder), out, questions)
    try:
        planned = plan.plan(ladder, manifest, out, replacing=replace)
    except ValueError as error:  # a manifest, a shard or a setting with which there is nothing to train
        raise UserError(str(error)) from error
    if only_plan and json:
        print_json(_plan_values(planned))
        return
    _print_plan(planned, errors if json else console)
    if not only_plan:
        _train(ladder, manifest, out, compute, questions, replace=replace, json=json)


def _train(
    ladder: "Ladder",
    manifest: Path,
    out: Path,
    compute: str,
    questions: "Questions | None",
    *,
    replace: bool,
    json: bool,
) -> None:
    """Trains what is not done, and prints the laws, and the gains where they are questions."""
    from curate.scaling import ladder as ladders
    from curate.scaling import record
    from curate.scaling.rungs import rungs

    runs, report = rungs(ladder), partial(_report, errors if json else console)
    failures = ladders.run(runs, manifest, out, processes=ladder.processes, say=report, anew=replace)
    if done := [rung for rung in runs if rung.name not in failures]:
        written = record.write(ladder, runs, out, compute, failures)
        if not json:
            _print_laws(written, compute, out)
        if questions:
            written |= {"incontext": _gains(done, manifest, out, questions, written["dataset"], quiet=json)}
        if json:
            print_json(written)
    if failures:
        names = ", ".join(failures)
        say(errors, f"curate: {len(failures)} of {len(runs)} runs failed: {names}; the same command tries them again")
        raise typer.Exit(1)


def _report(to: Console, line: str) -> None:
    say(to, f"scale     {line}")


def _manifest(place: Path) -> Path:
    """Returns the manifest of a dataset, which is checked."""
    from curate.dataset import manifest as manifests

    manifests.read(place)
    return place / "manifest.json" if place.is_dir() else place


def _check_gains(runs: "Sequence[Rung]", out: Path, questions: "Questions | None") -> None:
    """Raises SettingsError where the gains would be written over files of others."""
    if not questions:
        return
    from curate.scaling import gains, gains_record
    from curate.storage import together

    together.check_free(out / gains_record.RECORD, gains_record.FILES)
    gains.check_kept(runs, out)


def _gains(
    runs: "Sequence[Rung]",
    manifest: Path,
    out: Path,
    questions: "Questions",
    dataset: Mapping[str, Any],
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Evaluates the runs of a ladder, prints their gains, and returns the record."""
    from curate.scaling import gains, gains_record

    made = gains.evaluate(runs, manifest, out, questions, partial(_report, errors if quiet else console))
    written = gains_record.write(made, questions, dataset, out)
    if not quiet:
        tables.print_gains(written, console)
        say(console, f"figure    {out / gains_record.FILES[1]}")
    return written


def _check_place(manifest: Path, out: Path) -> None:
    """Raises SettingsError where a ladder cannot go into a folder without harm to other files."""
    from curate.scaling import laws
    from curate.scaling.record import FILES
    from curate.stage.claims import check_outside, is_run
    from curate.storage import together
    from curate.storage.overlap import check_apart

    if is_run(out) or any((out / name).exists() for name in ("plan.json", "stage.json", "train.json")):
        raise SettingsError(f"{out}: holds a run, a stage or a model; name another folder for the ladder")
    check_apart(manifest.parent, out)
    check_outside(out)
    together.check_free(out / laws.RECORD, FILES)


def _plan_values(planned: "Plan") -> dict[str, Any]:
    """Returns a plan as plain values."""
    from dataclasses import asdict

    runs = [
        {
            "name": cost.rung.name,
            "parameters": cost.rung.parameters,
            "vocabulary": cost.shape.vocabulary,
            "tokens": cost.rung.tokens,
            "epochs": cost.epochs,
            "compute": cost.compute,
            "seconds": cost.seconds,
            "done": cost.done,
            "settings": asdict(cost.rung.settings),
        }
        for cost in planned.costs
    ]
    return {"runs": runs, "seconds": planned.seconds, "warnings": [*planned.warnings]}


def _print_plan(planned: "Plan", to: Any) -> None:
    """Prints what each run takes, and all of them."""
    table = Table(title="plan (N: parameters without embeddings; FLOPs by three definitions)", title_justify="left")
    table.add_column("run")
    for name in ("N", "tokens", "epochs", "6 N D", "6 (N+Vd) D", "counted", "time"):
        table.add_column(name, justify="right")
    for cost in planned.costs:
        flops = [f"{cost.compute[name]:.2e}" for name in ("kaplan", "all", "counted")]
        left = "done" if cost.done else duration(cost.seconds)
        sizes = (f"{cost.rung.parameters:,}", f"{cost.rung.tokens:,}", f"{cost.epochs:.2f}")
        table.add_row(cost.rung.name, *sizes, *flops, left)
    to.print(table)
    say(
        to,
        f"scale     vocabulary {planned.costs[0].shape.vocabulary:,}; about {duration(planned.seconds)} in all, if the "
        "cores are free; estimated from a few steps of each size",
    )
    for warning in planned.warnings:
        say(to, f"warning   {warning}")


def _print_laws(written: Mapping[str, Any], compute: str, out: Path) -> None:
    """Prints the points and the laws."""
    bits = written["bits_per_nat"]
    table = Table(title=f"held-out loss (compute {compute})", title_justify="left")
    table.add_column("size")
    for name in ("N", "tokens", "seeds", "FLOPs", "nats/token", "bits/byte", "of the law"):
        table.add_column(name, justify="right")
    law = written["laws"][compute]
    residuals = iter(law["power"].get("residuals", ()))
    for point, lowest in zip(written["points"], law["lowest"], strict=True):
        off = next(residuals, None) if lowest else None
        loss = point["loss"]
        table.add_row(
            point["name"],
            f"{point['parameters']:,}",
            f"{point['tokens']:,}",
            str(point["seeds"]),
            f"{point['compute'][compute]:.2e}",
            f"{loss:.4f}",
            "-" if bits is None else f"{loss * bits:.4f}",
            "-" if off is None else f"{off:+.2%}",
        )
    console.print(table)
    for name, laws in written["laws"].items():
        say(console, f"law       {name}: {_law_words(laws['power'])}; with a floor: {_law_words(laws['floor'])}")
    say(console, f"law       chinchilla: {_law_words(written['chinchilla'])}")
    if above := law["lowest"].count(False):
        lines = f"{above} of {len(law['lowest'])} points lie above the lower envelope: a smaller run has a lower loss"
        say(console, f"warning   {lines}")
    say(console, f"figure    {out / 'scaling.png'}")


def _law_words(law: Mapping[str, Any]) -> str:
    """Returns the parameters of a law with their intervals, or why there is none."""
    if "refused" in law:
        return f"not fitted: {law['refused']}"
    words = []
    for name, value in law["parameters"].items():
        interval = law["intervals"].get(name)
        spread = f" ({interval[0]:.3g} to {interval[1]:.3g})" if interval else ""
        words.append(f"{name} {value:.3g}{spread}")
    return ", ".join(words)


def _print_prediction(answer: Mapping[str, Any], *, json: bool) -> None:
    """Prints the loss that the laws give."""
    if json:
        print_json(answer)
        return
    for name, words in (("power", "power law"), ("floor", "with a floor")):
        if name not in answer:
            continue
        parts = [_with_interval(answer[name]["nats_per_token"], answer[name]["interval"], "nats per token")]
        if "bits_per_byte" in answer[name]:
            parts.append(_with_interval(answer[name]["bits_per_byte"], answer[name]["bits_interval"], "bits per byte"))
        say(console, f"{words}: {', '.join(parts)} at {answer['compute']:.3g} FLOPs ({answer['definition']})")


def _with_interval(value: float, interval: list[float], unit: str) -> str:
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f}) {unit}"
