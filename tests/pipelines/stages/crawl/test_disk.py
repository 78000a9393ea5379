"""A crawl onto a disk that fills up, and two attempts at one lot: no page is lost, none is stored twice."""

import multiprocessing
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from crawled import CONTACT, arguments, outcomes, rows
from loopback.plan import Host, Plan
from loopback.process import running

from curate import settings
from curate.crawl.config import DECIDING, Crawl
from curate.crawl.planning.tables import as_tables
from curate.crawl.politeness import AddressGuard
from curate.crawl.targets import target
from curate.pipelines.stages import crawl
from curate.stage.plan import Plan as Stage
from curate.stage.record import begin_stage
from curate.storage.writing import write_record

PAGES = 4
PLAN = Plan(hosts=(Host(name="d.test", address="127.40.0.1"),))
pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("crawls")]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("a small file system needs the right to mount one")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(path: Path, left: int) -> None:
    """Write a file that leaves so many bytes of its file system free."""
    free = os.statvfs(path.parent)
    path.write_bytes(bytes(max(0, free.f_bavail * free.f_bsize - left)))


@pytest.mark.parametrize("left", [100_000, 600_000], ids=["before a page is asked for", "under way"])
def test_w97_a_full_disk_is_one_line_and_the_same_command_goes_on(curate, call, small_disk, left):
    with running(small_disk.parent / "web", PLAN) as web:
        urls = [web.url("d.test", f"/big/400?n={n}") for n in range(PAGES)]
        words = arguments(web, urls, small_disk, min_delay=0.1, commit_seconds=0.2)
        fill(small_disk / "filling", left)
        done = curate(*words)
        assert done.code == 1, (done.out, done.err)
        assert "No space left on device" in done.error
        assert bool(web.ledger()) == (left > 100_000)
        assert not (small_disk / "out" / "stage.json").exists()
        (small_disk / "filling").unlink()
        done = call(*words)
        assert done.code == 0, done.err
        assert outcomes(small_disk / "out") == dict.fromkeys(urls, "ok")
        asked = Counter(entry.path for entry in web.ledger())
    assert ("/big/400?n=0" in asked, max(asked.values()) <= 2) == (True, True)
    stored = rows(small_disk / "out")
    assert len({(row["warc_file"], row["warc_offset"]) for row in stored}) == PAGES
    assert call("verify", small_disk / "out").code == 0


def test_w97_a_full_disk_is_an_error_to_whoever_waits_for_an_address(small_disk):
    fill(small_disk / "filling", 100_000)
    with pytest.raises(OSError, match="No space left"):
        AddressGuard(small_disk / "addresses", delay=0.0, requests=1)


def test_w98_of_two_attempts_at_a_lot_one_fetches_and_the_other_finds_it_done(tmp_path):
    """As of a runner that starts a bundle twice."""
    with running(tmp_path / "web", PLAN) as web:
        urls = [web.url("d.test", f"/page/{n}") for n in range(6)]
        common = {"contact": CONTACT, "allow_networks": ("127.0.0.0/8",), "resolve": (f"@{web.resolve}",)}
        out, rules = tmp_path / "out", Crawl(min_delay=0.1, **common)
        rules = crawl.check(rules, out)
        table = settings.to_table(rules)
        stage = Stage(stage="crawl", folder=out, settings={name: table[name] for name in DECIDING}, items=())
        (out / "lots").mkdir(parents=True)
        tables = as_tables(target(url, "web") for url in urls)
        stage = crawl._with_wave(stage, tables, rules, 0, "web", crawl.Tally())
        begin_stage(stage)
        write_record(out / crawl.CONDUCT, table)
        context = multiprocessing.get_context("spawn")
        attempts = [context.Process(target=crawl.fetch_lot, args=(stage, stage.items[0])) for _ in range(2)]
        for process in attempts:
            process.start()
        for process in attempts:
            process.join()
        assert [process.exitcode for process in attempts] == [0, 0]
        asked = Counter(entry.path for entry in web.ledger())
    assert asked == dict.fromkeys(["/robots.txt", *(f"/page/{n}" for n in range(6))], 1)
    assert outcomes(out) == dict.fromkeys(urls, "ok")
    assert len([*(out / "warc").glob("*.warc.gz")]) == 1
