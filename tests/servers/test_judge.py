"""The judge of politeness: nothing against a client that keeps the rules, and each sin of one that does not."""

from dataclasses import replace

import pytest
from judge import Entry, Rules, judge
from loopback.plan import Host, Plan, ordinary
from loopback.process import running
from polite import ask, crawl_politely, crawl_rudely

RULES = Rules(min_delay=0.05, address_delay=0.01)
PATHS = ("/page/1", "/private/1", "/status/503?after=1", "/page/2")
KINDS = ("missing", "part", "none", "delay", "error", "bom")
HOSTS = tuple(Host(name=f"{kind}.test", address=f"127.20.0.{n + 1}", robots=kind) for n, kind in enumerate(KINDS))
PLAN = Plan(hosts=HOSTS, crawl_delay=0.2)
ALONE = Host(name="a.test", address="127.20.0.1", robots="part")


def entry(path, start, end, **more):
    fields = {"scheme": "http", "host": "a.test", "port": 80, "address": "127.20.0.1", "method": "GET"}
    fields |= {"agent": "a (+http://b)", "connection": 1, "status": 200, "retry_after": None}
    return Entry(path=path, start=start, end=end, **(fields | more))


def kinds(*entries, rules=RULES, host=ALONE):
    return dict(judge(entries, Plan(hosts=(host,), crawl_delay=2.0), rules).kinds)


ROBOTS = entry("/robots.txt", 0.0, 0.001)


def test_a_client_that_keeps_the_rules_has_no_violations(tmp_path):
    with running(tmp_path, PLAN) as web:
        crawl_politely(web, HOSTS, PATHS, RULES)
        verdict = judge(web.ledger(), web.plan, RULES)
    assert verdict.violations == ()
    assert (verdict.hosts, verdict.requests) == (len(KINDS), 6 + 4 + 3 * 3)
    assert 1.0 < verdict.floor < verdict.wall  # Retry-After alone takes a second


def test_a_hundred_hosts_at_once_are_crawled_without_a_violation(tmp_path):
    quick = {"missing": 3, "part": 3, "allow": 2, "forbidden": 1, "delay": 1, "named": 1, "html": 1}
    plan = Plan(hosts=ordinary(100, latency=0.01, mix=quick), crawl_delay=0.2)
    with running(tmp_path, plan) as web:
        crawl_politely(web, plan.hosts, ("/page/1", "/private/1", "/page/2"), RULES)
        verdict = judge(web.ledger(), web.plan, RULES)
    assert verdict.violations == ()
    assert verdict.hosts == 100
    assert 0 < verdict.efficiency <= 1


def test_a_client_that_keeps_no_rules_is_found_out(tmp_path):
    with running(tmp_path, PLAN) as web:
        crawl_rudely(web, HOSTS, PATHS * 3)
        verdict = judge(web.ledger(), web.plan, RULES)
    counts = verdict.kinds
    assert counts["before_robots"] == len(HOSTS) * 12
    assert counts["closed"] == 3 + 12 + 3 + 12 + 3
    assert counts["overlap"] + counts["delay"] > len(HOSTS)
    assert counts["agent"] == 1
    assert verdict.repeats == len(HOSTS) * 8


def test_one_rule_broken_is_one_violation():
    assert kinds(ROBOTS, entry("/a", 0.1, 0.101), entry("/b", 0.2, 0.201)) == {}
    assert kinds(entry("/a", 0.1, 0.101)) == {"before_robots": 1}
    assert kinds(entry("/a", 0.0, 0.001), entry("/robots.txt", 0.1, 0.2)) == {"before_robots": 1}
    assert kinds(ROBOTS, entry("/private/a", 0.1, 0.101)) == {"closed": 1}
    assert kinds(ROBOTS, entry("/robots.txt", 1, 1.1)) == {"robots_again": 1}
    assert kinds(ROBOTS, entry("/a", 0.02, 0.021)) == {"delay": 1}
    assert kinds(ROBOTS, entry("/a", 0.1, 0.3), entry("/b", 0.25, 0.26)) == {"overlap": 1}
    assert kinds(ROBOTS, entry("/a", 0.1, 0.5), entry("/b", 1.5, 1.6)) == {"delay": 1}  # five times 0.4 s
    assert kinds(replace(ROBOTS, agent="curl/8")) == {"agent": 1}


