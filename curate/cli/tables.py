"""The tables that the command line prints, made with Rich of plain values."""

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from curate.console import plain, say

if TYPE_CHECKING:
    from curate.pipelines.estimation.projection import Estimate
    from curate.pipelines.estimation.weights import Number

HOSTS = 10  # that are shown
ESTIMATED = ("parts", "read", "kept", "CPU", "time", "reads", "writes", "shuffles", "memory", "requests")


def print_funnel(summary: dict[str, Any], console: Console) -> None:
    """Prints per stage: read, kept, rejected, and each reason with its share of what the stage read."""
    table = Table(title=Text(f"funnel of {plain(summary['output'])}"), title_justify="left")
    table.add_column("stage")
    for name in ("read", "kept", "rejected", "share of read"):
        table.add_column(name, justify="right")
    for stage in summary["stages"]:
        read = stage["read"]
        row = (stage["stage"], f"{read:,}", f"{stage['kept']:,}", f"{stage['rejected']:,}", share(stage["kept"], read))
        table.add_row(*row, style="bold")
        by_source = stage["by_source"] if len(stage["by_source"]) > 1 else {}
        for source, (came, stayed) in by_source.items():
            counts = (f"{came:,}", f"{stayed:,}", f"{came - stayed:,}")
            table.add_row(Text(f"  of {plain(source)}"), *counts, share(stayed, came))
        for reason, number in sorted(stage["reasons"].items(), key=lambda pair: (-pair[1], pair[0])):
            table.add_row(f"  {reason}", "", "", f"{number:,}", share(number, read))
        skipped = {f"skipped {kind}": number for kind, number in stage["skipped"].items()}
        for name, number in (stage["notes"] | skipped).items():
            table.add_row(f"  {name}", "", "", f"({number:,})", "", style="dim")
        if stage["failed"]:
            table.add_row("  dead letters", "", "", f"({stage['failed']:,})", "", style="red")
        table.add_section()
    console.print(table)
    if "evaluation_sets" in summary:
        print_evaluation_sets(summary["evaluation_sets"], console)
    if "removals" in summary:
        print_removals(summary["removals"], console)
    if summary["run"] and not summary["finished"]:
        console.print("not finished: there is no manifest.json yet")


def print_evaluation_sets(sets: list[dict[str, Any]], console: Console) -> None:
    """Prints per evaluation set: its items, those of which the documents hold a gram, and documents that hold one."""
    table = Table(title="evaluation sets (leaking: with a gram that is no common phrase)", title_justify="left")
    table.add_column("set")
    for name in ("N", "items", "short", "dirty", "share", "documents", "share", "leaking"):
        table.add_column(name, justify="right")
    for row in sets:
        table.add_row(
            Text(plain(row["name"])),
            *(f"{row[name]:,}" for name in ("ngram", "items", "short", "dirty")),
            share(row["dirty_share"], 1),
            f"{row['documents']:,}",
            share(row["documents_share"], 1),
            f"{row['leaking']:,}",
        )
    console.print(table)


def print_removals(removals: dict[str, Any], console: Console) -> None:
    """Prints the hosts that lost most to dedup, and how many removals of the sample hold."""
    if removals["hosts"]:
        table = Table(title="hosts that lost most documents to dedup", title_justify="left")
        table.add_column("host", overflow="fold")
        for name in ("read", "removed", "share"):
            table.add_column(name, justify="right")
        for row in removals["hosts"][:HOSTS]:
            counts = (f"{row['read']:,}", f"{row['removed']:,}", share(row["removed"], row["read"]))
            table.add_row(Text(plain(row["host"])), *counts)
        console.print(table)
    if removals["near"]:
        say(console, precision(removals))


def precision(removals: dict[str, Any]) -> str:
    """Returns in one line how many near removals of the sample hold."""
    sample = removals["sample"]
    line = f"dedup.near: of {removals['near']:,} removals {sample['of']:,} were drawn and judged anew by their texts; "
    line += f"{sample['number']:,} are as similar to the kept document as {removals['limit']:g}"
    if sample["share"] is not None:
        line += f", {100 * sample['share']:.1f} % [{100 * sample['low']:.1f}, {100 * sample['high']:.1f}]"
    lost = removals["without_winner"]
    return line + (f"; {lost:,} more name a document that is not kept here" if lost else "")


