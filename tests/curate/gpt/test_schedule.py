"""The course of a run in tokens: GPT-3's appendix B by hand, and laws."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.gpt.config import Train, settings_of
from curate.gpt.schedule import Schedule, schedule_of
from curate.gpt.shapes import PRESETS

BILLION = 1_000_000_000


def paper(name: str, **settings) -> Schedule:
    """The course of a model of the papers, on a dataset of 10B tokens."""
    return schedule_of(Train(**settings_of(PRESETS[name]), **settings), 10 * BILLION)


def batches(schedule: Schedule) -> list[int]:
    return [schedule.windows_at(seen) for seen in schedule.steps()]


def test_gpt3_s_course_is_that_of_appendix_b():
    course = paper("gpt3-175b", tokens=300 * BILLION)
    assert (course.horizon, course.warmup, course.decay, course.ramp) == (1, 375e6, 260e9, 12e9)
    assert course.windows_at(0) * course.context == 2**15
    assert course.windows_at(6 * BILLION // 2048) * 2048 == pytest.approx((2**15 + 1536 * 2048) / 2, rel=0.01)
    assert course.windows_at(12 * BILLION // 2048 + 1) == 1536
    for tokens, share in ((375e6 / 2, 0.5), (375e6, 1), ((375e6 + 260e9) / 2, 0.55), (260e9, 0.1), (300e9, 0.1)):
        assert course.rate_at(round(tokens / 2048)) == pytest.approx(share * 0.6e-4, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "ramp"), [("gpt3-small", 4e9), ("gpt3-xl", 5.6e9), ("gpt3-13b", 8.8e9), ("gpt3-175b", 12e9), ("gpt2", 0)]
)
def test_the_batch_grows_over_4_to_12_billion_tokens_by_size(name, ramp):
    assert paper(name, tokens=300 * BILLION).ramp == ramp


def test_a_shorter_run_scales_the_paper_s_lengths_by_one_factor_and_says_so():
    course = paper("gpt3-small", tokens=3 * BILLION)
    assert (course.horizon, course.warmup, course.decay, course.ramp) == (0.01, 3.75e6, 2.6e9, 4e7)
    assert "horizon 0.01: the paper's lengths times this" in course.line()
    assert "horizon" not in paper("gpt3-small", tokens=300 * BILLION).line()


def test_a_horizon_alone_gives_the_length_and_nothing_gives_an_epoch():
    assert paper("gpt3-small", horizon=0.001).tokens == pytest.approx(0.3 * BILLION, rel=1e-5)
    assert paper("gpt2").tokens == pytest.approx(10 * BILLION, rel=1e-5)
    assert paper("gpt2", epochs=0.5).tokens == pytest.approx(5 * BILLION, rel=1e-5)
    assert len(batches(schedule_of(Train(), 10**6))) == 200


@pytest.mark.parametrize(("steps", "warmup"), [(200, 100_000), (100, 51_200), (1, 512)])
def test_the_warm_up_is_a_quarter_of_a_short_run(steps, warmup):
    assert schedule_of(Train(steps=steps), 10**6).warmup == warmup


@pytest.mark.parametrize(("step", "rate"), [(1, 0.1), (10, 1.0), (60, 0.55), (110, 0.1)])
def test_the_learning_rate_warms_up_and_falls_to_a_tenth(step, rate):
    settings = Train(learning_rate=1.0, warmup_tokens=10 * 16 * 128, steps=110)
    assert schedule_of(settings, 10**6).rate_at(16 * step) == pytest.approx(rate)


courses = st.builds(
    lambda steps, batch, start, ramp, warmup, recipe: Train(
        steps=steps,
        context=8,
        batch=batch,
        batch_start=min(start, batch) if ramp else 0,
        ramp_tokens=ramp,
        warmup_tokens=warmup,
        recipe_tokens=recipe,
    ),
    st.integers(1, 60),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 20_000),
    st.integers(0, 5_000),
    st.sampled_from([0, 1_000, 10**6]),
)


def test_the_steps_of_the_longest_run_are_counted_at_once():
    assert schedule_of(Train(steps=10**21), 10**6).count == 10**21


@given(courses)
def test_a_run_of_so_many_steps_has_as_many_and_its_batch_never_shrinks(settings):
    sizes = batches(schedule_of(settings, 10**6))
    assert len(sizes) == settings.steps == schedule_of(settings, 10**6).count
    assert sizes == sorted(sizes)
    assert min(sizes) >= 1
    assert max(sizes) <= settings.batch
    if settings.ramp_tokens:
        assert sizes[0] == settings.batch_start


@given(courses, st.integers(1, 100_000))
def test_a_run_of_so_many_tokens_ends_with_the_step_that_reaches_them(settings, tokens):
    course = schedule_of(replace(settings, steps=None, tokens=tokens), 10**6)
    sizes = batches(course)
    assert sum(sizes[:-1]) * 8 < tokens <= sum(sizes) * 8
    assert course.count == len(sizes)


@given(courses)
def test_the_rate_rises_to_its_highest_and_never_again(settings):
    course = schedule_of(settings, 10**6)
    seen = [before + course.windows_at(before) for before in course.steps()]
    rates = [course.rate_at(windows) for windows in seen]
    assert max(rates) <= settings.learning_rate * (1 + 1e-9)
    after = [rate for windows, rate in zip(seen, rates, strict=True) if windows * 8 >= course.warmup]
    assert after == sorted(after, reverse=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 3, "tokens": 5},
        {"epochs": 0.0},
        {"tokens": -1},
        {"batch_start": 4},
        {"ramp_tokens": 100},
        {"batch_start": 17, "ramp_tokens": 100},
        {"decay_tokens": 50, "warmup_tokens": 50},
        {"horizon": -1.0},
    ],
)
def test_a_course_that_no_run_can_have_is_refused(settings):
    with pytest.raises(ValueError, match=r"a run has one length|epochs|tokens|batch_start|decay_tokens|horizon"):
        Train(**settings)
