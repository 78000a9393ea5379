"""The plan of the loopback web: hosts with their manners, on addresses of 127/8, drawn from a seed."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from loopback.hostile import HOSTILE, TLS

# How often each kind of robots.txt is met among ordinary hosts, in 100.
MIX = {
    "missing": 30,
    "allow": 20,
    "part": 20,
    "none": 2,
    "forbidden": 3,
    "delay": 4,
    "delay too long": 2,
    "error": 3,
    "busy": 2,
    "silent": 1,
    "truncated": 1,
    "redirect": 4,
    "redirect loop": 1,
    "huge": 1,
    "endless": 1,
    "html": 1,
    "bom": 1,
    "signals": 1,
    "usage": 1,
    "named": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host: its address, the kind of its robots.txt (robots.py), its seconds before an answer.

    hostile: the answer that it gives to all else, of hostile.py. tls: "", "good", or a fault of TLS.
    """

    name: str
    address: str
    robots: str = "missing"
    latency: float = 0.0
    keep_alive: bool = True
    hostile: str = ""
    tls: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole web. pages: of each host. crawl_delay: what the kind "delay" asks for. patience: of slow answers.

    replay: files of pages to be answered as they are, JSON lines or WARC; any other URL is a made-up page.
    """

    hosts: tuple[Host, ...]
    pages: int = 10
    crawl_delay: float = 2.0
    patience: float = 5.0
    replay: tuple[str, ...] = ()
    http: int = 0
    https: int = 0
    anyone: tuple[str, ...] = field(default=())  # addresses for hosts that are not in the plan

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Plan":
        table = json.loads(path.read_text())
        table["hosts"] = tuple(Host(**row) for row in table["hosts"])
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in table.items()})

    def addresses(self) -> list[str]:
        return sorted({host.address for host in self.hosts} | set(self.anyone))


def share(seed: object, *names: object) -> float:
    """A number in [0, 1) that depends on these names alone."""
    content = "\0".join(map(str, (seed, *names))).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=6).digest(), "big") / 2**48


def address(number: int, net: int = 10) -> str:
    """The address of this number in 127.net/16."""
    return f"127.{net}.{number // 250}.{number % 250 + 1}"


def drawn(seed: object, name: str, mix: dict[str, int]) -> str:
    """One of the kinds, as often as the mix says."""
    left = share(seed, name) * sum(mix.values())
    for kind, weight in mix.items():
        left -= weight
        if left < 0:
            return kind
    return kind


def ordinary(
    count: int, *, seed: int = 0, addresses: int = 0, latency: float = 0.0, mix: dict[str, int] | None = None
) -> tuple[Host, ...]:
    """Hosts `site-0000.test` and so on, of which every twentieth keeps no connection open.

    addresses: how many they share, 0 for one each.
    """
    return tuple(
        Host(
            name=f"site-{number:04}.test",
            address=address(number % (addresses or count)),
            robots=drawn(seed, f"site-{number}", mix or MIX),
            latency=latency * (0.5 + 2 * share(seed, "latency", number) ** 3),
            keep_alive=number % 20 != 19,
        )
        for number in range(count)
    )


def hostile(ids: Iterable[str] = (*HOSTILE, *TLS)) -> tuple[Host, ...]:
    """A host for each hostile answer, `h-022-hex.test` for "022-hex", on an address of its own."""
    return tuple(
        Host(
            name=f"h-{name}.test",
            address=address(number, 11),
            hostile=name if name in HOSTILE else "",
            tls=name if name in TLS else "",
        )
        for number, name in enumerate(ids)
    )


def named(names: Iterable[str], *, addresses: int = 64, latency: float = 0.0, tls: bool = True) -> tuple[Host, ...]:
    """Hosts of these names, such as a dump's, that allow all and share addresses."""
    kind = "good" if tls else ""
    return tuple(
        Host(name=name, address=address(int(share("address", name) * addresses), 12), latency=latency, tls=kind)
        for name in sorted(set(names))
    )


def resolve_lines(plan: Plan) -> Iterator[str]:
    """Yields the lines of a file for `--resolve @FILE`: HOST:PORT:ADDRESS for each host and port."""
    for host in plan.hosts:
        yield f"{host.name}:{plan.http}:{host.address}"
        if host.tls:
            yield f"{host.name}:{plan.https}:{host.address}"


def url(plan: Plan, host: Host | str, path: str = "/", *, tls: bool = False) -> str:
    """The URL of a path, with the port where it is not the scheme's own."""
    name = host if isinstance(host, str) else host.name
    scheme, port, own = ("https", plan.https, 443) if tls else ("http", plan.http, 80)
    return f"{scheme}://{name}{'' if port == own else f':{port}'}{path}"
