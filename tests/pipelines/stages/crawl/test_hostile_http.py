"""Hostile answers to a whole crawl, by their number in the list of hostile inputs: one row each, and what is kept."""

import gzip
from collections import Counter

import pytest
from crawled import arguments, outcomes
from crawled_hostile import SETTINGS
from loopback.hostile import HOSTILE, TLS
from loopback.plan import Plan
from loopback.plan import hostile as hosts_of
from loopback.process import running

from curate.warc.readback import read_at

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("crawls")]

# By number: the hosts and what their URL comes to. What aiohttp refuses to read is a named error (cases/hostile.json).
EXPECTED = {
    "H14": {"014-page": "protocol_not_http", "014-other": "protocol_not_http"},
    "H15": {"015": "ok"},
    "H16": {"016": "protocol_status"},
    "H17": {"017": "protocol_length"},
    "H18": {"018": "protocol_length"},
    "H19": {"019": "protocol_length"},
    "H20": {"020": "protocol_chunk"},
    "H21": {"021": "ok_truncated disconnect"},
    "H22": {"022-hex": "protocol_chunk", "022-long": "protocol_chunk"},
    "H23": {"023": "ok"},
    "H24": {"024": "ok"},
    "H25": {"025": "protocol_header"},
    "H26": {
        **dict.fromkeys(("026-100kb", "026-33kb", "026-many"), "headers_too_large"),
        "026-endless": "ttfb_timeout",
    },
    "H27": {"027": "content_coding_corrupt"},
    "H28": {
        **dict.fromkeys(("028-raw", "028-deflate", "028-br", "028-zstd", "028-x-gzip"), "ok"),
        **dict.fromkeys(("028-twice", "028-identity"), "ok"),
        "028-unknown": "content_coding_unknown",
    },
    "H29": {"029-early": "ok", "029-endless": "protocol_status"},
    "H30": dict.fromkeys(("030-204", "030-304"), "http_other or protocol_not_http"),
    "H31": {
        "031-999": "http_other",
        "031-escape": "http_404",
        **dict.fromkeys(("031-2000", "031-000", "031-minus"), "protocol_status"),
    },
    "H32": {"032-version": "protocol_status", "032-icy": "protocol_not_http"},
    "H33": {"033": "protocol_header"},
    "H34": {"034": "ok_truncated length"},
    "H35": {
        "035-gzip": "decompression_bomb length",
        "035-br": "decompression_bomb",
        "035-nested": "content_coding_unknown",
        "035-members": "content_coding_corrupt",
    },
    "H36": {"036-headers": "ttfb_timeout", "036-body": "too_slow time", "036-tls": "robots_unreachable: tls_timeout"},
    "H37": {
        "037-silence": "ttfb_timeout",
        "037-reset": "disconnect disconnect or connect_reset",  # by whether the header came before the reset
        "037-chunk": "protocol_chunk disconnect",
        "037-reuse": "ok",
    },
    "H38": {
        **dict.fromkeys(("038-missing", "038-file", "038-port"), "redirect_bad_target"),
        **dict.fromkeys(("038-metadata", "038-private"), "redirect_denied"),
        **dict.fromkeys(("038-self", "038-pair"), "redirect_loop"),
        "038-relative": "ok",
        "038-break": "ok",
        "038-scheme": "redirect_cross_host",
        "038-long": "headers_too_large",
        "038-chain": "redirect_too_many",
    },
    "H39": dict.fromkeys(("039-far", "039-negative", "039-past", "039-garbage"), "http_5xx"),
    "H40": {
        **dict.fromkeys(("040-refresh", "040-service", "040-upgrade"), "ok"),
        "040-set": "ok or revisit",  # it gives one page under two URLs
        "040-cookie": "headers_too_large",
        "040-switch": "http_other",
    },
    "H41": {"041-page": "ok", "041-image": "content_type_unwanted"},
    "H42": {"042-events": "content_type_unwanted", "042-music": "content_type_unwanted"},
    "H43": {"043": "ok or revisit"},
    "H44": {
        **dict.fromkeys(("044-expired", "044-self-signed", "044-wrong-host"), "robots_unreachable: tls_verify"),
        **dict.fromkeys(("044-old", "044-garbage"), "robots_unreachable: tls_handshake"),
        "044-stall": "robots_unreachable: tls_timeout",
    },
    "H45": {"045": "ok_truncated time"},
    "H46": {"046": "http_401"},
}


def told(row):
    """The outcome of a row, and what is behind it: why robots.txt was not read, why a body was cut."""
    behind = f": {row['detail']}" if row["outcome"] == "robots_unreachable" else ""
    return row["outcome"] + behind + (f" {row['truncated']}" if row["truncated"] else "")


def stored(hostile, row):
    """The record that a row names; its digests are those of its bytes."""
    with (hostile.out / row["warc_file"]).open("rb") as file:
        return read_at(file, row["warc_offset"], row["warc_length"])


def test_every_hostile_host_has_a_number():
    assert {name for names in EXPECTED.values() for name in names} == {*HOSTILE, *TLS}


