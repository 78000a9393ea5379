"""Lots: every target in one, all hosts of a domain together, the same whatever the order of the links."""

import tempfile
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lots_in_memory import Lot, floor, within_budget
from lots_in_memory import plan_wave as plan_in_memory

from curate.crawl.config import Crawl
from curate.crawl.lots import Target, politeness_key, refusal_of, request_host
from curate.crawl.planning.tables import as_tables
from curate.crawl.planning.waves import lot_name, plan_wave
from curate.stage import sorting

RULES = Crawl(contact="a@b.test", hosts_per_lot=3)
HOSTS = st.sampled_from(["a.test", "b.test", "www.b.test", "x.co.uk", "y.co.uk", "me.blogspot.com", "you.blogspot.com"])
TARGETS = st.lists(
    st.builds(
        lambda host, page, votes: Target(url=f"http://{host}/{page}", votes=votes),
        HOSTS,
        st.integers(0, 5),
        st.integers(0, 3),
    ),
    max_size=40,
    unique_by=lambda target: target.url,
)


def planned(targets, *, wave=0, config="c", rules=RULES, near=None):
    """The lots of these targets, as the stage plans them, read into memory."""
    near = near or Path(tempfile.gettempdir()) / "lots"
    lots = []
    for lot in plan_wave(as_tables(targets), rules, near):
        tables = [*lot.tables]
        rows = [row for table in tables for row in table.to_pylist()]
        own = [Target(**{**row, "via": tuple(row["via"]), "dedupe_key": row["dedupe_key"] or b""}) for row in rows]
        name = lot_name(tables, config, wave, near)
        lots.append(Lot(id=name, targets=tuple(own), floor=max(0, lot.longest - 1) * rules.min_delay))
    return lots


@given(TARGETS, st.integers(0, 2), st.sampled_from([1 << 30, 400]))
def test_lots_are_those_of_the_plain_reading_in_memory(targets, most, limit):
    rules = replace(RULES, max_urls_per_host=most)
    expected = [*plan_in_memory(within_budget(targets, most), RULES, wave=0, config="c")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "FAN", 2)
        patch.setattr(sorting.sorted_tables, "__defaults__", (limit,))  # so that runs lie on disk
        assert planned(targets, rules=rules) == expected


@given(TARGETS)
def test_every_target_is_in_one_lot_and_every_domain_too(targets):
    lots = planned(targets)
    assert sorted(target.url for lot in lots for target in lot.targets) == sorted(target.url for target in targets)
    homes = {}
    for lot in lots:
        for target in lot.targets:
            assert homes.setdefault(politeness_key(request_host(target.url)), lot.id) == lot.id


@given(TARGETS, st.randoms())
def test_the_same_links_in_any_order_are_the_same_lots(targets, draw):
    shuffled = [*targets]
    draw.shuffle(shuffled)
    assert planned(shuffled) == planned(targets)


@given(TARGETS.filter(bool))
def test_a_lot_of_another_wave_or_crawl_has_another_name(targets):
    names = [{lot.id for lot in planned(targets, **more)} for more in ({}, {"wave": 1}, {"config": "d"})]
    assert len(set(chain(*names))) == sum(map(len, names))


def test_equal_urls_count_once_and_the_first_of_them():
    twice = [Target(url="http://a.test/", votes=1), Target(url="http://a.test/", votes=2)]
    assert [[target.votes for target in lot.targets] for lot in planned(twice)] == [[1]]


def test_hosts_that_take_longest_come_first_and_a_lot_is_full_at_its_number_of_hosts():
    targets = [Target(url=f"http://h{host}.test/{page}") for host in range(1, 8) for page in range(host)]
    lots = planned(targets)
    assert [len({request_host(target.url) for target in lot.targets}) for lot in lots] == [3, 3, 1]
    assert [lot.floor for lot in lots] == [6.0, 3.0, 0.0]
    assert floor(targets, RULES) == (7.0, "h7.test", 7)


def test_beyond_the_budget_of_a_host_the_links_with_least_votes_are_left_out():
    targets = [Target(url=f"http://a.test/{votes}", votes=votes) for votes in range(4)] + [Target(url="http://b.test/")]
    verdicts = {target.url: target.verdict for target in within_budget(targets, 2)}
    assert verdicts == {"http://a.test/3": "", "http://a.test/2": "", "http://b.test/": ""} | dict.fromkeys(
        ("http://a.test/1", "http://a.test/0"), "skip_budget"
    )
    assert [*within_budget(targets, 0)] == targets


def test_only_ports_of_the_web_are_asked():
    refusals = {port: refusal_of(f"http://a.test:{port}/")[0] for port in (22, 25, 80, 443, 6000, 6667, 8080, 49152)}
    assert refusals == {22: "skip_port", 25: "skip_port", 80: "", 443: "", 6000: "skip_port", 6667: "skip_port"} | {
        8080: "",
        49152: "",
    }
