"""Preferences in the markup of a page."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.web.optouts import HEAD, Preference, decide, from_html

NOW = datetime(2026, 11, 25, tzinfo=UTC)
NOAI = '<meta name="robots" content="noai">'


def preferences_of(markup: str | bytes, charset: str = "") -> list[tuple[str, str]]:
    body = markup if isinstance(markup, bytes) else markup.encode()
    return [(preference.category, preference.value) for preference in from_html(body, charset, ("curate",), NOW)]


@pytest.mark.parametrize(
    "markup",
    [
        '<META NAME="ROBOTS" CONTENT="NoAI">',
        f"<noscript>{NOAI}</noscript>",
        "<meta content='noai' name='robots'/>",
        "<meta name=robots content=noai>",
        "<meta name = robots\ncontent\t=\t'noai'>",
        '<meta name="curate" content="noai">',
        '<meta http-equiv="X-Robots-Tag" content="noai">',
        "<meta name=robots content='&#110;oai'>",
        f"<p title=don't>{NOAI}",
        f"<!-->{NOAI}",
        f"<!-- a -->{NOAI}<!-- b -->",
        f"<script>'<meta name=robots content=noindex>'</script>{NOAI}",
        f'<div data-x="<script>">{NOAI}</div>',
        f'<div data-x="<!--">{NOAI}</div>',
        f"<a b='>'>{NOAI}",
        f"<5 < 6 >{NOAI}",
        "<meta name=robots name=x content=noai>",
        "x" * (HEAD - len(NOAI)) + NOAI,
    ],
)
def test_r68_a_meta_tag_refuses(markup):
    assert preferences_of(markup) == [("train-ai", "n")]


@pytest.mark.parametrize(
    "markup",
    [
        f"<!-- {NOAI} -->",
        f"<script>{NOAI}</script>",
        f"<title>{NOAI}</title>",
        f"<textarea>{NOAI}",
        "x" * HEAD + NOAI,
        '<meta name="googlebot" content="noai">',
        '<meta name="description" content="noai">',
        '<meta property="robots" content="noai">',
        '<metadata name="robots" content="noai">',
        '&lt;meta name="robots" content="noai">',
        f"<a title='{NOAI}'>",
        "<meta>",
        "",
    ],
)
def test_r68_what_is_no_meta_tag_of_ours_says_nothing(markup):
    assert preferences_of(markup) == []


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_a_page_in_utf_16_is_read_by_its_mark_or_its_header(charset):
    body = NOAI.encode(charset)
    assert preferences_of(("\ufeff" + NOAI).encode(charset)) == [("train-ai", "n")]
    assert preferences_of(body, charset.upper().replace("-LE", "LE").replace("-BE", "BE")) == [("train-ai", "n")]


@pytest.mark.parametrize("charset", ["shift_jis", "gb18030", "windows-1251", "no-such", "rot13", "idna", "utf-7", ""])
def test_the_tag_is_found_under_any_other_charset(charset):
    assert preferences_of(b"<title>\x93\xfa\x96{</title>" + NOAI.encode(), charset) == [("train-ai", "n")]


def test_several_tags_add_up():
    markup = f'{NOAI}<meta name="curate" content="noindex, nofollow">{NOAI}<meta name="tdm-reservation" content="1">'
    assert from_html(markup.encode(), "", ("curate",), NOW) == (
        Preference("train-ai", "n", "meta:robots"),
        Preference("index", "n", "meta:curate"),
        Preference("follow", "n", "meta:curate"),
        Preference("tdm", "n", "meta:tdm-reservation"),
    )


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ('<link rel="license" type="application/rsl+xml" href="/l.xml?a&amp;b">', [("license", "/l.xml?a&b")]),
        ('<link rel="license" href="https://creativecommons.org/licenses/by/4.0/">', []),
        ('<link rel="stylesheet" type="application/rsl+xml" href="/l.xml">', []),
    ],
)
def test_a_license_link_is_recorded(tag, expected):
    assert preferences_of(tag) == expected


def test_a_tdm_reservation_in_the_markup_has_its_own_outcome():
    assert decide(from_html(b"<meta name=tdm-reservation content=1>", "", (), NOW)) == "optout_tdm"


PIECES = [
    "<!--",
    "-->",
    "<script>",
    "</script>",
    "<meta ",
    "name=robots ",
    "content=noai",
    ">",
    "'",
    '"',
    "=",
    " ",
    "<",
    "x",
]


@given(
    st.binary() | st.lists(st.sampled_from(PIECES)).map(lambda pieces: "".join(pieces).encode()), st.text(max_size=8)
)
def test_any_bytes_are_a_page(body, charset):
    from_html(body, charset, ("curate",), NOW)
