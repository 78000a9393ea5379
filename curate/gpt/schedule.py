"""The course of a run in tokens: its length, its learning rate, and its batch, which may grow.

GPT-3's (Brown et al. 2020, appendix B): the learning rate rises over 375M tokens, falls along a cosine to a tenth over
260B, and stays there to 300B; the batch grows from 32k tokens over the first 4B to 12B. A shorter run scales these
lengths by one factor, the horizon.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from curate.gpt.config import LONGEST_WARMUP, STEPS, Train

FINAL_SHARE = 0.1  # of the learning rate, at the end of the cosine; GPT-3, appendix B


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The course of a run; lengths are in tokens, a window has `context` of them."""

    windows: int  # of the whole run; the step that reaches them is the last
    context: int
    batch: int  # windows of a step, once the ramp is over
    batch_start: int  # windows of the first step
    learning_rate: float  # the highest
    warmup: float  # tokens in which the learning rate rises
    decay: float  # tokens after which it has fallen to a tenth
    ramp: float  # tokens in which the batch grows
    horizon: float  # the factor by which warmup, decay and ramp were scaled

    def windows_at(self, seen: int) -> int:
        """Returns the windows of the step that follows the first `seen` windows."""
        if self.ramp <= seen * self.context:
            return self.batch
        return self.batch_start + int((self.batch - self.batch_start) * seen * self.context / self.ramp)

    def rate_at(self, windows: int) -> float:
        """Returns the learning rate of the step with which a run has seen so many windows."""
        tokens = windows * self.context
        if tokens < self.warmup:
            return self.learning_rate * tokens / self.warmup
        if tokens >= self.decay:
            return self.learning_rate * FINAL_SHARE
        done = (tokens - self.warmup) / (self.decay - self.warmup)
        return self.learning_rate * (FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * done)) / 2)

    def steps(self) -> Iterator[int]:
        """Yields the windows seen before each step of the run."""
        seen = 0
        while seen < self.windows:
            yield seen
            seen += self.windows_at(seen)

    @property
    def count(self) -> int:
        """Returns the number of steps of the run."""
        seen = number = 0
        while seen < self.windows and (size := self.windows_at(seen)) < self.batch:
            seen, number = seen + size, number + 1
        return number + max(0, -((seen - self.windows) // self.batch))

    @property
    def tokens(self) -> int:
        """Returns the tokens of the whole run; its last step may go beyond them."""
        return self.windows * self.context

    def line(self) -> str:
        """Returns the course for people, with the horizon, so that a scaled recipe is not taken for the paper's."""
        batch = f"{self.batch * self.context:,} tokens a step"
        if self.ramp:
            batch = f"{self.batch_start * self.context:,} to {batch}, growing over {self.ramp:,.0f}"
        scaled = "" if self.horizon == 1 else f"; horizon {self.horizon:.3g}: the paper's lengths times this"
        rate = f"rate {self.learning_rate:.3g} after {self.warmup:,.0f}, a tenth from {self.decay:,.0f}"
        return f"{self.tokens:,} tokens; {batch}; {rate}{scaled}"


def schedule_of(settings: Train, train_tokens: int) -> Schedule:
    """Returns the course of a run; train_tokens: those of an epoch of the dataset.

    Without a length in the settings, a recipe of the papers takes its horizon of them, or else one epoch; others take
    `config.STEPS` steps. Without a horizon, a run that is shorter than its recipe scales it to its own length.
    """
    tokens = _tokens(settings, train_tokens)
    steps = settings.steps or STEPS
    most = steps * settings.batch * settings.context if tokens is None else tokens  # more than in a run that ramps
    horizon = settings.horizon or _share(settings, most)
    if tokens is None:
        tokens = _tokens_of_steps(settings, steps, horizon)
    return _schedule(settings, tokens, horizon)


def _tokens(settings: Train, train_tokens: int) -> int | None:
    """Returns the length that the settings give in tokens; None where it is given in steps."""
    if settings.tokens is not None:
        return settings.tokens
    if settings.epochs is not None:
        return math.ceil(settings.epochs * train_tokens)
    if settings.steps is not None or not settings.recipe_tokens:
        return None
    return math.ceil(settings.horizon * settings.recipe_tokens) if settings.horizon else train_tokens


def _share(settings: Train, tokens: int) -> float:
    """Returns the horizon of a run of so many tokens: its share of the recipe's, at most 1."""
    return min(1.0, tokens / settings.recipe_tokens) if settings.recipe_tokens else 1.0


def _schedule(settings: Train, tokens: int, horizon: float) -> Schedule:
    windows = max(1, math.ceil(tokens / settings.context))
    decay = horizon * settings.decay_tokens or windows * settings.context
    warmup = settings.warmup_tokens
    return Schedule(
        windows=windows,
        context=settings.context,
        batch=settings.batch,
        batch_start=settings.batch_start or settings.batch,
        learning_rate=settings.learning_rate,
        warmup=min(LONGEST_WARMUP, decay / 4) if warmup is None else horizon * warmup,
        decay=decay,
        ramp=horizon * settings.ramp_tokens,
        horizon=horizon,
    )


def _tokens_of_steps(settings: Train, steps: int, horizon: float) -> int:
    """Returns the tokens of so many steps."""
    growing = _schedule(settings, 1, horizon)
    seen = 0
    for step in range(steps):
        size = growing.windows_at(seen)
        if size == growing.batch:
            return (seen + (steps - step) * size) * settings.context
        seen += size
    return seen * settings.context
