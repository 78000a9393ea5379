"""A crawl that is killed or interrupted: the same command again loses no URL, stores none twice, asks little again.

CURATE_KILLS sets how often it is killed (3).
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawled import PROCESSES, RULES, arguments, outcomes, rows
from judge import judge
from loopback.plan import Plan, ordinary
from loopback.process import running
from loopback.seeds import seeds
from processes import kill, left, start

from curate.crawl.planning import conservation
from curate.stage.record import read_stage

KILLS = int(os.environ.get("CURATE_KILLS", "3"))
QUICK = {"missing": 4, "allow": 3, "part": 2, "delay": 1}
COMMIT_S = 1.0
PLAN = Plan(hosts=ordinary(24, addresses=12, latency=0.01, seed=5, mix=QUICK), crawl_delay=0.5, patience=1.0)
pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("crawls")]


@pytest.fixture
def web(tmp_path):
    with running(tmp_path / "web", PLAN) as running_web:
        yield running_web


def words_of(web, folder: Path, per_host: int) -> tuple[list[str], set[str]]:
    """The command, and the URLs that it crawls, of which none leads to another: a chain cut short begins anew."""
    links = [seed.url for seed in seeds(web.plan, per_host, seed=5) if seed.fate in ("page", "closed")]
    urls = [url for url in links if "/redirect/" not in url and "/flaky/" not in url]
    settings = {"hosts_per_lot": 8, "commit_seconds": COMMIT_S, "retries": 0, "waves": 1}
    return arguments(web, urls, folder, **settings), set(urls)


def test_kill_9_at_random_moments(web, command, curate, call, tmp_path):
    """One outcome for each URL, each page stored once, and what is asked again was in flight or uncommitted."""
    words, urls = words_of(web, tmp_path, max(12, 4 * KILLS))
    words += PROCESSES
    draw, inside, out = random.Random("crawl"), 0, tmp_path / "out"
    for number in range(KILLS):
        mark = f"{tmp_path}-{number}"
        process = start(command(*words), mark)
        # Every third dies at any moment, planning and start-up included, the others while pages come in.
        moment = time.monotonic() + (draw.uniform(0.5, 6) if number % 3 == 2 else 60)
        asked = len(web.ledger()) + draw.randrange(5, 60)
        while process.poll() is None and len(web.ledger()) < asked and time.monotonic() < moment:
            time.sleep(0.02)
        inside += process.poll() is None
        kill(process.pid)
        process.communicate()
        assert left(mark) == {}
    done = curate(*words)
    assert done.code == 0, done.err
    assert outcomes(out).keys() == urls
    kept = [row for row in rows(out) if row["kept"]]
    assert len({(row["warc_file"], row["warc_offset"]) for row in kept}) == len(kept)
    assert call("verify", out).code == 0
    pages = Counter((entry.host, entry.path) for entry in web.ledger() if not entry.asks_robots)
    again = sum(times - 1 for times in pages.values())
    marked = sum(row["refetched"] for row in rows(out))
    most = len(web.plan.hosts) * (1 + (COMMIT_S + 1) / RULES.min_delay)  # a kill: what is in flight, and a window
    print(f"{inside} of {KILLS} kills before the end, {again} pages asked again, {marked} marked, {len(urls)} URLs")
    assert again <= inside * most
    assert marked <= again
    violations = [
        violation for violation in judge(web.ledger(), web.plan, RULES).violations if violation.kind != "robots_again"
    ]
    assert violations == []  # a robots.txt that was in flight when we were killed is asked for again


@pytest.mark.parametrize("processes", ["in one process", "in two"])
def test_an_interrupt_finishes_what_is_in_flight_and_the_same_command_goes_on(
    web, command, curate, call, tmp_path, processes
):
    words, urls = words_of(web, tmp_path, 6)
    words += PROCESSES if processes == "in two" else []
    process = subprocess.Popen(command(*words), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while len(web.ledger()) < 30 and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "the same command resumes" in said
    before = web.ledger()
    assert all(entry.status for entry in before)  # none was broken off
    done = (curate if processes == "in two" else call)(*words)
    assert done.code == 0, done.err
    assert outcomes(tmp_path / "out").keys() == urls
    pages = Counter((entry.host, entry.path) for entry in web.ledger() if not entry.asks_robots)
    assert max(pages.values()) == 1
    assert judge(web.ledger(), web.plan, RULES).violations == ()


def test_two_runs_into_one_folder_are_refused(web, command, call, tmp_path):
    words, _ = words_of(web, tmp_path, 4)
    process = subprocess.Popen(command(*words), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while not web.ledger():
            time.sleep(0.05)
        second = call(*words)
        assert second.code == 2
        assert "another run is writing there" in second.error
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        process.wait()


def test_pauses_may_change_under_way_but_other_links_need_another_folder(web, call, tmp_path):
    words, _ = words_of(web, tmp_path, 2)
    assert call(*words).code == 0
    asked = len(web.ledger())
    again = call(*words, "--set", "crawl.min_delay=0.7", "--set", "crawl.contact=other@operator.test")
    assert (again.code, len(web.ledger())) == (0, asked)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    limited = call(*words, "--set", "crawl.max_bytes=4096")
    assert (limited.code, "another crawl.max_bytes" in limited.error) == (2, True)
    fewer, _ = words_of(web, tmp_path, 1)
    other = call(*fewer)
    assert (other.code, "holds a crawl of other links" in other.error) == (2, True)
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert len(web.ledger()) == asked


@pytest.fixture(scope="module")
def crawled(call, tmp_path_factory):
    """A finished crawl; to be copied by whoever changes it."""
    folder = tmp_path_factory.mktemp("crawled")
    with running(folder / "web", PLAN) as web:
        words, _ = words_of(web, folder, 1)
        assert call(*words).code == 0
    assert [*conservation.faults(folder / "out", read_stage(folder / "out"))] == []
    return folder / "out"


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda row: {**row, "outcome": "fine"}, "no outcome is called 'fine'"),
        (lambda row: None, "have an outcome"),
        (lambda row: {**row, "warc_offset": 7}, "the record at 7"),
        (lambda row: {**row, "kept": not row["kept"]}, ""),
    ],
)
def test_verify_finds_what_breaks_the_law(crawled, tmp_path, harm, message):
    out = shutil.copytree(crawled, tmp_path / "out")
    path = out / "part-00000.parquet"
    table = pq.read_table(path)
    rows_now = sorted(table.to_pylist(), key=lambda row: not row["kept"])
    rows_then = [row for row in (harm(rows_now[0]), *rows_now[1:]) if row]
    pq.write_table(pa.Table.from_pylist(rows_then, schema=table.schema), path)
    faults = [*conservation.faults(out, read_stage(out))]
    assert faults
    assert any(message in fault for fault in faults), faults
