"""Signatures against datasketch and against the exact Jaccard similarity; band keys against the closed form."""

import random

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup.config import Dedup
from curate.dedup.minhash import SEED, band_hashes, band_keys, fingerprint, shingles, signature, similarity, text_hash

FINEWEB = Dedup()
WORDS = [f"w{number}" for number in range(500)]

words = st.lists(st.sampled_from(WORDS[:50]), max_size=60)
signatures = st.lists(st.integers(0, 2**32 - 1), min_size=112, max_size=112).map(lambda row: np.array(row, np.uint32))


def runs(words, size):
    return {tuple(words[place : place + size]) for place in range(len(words) - size + 1)}


def jaccard(one, other, size=5):
    """The exact similarity of two texts' sets of word runs."""
    mine, yours = runs(one.split(), size), runs(other.split(), size)
    return len(mine & yours) / len(mine | yours)


def changed(text, share, seed):
    """The text with about this share of its words replaced."""
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) if draw.random() < share else word for word in text.split())


def long_text(seed, length=400):
    return " ".join(random.Random(seed).choices(WORDS, k=length))


@given(words.filter(bool), st.sampled_from([FINEWEB, Dedup(bands=4, rows=2, shingle=3)]))
def test_a_signature_is_datasketch_s_over_the_same_hashes(drawn, settings):
    text = " ".join(drawn)
    oracle = MinHash(num_perm=settings.bands * settings.rows, seed=SEED, scheme="affine32", hashfunc=int)
    oracle.update_batch(shingles(text, settings.shingle))
    mine = signature(text, settings)
    assert mine.dtype == np.uint32
    assert np.array_equal(mine, oracle.hashvalues)


def test_a_signature_is_this_for_ever():
    values = signature("the quick brown fox jumps over the lazy dog", FINEWEB)
    assert values[:4].tolist() == [24525538, 1478737265, 50611438, 766242082]
    assert len(values) == 112


@pytest.mark.parametrize("share", [0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 1.0])
def test_the_estimated_similarity_is_near_the_exact_one(share):
    wide = Dedup(bands=64, rows=8)
    errors = []
    for seed in range(8):
        one = long_text(seed)
        other = changed(one, share, seed + 1000)
        errors.append(similarity(signature(one, wide), signature(other, wide)) - jaccard(one, other))
    assert max(map(abs, errors)) < 0.09  # four standard deviations of 512 places
    assert abs(sum(errors) / 8) < 0.032


def test_a_long_text_has_the_signature_of_its_shingles():
    text = long_text(3, 5000)
    oracle = MinHash(num_perm=112, seed=SEED, scheme="affine32", hashfunc=int)
    oracle.update_batch(shingles(text, 5))
    assert np.array_equal(signature(text, FINEWEB), oracle.hashvalues)


@given(words, st.integers(1, 7))
def test_shingles_are_one_hash_per_distinct_run_of_words(drawn, size):
    expected = runs(drawn, min(size, len(drawn))) if drawn else set()
    hashes = shingles(" ".join(drawn), size)
    assert len(hashes) == len(expected)
    assert np.array_equal(hashes, np.unique(hashes))


def test_the_order_of_the_words_in_a_run_counts():
    assert shingles("a b", 2).tolist() != shingles("b a", 2).tolist()
    assert shingles("a b a", 2).tolist() != shingles("a a b", 2).tolist()


def test_shingles_of_many_runs_hardly_collide():
    text = " ".join(f"{number}" for number in range(20_000))
    assert len(shingles(text, 5)) >= 19_996 - 2  # 0.05 collisions are expected


@given(words)
def test_case_and_punctuation_change_no_shingle(drawn):
    plain, dressed = " ".join(drawn), " — ".join(f"“{word.upper()}!”" for word in drawn)
    assert np.array_equal(shingles(plain, 3), shingles(dressed, 3))


@pytest.mark.parametrize("text", ["", "!!! ... --- ,,, ;;;", "\n\n", "★★★☆☆", "\u0301"])
def test_a_text_without_words_has_no_signature(text):
    assert signature(text, FINEWEB) is None
    assert len(shingles(text, 5)) == 0


