"""The scheduler of a lot against a clock that we set: its laws hold for any hosts, durations and answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.crawl.config import Crawl
from curate.crawl.politeness import MAX_RETRY_AFTER, Politeness

RULES = Crawl(contact="a@b.test")
SECONDS = st.floats(0, 100)
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        SECONDS,  # that it takes
        st.booleans(),  # it fails
        st.none() | st.floats(0, 10_000),  # Retry-After
        st.none() | st.floats(0, 40),  # Crawl-delay, learnt by it
        SECONDS,  # that the crawl idles before the next
    ),
    max_size=30,
)


def waited(polite, host, now):
    """The first moment at which the host may be asked; a sum of floats may fall short of it."""
    while (wait := polite.wait(host, now)) > 0:
        now += max(wait, 1e-6)
    return now


@given(REQUESTS)
def test_a_request_starts_only_after_the_pause_that_the_last_one_calls_for(requests):
    polite, now, last = Politeness(RULES), 0.0, {}
    for host, seconds, failed, after, delay, idle in requests:
        wait = polite.wait(host, now)
        if wait > 0:
            with pytest.raises(RuntimeError, match="may not be asked"):
                polite.start(host, now + wait * 0.99)
        now = waited(polite, host, now)
        if host in last:
            ended, spent, asked, retry_after = last[host]
            assert now - ended >= max(RULES.min_delay, min(5 * spent, RULES.max_delay), asked, retry_after)
        polite.start(host, now)
        now += seconds
        polite.end(host, now, seconds, failed=failed, retry_after=after)
        if delay is not None:
            polite.ask_for_delay(host, delay)
        asked = max(delay or 0.0, last[host][2] if host in last else 0.0)
        last[host] = (now, seconds, asked, min(after or 0.0, MAX_RETRY_AFTER))
        now += idle


@given(REQUESTS)
def test_a_host_never_waits_longer_than_the_longest_of_its_reasons(requests):
    polite, now = Politeness(RULES), 0.0
    for host, seconds, failed, after, delay, _ in requests:
        now = waited(polite, host, now)
        polite.start(host, now)
        now += seconds
        polite.end(host, now, seconds, failed=failed, retry_after=after)
        if delay is not None:
            polite.ask_for_delay(host, delay)
        longest = max(RULES.max_delay, 40, min(max(after or 0.0, 1.0), MAX_RETRY_AFTER))
        assert polite.wait(host, now) <= longest * 1.02 + 0.03


def test_one_request_at_a_time():
    polite = Politeness(RULES)
    polite.start("a", 0.0)
    with pytest.raises(RuntimeError, match="under way"):
        polite.wait("a", 100.0)
    assert polite.wait("b", 0.0) == 0


def test_each_failure_in_a_row_doubles_the_pause_and_the_fifth_is_trouble():
    polite, now, pauses = Politeness(RULES), 0.0, []
    for _ in range(6):
        now += polite.wait("a", now)
        polite.start("a", now)
        pauses.append(round(polite.end("a", now, 0.0, failed=True), 1))
    assert pauses == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert polite.in_trouble("a")
    now += polite.wait("a", now)
    polite.start("a", now)
    assert polite.end("a", now, 0.0, failed=False) < 1.1
    assert not polite.in_trouble("a")


def test_a_crawl_delay_holds_from_the_robots_txt_that_asks_for_it_on():
    polite = Politeness(RULES)
    polite.start("a", 0.0)
    polite.end("a", 1.0, 0.01, failed=False)
    polite.ask_for_delay("a", 9.0)
    polite.ask_for_delay("a", 0.1)  # never makes us faster
    assert polite.wait("a", 1.0) >= 9.0


def test_what_waits_is_told_for_the_next_wave():
    polite = Politeness(RULES)
    polite.hold("a", 7.0)
    polite.hold("a", 3.0)
    polite.hold("b", 1.0)
    assert polite.waiting(2.0) == {"a": 5.0}
