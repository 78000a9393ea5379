"""Reads the held-out windows, on which a training run measures its loss, and the bytes of text of their targets.

Bits per byte = nats of all targets / ln 2 / bytes of UTF-8 that the very same targets stand for. End-of-text is a
target too: its nats count, as it is a part of the code of the text, and its bytes are none.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from curate.gpt.devices import Group
from curate.gpt.vocabulary import NO_TOKEN, Vocabulary
from curate.loader.sampler import Blend, integer_weights
from curate.loader.streams import SourceShards, Stream, Tokens, read_sources

Losses = Mapping[str, float]  # by source, in nats per token


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The held-out windows of one source."""

    source: str
    windows: Tokens  # (N, T + 1), dataset ids
    available: int  # windows of its split "valid"
    targets: int  # tokens that are predicted
    bytes: int | None  # of text in UTF-8 that the targets stand for; None where the tokenizer's ids have none


@dataclass(frozen=True, slots=True)
class Validation:
    """The held-out windows of a run, the same at every validation."""

    sources: tuple[HeldOut, ...]
    rows: tuple[Tensor, ...]  # of each source, (N, T + 1), rows of the embedding

    @classmethod
    def of(cls, sources: tuple[HeldOut, ...], vocabulary: Vocabulary) -> "Validation":
        """Returns the windows as a model reads them."""
        return cls(sources, tuple(torch.from_numpy(vocabulary.encode(source.windows)) for source in sources))

    def to(self, device: torch.device) -> "Validation":
        """Returns the windows on a device."""
        return Validation(self.sources, tuple(windows.to(device) for windows in self.rows))

    @property
    def names(self) -> list[str]:
        """Returns the sources that have held-out text."""
        return [source.source for source in self.sources]

    def mean(self, losses: Losses) -> float | None:
        """Returns the mean loss over all targets in nats, None where there are none."""
        targets = sum(source.targets for source in self.sources)
        return sum(losses[source.source] * source.targets for source in self.sources) / targets if targets else None

    def bits_by_source(self, losses: Losses) -> dict[str, float]:
        """Returns the bits per byte of each source whose bytes can be counted."""
        return {
            source.source: losses[source.source] * source.targets / (source.bytes * math.log(2))
            for source in self.sources
            if source.bytes
        }

    def bits_per_byte(self, losses: Losses) -> float | None:
        """Returns the bits per byte of all held-out text; None where they cannot be counted."""
        sizes = [source.bytes or 0 for source in self.sources]
        mean = self.mean(losses)
        if mean is None or not all(sizes):
            return None
        return mean * sum(source.targets for source in self.sources) / (sum(sizes) * math.log(2))

    def notes(self, wanted: int) -> list[str]:
        """Returns what is less than could be expected, as lines; wanted: the windows that were asked for, 0 for all."""
        given, lines = sum(len(source.windows) for source in self.sources), []
        if given < wanted or not given:
            asked = f", not {wanted:,}; pack.valid_tokens gives it more" if given < wanted else ""
            lines.append(f"split valid has {given:,} windows for measuring the loss on held-out text{asked}")
        if any(source.bytes is None for source in self.sources):
            lines.append("no bits per byte: the bytes of this tokenizer's ids depend on their neighbours")
        return lines


def held_out(
    manifest: Path, context: int, limit: int, lengths: npt.NDArray[np.int64] | None = None
) -> tuple[HeldOut, ...]:
    """Returns about `limit` windows of split "valid", by source; 0: all. Weights of 0 and single tokens are left out.

    Each source gives its first windows, in proportion to its weight and at least one; where one has fewer, the others
    give more. NO_TOKEN fills up the last one. lengths: the bytes that each id stands for.
    """
    sources = [source for source in read_sources(manifest, "valid") if source.weight and source.tokens > 1]
    available = [math.ceil((source.tokens - 1) / context) for source in sources]
    weights = integer_weights([source.weight for source in sources]) if sources else ()
    counts = _shares(weights, available, limit) if limit else available
    return tuple(
        _held_out(source, context, count, of_all, lengths)
        for source, count, of_all in zip(sources, counts, available, strict=True)
    )


def validate(model: nn.Module, validation: Validation, batch: int, group: Group) -> dict[str, float]:
    """Returns the mean loss in nats over the held-out targets of each source."""
    return {
        source.source: _loss(model, rows, batch, group) / source.targets
        for source, rows in zip(validation.sources, validation.rows, strict=True)
    }


def measured(model: nn.Module, validation: Validation, batch: int, group: Group) -> dict[str, Any]:
    """Returns the values of a row of the log that are measured on held-out text."""
    losses = validate(model, validation, batch, group)
    return {
        "valid_loss": validation.mean(losses),
        "bits_per_byte": validation.bits_per_byte(losses),
        "valid_by_source": losses,
        "bits_by_source": validation.bits_by_source(losses),
    }


def _loss(model: nn.Module, windows: Tensor, batch: int, group: Group) -> float:
    """Returns the sum of the losses over all targets in windows (N, T + 1), in nats.

    Each process computes every so many batches of windows, all of them equally many, of which some count as nothing.
    """
    total = 0.0
    for number in range(group.rounds(len(windows), batch)):
        start = (number * group.size + group.rank) * batch
        own = windows[start : start + batch]
        rows = own if len(own) else windows[:1]
        with torch.no_grad(), group.hardware.autocast():
            loss = model(rows[:, :-1].clamp(min=0), rows[:, 1:])[1]
        total += loss.item() * int((own[:, 1:] != NO_TOKEN).sum())
    return group.total(total)[0]


def _shares(weights: Sequence[int], available: Sequence[int], limit: int) -> list[int]:
    """Returns how many of `limit` windows each source gives: by weight, at least one, no more than it has."""
    counts = [0] * len(weights)
    while (left := limit - sum(counts)) > 0:
        open_ = [k for k, count in enumerate(counts) if count < available[k]]
        if not open_:
            break
        for k, more in zip(open_, Blend([weights[k] for k in open_]).counts(left), strict=True):
            counts[k] = min(available[k], counts[k] + more)
    return [max(1, count) for count in counts]


def _held_out(
    source: SourceShards, context: int, count: int, available: int, lengths: npt.NDArray[np.int64] | None
) -> HeldOut:
    """Returns the first `count` windows of a source."""
    stream = Stream(source.shards)
    windows = np.full((count, context + 1), NO_TOKEN, np.int64)
    for row, window in enumerate(windows):
        tokens = stream.read(row * context, context + 1)
        window[: len(tokens)] = tokens
    targets = windows[:, 1:][windows[:, 1:] != NO_TOKEN]
    return HeldOut(
        source=source.name,
        windows=windows,
        available=available,
        targets=len(targets),
        bytes=None if lengths is None else int(lengths[targets].sum()),
    )
