"""A crawl into S3 by several machines, of which one is lost: polite, each URL with one outcome, no page missing."""

import itertools
import tempfile
import time
from collections import Counter
from multiprocessing import get_context
from multiprocessing.context import ForkProcess as Process
from pathlib import Path

import pytest
from crawled import arguments
from judge import Rules, judge
from loopback.plan import Plan, ordinary
from loopback.process import running
from stores import s3

from curate import storage
from curate.crawl.planning.tables import as_tables
from curate.crawl.targets import target
from curate.pipelines.stages import crawl
from curate.recipe import load
from curate.stage.plan import Plan as Stage
from curate.stage.plan import load_plan
from curate.stage.record import begin_stage, read_stage
from curate.storage.writing import write_record
from curate.warc.readback import read_all

HOSTS, PAGES = 8, 6
PAUSES = {"min_delay": 0.2, "address_delay": 0.15}
LOST = {"lease_seconds": 1.5, "total_seconds": 1.0, "max_delay": 1.0, "max_crawl_delay": 1.0}
RULES = Rules(**PAUSES, max_delay=1.0)
PLAN = Plan(hosts=ordinary(HOSTS, addresses=3, seed=5, mix={"missing": 1, "allow": 1}), crawl_delay=0.3)
pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("crawls")]


@pytest.fixture(scope="module")
def store():
    with s3() as opened:
        yield opened


def planned(words: list[str], urls: list[str], out: Path) -> None:
    """Plans the first wave into a folder, as the launching process does before its workers begin."""
    settings = [word for flag, word in itertools.pairwise(words) if flag == "--set"]
    contact, network, resolve = (words[words.index(flag) + 1] for flag in ("--contact", "--allow-network", "--resolve"))
    own = f'crawl.contact="{contact}"', f'crawl.allow_networks=["{network}"]', f'crawl.resolve=["{resolve}"]'
    rules = crawl.check(load("quickstart", (*settings, *own)).crawl, out)
    table = crawl.settings.to_table(rules)
    deciding = {name: table[name] for name in crawl.DECIDING}
    stage = Stage(stage="crawl", folder=out, settings=deciding, items=())
    tables = as_tables(target(url, "web") for url in urls)
    begin_stage(stage := crawl._with_wave(stage, tables, rules, 0, "web", crawl.Tally()))
    write_record(out / crawl.CONDUCT, table)


def machine(folder: Path, out: Path, lots: tuple[int, ...]) -> Process:
    """Returns a worker of a machine with temporary files of its own; it fetches lots one after another."""

    def fetch() -> None:
        folder.mkdir()
        tempfile.tempdir = str(folder)
        plan = load_plan(storage.path(str(out)))
        for number in lots:
            crawl.fetch_lot(plan, plan.items[number])

    process = get_context("fork").Process(target=fetch)
    process.start()
    return process


def exchanges(out: Path) -> Counter[tuple[str, str]]:
    """How often each page lies in the WARC files of an output that its record names."""
    pages: Counter[tuple[str, str]] = Counter()
    for name in read_stage(out).outputs:
        if name.endswith(".warc.gz"):
            with (out / name).open("rb") as file:
                pages.update((one.url, one.payload_digest) for one in read_all(file) if one.kind == "response")
    return pages


def test_a_machine_that_is_lost_costs_no_url_and_no_pause(call, store, tmp_path):
    with running(tmp_path / "web", PLAN) as web:
        urls = [web.url(host, f"/page/{page}") for host in web.plan.hosts for page in range(PAGES)]
        settings = {**PAUSES, **LOST, "hosts_per_lot": 4, "commit_seconds": 0.5}
        words = arguments(web, urls, tmp_path, **settings)
        assert call(*words).code == 0
        before, out = len(web.ledger()), storage.path(f"{store.bucket}/crawl")
        words[words.index("-o") + 1] = str(out)
        planned(words, urls, out)
        first, second = (machine(tmp_path / name, out, lots) for name, lots in (("a", (0, 1)), ("b", (1, 0))))
        while len(web.ledger()) < before + 24:
            assert first.exitcode is None
            time.sleep(0.01)
        first.kill()
        first.join()
        second.join()
        assert (first.exitcode, second.exitcode) == (-9, 0)
        done = call(*words)
        assert done.code == 0, done.err
        requests = web.ledger()[before:]
    assert call("verify", out).code == 0
    assert exchanges(out) == exchanges(tmp_path / "out") == Counter(dict.fromkeys(exchanges(tmp_path / "out"), 1))
    assert read_stage(out).counts.kept == len(urls)
    assert any("-10000.warc.gz" in name for name in read_stage(out).outputs)  # another machine has gone on
    pages = Counter((entry.host, entry.path) for entry in requests)
    again = sum(times - 1 for times in pages.values())
    assert again <= 4 * (2 + (settings["commit_seconds"] + 0.5) / PAUSES["min_delay"])
    assert judge(requests, web.plan, RULES).violations == ()
    assert not [name for name in storage.sizes(out) if name.startswith("work/")]
