"""The address that was checked is the one that is connected to; one parser says what the host is."""

import asyncio
import socket
from urllib.parse import urlsplit

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from curate.crawl.addresses import parse_cidrs
from curate.crawl.config import Crawl
from curate.crawl.fetch import ask, request_headers, session
from curate.crawl.lots import request_host
from curate.crawl.resolver import RefusedAddress, Resolver
from curate.web.urls import fetch_url

RULES = Crawl(contact="a@b.test", connect_seconds=2, first_byte_seconds=2)


def address(host, pinned=None, allowed=()):
    resolver = Resolver(pinned or {}, parse_cidrs(allowed))

    async def go():
        return await resolver.address(host, 80)

    return asyncio.run(go())


def test_a_name_with_one_denied_address_is_denied():
    mixed = {("mixed.test", 80): ("8.8.8.8", "127.0.0.1")}
    with pytest.raises(RefusedAddress, match=r"127\.0\.0\.1: loopback"):
        address("mixed.test", mixed)
    assert address("mixed.test", mixed, ["127.0.0.0/8"]) == "8.8.8.8"


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[::1]", "[64:ff9b::7f00:1]", "10.0.0.1", "a.local", "x.internal", "x.onion", "router"]
)
def test_inner_addresses_and_names_are_denied(host):
    with pytest.raises(RefusedAddress) as refused:
        address(host)
    assert refused.value.outcome == "ip_denied"


def test_a_socket_is_opened_for_no_address_that_is_denied():
    resolver = Resolver({}, ())
    with pytest.raises(RefusedAddress, match="loopback"):
        resolver.open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))


class Rebinding(Resolver):
    """Says one thing when it is asked first, and another to whoever asks then."""

    async def _query(self, host):
        self.count = getattr(self, "count", 0) + 1
        return ["127.0.0.1"] if self.count > 1 else ["192.0.2.1"]


def test_a_name_that_changes_its_address_is_not_looked_up_a_second_time():
    resolver = Rebinding({}, parse_cidrs(["192.0.2.0/24"]))

    async def go():
        first = await resolver.address("rebound.test", 80)
        return first, [entry["host"] for entry in await resolver.resolve("rebound.test", 80)]

    assert asyncio.run(go()) == ("192.0.2.1", ["192.0.2.1"])


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://[::1]:9/", "http://[::ffff:127.0.0.1]:9/"])
def test_a_literal_address_is_checked_although_nothing_is_looked_up(url):
    async def go():
        async with session(RULES, Resolver({}, ())) as client:
            return await ask(client, url, RULES, limit=1000)

    assert asyncio.run(go()).outcome == "ip_denied"


@pytest.mark.parametrize(
    "url",
    [
        "http://a.test/|^{}`",
        "http://a.test/?q=[]'\"",
        "http://a_b.test/",
        "http://a.test/%zz",
        "http://xn--mnchen-3ya.de/",
    ],
)
def test_an_odd_address_is_asked_for_as_it_is(url):
    asked = fetch_url(url)

    async def go():
        async with session(RULES, Resolver({(request_host(asked), 80): ("192.0.2.1",)}, ())) as client:
            return await ask(client, asked, RULES, limit=1000)

    assert asyncio.run(go()).outcome == "ip_denied"  # not url_invalid, not internal_error


AUTHORITIES = st.text("ab.-_:@\\/%1[]0x?#é。 \t", max_size=20)


@given(AUTHORITIES, st.text(max_size=20))
def test_every_part_of_the_crawler_sees_the_host_that_browsers_see(authority, path):
    url = fetch_url(f"http://{authority}.test/{path}")
    if isinstance(url, str):
        seen = ada_url.URL(url).hostname.strip("[]")
        assert request_host(url) == urlsplit(url).hostname == URL(url, encoded=True).raw_host == seen
        assert min(url.encode(), default=33) > 32  # no blank and no control reaches a request


def test_every_request_names_us_and_a_contact():
    agent = request_headers(RULES)["User-Agent"]
    assert agent.startswith("curate/")
    assert agent.endswith("(+a@b.test)")
