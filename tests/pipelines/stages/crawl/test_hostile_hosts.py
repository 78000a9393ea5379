"""Hostile robots.txt, addresses and names in a whole crawl, by their number, and what the crawl leaves behind."""

import re
import ssl
from collections import Counter

import pytest
from crawled import arguments, outcomes, rows
from crawled_hostile import DENIED, FARM, PINNED, RULES, SETTINGS, robots_host
from fastwarc.warc import ArchiveIterator
from judge import judge
from loopback.hostile import TLS
from loopback.plan import Plan
from loopback.plan import hostile as hosts_of
from loopback.process import running
from loopback.robots import ROBOTS

from curate.crawl.fetch import tls_context

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("crawls")]

OPEN, CLOSED = ("ok", "ok"), ("robots_disallow", "robots_disallow")
PART, AWAY = ("ok", "robots_disallow"), ("robots_unreachable", "robots_unreachable")
# By number: kinds of robots.txt, and what becomes of /page/1 and /private/1 under it.
ROBOTS_TXT = {
    "R52": {"bom": PART},
    "R56": {"huge": PART},
    "R57": {"endless": PART, "bomb": PART, "gzip": PART, "slow": AWAY, "truncated": AWAY},
    "R58": dict.fromkeys(("error", "busy", "too many", "silent", "reset"), AWAY),
    "R59": dict.fromkeys(("missing", "gone", "forbidden"), OPEN),
    "R60": {"redirect": PART, "redirect too long": OPEN, "redirect loop": OPEN, "redirect inward": AWAY},
    "R61": {"html": OPEN},
    "R64": {"usage": ("optout_content_usage", "optout_content_usage")},
    "R65": {"delay": PART, "delay too long": ("robots_delay_too_long", "robots_delay_too_long")},
    "others": {
        **{"allow": OPEN, "empty": OPEN, "part": PART, "named": PART, "none": CLOSED},
        "signals": ("optout_content_signal", "robots_disallow"),
    },
}


def test_every_kind_of_robots_txt_is_met():
    assert {kind for kinds in ROBOTS_TXT.values() for kind in kinds} == ROBOTS.keys()


@pytest.mark.parametrize("number", ROBOTS_TXT)
def test_a_robots_txt_closes_what_it_should(hostile, number):
    for kind, expected in ROBOTS_TXT[number].items():
        pair = [hostile.row(robots_host(kind), path) for path in ("/page/1", "/private/1")]
        assert tuple(row["outcome"] for row in pair) == expected, kind
        asked = {path for path, row in zip(("/page/1", "/private/1"), pair, strict=True) if row["status"]}
        assert set(hostile.paths(robots_host(kind))) == asked


def test_r57_no_more_of_a_robots_txt_than_500_kib_is_read(hostile):
    for kind in ("endless", "bomb"):
        (entry,) = hostile.asked[robots_host(kind)][:1]
        assert entry.asks_robots
        assert entry.end < hostile.asked[robots_host(kind)][1].start  # we hung up: of itself it would not end


@pytest.mark.parametrize("number", ["U2", "U3", "D47"])
def test_a_denied_address_is_not_connected_to_whatever_form_it_has(hostile, number):
    named = [url for url in hostile.rows if any(f"//{name.partition(':')[0]}:" in url for name in PINNED)]
    literal = [url for url, row in hostile.rows.items() if row["outcome"] == "ip_denied" and url not in named]
    assert (len(named), len(literal)) == (len(PINNED), len(DENIED))
    for url in named if number == "D47" else [url for url in literal if ("[" in url) == (number == "U3")]:
        row = hostile.rows[url]
        assert (row["outcome"], row["hops"], row["ip"]) == ("ip_denied", [], None)
    assert not any(name.partition(":")[0] in hostile.asked for name in PINNED)