def test_two_connections_to_a_host_that_take_turns_are_one_too_many():
    one, two, three = (entry(f"/{n}", n, n + 0.1, connection=n % 2) for n in (1, 2, 3))
    assert kinds(ROBOTS, one, replace(two, connection=1), three) == {}
    assert kinds(ROBOTS, one, replace(two, connection=2), replace(three, connection=3)) == {}
    assert kinds(ROBOTS, one, two, three) == {"connections": 1}


def test_a_long_request_counts_until_it_ends_whatever_came_between():
    counts = kinds(ROBOTS, entry("/a", 0.1, 9.0), entry("/b", 1.0, 1.01), entry("/c", 5.0, 5.1))
    assert counts == {"overlap": 2}


@pytest.mark.parametrize(("after", "pause", "count"), [(1.0, 0.9, 1), (1.0, 1.1, 0), (9999.0, 3601, 0), (None, 0.9, 0)])
def test_retry_after_is_kept_up_to_an_hour(after, pause, count):
    busy = entry("/a", 0.1, 0.101, status=503, retry_after=after)
    assert kinds(ROBOTS, busy, entry("/b", 0.101 + pause, 99999)) == ({"retry_after": count} if count else {})


def test_a_crawl_delay_is_kept():
    slow = replace(ALONE, robots="delay")
    assert kinds(ROBOTS, entry("/a", 1.9, 1.91), host=slow) == {"delay": 1}
    assert kinds(ROBOTS, entry("/a", 2.1, 2.11), host=slow) == {}


def test_hosts_of_one_address_are_not_asked_all_at_once():
    rules = replace(RULES, address_delay=0.25, late=0.0)
    others = [entry("/robots.txt", 0.1 * n, 5.0, host=f"{n}.test") for n in range(3)]
    assert kinds(*others, rules=rules) == {"address_delay": 2, "address_requests": 1}
    apart = [entry("/robots.txt", 0.3 * n, 0.3 * n + 0.1, host=f"{n}.test") for n in range(3)]
    assert kinds(*apart, rules=rules) == {}


def test_a_start_on_an_address_that_came_late_is_no_fault_of_the_next_but_a_rate_above_the_rule_is():
    rules = replace(RULES, address_delay=0.25, late=0.4)
    late = [entry("/robots.txt", when, when + 0.01, host=f"{when}.test") for when in (1.3, 1.31, 1.5, 1.75)]
    assert kinds(*late, rules=rules) == {}
    soon = [entry("/robots.txt", 1 + 0.1 * n, 1 + 0.1 * n, host=f"{n}.test") for n in range(9)]
    assert kinds(*soon, rules=rules) == {"address_delay": 4}


def test_a_request_that_the_server_noticed_late_is_no_fault_of_the_client():
    slow = entry("/a", 2.0, 1.9, came=1.0)  # noticed after its client had gone
    assert kinds(ROBOTS, slow, entry("/b", 2.01, 2.02)) == {}
    rules = replace(RULES, address_delay=0.25, late=0.0)
    one = entry("/robots.txt", 1.2, 1.21, came=1.0)
    assert kinds(one, entry("/robots.txt", 1.25, 1.26, host="b"), rules=rules) == {}


def test_the_floor_is_the_slowest_hosts_pauses_and_durations_or_an_addresss():
    plan, rules = Plan(hosts=(ALONE,)), Rules()
    verdict = judge([ROBOTS, entry("/a", 1.1, 1.2), entry("/b", 3.0, 3.5)], plan, rules)
    assert verdict.floor == pytest.approx(0.001 + 1.0 + 0.1 + 1.0 + 0.5)
    assert verdict.wall == 3.5
    many = [entry("/robots.txt", n, n + 0.1, host=f"{n}.test") for n in range(9)]
    assert judge(many, plan, rules).floor == pytest.approx(8 * 0.25)


def test_a_request_that_the_client_gave_up_is_in_the_ledger_until_it_did(tmp_path):
    host = Host(name="s.test", address="127.20.0.9", robots="silent")
    with running(tmp_path, Plan(hosts=(host,))) as web:
        assert ask(web, host, "/robots.txt", timeout=0.3) == b""
        ask(web, host, "/page/1")
        first, second = web.ledger()
    assert (first.path, second.path) == ("/robots.txt", "/page/1")
    assert first.end - first.came > 0.25
    assert first.end <= second.start
