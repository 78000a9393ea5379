"""Names to addresses that may be connected to: one look at a name, checked, and nothing is looked up again after it."""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from curate.crawl.addresses import Network, denied, denied_host

TRIES, PATIENCE_S = 2, 5.0
KEEP_S, KEEP_FAILED_S = 600.0, 300.0
MOST = 16  # addresses of a name that are looked at
AT_ONCE = 64
NO_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


class RefusedAddress(OSError):
    """A name or address that is not connected to; `outcome` names why."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome, self.detail = outcome, detail


class Resolver(AbstractResolver):
    """Looks names up, in `pinned` first; where one address of a name is denied, the name is."""

    def __init__(self, pinned: Mapping[tuple[str, int], Sequence[str]], allowed: Sequence[Network]) -> None:
        self._pinned, self._allowed = pinned, allowed
        self._known: dict[str, tuple[float, str | RefusedAddress]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def address(self, host: str, port: int) -> str:
        """The address to connect to; Refused where there is none."""
        host = host.strip("[]").lower()
        if pinned := self._pinned.get((host, port)):
            return self._checked(host, pinned)
        until, found = self._known.get(host, (0.0, ""))
        if until < time.monotonic():
            found = await self._looked_up(host)
            keep = KEEP_FAILED_S if isinstance(found, RefusedAddress) else KEEP_S
            self._known[host] = (time.monotonic() + keep, found)
        if isinstance(found, RefusedAddress):
            raise RefusedAddress(found.outcome, found.detail)
        return found

    async def _looked_up(self, host: str) -> str | RefusedAddress:
        try:
            try:
                return self._checked(host, [str(ip_address(host))])
            except ValueError:
                if reason := denied_host(host):
                    raise RefusedAddress("ip_denied", f"{host}: {reason}") from None
                return self._checked(host, await self._asked(host))
        except RefusedAddress as error:
            return error

    async def _asked(self, host: str) -> list[str]:
        loop = asyncio.get_running_loop()
        outcome, detail = "dns_timeout", f"no answer in {PATIENCE_S:g} s"
        for _ in range(TRIES):
            try:
                async with self._slots, asyncio.timeout(PATIENCE_S):
                    infos = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
                found = [str(info[4][0]) for info in infos][:MOST]
                return sorted(dict.fromkeys(found), key=lambda each: ":" in each)
            except socket.gaierror as error:
                if error.errno in NO_NAME:
                    raise RefusedAddress("dns_nxdomain", str(error.strerror)) from None
                outcome, detail = "dns_servfail", str(error.strerror)
            except UnicodeError:
                raise RefusedAddress("dns_nxdomain", "not a name that DNS can hold") from None
            except TimeoutError:
                continue
        raise RefusedAddress(outcome, detail)

    def _checked(self, host: str, addresses: Sequence[str]) -> str:
        if not addresses:
            raise RefusedAddress("dns_no_address", host)
        for each in addresses:
            if reason := denied(each, self._allowed):
                raise RefusedAddress("ip_denied", f"{each}: {reason}")
        return addresses[0]

    def refused_literal(self, host: str) -> str:
        """Why a host that is an address may not be connected to; '' where it may, or is a name."""
        try:
            address = str(ip_address(host.strip("[]")))
        except ValueError:
            return ""
        reason = denied(address, self._allowed)
        return f"{address}: {reason}" if reason else ""

    def open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for an address that is about to be connected to, checked once more: literal ones come here only."""
        family, kind, protocol, _, where = info
        if reason := denied(str(where[0]), self._allowed):
            raise RefusedAddress("ip_denied", f"{where[0]}: {reason}")
        return socket.socket(family, kind, protocol)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """What aiohttp asks for."""
        address = await self.address(host, port)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=flags)]

    async def close(self) -> None:
        """Nothing is held."""
