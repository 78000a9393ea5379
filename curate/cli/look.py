"""The commands that look at an output, make its inputs, or train: parse, call, print.

Each imports what it needs when it runs, so `--help` is quick.
"""

from pathlib import Path
from typing import Annotated

import typer

from curate.cli import tables
from curate.cli.app import (
    DATASET,
    LOOK,
    MODEL,
    Json,
    Out,
    Output,
    Set,
    app,
    console,
    need_local,
    need_torch,
    place,
    print_json,
    train_model,
)
from curate.console import say
from curate.errors import SettingsError


@app.command(rich_help_panel=LOOK)
def inspect(out: Output, json: Json = False) -> None:
    """Print the funnel, the sources, the weights and the shards."""
    from curate.inspection import funnel

    summary = funnel.summary(out)
    if json:
        print_json(summary)
        return
    tables.funnel(summary, console)
    if "sources" in summary:
        tables.sources(summary, console)
    if "shards" in summary:
        tables.shards(summary, console)


@app.command(rich_help_panel=LOOK)
def verify(out: Output, json: Json = False) -> None:
    """Check every digest, row count and sum; one line per fault."""
    from curate.inspection import verify as check

    found = list(check.faults(out))
    if json:
        print_json({"output": str(out), "faults": found})
    else:
        for fault in found:
            say(console, fault)
        if not found:
            say(console, f"{out}: all files, counts and digests are as recorded")
    if found:
        raise typer.Exit(1)


@app.command(rich_help_panel=LOOK)
def why(
    out: Output,
    what: Annotated[str, typer.Argument(metavar="URL|ID", help="A URL, or a document id in hex.")],
    json: Json = False,
) -> None:
    """What became of a document, stage by stage."""
    from curate.inspection import history

    found = history.of(out, what)
    if json:
        print_json(found)
    for row in [] if json else found:
        say(console, history.line(row))
    if not found:
        raise SettingsError(f"{what}: no stage of {out} has seen this URL or id")


@app.command(rich_help_panel=LOOK)
def trace(
    out: Output,
    shard: Annotated[str, typer.Option(help="A shard's path, as inspect prints it.", show_default=False)],
    token: Annotated[int, typer.Option(help="A token's number in the shard, from 0.", show_default=False)],
    json: Json = False,
) -> None:
    """Which document a token of a shard comes from, what every stage said of it, and the text from the token on."""
    from curate.inspection import history

    owner = history.owner(out, shard, token)
    found = history.of(out, owner.id)
    if json:
        return print_json(found)
    for row in found:
        say(console, history.line(row))
    try:
        text = repr(history.passage(out, shard, token, owner.stop))
    except SettingsError as error:
        text = str(error)
    say(console, f"text      {text}")


@app.command(rich_help_panel=LOOK)
def report(out: Output) -> None:
    """Write report.html: one static file with the funnel and real kept and rejected documents."""
    try:
        from curate.inspection import report as reports
    except ImportError as error:
        mend = "install it with: pip install 'curate-corpus[report]'"
        raise SettingsError(f"{error.name} is not installed; {mend}") from None
    say(console, f"report: {reports.write(out)}")


@app.command(rich_help_panel=DATASET)
def recipe(
    name: Annotated[str, typer.Argument(metavar="RECIPE", help="A bundled recipe or a .toml file.")],
    set_: Set = [],  # noqa: B006 - typer copies it
) -> None:
    """Print a recipe with all its defaults, as TOML that can be run."""
    from curate import recipe as recipes

    typer.echo(recipes.to_toml(recipes.load(name, tuple(set_))), nl=False)


@app.command(rich_help_panel=DATASET)
def mix(
    out: Output,
    tokens: Annotated[str | None, typer.Option(help="The token budget, such as 300B.", show_default=False)] = None,
    preset: Annotated[str | None, typer.Option(help="The rule that makes the weights.", show_default=False)] = None,
    max_epochs: Annotated[float | None, typer.Option(help="The cap on every source.", show_default=False)] = None,
    set_: Set = [],  # noqa: B006 - typer copies it
    json: Json = False,
) -> None:
    """Mix the sources of a finished run anew: print tokens, weight and epochs of each; write the manifest, no shard."""
    from curate.dataset.manifest import remix
    from curate.loader import mixture

    given = {"preset": preset, "max_epochs": max_epochs, "tokens": mixture.count(tokens) if tokens else None}
    asked = [f"mixture.{name}={value}" for name, value in given.items() if value is not None]
    contract = remix(out, (*asked, *set_))
    if json:
        print_json(tables.portions(contract))
    else:
        tables.mixture(contract, console)


@app.command(rich_help_panel=DATASET)
def export(
    form: Annotated[
        str, typer.Argument(metavar="FORMAT", help="croissant, datacard, hf, llmc, litdata, nanotron or npy.")
    ],
    out: Output,
    dest: Annotated[Path, typer.Option("-o", "--out", metavar="DEST", parser=place, help="The folder to write.")],
    split: Annotated[str | None, typer.Option(help="Only this split: train or valid.", show_default=False)] = None,
    license_: Annotated[
        str | None, typer.Option("--license", help="What croissant or datacard state.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Write a finished run's dataset in the form of others; files that are the same are linked, not copied."""
    from dataclasses import asdict

    from curate.dataset import export as exports

    done = exports.export(form, out, dest, split=split, license=license_)
    if json:
        print_json(asdict(done) | {"folder": str(done.folder)})
    else:
        told = f"{done.files:,} files, {done.shards:,} shards, {done.tokens:,} tokens"
        say(console, f"export: {form} in {done.folder} ({told})")


@app.command(rich_help_panel=DATASET)
def miniweb(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")]) -> None:
    """Write the mini-web that quickstart runs on: WARC files, labels, and the truth about every page."""
    from curate import miniweb as pages

    pages.build(folder)
    say(console, f"mini-web: {folder}")


@app.command(rich_help_panel=MODEL)
def train(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", parser=place, help="manifest.json, or the folder that holds it.")
    ],
    out: Out,
    set_: Set = [],  # noqa: B006 - typer copies it
) -> None:
    """Train a small GPT-2-shaped model on the shards."""
    from curate import settings
    from curate.dataset import manifest as manifests
    from curate.gpt.config import Train

    table: settings.Table = {}
    for text in set_:
        path, value = settings.parse_assignment(text)
        table = settings.assign(table, path, value)
    chosen = settings.build(Train, table, where=settings.Where("--set", ""))
    need_local(out)
    manifests.read(manifest)
    need_torch("it is needed to train")
    train_model(manifest / "manifest.json" if manifest.is_dir() else manifest, out, chosen)
