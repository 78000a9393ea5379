"""The commands about quality models: train one, and tell what one is worth."""

from pathlib import Path
from typing import Annotated, Any

import typer

from curate import storage
from curate.cli.app import MODEL, Json, Set, app, console, named, need_charts, place, print_json
from curate.console import say

quality = typer.Typer(no_args_is_help=True, help="Train or evaluate a quality model (fastText).")
app.add_typer(quality, name="quality", rich_help_panel=MODEL)


def local(name: str) -> Path:
    """A path of the command line on this machine, where models and charts are written."""
    if storage.is_remote(path := named(name)):
        raise typer.BadParameter(f"{name}: it is written on this machine only; copy it from there")
    return path


Positive = Annotated[
    list[str], typer.Option("--positive", metavar="FILE", help="Good documents: Parquet or JSON lines, or a glob.")
]
Negative = Annotated[list[str], typer.Option("--negative", metavar="FILE", help="The other kind.")]


@quality.command()
def train(
    positive: Positive,
    negative: Negative,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="MODEL", parser=local, help="The file to write, such as model.ftz.")
    ],
    set_: Set = [],  # noqa: B006 - typer copies it
    json: Json = False,
) -> None:
    """Train a quantised model on labelled documents, and write its card beside it.

    Both kinds are cut to the same lengths; 30 of 100 hosts are held out, and the card says what the model does on them.
    """
    from curate.quality import training

    card = training.train(_files(positive), _files(negative), out, training.settings_of(set_))
    if json:
        print_json(card)
        return
    _say(card["held_out"])
    say(console, f"baseline    AUC {card['baseline']['auc']:.4f}  {card['baseline']['name']}")
    say(console, f"model: {out}, {card['model']['bytes']:,} bytes; card: {training.card_path(out)}")


@quality.command(name="eval")
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help='A model file, or "default".')],
    positive: Positive,
    negative: Negative,
    label: Annotated[str, typer.Option(help="The label of good documents.")] = "positive",
    every_host: Annotated[bool, typer.Option("--all-hosts", help="Also the hosts that train would train on.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", parser=local, help="Draw the calibration as PNG.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Tell what a model does on labelled documents of hosts that `train` holds out."""
    from dataclasses import asdict

    from curate.quality import model_file
    from curate.quality import training as quality_training
    from curate.quality import windows as quality_texts

    if plot:
        need_charts("leave out --plot")
    windows = quality_texts.unseen(_files(positive), _files(negative), every_host=every_host)
    path = model_file.DEFAULT if model == "default" else place(model)
    found = asdict(quality_training.evaluate(path, windows, label))
    if json:
        print_json(found)
    else:
        _say(found)
    if plot:
        from curate.quality import plot as quality_plot

        quality_plot.write(plot, found["calibration"], found["alpha"])
        if not json:
            say(console, f"plot: {plot}")


@quality.command()
def threshold(
    out: Annotated[Path, typer.Argument(metavar="OUT", parser=place, help="The folder of a run, or of score.")],
    fraction: Annotated[float, typer.Option(help="The share of documents to keep.", show_default=False)],
    source: Annotated[str | None, typer.Option(help="Of this source only.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Print the score that keeps the best share of what a stage with score.keep = "all" has scored."""
    from curate.quality import scores

    folder = out if out.name == "score" or not (out / "score").exists() else out / "score"
    found = scores.threshold(folder, fraction, source)
    if json:
        print_json(found._asdict())
        return
    say(console, f"--set 'score.keep=\"threshold\"' --set score.threshold={found.score!r}")
    say(console, f"keeps {found.kept:,} of {found.documents:,} documents; equal scores stay together")


def _files(patterns: list[str]) -> list[Path]:
    from curate.inputs.items import files

    return [path for pattern in patterns for path in files(pattern, miniweb=None)]


def _say(found: dict[str, Any]) -> None:
    say(console, f"held out    {found['windows']:,} windows, {found['words']:,} words, {found['hosts']:,} hosts")
    say(console, f"all         AUC {found['auc']:.4f}")
    for low, high, auc in found["auc_by_words"]:
        say(console, f"{low:>3}-{high - 1:<3} words AUC {auc:.4f}")
    say(console, f"masked      AUC {found['auc_masked']:.4f}  without capitalised words, digits, punctuation")
    say(console, f"calibration error {found['calibration_error']:.4f}; mean score, share of positives, windows:")
    for score, share, size in found["calibration"]:
        say(console, f"            {score:.3f}  {share:.3f}  {size:>6,}")
    fitted = "fitted: what the Pareto rule keeps of the negatives scores like the positives"
    say(console, f"alpha       {found['alpha']:.2f}  {fitted}")
