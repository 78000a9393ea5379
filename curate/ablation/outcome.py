"""Compares arms on each judge: paired differences, and the verdict in words.

A difference is of the arm less the baseline, over the seeds that both have. Fewer bits are better, and so is a higher
accuracy. The words say no more than the interval of 95 %: where it covers 0, no difference is shown.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from curate.ablation.config import Ablation, Gap
from curate.ablation.intervals import Paired, Ratio, paired, ratio

BETTER, WORSE, NONE = "better", "worse", "no difference"
LOWER_IS_BETTER = {"bits": True, "accuracy": False}
UNSURE = "no verdict: an interval needs two seeds or more that differ"

# What the judges say: by arm, by seed, by judge, the numbers by measure.
Numbers = Mapping[str, Mapping[int, Mapping[str, Mapping[str, float]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An arm against another on one judge by one measure."""

    arm: str
    other: str
    judge: str
    measure: str
    seeds: tuple[int, ...]  # that both arms have
    differences: tuple[float, ...]  # of the arm less the other
    paired: Paired

    @property
    def outcome(self) -> str | None:
        """Returns BETTER, WORSE or NONE; None where one pair alone has no interval."""
        sign = self.paired.sign
        if sign is None:
            return None
        good = -sign if LOWER_IS_BETTER[self.measure] else sign
        return {1: BETTER, -1: WORSE, 0: NONE}[good]

    def record(self) -> dict[str, Any]:
        """Returns the comparison as plain values."""
        facts = {name: value for name, value in asdict(self).items() if name != "paired"}
        return {**facts, **asdict(self.paired), "outcome": self.outcome}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """The share of the gap between planted and clean that the curated arm recovers, on one judge."""

    judge: str
    gap: Paired | None  # planted less clean, of bits; None without a pair
    share: Ratio | None  # None where no gap is shown
    words: str


def measures_of(numbers: Numbers, judge: str) -> list[str]:
    """Returns the measures of a judge that some run has."""
    have = {name for seeds in numbers.values() for row in seeds.values() for name in row.get(judge, {})}
    return [name for name in LOWER_IS_BETTER if name in have]


def values(numbers: Numbers, arm: str, judge: str, measure: str) -> dict[int, float]:
    """Returns the numbers of an arm by seed, in the order of its seeds."""
    rows = numbers.get(arm, {})
    return {seed: row[judge][measure] for seed, row in rows.items() if measure in row.get(judge, {})}


def compare(numbers: Numbers, arm: str, other: str, judge: str, measure: str) -> Comparison | None:
    """Returns an arm against another over the seeds that both have; None where there is none."""
    own, theirs = (values(numbers, name, judge, measure) for name in (arm, other))
    seeds = tuple(seed for seed in own if seed in theirs)
    if not seeds:
        return None
    differences = tuple(own[seed] - theirs[seed] for seed in seeds)
    return Comparison(
        arm=arm,
        other=other,
        judge=judge,
        measure=measure,
        seeds=seeds,
        differences=differences,
        paired=paired(differences),
    )


def comparisons(ablation: Ablation, numbers: Numbers) -> list[Comparison]:
    """Returns every arm against the baseline, and then every other pair, on each judge by each measure."""
    others = [arm for arm in ablation.arms if arm != ablation.baseline]
    pairs = [(arm, ablation.baseline) for arm in others] + [(later, arm) for arm, later in combinations(others, 2)]
    made = [
        compare(numbers, arm, other, judge, measure)
        for arm, other in pairs
        for judge in ablation.judges
        for measure in measures_of(numbers, judge)
    ]
    return [one for one in made if one is not None]


def arm_means(ablation: Ablation, numbers: Numbers) -> list[dict[str, Any]]:
    """Returns for each arm, judge and measure the mean over seeds and the standard deviation."""
    rows = []
    for arm in ablation.arms:
        for judge in ablation.judges:
            for measure in measures_of(numbers, judge):
                own = [*values(numbers, arm, judge, measure).values()]
                if own:
                    sd = statistics.stdev(own) if len(own) > 1 else None
                    facts = {"mean": statistics.fmean(own), "sd": sd, "seeds": len(own)}
                    rows.append({"arm": arm, "judge": judge, "measure": measure, **facts})
    return rows


