"""The commands of models: list those of the papers, write one for transformers, write text with one.

The commands run and train train one here too: a line per row of its log, a bar on a terminal, and the outcome.
"""

import os
import sys
import time
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from curate.cli import tables
from curate.cli.app import MODEL, console, errors, print_json
from curate.cli.extras import need
from curate.cli.options import Json, local_path
from curate.console import plain_text, say
from curate.errors import SettingsError, UserError
from curate.settings import Where, build

if TYPE_CHECKING:
    from curate.gpt.config import Train
    from curate.gpt.logs import Progress
    from curate.pipelines.engines.progress import Topic
    from curate.stage.wording import Field

commands = typer.Typer()

UNITS = ("", "k", "M", "B", "T")


@commands.command(rich_help_panel=MODEL)
def models(
    literal: Annotated[
        bool, typer.Option("--literal", help="With the sizes that GPT-3's table misprints, where they make a model.")
    ] = False,
    json: Json = False,
) -> None:
    """List the models of the GPT-2 and GPT-3 papers: their sizes, and their parameters counted and as printed."""
    from dataclasses import asdict

    from curate.gpt.shapes import PRESETS, preset

    rows = []
    for name in PRESETS:
        try:
            chosen = preset(name, literal=literal)
        except SettingsError:
            chosen = PRESETS[name]  # its printed sizes make no model
        rows.append({"name": name, **asdict(chosen), "parameters": chosen.shape.parameters})
    if json:
        print_json(rows)
    else:
        tables.print_models(rows, console)


Trained = Annotated[
    Path, typer.Argument(metavar="RUN", parser=local_path, help="The folder of a trained model, or a checkpoint.")
]
Folder = Annotated[Path, typer.Option("-o", "--out", metavar="DIR", parser=local_path, help="The folder to write.")]


@commands.command("export-model", rich_help_panel=MODEL)
def export_model(run: Trained, out: Folder, json: Json = False) -> None:
    """Write a trained model as transformers loads it, as GPT-2 or GPT-Neo, with its tokenizer and a card."""
    from dataclasses import asdict

    from curate.stage.claims import check_outside, is_run
    from curate.storage.overlap import check_apart

    need(["train"])
    check_apart(run, out)
    check_outside(out)
    if is_run(out) or (out / "plan.json").exists() or (out / "stage.json").exists():
        raise SettingsError(f"{out}: holds a run or a stage; name another folder for the model")
    from curate.gpt import checkpoint, hf

    exported = hf.export(checkpoint.load(run), out)
    if json:
        print_json(asdict(exported) | {"folder": str(out)})
        return
    say(console, f"export-model: {exported.architecture} in {out} ({exported.parameters:,} parameters)")
    for note in exported.notes:
        say(console, f"export-model: {note}")


AnyModel = Annotated[
    Path, typer.Argument(metavar="RUN", parser=local_path, help="The folder of a model, ours or transformers'.")
]
Prompt = Annotated[str, typer.Option(metavar="TEXT", help="What the text begins with; - reads standard input.")]
Tokens = Annotated[int, typer.Option(help="The most tokens to write.")]
Temperature = Annotated[float, typer.Option(help="0 always takes the likeliest token; 1 draws as the model says.")]
TopK = Annotated[int, typer.Option(help="Draw from so many of the likeliest tokens; 0: from all.")]
TopP = Annotated[float, typer.Option(help="Draw from the fewest tokens that have this probability together.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same text; each further sample has the next one.")]
Samples = Annotated[int, typer.Option(help="How many texts to write.")]


