"""Links to WARC on the loopback web: every URL one outcome, nothing impolite, and extract reads what was written."""

from collections import Counter

import pytest
from crawled import CONTACT, PROCESSES, arguments, outcomes, rows, verdict
from loopback.plan import Host, Plan, ordinary
from loopback.process import running
from loopback.seeds import seeds

from curate.warc.readback import read_at

EXPECTED = {  # what a link's fate may be called, where robots.txt lets it be asked for
    "page": {"ok", "revisit"},
    "missing": {"http_404", "http_410"},
    "error": {"http_5xx", "http_429"},
    "loop": {"redirect_loop", "redirect_same_host"},
    "optout": {"optout_x_robots", "optout_meta"},
    "unwanted": {"content_type_unwanted"},
    "broken": {"ok_truncated", "disconnect", "connect_reset"},
    "closed": {"robots_disallow", "robots_unreachable", "robots_delay_too_long"},
}
SIGNALLED = {"signals": "optout_content_signal", "usage": "optout_content_usage"}
pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("crawls")]


def host(name: str, number: int, **more) -> Host:
    return Host(name=name, address=f"127.30.0.{number}", **more)


@pytest.fixture(scope="module")
def crawled(curate, tmp_path_factory):
    """A crawl of sixty hosts of all kinds that share twenty addresses, in lots of twenty, by two processes."""
    folder = tmp_path_factory.mktemp("crawled")
    plan = Plan(hosts=ordinary(60, addresses=20, latency=0.01, seed=3), crawl_delay=0.4, patience=1.0)
    with running(folder / "web", plan) as web:
        links = seeds(web.plan, 5, seed=3)
        done = curate(*arguments(web, [link.url for link in links], folder), *PROCESSES)
        assert done.code == 0, done.err
        yield web, links, folder / "out"


def test_every_url_has_the_outcome_that_its_fate_calls_for(crawled):
    web, links, out = crawled
    by_url = outcomes(out)
    assert by_url.keys() == {link.url for link in links}
    kinds = {site.name: site.robots for site in web.plan.hosts}
    wrong = []
    for link in links:
        signalled = SIGNALLED.get(kinds[link.url.split("/")[2].partition(":")[0]])
        if by_url[link.url] not in EXPECTED[link.fate] | ({signalled} if signalled else set()):
            wrong.append((link, by_url[link.url]))
    assert wrong == []


def test_the_judge_finds_nothing_against_it(crawled):
    web, _, _ = crawled
    judged = verdict(web)
    assert judged.violations == ()
    assert judged.hosts == 60


def test_more_than_one_process_fetched(crawled):
    _, _, out = crawled
    assert len({row["lot"] for row in rows(out)}) >= 3


def test_each_kept_row_names_the_record_of_its_page(crawled):
    _, _, out = crawled
    kept = [row for row in rows(out) if row["kept"]]
    assert len({(row["warc_file"], row["warc_offset"]) for row in kept}) == len(kept) > 100
    for row in kept:
        with (out / row["warc_file"]).open("rb") as file:
            record = read_at(file, row["warc_offset"], row["warc_length"])
        assert (record.url, record.payload_digest) == (row["final_url"], row["payload_digest"])


def test_extract_reads_what_was_crawled_and_verify_finds_no_fault(crawled, call, tmp_path):
    _, _, out = crawled
    kept = {row["final_url"] for row in rows(out) if row["kept"]}
    done = call("extract", out, "-o", tmp_path / "extracted", "--all-languages")
    assert done.code == 0, done.err
    assert {row["url"] for row in [*rows(tmp_path / "extracted"), *rows(tmp_path / "extracted", "rejected")]} == kept
    assert call("verify", out).code == 0


def test_the_same_command_again_asks_for_nothing(crawled, call):
    web, links, out = crawled
    before = len(web.ledger())
    done = call(*arguments(web, [link.url for link in links], out.parent))
    assert (done.code, len(web.ledger())) == (0, before)
    assert "done before" in done.out


