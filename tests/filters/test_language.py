"""Language and media type: small rules, small tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.filters import language, mime
from curate.filters.language import LanguageRules
from curate.filters.mime import MimeRules

scores = st.floats(0, 1)


def test_another_language_is_refused_whatever_its_score():
    assert language.reason("fr", 0.99, LanguageRules()) == ("language.other", 0.99, 0.65, "fr")


def test_a_language_of_the_list_is_refused_below_the_least_score():
    assert language.reason("en", 0.64, LanguageRules()) == ("language.score", 0.64, 0.65, "en")


@pytest.mark.parametrize("code", ["en", "de"])
def test_the_least_score_is_kept_for_each_language_of_the_list(code):
    assert language.reason(code, 0.65, LanguageRules(allowed=("en", "de"))) is None


@given(st.text(), scores)
def test_an_empty_list_keeps_every_language_and_score(code, score):
    assert language.reason(code, score, LanguageRules(allowed=())) is None


@given(st.text(), scores)
def test_only_the_list_is_kept(code, score):
    assert language.reason(code, score, LanguageRules(allowed=("en",))) is not None or code == "en"


@pytest.mark.parametrize("kept", ["text/html", "application/xhtml+xml", "text/plain", "Text/HTML; charset=utf-8", None])
def test_pages_of_text_and_of_unknown_type_are_kept(kept):
    assert mime.reason(kept, MimeRules()) is None


@pytest.mark.parametrize("refused", ["image/png", "application/pdf", "text/htmlx", "text", ""])
def test_other_media_types_are_refused_by_name(refused):
    assert mime.reason(refused, MimeRules()) == ("mime.not_allowed", None, None, refused)
