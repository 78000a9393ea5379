"""What decides how a crawl asks and what it keeps."""

import math
import re
from dataclasses import dataclass

from curate.crawl.addresses import parse_cidrs, parse_resolve
from curate.settings import check
from curate.web.optouts import Policy
from curate.web.robots import TOKEN

BROWSERS = re.compile(r"mozilla|chrome|safari|firefox|edge|opera|webkit|gecko|msie", re.I)
CONTACT = re.compile(r"https?://[^\s()]+\.[^\s()]+|(?:mailto:)?[^\s()@]+@[^\s()@]+\.[^\s()@]+")
LEAST_DELAY = 0.5  # below it, all that may be connected to must be opened by allow_networks

# What of the settings decides which pages end up in the output; all else may change while a crawl is under way.
DECIDING = (
    *("agent", "types", "optouts", "tdmrep", "forbidden", "tls", "redirects", "waves", "max_urls_per_host"),
    *("max_bytes", "revisits", "max_decoded", "max_ratio", "hosts_per_lot"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crawl:
    """How pages are asked for; times in seconds, sizes in bytes.

    agent: the product token that robots.txt knows us by. contact: a page or an address of who asks, required.
    delay_factor: of the last answer's duration, up to max_delay. A Crawl-delay above max_crawl_delay ends a host's
    URLs. max_wait: the longest Retry-After that is waited for in a wave. retries: of a URL within a wave. waves: in how
    many a URL is tried. trouble: failures in a row after which a host is left alone until the next wave, in which it is
    asked after defer_seconds; a host that asks for more than max_defer is not asked again. forbidden: whether a
    robots.txt of 401 or 403 lets us in. tls: "verify", or "record" to fetch whatever the certificate says; authority: a
    file of certificates to trust instead of the system's. allow_networks: addresses that may be connected to although
    the table refuses them. resolve: HOST:PORT:ADDRESS or @FILE, as curl's. max_urls_per_host: 0 is no limit.
    revisits: a page that another of its lot equals byte for byte is stored as a reference to that.
    """

    agent: str = "curate"
    contact: str = ""
    language: str = "en,*;q=0.5"
    types: tuple[str, ...] = ("text/html", "application/xhtml+xml", "text/plain")
    optouts: Policy = Policy()
    tdmrep: bool = False
    forbidden: str = "allow"
    tls: str = "verify"
    authority: str = ""
    allow_networks: tuple[str, ...] = ()
    resolve: tuple[str, ...] = ()
    min_delay: float = 1.0
    delay_factor: float = 5.0
    max_delay: float = 30.0
    max_crawl_delay: float = 30.0
    address_delay: float = 0.25
    address_requests: int = 2
    max_wait: float = 60.0
    trouble: int = 5
    retries: int = 1
    waves: int = 3
    defer_seconds: float = 300.0
    max_defer: float = 4000.0
    redirects: int = 4
    revisits: bool = True
    max_urls_per_host: int = 0
    hosts_per_lot: int = 500
    connections: int = 1000
    connect_seconds: float = 10.0
    first_byte_seconds: float = 20.0
    idle_seconds: float = 10.0
    total_seconds: float = 60.0
    min_rate: int = 1024
    min_rate_seconds: float = 15.0
    max_bytes: int = 5 << 20
    max_decoded: int = 20 << 20
    max_ratio: int = 200
    max_header: int = 32_000
    commit_seconds: float = 60.0
    commit_bytes: int = 256 << 20

    def __post_init__(self) -> None:
        check(TOKEN.fullmatch(self.agent) is not None, f"agent is letters, - and _, got {self.agent!r}")
        check(not BROWSERS.search(self.agent), f"agent {self.agent!r} is a browser's name")
        told = not self.contact or CONTACT.fullmatch(self.contact) is not None
        check(told, f"contact is a URL or a mail address, got {self.contact!r}")
        check(self.forbidden in ("allow", "deny"), f"forbidden is allow or deny, got {self.forbidden!r}")
        check(self.tls in ("verify", "record"), f"tls is verify or record, got {self.tls!r}")
        networks = parse_cidrs(self.allow_networks)
        parse_resolve(each for each in self.resolve if not each.startswith("@"))
        free = bool(networks) and all(each.is_loopback for each in networks)
        check(
            self.min_delay >= (0 if free else LEAST_DELAY), f"min_delay is {LEAST_DELAY} or more, got {self.min_delay}"
        )
        check(self.max_delay >= self.min_delay, f"max_delay {self.max_delay} is below min_delay {self.min_delay}")
        for name in (
            "delay_factor",
            "address_delay",
            "defer_seconds",
            "max_defer",
            "max_wait",
            "retries",
            "redirects",
            "min_rate",
        ):
            value = getattr(self, name)
            check(0 <= value < math.inf, f"{name} is 0 or more, got {value}")
        for name in ("connect_seconds", "first_byte_seconds", "idle_seconds", "total_seconds", "commit_seconds"):
            check(0 < getattr(self, name) < math.inf, f"{name} is above 0, got {getattr(self, name)}")
        for name in ("address_requests", "trouble", "waves", "hosts_per_lot", "connections", "max_ratio"):
            check(getattr(self, name) >= 1, f"{name} is 1 or more, got {getattr(self, name)}")
        check(1024 <= self.max_bytes <= self.max_decoded, "max_bytes lies in 1024..max_decoded")
        check(self.max_header <= 32_000, f"max_header is at most 32000, which readers take, got {self.max_header}")
