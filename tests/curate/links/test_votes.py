"""Links of one page joined to a candidate: votes, provenance, who stands for it, no order heard (crawl.md L-3, L-8)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from curate.links.config import Links
from curate.links.sieve import LinkCandidate
from curate.links.votes import candidates, gathered_row, order
from curate.web.urls import Address, address

SUM, HIGHEST = Links(score="sum"), Links(score="any")


def row(url="http://a.example/x", number=1, score=1, *, kind="submission", parent="", **fields):
    link = LinkCandidate(url=url, kind=kind, id=f"{number}", score=score, parent=parent, **fields)
    target = address(url)
    assert isinstance(target, Address)
    return gathered_row(link, target, "web")


def joined(rows, rules=HIGHEST):
    return [candidate for candidate, reason, _ in candidates(sorted(rows, key=order), rules) if reason is None]


def refused(rows, rules=HIGHEST):
    return [reason for _, reason, _ in candidates(sorted(rows, key=order), rules) if reason]


def test_every_group_is_tested_the_last_one_too():
    rows = [row(f"http://a.example/{number}", number, 2) for number in range(20)]
    assert joined(rows) == []
    assert [(reason.rule, reason.value, reason.threshold) for reason in refused(rows)] == [
        ("links.votes", 2.0, 3.0)
    ] * 20


def test_the_modes_of_votes():
    rows = [row(number=1, score=2), row("https://www.a.example/x/", 2, 2), row(number=3, score=-1)]
    assert joined(rows) == []
    assert joined(rows, SUM)[0]["votes"] == 3
    assert joined([*rows, row(number=4, score=3)])[0]["votes"] == 3
    assert joined([*rows, row(number=4, score=3)], Links(score="max"))[0]["votes"] == 3


def test_a_link_and_its_crossposts_count_once_in_a_sum():
    rows = [row(number=1, score=2), row(number=2, score=5, parent="1"), row(number=3, score=4, parent="1")]
    assert joined(rows, SUM)[0]["votes"] == 5
    assert joined([*rows, row(number=4, score=3)], SUM)[0]["votes"] == 8


def test_a_submission_that_two_dumps_hold_counts_once_as_it_was_read_last():
    early = row(number=1, score=1, seen=100)
    late = row(number=1, score=7, seen=200)
    for rows in ([early, late], [late, early]):
        ((candidate, reason, repeated),) = candidates(sorted(rows, key=order), SUM)
        assert (candidate["votes"], candidate["submissions"], reason, repeated) == (7, 1, None, 1)


def test_scores_that_nobody_knows_are_no_votes_and_said_to_be_unknown():
    assert refused([row(score=None)])[0].rule == "links.score_unknown"
    assert joined([row(number=1, score=None), row(number=2, score=3)])[0]["votes"] == 3
    assert refused([row(number=1, score=None), row(number=2, score=2)])[0].rule == "links.votes"


def test_a_link_of_a_source_without_scores_counts_as_is_set():
    rows = [row(number="list#1", score=None, kind="list"), row(number="list#2", score=None, kind="list")]
    assert joined(rows)[0]["votes"] == 3
    assert refused(rows, Links(unscored=1))
    assert joined([*rows, row(number=3, score=1)], Links(unscored=1, score="sum"))[0]["votes"] == 3
    assert joined(rows)[0]["kinds"] == ["list"]


def test_who_stands_for_a_page():
    def best(*urls):
        return joined([row(url, number, 5) for number, url in enumerate(urls)])[0]["fetch_url"]

    assert best("http://a.example/x", "https://www.a.example/x") == "https://www.a.example/x"
    assert best("http://a.example/x?utm_source=q", "http://a.example/x") == "http://a.example/x"
    archive = "https://web.archive.org/web/2012/http://a.example/x"
    assert best(archive, "http://a.example/x") == "http://a.example/x"
    assert best(archive) == archive
    assert best("https://amp.a.example/x", "http://a.example/x") == "http://a.example/x"
    one, other = row("http://a.example/x", 1, 5), row("http://www.a.example/x", 2, 9)
    assert joined([one, other])[0]["fetch_url"] == "http://www.a.example/x"


def test_provenance_lists_the_highest_and_counts_all():
    rows = [row(number=number, score=number, subreddit="s", time=number) for number in range(1, 251)]
    candidate = joined(rows)[0]
    assert candidate["submissions"] == 250
    assert [submission["score"] for submission in candidate["provenance"]] == [*range(250, 150, -1)]
    assert candidate["provenance"][0] == {
        "kind": "submission",
        "id": "250",
        "subreddit": "s",
        "score": 250,
        "time": 250,
        "found_url": None,
        "context": None,
    }


def test_what_was_rewritten_is_kept_as_it_was_found_but_never_a_password():
    original = "https://www.google.com/url?q=http%3A%2F%2Fa.example%2Fx"
    candidate = joined([row(original, 1, 5)])[0]
    assert (candidate["fetch_url"], candidate["rewrites"]) == ("http://a.example/x", ["google"])
    assert candidate["provenance"][0]["found_url"] == original
    secret = joined([row("http://me:secret@a.example/x", 1, 5)])[0]
    assert "secret" not in str(secret)
    assert secret["rewrites"] == ["userinfo"]


URLS = ("http://a.example/x", "https://www.a.example/x/", "http://a.example/y", "http://a.example/x?utm_source=1")
ROWS = st.builds(
    row,
    st.sampled_from(URLS),
    st.integers(0, 6),
    st.none() | st.integers(-2, 9),
    parent=st.sampled_from(("", "1", "2")),
    seen=st.none() | st.integers(1, 3),
    subreddit=st.sampled_from(("", "s", "t")),
)


@settings(deadline=None)
@given(st.lists(ROWS, max_size=12), st.randoms(), st.sampled_from((SUM, HIGHEST)))
def test_the_order_of_links_is_not_heard(rows, chance, rules):
    shuffled = list(rows)
    chance.shuffle(shuffled)
    one = [*candidates(sorted(rows, key=order), rules)]
    assert one == [*candidates(sorted(shuffled, key=order), rules)]
    assert sum(candidate["submissions"] + repeated for candidate, _, repeated in one) == len(rows)
    assert [candidate["dedupe_key"] for candidate, _, _ in one] == sorted({link["dedupe_key"] for link in rows})
