"""A finished output is made anew from other inputs only where the user says so."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from curate import storage
from curate.errors import SettingsError
from curate.stage.kinds import KINDS, OWN_DOCUMENTS
from curate.stage.plan import Item, json_digest
from curate.stage.record import StageRecord, read_stage
from curate.storage import overlap

UNNAMED = ("pointers", "lot", "keys", "shard")  # items that are no file which the user named


def check_inputs(folder: Path, out: Path, items: Iterable[Item], digests: Collection[str] = ()) -> None:
    """Raises SettingsError where the finished stage in a folder was made from inputs that are not among these items.

    An input that was moved is known by its digest. out: the output that the stage belongs to; what lies in it is no
    input of the user's. digests: of further inputs.
    """
    items = list(items)
    places = {_place(folder, item) for item in items if item.uri}
    known = {*digests, *(item.digest for item in items if item.digest)}
    for name, place, digest in _read(folder):
        if place not in places and digest not in known and not overlap.is_within(place, out):
            mend = "give --replace to make it anew from these, or name another folder"
            raise SettingsError(f"{out}: was made from {name}, which is not among the inputs now; {mend}")


def check_previous(out: Path, tokenized: Path) -> None:
    """Raises SettingsError where finished shards in a folder were made from another stage's tokens than these."""
    try:
        record = read_stage(out)
        parts = [output.sha256 for name, output in read_stage(tokenized).outputs.items() if name.startswith("part-")]
    except SettingsError:
        return
    before = {overlap.place(storage.join(out, uri).parent) for uri in record.settings["parts"]}
    if before and before != {overlap.place(tokenized)} and not _are_of(record, parts):
        mend = "give --replace to make it anew from this, or name another folder"
        raise SettingsError(f"{out}: was made from {min(before)}, not from {tokenized}; {mend}")


def _are_of(record: StageRecord, parts: list[str]) -> bool:
    return {item.digest for item in record.items} == {json_digest(parts)}


def _read(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yields the label, the place and the digest of each input of a finished stage; nothing of one that is not."""
    try:
        record = read_stage(folder)
        half = KINDS[record.stage].first_half
        if any(item.form == "keys" for item in record.items) and half:
            folder = folder / KINDS[half].folder
            record = read_stage(folder)
        elif any(item.uri.startswith(f"{OWN_DOCUMENTS}/") for item in record.items):
            folder = folder / OWN_DOCUMENTS
            record = read_stage(folder)
    except SettingsError:
        return
    for item in record.items:
        if item.form not in UNNAMED:
            yield str(storage.join(folder, item.uri)), _place(folder, item), item.digest


def _place(folder: Path, item: Item) -> str:
    """Returns where an input lies: the folder of a stage's part, else the file."""
    path = storage.join(folder, item.uri)
    return overlap.place(path.parent if item.form in ("part", "decided") else path)