def verdict(ablation: Ablation, compared: Sequence[Comparison], arm: str, other: str) -> dict[str, Any]:
    """Returns on which judges an arm is better than another, worse, or neither, and that in words."""
    own = {
        one.judge: one
        for one in compared
        if (one.arm, one.other) == (arm, other) and one.measure == ablation.judges[one.judge].measure
    }
    lists: dict[str, list[str]] = {BETTER: [], WORSE: [], NONE: []}
    unclear = [judge for judge in ablation.judges if judge not in own or own[judge].outcome is None]
    for judge, one in own.items():
        if one.outcome is not None:
            lists[one.outcome].append(judge)
    facts = {"arm": arm, "against": other, "better": lists[BETTER], "worse": lists[WORSE], "none": lists[NONE]}
    words = f"{arm} against {other}: {_words(lists, unclear)}"
    return {**facts, "without_interval": unclear, "words": words}


def _words(lists: Mapping[str, Sequence[str]], unclear: Sequence[str]) -> str:
    """Returns the outcome of an arm in words.

    >>> _words({"better": ["clean", "wiki"], "worse": ["raw"], "no difference": []}, [])
    'better on 2 of 3 judges (clean, wiki), worse on 1 (raw)'
    >>> _words({"better": [], "worse": [], "no difference": ["clean"]}, [])
    'no difference shown on 1 of 1 judges (clean)'
    >>> _words({"better": [], "worse": [], "no difference": []}, ["clean"])
    'no verdict: an interval needs two seeds or more that differ'
    """
    count = sum(map(len, lists.values())) + len(unclear)
    parts: list[str] = []
    for outcome, words in ((BETTER, "better"), (WORSE, "worse"), (NONE, "no difference shown")):
        if judges := lists[outcome]:
            total = "" if parts else f" of {count} judges"
            parts.append(f"{words} on {len(judges)}{total} ({', '.join(judges)})")
    if not parts:
        return UNSURE
    return ", ".join([*parts, *([f"no verdict on {len(unclear)} ({', '.join(unclear)})"] if unclear else [])])


def recovered(gap: Gap, ablation: Ablation, numbers: Numbers) -> list[Recovered]:
    """Returns the share of the gap that is recovered on each judge, in bits per byte."""
    return [_recovered(gap, judge, numbers) for judge in ablation.judges if "bits" in measures_of(numbers, judge)]


def _recovered(gap: Gap, judge: str, numbers: Numbers) -> Recovered:
    clean, planted, curated = (values(numbers, arm, judge, "bits") for arm in (gap.clean, gap.planted, gap.curated))
    seeds = [seed for seed in planted if seed in clean and seed in curated]
    if not seeds:
        return Recovered(judge=judge, gap=None, share=None, words="no runs of all three arms")
    whole = [planted[seed] - clean[seed] for seed in seeds]
    made = paired(whole)
    spread = "" if made.low is None else f" (95 % interval {made.low:+.4f} to {made.high:+.4f})"
    stated = f"{gap.planted} has {made.mean:+.4f}{spread} bits per byte of {gap.clean}"
    if made.sign is None:
        return Recovered(judge=judge, gap=made, share=None, words=f"{UNSURE}; {stated}")
    if made.sign <= 0:
        return Recovered(judge=judge, gap=made, share=None, words=f"no gap: {stated}")
    share = ratio([planted[seed] - curated[seed] for seed in seeds], whole)
    bounds = "" if share.low is None else f" (95 % interval {share.low:.0%} to {share.high:.0%})"
    words = f"{gap.curated} recovers {share.value:.0%}{bounds} of the gap of {made.mean:.4f} bits per byte"
    return Recovered(judge=judge, gap=made, share=share, words=words)
