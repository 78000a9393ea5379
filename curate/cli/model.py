"""The commands of models: models lists those of the papers, export-model writes one for transformers."""

from pathlib import Path
from typing import Annotated

import typer

from curate.cli import tables
from curate.cli.app import MODEL, console, print_json
from curate.cli.extras import need
from curate.cli.options import Json, local_path
from curate.console import say
from curate.errors import SettingsError

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