def test_redirects_lead_to_hosts_in_later_waves_but_to_no_address_that_is_denied(call, tmp_path):
    plan = Plan(hosts=(host("a.test", 1), host("b.test", 2), host("inner.test", 3)))
    with running(tmp_path / "web", plan) as web:
        across, inward = web.url("b.test", "/page/7"), f"http://169.254.169.254:{web.plan.http}/latest/"
        urls = [
            web.url("a.test", f"/to?url={across}"),
            web.url("a.test", f"/to?url={inward}"),
            web.url("a.test", f"/to?url=http://pinned.test:{web.plan.http}/"),
            web.url("a.test", "/to?url=file:///etc/passwd"),
            web.url("a.test", "/redirect/2"),
            web.url("a.test", "/redirect/9"),
        ]
        pinned = ["--resolve", f"pinned.test:{web.plan.http}:10.0.0.1"]
        done = call(*arguments(web, urls, tmp_path), *pinned)
        assert done.code == 0, done.err
        by_url = outcomes(tmp_path / "out")
        asked = {(entry.host, entry.path) for entry in web.ledger()}
    assert [by_url[url] for url in urls] == [
        *("redirect_cross_host", "redirect_denied", "redirect_cross_host"),
        *("redirect_bad_target", "ok", "redirect_too_many"),
    ]
    assert by_url[across] == "ok"
    assert by_url[f"http://pinned.test:{web.plan.http}/"] == "ip_denied"
    assert len(by_url) == 8
    assert {name for name, _ in asked} == {"a.test", "b.test"}
    via = next(row["via"] for row in rows(tmp_path / "out") if row["url"] == across)
    assert via == [urls[0]]


def test_without_the_network_being_opened_nothing_is_asked(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=(host("a.test", 1),))) as web:
        words = arguments(web, [web.url("a.test", "/"), f"http://127.30.0.1:{web.plan.http}/"], tmp_path, min_delay=0.5)
        at = words.index("--allow-network")
        done = call(*words[:at], *words[at + 2 :])
        assert done.code == 0, done.err
        assert set(outcomes(tmp_path / "out").values()) == {"ip_denied"}
        assert web.ledger() == []


OPTOUTS = {
    "noai": "optout_x_robots",
    "noindex": "optout_x_robots",
    "otherbot": "ok",
    "tdm": "optout_tdm",
    "usage": "optout_content_usage",
    "signal": "optout_content_signal",
    "meta-noai": "optout_meta",
    "meta-tdm": "optout_tdm",
    "meta-comment": "ok",
}


def test_a_page_that_is_not_to_be_used_is_not_stored_and_its_row_says_why(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=(host("a.test", 1),))) as web:
        urls = {web.url("a.test", f"/optout/{name}/1"): expected for name, expected in OPTOUTS.items()}
        done = call(*arguments(web, [*urls], tmp_path))
        assert done.code == 0, done.err
    by_url = {row["url"]: row for row in rows(tmp_path / "out")}
    assert {url: row["outcome"] for url, row in by_url.items()} == urls
    for url, expected in urls.items():
        assert (by_url[url]["warc_file"] is None) == (expected != "ok")
        assert bool(by_url[url]["preferences"]) == (expected != "ok")


def test_a_line_that_is_no_link_to_ask_for_is_an_outcome_too(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=(host("a.test", 1),))) as web:
        urls = ["javascript:alert(1)", "http://[::1%25eth0]/", "http://a.test:22/", f"http://a.test/{'x' * 3000}"]
        done = call(*arguments(web, [*urls, "", "# a comment", web.url("a.test", "/")], tmp_path))
        assert done.code == 0, done.err
    counts = Counter(outcomes(tmp_path / "out").values())
    assert counts == {"skip_scheme": 1, "url_invalid": 1, "skip_port": 1, "url_too_long": 1, "ok": 1}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--contact", ""], "--contact"),
        (["--contact", "me"], "contact is a URL or a mail address, got 'me'"),
        (["--contact", CONTACT, "--set", "crawl.agent=Mozilla"], "browser"),
        (["--contact", CONTACT, "--set", "crawl.min_delay=0.1"], "min_delay"),
        (["--contact", CONTACT, "--allow-network", "here"], "'here' is not a network"),
        (["--contact", CONTACT, "--resolve", "a.test"], "'a.test' is not HOST:PORT:ADDRESS"),
        (["--contact", CONTACT, "--set", "crawl.connections=100000000"], "ulimit -n"),
    ],
)
def test_a_crawl_that_cannot_begin_says_why_in_a_line(call, tmp_path, words, message):
    (tmp_path / "urls.txt").write_text("http://a.test/\n")
    done = call("crawl", tmp_path / "urls.txt", "-o", tmp_path / "out", *words)
    assert done.code == 2
    assert message in done.error
    assert not (tmp_path / "out").exists()


