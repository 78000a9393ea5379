"""Times of any usual form, and numbers; whatever a value is, it is read or refused with a ValueError."""

import contextlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.inputs.values import as_count, as_json, as_moment, as_number, as_text, storable

MOMENT = datetime(2024, 4, 2, 10, 20, 12, tzinfo=UTC)
DAY = MOMENT.replace(hour=0, minute=0, second=0)
SECONDS = 1_712_053_212

TIMES = {
    MOMENT: [
        *("2024-04-02T10:20:12Z", "2024-04-02T10:20:12", "2024-04-02 10:20:12", "2024-04-02t10:20:12z"),
        *("2024-04-02T12:20:12+02:00", "2024-04-02 12:20:12 +0200", "2024-04-02T05:20:12-05", "2024/04/02 10:20:12"),
        *("2024-04-02 10:20:12 UTC", "2024-04-02T10:20:12 GMT", "20240402T102012Z", "20240402102012", 20240402102012),
        *("Tue, 02 Apr 2024 10:20:12 GMT", "Tue, 02 Apr 2024 12:20:12 +0200", "Tue Apr  2 10:20:12 2024"),
        *("Tue Apr 02 10:20:12 +0000 2024", " 2024-04-02T10:20:12Z\n", b"2024-04-02T10:20:12Z"),
        *(SECONDS, float(SECONDS), str(SECONDS), f"{SECONDS}.0", Decimal(SECONDS)),
        *(SECONDS * 10**3, str(SECONDS * 10**3), SECONDS * 10**6, SECONDS * 10**9, f"{SECONDS}000000000"),
        *(MOMENT, MOMENT.replace(tzinfo=None), MOMENT.astimezone(timezone(timedelta(hours=9)))),
    ],
    MOMENT.replace(microsecond=123_456): [
        *("2024-04-02T10:20:12.123456Z", "2024-04-02 10:20:12,123456789", SECONDS * 10**6 + 123_456),
        *(Decimal("1712053212.123456"), SECONDS * 10**9 + 123_456_789),
    ],
    DAY: [
        *("2024-04-02", "2024/4/2", "2024.04.02", "20240402", 20240402, date(2024, 4, 2)),
        *("2 Apr 2024", "April 2, 2024", "Tue, 2 Apr 2024"),
    ],
    MOMENT.replace(minute=0, second=0): ["2024-04-02T10", "2024-04-02T11+01"],
    DAY.replace(day=1): ["2024-04"],
    DAY.replace(month=1, day=1): ["2024", 2024],
    datetime(1970, 1, 1, tzinfo=UTC): [0, "0", 0.0],
    datetime(1969, 12, 31, tzinfo=UTC): [-86_400, "-86400"],
    datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC): ["2016-12-31T23:59:60Z"],
    datetime(2024, 4, 1, 22, 21, 52, 123_000, tzinfo=UTC): [1712010112123, "1712010112123"],
}
NO_TIMES = [
    *("yesterday", "now", "n/a", "10:20", "2024-13-01", "2024-02-30", "0000-01-01", "0001-01-01T00:00:00+05:00"),
    *("2024-04-02T25:00:00", "2024-04-02T10:20:62", "12/31/2023", "text of 5 words 10:20:30", "\ud800", "1e400"),
    *(10**40, "1e999999999", float("nan"), float("inf"), Decimal("nan"), True, [], {}, b"\xff", 1j),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("value", "moment"), [(value, moment) for moment, values in TIMES.items() for value in values], ids=str
)
def test_a_time_is_read(value, moment):
    assert as_moment(value) == moment
    assert as_moment(value).utcoffset() == timedelta(0)


@pytest.mark.parametrize("value", NO_TIMES, ids=lambda value: ascii(value)[:30])
def test_what_is_no_time_is_refused(value):
    with pytest.raises(ValueError, match=r"."):
        as_moment(value)


@given(st.datetimes(min_value=datetime(1973, 4, 1), max_value=datetime(2260, 1, 1)), st.sampled_from([0, 3, 6, 9]))
def test_a_count_since_1970_is_read_in_every_unit(moment, digits):
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    count = int(moment.timestamp()) * 10**digits
    dates = (8, 14) if digits in (0, 3) else ()
    if len(str(count)) not in dates:
        assert as_moment(count) == as_moment(str(count)) == moment


@given(anything)
def test_any_value_is_read_or_refused(value):
    for read in (as_moment, as_number, as_count, as_text):
        with contextlib.suppress(ValueError):
            read(value)
    as_json({"value": value}, lambda _: None).encode()


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), "nan", "inf", 1e39, 10**400, True, "good", [1], None])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(ValueError, match=r"."):
        as_number(value)


@pytest.mark.parametrize(
    ("value", "number"), [(1, 1.0), (-0.5, -0.5), ("0.5", 0.5), (" 7 ", 7.0), (Decimal("2.5"), 2.5)]
)
def test_a_number_is_read(value, number):
    assert as_number(value) == number


def test_a_whole_number_keeps_its_digits():
    assert as_count(2**62 + 1) == 2**62 + 1
    assert [as_count(value) for value in ("7", 7.0, Decimal(7))] == [7, 7, 7]
    for value in (0.5, 2**63, "x"):
        with pytest.raises(ValueError, match=r"."):
            as_count(value)


@given(st.text(st.characters(exclude_categories=())))
def test_a_stored_string_is_utf_8_and_only_what_is_not_was_replaced(text):
    replaced = []
    stored = storable(text, replaced.append)
    stored.encode()
    assert len(stored) == len(text)
    assert sum(replaced) == sum(1 for before, after in zip(text, stored, strict=True) if before != after)
