"""Preferences in header fields and TDMRep, and the outcome they decide."""

from dataclasses import fields
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.web.optouts import OUTCOMES, Policy, Preference, decide, from_headers, from_tdmrep

NOW = datetime(2026, 11, 25, tzinfo=UTC)
SITE = "https://example.com"


def preferences_of(name: str, value: str) -> list[tuple[str, str]]:
    return [(preference.category, preference.value) for preference in from_headers([(name, value)], ("curate",), NOW)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("train-ai=n", [("train-ai", "n")]),
        ("train-ai=y, search=n", [("train-ai", "y"), ("search", "n")]),
        ("train-ai=n;why=x", [("train-ai", "n")]),
        ("train-ai=n, train-ai=y", [("train-ai", "y")]),
        ("ai=n", [("train-ai", "n")]),
        ("tdm=n", [("tdm", "n")]),
        ("Train-AI=n", []),
        ("train-ai", [("train-ai", "")]),
        ('train-ai="n"', [("train-ai", '"n"')]),
        ("bots=n", [("bots", "n")]),
        ("=, ;, train-ai=n", [("train-ai", "n")]),
    ],
)
def test_content_usage_is_a_dictionary_of_labels(value, expected):
    assert preferences_of("Content-Usage", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("search=yes, ai-train=no", [("search", "y"), ("train-ai", "n")]),
        ("AI-Train = NO", [("train-ai", "n")]),
        ("ai-input=no,use=x", [("ai-input", "n"), ("use", "x")]),
        ("ai-train", []),
        ("", []),
    ],
)
def test_content_signal_is_a_list_of_yes_and_no(value, expected):
    assert preferences_of("content-signal", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("noai, noimageai", [("train-ai", "n"), ("train-image-ai", "n")]),
        ("NoAI", [("train-ai", "n")]),
        ("none", [("index", "n"), ("follow", "n")]),
        ("curate: noai", [("train-ai", "n")]),
        ("Curate: noai, noindex", [("train-ai", "n"), ("index", "n")]),
        ("otherbot: noai, noindex", []),
        ("otherbot: noai, curate: noarchive", [("archive", "n")]),
        ("otherbot: unavailable_after: 25 Jun 2010 15:00:00 PST", []),
        ("curate: unavailable_after: 25 Jun 2010 15:00:00 PST, noai", [("index", "n"), ("train-ai", "n")]),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST", [("index", "n")]),
        ("unavailable_after: Friday, 25-Jun-10 15:00:00 PST, noai", [("index", "n"), ("train-ai", "n")]),
        ("unavailable_after: 2010-06-25T15:00:00Z", [("index", "n")]),
        ("unavailable_after: 2010-06-25", [("index", "n")]),
        ("unavailable_after: 25 Jun 2040 15:00:00 GMT", []),
        ("unavailable_after: soon", [("index", "n")]),
        ("max-snippet:-1, max-image-preview:large, noai", [("train-ai", "n")]),
        ("all, index, follow", []),
    ],
)
def test_r67_x_robots_tag_with_agents_and_dates(value, expected):
    assert preferences_of("X-Robots-Tag", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("1", [("tdm", "n")]), (" 0 ", [("tdm", "y")]), ("2", []), ("true", [])]
)
def test_a_tdm_reservation_is_one_or_zero(value, expected):
    assert preferences_of("tdm-reservation", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('<https://x/l.xml>; rel="license"; type="application/rsl+xml"', [("license", "https://x/l.xml")]),
        ('</a>; rel=next, </l,xml>; title="a, b"; rel="next license"', [("license", "/l,xml")]),
        ('</a>; rel="licensed"', []),
        ('</a>; title="license"', []),
    ],
)
def test_a_license_is_linked(value, expected):
    assert preferences_of("Link", value) == expected


def test_repeated_fields_add_up_and_each_preference_is_told_once():
    preferences = from_headers(
        [("X-Robots-Tag", "noai"), ("x-robots-tag", "noindex"), ("X-Robots-Tag", "noai")], (), NOW
    )
    assert preferences == (
        Preference("train-ai", "n", "hdr:x-robots-tag"),
        Preference("index", "n", "hdr:x-robots-tag"),
    )


