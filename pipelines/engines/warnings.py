"""Makes warnings from the record of a stage: counts that stand for a loss, and sources that end empty."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from curate.stage.record import StageRecord
from curate.storage.writing import unsealed

# Held-out text of a source is too little below LEAST_SHARE of its tokens, and below LEAST_TOKENS unless it is ENOUGH:
# a small source cannot give more.
LEAST_SHARE, LEAST_TOKENS, ENOUGH = 0.001, 50_000, 0.02
NAMED = 3  # sources that a warning names
JUDGED = 1000  # documents from which on a rule that does nothing has a warning
ASKED_BEFORE = ("url", "mime", "language")  # rules whose limits extract asks of pages before
SPARED = "spared by quality: "
HOSTS = 10  # hosts of which each has a warning


class Warned(NamedTuple):
    """A warning."""

    message: str  # what happened, and what was done about it
    mend: str  # the setting that changes it


# The notes of a record that are warnings, by name; {number} is the count.
NOTES = {
    "unreadable_timestamps": Warned(
        "{number:,} times could not be read and are left blank; those of your own rows stay in metadata",
        "sources.NAME.columns.timestamp names the column of the time",
    ),
    "unreadable_values": Warned(
        "{number:,} values could not be read as what their columns stand for; they are left blank and stay in metadata",
        "sources.NAME.columns names the columns",
    ),
    "given_ids_of_other_texts": Warned(
        "{number:,} rows have the id of a row with another text, and are kept apart",
        "sources.NAME.columns.id names the column of the id",
    ),
    "unconverged clusters": Warned(
        "{number:,} clusters of duplicates were not followed to their end, so one document may be kept twice",
        "raise dedup.rounds",
    ),
}
# The settings that decide what a stage keeps of a source; of other stages, the stage's own table.
DECIDING = {
    "extract": "sources.{source}.filter and extract.* decide what is kept",
    "filter": "sources.{source}.filter decides what is kept",
    "dedup": "of two equal documents that of the source which dedup.priority, or else the recipe, names first is kept",
    "score": "score.* decides what is kept; score.only names the sources that are judged",
}


def of_record(record: StageRecord, folder: Path, alarms: Mapping[str, Any]) -> Iterator[Warned]:
    """Yields the warnings that the counts of a stage give, and by its alarms those of what it removed.

    folder: of the stage. alarms: its settings that only warn (`Plan.alarms`).
    """
    for name, number in record.counts.notes.items():
        if name in NOTES and number:
            message, mend = NOTES[name]
            yield Warned(f"{record.stage}: {message.format(number=number)}", mend)
    repeated = record.counts.notes.get("in the index already", 0)
    if 2 * repeated > record.counts.read:
        yield Warned(
            f"{record.stage}: {repeated:,} of its {record.counts.read:,} documents are in the index already, and go",
            "where they are to stay, name another index with dedup.index",
        )
    for source, most in alarms.get("max_removed", {}).items():
        read, kept = record.counts.by_source.get(source, (0, 0))
        yield from _removed(f"source {source}", read, read - kept, most, f"dedup.max_removed.{source}")
    if alarms.get("max_removed_of_host", 1) < 1:
        yield from _of_hosts(folder, alarms["max_removed_of_host"], alarms["host_removed"])
    if record.stage == "filter":
        yield from _of_filter(record, alarms.get("kept_share", {}))
    for source, (read, kept) in record.counts.by_source.items():
        if read and not kept:
            message = (
                f"source {source}: {record.stage} kept none of its {read:,} documents; its weight goes to the others"
            )
            yield Warned(
                message, DECIDING.get(record.stage, f"{record.stage}.* decides what is kept").format(source=source)
            )


def _of_filter(record: StageRecord, bands: Mapping[str, tuple[float, ...]]) -> Iterator[Warned]:
    """Yields a warning for each rule that did nothing, and for each source of which too many or too few are kept.

    bands: the least and the greatest share by source, that of sources without a table under "".
    """
    counts = record.counts
    for source, (read, kept) in counts.by_source.items():
        band = bands.get(source, bands.get("", ()))
        if read and band and not band[0] <= kept / read <= band[1]:
            message = f"source {source}: filter kept {100 * kept / read:.1f} % of its {read:,} documents"
            yield Warned(
                f"{message}, which is not within {100 * band[0]:g} to {100 * band[1]:g} %",
                "filter.kept_share is that band, and filter decides what is kept",
            )
    if counts.read < JUDGED:
        return
    at_work = {name.removeprefix(SPARED).partition(".")[0] for name in (*counts.reasons, *counts.notes)}
    filters = (record.settings["default"], *record.settings["sources"].values())
    for rule in dict.fromkeys(rule for table in filters for rule in table["rules"]):
        if rule not in ASKED_BEFORE and not {rule, rule.partition(":")[2]} & at_work:
            message = f"filter: the rule {rule} rejected and changed none of {counts.read:,} documents"
            yield Warned(message, "check its settings, or leave it out of filter.rules")


def _of_hosts(folder: Path, most: float, least: int) -> Iterator[Warned]:
    """Yields a warning for the first hosts over both limits, and one for how many more there are."""
    losses = unsealed((folder / "removals.json").read_bytes())["hosts"]
    over = [loss for loss in losses if loss["removed"] >= least and loss["removed"] > most * loss["read"]]
    for loss in over[:HOSTS]:
        yield from _removed(f"host {loss['host']}", loss["read"], loss["removed"], most, "dedup.max_removed_of_host")
    if over[HOSTS:]:
        message = f"{len(over) - HOSTS:,} more hosts: dedup removed more than {100 * most:g} % of their documents"
        yield Warned(message, f"{folder / 'removals.json'} names them; dedup.max_removed_of_host is that share")


def _removed(name: str, read: int, removed: int, most: float, setting: str) -> Iterator[Warned]:
    """Yields a warning where dedup removed a larger share of some documents than a setting states."""
    if removed > most * read:
        share = f"{100 * removed / read:.1f} %"
        message = f"{name}: dedup removed {share} of its {read:,} documents, more than {100 * most:g} %"
        yield Warned(message, f"{setting} is that share; curate why URL shows what is kept instead")


def of_sources(record: StageRecord, sources: Iterable[str]) -> Iterator[Warned]:
    """Yields a warning for each of these sources of which a recipe's first stage has read nothing."""
    for source in sources:
        if not record.counts.by_source.get(source, (0, 0))[0]:
            message = f"source {source}: {record.stage} read no document of its inputs; its weight goes to the others"
            yield Warned(message, f"sources.{source}.inputs names them")


