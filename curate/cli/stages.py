"""Defines one verb for each kind of stage, except the first halves gather, sign and rate.

The table of kinds names the verbs; `crawl`, `dedup` and `links` have options of their own, the others are alike.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli import tables
from curate.cli.app import STAGES, console, exit_by_failures, print_json
from curate.cli.extras import need_for_verb
from curate.cli.options import (
    BEAM_HELP,
    AllLanguages,
    Json,
    Out,
    RecipeOption,
    Replace,
    RetryFailed,
    Set,
    Source,
    Strict,
    engine_of,
    takes_engine_options,
)
from curate.errors import SettingsError
from curate.inputs.forms import HELP
from curate.stage import kinds

if TYPE_CHECKING:
    from curate.pipelines.engines.engine import Engine
    from curate.pipelines.engines.target import EngineOptions

INPUTS = {  # what a stage takes, by the kinds' table
    "files": f"WARC, WET, ARC or WAT files, indexes and lists of them, folders, globs; or documents: {HELP}.",
    "documents": f"The folders of earlier stages, or documents: {HELP}; as files, folders or globs.",
    "tokens": "The folder that tokenize wrote.",
}

Reapply = Annotated[
    bool, typer.Option("--reapply", help="Filter again by other limits, from the signals of a filter stage's folder.")
]
AllReasons = Annotated[
    bool, typer.Option("--all-reasons", help="Name and count every rule that would reject a document.")
]


def _stage_verb(stage: str) -> Callable[..., None]:
    """Returns the verb of a stage that has no options of its own."""
    words = INPUTS[kinds.KINDS[stage].takes]

    def verb(
        inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help=words)],
        out: Out,
        target: "EngineOptions",
        recipe: RecipeOption = None,
        set_: Set = [],
        all_languages: AllLanguages = False,
        retry_failed: RetryFailed = False,
        source: Source = "web",
        replace: Replace = False,
        strict: Strict = False,
        json: Json = False,
    ) -> None:
        _run(
            stage,
            inputs,
            out,
            target,
            recipe,
            set_,
            source,
            all_languages=all_languages,
            strict=strict,
            json=json,
            retry_failed=retry_failed,
            may_replace=replace,
        )
        exit_by_failures(out)

    return verb


def _crawl(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="LINKS…", help="The folder of curate links, Parquet with fetch_url or url, lists of URLs."
        ),
    ],
    out: Out,
    target: "EngineOptions",
    contact: Annotated[
        str | None,
        typer.Option(
            metavar="URL|MAIL", help="Your URL or mail address; each request names it. Required.", show_default=False
        ),
    ] = None,
    allow_network: Annotated[
        list[str],
        typer.Option(metavar="CIDR", help="Connect to these addresses too, though they are private or local."),
    ] = [],
    resolve: Annotated[
        list[str],
        typer.Option(
            metavar="HOST:PORT:ADDRESS", help="Use this address for a host, as curl does; @FILE has one per line."
        ),
    ] = [],
    recipe: RecipeOption = None,
    set_: Set = [],
    source: Source = "web",
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Runs `crawl`, whose own options are settings of the table [crawl] and win over --set."""
    assignments = [*set_]
    if contact:
        assignments.append(f"crawl.contact={_toml_text(contact)}")
    if allow_network:
        assignments.append(f"crawl.allow_networks={_toml_texts(allow_network)}")
    if resolve:
        assignments.append(f"crawl.resolve={_toml_texts(resolve)}")
    _run("crawl", inputs, out, target, recipe, assignments, source, strict=strict, json=json)


