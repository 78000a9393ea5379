"""Names to addresses that may be connected to: a name is looked up and checked once, then its address is used."""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from curate.crawl.addresses import Network, denied, denied_host

TRIES, PATIENCE_S = 2, 5.0  # look-ups of a name, and the time that each may take
KEEP_S, KEEP_FAILED_S = 600.0, 300.0  # how long an address, or a failure, is used
MOST = 16  # addresses of a name that are checked
AT_ONCE = 64  # look-ups
NO_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


class RefusedAddress(OSError):
    """A name has no address that may be connected to; `outcome` names the reason."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome, self.detail = outcome, detail


class Resolver(AbstractResolver):
    """Looks names up, in `pinned` first; a name is refused where any of its addresses is denied."""

    def __init__(self, pinned: Mapping[tuple[str, int], Sequence[str]], allowed: Sequence[Network]) -> None:
        self._pinned, self._allowed = pinned, allowed
        self._results: dict[str, tuple[float, str | RefusedAddress]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def address(self, host: str, port: int) -> str:
        """Returns the address to connect to; raises RefusedAddress where there is none."""
        host = host.strip("[]").lower()
        if pinned := self._pinned.get((host, port)):
            return self._check(host, pinned)
        until, result = self._results.get(host, (0.0, ""))
        if until < time.monotonic():
            result = await self._look_up(host)
            keep = KEEP_FAILED_S if isinstance(result, RefusedAddress) else KEEP_S
            self._results[host] = (time.monotonic() + keep, result)
        if isinstance(result, RefusedAddress):
            raise RefusedAddress(result.outcome, result.detail)
        return result

    async def _look_up(self, host: str) -> str | RefusedAddress:
        """Returns the address of a host, which may be one itself, or the reason why there is none."""
        try:
            try:
                return self._check(host, [str(ip_address(host))])
            except ValueError:
                if reason := denied_host(host):
                    raise RefusedAddress("ip_denied", f"{host}: {reason}") from None
                return self._check(host, await self._query(host))
        except RefusedAddress as error:
            return error

    async def _query(self, host: str) -> list[str]:
        """Returns the addresses that DNS has for a host, v4 before v6."""
        loop = asyncio.get_running_loop()
        outcome, detail = "dns_timeout", f"no answer in {PATIENCE_S:g} s"
        for _ in range(TRIES):
            try:
                async with self._slots, asyncio.timeout(PATIENCE_S):
                    infos = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
                addresses = [str(info[4][0]) for info in infos][:MOST]
                return sorted(dict.fromkeys(addresses), key=lambda address: ":" in address)
            except socket.gaierror as error:
                if error.errno in NO_NAME:
                    raise RefusedAddress("dns_nxdomain", str(error.strerror)) from None
                outcome, detail = "dns_servfail", str(error.strerror)
            except UnicodeError:
                raise RefusedAddress("dns_nxdomain", "not a name that DNS can hold") from None
            except TimeoutError:
                continue
        raise RefusedAddress(outcome, detail)

    def _check(self, host: str, addresses: Sequence[str]) -> str:
        """Returns the first address; raises RefusedAddress where there is none, or any is denied."""
        if not addresses:
            raise RefusedAddress("dns_no_address", host)
        for address in addresses:
            if reason := denied(address, self._allowed):
                raise RefusedAddress("ip_denied", f"{address}: {reason}")
        return addresses[0]

    def refused_literal(self, host: str) -> str:
        """Returns why a host that is an address may not be connected to; '' where it may, or is a name."""
        try:
            address = str(ip_address(host.strip("[]")))
        except ValueError:
            return ""
        reason = denied(address, self._allowed)
        return f"{address}: {reason}" if reason else ""

    def open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Returns a socket for an address, checked again: addresses that stand in a URL are checked only here."""
        family, kind, protocol, _, (address, *_) = info
        if reason := denied(str(address), self._allowed):
            raise RefusedAddress("ip_denied", f"{address}: {reason}")
        return socket.socket(family, kind, protocol)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Returns the address of a host in the form that aiohttp wants."""
        address = await self.address(host, port)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=flags)]

    async def close(self) -> None:
        """Does nothing, as nothing is held open."""