def of_splits(pack: StageRecord, valid_fraction: float, without: Container[str] = ()) -> Iterator[Warned]:
    """Yields a warning where the held-out text of a source is too little, unless none at all was asked for.

    valid_fraction: that of tokenize. without: sources that are not trained on.
    """
    asked = pack.settings.get("valid", {}).get("tokens", 0)
    if not valid_fraction and not asked:
        return
    tokens, valid = Counter[str](), Counter[str]()
    for cut in pack.settings["cuts"]:
        if cut["source"] not in without:
            tokens[cut["source"]] += cut["tokens"]
            valid[cut["source"]] += cut["tokens"] if cut["split"] == "valid" else 0
    few = [name for name in tokens if _few(valid[name], tokens[name])]
    if few:
        sizes = [f"{valid[name]:,} of the {tokens[name]:,} tokens of source {name}" for name in few]
        message = f"pack: split valid holds {_listed(sizes)}, so losses on held-out text will be rough"
        yield Warned(message, "pack.valid_tokens is how many tokens of each source it holds at least")
    short = [name for name in tokens if valid[name] < asked and name not in few]
    if short:
        sizes = [f"{valid[name]:,} tokens of source {name}" for name in short]
        message = f"pack: split valid holds {_listed(sizes)}, below pack.valid_tokens {asked:,}"
        yield Warned(f"{message}: no more than half of a source is taken for it", "lower it, or add text")


def _few(valid: int, tokens: int) -> bool:
    return valid < LEAST_SHARE * tokens or valid < min(LEAST_TOKENS, ENOUGH * tokens)


def _listed(texts: list[str]) -> str:
    """Returns the first texts as a list, and the number of the others."""
    more = [f"{len(texts) - NAMED:,} more"] if len(texts) > NAMED else []
    *first, last = [*texts[:NAMED], *more]
    return f"{', '.join(first)} and {last}" if first else last
