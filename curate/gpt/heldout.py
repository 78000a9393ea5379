"""Reads the held-out windows, on which a training run measures its loss."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from curate.gpt.devices import Alone
from curate.gpt.vocabulary import NO_TOKEN
from curate.loader.sampler import Blend, integer_weights
from curate.loader.streams import SourceShards, Stream, Tokens, read_sources


@dataclass(frozen=True, slots=True)
class Validation:
    """The held-out windows, the same at every validation."""

    windows: Tensor  # (N, T + 1)
    bytes: float | None  # of the text in UTF-8 that the targets stand for; None where the manifest states none

    @property
    def targets(self) -> int:
        """Returns the number of tokens that are predicted."""
        return int((self.windows[:, 1:] != NO_TOKEN).sum())

    def bits_per_byte(self, loss: float | None) -> float | None:
        """Returns nats per token as bits per byte, which do not depend on the tokenizer."""
        return loss * self.targets / (self.bytes * math.log(2)) if loss is not None and self.bytes else None


def held_out(manifest: Path, context: int, limit: int) -> tuple[Tokens, float | None]:
    """Returns at most `limit` windows (N, T + 1) of split "valid", and the bytes of text that their targets stand for.

    Each source gives its first windows, in proportion to its weight; NO_TOKEN fills up the last one. Bytes are counted
    by each source's own bytes per token; None where the manifest states none.
    """
    sources = [source for source in read_sources(manifest, "valid") if source.weight and source.tokens > 1]
    shares = Blend(integer_weights([source.weight for source in sources])).counts(limit) if sources else ()
    windows = [np.empty((0, context + 1), np.int64)]
    size = 0.0
    for source, share in zip(sources, shares, strict=True):
        windows.append(_ordered_windows(source, context, share))
        size += float((windows[-1][:, 1:] != NO_TOKEN).sum()) * source.bytes / source.tokens
    return np.concatenate(windows), size if all(source.bytes for source in sources) else None


def _ordered_windows(source: SourceShards, context: int, limit: int) -> Tokens:
    """Returns the first windows of a source, at most `limit`."""
    stream = Stream(source.shards)
    windows = np.full((min(limit, math.ceil((len(stream) - 1) / context)), context + 1), NO_TOKEN, np.int64)
    for row, window in enumerate(windows):
        tokens = stream.read(row * context, context + 1)
        window[: len(tokens)] = tokens
    return windows


def validate(model: nn.Module, validation: Validation, batch: int, group: Alone) -> float | None:
    """Returns the mean loss in nats over every held-out target, None where there are none.

    Each process computes every so many batches of windows, all of them equally many, of which some count as nothing.
    """
    if not validation.targets:
        return None
    total = 0.0
    for number in range(group.rounds(len(validation.windows), batch)):
        start = (number * group.size + group.rank) * batch
        rows = validation.windows[start : start + batch]
        targets = rows[:, 1:]
        windows = rows if len(rows) else validation.windows[:1]
        with torch.no_grad(), group.hardware.autocast():
            loss = model(windows[:, :-1].clamp(min=0), windows[:, 1:])[1]
        total += loss.item() * int((targets != NO_TOKEN).sum())
    return group.total(total)[0] / validation.targets
