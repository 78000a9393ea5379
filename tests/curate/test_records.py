"""Identity and randomness: the same on every machine, in every run."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.records import (
    EPOCH,
    SOURCE,
    Document,
    Failure,
    Page,
    Pointer,
    Reason,
    RefusedRecord,
    document_id,
    keyed_hash,
    lost_record,
    page_id,
    reject,
    row_id,
    uniform,
)

NOON = datetime(2019, 12, 31, 12, 0, 0, tzinfo=UTC)

ID_OF_NOTHING = document_id("", None, b"")
POINTER = Pointer(file="f", offset=0, length=1)
PAGE = Page(url="u", timestamp=NOON, status=200, mime="text/html", charset="", body=b"one", pointer=POINTER)
REVISIT = RefusedRecord(url="u", timestamp=NOON, reason="extract.revisit", detail="of x", bytes=1, pointer=POINTER)

moments = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))
zones = st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))


def test_a_document_s_id_is_blake2b_of_url_and_second_and_the_digest_of_its_content():
    content = hashlib.blake2b(b"content", digest_size=16).digest()
    expected = hashlib.blake2b(b"http://example.com/\x002019-12-31T12:00:00Z\0" + content, digest_size=16).digest()
    assert document_id("http://example.com/", NOON, b"content") == expected
    assert expected.hex() == "34c07b1c51cf8281f114b25082767d0f"
    assert document_id("http://example.com/", None, b"content") not in (expected, ID_OF_NOTHING)


@given(st.text(), moments, zones, zones)
def test_an_id_is_16_bytes_and_knows_no_time_zone(url, moment, here, there):
    local = moment.replace(tzinfo=here)
    assert document_id(url, local, b"") == document_id(url, local.astimezone(there), b"")
    assert len(document_id(url, local, b"")) == 16


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York", "UTC"])
def test_an_id_is_the_same_wherever_the_machine_stands(zone, monkeypatch):
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert document_id("a", NOON, b"").hex() == "7aeb45cc7d88c349d3858e2a03758ad5"
    monkeypatch.undo()
    time.tzset()


def test_a_fraction_of_a_second_does_not_change_an_id():
    assert document_id("a", NOON.replace(microsecond=999_999), b"") == document_id("a", NOON, b"")


def test_a_year_before_1000_has_four_digits_on_every_platform():
    nothing = hashlib.blake2b(b"", digest_size=16).digest()
    expected = hashlib.blake2b(b"a\x000009-01-01T00:00:00Z\0" + nothing, digest_size=16).digest()
    assert document_id("a", datetime(9, 1, 1, tzinfo=UTC), b"") == expected


def test_url_and_time_and_content_do_not_run_into_one_another():
    cases = [(url, moment, body) for url in ("a", "a2", "") for moment in (EPOCH, NOON, None) for body in (b"", b"a")]
    assert len({document_id(*case) for case in cases}) == len(cases)


def test_pages_of_one_url_and_second_with_other_payloads_have_other_ids():
    other = replace(PAGE, body=b"two")
    assert len({page_id(record) for record in (PAGE, other, REVISIT, replace(REVISIT, detail="of y"))}) == 4
    assert page_id(PAGE) == document_id("u", NOON, b"one")


def test_rows_of_one_id_and_other_texts_have_other_ids():
    pairs = [("doc-2", "a"), ("doc-2", "b"), ("doc-3", "a"), ("", "a"), ("doc\0-2", "a"), ("doc", "-2\0a")]
    assert len({row_id(*pair) for pair in pairs}) == len(pairs)
    assert row_id("doc-2", "a").hex() == "fafde5e92da52e5fa7721537aacc7530"


def test_half_a_surrogate_pair_in_a_url_has_an_id():
    assert document_id("http://a/\ud800", NOON, b"") != document_id("http://a/?", NOON, b"")


@pytest.mark.parametrize(
    ("seed", "purpose", "key", "value"),
    [
        (0, "pareto", b"x", 0.22202386194981627),
        (0, "split", b"x", 0.8345316289975365),
        (1, "pareto", b"x", 0.686532791621157),
    ],
)
def test_a_draw_is_this_number_for_ever(seed, purpose, key, value):
    assert uniform(seed, purpose, key) == value


def test_a_draw_is_the_first_53_bits_of_the_keyed_hash():
    bits = int.from_bytes(hashlib.blake2b(b"7\0split\0key", digest_size=8).digest(), "big")
    assert uniform(7, "split", b"key") == (bits >> 11) / 2**53
    assert keyed_hash(7, "split", b"key") == bits.to_bytes(8, "big")


@given(st.integers(), st.text(alphabet="abc"), st.binary())
def test_a_draw_lies_in_0_to_1_and_leaves_1_out(seed, purpose, key):
    assert 0 <= uniform(seed, purpose, key) < 1


def test_draws_are_spread_evenly_and_purposes_are_independent():
    keys = [number.to_bytes(4, "big") for number in range(20_000)]
    one, other = ([uniform(0, purpose, key) for key in keys] for purpose in ("split", "pareto"))
    tenths = [sum(1 for draw in one if int(draw * 10) == tenth) for tenth in range(10)]
    assert all(1800 < count < 2200 for count in tenths)  # 4.7 standard deviations
    both = sum(1 for mine, yours in zip(one, other, strict=True) if mine < 0.5 and yours < 0.5)
    assert 4700 < both < 5300


@given(st.integers(0, 9), st.integers(0, 9))
def test_seed_and_purpose_do_not_run_into_one_another(seed, other):
    same = keyed_hash(seed, "a", b"k") == keyed_hash(other, "a", b"k")
    assert same == (seed == other)
    assert keyed_hash(1, f"1{seed}", b"k") != keyed_hash(11, f"{seed}", b"k")


def test_a_rejection_says_whose_which_rule_and_how_many_utf_8_bytes():
    document = Document(id=b"i" * 16, url="u", timestamp=EPOCH, source="web", text="née")
    rejection = reject(document, "filter", Reason("gopher_quality.too_few_words", 1, 50, "d"))
    assert (rejection.id, rejection.url, rejection.source, rejection.stage) == (document.id, "u", "web", "filter")
    assert (rejection.reason, rejection.value, rejection.threshold, rejection.detail) == (
        "gopher_quality.too_few_words",
        1,
        50,
        "d",
    )
    assert rejection.bytes == 4


def test_a_lost_record_s_rejection_is_named_by_where_it_lies():
    failure = Failure(file="f", offset=3, length=9, stage="extract", error="truncated", message="m", record=True)
    rejection = lost_record(failure, "web")
    assert (rejection.reason, rejection.bytes, rejection.detail, rejection.source) == (
        "extract.truncated",
        9,
        "m",
        "web",
    )
    assert len(rejection.id) == 16
    assert rejection.id != lost_record(failure, "books").id  # two sources may hold files of one name


@pytest.mark.parametrize("name", ["web", "common-crawl", "Pile-CC", "stack.exchange", "s 1", "日本"])
def test_a_source_may_be_called_so(name):
    assert SOURCE.fullmatch(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/etc", "../up", "a\\b", "a\0", "x" * 61])
def test_a_source_that_would_lead_out_of_its_folder_may_not(name):
    assert not SOURCE.fullmatch(name)
