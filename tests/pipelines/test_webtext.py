"""The whole road of WebText on a real dump of submissions: votes to links, links to WARC, WARC to shards."""

import json
import socket

import pyarrow.parquet as pq
import pytest
import webtext
from judge import Rules, judge
from loopback.plan import Plan
from loopback.process import running
from loopback.seeds import host_name, hosts_of

from curate.loader import Loader

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("crawls")]


def may_bind(port):
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.10.0.1", port))
    except OSError:
        return False
    return True


def test_a_dump_s_links_are_crawled_and_become_shards_that_name_them(call, data, tmp_path):
    dump = data("reddit/RS_v2_2005-06.xz")
    if not (may_bind(80) and may_bind(443)):
        pytest.skip("the dump's links are on the ports 80 and 443, which may not be bound here")
    done = call("links", dump, "-o", tmp_path / "links", "--preset", "webtext")
    assert done.code == 0, done.err
    urls = [url for url in webtext.chosen(tmp_path / "links", 1000) if host_name(url)]
    assert len(urls) > 50
    with running(tmp_path / "web", Plan(hosts=hosts_of(urls), http=80, https=443)) as web:
        webtext.crawl(web, urls, tmp_path / "crawl", 0.05)
        verdict = judge(web.ledger(), web.plan, Rules(min_delay=0.05, address_delay=0.05))
    assert verdict.violations == ()
    outcomes = [row for part in (tmp_path / "crawl").glob("part-*.parquet") for row in pq.read_table(part).to_pylist()]
    assert sorted(row["url"] for row in outcomes) == sorted(set(urls))
    assert call("verify", tmp_path / "crawl").code == 0

    warcs = f'sources.webtext.inputs=["{tmp_path}/crawl/warc/*.warc.gz"]'
    done = call("run", "webtext", "-o", tmp_path / "dataset", "--set", warcs, "--set", "pack.valid_fraction=0")
    assert done.code == 0, done.err
    loader = Loader(tmp_path / "dataset" / "manifest.json", context=256, batch=2, seed=0)
    seen = {place.url for row in range(2) for place in loader.locate(0, row)}
    assert seen
    assert seen <= {row["url"] for row in outcomes if row["outcome"] == "ok"}
    manifest = json.loads((tmp_path / "dataset" / "manifest.json").read_text())
    assert manifest["sources"][0]["splits"]["train"]["documents"] > 0.8 * len(urls)
