"""Tests of the settings of a crawl, on the loopback web."""

import gzip
import json
from base64 import b64encode
from collections import Counter

import pytest
from crawled import arguments, outcomes, rows, verdict
from loopback.plan import Host, Plan
from loopback.process import running

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("crawls")]
TDMREP = [{"location": "/page/", "tdm-reservation": 1}, {"location": "/page/3", "tdm-reservation": 0}]


def host(name: str, number: int, **more) -> Host:
    return Host(name=name, address=f"127.31.0.{number}", **more)


@pytest.mark.parametrize(("tdmrep", "counts"), [(True, {"optout_tdm": 2, "ok": 2}), (False, {"ok": 4})])
def test_tdmrep_json_is_asked_for_once_where_that_is_chosen(call, tmp_path, tdmrep, counts):
    reply = {"url": "http://a.test/.well-known/tdmrep.json", "mime": "application/json"}
    reply |= {"body64": b64encode(gzip.compress(json.dumps(TDMREP).encode())).decode()}
    reply |= {"headers": [["Content-Encoding", "gzip"]]}
    (tmp_path / "replay.jsonl").write_text(json.dumps(reply))
    plan = Plan(hosts=(host("a.test", 1),), replay=(str(tmp_path / "replay.jsonl"),))
    with running(tmp_path / "web", plan) as web:
        urls = [web.url("a.test", path) for path in ("/page/1", "/page/2", "/page/3", "/other")]
        done = call(*arguments(web, urls, tmp_path, tdmrep=tdmrep))
        assert done.code == 0, done.err
        asked = Counter(entry.path for entry in web.ledger())
        assert verdict(web).violations == ()
    assert Counter(outcomes(tmp_path / "out").values()) == counts
    assert asked["/.well-known/tdmrep.json"] == tdmrep


def test_a_budget_leaves_the_rest_of_a_host_out_with_an_outcome(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=(host("a.test", 1), host("b.test", 2)))) as web:
        urls = [web.url(name, f"/page/{number}") for name in ("a.test", "b.test") for number in range(5)]
        done = call(*arguments(web, urls[:6], tmp_path, max_urls_per_host=2))
        assert done.code == 0, done.err
        asked = Counter(entry.host for entry in web.ledger() if not entry.asks_robots)
    assert Counter(outcomes(tmp_path / "out").values()) == {"ok": 3, "skip_budget": 3}
    assert asked == {"a.test": 2, "b.test": 1}


def test_a_robots_txt_that_is_forbidden_lets_nobody_in_where_that_is_chosen(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=(host("a.test", 1, robots="forbidden"),))) as web:
        url = web.url("a.test", "/page/1")
        assert call(*arguments(web, [url], tmp_path, forbidden="deny", waves=1)).code == 0
        assert outcomes(tmp_path / "out") == {url: "robots_unreachable"}
        assert [entry.path for entry in web.ledger()] == ["/robots.txt"]


def test_which_refusals_count_can_be_chosen_and_each_is_told_all_the_same(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=(host("a.test", 1),))) as web:
        urls = [web.url("a.test", f"/optout/{name}/1") for name in ("noindex", "meta-noindex", "noai")]
        words = arguments(web, urls, tmp_path)
        assert call(*words, "--set", "crawl.optouts.index=false").code == 0
    by_url = {row["url"]: row for row in rows(tmp_path / "out")}
    assert [by_url[url]["outcome"] for url in urls] == ["ok", "ok", "optout_x_robots"]
    assert all("=n " in " ".join(by_url[url]["preferences"]) for url in urls)


def test_a_slow_hosts_crawl_delay_is_kept_over_waves_and_a_longer_one_is_an_outcome(call, tmp_path):
    hosts = (host("slow.test", 1, robots="delay"), host("slower.test", 2, robots="delay too long"))
    with running(tmp_path / "web", Plan(hosts=hosts, crawl_delay=1.5)) as web:
        urls = [web.url("slow.test", path) for path in ("/page/1", "/flaky/2/x", "/page/2")]
        done = call(*arguments(web, [*urls, web.url("slower.test", "/")], tmp_path, retries=0))
        assert done.code == 0, done.err
        assert verdict(web).violations == ()
    assert Counter(outcomes(tmp_path / "out").values()) == {"ok": 3, "robots_delay_too_long": 1}
    assert max(row["wave"] for row in rows(tmp_path / "out")) == 2
