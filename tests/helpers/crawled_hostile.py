"""A crawl of everything hostile that the loopback web has: what is asked, how, and what it left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawled import arguments, rows
from judge import Entry, Rules
from loopback.hostile import HOSTILE, TLS
from loopback.plan import Host, Plan, hostile
from loopback.process import Running, running
from loopback.robots import ROBOTS

from curate.warc.readback import Stored, read_all

FARM = 8  # hosts of one domain on one address
RULES = Rules(min_delay=0.1, factor=0.0, address_delay=0.25)
SETTINGS = {
    "min_delay": 0.1,
    "delay_factor": 0.0,
    "address_delay": 0.25,
    "defer_seconds": 0.0,
    "retries": 0,
    "waves": 1,  # what fails is at its end; redirects lead on all the same
    "connect_seconds": 3.0,
    "first_byte_seconds": 3.0,
    "idle_seconds": 3.0,
    "total_seconds": 20.0,
    "min_rate_seconds": 3.0,
    "max_bytes": 1 << 20,
    "max_crawl_delay": 1.0,
    "hosts_per_lot": 1000,
}
DENIED = (  # URLs of addresses that the table refuses, in the forms that hide them
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://0xa9.0xfe.0xa9.0xfe/latest/",
    "http://167772161/",
    "http://１９２.168.0.1/",
    "http://168.63.129.16/",
    "http://metadata.google.internal/",
    "http://inner.localhost/",
)
PINNED = ("mixed.test:{http}:127.30.1.1,10.0.0.1", "private.test:{http}:10.0.0.2", "mapped.test:{http}:::ffff:10.0.0.3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """A finished crawl: its web, its folder, its rows by URL, what the web was asked by host, and what was printed."""

    web: Running
    out: Path
    rows: dict[str, dict[str, Any]]
    asked: dict[str, list[Entry]]
    printed: str

    def url(self, name: str, path: str = "/") -> str:
        """The URL of a host of the list, by its number in it, or by its own name."""
        host = next(host for host in self.web.plan.hosts if host.name in (name, f"h-{name}.test"))
        return self.web.url(host, path, tls=bool(host.tls))

    def row(self, name: str, path: str = "/") -> dict[str, Any]:
        """The one row of a URL."""
        return self.rows[self.url(name, path)]

    def paths(self, name: str) -> list[str]:
        """Returns the paths that a host was asked for beside robots.txt, in order."""
        host = name if "." in name else f"h-{name}.test"
        return [entry.path for entry in self.asked.get(host, []) if not entry.asks_robots]

    def requests(self) -> Iterator[Stored]:
        """The requests in the WARC files."""
        for path in sorted((self.out / "warc").glob("*.warc.gz")):
            with path.open("rb") as file:
                yield from (record for record in read_all(file) if record.kind == "request")


def robots_host(kind: str) -> str:
    """The host whose robots.txt is of this kind."""
    return f"r-{kind.replace(' ', '-')}.test"


def hosts() -> tuple[Host, ...]:
    """A host for each hostile answer and each kind of robots.txt, and a farm of them on one address."""
    kinds = (Host(name=robots_host(k), address=f"127.14.0.{n}", robots=k) for n, k in enumerate(ROBOTS, 1))
    farm = (Host(name=f"s-{n}.farm.test", address="127.15.0.1") for n in range(FARM))
    return (*hostile((*HOSTILE, *TLS)), *kinds, *farm)


def urls(web: Running) -> list[str]:
    """Returns the URLs of the crawl: of each host, of pages that robots.txt may close, of what must not be fetched."""
    links = [web.url(host, tls=bool(host.tls)) for host in web.plan.hosts if not host.name.startswith("r-")]
    links += [web.url(robots_host(kind), path) for kind in ROBOTS for path in ("/page/1", "/private/1")]
    links += [web.url(name, "/second") for name in ("h-040-set.test", "h-043.test")]
    links += DENIED
    return [*links, *(f"http://{name.partition(':')[0]}:{web.plan.http}/" for name in PINNED)]


@contextmanager
def crawled(curate: Callable[..., Any], folder: Path) -> Iterator[Hostile]:
    """The crawl of `curate crawl` over all hostile hosts; nothing in it may end the command."""
    with running(folder / "web", Plan(hosts=hosts(), patience=0.5, crawl_delay=0.5)) as web:
        pinned = [word for template in PINNED for word in ("--resolve", template.format(http=web.plan.http))]
        done = curate(*arguments(web, urls(web), folder, **SETTINGS), *pinned)
        assert done.code == 0, done.err
        asked: dict[str, list[Entry]] = {}
        for entry in web.ledger():
            asked.setdefault(entry.host, []).append(entry)
        by_url = {row["url"]: row for row in rows(folder / "out")}
        yield Hostile(web=web, out=folder / "out", rows=by_url, asked=asked, printed=done.out + done.err)
