"""Remembered rules match what trafilatura's own rules match, on made-up elements and on real pages."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml.etree import XPath
from lxml.html import fromstring
from trafilatura import xpaths

from curate.extract.pruning import RelevantValues, Remembered, hasten, is_local, relevant_pattern, remember
from curate.records import Page
from curate.warc.reader import read_file
from curate.web.encoding import decode

NAMESPACES = {"re": "http://exslt.org/regular-expressions"}


def rule(path):
    return XPath(path, namespaces=NAMESPACES)


# Copies made before anything in this process replaces the originals (the expressions themselves stay what they are).
OWN = {
    name: [expression for rule in getattr(xpaths, name) for expression in getattr(rule, "expressions", (rule,))]
    for name in dir(xpaths)
    if name.endswith(("_XPATH", "_ELEMENTS")) and isinstance(getattr(xpaths, name), list)
}
TESTED = ("RAW_TREE_PRUNE_XPATH", "OVERALL_DISCARD_XPATH", "REMOVE_COMMENTS_AND_LISTS_XPATH", "TEASER_DISCARD_XPATH")
TESTED += ("PRECISION_DISCARD_XPATH", "DISCARD_IMAGE_ELEMENTS")

TAGS = st.sampled_from(["div", "p", "section", "ul", "span", "article", "main", "h1", "aside", "fb:like", "header"])
VALUES = ["nav", "share", "post-content", "Footer", "comment-list", "x", "infinite-scroll", "teaser", "bottom"]
VALUES += ["hidden", "a\x01b", "", "NAV", "Main-Content", "FullText", "Commentary", "comment-list commentary"]
WORDS = st.sampled_from([*VALUES, "display: none", "wide page-Content"])
NAMES = st.sampled_from(["class", "id", "style", "role", "data-component", "aria-hidden", "title"])
TREES = st.recursive(
    st.tuples(TAGS, st.dictionaries(NAMES, WORDS), st.just(())),
    lambda inner: st.tuples(TAGS, st.dictionaries(NAMES, WORDS), st.lists(inner, max_size=4)),
    max_leaves=12,
)


def markup(tree):
    tag, attributes, inner = tree
    written = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<{tag}{written}>text{''.join(map(markup, inner))}</{tag}>"


def matches_of(rules, tree):
    return [element for rule in rules for element in rule(tree)]


@pytest.mark.parametrize("name", TESTED)
@given(trees=st.lists(TREES, min_size=1, max_size=4))
def test_a_remembered_list_finds_what_the_list_finds_in_the_same_order(name, trees):
    rules = remember(OWN[name])
    assert isinstance(rules[0], Remembered)
    for tree in trees:
        root = fromstring(f"<html><body>{markup(tree)}</body></html>")
        assert matches_of(rules, root) == matches_of(OWN[name], root)


@given(trees=st.lists(TREES, min_size=1, max_size=4))
def test_a_remembered_frame_is_the_first_that_the_rule_finds(trees):
    for own in OWN["BODY_XPATH"]:
        mine = Remembered([own], first=True)
        for tree in trees:
            root = fromstring(f"<html><body>{markup(tree)}</body></html>")
            assert mine(root) == own(root)[:1]


@pytest.mark.parametrize(
    ("path", "local"),
    [
        (".//*[self::div or self::p][re:test(@id, 'a/b|c') or contains(@class, './/')]", True),
        (".//header", True),
        ("(.//article)[1]", True),
        (".//div[../@class='x']", False),
        (".//div[p]", False),
        (".//div[.//p]", False),
        ("//p[@class='x']//a[@href]", False),
        (".//div[count(@class)=1]", False),
        (".//p[text()]", False),
        (".//p[position()=2]", False),
    ],
)
def test_only_an_expression_that_looks_at_the_element_alone_is_remembered(path, local):
    assert is_local(path) is local


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".//div[@id='a' or starts-with(@class, 'b')]", {"a", "B", "cab", "ab", "AB", "xAbx"}),
        (".//div[contains(translate(@id, 'AB', 'ab'), 'aB')]", {"cab", "ab", "AB", "xAbx"}),
        (".//div[re:test(@id|@class, '^x.y') or re:test(@id, 'foo', 'i')]", {"x-y", "FOO"}),
        (".//div[@hidden]", set()),
    ],
)
def test_of_a_value_all_matters_where_some_test_may_find_something_in_it_else_nothing(path, expected):
    values = {"a", "B", "cab", "ab", "AB", "xAbx", "x-y", "FOO", "", "z", "-x-y"}
    relevant = RelevantValues([path])
    assert {value for value in values if relevant[value]} == expected
    assert all(relevant[value] in ("", value) for value in values)


@pytest.mark.parametrize(
    "test", ["@id=@class", "'a'=@id", "contains(@id, @class)", "contains(translate(@id, 'ab', 'xy'), 'x')"]
)
def test_where_it_cannot_be_told_what_matters_everything_does(test):
    path = f".//div[{test}]"
    assert is_local(path)
    assert relevant_pattern([path]) is None
    assert RelevantValues([path])["zzz"] == "zzz"


def test_a_list_with_an_expression_that_looks_further_stays_as_it_is():
    rules = [rule(".//div[p]"), rule(".//p")]
    assert remember(rules) is rules


def test_hastening_twice_is_hastening_once():
    hasten()
    before = [*xpaths.OVERALL_DISCARD_XPATH, *xpaths.BODY_XPATH]
    hasten()
    assert [*xpaths.OVERALL_DISCARD_XPATH, *xpaths.BODY_XPATH] == before
    assert all(isinstance(rule, Remembered) for rule in before)


def test_real_pages_are_pruned_alike(data):
    from trafilatura.utils import load_html

    rules = {name: remember(OWN[name]) for name in TESTED}
    pages = read_file(data("web") / "pages-00003.warc.gz")
    for page in islice(pages, 0, None, 3):
        if isinstance(page, Page) and (tree := load_html(decode(page.body, page.charset))) is not None:
            for name in TESTED:
                assert matches_of(rules[name], tree) == matches_of(OWN[name], tree), (page.url, name)
