"""The use that a model makes of its context, without a task: a repeated random string, and the loss late in a window.

Small models show both long before they solve a task (Olsson et al. 2022, arXiv:2209.11895).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curate.errors import SettingsError
from curate.evaluate import bootstrap
from curate.evaluate.bootstrap import Estimate, generator
from curate.evaluate.encoding import Text
from curate.evaluate.likelihood import log_probabilities
from curate.evaluate.models import Model
from curate.evaluate.perplexity import same_ids
from curate.gpt.heldout import held_out
from curate.gpt.vocabulary import NO_TOKEN
from curate.loader.streams import Tokens, read_manifest

STRINGS = 100  # that are repeated
LONGEST = 256  # tokens of a string
LATE, TENTH = 500, 10  # the token of a window whose loss is compared with that at a tenth of it, from 1 on
SPAN = 10  # tokens that each of the two losses is the mean of, up to that one
WINDOWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Induction:
    """The loss on random strings of tokens, and on the same ones repeated; in nats per token."""

    model: str
    strings: int
    tokens: int  # of a string
    first: Estimate  # loss on the string
    second: Estimate  # loss on its repetition, except for the first token of it
    difference: Estimate  # second less first; below 0 where the model uses what it has read

    @property
    def at_chance(self) -> bool:
        """Returns whether the interval of the difference covers 0."""
        return self.difference.covers(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """The loss on held-out text early and late in a window, in nats per token."""

    model: str
    windows: int
    early: int  # the loss is the mean of SPAN tokens up to this one
    late: int
    early_loss: Estimate
    late_loss: Estimate
    difference: Estimate  # late less early; below 0 where the model uses what it has read

    @property
    def at_chance(self) -> bool:
        """Returns whether the interval of the difference covers 0."""
        return self.difference.covers(0)


def induction(model: Model, *, seed: int, strings: int = STRINGS) -> Induction:
    """Returns how much less a model loses on the repetition of a string of random tokens, all drawn alike."""
    size = min(LONGEST, model.window // 2)
    if size < 2:
        raise SettingsError(f"{model.name}: a context of {model.window} tokens holds no string and its repetition")
    ids = model.vocabulary.ids[model.vocabulary.ids != model.vocabulary.eot]
    drawn = ids[generator(seed, "induction").integers(len(ids), size=(strings, size))]
    ends = np.full((strings, 1), model.vocabulary.eot)
    rows = model.vocabulary.encode(np.concatenate((ends, drawn, drawn), 1))
    losses = _losses(model, rows)
    first, second = losses[:, :size].mean(1), losses[:, size + 1 :].mean(1)
    return Induction(
        model=model.name, strings=strings, tokens=size, **_compared("induction", seed, first=first, second=second)
    )


def positions(model: Model, manifest: Path, *, seed: int, windows: int = WINDOWS) -> Positions:
    """Returns how much less a model loses late in held-out windows than early; raises SettingsError without any.

    The windows are those of the packed shards, as in training. `late` is token 500, or the last one of a shorter
    context, and `early` a tenth of it, but not before the first SPAN tokens.
    """
    late = min(LATE, model.window)
    early = max(SPAN, late // TENTH)
    if late < 2 * SPAN:
        raise SettingsError(
            f"{model.name}: a context of {model.window} tokens is too short to compare two places in it"
        )
    if not same_ids(model, read_manifest(manifest)):
        raise SettingsError(f"{manifest}: its ids are of another tokenizer than those of {model.name}")
    ids = np.concatenate(
        [np.empty((0, late + 1), np.int64), *(one.windows for one in held_out(manifest, late, windows))]
    )
    ids = ids[((ids != NO_TOKEN) & np.isin(ids, model.vocabulary.ids)).all(1)]
    if not len(ids):
        raise SettingsError(f"{manifest}: split valid has no whole window of {late} tokens that {model.name} can read")
    losses = _losses(model, model.vocabulary.encode(ids))
    parts = {f"{name}_loss": losses[:, end - SPAN : end].mean(1) for name, end in (("early", early), ("late", late))}
    return Positions(
        model=model.name, windows=len(ids), early=early, late=late, **_compared("positions", seed, **parts)
    )


def _compared(key: str, seed: int, **losses: bootstrap.Floats) -> dict[str, Estimate]:
    """Returns the means of two losses per string or window, and that of the second less the first."""
    first, second = losses.values()
    parts = {**losses, "difference": second - first}
    estimates = {name: bootstrap.mean(values, seed, f"{key}/{name}") for name, values in parts.items()}
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}


def _losses(model: Model, rows: Tokens) -> bootstrap.Floats:
    """Returns the loss on each token but the first of rows (N, T + 1), in nats."""
    texts: Sequence[list[Text]] = [[Text(rows=row, start=1)] for row in rows]
    return np.stack([-scores.nats for [scores] in log_probabilities(model.gpt, texts)])
