"""The commands recipe, estimate, tokenizer, mix, export, miniweb and train."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli import tables
from curate.cli.app import DATASET, MODEL, console, errors, need_local, print_json
from curate.cli.extras import need, need_for_estimate
from curate.cli.model import train_model
from curate.cli.options import (
    AllLanguages,
    Files,
    Json,
    Out,
    Output,
    Overwrite,
    RecipeArgument,
    Set,
    local_path,
    readable_path,
)
from curate.console import say
from curate.errors import SettingsError, UserError

if TYPE_CHECKING:
    from curate.gpt.config import Train

commands = typer.Typer()


@commands.command(rich_help_panel=DATASET)
def recipe(name: RecipeArgument, set_: Set = []) -> None:
    """Print a recipe with all its defaults, as TOML that can be run."""
    from curate import recipe as recipes

    typer.echo(recipes.to_toml(recipes.load(name, tuple(set_))), nl=False)


@commands.command(rich_help_panel=DATASET)
def estimate(
    recipe: RecipeArgument,
    files: Files = [],
    set_: Set = [],
    all_languages: AllLanguages = False,
    sample: Annotated[int, typer.Option(metavar="PAGES", help="About how many pages or rows are tried.")] = 400,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; one per core if left out.", show_default=False)
    ] = None,
    unique: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="The share of documents that dedup keeps.", show_default="what it keeps of the sample"
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Estimate what a run takes (time, CPU, disk, memory, requests), by a sample of its pages; nothing is kept."""
    from dataclasses import asdict

    from curate import recipe as recipes
    from curate.pipelines.estimation import estimate as estimates

    loaded = recipes.load(recipe, tuple(set_), files=tuple(files))
    loaded = recipes.in_all_languages(loaded) if all_languages else loaded
    need_for_estimate(loaded)
    with errors.status("starting") as shown:
        made = estimates.estimate(
            loaded, pages=sample, workers=workers, unique=unique, say=lambda doing: shown.update(doing)
        )
    if json:
        print_json(asdict(made))
    else:
        tables.print_estimate(made, console)


@commands.command(rich_help_panel=DATASET)
def mix(
    out: Output,
    tokens: Annotated[str | None, typer.Option(help="The token budget, such as 300B.", show_default=False)] = None,
    preset: Annotated[
        str | None, typer.Option(help="How the sources' weights are made, such as quality.", show_default=False)
    ] = None,
    max_epochs: Annotated[
        float | None, typer.Option(help="How often a source is seen at most.", show_default=False)
    ] = None,
    set_: Set = [],
    json: Json = False,
) -> None:
    """Mix the sources of a finished run anew: print tokens, weight and epochs of each; write the manifest, no shard."""
    from curate.dataset.manifest import remix
    from curate.loader import mixture

    options = {"preset": preset, "max_epochs": max_epochs, "tokens": mixture.count(tokens) if tokens else None}
    assignments = [f"mixture.{name}={value}" for name, value in options.items() if value is not None]
    contract = remix(out, (*assignments, *set_))
    if json:
        print_json(tables.portions(contract))
    else:
        tables.print_mixture(contract, console)


@commands.command(rich_help_panel=DATASET)
def tokenizer(
    out: Output,
    file: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="FILE", parser=local_path, help="The file to write: tokenizer.json."),
    ],
    vocabulary: Annotated[int, typer.Option(help="How many ids it has, end of text included.")] = 4096,
    stage: Annotated[
        str | None, typer.Option(help="Learn from what this stage left, not from the shards' text.", show_default=False)
    ] = None,
    replace: Overwrite = False,
    json: Json = False,
) -> None:
    """Train a byte-level BPE tokenizer of a size of your own on an output's documents; held-out ones are left out."""
    from curate.dataset import texts
    from curate.storage.writing import check_new, sha256_of, write_bytes
    from curate.tokens import bpe_training

    bpe_training.check_size(vocabulary)
    if file.suffix != ".json":
        raise SettingsError(f"{file}: the name of a tokenizer ends in .json, by which tokenize.encoding knows a file")
    check_new(file, replace=replace)
    need(["tokenizers"])
    source = texts.find(out, stage)
    write_bytes(file, bpe_training.train((document.text for document in source.in_split(source.splits[0])), vocabulary))
    if json:
        print_json({"file": str(file), "vocabulary": vocabulary, "sha256": sha256_of(file)})
    else:
        say(console, f"tokenizer: {file}, {vocabulary:,} ids; use it with --set 'tokenize.encoding=\"{file}\"'")


Form = Annotated[
    str,
    typer.Argument(
        metavar="FORMAT",
        help="Documents: jsonl or parquet. Shards: croissant, datacard, hf, llmc, litdata, nanotron or npy.",
    ),
]
Dest = Annotated[Path, typer.Option("-o", "--out", metavar="DEST", parser=readable_path, help="The folder to write.")]
License = Annotated[
    str | None, typer.Option("--license", help="The licence that croissant or datacard states.", show_default=False)
]
Stage = Annotated[
    str | None, typer.Option(help="Documents: those that this stage left, not the shards'.", show_default=False)
]
MaxBytes = Annotated[
    int | None, typer.Option(help="Documents: the most bytes of text in a file.", show_default="500000000")
]
MaxRows = Annotated[int | None, typer.Option(help="Documents: the most in a file.", show_default="10000000")]