def print_sources(summary: dict[str, Any], console: Console) -> None:
    """Prints per source: documents, tokens, weight, and epochs at the recipe's token budget."""
    table = Table(title=f"sources (epochs at {summary['budget']:,} tokens)", title_justify="left")
    table.add_column("source")
    for name in ("documents", "train tokens", "valid tokens", "weight", "share", "epochs"):
        table.add_column(name, justify="right")
    for source in summary["sources"]:
        table.add_row(
            Text(plain(source["name"])),
            f"{source['train_documents'] + source['valid_documents']:,}",
            f"{source['train_tokens']:,}",
            f"{source['valid_tokens']:,}",
            f"{source['weight']:,.10g}",
            share(source["share"], 1),
            "-" if source["epochs"] is None else f"{source['epochs']:,.2f}",
        )
    console.print(table)


def print_models(rows: list[dict[str, Any]], console: Console) -> None:
    """Prints the sizes, batch, learning rate and parameters of each model, as counted and as its paper prints them."""
    title = "models: batch in tokens, parameters in millions, counted and as the paper prints them"
    table = Table(title=title, title_justify="left", padding=(0, 0))
    table.add_column("model", no_wrap=True)
    for name in ("layers", "width", "heads", "context", "band", "batch", "rate", "counted", "printed"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        shape = row["shape"]
        band = str(shape["band"]) if "banded" in shape["pattern"] else "-"
        size = row["batch_tokens"]
        batch = f"{size / 2**20:g}M" if size >= 2**19 else f"{size // 2**10}k"
        sizes = [f"{shape[name]:,}" for name in ("layers", "width", "heads", "context")]
        counted = f"{row['parameters'] / 1e6:,.1f}"
        printed = f"{int(row['printed']):,}" if row["printed"] else "-"
        table.add_row(row["name"], *sizes, band, batch, f"{row['learning_rate']:.2g}", counted, printed)
    console.print(table)
    for row in rows:
        if row["misprint"]:
            console.print(Text(f"{row['name']}: {row['misprint']}"))


def print_tasks(rows: list[dict[str, Any]], console: Console) -> None:
    """Prints what each task asks, how it is scored, the accuracy of a guess, and the files that it reads."""
    for generated, title in ((False, "tasks over files of yours (--data FOLDER)"), (True, "tasks made from a seed")):
        table = Table(title=title, title_justify="left", padding=(0, 0))
        for name in ("task", "form", "chance", "asks", "source", *(() if generated else ("files, plain or packed",))):
            table.add_column(name, no_wrap=name == "task", overflow="fold")
        for row in (row for row in rows if row["generated"] == generated):
            form = f"{row['form']} ({row['normalise']})" if row["normalise"] else row["form"]
            files = dict.fromkeys(name.rpartition("/")[2] for name in row["files"])
            cells = (form, f"{row['chance']:.0%}", row["summary"], row["citation"], " ".join(files))
            table.add_row(row["name"], *map(Text, cells[: len(table.columns) - 1]))
        console.print(table)
    for form, measure in {row["form"]: row["measure"] for row in rows}.items():
        console.print(Text(f"{form}: right where {measure}"))


def print_mixture(contract: dict[str, Any], console: Console) -> None:
    """Prints per source: train tokens, quality where the preset goes by it, weight, share, epochs, capped or not."""
    mixture = portions(contract)
    cap = f", at most {mixture['max_epochs']:g}" if mixture["max_epochs"] else ""
    title = f"mixture {mixture['preset']} (epochs at {mixture['tokens']:,} tokens{cap})"
    table = Table(title=title, title_justify="left")
    table.add_column("source")
    for name in ("train tokens", "quality", "weight", "share", "epochs", "capped"):
        table.add_column(name, justify="right")
    for source in mixture["sources"]:
        table.add_row(
            Text(plain(source["name"])),
            f"{source['tokens']:,}",
            f"{source['quality']:.3f}" if "quality" in source else "-",
            f"{source['weight']:,.10g}",
            share(source["share"], 1),
            "-" if source["epochs"] is None else f"{source['epochs']:,.2f}",
            "yes" if source["capped"] else "no",
        )
    console.print(table)


def print_shards(summary: dict[str, Any], console: Console, *, most: int = 20) -> None:
    """Prints per shard: path, documents, tokens; the first `most` of them."""
    table = Table(title=f"{len(summary['shards'])} shards", title_justify="left")
    table.add_column("shard", overflow="fold")
    for name in ("documents", "tokens"):
        table.add_column(name, justify="right")
    for shard in summary["shards"][:most]:
        table.add_row(Text(plain(shard["path"])), f"{shard['documents']:,}", f"{shard['tokens']:,}")
    console.print(table)
    if len(summary["shards"]) > most:
        console.print(f"… and {len(summary['shards']) - most} more (--json lists all)")


def print_runners(rows: list[dict[str, Any]], console: Console) -> None:
    """Prints per runner: whether what it needs is installed, in which versions, and where."""
    table = Table(title="runners", title_justify="left")
    for name in ("runner", "state", "versions", "folder"):
        table.add_column(name, overflow="fold")
    for row in rows:
        versions = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
        table.add_row(row["runner"], row["state"], versions, Text(plain(row["folder"])))
    console.print(table)


def print_outcomes(measured: dict[str, Any], console: Console) -> None:
    """Prints what a run did with planted defects: per defect, per rule, and what was kept."""
    title = Text(f"{plain(measured['planted'])} in {plain(measured['run'])}: planted defects")
    table = Table(title=title, title_justify="left", caption="mended: kept without what was planted in them")
    table.add_column("defect")
    for name in ("planted", "removed", "mended", "recall", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("by")
    for row in measured["defects"]:
        recall, by = row["recall"], [f"{number:,} {reason}" for reason, number in row["stages"].items()]
        counts = (f"{number:,}" for number in (recall["of"], row["removed"], row["mended"]))
        if not row["kind"]:
            table.add_section()
        label = Text(f"  {plain(row['kind'])}" if row["kind"] else row["defect"], style="" if row["kind"] else "bold")
        table.add_row(label, *counts, *_percent_within(recall), Text(_first(by) if row["kind"] else ""))
    console.print(table)
    table = Table(title="rules: what they removed", title_justify="left")
    table.add_column("rule")
    for name in ("removed", "planted", "replaced by a copy", "clean", "precision", "95 %"):
        table.add_column(name, justify="right")
    for row in measured["rules"]:
        numbers = (row["precision"]["of"], sum(row["defects"].values()), row["replaced"], row["clean"])
        table.add_row(row["reason"], *(f"{number:,}" for number in numbers), *_percent_within(row["precision"]))
    console.print(table)
    table = Table(title="what was kept", title_justify="left")
    table.add_column("documents")
    for name in ("planted", "share", "kept", "share ", "words kept"):
        table.add_column(name, justify="right")
    for row in measured["parts"]:
        documents, words = row["documents"], row["words"]
        cells = (f"{documents['of']:,}", share(row["planted_share"], 1), f"{documents['number']:,}")
        table.add_row(row["defect"], *cells, share(row["kept_share"] or 0, 1), share(words["number"], words["of"]))
    console.print(table)
    for name, words in OUTCOMES.items():
        if measured[name]["of"]:
            value = measured[name]
            console.print(f"{words}: {value['number']:,} of {value['of']:,}, {share(value['number'], value['of'])}")


OUTCOMES = {  # the fields of outcomes, in words
    "clean_lost": "clean documents lost, no copy of them kept",
    "clean_words_lost": "words cut out of clean documents",
    "furniture_lines_left": "lines of furniture left in clean documents",
    "furniture_words_lost": "words lost of the clean text around them",
    "items_left": "items of tasks left whole",
    "leak_words_lost": "words lost of the clean text around them",
}


def _first(rules: list[str], most: int = 3) -> str:
    """Returns the first of some rules, and how many more there are."""
    return ", ".join(rules[:most]) + (f" and {len(rules) - most} more" if len(rules) > most else "")


def _percent_within(value: dict[str, Any]) -> tuple[str, str]:
    """Returns a share in percent, and its interval."""
    if value["share"] is None:
        return "-", "-"
    return f"{100 * value['share']:.1f} %", f"{100 * value['low']:.1f} to {100 * value['high']:.1f}"


def portions(contract: dict[str, Any]) -> dict[str, Any]:
    """Returns a manifest's mixture as plain values: the budget, the preset, and each source's portion."""
    names = ("name", "quality", "weight", "share", "epochs", "capped")
    sources = []
    for source in contract["sources"]:
        tokens = source["splits"].get("train", {}).get("tokens", 0)
        sources.append({"tokens": tokens} | {name: source[name] for name in names if name in source})
    return {**contract["mixture"], "sources": sources}


def share(part: float, whole: float) -> str:
    """Returns a part of a whole in percent.

    >>> share(1, 8)
    '12.5 %'
    """
    return f"{100 * part / whole:.1f} %" if whole else "-"


def print_gains(record: dict[str, Any], console: Console) -> None:
    """Prints the loss and the in-context gain of each task, condition and model of a ladder."""
    settings = record["settings"]
    title = f"in-context gain, with intervals of 95 % by bootstrap over items, seed {settings['seed']}"
    table = Table(title=title, title_justify="left", padding=(0, 0))
    for name in ("task", "condition", "run"):
        table.add_column(name, no_wrap=True)
    for name in ("N", "items", "loss", "gain", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = [(run, gain) for run in record["runs"] for gain in run["gains"]]
    places = list(dict.fromkeys((gain["task"], gain["condition"]) for _, gain in rows))
    for place in places:
        for run, gain in rows:
            if (gain["task"], gain["condition"]) == place:
                names = (Text(plain(gain["task"])), gain["condition"], run["name"])
                sizes = (f"{run['parameters']:,}", f"{gain['items']:,}")
                numbers = (_with_interval(gain["loss"]), _with_interval(gain["gain"], "+.3f"))
                table.add_row(*names, *sizes, *numbers, _accuracy(gain))
        table.add_section()
    console.print(table)
    say(console, "loss and gain: nats per token for induction and positions, else bits per byte of the right answer")
    for note in record["notes"]:
        say(console, f"note      {note}")


def _with_interval(number: dict[str, Any] | None, form: str = ".3f") -> str:
    """Returns an estimate with its interval."""
    if number is None:
        return "-"
    if number["low"] is None or number["high"] is None:
        return format(number["value"], form)
    return f"{number['value']:{form}} [{number['low']:{form}}, {number['high']:{form}}]"


def _accuracy(gain: dict[str, Any]) -> str:
    """Returns the accuracy under a condition, and whether its interval covers that of a guess."""
    number = gain["accuracy"]
    if number is None:
        return ""
    by_chance = None in (number["low"], number["high"]) or number["low"] <= gain["chance"] <= number["high"]
    return f"{number['value']:.3f}{' at chance' if by_chance else ''}"


def duration(seconds: float) -> str:
    """Returns a time for people.

    >>> duration(4), duration(250), duration(8000)
    ('4 s', '4 min', '2.2 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds)) if seconds else 0} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def print_estimate(made: "Estimate", console: Console) -> None:
    """Prints an estimate: a row for each stage, then the run."""
    from curate.stage.wording import size as amount

    table = Table(title=f"estimate of {made.recipe}", title_justify="left")
    table.add_column("stage")
    for name in ESTIMATED:
        table.add_column(name, justify="right")
    for stage in made.stages:
        table.add_row(
            stage.stage,
            f"{stage.parts.value:,.0f}",
            f"{stage.read.value:,.0f}",
            f"{stage.kept.value:,.0f}",
            duration(stage.cpu_s.value),
            duration(stage.wall_s),
            amount(stage.bytes_in.value),
            amount(stage.bytes_out.value),
            amount(stage.bytes_shuffled) if stage.bytes_shuffled else "-",
            amount(stage.memory),
            f"{stage.requests:,}",
        )
    console.print(table)
    for line in _estimate_lines(made):
        say(console, line)


def _estimate_lines(made: "Estimate") -> list[str]:
    """Returns what an estimate says of the run."""
    from curate.stage.wording import size as amount

    files = "1 file" if made.files == 1 else f"{made.files:,} files"
    parts = made.stages[0].parts.value
    about = "" if made.parts_exact else "about "
    workers = "1 worker" if made.workers == 1 else f"{made.workers:,} workers"
    return [
        f"inputs: {files}, {_spread(made.bytes_in, amount)}, {about}{parts:,.0f} parts",
        f"sample: {made.sampled:,} pages or rows at {made.places:,} places; in brackets are intervals of 95 %, by "
        "bootstrap over places",
        f"output: {_spread(made.documents, _whole)} documents, {_spread(made.tokens, _whole)} tokens, "
        f"{_spread(made.shards, _whole)} shards, {_spread(made.disk, amount)} on disk",
        f"cost: {_spread(made.cpu_s, duration)} of CPU; {duration(made.wall_s)} with {workers}; "
        f"{amount(made.memory)} of memory at most; {made.requests:,} requests if the output lies on a store",
        *(f"note: {note}" for note in made.notes),
    ]


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _spread(number: "Number", shown: Any) -> str:
    """Returns a number, with its interval where that says more."""
    texts = [shown(value) for value in (number.value, number.low, number.high)]
    return texts[0] if texts[1] == texts[2] else f"{texts[0]} ({texts[1]} to {texts[2]})"
