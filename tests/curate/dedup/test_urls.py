"""Captures of one address: which one stays is the least of (source, age, id, place), whatever the blobs' order."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup import urls
from curate.dedup.clusters import PLAIN, make_node, node_id, node_part
from curate.dedup.signatures import url_key

MOMENTS = st.one_of(st.none(), st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
CAPTURES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), MOMENTS, st.binary(min_size=16, max_size=16)), max_size=12
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://www.example.com/a/?utm_source=x", "https://example.com/a"),
        ("https://example.com/a?b=2&a=1", "https://example.com/a?a=1&b=2"),
        ("https://web.archive.org/web/2019/http://example.com/a", "example.com/a"),
        ("https://example.com/a#", "https://example.com/a"),
    ],
)
def test_addresses_of_one_page_share_a_key(one, other):
    assert url_key(one) == url_key(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/a", "https://example.com/b"),
        ("https://example.com/a?page=1", "https://example.com/a?page=2"),
        ("https://example.com/app#!/one", "https://example.com/app#!/two"),  # what a fragment names may be a section
        ("https://example.com/a#one", "https://example.com/a"),
    ],
)
def test_other_addresses_have_other_keys(one, other):
    assert url_key(one) != url_key(other)


@pytest.mark.parametrize("text", ["", "#top", "chapter one", "no address at all\0", "\ud800"])
def test_what_is_no_address_has_no_key(text):
    assert url_key(text) is None


@given(MOMENTS, MOMENTS)
def test_the_age_orders_by_time_and_a_capture_without_a_time_is_the_oldest(one, other):
    assert 0 <= urls.age(one) <= urls.UNDATED
    if one and other and abs(one - other) >= timedelta(seconds=1):
        assert (urls.age(one) < urls.age(other)) == (one > other)
    if one and not other:
        assert urls.age(one) < urls.age(other)


@given(CAPTURES, st.randoms(use_true_random=False))
def test_one_capture_of_each_address_stays_and_every_loss_goes_to_both_parts(captures: list, shuffled: random.Random):
    rows = [
        (bytes([address]) * 16, (source, urls.age(moment), identity, number % 3, number))
        for number, (address, source, moment, identity) in enumerate(captures)
    ]
    best = {key: min(rank for other, rank in rows if other == key) for key, _ in rows}
    nodes = {rank: make_node(rank[0], *rank[2:]) for _, rank in rows}
    expected = sorted((nodes[rank], nodes[best[key]]) for key, rank in rows if rank != best[key])
    records = [key + rank[1].to_bytes(8) + nodes[rank] for key, rank in rows]
    shuffled.shuffle(records)
    blobs = [b"".join(records[:4]), b"".join(records[4:])]
    sent = [*urls.marks(blobs, PLAIN)]
    assert sorted({(pair[3 : 3 + PLAIN], pair[3 + PLAIN :]) for _, pair in sent}) == expected
    assert len(sent) == len({*sent})
    for part in {node_part(node) for node in nodes.values()}:
        marks = [b"", *(pair for number, pair in sent if number == part)]
        lost = {(rank[4], node_id(nodes[best[key]])) for key, rank in rows if rank != best[key]}
        here = {rank[4] for _, rank in rows if node_part(nodes[rank]) == part}
        assert {*urls.lost_rows(part, marks).items()} == {pair for pair in lost if pair[0] in here}
        winners = [best[key] for key, rank in rows if rank != best[key]]
        assert urls.removed(part, marks) == {
            rank[4]: winners.count(rank) for rank in winners if node_part(nodes[rank]) == part
        }
