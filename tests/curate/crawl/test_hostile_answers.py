"""Tests of the outcome of each hostile answer of the loopback web, by its number in the list (H14 to H46)."""

import asyncio

import pytest
from loopback.hostile import HOSTILE, TLS
from loopback.plan import Plan, hostile
from loopback.process import running

from curate.crawl.addresses import parse_cidrs, parse_resolve
from curate.crawl.answers import glance, redirect_url, settle
from curate.crawl.config import Crawl
from curate.crawl.fetch import ask, session
from curate.crawl.resolver import Resolver

EXPECTED = {
    "014-page": "protocol_not_http",  # HTTP/0.9 is not read: aiohttp has no such answer
    "014-other": "protocol_not_http",
    "015": "ok",
    "016": "protocol_status",
    "017": "protocol_length",
    "018": "protocol_length",
    "019": "protocol_length",
    "020": "protocol_chunk",
    "021": "ok_truncated",
    "022-hex": "protocol_chunk",
    "022-long": "protocol_chunk",
    "023": "ok",
    "024": "ok",
    "025": "protocol_header",
    "026-100kb": "headers_too_large",
    "026-33kb": "headers_too_large",
    "026-many": "headers_too_large",
    "026-endless": "ttfb_timeout",
    "027": "content_coding_corrupt",
    "028-raw": "ok",
    "028-deflate": "ok",
    "028-br": "ok",
    "028-zstd": "ok",
    "028-x-gzip": "ok",
    "028-twice": "ok",
    "028-identity": "ok",
    "028-unknown": "content_coding_unknown",
    "029-early": "ok",
    "029-endless": "protocol_status",
    "030-204": {"http_other", "protocol_not_http"},  # by whether the body came in the same piece as the head
    "030-304": {"http_other", "protocol_not_http"},
    "031-999": "http_other",
    "031-escape": "http_404",
    "031-2000": "protocol_status",
    "031-000": "protocol_status",
    "031-minus": "protocol_status",
    "032-version": "protocol_status",
    "032-icy": "protocol_not_http",
    "033": "protocol_header",
    "034": "ok_truncated",
    "035-gzip": "decompression_bomb",
    "035-br": "decompression_bomb",
    "035-nested": "content_coding_unknown",  # three codings are one too many
    "035-members": "content_coding_corrupt",  # more frames than a page has
    "036-headers": "ttfb_timeout",
    "036-body": "too_slow",
    "036-tls": "tls_timeout",
    "037-silence": "ttfb_timeout",
    "037-reset": "disconnect",
    "037-chunk": "protocol_chunk",
    "037-reuse": "ok",
    "038-missing": "redirect_bad_target",
    "038-relative": "-> /page/1",
    "038-break": "-> /page/1%20X-Injected:%20yes",
    "038-scheme": "-> http://h-038-scheme-target.test/",
    "038-long": "headers_too_large",
    "038-file": "redirect_bad_target",
    "038-metadata": "-> http://169.254.169.254/latest/meta-data/",  # denied where it is connected to
    "038-private": "-> http://10.0.0.1/",
    "038-port": "redirect_bad_target",  # a port that is not of the web
    "038-self": "-> /",
    "038-pair": "-> /b",
    "038-chain": "-> /1000",
    **dict.fromkeys(("039-far", "039-negative", "039-past", "039-garbage"), "http_5xx"),
    "040-cookie": "headers_too_large",
    "040-refresh": "ok",
    "040-service": "ok",
    "040-set": "ok",
    "040-switch": "http_other",
    "040-upgrade": "ok",
    "041-page": "ok",
    "041-image": "content_type_unwanted",
    "042-events": "content_type_unwanted",
    "042-music": "content_type_unwanted",
    "043": "ok",
    "044-expired": "tls_verify",
    "044-self-signed": "tls_verify",
    "044-wrong-host": "tls_verify",
    "044-old": "tls_handshake",
    "044-garbage": "tls_handshake",
    "044-stall": "tls_timeout",
    "045": "ok_truncated",
    "046": "http_401",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The name of a hostile host to what came of a request to it."""
    folder = tmp_path_factory.mktemp("hostile")
    with running(folder, Plan(hosts=hostile(), patience=1.0)) as web:
        rules = Crawl(
            contact="https://operator.test/",
            connect_seconds=3,
            first_byte_seconds=3,
            idle_seconds=2.5,
            total_seconds=12,
            min_rate_seconds=2,
            authority=str(web.authority),
        )
        resolver = Resolver(parse_resolve([f"@{web.resolve}"]), parse_cidrs(["127.0.0.0/8"]))
        yield asyncio.run(all_asked(web, rules, resolver))


async def all_asked(web, rules, resolver):
    async with session(rules, resolver) as client:

        async def one(host):
            url = web.url(host, "/", tls=bool(host.tls))
            answer = await ask(client, url, rules, limit=rules.max_bytes, glance=lambda a, head: glance(a, head, rules))
            return host.hostile or host.tls, (url, answer, rules)

        return dict(await asyncio.gather(*map(one, web.plan.hosts)))


@pytest.mark.parametrize("name", [*HOSTILE, *TLS])
def test_a_hostile_answer_comes_to_a_named_outcome(answers, name):
    url, answer, rules = answers[name]
    try:
        onward = redirect_url(answer)
    except ValueError:
        came_to = "redirect_bad_target"
    else:
        came_to = f"-> {onward.removeprefix(url[:-1])}" if onward else settle(answer, rules).outcome
    expected = EXPECTED[name]
    assert came_to in (expected if isinstance(expected, set) else {expected}), answer.detail
    assert len(answer.body) <= rules.max_bytes
