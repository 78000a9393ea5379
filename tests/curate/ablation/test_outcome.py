"""Comparisons and verdicts by intervals, in words that say no more; the share of a gap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.ablation import outcome
from curate.ablation.config import Ablation, Arm, Gap, Judge
from curate.ablation.intervals import paired

ARMS = ("raw", "extracted", "full")


def ablation(judges: dict[str, Judge] | None = None, **more) -> Ablation:
    judges = judges or {name: Judge(documents=(f"{name}.jsonl",)) for name in ("clean", "wiki", "raw")}
    return Ablation(name="test", arms={name: Arm(manifest=name) for name in ARMS}, judges=judges, **more)


def numbers(rows: dict[str, dict[str, list[float]]], measure: str = "bits") -> outcome.Numbers:
    """The numbers of {arm: {judge: [value of each seed]}}."""
    made: dict = {}
    for arm, judges in rows.items():
        for judge, values in judges.items():
            for seed, value in enumerate(values):
                made.setdefault(arm, {}).setdefault(seed, {})[judge] = {measure: value}
    return made


def words(rows, settings: Ablation | None = None, arm: str = "extracted") -> str:
    settings = settings or ablation()
    compared = outcome.comparisons(settings, numbers(rows))
    return outcome.verdict(settings, compared, arm, settings.baseline)["words"]


BASE = {"clean": [2.00, 2.10, 2.05], "wiki": [2.5, 2.6, 2.4], "raw": [3.0, 3.1, 3.2]}


def moved(**shifts: list[float]) -> dict[str, list[float]]:
    return {judge: [a + b for a, b in zip(BASE[judge], shift, strict=True)] for judge, shift in shifts.items()}


def test_a_verdict_counts_the_judges_whose_intervals_exclude_zero():
    lower, higher, either = [-0.2, -0.21, -0.19], [0.3, 0.31, 0.32], [-0.2, 0.1, 0.05]
    assert words({"raw": BASE, "extracted": moved(clean=lower, wiki=lower, raw=higher)}) == (
        "extracted against raw: better on 2 of 3 judges (clean, wiki), worse on 1 (raw)"
    )
    assert words({"raw": BASE, "extracted": moved(clean=lower, wiki=either, raw=either)}) == (
        "extracted against raw: better on 1 of 3 judges (clean), no difference shown on 2 (wiki, raw)"
    )
    assert words({"raw": BASE, "extracted": moved(clean=either, wiki=either, raw=either)}) == (
        "extracted against raw: no difference shown on 3 of 3 judges (clean, wiki, raw)"
    )


def test_equal_arms_show_no_difference():
    assert "no difference shown on 3 of 3 judges" in words({"raw": BASE, "extracted": BASE})


def test_one_seed_has_no_verdict():
    one = {judge: values[:1] for judge, values in BASE.items()}
    other = {judge: [value - 1 for value in values] for judge, values in one.items()}
    assert (
        words({"raw": one, "extracted": other})
        == "extracted against raw: no verdict: an interval needs two seeds or more that differ"
    )


def test_an_arm_whose_runs_failed_has_no_verdict_and_seeds_are_paired_where_both_ran():
    assert words({"raw": BASE}) == "extracted against raw: no verdict: an interval needs two seeds or more that differ"
    settings, made = ablation(), numbers({"raw": BASE, "extracted": moved(clean=[-0.2, 0.0, -0.3])})
    del made["raw"][1]
    one = outcome.compare(made, "extracted", "raw", "clean", "bits")
    assert one.seeds == (0, 2)
    assert one.differences == pytest.approx((-0.2, -0.3))
    assert [row["seeds"] for row in outcome.arm_means(settings, made) if row["judge"] == "clean"] == [2, 3]


def test_higher_accuracy_is_better_and_the_judge_says_which_measure_counts():
    judges = {"lambada": Judge(task="lambada", data="eval", measure="accuracy")}
    settings = ablation(judges, seeds=(0, 1))
    rows = {"raw": {"lambada": [0.1, 0.12]}, "extracted": {"lambada": [0.2, 0.23]}}
    made = numbers(rows, "accuracy")
    for arm, shift in (("raw", 0.0), ("extracted", 0.5)):
        for seed in (0, 1):
            made[arm][seed]["lambada"]["bits"] = 2.0 + shift + 0.001 * seed + 0.01 * shift * seed
    compared = outcome.comparisons(settings, made)
    assert {one.measure: one.outcome for one in compared} == {"bits": "worse", "accuracy": "better"}
    assert outcome.verdict(settings, compared, "extracted", "raw")["words"] == (
        "extracted against raw: better on 1 of 1 judges (lambada)"
    )


def test_every_pair_of_arms_is_compared_once():
    made = outcome.comparisons(ablation(), numbers(dict.fromkeys(ARMS, BASE)))
    pairs = {(one.arm, one.other) for one in made}
    assert pairs == {("extracted", "raw"), ("full", "raw"), ("full", "extracted")}
    assert len(made) == 3 * len(BASE)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6))
def test_an_outcome_is_stated_only_where_the_interval_excludes_zero(differences):
    made = paired(differences)
    one = outcome.Comparison(
        arm="a", other="b", judge="c", measure="bits", seeds=(), differences=tuple(differences), paired=made
    )
    if made.low is None:
        assert one.outcome is None
        return
    assert (one.outcome == "no difference") == (made.low <= 0 <= made.high)
    assert (one.outcome == "better") == (made.high < 0)


def gap(clean: list[float], planted: list[float], curated: list[float]) -> outcome.Recovered:
    settings = ablation({"text": Judge(documents=("a",))}, gap=Gap(clean="raw", planted="full", curated="extracted"))
    rows = {"raw": {"text": clean}, "full": {"text": planted}, "extracted": {"text": curated}}
    return outcome.recovered(settings.gap, settings, numbers(rows))[0]


def test_the_share_of_a_gap_is_stated_where_the_gap_is_shown():
    made = gap([2.0, 2.1, 2.05], [2.4, 2.5, 2.46], [2.1, 2.21, 2.14])
    assert made.share.value == pytest.approx((0.3 + 0.29 + 0.32) / (0.4 + 0.4 + 0.41))
    assert made.share.low < made.share.value < made.share.high
    assert made.words.startswith("extracted recovers 75% (95 % interval ")
    assert "of the gap of 0.4033 bits per byte" in made.words


@pytest.mark.parametrize("planted", [[2.4, 2.0, 2.1], [1.0, 1.1, 1.05]])
def test_there_is_no_share_where_no_gap_is_shown(planted):
    made = gap([2.0, 2.1, 2.05], planted, [2.1, 2.2, 2.1])
    assert made.share is None
    assert made.words.startswith("no gap: full has ")


def test_one_seed_shows_no_gap():
    assert gap([2.0], [2.4], [2.1]).words.startswith(
        "no verdict: an interval needs two seeds or more that differ; full has +0.4000"
    )