@pytest.mark.parametrize("number", EXPECTED)
def test_a_hostile_answer_has_its_outcome_and_only_a_kept_page_is_stored(hostile, number):
    addresses = {host.name: host.address for host in hostile.web.plan.hosts}
    for name, expected in EXPECTED[number].items():
        row = hostile.row(name)
        assert told(row) in expected.split(" or "), (name, row["detail"])
        assert row["ip"] in (None, addresses[f"h-{name}.test"])
        if not row["kept"]:
            assert row["warc_file"] is None
            continue
        record = stored(hostile, row)
        assert (record.url, record.payload_digest) == (row["final_url"], row["payload_digest"])
        assert len(record.payload) == (row["wire_bytes"] if record.kind == "response" else 0)


def test_h19_a_refused_answer_says_what_is_wrong_with_it(hostile):
    refused = {"016": "status", "017": "Content-Length", "019": "Duplicate Content-Length", "025": "no colon"}
    for name, words in refused.items():
        assert words in hostile.row(name)["detail"]


def test_h21_h34_h45_a_page_that_is_cut_is_kept_and_marked(hostile):
    for name, why in {"021": "disconnect", "034": "length", "045": "time"}.items():
        row = hostile.row(name)
        with (hostile.out / row["warc_file"]).open("rb") as file:
            file.seek(row["warc_offset"])
            content = gzip.decompress(file.read(row["warc_length"]))
        assert f"\r\nWARC-Truncated: {why}\r\n".encode() in content.partition(b"\r\n\r\n")[0]
        assert row["detail"].startswith({"021": "disconnect", "034": "length", "045": "read_timeout"}[name])
    assert hostile.row("034")["wire_bytes"] == 1 << 20


def test_h35_a_bomb_is_not_unpacked_beyond_its_limit(hostile):
    for name in ("035-gzip", "035-br", "035-nested", "035-members"):
        row = hostile.row(name)
        assert row["decoded_bytes"] is None
        assert row["wire_bytes"] <= 1 << 20


def test_h37_a_connection_that_was_used_before_is_given_a_second_try_for_nothing(hostile):
    assert hostile.paths("037-reuse") == ["/", "/"]
    assert hostile.row("037-reuse")["hops"] == [hostile.url("037-reuse")]


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("038-self", ["/"]),
        ("038-pair", ["/", "/b"]),
        ("038-chain", ["/", "/1000", "/999", "/998", "/997"]),
        ("038-relative", ["/", "/page/1"]),
        ("038-break", ["/", "/page/1%20X-Injected:%20yes"]),
        ("038-file", ["/"]),
        ("038-port", ["/"]),
    ],
)
def test_h38_a_redirect_is_followed_so_far_and_on_one_line(hostile, name, paths):
    assert hostile.paths(name) == paths


def test_h38_a_redirect_to_another_host_is_a_url_of_its_own(hostile):
    row = hostile.rows["http://h-038-scheme-target.test/"]
    assert (row["outcome"], row["via"], row["wave"]) == ("dns_nxdomain", [hostile.url("038-scheme")], 1)
    assert not [url for url in hostile.rows if "127.0.0.1:22" in url]


def test_h39_a_pause_that_is_asked_for_does_not_hold_up_the_crawl(hostile):
    for name in EXPECTED["H39"]:
        assert hostile.paths(name) == ["/"]


def test_h39_a_host_that_asks_for_years_is_not_asked_again(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=hosts_of(EXPECTED["H39"]))) as web:
        urls = [web.url(host) for host in web.plan.hosts]
        done = call(*arguments(web, urls, tmp_path, **SETTINGS | {"waves": 2}))
        assert done.code == 0, done.err
        asked = Counter(entry.host for entry in web.ledger() if not entry.asks_robots)
    assert outcomes(tmp_path / "out") == dict.fromkeys(urls, "http_5xx")
    assert asked == {f"h-{name}.test": 1 if name == "039-far" else 2 for name in EXPECTED["H39"]}


def test_h40_a_cookie_is_not_sent_back(hostile):
    for path in ("/", "/second"):
        row = hostile.row("040-set", path)
        request = next(request for request in hostile.requests() if request.url == row["url"])
        assert request.head.startswith(f"GET {path} HTTP/1.1\r\n".encode())
        names = {line.partition(b":")[0].lower() for line in request.head.split(b"\r\n")[1:-2]}
        assert names == {b"host", b"user-agent", b"accept", b"accept-language", b"accept-encoding"}
    assert hostile.paths("040-refresh") == ["/"]


def test_h41_the_type_of_a_page_is_sniffed_and_both_are_told(hostile):
    types = {name: (hostile.row(name)["mime"], hostile.row(name)["mime_detected"]) for name in EXPECTED["H41"]}
    assert types == {"041-page": ("image/png", "text/html"), "041-image": ("text/html", "image/png")}


def test_h43_what_comes_after_a_body_is_not_stored_and_answers_no_other_request(hostile):
    first, second = hostile.row("043"), hostile.row("043", "/second")
    assert {first["outcome"], second["outcome"]} <= {"ok", "revisit"}
    assert sorted(hostile.paths("043")) == ["/", "/second"]
    whole = first if first["outcome"] == "ok" else second  # the other is the same page
    assert stored(hostile, whole).payload.endswith(b"</html>\n")
    assert first["payload_digest"] == second["payload_digest"]
    connections = [entry.connection for entry in hostile.asked["h-043.test"]]
    assert connections[2] != connections[1]  # robots.txt, then two pages


def test_h46_a_challenge_is_not_answered(hostile):
    assert hostile.paths("046") == ["/"]