TDMREP = b"""[{"location": "/", "tdm-reservation": 1}, {"location": "/free/*.html$", "tdm-reservation": 0},
 {"location": "/odd", "tdm-reservation": 7}, "x", {"location": "/tie", "tdm-reservation": 1},
 {"location": "/tie", "tdm-reservation": 0}, {"location": 1}, {"tdm-reservation": 1}]"""


@pytest.mark.parametrize(
    ("path", "value"), [("/", "n"), ("/free/a.html", "y"), ("/free/a.htm", "n"), ("/odd", None), ("/tie", "n")]
)
def test_tdmrep_json_is_read_for_the_longest_location(path, value):
    preferences = from_tdmrep(TDMREP, SITE + path)
    assert preferences == ((Preference("tdm", value, "file:tdmrep.json"),) if value else ())


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 100_000, b"\xff\xfe", b'"x"', b"[null]", b"1" * 5_000])
def test_a_tdmrep_json_that_cannot_be_read_says_nothing(body):
    assert from_tdmrep(body, SITE) == ()


NO = {
    "robots:L3 content-usage": "optout_content_usage",
    "hdr:content-usage": "optout_content_usage",
    "robots:L3 content-signal": "optout_content_signal",
    "hdr:x-robots-tag": "optout_x_robots",
    "meta:robots": "optout_meta",
    "meta:curate": "optout_meta",
    "hdr:tdm-reservation": "optout_tdm",
    "meta:tdm-reservation": "optout_tdm",
    "file:tdmrep.json": "optout_tdm",
}


@pytest.mark.parametrize(("source", "outcome"), NO.items())
@pytest.mark.parametrize("category", ["train-ai", "tdm", "index", "archive"])
def test_a_refusal_drops_the_page_and_its_source_names_the_outcome(category, source, outcome):
    assert decide([Preference(category, "n", source)]) == outcome
    assert decide([Preference(category, "y", source)]) is None
    policy = Policy(**{category.replace("-", "_"): False})
    assert decide([Preference(category, "n", source)], policy) is None


@pytest.mark.parametrize("category", ["search", "ai-input", "follow", "snippet", "train-image-ai", "bots"])
def test_what_is_not_about_a_training_corpus_is_recorded_only(category):
    assert decide([Preference(category, "n", "hdr:content-usage")]) is None


@pytest.mark.parametrize("source", ["robots license", "hdr:link license", "meta:link license"])
def test_a_license_is_recorded_unless_it_is_taken_for_a_reservation(source):
    preferences = [Preference("license", "https://x/l.xml", source)]
    assert decide(preferences) is None
    assert decide(preferences, Policy(license=True)) == "optout_rsl"


CATEGORIES = [field.name.replace("_", "-") for field in fields(Policy)]
SOURCES = ["hdr:content-usage", "robots:L1 content-signal", "hdr:x-robots-tag", "meta:robots", "file:tdmrep.json"]
preferences = st.builds(
    Preference, st.sampled_from([*CATEGORIES, "bots"]), st.sampled_from("yn"), st.sampled_from(SOURCES)
)
policies = st.builds(Policy, **{field.name: st.booleans() for field in fields(Policy)})


@given(st.lists(preferences), st.lists(preferences), policies)
def test_the_most_restrictive_wins_whatever_else_is_said_and_in_any_order(some, more, policy):
    outcome = decide(some, policy)
    assert outcome in {*OUTCOMES.values(), "optout_meta", None}
    if outcome:
        assert decide(more + some, policy) is not None
    assert decide(some[::-1], policy) == outcome


NAMES = ["Content-Usage", "Content-Signal", "X-Robots-Tag", "tdm-reservation", "Link"]


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.text() | st.text('unavailable_after: FriJn10,;="<>0'))), st.binary()
)
def test_any_header_and_any_file_is_read(headers, body):
    from_headers(headers, ("curate",), NOW)
    from_tdmrep(body, SITE)


@given(st.text(max_size=40))
def test_any_date_is_read(text):
    from_headers([("X-Robots-Tag", f"unavailable_after: {text}")], (), NOW)
