"""The commands quality train, quality eval and quality threshold."""

from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli.app import console, print_json
from curate.cli.extras import need
from curate.cli.options import Json, Overwrite, Set, local_path, readable_path
from curate.console import say

commands = typer.Typer(no_args_is_help=True, help="Train or evaluate a quality model (fastText).")

Positive = Annotated[
    list[str], typer.Option("--positive", metavar="FILE", help="Good documents: Parquet or JSON lines, or a glob.")
]
Negative = Annotated[list[str], typer.Option("--negative", metavar="FILE", help="Bad documents, in the same forms.")]


@commands.command()
def train(
    positive: Positive,
    negative: Negative,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="MODEL", parser=local_path, help="The file to write, such as model.ftz."),
    ],
    set_: Set = [],
    json: Json = False,
) -> None:
    """Train a quantised model on labelled documents, and write its card beside it.

    Both kinds are cut to the same lengths; 30 of 100 hosts are held out, and the card says what the model does on them.
    """
    from curate.inputs import apart
    from curate.quality import training

    apart.check_patterns([*positive, *negative], out, [""])
    card = training.train(_files(positive), _files(negative), out, training.settings_of(set_))
    if json:
        print_json(card)
        return
    _print_evaluation(card["held_out"])
    say(console, f"baseline    AUC {card['baseline']['auc']:.4f}  {card['baseline']['name']}")
    say(console, f"model: {out}, {card['model']['bytes']:,} bytes; card: {training.card_path(out)}")


@commands.command(name="eval")
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help='A model file, "useful" or "edited".')],
    positive: Positive,
    negative: Negative,
    label: Annotated[str, typer.Option(help="The label of good documents.")] = "positive",
    every_host: Annotated[
        bool, typer.Option("--all-hosts", help="Measure on all hosts, not on held-out ones alone.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=local_path, help="Draw the calibration as PNG.", show_default=False),
    ] = None,
    replace: Overwrite = False,
    json: Json = False,
) -> None:
    """Measure a model on labelled documents of hosts that `train` holds out."""
    from dataclasses import asdict

    from curate.quality import model_file, training
    from curate.quality import windows as labelled
    from curate.quality.config import Score
    from curate.storage.writing import check_new

    if plot:
        check_new(plot, replace=replace)
        need(["train"], instead="without --plot nothing is drawn")
    windows = labelled.held_out_windows(_files(positive), _files(negative), every_host=every_host)
    name = Score(model=model).shipped
    path = model_file.shipped(name) if name else readable_path(model)
    evaluation = asdict(training.evaluate(path, windows, label))
    if json:
        print_json(evaluation)
    else:
        _print_evaluation(evaluation)
    if plot:
        from curate.quality.plot import write

        write(plot, evaluation["calibration"], evaluation["alpha"])
        if not json:
            say(console, f"plot: {plot}")


@commands.command()
def threshold(
    out: Annotated[Path, typer.Argument(metavar="OUT", parser=readable_path, help="The folder of a run, or of score.")],
    fraction: Annotated[float, typer.Option(help="The share of documents to keep.", show_default=False)],
    source: Annotated[
        str | None, typer.Option(help="Count the documents of this source only.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Print the score that keeps the best share of what a stage with score.keep = "all" has scored."""
    from curate.quality import scores

    folder = out if out.name == "score" or not (out / "score").exists() else out / "score"
    cut = scores.threshold(folder, fraction, source)
    if json:
        print_json(cut._asdict())
        return
    say(console, f"--set 'score.keep=\"threshold\"' --set score.threshold={cut.score!r}")
    say(console, f"keeps {cut.kept:,} of {cut.documents:,} documents; equal scores stay together")


def _files(patterns: list[str]) -> list[Path]:
    """Returns the files that paths, URLs and globs name, in the order given."""
    from curate.inputs.items import files

    return [path for pattern in patterns for path in files(pattern, miniweb=None)]


def _print_evaluation(evaluation: dict[str, Any]) -> None:
    """Prints what a model does on held-out windows, one measure a line."""
    windows, words, hosts = evaluation["windows"], evaluation["words"], evaluation["hosts"]
    say(console, f"held out    {windows:,} windows, {words:,} words, {hosts:,} hosts")
    say(console, f"all         AUC {evaluation['auc']:.4f}")
    for low, high, auc in evaluation["auc_by_words"]:
        say(console, f"{low:>3}-{high - 1:<3} words AUC {auc:.4f}")
    say(console, f"masked      AUC {evaluation['auc_masked']:.4f}  without capitalised words, digits, punctuation")
    say(console, f"calibration error {evaluation['calibration_error']:.4f}; mean score, share of positives, windows:")
    for score, share, size in evaluation["calibration"]:
        say(console, f"            {score:.3f}  {share:.3f}  {size:>6,}")
    fitted = "fitted: what the Pareto rule keeps of the negatives scores like the positives"
    say(console, f"alpha       {evaluation['alpha']:.2f}  {fitted}")
