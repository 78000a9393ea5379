"""Personal data and secrets: what is found, what is not, and that masks leave all other text as it was."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import SettingsError
from curate.filters import pii
from curate.filters.pii import KINDS, Pii, judge_pii, need_libraries, places_of
from curate.filters.rules import Filter, outside_digests
from curate.records import EPOCH, Document

# Published example values: of libphonenumber, of ISO 13616's registry, of card schemes' test numbers, of token formats.
FOUND = [
    ("email", "Write to jane.doe+news@mail.example.org, please.", "jane.doe+news@mail.example.org"),
    ("email", "(o'x@a.example)", "x@a.example"),
    ("ip", "It came from 8.8.8.8.", "8.8.8.8"),
    ("ip", "and from 2001:4860:4860::8888 too", "2001:4860:4860::8888"),
    ("phone", "Call +44 20 7031 3000 now", "+44 20 7031 3000"),
    ("iban", "to GB33 BUKB 2020 1555 5555 55 by Friday", "GB33 BUKB 2020 1555 5555 55"),
    ("iban", "DE75512108001245126199", "DE75512108001245126199"),
    ("card", "paid with 4111 1111 1111 1111 today", "4111 1111 1111 1111"),
    ("card", "378282246310005", "378282246310005"),
    ("secret", "key AKIAIOSFODNN7EXAMPLE here", "AKIAIOSFODNN7EXAMPLE"),
    ("secret", f"token=ghp_{'a1B2' * 9}", f"ghp_{'a1B2' * 9}"),
]
CLEAN = [
    "Mail me @home or at user@localhost.",
    "The hosts are 10.0.0.1, 192.168.1.1, 127.0.0.1, ::1 and fe80::1 of this net.",
    "Chapter 1.2.3.4.5 has it; at 12:30:15 it rained; std::vector and a::b are code.",
    "The card 4111 1111 1111 1112 and the account GB33 BUKB 2020 1555 5555 56 are wrong.",
    "In 1999-2001 some 3000000000000000 of 12345678901234567890 stars were seen, ISBN 978-3-16-148410-0.",
    "ghp_short and AKIA are no keys.",
    "",
]


def document(text):
    return Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text=text)


@pytest.mark.parametrize(("kind", "text", "expected"), FOUND)
def test_each_kind_is_recognised_and_masked(kind, text, expected):
    [((start, stop), name)] = places_of(text, Pii())
    assert (name, text[start:stop]) == (kind, expected)
    judged = judge_pii(document(text), Pii(mask=(kind,)))
    assert judged.document.text == text.replace(expected, f"<{kind}>")
    assert judged.notes == {f"pii.{kind}": 1}


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_looks_like_it_stays(text):
    assert places_of(text, Pii()) == []
    assert judge_pii(document(text), Pii()) is None


def test_what_is_not_masked_is_counted_all_the_same():
    text = " ".join(text for _, text, _ in FOUND)
    judged = judge_pii(document(text), Pii(mask=()))
    assert judged.document.text is text
    assert judged.notes == {"pii.email": 2, "pii.ip": 2, "pii.phone": 1, "pii.iban": 2, "pii.card": 2, "pii.secret": 2}
    assert judge_pii(document(text), Pii(max_found=10)).rule == "pii.too_many"


def test_national_numbers_count_where_their_country_is_named():
    text = "Call (650) 253-0000 for it."
    assert places_of(text, Pii()) == []
    assert [kind for _, kind in places_of(text, Pii(phone_regions=("US",)))] == ["phone"]


@given(st.lists(st.sampled_from([text for _, text, _ in FOUND] + CLEAN), max_size=8).map("\n".join) | st.text())
def test_places_are_apart_and_in_order_and_masked_texts_hold_none(text):
    places = [span for span, _ in places_of(text, Pii())]
    assert all(start < stop for start, stop in places)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(places))
    judged = judge_pii(document(text), Pii(mask=KINDS))
    assert judged is None or places_of(judged.document.text, Pii()) == []


@pytest.mark.parametrize(
    "piece", ["a@", "1.", ":", "A1", "4-", "+1 ", "eyJa.", "-----BEGIN PRIVATE KEY-----", "a.b@c.d"]
)
def test_long_hostile_texts_are_searched_in_linear_time(piece):
    assert len(places_of(piece * 20_000, Pii())) < 20_000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kinds": ("mail",)}, "take secret, email, iban, card, ip, phone, not 'mail'"),
        ({"kinds": ("ip",), "mask": ("email",)}, "mask names 'email', which kinds does not name"),
        ({"phone_regions": ("us",)}, "phone_regions takes codes such as 'US', not 'us'"),
    ],
)
def test_wrong_settings_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Pii(**values)


def test_a_library_that_is_not_installed_is_named_before_any_work(monkeypatch):
    monkeypatch.setattr(pii, "find_spec", lambda name: None)
    with pytest.raises(
        SettingsError, match=r"filter.pii: phonenumbers and stdnum not installed: pip install '.\[pii\]'"
    ):
        outside_digests([Filter(rules=("pii",))])
    need_libraries(Pii(kinds=("email",), mask=()))
