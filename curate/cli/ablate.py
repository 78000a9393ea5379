"""The commands ablate, which compares data by models trained on it, and plant, which makes data with known faults."""

from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli.app import DATASET, console, errors, print_json
from curate.cli.options import Json, Replace, local_path
from curate.console import say
from curate.errors import SettingsError

commands = typer.Typer()

Documents = Annotated[
    list[str], typer.Argument(metavar="DOCS…", help="Clean documents: files, globs, folders, or a finished stage.")
]
PlantOut = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="DIR", parser=local_path, help="The folder to write.")
]
Duplicates = Annotated[float, typer.Option(help="The share of the planted documents that are copies.")]
Boilerplate = Annotated[float, typer.Option(help="The share with page furniture, or of nothing else.")]
OtherLanguage = Annotated[float, typer.Option(help="The share in other languages.")]
Leaks = Annotated[float, typer.Option(help="The share with items of tasks.")]
HeldOut = Annotated[float, typer.Option(help="The share of the clean documents that neither corpus gets.")]
Others = Annotated[
    list[str], typer.Option("--other", metavar="DOCS", help="Documents in other languages; else the mini-web's.")
]
LeaksFrom = Annotated[
    list[str], typer.Option(metavar="TASK|FILE", help="Tasks or a file of items; else arithmetic and scramble.")
]
TaskData = Annotated[
    Path | None, typer.Option("--data", metavar="FOLDER", parser=local_path, help="The folder of the tasks' files.")
]
MostWords = Annotated[int, typer.Option(metavar="N", help="The most words of a clean document; longer ones are cut.")]


@commands.command(rich_help_panel=DATASET)
def plant(
    documents: Documents,
    out: PlantOut = None,
    duplicates: Duplicates = 0.4,
    boilerplate: Boilerplate = 0.2,
    other_language: OtherLanguage = 0.15,
    leaks: Leaks = 0.1,
    held_out: HeldOut = 0.0,
    max_words: MostWords = 1000,
    seed: Annotated[int, typer.Option(help="The seed of all draws.")] = 0,
    other: Others = [],
    leaks_from: LeaksFrom = [],
    data: TaskData = None,
    replace: Replace = False,
    json: Json = False,
) -> None:
    """Plant known defects into clean documents, to measure what a recipe does with each of them."""
    from curate.planting import files
    from curate.planting.config import Planting

    if out is None:
        raise SettingsError("-o DIR is missing: the folder to write")
    planting = _settings(
        Planting,
        duplicates=duplicates,
        boilerplate=boilerplate,
        other_language=other_language,
        leaks=leaks,
        held_out=held_out,
        max_words=max_words,
        seed=seed,
    )
    request = files.Request(documents=tuple(documents), others=tuple(other), leaks_from=tuple(leaks_from), data=data)
    record = files.make(request, planting, out, replace=replace, warn=_warn)
    if json:
        print_json(record)
    else:
        _print_planted(record, out)


def _settings(kind: Any, **values: Any) -> Any:
    """Returns settings; SettingsError where a value is refused."""
    try:
        return kind(**values)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _warn(message: str, mend: str) -> None:
    say(errors, f"warning: {message}; {mend}")


def _print_planted(record: dict[str, Any], out: Path) -> None:
    """Prints how many documents have each defect, and where they lie."""
    clean, planted = record["clean"], record["planted"]
    left = [f"{clean[name]:,} {words}" for name, words in LEFT_OUT.items() if clean[name]]
    say(
        console,
        f"clean     {clean['documents']:,} documents, {clean['words']:,} words" + "".join(f"; {one}" for one in left),
    )
    for defect, facts in planted["defects"].items():
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in facts["kinds"].items())
        say(console, f"{defect:14} {facts['documents']:>7,}  {100 * facts['share']:5.1f} %  {kinds}")
    say(console, f"planted   {planted['documents']:,} documents, {planted['words']:,} words")
    if held_out := record["held_out"]["documents"]:
        say(console, f"held out  {held_out:,} documents")
    say(console, f"files: {out}")


LEFT_OUT = {"repeated": "of equal text left out", "unread": "without a readable text left out"}
