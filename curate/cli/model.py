"""The commands of models: list those of the papers, write one for transformers, write text with one."""

import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from curate.cli import tables
from curate.cli.app import MODEL, console, errors, print_json
from curate.cli.extras import need
from curate.cli.options import Json, local_path
from curate.console import plain_text, say
from curate.errors import SettingsError
from curate.settings import Where, build

commands = typer.Typer()


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