@commands.command(rich_help_panel=DATASET)
def export(
    form: Form,
    out: Output,
    dest: Dest,
    split: Annotated[str | None, typer.Option(help="Only this split: train or valid.", show_default=False)] = None,
    license_: License = None,
    stage: Stage = None,
    compression: Annotated[str | None, typer.Option(help="Documents: zst, gz or none.", show_default="zst")] = None,
    max_bytes: MaxBytes = None,
    max_rows: MaxRows = None,
    json: Json = False,
) -> None:
    """Write a finished run's documents as text, or its shards in the form of others, linked where they are the same."""
    from dataclasses import asdict

    from curate.dataset import export as exports

    given = {"stage": stage, "compression": compression, "max_bytes": max_bytes, "max_rows": max_rows}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if form in exports.TEXT_FORMS:
        if license_:
            raise SettingsError(f"--license goes with croissant and datacard, not with {form}")
        texts = exports.export_texts(form, out, dest, exports.TextOptions(split=split, **chosen))
        sizes = f"{texts.files:,} files, {texts.documents:,} documents, {texts.bytes:,} bytes of text"
        _print_exported(form, asdict(texts), sizes, json=json)
        return
    for name in chosen:
        forms = " and ".join(exports.TEXT_FORMS)
        raise SettingsError(f"--{name.replace('_', '-')} goes with {forms}, not with {form}")
    written = exports.export(form, out, dest, split=split, license=license_)
    sizes = f"{written.files:,} files, {written.shards:,} shards, {written.tokens:,} tokens"
    _print_exported(form, asdict(written), sizes, json=json)


def _print_exported(form: str, outcome: dict[str, Any], sizes: str, *, json: bool) -> None:
    """Prints what an export has written."""
    if json:
        print_json(outcome | {"folder": str(outcome["folder"])})
    else:
        say(console, f"export: {form} in {outcome['folder']} ({sizes})")


@commands.command(rich_help_panel=DATASET)
def miniweb(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")]) -> None:
    """Write the mini-web that quickstart runs on: WARC files, labels, and the truth about every page."""
    from curate.miniweb import build

    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: not a folder; name another")
    build(folder)
    say(console, f"mini-web: {folder}")


Tokens = Annotated[
    str | None, typer.Option(metavar="N", help="Train on so many tokens, such as 300M.", show_default=False)
]
Epochs = Annotated[
    float | None, typer.Option(metavar="N", help="Train on so many times the dataset's tokens.", show_default=False)
]
Init = Annotated[
    Path | None,
    typer.Option(metavar="DIR", parser=local_path, help="Begin with transformers' weights.", show_default=False),
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="Train so many steps.", show_default=False)]
Horizon = Annotated[
    float | None,
    typer.Option(
        metavar="X", help="Scale the paper's warm-up, decay and ramp by this.", show_default="to the run's length"
    ),
]


@commands.command(rich_help_panel=MODEL)
def train(
    manifest: Annotated[
        Path,
        typer.Argument(metavar="MANIFEST", parser=readable_path, help="manifest.json, or the folder that holds it."),
    ],
    out: Out,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="One of curate models: its sizes, batch and course.", show_default=False),
    ] = None,
    init: Init = None,
    tokens: Tokens = None,
    epochs: Epochs = None,
    steps: Steps = None,
    horizon: Horizon = None,
    set_: Set = [],
    replace: Annotated[
        bool, typer.Option("--replace", help="Train anew over the model, or the unfinished run, of other settings.")
    ] = False,
) -> None:
    """Train a model of GPT-2's or GPT-3's family on the shards, or go on with a run that was stopped."""
    from curate.dataset import manifest as manifests
    from curate.loader import mixture

    lengths = {"tokens": mixture.count(tokens) if tokens else None, "epochs": epochs, "steps": steps}
    others = {"horizon": horizon, "init": str(init) if init else None}
    options = {name: value for name, value in {**lengths, **others}.items() if value is not None}
    settings = _train_settings(model, options, set_)
    need_local(out)
    need(["train", *(["tensorboard"] if settings.tensorboard else [])])
    manifests.read(manifest)
    file = manifest / "manifest.json" if manifest.is_dir() else manifest
    _check_place(file, out, replace=replace)
    train_model(file, out, settings, console, replace=replace)


def _train_settings(model: str | None, options: dict[str, Any], assignments: list[str]) -> "Train":
    """Returns the settings of a model of the papers, or the defaults, with options and assignments on top."""
    from curate import settings
    from curate.gpt.config import Train, settings_of, with_sizes
    from curate.gpt.shapes import preset

    table: settings.Table = settings_of(preset(model)) if model else {}
    for assignment in assignments:
        path, value = settings.parse_assignment(assignment)
        inner = path[1:] if path[0] == "train" and len(path) > 1 else path  # as a recipe names it: train.steps
        table = settings.assign(table, inner, value)
    table |= options
    if init := table.get("init"):
        from curate.gpt import hf

        folder = Path(str(init)).absolute()
        table = with_sizes({"vocabulary": "full", **table, "init": str(folder)}, hf.shape_of(folder))
    return settings.build(Train, table, where=settings.Where("--set", ""))


def _check_place(manifest: Path, out: Path, *, replace: bool) -> None:
    """Raises SettingsError where a model cannot go into a folder without harm to other files."""
    from curate.gpt import result
    from curate.stage.claims import check_outside
    from curate.storage.overlap import check_apart

    if (out / "plan.json").exists() or (out / "stage.json").exists():
        raise SettingsError(f"{out}: holds a stage; name another folder for the model")
    check_apart(manifest.parent, out)
    check_outside(out)
    result.check_place(out)
    if not replace:
        result.check_dataset(manifest, out)