def test_d51_a_farm_of_hosts_on_one_address_is_asked_at_the_pace_of_the_address(hostile):
    farm = [row for url, row in hostile.rows.items() if ".farm.test" in url]
    assert [row["outcome"] for row in farm] == ["ok"] * FARM
    assert len({row["lot"] for row in farm}) == 1
    starts = sorted(entry.start for n in range(FARM) for entry in hostile.asked[f"s-{n}.farm.test"])
    assert len(starts) == 2 * FARM
    assert starts[-1] - starts[0] >= 0.8 * SETTINGS["address_delay"] * (len(starts) - 1)


def test_hostile_hosts_are_asked_politely_too(hostile):
    kinds = judge(hostile.web.ledger(), hostile.web.plan, RULES).kinds
    timed = {"delay", "address_delay"}  # so short that they are lost in the noise of all that goes on
    assert kinds.keys() <= timed


def test_h44_tls_that_is_recorded_and_not_verified_is_asked_whatever_the_certificate_says(call, tmp_path):
    with running(tmp_path / "web", Plan(hosts=hosts_of(TLS), patience=0.5)) as web:
        urls = {web.url(host, tls=True): host.tls for host in web.plan.hosts}
        done = call(*arguments(web, [*urls], tmp_path, **SETTINGS, tls="record"))
        assert done.code == 0, done.err
    by_kind = {urls[url]: outcome for url, outcome in outcomes(tmp_path / "out").items()}
    broken = dict.fromkeys(("036-tls", "044-old", "044-garbage", "044-stall"), "robots_unreachable")
    assert by_kind == {**dict.fromkeys(("044-expired", "044-self-signed", "044-wrong-host"), "ok"), **broken}


@pytest.mark.parametrize("policy", ["verify", "record"])
def test_h44_a_server_cannot_make_us_shake_hands_again(policy):
    assert tls_context(policy).options & ssl.OP_NO_RENEGOTIATION


def test_nothing_went_wrong_on_our_side(hostile):
    assert "internal_error" not in {row["outcome"] for row in hostile.rows.values()}


def test_extract_reads_every_page_that_was_kept_and_verify_finds_no_fault(hostile, call, tmp_path):
    done = call("extract", hostile.out, "-o", tmp_path / "out", "--all-languages")
    assert done.code == 0, done.err
    kept = sorted(row["final_url"] for row in hostile.rows.values() if row["kept"])
    assert sorted(row["url"] for row in [*rows(tmp_path / "out"), *rows(tmp_path / "out", "rejected")]) == kept
    assert rows(tmp_path / "out", "failed") == []
    done = call("verify", hostile.out)
    assert done.code == 0, done.err


def test_every_record_is_read_by_fastwarc_as_it_is_set_by_default(hostile):
    kinds = Counter()
    for path in (hostile.out / "warc").glob("*.warc.gz"):
        with path.open("rb") as file:
            kinds.update(record.headers["WARC-Type"] for record in ArchiveIterator(file))
            file.seek(0)
            assert all(record.verify_block_digest() for record in ArchiveIterator(file, parse_http=False))
    kept = sum(row["kept"] for row in hostile.rows.values())
    assert kinds["response"] + kinds["revisit"] == kinds["request"] == kept > 30


def test_w99_no_name_of_a_file_comes_from_the_web(hostile):
    names = {str(path.relative_to(hostile.out)) for path in hostile.out.rglob("*") if path.is_file()}
    own = r"(part|rejected|deferred)-\d{5}\.parquet|(stage|crawl|plan|receipts)\.json|lots/\d{5}\.parquet"
    warcs = r"warc/crawl-\d-[0-9a-f]{16}-\d{5}\.warc\.gz(\.cdxj)?|work/.*|\.lock"
    assert [name for name in names if not re.fullmatch(f"{own}|{warcs}", name)] == []


def test_w100_a_terminal_is_shown_no_control_characters(hostile, call):
    row = hostile.row("031-escape")
    assert "\x1b[2J" in row["detail"]
    done = call("why", hostile.out, row["url"])
    assert done.code == 0
    assert r"\x1b[2J" in done.out
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.out + done.err + hostile.printed)
