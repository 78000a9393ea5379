"""The commands inspect, status, verify, why, trace, report, index and filters; of them report and index -o write."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from curate.cli import tables
from curate.cli.app import LOOK, console, print_json
from curate.cli.extras import need
from curate.cli.options import Json, Output, any_path, local_path, readable_path
from curate.console import plain, say
from curate.errors import SettingsError, UserError
from curate.records import Reason

STYLES = {"-": "red", "+": "green", "…": "dim"}  # of what differs between two texts
MOST = 20  # passages that are printed
SHOWN = 160  # characters of a cut passage that are printed
INDENT = " " * 10

commands = typer.Typer()
filters = typer.Typer(invoke_without_command=True)  # a group: without a verb it lists the rules


@commands.command(rich_help_panel=LOOK)
def inspect(out: Output, json: Json = False) -> None:
    """Print the funnel, the sources, the weights and the shards."""
    from curate.inspection import funnel

    summary = funnel.summary(out)
    if json:
        print_json(summary)
        return
    tables.print_funnel(summary, console)
    if "sources" in summary:
        tables.print_sources(summary, console)
    if "shards" in summary:
        tables.print_shards(summary, console)


@commands.command(rich_help_panel=LOOK)
def status(out: Output, json: Json = False) -> None:
    """Print whether a process works on an output, how far each stage is, or why it stopped."""
    from curate.inspection import status

    state = status.of(out)
    if json:
        print_json(status.as_table(state))
        return
    for line in status.lines(state):
        say(console, line)


@commands.command(rich_help_panel=LOOK)
def verify(out: Output, json: Json = False) -> None:
    """Check every digest, row count and sum; one line per fault."""
    from curate.inspection import verify

    faults = list(verify.faults(out))
    if json:
        print_json({"output": str(out), "faults": faults})
    else:
        for fault in faults:
            say(console, fault)
        if not faults:
            say(console, f"{out}: all files, counts and digests are as recorded")
    if faults:
        raise typer.Exit(1)


@commands.command(rich_help_panel=LOOK)
def why(
    out: Output,
    name: Annotated[str, typer.Argument(metavar="URL|ID", help="A URL in any spelling, or a document's id.")],
    json: Json = False,
) -> None:
    """Print what each stage did with a document; of a near duplicate, how it differs from the one that was kept."""
    from curate.inspection import history

    rows = history.of(out, name)
    if json:
        print_json(rows)
    else:
        for row in rows:
            say(console, history.line(row))
            print_differences(row, console)
            print_cuts(row, console)


def print_differences(row: dict[str, Any], on: Console) -> None:
    """Prints the passages in which a document of `history.of` differs from the kept one, if the row has them."""
    from curate.inspection.differences import KEPT, REMOVED, Piece, signed

    passages = row.get("differences")
    if passages is None:
        return
    legend = [Piece(REMOVED, "only in the removed text "), Piece(KEPT, f"only in that of {row['kept_url']}")]
    for passage in [legend, *([Piece(*piece) for piece in passage] for passage in passages[:MOST])]:
        line = Text(INDENT)
        for mark, text in signed(passage):
            line.append(plain(text), STYLES.get(mark, ""))
        on.print(line, soft_wrap=True)
    if not passages:
        say(on, f"{INDENT}both have the same words, upper and lower case and punctuation included")
    if len(passages) > MOST:
        say(on, f"{INDENT}and {len(passages) - MOST:,} more places (--json has all)")


def print_cuts(row: dict[str, Any], on: Console) -> None:
    """Prints the places that stage lines has cut out of a document of `history.of`, each with its rule."""
    cuts = row.get("cuts", ())
    for cut in cuts[:MOST]:
        text = " ".join(cut.get("text", "").split())
        shown = text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} … {text[-SHOWN // 2 :]}"
        line = Text(f"{INDENT}{cut['rule']} {cut['start']:,} to {cut['stop']:,}  ")
        line.append(plain(f"[-{shown}-]") if shown else "", STYLES["-"])
        on.print(line, soft_wrap=True)
    if len(cuts) > MOST:
        say(on, f"{INDENT}and {len(cuts) - MOST:,} more places (--json has all)")


@commands.command(rich_help_panel=LOOK)
def trace(
    out: Output,
    shard: Annotated[str, typer.Option(help="A shard's path, as inspect prints it.", show_default=False)],
    token: Annotated[int, typer.Option(help="A token's number in the shard, from 0.", show_default=False)],
    json: Json = False,
) -> None:
    """Print the document that a token of a shard comes from, what each stage did with it, and the text from there."""
    from curate.inspection import history

    owner = history.owner(out, shard, token)
    rows = history.of(out, owner.id)
    if json:
        print_json(rows)
        return
    for row in rows:
        say(console, history.line(row))
    try:
        text = repr(history.passage(out, shard, token, owner.stop))
    except UserError as error:
        text = str(error)
    say(console, f"text      {text}")


@commands.command(rich_help_panel=LOOK)
def report(out: Output) -> None:
    """Write report.html: one static file with the funnel and real kept and rejected documents."""
    need(["report"])
    from curate.inspection import report

    say(console, f"report: {report.write(out)}")


@commands.command("index", rich_help_panel=LOOK)
def index_(
    first: Annotated[
        Path, typer.Argument(metavar="DIR", parser=readable_path, help="The index of curate dedup --index.")
    ],
    second: Annotated[
        Path | None,
        typer.Argument(metavar="OTHER", parser=any_path, help="An index to put behind it.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="NEW", parser=local_path, help="Where both are one.", show_default=False),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Compare every file with its digest.")] = False,
    json: Json = False,
) -> None:
    """Print what an index of dedup holds; or make one index of two: DIR OTHER -o NEW."""
    from curate.dedup.index import overview

    if (second is None) != (out is None):
        raise SettingsError("two indexes are made one by curate index DIR OTHER -o NEW; give all three")
    merged = overview.merge(first, second, out) if second and out else None
    faults = list(overview.faults(first)) if check else []
    table = overview.summary(out or first)
    if merged:
        common = {"texts_in_both": merged.texts, "addresses_in_both": merged.addresses, "similar": merged.similar}
        table |= common
    if json:
        print_json(table | ({"faults": faults} if check else {}))
    else:
        for line in (*overview.lines(table), *faults):
            say(console, line)
    if faults:
        raise typer.Exit(1)


@filters.callback(help="List all filter rules with their variants and limits, or compare two of them.")
def list_filters(context: typer.Context, json: Json = False) -> None:
    """Prints every rule with its source, its variants and its settings."""
    if context.invoked_subcommand:
        return
    from curate.inspection import filters

    rows = filters.listing()
    if json:
        print_json(rows)
        return
    for row in rows:
        say(console, f"{row['rule']}{'  (on by default)' if row['on'] else ''}")
        say(console, f"  {row['about']}")
        for name, value in row["settings"].items():
            say(console, f"    {name} = {shortened(value)}")
        for variant, values in row["variants"].items():
            others = ", ".join(f"{name} = {shortened(value)}" for name, value in values.items() if name != "variant")
            own = "the default" if variant == row["settings"]["variant"] else "the same values"
            say(console, f"  variant {variant}: {others or own}; {row['details'][variant]}")
    say(console, "rules of your own are named package.module:function in filter.rules")


@filters.command("compare")
def compare_filters(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="A rule, RULE:VARIANT, package.module:function, or a recipe; recipe:NAME where a rule has the name.",
        ),
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    on: Annotated[
        list[str], typer.Option(metavar="DOCS", help="Documents, or the folder of a stage; may be given again.")
    ],
    documents: Annotated[
        int | None, typer.Option(min=1, help="Read so many documents at most.", show_default=False)
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="Show so many examples of each disagreement.")] = 5,
    json: Json = False,
) -> None:
    """Show where two filter rules, variants or recipes disagree on documents, with examples."""
    from dataclasses import asdict

    from curate.inspection import filters

    result = filters.compare((first, second), on, most=documents, shown=examples)
    if json:
        pairs = [{"reasons": list(reasons), "documents": number} for reasons, number in result.pairs.items()]
        print_json(asdict(result) | {"pairs": pairs})
        return
    say(console, f"{result.documents:,} documents; the first is {first}, the second {second}")
    for how, number in result.counts.items():
        say(console, f"{number:>9,}  {tables.share(number, result.documents):>7}  {how}")
    for (one, other), number in result.pairs.items():
        say(console, f"{number:>9,}  {one or 'kept'} | {other or 'kept'}")
    for example in result.examples:
        say(console, f"\n{example.how}: {example.url}")
        for name, reason in zip(result.names, example.reasons, strict=True):
            say(console, f"  {name}: {reason_text(reason)}")
        say(console, f"  {example.text}")


def shortened(value: Any) -> str:
    """Returns a value of a setting on one line, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN // 2 else f"{text[: SHOWN // 2]}…"


def reason_text(reason: Reason | None) -> str:
    """Returns a reason with its value and limit."""
    if not reason:
        return "kept"
    value = "" if reason.value is None else f" {reason.value:.4g}"
    limit = "" if reason.threshold is None else f", limit {reason.threshold:g}"
    return f"{reason.rule}{value}{limit}{f' ({reason.detail})' if reason.detail else ''}"
