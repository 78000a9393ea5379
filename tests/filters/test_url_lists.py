"""Addresses by lists of domains and words: datatrove's and RefinedWeb's cases, files, and the stage's key."""

import pytest

from curate import recipe
from curate.errors import SettingsError
from curate.filters.url_lists import UrlLists, judge_url_lists
from curate.pipelines.stages import filter as stage
from curate.pipelines.stages.given import Given
from curate.records import EPOCH, Document

BLOCKED = UrlLists(domains=("blocked.com", "danger.org", "badsubdomain.nice.com"))
WORDS = UrlLists(strict_words=("best-bet",), hard_words=("casino",), soft_words=("free", "win", "bonus"))


def reason(url, rules):
    return judge_url_lists(Document(id=bytes(16), url=url, timestamp=EPOCH, source="web", text=""), rules)


@pytest.mark.parametrize(
    ("url", "domain"),
    [  # huggingface/datatrove, tests/pipeline/filters/test_filters.py
        ("https://blocked.com/some-sub-url?with=stuff", "blocked.com"),
        ("https://hey.danger.org/some-sub-url?with=stuff", "danger.org"),
        ("http://www.danger.org/some-sub-url?with=stuff", "danger.org"),
        ("https://nice.com/some-sub-url?with=stuff", None),
        ("https://badsubdomain.nice.com/some-sub-url?with=stuff", "badsubdomain.nice.com"),
        ("https://blocke.dcom/some-sub-url?with=stuff", None),
        # ours: a domain refuses all its sub-domains; letters of any case, ports and names of users do not count
        ("https://sdsd.badsubdomain.nice.com/some-sub-url?with=stuff", "badsubdomain.nice.com"),
        ("https://user@BLOCKED.com:8080/", "blocked.com"),
        ("https://a.example/blocked.com", None),
        ("", None),
    ],
)
def test_a_domain_is_refused_with_its_sub_domains(url, domain):
    answer = reason(url, BLOCKED)
    assert (answer and (answer.rule, answer.detail)) == (domain and ("url_lists.domain", domain))


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://a.example/thebestbets", "strict_word"),
        ("http://be.st-bet.example/", "strict_word"),
        ("http://a.example/Casino", "hard_word"),
        ("http://a.example/casinos", None),
        ("http://a.example/free", None),
        ("http://a.example/free-free", None),
        ("http://a.example/win/free", "soft_words"),
    ],
)
def test_words_are_refused_by_their_kind(url, rule):
    answer = reason(url, WORDS)
    assert (answer and answer.rule) == (rule and f"url_lists.{rule}")


def test_lists_may_be_files_whose_content_is_in_the_key(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# a remark\nevil.example  # another\n\n")
    assert reason("http://x.evil.example/", UrlLists(domains=(f"@{path}",))).detail == "evil.example"
    chosen = ('filter.rules=["url_lists"]', f'filter.url_lists.hard_words=["@{path}"]')
    plan = stage.plan(recipe.load("documents", chosen), tmp_path, Given())
    stage.check_sources(plan.settings["digests"])
    path.write_text("other\n")
    assert stage.plan(recipe.load("documents", chosen), tmp_path, Given()).key != plan.key
    with pytest.raises(RuntimeError, match=r"list\.txt has another source here"):
        stage.check_sources(plan.settings["digests"])


def test_a_file_that_is_not_there_is_named_before_any_work(tmp_path):
    chosen = recipe.load("documents", ('filter.rules=["url_lists"]', 'filter.url_lists.domains=["@absent.txt"]'))
    with pytest.raises(SettingsError, match=r"filter.url_lists: @absent.txt: No such file"):
        stage.plan(chosen, tmp_path, Given())