@commands.command(rich_help_panel=MODEL)
def generate(
    run: AnyModel,
    prompt: Prompt = "",
    tokens: Tokens = 200,
    temperature: Temperature = 0.8,
    top_k: TopK = 40,
    top_p: TopP = 1.0,
    seed: Seed = 0,
    samples: Samples = 1,
    json: Json = False,
) -> None:
    """Write text with a trained model, until it ends the document."""
    from dataclasses import replace

    need(["train"])
    from curate.gpt import sampling

    if samples < 1:
        raise SettingsError(f"generate: samples is at least 1, got {samples}")
    table = {"tokens": tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    first = build(sampling.Sampling, table, where=Where("generate", ""))
    chosen = [replace(first, seed=(seed + number) % 2**64) for number in range(samples)]
    text = _standard_input() if prompt == "-" else prompt
    saved = sampling.open_model(run)
    rows = sampling.encode(text, saved.tokenizer, saved.vocabulary)
    if len(rows) > (context := saved.model.shape.context):
        say(errors, f"the prompt has {len(rows):,} tokens, of which the model reads the last {context:,}")
    if json:
        print_json({"prompt": text, "samples": [sampling.sample(saved, rows, settings) for settings in chosen]})
        return
    for settings in chosen:
        if samples > 1:
            say(console, f"--- seed {settings.seed}")
        _stream(chain([text], sampling.pieces(saved, rows, settings)))


def _stream(pieces: Iterable[str]) -> None:
    """Prints pieces of a text as they come, what could move the cursor as escapes."""
    for piece in pieces:
        typer.echo(plain_text(piece), nl=False)
    typer.echo()


def _standard_input() -> str:
    """Returns the text of standard input, without its last line end."""
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise SettingsError(f"--prompt -: standard input is not UTF-8: {error.reason} at byte {error.start}") from None


class Watch:
    """Shows a run on a console: a line for each row of its log, and on a terminal a bar below them."""

    def __init__(self, console: Console) -> None:
        from curate.pipelines.engines.progress import Display

        self._console, self._display, self._due = console, Display(console), 0.0

    def report(self, progress: "Progress") -> None:
        """Prints a line if the step is logged, and draws the bar from time to time."""
        from curate.pipelines.engines.progress import DRAW_S

        if progress.row:
            self.say(line(progress))
        now = time.monotonic()
        if now >= self._due or progress.row:
            self._due = now + DRAW_S
            self._display.draw(topic(progress))

    def say(self, text: str) -> None:
        """Prints a line."""
        say(self._console, f"{'train':9} {text}")

    def clear(self) -> None:
        """Removes the bar."""
        self._display.clear()


def train_model(manifest: Path, out: Path, settings: "Train", console: Console, *, replace: bool) -> None:
    """Trains a model, unless this very model of this very dataset is there, and prints its losses.

    replace: begin anew where the folder holds checkpoints of another run.
    """
    from curate.gpt import result

    console.quiet = os.environ.get("RANK", "0") != "0"  # torchrun's: the first of several processes prints for all
    if result.is_done(manifest, out, settings):
        console.print("train     done before")
    else:
        from curate.gpt.train import train

        watch = Watch(console)
        try:
            train(manifest, out, settings, watch.report, say=watch.say, anew=replace)
        except ValueError as error:  # a manifest, a shard or a setting with which there is nothing to train
            raise UserError(str(error)) from error
        finally:
            watch.clear()
    for text in result.lines(out):
        say(console, text)


def topic(progress: "Progress") -> "Topic":
    """Returns the progress as the topic of a bar."""
    from curate.pipelines.engines.progress import Topic

    shown = Topic("train", progress.of_tokens, lambda: fields(progress))
    shown.advance(progress.tokens)
    return shown


def line(progress: "Progress") -> str:
    """Returns the progress as a plain line."""
    return "  ".join(field.text for field in fields(progress))


def fields(progress: "Progress") -> "list[Field]":
    """Returns the fields of a line of progress, in order."""
    from curate.stage.wording import Field, duration

    pieces = [
        Field(f"step {progress.step:,} of {progress.steps:,}", 1),
        Field(f"{count(progress.tokens)} of {count(progress.of_tokens)} tokens", 6, 21),
        Field(f"loss {progress.loss:.3f}", 0),
    ]
    if progress.bits_per_byte is not None:
        pieces.append(Field(f"held out {progress.bits_per_byte:.3f} bits/byte", 5))
    if progress.tokens_per_second is not None:
        pieces.append(Field(f"{count(progress.tokens_per_second)} tokens/s", 4, 14))
    if progress.mfu is not None:
        pieces.append(Field(f"MFU {100 * progress.mfu:.0f} %", 7, 8))
    if progress.left_s is not None:
        pieces.append(Field(f"ETA {duration(progress.left_s)}", 3, 10))
    return pieces


def count(number: float) -> str:
    """Returns a number in three digits and the unit that suits it.

    >>> count(41_000_000), count(9_830_000), count(12_345), count(384), count(999_999)
    ('41.0M', '9.83M', '12.3k', '384', '1.00M')
    """
    power, digits = 0, 0
    while number >= 999.5 and power < len(UNITS) - 1:
        number, power = number / 1000, power + 1
        digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:.{digits}f}{UNITS[power]}"
