"""The mixture: exact shares under a cap, and what each preset makes of the same sources."""

import math
import re
from fractions import Fraction
from itertools import pairwise

import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_sets import write_meta

from curate.errors import SettingsError
from curate.loader.mixture import PARTS, Given, Mixture, count, mean_quality, mix, presets, repeated_tokens, share_out
from curate.loader.sampler import Blend, integer_weights

BILLION = 10**9
PAPER = {"common_crawl": 410, "webtext2": 19, "books1": 12, "books2": 55, "wikipedia": 3}
GPT3 = [Given(name=name, tokens=size * BILLION) for name, size in PAPER.items()]
SOURCES = st.lists(
    st.tuples(
        st.fractions(0, 100, max_denominator=1000),
        st.integers(0, 10**12),
        st.none() | st.floats(0, 1).map(lambda q: round(q, 6)),
    ),
    min_size=1,
    max_size=12,
).map(
    lambda rows: [
        Given(name=f"s{k}", tokens=n, weight=w, quality=0.5 if q is None else q) for k, (w, n, q) in enumerate(rows)
    ]
)
MIXTURES = st.builds(
    Mixture,
    tokens=st.none() | st.integers(1, 10**13),
    preset=st.sampled_from(["recipe", "size", "uniform", "temperature", "unimax", "quality"]),
    max_epochs=st.none() | st.integers(1, 400).map(lambda cap: cap / 10),
    temperature=st.sampled_from([1.0, 2.0, 3.3]),
    quality_power=st.sampled_from([0.0, 1.0, 2.0]),
)


def mixed(sources, **chosen):
    return {portion.name: portion for portion in mix(sources, Mixture(**chosen))}


def epochs(sources, **chosen):
    return [round(portion.epochs, 2) for portion in mix(sources, Mixture(**chosen))]


def shares(sources, **chosen):
    return [round(100 * portion.share, 1) for portion in mix(sources, Mixture(**chosen))]


