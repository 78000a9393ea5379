"""The record of removals: no host over any pair of limits is missed, and a sample does not depend on how it is made."""

import json
import struct

from hypothesis import given
from hypothesis import strategies as st

from curate.dedup import minhash, removals

COUNTS = st.integers(1, 300).flatmap(lambda read: st.tuples(st.just(read), st.integers(0, read)))
LOSSES = st.lists(COUNTS, max_size=60).map(
    lambda pairs: [(f"{number}.example", *pair) for number, pair in enumerate(pairs)]
)
SENTENCES = st.lists(
    st.sampled_from(["one", "two", "three", "four", "五", "六", "seven.", "Eight,", "nine"]), max_size=30
).map(" ".join)


def over(losses: list[removals.Loss], number: int, share: float) -> bool:
    return any(removed >= number and removed > share * read for _, read, removed in losses)


@given(losses=LOSSES, number=st.integers(1, 300), share=st.floats(0, 1), first=st.integers(0, 61))
def test_where_a_host_is_over_both_limits_one_of_the_worst_is_too(losses, number, share, first):
    assert over(removals.worst(losses, first), number, share) == over(losses, number, share)


@given(losses=LOSSES, cut=st.integers(0, 60), first=st.integers(0, 61))
def test_the_worst_hosts_are_those_of_the_worst_of_each_partition(losses, cut, first):
    halves = [*removals.worst(losses[:cut], first), *removals.worst(losses[cut:], first)]
    assert removals.worst(halves, first) == removals.worst(losses, first)
    most = sorted((removed for _, _, removed in losses if removed), reverse=True)[:first]
    assert [removed for _, _, removed in removals.worst(losses, first)[:first]] == most


def test_all_hosts_over_the_limits_are_recorded_where_they_are_not_more_than_a_thousand():
    losses = [(f"{number}.example", 1000, 999 - number) for number in range(99)]
    losses += [(f"more-{number}.example", 10, 1) for number in range(2000)]
    recorded = removals.worst(losses)
    assert recorded[:99] == losses[:99]
    assert len(recorded) == removals.WORST


def test_the_counts_of_a_host_add_up_over_parts():
    blobs = [
        json.dumps([["a.example", 5, 2], ["b.example", 1, 0]]).encode(),
        json.dumps([["a.example", 3, 3]]).encode(),
    ]
    key, piece = removals.worst_of((b"\0", blobs))
    assert (key, piece[:1], json.loads(piece[1:])) == (removals.ALL, removals.HOSTS, [["a.example", 8, 5]])


@given(
    draws=st.sets(st.binary(min_size=8, max_size=8), max_size=700), cuts=st.tuples(st.integers(0, 700), st.integers())
)
def test_a_sample_is_the_least_draws_however_they_are_grouped(draws, cuts):
    packed = [removals.DRAW.pack(draw, bytes(16), bytes(16), 0, 0, 0.5) for draw in draws]
    groups = [packed[: cuts[0]], packed[cuts[0] :]]
    samples = [removals.least_draws([struct.pack(">Q", len(group)) + b"".join(group)]) for group in groups]
    if cuts[1] % 2:
        samples.reverse()
    least = sorted(packed)[: removals.SAMPLE]
    assert removals.least_draws(samples) == struct.pack(">Q", len(packed)) + b"".join(least)


@given(one=SENTENCES, other=SENTENCES)
def test_similarity_by_words_is_that_of_the_hashes_of_shingles(one, other):
    sets = [{*minhash.shingles(text, 5).tolist()} for text in (one, other)]
    expected = len(sets[0] & sets[1]) / max(1, len(sets[0] | sets[1]))
    assert removals.similarity(*(removals.digests(text, "text-1") for text in (one, other)), 5) == expected
