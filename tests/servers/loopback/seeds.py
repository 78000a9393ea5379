"""Lists of links to crawl: a mix over ordinary hosts with the known fate of each, and a dump's own links."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from loopback.plan import Host, Plan, drawn, named, url
from loopback.robots import ROBOTS

# How often each path is met, in 1,000, and what becomes of it where robots.txt lets it be asked for.
PATHS = {
    "/page/{}": (700, "page"),
    "/coded/gzip/{}": (60, "page"),
    "/chunked/{}": (40, "page"),
    "/status/404?n={}": (80, "missing"),
    "/status/500?n={}": (15, "error"),
    "/status/410?n={}": (5, "missing"),
    "/status/429?after=1&n={}": (5, "error"),
    "/flaky/1/{}?after=1": (10, "page"),
    "/redirect/2?n={}": (15, "page"),
    "/loop/a?n={}": (5, "loop"),
    "/private/{}": (15, "page"),
    "/same/{}": (15, "page"),
    "/optout/noai/{}": (5, "optout"),
    "/optout/meta-noai/{}": (5, "optout"),
    "/image/{}": (10, "unwanted"),
    "/broken/reset/{}": (5, "broken"),
    "/broken/truncated/{}": (5, "broken"),
    "/calendar/2026/{}": (5, "page"),
}
ODDS = {path: weight for path, (weight, _) in PATHS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A link and its fate: page, missing, error, loop, optout, unwanted, broken, or closed by robots.txt."""

    url: str
    fate: str


def seeds(plan: Plan, per_host: int, *, seed: int = 0) -> list[Seed]:
    """So many links to each ordinary host, the same for the same seed."""
    return [made(plan, host, number, seed) for host in plan.hosts if not host.hostile for number in range(per_host)]


def made(plan: Plan, host: Host, number: int, seed: int) -> Seed:
    path = drawn(seed, f"{host.name} {number}", ODDS)
    numbered = path.format(number + 1)
    closed = numbered.startswith(ROBOTS[host.robots].closed)
    return Seed(url=url(plan, host, numbered, tls=bool(host.tls)), fate="closed" if closed else PATHS[path][1])


def hosts_of(urls: Iterable[str], *, addresses: int = 64, latency: float = 0.0) -> tuple[Host, ...]:
    """The hosts of a dump's links, for a web on the ports 80 and 443 that answers each with a made-up page."""
    return named({name for name in map(host_name, urls) if name}, addresses=addresses, latency=latency)


def host_name(link: str) -> str:
    """The host of a link over HTTP on its scheme's own port, '' of any other."""
    try:
        parts = urlsplit(link)
        own = parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme))
    except ValueError:
        return ""
    name = (parts.hostname or "").rstrip(".")
    return name if own and parts.scheme in ("http", "https") and usable(name) else ""


def usable(name: str) -> bool:
    """Tells whether a resolve file can name this host: ASCII with a dot, and no address."""
    labels = name.split(".")
    return name.isascii() and len(labels) > 1 and all(labels) and not labels[-1].isdigit() and ":" not in name


def lines(links: Iterable[Seed]) -> Iterator[str]:
    """A list of links, one a line."""
    return (f"{link.url}\n" for link in links)