@pytest.mark.parametrize("text", ["one", "one two three four"])
def test_a_text_shorter_than_a_shingle_is_one_shingle(text):
    assert len(shingles(text, 5)) == 1
    assert similarity(signature(text, FINEWEB), signature(f"{text}!", FINEWEB)) == 1
    assert similarity(signature(text, FINEWEB), signature(f"{text} more", FINEWEB)) == 0


@given(st.text() | words.map(" ".join), st.sampled_from(["text-1", "none"]))
def test_a_fingerprint_is_the_hash_and_the_signature(text, rule):
    settings = Dedup(normalise=rule)
    same, values = fingerprint(text, settings)
    assert same == text_hash(text, rule)
    expected = signature(text, settings)
    assert (values is None) == (expected is None)
    assert values is None or np.array_equal(values, expected)
    assert fingerprint(text, Dedup(normalise=rule, near=False)) == (same, None)


@given(signatures)
def test_a_band_s_key_is_its_number_and_8_bytes(values):
    keys = band_keys(values, FINEWEB)
    assert [len(key) for key in keys] == [9] * 14
    assert [key[0] for key in keys] == list(range(14))
    assert band_keys(values.astype(">u4"), FINEWEB) == keys  # the machine's byte order counts for nothing
    both = band_hashes(np.stack([values, values[::-1]]), FINEWEB)
    assert both.shape == (2, 14)
    assert [key[1:] for key in keys] == [int(number).to_bytes(8) for number in both[0]]


@given(signatures, signatures, st.lists(st.booleans(), min_size=112, max_size=112))
def test_two_documents_share_a_band_exactly_where_all_its_rows_are_equal(one, other, taken):
    mixed = np.where(taken, one, other).astype(np.uint32)
    shared = [one_key == key for one_key, key in zip(band_keys(one, FINEWEB), band_keys(mixed, FINEWEB), strict=True)]
    equal = [bool(np.all(one[row : row + 8] == mixed[row : row + 8])) for row in range(0, 112, 8)]
    assert shared == equal


def test_bands_of_equal_rows_but_another_number_do_not_meet():
    values = np.tile(np.arange(8, dtype=np.uint32), 14)
    assert len(set(band_keys(values, FINEWEB))) == 14


@pytest.mark.parametrize(("similar", "chance"), [(0.5, 0.053), (0.7, 0.565), (0.8, 0.924), (0.9, 0.9996)])
def test_the_share_of_pairs_that_meet_in_a_band_is_the_closed_form(similar, chance):
    assert FINEWEB.catch_probability(similar) == pytest.approx(chance, abs=5e-4)
    draw = np.random.default_rng(7)
    trials, met = 2000, 0
    for _ in range(trials):
        one, other = draw.integers(0, 2**32, (2, 112), dtype=np.uint32)
        other = np.where(draw.random(112) < similar, one, other)
        met += not set(band_keys(one, FINEWEB)).isdisjoint(band_keys(other, FINEWEB))
    assert met / trials == pytest.approx(chance, abs=4 * 0.5 / trials**0.5)


@given(signatures, signatures)
def test_similarity_is_the_share_of_equal_places(one, other):
    assert similarity(one, one) == 1.0
    assert similarity(one, other) == similarity(other, one) == sum(one == other) / 112


@given(words, words)
def test_two_texts_have_one_hash_exactly_if_their_words_are_the_same(one, other):
    assert (text_hash(" ".join(one)) == text_hash("\n ".join(other).upper() + "\t")) == (one == other)
    assert len(text_hash(" ".join(one))) == 16


@pytest.mark.parametrize(
    ("one", "other"),
    [("ab c", "a bc"), ("a1", "a"), ("é", "e"), ("", "a"), ("★★☆", "★★★"), ("!", ""), ("一二", "二一")],
)
def test_other_differences_are_another_text(one, other):
    assert text_hash(one) != text_hash(other)


@given(st.text(), st.text())
def test_by_the_rule_none_only_the_same_characters_are_the_same_text(one, other):
    assert (text_hash(one, "none") == text_hash(other, "none")) == (one == other)


def test_half_a_surrogate_pair_has_a_hash_and_a_signature():
    assert len(text_hash("\ud800")) == len(text_hash("\ud800", "none")) == 16
    assert signature("\ud800 one two three four five six", FINEWEB) is not None
