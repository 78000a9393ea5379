"""Hostile answers to the question for a name (D47 to D50), and how often it is asked.

The names stand for the system's resolver, which no test can make lie.
"""

import asyncio
import socket
from collections import Counter

import pytest

from curate.crawl.resolver import AT_ONCE, MOST, TRIES, RefusedAddress, Resolver

PUBLIC = ("8.8.8.8", "2001:4860:4860::8888")


def info(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.SOCK_STREAM, 6, "", (address, 0)


class Names:
    """Stands for the system's resolver: its addresses by name, or the error; `asked` counts, `most` were under way."""

    def __init__(self, answer_of):
        self.answer_of, self.asked, self.now, self.most = answer_of, Counter(), 0, 0

    async def getaddrinfo(self, host, port, **_):
        self.asked[host] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        answer = self.answer_of(host, self.asked[host])
        if isinstance(answer, Exception):
            raise answer
        return [info(address) for address in answer]


def looked_up(answer_of, *hosts):
    """Returns the answers of a resolver without pinned names for these hosts, and the names that reached it."""
    names = Names(answer_of)

    async def go():
        asyncio.get_running_loop().getaddrinfo = names.getaddrinfo
        resolver = Resolver({}, ())
        return await asyncio.gather(*(one(resolver, host) for host in hosts))

    return asyncio.run(go()), names


async def one(resolver, host):
    try:
        return await resolver.address(host, 80)
    except RefusedAddress as refused:
        return refused.outcome


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_d47_a_name_with_a_public_and_an_inner_address_is_denied_in_any_order(inner):
    for addresses in ([*PUBLIC, inner], [inner, *PUBLIC], [PUBLIC[0], inner, PUBLIC[1]]):
        (outcome,), _ = looked_up(lambda host, _, answer=addresses: answer, "mixed.test")
        assert outcome == "ip_denied"


def test_d48_a_name_is_asked_for_once_and_what_it_says_later_is_not_heard():
    def rebinding(host, times):
        return PUBLIC if times == 1 else ("127.0.0.1",)

    names = Names(rebinding)

    async def go():
        asyncio.get_running_loop().getaddrinfo = names.getaddrinfo
        resolver = Resolver({}, ())
        return await resolver.address("a.test", 80), [entry["host"] for entry in await resolver.resolve("a.test", 80)]

    assert asyncio.run(go()) == ("8.8.8.8", ["8.8.8.8"])
    assert names.asked == {"a.test": 1}


def test_d48_an_address_that_slipped_through_is_still_not_dialled():
    resolver = Resolver({}, ())
    for inner in ("127.0.0.1", "::1", "::ffff:169.254.169.254"):
        with pytest.raises(RefusedAddress, match=r"loopback|metadata"):
            resolver.open_socket(info(inner))


def test_d49_ten_thousand_addresses_are_not_looked_at_and_the_first_is_taken():
    many = [f"11.{n >> 8}.{n & 255}.1" for n in range(10_000)]
    (outcome,), _ = looked_up(lambda *_: [*many, "127.0.0.1"], "many.test")
    assert outcome == many[0]
    (outcome,), _ = looked_up(lambda *_: [*many[: MOST - 1], "127.0.0.1"], "many.test")
    assert outcome == "ip_denied"


@pytest.mark.parametrize("host", ["x" * 64 + ".test", ".".join(["label"] * 60) + ".test", "a..test", "\ud800.test"])
def test_d49_a_name_that_dns_cannot_hold_does_not_exist(host):
    resolver = Resolver({}, ())
    assert asyncio.run(one(resolver, host)) in ("dns_nxdomain", "dns_servfail")


def test_d49_no_addresses_at_all_is_an_outcome():
    (outcome,), _ = looked_up(lambda *_: [], "empty.test")
    assert outcome == "dns_no_address"


def test_d50_a_storm_of_failures_is_asked_again_once_each_and_then_let_be():
    hosts = [f"h-{n}.test" for n in range(500)]
    error = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    outcomes, names = looked_up(lambda *_: error, *hosts)
    assert set(outcomes) == {"dns_servfail"}
    assert set(names.asked.values()) == {TRIES}
    assert names.most <= AT_ONCE
    outcomes, names = looked_up(lambda *_: socket.gaierror(socket.EAI_NONAME, "unknown"), *hosts)
    assert set(outcomes) == {"dns_nxdomain"}
    assert set(names.asked.values()) == {1}


def test_d50_a_failure_is_remembered_for_a_while():
    names = Names(lambda *_: socket.gaierror(socket.EAI_AGAIN, "later"))

    async def go():
        asyncio.get_running_loop().getaddrinfo = names.getaddrinfo
        resolver = Resolver({}, ())
        return [await one(resolver, "a.test") for _ in range(100)]

    assert set(asyncio.run(go())) == {"dns_servfail"}
    assert names.asked == {"a.test": TRIES}