@settings(max_examples=50, deadline=None)
@given(SOURCES, MIXTURES)
def test_shares_add_up_to_one_and_no_source_passes_the_cap(sources, chosen):
    try:
        portions = mix(sources, chosen)
    except SettingsError:
        assume(False)
    budget = chosen.tokens or sum(source.tokens for source in sources)
    assert sum(portion.share for portion in portions) == pytest.approx(1)
    for portion in portions:
        assert portion.capped <= (chosen.cap is not None)
        if chosen.cap and portion.tokens and budget:
            assert portion.share * budget <= chosen.cap * portion.tokens * (1 + 1e-9)
            assert not portion.capped or portion.epochs == pytest.approx(chosen.cap, abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(SOURCES, MIXTURES)
def test_the_weights_that_the_loader_reads_give_the_shares_to_a_billionth_a_source(sources, chosen):
    try:
        portions = mix(sources, chosen)
    except SettingsError:
        assume(False)
    weights = integer_weights([Fraction(str(portion.weight)) for portion in portions])
    for portion, weight in zip(portions, weights, strict=True):
        assert abs(Fraction(weight, sum(weights)) - Fraction(portion.share)) < Fraction(len(sources), PARTS)
    assert sum(Blend(weights).counts(1000)) == 1000


def test_what_rounding_leaves_goes_to_the_only_source_that_is_not_capped():
    sources = [Given(name=f"s{k}", tokens=size) for k, size in enumerate((1, 1, 179_188, 693_120, 63_854_439))]
    weights = [portion.weight for portion in mix(sources, Mixture(max_epochs=1.1))]
    assert weights == [16, 16, 3_045_213, 11_779_241, PARTS - 14_824_486]


@settings(max_examples=50, deadline=None)
@given(SOURCES, st.integers(1, 10**12), st.integers(1, 50))
def test_sources_that_are_not_capped_keep_the_proportion_of_their_weights(sources, budget, cap):
    weights, sizes = [source.weight for source in sources], [source.tokens for source in sources]
    try:
        taken, capped = share_out(weights, sizes, budget, cap)
    except SettingsError:
        assert sum(cap * size for size, weight in zip(sizes, weights, strict=True) if weight) < budget
        return
    assert sum(taken) == budget
    free = [k for k, weight in enumerate(weights) if weight and k not in capped]
    assert len({taken[k] / weights[k] for k in free}) <= 1
    assert all(taken[k] == cap * sizes[k] for k in capped)
    for k in capped:  # it would have got more than the cap allows
        assert all(taken[k] * weights[j] <= taken[j] * weights[k] for j in free)


@settings(max_examples=50, deadline=None)
@given(SOURCES, st.integers(1, 10**12))
def test_better_sources_are_seen_more_often_whatever_their_sizes(sources, budget):
    try:
        portions = mix(sources, Mixture(preset="quality", tokens=budget, max_epochs=30))
    except SettingsError:
        assume(False)
    rated = sorted((portion.quality, portion.epochs) for portion in portions if portion.tokens > budget / 10**6)
    assert all(low <= high + 2e-4 for (_, low), (_, high) in pairwise(rated))


def test_a_small_good_source_is_seen_more_often_than_a_large_poor_one_up_to_the_cap():
    sources = [Given(name="web", tokens=900, quality=0.3), Given(name="books", tokens=100, quality=0.9)]
    assert epochs(sources, preset="quality", tokens=900) == [0.56, 4.0]  # 0.5 and 4.5 without the cap
    assert epochs(sources, preset="quality", tokens=450) == [0.25, 2.25]
    assert [portion.capped for portion in mix(sources, Mixture(preset="quality", tokens=900))] == [False, True]


def test_gpt_3_by_its_weights_has_the_epochs_that_follow_from_them():
    assert shares(GPT3, preset="gpt3", tokens=300 * BILLION) == [59.4, 21.8, 7.9, 7.9, 3.0]  # of 101
    unscaled = [round(portion.epochs * 1.01, 2) for portion in mix(GPT3, Mixture(preset="gpt3", tokens=300 * BILLION))]
    assert unscaled == [0.44, 3.47, 2.0, 0.44, 3.0]


def test_gpt_3_by_its_epochs_has_other_shares_than_its_weights():
    published = [0.44, 2.9, 1.9, 0.43, 3.4]
    portions = mix(GPT3, Mixture(preset="gpt3-epochs", tokens=300 * BILLION))
    total = sum(e * size for e, size in zip(published, PAPER.values(), strict=True))  # 292.2, not 300
    assert [portion.epochs for portion in portions] == pytest.approx([e * 300 / total for e in published], abs=1e-3)
    assert [round(100 * portion.share * total / 300, 1) for portion in portions] == [60.1, 18.4, 7.6, 7.9, 3.4]


def test_the_presets_without_settings():
    sources = [Given(name=name, tokens=size, weight=Fraction(3)) for name, size in {"a": 100, "b": 400}.items()]
    assert shares(sources, preset="recipe") == [50, 50]
    assert shares(sources, preset="size") == [20, 80]
    assert shares(sources, preset="uniform") == [50, 50]
    assert shares(sources, preset="temperature") == [33.3, 66.7]
    assert shares(sources, preset="temperature", temperature=1.0) == [20, 80]
    assert epochs(sources, preset="unimax", tokens=1400) == [4, 2.5]
    assert epochs(sources, preset="size", tokens=1000) == [2, 2]


@settings(max_examples=50, deadline=None)
@given(SOURCES, MIXTURES, st.data())
def test_buckets_together_have_the_share_of_the_source_that_they_divide(sources, chosen, data):
    assume(chosen.preset != "quality" and chosen.cap is None)
    divided = []
    for source in sources:
        ends = sorted([0, *data.draw(st.lists(st.integers(0, source.tokens), max_size=3)), source.tokens])
        for number, (low, high) in enumerate(pairwise(ends)):
            bucket = Given(name=f"{source.name}.q{number}", of=source.name, tokens=high - low, weight=source.weight)
            divided.append(bucket)
    try:
        whole = mix(sources, chosen)
    except SettingsError:
        assume(False)
    parts = mix(divided, chosen)
    for portion in whole:
        own = [part.share for part in parts if part.name.startswith(f"{portion.name}.q")]
        assert sum(own) == pytest.approx(portion.share)


def test_the_better_buckets_of_a_source_are_seen_more_often():
    sources = [Given(name=f"web.q{k}", of="web", tokens=100, quality=q) for k, q in enumerate((0.2, 0.4, 0.8))]
    assert epochs(sources, preset="quality", tokens=420) == [0.2, 0.8, 3.2]
    assert epochs(sources, preset="recipe", tokens=600) == [2, 2, 2]


def test_documents_count_as_often_as_fineweb2_repeats_them(tmp_path):
    sizes = [1, 2, 3, 4, 5, 99, 100, 999, 1000, 10**6]
    path = tmp_path / "a.meta.parquet"
    write_meta(path, "web", [10] * len(sizes), clusters=sizes)
    assert repeated_tokens([path], Mixture().repetitions) == 10 * (1 + 2 + 3 + 3 + 5 + 5 + 8 + 8 + 1 + 1)
    assert repeated_tokens([path, path], {"1": 0.1, "3": 2}) == 2 * (2 + 8 * 20)


@pytest.mark.parametrize("size", ["01", "٢", "²", "0", "-1", "1.0", "+1", "1_0", " 1", "1\n", "", "9" * 30])
def test_a_cluster_size_is_written_in_one_way(size):
    with pytest.raises(ValueError, match=r"^repetitions are by cluster size, a whole number such as 100"):
        Mixture(repetitions={"1": 1.0, size: 2.0})


@pytest.mark.parametrize("lacking", ["column", "value", "file"])
def test_shards_without_cluster_sizes_are_refused_where_documents_are_to_be_repeated(lacking, tmp_path):
    path = tmp_path / "a.meta.parquet"
    if lacking != "file":
        write_meta(path, "web", [10, 10], clusters=[1, 2 if lacking == "column" else None])
    if lacking == "column":
        pq.write_table(pq.read_table(path).drop(["cluster_size"]), path)
    message = rf"{path}: its documents have no cluster size; run dedup, or unset mixture.rehydrate"
    with pytest.raises(SettingsError, match=re.escape(message)):
        repeated_tokens([path], Mixture().repetitions)


def test_a_bucket_of_cluster_sizes_is_seen_as_often_as_its_documents_count():
    counts = ((600, 600), (200, 400), (100, 300))
    web = [
        Given(name=f"web.c{k}", of="web", tokens=tokens, repeated=Fraction(repeated))
        for k, (tokens, repeated) in enumerate(counts)
    ]
    books = Given(name="books", tokens=1300, repeated=Fraction(1300))
    assert epochs([*web, books], preset="recipe", tokens=2600) == [1, 2, 3, 1]
    assert epochs([*web, books], preset="size", tokens=5200) == [2, 4, 6, 2]
    assert shares([*web, books], preset="uniform") == [23.1, 15.4, 11.5, 50]


def test_weights_of_a_preset_s_own_are_written_as_they_are():
    assert [portion.weight for portion in mix(GPT3, Mixture(preset="gpt3"))] == [60, 22, 8, 8, 3]
    capped = mix(GPT3, Mixture(preset="gpt3", tokens=300 * BILLION, max_epochs=3))
    assert [portion.capped for portion in capped] == [False, True, False, False, True]
    assert sum(portion.weight for portion in capped) == PARTS


def test_a_source_without_train_tokens_has_no_epochs_and_gets_nothing_by_size():
    portions = mixed([Given(name="a", tokens=0), Given(name="b", tokens=10)], preset="size")
    assert (portions["a"].epochs, portions["a"].share, portions["b"].share) == (None, 0, 1)


@pytest.mark.parametrize(
    ("sources", "chosen", "why"),
    [
        ([Given(name="web", tokens=5)], {"preset": "gpt3"}, "no source 'web'; it has common_crawl, "),
        ([Given(name="web", tokens=5)], {"preset": "quality"}, r"'web' has no quality .*mixture\.quality\.web=0\.8"),
        ([Given(name="web", tokens=5, quality=0.0)], {"preset": "quality"}, "every source with documents has weight 0"),
        ([Given(name="web", tokens=5)], {"tokens": 11, "max_epochs": 2}, r"11 tokens are more than 2 epochs .* is 10;"),
    ],
)
def test_a_preset_that_cannot_be_followed_says_why(sources, chosen, why):
    with pytest.raises(SettingsError, match=why):
        mix(sources, Mixture(**chosen))


@pytest.mark.parametrize(
    "chosen",
    [
        {"tokens": 0},
        {"preset": "best"},
        {"max_epochs": 0},
        {"temperature": 0},
        {"quality_power": -1},
        {"quality": {"a": 2}},
    ],
)
def test_a_setting_without_meaning_is_refused(chosen):
    with pytest.raises(ValueError, match=next(iter(chosen))):
        Mixture(**chosen)


def test_every_preset_is_named():
    assert set(presets()) == {
        *("recipe", "size", "uniform", "temperature", "unimax", "quality", "gpt3", "gpt3-epochs"),
    }


def test_mean_quality_is_by_tokens_over_the_documents_that_have_a_score(tmp_path):
    for name, lengths, quality in (("a", [10, 20], 0.5), ("b", [10], 0.9), ("c", [500], None), ("d", [9], math.nan)):
        write_meta(tmp_path / f"{name}.meta.parquet", "web", lengths, quality)
    assert mean_quality([tmp_path / f"{name}.meta.parquet" for name in "abcd"]) == 0.6
    assert mean_quality([tmp_path / "c.meta.parquet"]) is None
    with pytest.raises(SettingsError, match=r"e\.meta\.parquet: cannot read"):
        mean_quality([tmp_path / "e.meta.parquet"])


@pytest.mark.parametrize("text", ["", "B", "1.5", "-3", "0", "3x", "1e9", "1.23456K"])
def test_what_is_no_number_of_tokens_is_refused(text):
    with pytest.raises(SettingsError, match="not a number of tokens"):
        count(text)


@pytest.mark.parametrize(
    ("text", "tokens"), [("300B", 300 * BILLION), ("1.5t", 1500 * BILLION), ("7", 7), (" 2k ", 2000)]
)
def test_numbers_of_tokens(text, tokens):
    assert count(text) == tokens
