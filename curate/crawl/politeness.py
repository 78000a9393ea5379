"""When a host may be asked again: one request at a time, and a pause after each that grows with the host's trouble.

A state machine without a clock: whoever drives it says what time it is.
"""

from dataclasses import dataclass

from curate.crawl.config import Crawl

LAG_S = 0.05  # by which a host may see a request last longer than we do, as it counts five times
SPARE_S = 0.03  # on top of each pause, as a busy host may take note of a request's end after we do
MAX_RETRY_AFTER = 3600.0


@dataclass(slots=True)
class Host:
    """ready: when the next request may start. asked: what robots.txt asks for. failures: in a row."""

    ready: float = 0.0
    ended: float | None = None
    asked: float = 0.0
    failures: int = 0
    busy: bool = False


class Politeness:
    """The pauses of all hosts of a lot."""

    def __init__(self, rules: Crawl) -> None:
        self._rules = rules
        self._hosts: dict[str, Host] = {}

    def host(self, name: str) -> Host:
        """The state of a host."""
        return self._hosts.setdefault(name, Host())

    def ask_for_delay(self, name: str, seconds: float) -> None:
        """What the host's robots.txt asks for; it can only make the pauses longer."""
        host = self.host(name)
        host.asked = max(host.asked, seconds)
        if host.ended is not None:
            host.ready = max(host.ready, host.ended + _longer(host.asked))

    def hold(self, name: str, until: float) -> None:
        """Keep a host waiting at least until then."""
        host = self.host(name)
        host.ready = max(host.ready, until)

    def waiting(self, now: float) -> dict[str, float]:
        """The seconds that each host is yet to be left alone, of those that are."""
        return {name: host.ready - now for name, host in self._hosts.items() if host.ready > now}

    def wait(self, name: str, now: float) -> float:
        """Seconds until a request may start, 0 if it may now; RuntimeError while one is under way."""
        host = self.host(name)
        if host.busy:
            raise RuntimeError(f"{name} is being asked")
        return max(0.0, host.ready - now)

    def start(self, name: str, now: float) -> None:
        """A request starts; RuntimeError where that is too early."""
        if self.wait(name, now) > 0:
            raise RuntimeError(f"{name} may not be asked before {self.host(name).ready}, it is {now}")
        self.host(name).busy = True

    def end(self, name: str, now: float, seconds: float, *, failed: bool, retry_after: float | None = None) -> float:
        """The request that took so long ended now; the pause until the next."""
        host = self.host(name)
        host.busy, host.ended = False, now
        host.failures = host.failures + 1 if failed else 0
        pause = self._pause(host, seconds)
        if retry_after is not None:
            pause = max(pause, min(max(retry_after, 1.0), MAX_RETRY_AFTER))
        pause = _longer(pause)
        host.ready = max(host.ready, now + pause)
        return pause

    def _pause(self, host: Host, seconds: float) -> float:
        rules = self._rules
        adaptive = min(max(rules.delay_factor * (seconds + LAG_S), rules.min_delay), rules.max_delay)
        backed_off = min(rules.min_delay * 2**host.failures, rules.max_delay) if host.failures else 0.0
        return max(adaptive, backed_off, host.asked)

    def in_trouble(self, name: str) -> bool:
        """Has the host failed so often that it is left alone?"""
        return self.host(name).failures >= self._rules.trouble


def _longer(pause: float) -> float:
    return pause + SPARE_S
