"""The numbers of a task, each with its bootstrap interval: accuracy, and what the model says of the right answer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curate.evaluate import bootstrap
from curate.evaluate.bootstrap import Estimate
from curate.evaluate.score import SIZES, Scored, Scores

BITS = math.log(2)  # nats in a bit


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The measures of a model on a task with one number of demonstrations."""

    model: str
    task: str
    form: str
    shots: int | str  # demonstrations before each item; "fit": as many as the window holds
    demonstrations: float  # before an item, on the mean
    items: int
    left_out: Mapping[str, int]  # items without a likelihood, by reason
    example: str  # what is at fault in the first of these
    cut: int  # items whose context was cut from the left
    normalise: str  # the normalisation, or the measure of the form, that `reported` goes by
    accuracy: Mapping[str, Estimate]  # by normalisation; of one completion by the measure of the form
    chance: float
    at_chance: bool | None  # whether the interval of the reported accuracy covers chance; None without items
    gold_nats: Estimate | None  # log-probability of the right answer, on the mean
    gold_bits_per_byte: Estimate | None  # of all right answers together

    @property
    def reported(self) -> Estimate | None:
        """Returns the accuracy that stands in the table."""
        return self.accuracy.get(self.normalise)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanSubset:
    """The accuracy of a model on the clean items of a task, of which no gram is in the training text (GPT-3, C)."""

    model: str
    task: str
    shots: int | str
    items: int
    clean: int  # of the items
    accuracy: Estimate | None  # on all items
    on_clean: Estimate | None
    change: float | None  # of the accuracy, from all items to the clean ones, as a share; figure 4.2 of the paper

    @property
    def clean_share(self) -> float:
        """Returns the share of the items that are clean."""
        return self.clean / self.items if self.items else 0.0


def clean_subset(scores: Scores, whole: Result, clean: Sequence[bool], seed: int) -> CleanSubset:
    """Returns the accuracy on the clean items of a task beside that on all; clean: of each item of the task."""
    items = [item for item in scores.items if clean[item.number]]
    right = _right(items, whole.form).get(whole.normalise, [])
    on_clean = bootstrap.mean(right, seed, f"{whole.task}/{whole.shots}/{whole.normalise}/clean")
    every = whole.reported
    return CleanSubset(
        model=whole.model,
        task=whole.task,
        shots=whole.shots,
        items=whole.items,
        clean=len(items),
        accuracy=every,
        on_clean=on_clean,
        change=on_clean.value / every.value - 1 if every and on_clean and every.value else None,
    )


def result(
    scores: Scores,
    *,
    model: str,
    task: str,
    form: str,
    shots: int | str,
    demonstrations: float,
    normalise: str,
    chance: float,
    seed: int,
) -> Result:
    """Returns the numbers of a task that has been scored."""
    items, key = scores.items, f"{task}/{shots}"
    normalise = normalise if form == "choice" else {"cloze": "greedy", "generate": "exact_match"}[form]
    accuracy = {}
    for name, right in _right(items, form).items():
        if (estimate := bootstrap.mean(right, seed, f"{key}/{name}")) is not None:
            accuracy[name] = estimate
    nats = np.array([item.best.nats for item in items])
    sizes = np.array([item.best.bytes for item in items])
    reported = accuracy.get(normalise)
    return Result(
        model=model,
        task=task,
        form=form,
        shots=shots,
        demonstrations=demonstrations,
        items=len(items),
        left_out=scores.left_out,
        example=scores.example,
        cut=sum(any(one.cut for one in item.completions) for item in items),
        normalise=normalise,
        accuracy=accuracy,
        chance=chance,
        at_chance=reported.covers(chance) if reported else None,
        gold_nats=bootstrap.mean(nats, seed, f"{key}/nats"),
        gold_bits_per_byte=bootstrap.ratio(-nats / BITS, sizes, seed, f"{key}/bits"),
    )


def _right(items: list[Scored], form: str) -> dict[str, list[float]]:
    """Returns for each way of counting which items are right."""
    if form == "choice":
        ways = [*SIZES, *(["unconditional"] if items and items[0].unconditional else [])]
        return {way: [item.share_right(way) for item in items] for way in ways}
    greedy = {"greedy": [float(item.best.greedy) for item in items]}
    if form == "cloze":
        return greedy
    return greedy | {"exact_match": [float(bool(item.right)) for item in items]}


def gain(scores: Scores, base: Scores, seed: int, key: str) -> Estimate | None:
    """Returns the bits per byte of the right answers that `scores` has less than `base`, on the items that both have.

    Items are drawn in pairs, so what an item is like by itself does not widen the interval.
    """
    before = {item.number: item.best for item in base.items}
    pairs = [(before[item.number], item.best) for item in scores.items if item.number in before]
    saved = [(few.nats - zero.nats) / BITS for zero, few in pairs]
    return bootstrap.ratio(saved, [few.bytes for _, few in pairs], seed, key)
