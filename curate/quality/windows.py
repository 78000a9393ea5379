"""Windows of labelled documents, on which a quality model trains and is tested: of equal lengths, split by host.

A model that saw articles against log-in forms would learn that long is good. So every document is cut into windows of
30 to 480 words, and in each class of lengths both kinds give the same number of words.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ada_url import parse_url

from curate import storage
from curate.errors import SettingsError, UserError
from curate.inputs.own import user_documents
from curate.records import Document, Failure, Rejection, keyed_hash, uniform
from curate.stage.plan import Item

SHORTEST, LONGEST = 30, 480  # words of a window
BINS = ((30, 60), (60, 120), (120, 240), (240, 481))  # classes of lengths: least words, words that are too many
HOST_WINDOWS = 24  # of one host and kind at most, so that no host is a kind by itself
WORD = re.compile(r"\S+")
TRAIN = 70  # hosts of a hundred that train


class Window(NamedTuple):
    """A run of a document's words."""

    text: str
    words: int
    host: str  # the document's host, or its id if it has none
    positive: bool
    order: bytes  # a hash; windows are taken in its order


def train_and_test_windows(positive: list[Path], negative: list[Path]) -> tuple[list[Window], list[Window]]:
    """Returns the windows of labelled files that train, and those of the held-out hosts; each with matched lengths."""
    train, test = [], []
    for paths, kind in ((positive, True), (negative, False)):
        cut = windows(labelled_documents(paths), positive=kind)
        train.append([window for window in cut if not is_held_out(window.host)])
        test.append([window for window in cut if is_held_out(window.host)])
    return _of_both_kinds(match_lengths(*train), "train on"), _of_both_kinds(match_lengths(*test), "evaluate on")


def held_out_windows(positive: list[Path], negative: list[Path], *, every_host: bool) -> list[Window]:
    """Returns the windows of the held-out hosts of labelled files, or of every host, with matched lengths."""
    kinds = [windows(labelled_documents(paths), positive=kind) for paths, kind in ((positive, True), (negative, False))]
    chosen = [[window for window in kind if every_host or is_held_out(window.host)] for kind in kinds]
    return _of_both_kinds(match_lengths(*chosen), "evaluate on")


def labelled_documents(paths: list[Path]) -> Iterator[Document]:
    """Yields the documents of files of one kind; SettingsError if a row is no document, or if there is none."""
    empty = True
    for path in paths:
        item = Item(number=0, name=path.name, uri=storage.uri(path), form="owned", digest="", size=0, source="labels")
        for document in user_documents(path, item, "score"):
            if isinstance(document, Failure):
                raise SettingsError(f"{path}, line {document.offset}: {document.message}")
            if isinstance(document, Rejection):
                raise SettingsError(f"{path}: a row without a text: {document.detail}")
            if isinstance(document, Document):
                empty = False
                yield document
    if empty:
        raise SettingsError(f"{', '.join(map(str, paths))}: no labelled documents to train on")


def windows(documents: Iterable[Document], *, positive: bool) -> list[Window]:
    """Returns the windows of documents of one kind, at most HOST_WINDOWS of a host, in the order of their hashes."""
    of_host: dict[str, list[Window]] = {}
    for document in documents:
        host = host_or_id(document)
        for number, text in enumerate(cut_text(document.text, document.id)):
            order = keyed_hash(0, "quality-order", document.id + number.to_bytes(8))
            window = Window(text=text, words=len(text.split()), host=host, positive=positive, order=order)
            of_host.setdefault(host, []).append(window)
    chosen: list[Window] = []
    for host_windows in of_host.values():
        chosen += sorted(host_windows, key=lambda window: window.order)[:HOST_WINDOWS]
    return sorted(chosen, key=lambda window: window.order)


def cut_text(text: str, key: bytes) -> Iterator[str]:
    """Yields the windows of a text with its lines; their lengths are drawn evenly over the logarithms of 30 to 480."""
    words = [word.span() for word in WORD.finditer(text)]
    start = 0
    while len(words) - start >= SHORTEST:
        draw = uniform(0, "quality-window", key + start.to_bytes(8))
        own = words[start : start + int(SHORTEST * (LONGEST / SHORTEST) ** draw)]
        yield text[own[0][0] : own[-1][1]]
        start += len(own)


def host_or_id(document: Document) -> str:
    """Returns the host of a document, or its id if it has no address: documents of one host are held out together."""
    try:
        host = parse_url(document.url, ("hostname",))["hostname"]
    except ValueError:
        host = ""
    return str(host or document.id.hex())


def is_held_out(host: str) -> bool:
    """Returns True if a host does not train; its name alone decides, so that all files agree."""
    return uniform(0, "quality-split", host.encode()) >= TRAIN / 100


def match_lengths(positive: list[Window], negative: list[Window]) -> list[Window]:
    """Returns windows with as many words of both kinds in each class of lengths.

    The kind that has more words in a class gives up its last windows there.
    """
    chosen: list[Window] = []
    for low, high in BINS:
        kinds = [[window for window in kind if low <= window.words < high] for kind in (positive, negative)]
        least = min(sum(window.words for window in kind) for kind in kinds)
        for kind in kinds:
            words = 0
            for window in kind:
                words += window.words
                if words > least:
                    break
                chosen.append(window)
    return sorted(chosen, key=lambda window: window.order)


def _of_both_kinds(chosen: list[Window], purpose: str) -> list[Window]:
    """Returns the windows, or raises UserError if one kind has none."""
    if len({window.positive for window in chosen}) < 2:
        raise UserError(f"too few documents or hosts of either kind to {purpose}; give more of both")
    return chosen
