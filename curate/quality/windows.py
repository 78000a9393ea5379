"""Labelled documents to what a quality model trains and is judged on: windows of like lengths, split by host.

A model that saw articles against log-in forms would learn that long is good. So every document is cut into windows of
30 to 480 words, and of each class of lengths both kinds give the same number of words.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ada_url import parse_url

from curate import storage
from curate.errors import SettingsError
from curate.inputs.documents import user_documents
from curate.records import Document, Failure, keyed_hash, uniform
from curate.stage.plan import Item

SHORTEST, LONGEST = 30, 480  # words of a window
BINS = ((30, 60), (60, 120), (120, 240), (240, 481))
HOST_WINDOWS = 24  # of one host and kind at most, so that no host is a kind by itself
TRAIN = 70  # hosts of a hundred that train


class Window(NamedTuple):
    """A piece of a document, with its number of words, its host and its kind."""

    text: str
    words: int
    host: str
    positive: bool
    order: bytes


def labelled(paths: list[Path]) -> Iterator[Document]:
    """The documents of files of one kind; SettingsError where one cannot be read, or there is none."""
    none = True
    for path in paths:
        item = Item(number=0, name=path.name, uri=storage.uri(path), form="owned", digest="", size=0, source="labels")
        for found in user_documents(path, item, "score"):
            if isinstance(found, Failure):
                raise SettingsError(f"{path}, line {found.offset}: {found.message}")
            none = False
            yield found
    if none:
        raise SettingsError(f"{', '.join(map(str, paths))}: no labelled documents to train on")


def host(document: Document) -> str:
    """What is held out as one: the document's host, or itself where it has no address."""
    try:
        name = parse_url(document.url, ("hostname",))["hostname"]
    except ValueError:
        name = ""
    return str(name or document.id.hex())


def is_held_out(host: str) -> bool:
    """Whether a host is not trained on; by its name alone, so that any two files agree."""
    return uniform(0, "quality-split", host.encode()) >= TRAIN / 100


def cut(text: str, key: bytes) -> Iterator[str]:
    """The windows of a text, each of a length drawn evenly over the logarithms of 30 to 480 words."""
    words = text.split()
    start = 0
    while len(words) - start >= SHORTEST:
        drawn = uniform(0, "quality-window", key + start.to_bytes(8))
        length = int(SHORTEST * (LONGEST / SHORTEST) ** drawn)
        yield " ".join(words[start : start + length])
        start += length


def windows(documents: Iterable[Document], *, positive: bool) -> list[Window]:
    """The windows of documents of one kind, at most HOST_WINDOWS of a host, in an order drawn from their hosts."""
    of_host: dict[str, list[Window]] = {}
    for document in documents:
        name = host(document)
        for number, text in enumerate(cut(document.text, document.id)):
            order = keyed_hash(0, "quality-order", document.id + number.to_bytes(8))
            of_host.setdefault(name, []).append(Window(text, text.count(" ") + 1, name, positive, order))
    chosen = (sorted(found, key=lambda window: window.order)[:HOST_WINDOWS] for found in of_host.values())
    return sorted((window for found in chosen for window in found), key=lambda window: window.order)


def matched(positive: list[Window], negative: list[Window]) -> list[Window]:
    """As many words of both kinds in each class of lengths: the larger kind gives up its last windows."""
    found: list[Window] = []
    for low, high in BINS:
        kinds = [[window for window in kind if low <= window.words < high] for kind in (positive, negative)]
        least = min(sum(window.words for window in kind) for kind in kinds)
        for kind in kinds:
            words = 0
            for window in kind:
                words += window.words
                if words > least:
                    break
                found.append(window)
    return sorted(found, key=lambda window: window.order)


def prepared(positive: list[Path], negative: list[Path]) -> tuple[list[Window], list[Window]]:
    """The matched windows of labelled files: those that train, and those of the hosts that are held out."""
    train, test = [], []
    for paths, kind in ((positive, True), (negative, False)):
        found = windows(labelled(paths), positive=kind)
        train.append([window for window in found if not is_held_out(window.host)])
        test.append([window for window in found if is_held_out(window.host)])
    return _both(matched(*train), "train on"), _both(matched(*test), "evaluate on")


def unseen(positive: list[Path], negative: list[Path], *, every_host: bool) -> list[Window]:
    """The matched windows of the held-out hosts of labelled files, or of every host."""
    kinds = [windows(labelled(paths), positive=kind) for paths, kind in ((positive, True), (negative, False))]
    chosen = [[window for window in kind if every_host or is_held_out(window.host)] for kind in kinds]
    return _both(matched(*chosen), "evaluate on")


def _both(found: list[Window], purpose: str) -> list[Window]:
    if len({window.positive for window in found}) < 2:
        raise SettingsError(f"too few documents or hosts of either kind to {purpose}: no windows of like lengths")
    return found