def test_http_and_https_of_a_host_are_two_authorities_but_one_host(call, tmp_path):
    hosts = (host("safe.test", 1, tls="good", robots="part"), host("old.test", 2, tls="044-expired"))
    with running(tmp_path / "web", Plan(hosts=hosts)) as web:
        inside = web.url("safe.test", "/page/1", tls=True)
        urls = [web.url("safe.test", f"/to?url={inside}"), web.url("old.test", "/page/1", tls=True)]
        done = call(*arguments(web, urls, tmp_path))
        assert done.code == 0, done.err
        assert outcomes(tmp_path / "out") == {urls[0]: "ok", urls[1]: "robots_unreachable"}
        asked = [(entry.scheme, entry.path) for entry in web.ledger() if entry.host == "safe.test"]
        assert verdict(web).violations == ()
    assert [path for _, path in asked] == ["/robots.txt", f"/to?url={inside}", "/robots.txt", "/page/1"]
    assert [scheme for scheme, _ in asked] == ["http", "http", "https", "https"]
    row = next(row for row in rows(tmp_path / "out") if row["kept"])
    assert (row["final_url"], row["url"], row["hops"]) == (inside, urls[0], [urls[0], inside])


def test_a_certificate_that_has_expired_is_no_hindrance_where_that_is_chosen(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=(host("old.test", 2, tls="044-expired"),))) as web:
        url = web.url("old.test", "/page/1", tls=True)
        done = call(*arguments(web, [url], tmp_path, tls="record"))
        assert done.code == 0, done.err
        assert outcomes(tmp_path / "out") == {url: "ok"}


def test_a_host_that_asks_for_more_patience_than_there_is_is_not_asked_again(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=(host("busy.test", 1), host("far.test", 2)))) as web:
        urls = [web.url("busy.test", f"/status/429?after=2&n={number}") for number in range(3)]
        far = [web.url("far.test", f"/status/503?after=99999&n={number}") for number in range(3)]
        done = call(*arguments(web, [*urls, *far], tmp_path, max_wait=1.0, max_defer=60.0, waves=2))
        assert done.code == 0, done.err
        counts = Counter(outcomes(tmp_path / "out").values())
        asked = Counter(entry.host for entry in web.ledger() if not entry.asks_robots)
        assert verdict(web).violations == ()
    assert counts == {"http_429": 1, "http_5xx": 1, "deferred_host_backoff": 4}
    assert asked == {"busy.test": 2, "far.test": 1}


def test_links_become_candidates_candidates_pages_and_pages_documents(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=(host("a.test", 1), host("b.test", 2)))) as web:
        urls = [web.url(name, f"/page/{number}") for name in ("a.test", "b.test") for number in range(4)]
        (tmp_path / "links.txt").write_text("".join(f"{url}\n" for url in [*urls, *urls[:2]]))
        assert call("links", tmp_path / "links.txt", "-o", tmp_path / "links").code == 0
        words = arguments(web, [], tmp_path)
        done = call("crawl", tmp_path / "links", *words[2:])
        assert done.code == 0, done.err
    fetched = rows(tmp_path / "out")
    assert {row["url"]: row["outcome"] for row in fetched} == dict.fromkeys(urls, "ok")
    keys = {row["fetch_url"]: row["dedupe_key"] for row in rows(tmp_path / "links")}
    assert {row["url"]: row["dedupe_key"] for row in fetched} == keys
    answer = call("why", tmp_path / "out", urls[0])
    assert (answer.code, "crawl" in answer.out) == (0, True)
    assert call("extract", tmp_path / "out", "-o", tmp_path / "texts", "--all-languages").code == 0
    assert sorted(row["url"] for row in rows(tmp_path / "texts")) == sorted(urls)
