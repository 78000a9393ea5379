"""The [crawl] table of a recipe: how a crawl asks for pages and which it keeps."""

import math
import re
from dataclasses import dataclass

from curate.crawl.addresses import parse_cidrs, parse_resolve
from curate.settings import check
from curate.web.optouts import Policy
from curate.web.robots import TOKEN

BROWSERS = re.compile(r"mozilla|chrome|safari|firefox|edge|opera|webkit|gecko|msie", re.I)
CONTACT = re.compile(r"https?://[^\s()]+\.[^\s()]+|(?:mailto:)?[^\s()@]+@[^\s()@]+\.[^\s()@]+")
LEAST_LEASE = 1.0  # (s); a holder looks four times a second whether to renew, and does so every quarter of a lease
LEAST_DELAY = 0.5  # (s); a shorter min_delay needs allow_networks that hold loopback addresses only

# The settings that decide which pages end up in the output. All others may change while a crawl is under way.
DECIDING = (
    *("agent", "types", "optouts", "tdmrep", "forbidden", "tls", "redirects", "waves", "max_urls_per_host"),
    *("max_bytes", "revisits", "max_decoded", "max_ratio", "hosts_per_lot"),
)

NOT_NEGATIVE = (
    "delay_factor",
    "address_delay",
    "defer_seconds",
    "max_defer",
    "max_wait",
    "retries",
    "redirects",
    "min_rate",
)
POSITIVE = ("connect_seconds", "first_byte_seconds", "idle_seconds", "total_seconds", "commit_seconds", "lease_seconds")
AT_LEAST_ONE = ("address_requests", "trouble", "waves", "hosts_per_lot", "connections", "max_ratio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crawl:
    """The settings of a crawl."""

    agent: str = "curate"  # the crawler's name (product token), as robots.txt files may state it
    contact: str = ""  # a page or mail address of who crawls, sent with each request; a crawl needs one
    language: str = "en,*;q=0.5"  # the Accept-Language of each request
    types: tuple[str, ...] = ("text/html", "application/xhtml+xml", "text/plain")  # media types that are kept
    optouts: Policy = Policy()  # which statements of a site against the use of its pages are obeyed
    tdmrep: bool = False  # also ask each site for /.well-known/tdmrep.json
    forbidden: str = "allow"  # a host that answers 401 or 403 to robots.txt is crawled ("allow") or not ("deny")
    tls: str = "verify"  # "verify" certificates, or "record" to accept invalid ones too
    authority: str = ""  # a file of certificates to trust instead of the system's
    allow_networks: tuple[str, ...] = ()  # CIDR networks that may be connected to although they are private or reserved
    resolve: tuple[str, ...] = ()  # addresses of hosts, HOST:PORT:ADDRESS or @FILE, as curl's --resolve
    min_delay: float = 1.0  # the shortest pause between two requests to a host (s)
    delay_factor: float = 5.0  # the pause is at least this many times the duration of the last answer
    max_delay: float = 30.0  # the longest pause that delay_factor or failures lead to (s)
    max_crawl_delay: float = 30.0  # a host whose robots.txt asks for a longer Crawl-delay is not asked for pages (s)
    address_delay: float = 0.25  # the shortest time between the starts of two requests to an IP address (s)
    address_requests: int = 2  # requests to an IP address at once
    max_wait: float = 60.0  # after a longer Retry-After, the host's other URLs wait for the next wave (s)
    trouble: int = 5  # failures in a row after which a host's other URLs wait for the next wave
    retries: int = 1  # further requests for a URL within a wave, after a failure that may pass
    waves: int = 3  # waves in which a URL is tried
    defer_seconds: float = 300.0  # a deferred URL is asked for again after this time at the earliest (s)
    max_defer: float = 4000.0  # a host that asks for a longer Retry-After is not asked again (s)
    redirects: int = 4  # redirects that are followed from a URL
    revisits: bool = True  # store a page that equals another of its lot byte for byte as a reference to that
    max_urls_per_host: int = 0  # URLs of a host that are asked for, most votes first; 0 is no limit
    hosts_per_lot: int = 500  # a lot is full once it has this many hosts
    connections: int = 1000  # requests of a lot at once
    connect_seconds: float = 10.0  # time to connect, TLS included (s)
    first_byte_seconds: float = 20.0  # time from the connection to the end of the header (s)
    idle_seconds: float = 10.0  # time without a byte of the body, after which it is cut (s)
    total_seconds: float = 60.0  # time for the whole request (s)
    min_rate: int = 1024  # a slower body is cut (bytes a second)
    min_rate_seconds: float = 15.0  # time from which on min_rate is required (s)
    max_bytes: int = 5 << 20  # of a body as sent, which is cut there (bytes)
    max_decoded: int = 20 << 20  # of a body without its content codings; a larger one is refused (bytes)
    max_ratio: int = 200  # decoded bytes per byte sent; above it, and above 1 MiB, a body is refused
    max_header: int = 32_000  # of a response's header fields (bytes)
    lease_seconds: float = 30.0  # on a store: a process that is not heard of for so long has lost its lot (s)
    commit_seconds: float = 60.0  # time after which a lot commits what it fetched (s)
    commit_bytes: int = 256 << 20  # of a WARC file, after which a lot commits what it fetched (bytes)

    def __post_init__(self) -> None:
        check(TOKEN.fullmatch(self.agent) is not None, f"agent is letters, - and _, got {self.agent!r}")
        check(not BROWSERS.search(self.agent), f"agent {self.agent!r} is a browser's name")
        reachable = not self.contact or CONTACT.fullmatch(self.contact) is not None
        check(reachable, f"contact is a URL or a mail address, got {self.contact!r}")
        check(self.forbidden in ("allow", "deny"), f"forbidden is allow or deny, got {self.forbidden!r}")
        check(self.tls in ("verify", "record"), f"tls is verify or record, got {self.tls!r}")
        networks = parse_cidrs(self.allow_networks)
        parse_resolve(entry for entry in self.resolve if not entry.startswith("@"))
        only_loopback = bool(networks) and all(network.is_loopback for network in networks)
        least = 0 if only_loopback else LEAST_DELAY
        check(self.min_delay >= least, f"min_delay is {LEAST_DELAY} or more, got {self.min_delay}")
        check(self.max_delay >= self.min_delay, f"max_delay {self.max_delay} is below min_delay {self.min_delay}")
        for name in NOT_NEGATIVE:
            value = getattr(self, name)
            check(0 <= value < math.inf, f"{name} is 0 or more, got {value}")
        for name in POSITIVE:
            check(0 < getattr(self, name) < math.inf, f"{name} is above 0, got {getattr(self, name)}")
        check(self.lease_seconds >= LEAST_LEASE, f"lease_seconds is {LEAST_LEASE:g} or more, got {self.lease_seconds}")
        for name in AT_LEAST_ONE:
            check(getattr(self, name) >= 1, f"{name} is 1 or more, got {getattr(self, name)}")
        check(1024 <= self.max_bytes <= self.max_decoded, "max_bytes lies in 1024..max_decoded")
        check(self.max_header <= 32_000, f"max_header is at most 32000, which readers take, got {self.max_header}")
