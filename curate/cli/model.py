"""The command models, which lists every model of the GPT-2 and GPT-3 papers."""

from typing import Annotated

import typer

from curate.cli import tables
from curate.cli.app import MODEL, console, print_json
from curate.cli.options import Json

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

    from curate.errors import SettingsError
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