def _dedup(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help=INPUTS["documents"])],
    out: Out,
    target: "EngineOptions",
    index: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Compare with what earlier runs have kept, and add what this one keeps.",
            show_default=False,
        ),
    ] = None,
    recipe: RecipeOption = None,
    set_: Set = [],
    retry_failed: RetryFailed = False,
    source: Source = "web",
    replace: Replace = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Runs `dedup`, whose own option is the setting dedup.index and wins over --set."""
    assignments = [*set_, *([f"dedup.index={_toml_text(index)}"] if index else [])]
    _run(
        "dedup",
        inputs,
        out,
        target,
        recipe,
        assignments,
        source,
        strict=strict,
        json=json,
        retry_failed=retry_failed,
        may_replace=replace,
    )
    exit_by_failures(out)


def _filter(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help=INPUTS["documents"])],
    out: Out,
    target: "EngineOptions",
    reapply: Reapply = False,
    all_reasons: AllReasons = False,
    recipe: RecipeOption = None,
    set_: Set = [],
    all_languages: AllLanguages = False,
    retry_failed: RetryFailed = False,
    source: Source = "web",
    replace: Replace = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Runs `filter`; --all-reasons is the setting filter.all_reasons."""
    assignments = [*set_, *(["filter.all_reasons=true"] if all_reasons else [])]
    if reapply:
        if all_languages or retry_failed:
            option = "--all-languages" if all_languages else "--retry-failed"
            raise SettingsError(f"--reapply and {option}: give one; no text is read anew")
        _reapply(inputs, out, recipe, assignments, engine_of(target, json=json, strict=strict), json=json)
    else:
        _run(
            "filter",
            inputs,
            out,
            target,
            recipe,
            assignments,
            source,
            all_languages=all_languages,
            strict=strict,
            json=json,
            retry_failed=retry_failed,
            may_replace=replace,
        )
    exit_by_failures(out)


def _links(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT…", help="Dumps of submissions, lists of URLs, WAT, WARC, sitemaps."),
    ],
    out: Out,
    target: "EngineOptions",
    preset: Annotated[
        str | None, typer.Option(help="webtext, webtext2, openwebtext or openwebtext2.", show_default="webtext")
    ] = None,
    recipe: RecipeOption = None,
    set_: Set = [],
    retry_failed: RetryFailed = False,
    source: Source = "web",
    replace: Replace = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Runs `links` by a preset, webtext if none is named; a recipe brings its own."""
    if preset and recipe:
        raise SettingsError("--preset and --recipe: give one; a recipe names its own with links.preset")
    assignments = [*set_] if recipe else [f"links.preset={preset or 'webtext'}", *set_]
    _run(
        "links",
        inputs,
        out,
        target,
        recipe,
        assignments,
        source,
        strict=strict,
        json=json,
        retry_failed=retry_failed,
        may_replace=replace,
    )
    exit_by_failures(out)


def _run(
    stage: str,
    inputs: list[str],
    out: Path,
    target: "EngineOptions",
    recipe: str | None,
    assignments: list[str],
    source: str,
    *,
    strict: bool,
    json: bool,
    all_languages: bool = False,
    retry_failed: bool = False,
    may_replace: bool = False,
) -> None:
    """Runs one stage, and prints what it read and kept."""
    from curate.pipelines import verbs

    need_for_verb(inputs, out)

    verbs.run(
        stage,
        tuple(inputs),
        out=out,
        recipe=recipe,
        assignments=tuple(assignments),
        engine=engine_of(target, json=json, strict=strict),
        source=source,
        all_languages=all_languages,
        retry_failed=retry_failed,
        may_replace=may_replace,
    )
    _print_funnel(out, json=json)


def _reapply(
    inputs: list[str], out: Path, recipe: str | None, assignments: list[str], engine: "Engine", *, json: bool
) -> None:
    """Filters again from signals, and prints what was read and kept."""
    from curate.pipelines import reapply

    reapply.run(tuple(inputs), out, recipe, tuple(assignments), engine)
    _print_funnel(out, json=json)


def _print_funnel(out: Path, *, json: bool) -> None:
    """Prints what the stages in a folder read and kept."""
    from curate.inspection import funnel

    summary = funnel.summary(out)
    if json:
        print_json(summary)
    else:
        tables.print_funnel(summary, console)


def _toml_texts(texts: list[str]) -> str:
    """Returns a TOML list of strings."""
    return f"[{', '.join(map(_toml_text, texts))}]"


def _toml_text(text: str) -> str:
    """Returns a TOML string, which is written as JSON's is."""
    from json import dumps

    return dumps(text)


OWN_OPTIONS: dict[str, Callable[..., None]] = {"crawl": _crawl, "dedup": _dedup, "filter": _filter, "links": _links}
# The order of the help: a recipe's stages, then the others by name. A first half is run by its stage's verb.
VERBS = (*kinds.STAGES, *sorted(kinds.KINDS.keys() - kinds.WHOLES.keys() - set(kinds.STAGES)))

commands = typer.Typer()
for _stage in VERBS:
    _verb = takes_engine_options(OWN_OPTIONS.get(_stage) or _stage_verb(_stage))
    commands.command(_stage, help=kinds.KINDS[_stage].summary, rich_help_panel=STAGES, epilog=BEAM_HELP)(_verb)
