"""Play captures as a web that can be crawled: `python -m loopback.play FOLDER WARC_OR_JSONL…`,
run in tests/servers.

Writes the plan and `links.txt`, every URL of the captures, into FOLDER and serves until it is told to end. The URLs are
those of the captures where the ports 80 and 443 may be bound, else `--any-port` moves them to free ones.
"""

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from loopback.plan import Plan, named, url
from loopback.replay import Replayed, table
from loopback.seeds import usable
from loopback.server import run


def plan_of(pages: dict[str, Replayed], files: list[Path], *, any_port: bool = False) -> Plan:
    """A web of the hosts of these pages, over TLS too where one of them was."""
    hosts = named({name for page in pages.values() if usable(name := urlsplit(page.url).hostname or "")})
    secure = {urlsplit(page.url).hostname for page in pages.values() if page.url.startswith("https:")}
    hosts = tuple(host if host.name in secure else replace(host, tls="") for host in hosts)
    ports = {} if any_port else {"http": 80, "https": 443}
    return Plan(hosts=hosts, replay=tuple(str(file.resolve()) for file in files), **ports)


def links(pages: dict[str, Replayed], plan: Plan) -> list[str]:
    """The URLs of the pages as they are on the ports of the plan."""
    urls = []
    for page in pages.values():
        parts = urlsplit(page.url)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        urls.append(url(plan, parts.hostname or "", path, tls=parts.scheme == "https"))
    return urls


def main() -> None:
    """Play the files until the process is told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--any-port", action="store_true")
    options = parser.parse_args()
    pages = table(options.files)
    plan = plan_of(pages, options.files, any_port=options.any_port)
    options.folder.mkdir(parents=True, exist_ok=True)
    plan.write(options.folder / "plan.json")

    def write_links(bound: Plan) -> None:
        (options.folder / "links.txt").write_text("".join(f"{link}\n" for link in links(pages, bound)))
        bound.write(options.folder / "plan.json")

    asyncio.run(run(options.folder, write_links))


if __name__ == "__main__":
    main()
