"""A dump's links, crawled from a loopback web that plays their hosts, to shards: the whole road of WebText.

python tests/conformance/webtext.py DUMP… -o FOLDER [--most N]    # prints the funnel; binds ports 80 and 443

The pages are made up, as the real ones are not here; the hosts, paths and votes are the dump's. Every host has a
robots.txt of a kind drawn from the mix of the loopback web, and the judge looks at what was asked.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))

import pyarrow.parquet as pq
from judge import Rules, judge
from loopback.plan import MIX, Plan, drawn
from loopback.process import Running, running
from loopback.seeds import host_name, hosts_of

DELAY, CONTACT = 0.2, "https://example.org/replay"
# What makes a host wait for long is left out: with a pause of 0.2 s it would be all of the time.
QUICK = {kind: share for kind, share in MIX.items() if kind not in ("silent", "error", "busy", "endless", "truncated")}


def curate(*arguments: object) -> None:
    """Run a command; it may end with 1, some inputs having failed."""
    done = subprocess.run([sys.executable, "-m", "curate.cli", *map(str, arguments)])
    if done.returncode not in (0, 1):
        raise SystemExit(done.returncode)


def chosen(links: Path, most: int) -> list[str]:
    """At most so many fetch URLs of a links folder, in the order of its keys, which is none of their own."""
    parts = sorted(links.glob("part-*.parquet"))
    return [url for part in parts for url in pq.read_table(part, columns=["fetch_url"])["fetch_url"].to_pylist()][:most]


def crawl(web: Running, urls: Iterable[str], out: Path, delay: float) -> None:
    """Crawl these URLs from a web."""
    listed = out.parent / "urls.txt"
    listed.write_text("".join(f"{url}\n" for url in urls))
    pace = [f"crawl.{name}={delay}" for name in ("min_delay", "address_delay")]
    others = (f'crawl.authority="{web.authority}"', "crawl.defer_seconds=1")
    given = [word for setting in (*pace, *others) for word in ("--set", setting)]
    reach = ("--allow-network", "127.0.0.0/8", "--resolve", f"@{web.resolve}", "--contact", CONTACT)
    curate("crawl", listed, "-o", out, *reach, *given)


def main() -> None:
    """Links, crawl, judge, and the recipe on what was crawled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dumps", nargs="+", type=Path)
    parser.add_argument("-o", "--out", required=True, type=Path)
    parser.add_argument("--most", type=int, default=1_000_000)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    links, crawled = arguments.out / "links", arguments.out / "crawl"
    curate("links", *arguments.dumps, "-o", links, "--preset", "webtext")
    urls = [url for url in chosen(links, arguments.most) if host_name(url)]
    hosts = tuple(replace(host, robots=drawn(0, host.name, QUICK)) for host in hosts_of(urls, addresses=2000))
    with running(arguments.out / "web", Plan(hosts=hosts, http=80, https=443)) as web:
        crawl(web, urls, crawled, DELAY)
        verdict = judge(web.ledger(), web.plan, Rules(min_delay=DELAY, address_delay=DELAY))
    print(f"judge: {len(verdict.violations)} violations, efficiency {verdict.efficiency:.2f}", *verdict.violations[:5])
    curate("verify", crawled)
    warcs = f'sources.webtext.inputs=["{crawled}/warc/*.warc.gz"]'
    curate("run", "webtext", "-o", arguments.out / "dataset", "--set", warcs)
    curate("verify", arguments.out / "dataset")


if __name__ == "__main__":
    main()
