"""A crawl into S3 by the executors of a Spark cluster, of which one is killed: polite, each URL with one outcome."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ways import Way, cluster, skip_or_fail

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))

from crawled import arguments
from judge import Rules, judge
from loopback.plan import Plan, ordinary
from loopback.process import running
from stores import s3

from curate import storage
from curate.stage.record import read_stage

HOSTS, PAGES, PACE = 12, 6, 0.3
PATIENCE_S = 240
LOST = {"lease_seconds": 4.0, "total_seconds": 3.0, "max_delay": 1.0, "max_crawl_delay": 1.0, "commit_seconds": 0.5}
PLAN = Plan(hosts=ordinary(HOSTS, addresses=4, seed=5, mix={"missing": 1, "allow": 1}), crawl_delay=0.3)


def executor_of(folder: Path) -> int:
    """Returns the process id of an executor that works in a folder of the cluster's workers, once there is one."""
    over = time.monotonic() + PATIENCE_S
    while time.monotonic() < over:
        pids = subprocess.run(["pgrep", "-f", "CoarseGrainedExecutorBackend"], capture_output=True, text=True).stdout
        for pid in pids.split():
            if os.path.realpath(f"/proc/{pid}/cwd").startswith(str(folder)):
                return int(pid)
        time.sleep(0.1)
    raise RuntimeError("no executor has started")


def test_a_crawl_into_s3_by_a_spark_cluster_that_loses_an_executor(curate, command, tmp_path, row):
    way = Way("spark crawl", (), needs="spark")
    if reason := way.absent():
        skip_or_fail(way.name, reason)
    with s3() as store, running(tmp_path / "web", PLAN) as web:
        with cluster(tmp_path) as (options, _):
            urls = [web.url(host, f"/page/{page}") for host in web.plan.hosts for page in range(PAGES)]
            words = arguments(web, urls, tmp_path, min_delay=PACE, address_delay=PACE, hosts_per_lot=3, **LOST)
            out = storage.path(f"{store.bucket}/crawl")
            words[words.index("-o") + 1] = str(out)
            words += ["--runner", "spark", "--workers", "2", *options]
            with subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as crawl:
                over = time.monotonic() + PATIENCE_S
                while len(web.ledger()) < HOSTS * PAGES / 3 and time.monotonic() < over and crawl.poll() is None:
                    time.sleep(0.05)
                os.kill(executor_of(tmp_path / "cluster" / "work-0"), signal.SIGKILL)
                text, _ = crawl.communicate(timeout=PATIENCE_S)
            assert crawl.returncode == 0, text.decode()
        requests = web.ledger()
        done = curate("verify", out)
        assert done.code == 0, done.err
        assert read_stage(out).counts.kept == len(urls)
    verdict = judge(requests, web.plan, Rules(min_delay=PACE, address_delay=PACE, max_delay=1.0))
    assert verdict.violations == ()
    row(way.name, "polite, whole", f"{len(requests)} requests for {len(urls)} pages")
