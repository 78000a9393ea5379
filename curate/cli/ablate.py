"""The commands ablate, which compares data by models trained on it, and plant, which makes data with known faults."""

import typer

commands = typer.Typer()
