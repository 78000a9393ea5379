"""One connection to the loopback web: requests read one after another, each answered and entered into the ledger."""

import asyncio
import math
import socket
import struct
import time
from itertools import count
from typing import Any

from loopback.acts import ACTS, drops
from loopback.answers import Answer, redirect
from loopback.hostile import LOCATIONS, OPEN, answer, good
from loopback.replay import key
from loopback.robots import hop, robots

NUMBERS = count(1)
MAX_HEAD = 1 << 16
PIECE = 1 << 15
SINCE_DATA, SINCE_ACK = 52, 56  # where Linux's tcp_info holds the milliseconds since the last of either came
TICK_S = 0.01  # how coarse they are


class Gone(Exception):
    """The client closed the connection."""


def came(transport: Any, field: int) -> float:
    """Returns when the system took in the last data or ack of the client, which a busy server may notice later."""
    now = time.monotonic()
    if not hasattr(socket, "TCP_INFO"):
        return now
    try:
        info = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SINCE_ACK + 4)
    except (AttributeError, OSError):
        return now
    return now - struct.unpack_from("I", info, field)[0] / 1000 - TICK_S


class Link(asyncio.Protocol):
    """The server's side of a connection; `web` holds what all of them share."""

    def __init__(self, web: Any, scheme: str) -> None:
        self.web, self.scheme, self.number = web, scheme, next(NUMBERS)
        self.patience: float = web.plan.patience
        self.requests, self.keep, self.sent = 0, True, 0
        self._held, self._came, self._began, self._handed, self._gone = b"", 0.0, 0.0, 0.0, math.inf
        self._more, self._room, self._lost = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self.scheme == "http":  # over TLS asyncio would tell that there is room at the next request only
            transport.set_write_buffer_limits(0)
        self._address = transport.get_extra_info("sockname")[0]
        self._port = transport.get_extra_info("sockname")[1]
        self._task = self.web.started(self.serve())

    def data_received(self, data: bytes) -> None:
        if not self._held:
            self._came, self._began = came(self._transport, SINCE_DATA), time.monotonic()
        self._held += data
        self._more.set()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def eof_received(self) -> bool:
        self._gone = min(self._gone, came(self._transport, SINCE_ACK))
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._gone = min(self._gone, came(self._transport, SINCE_ACK))
        for event in (self._lost, self._more, self._room):
            event.set()

    async def send(self, content: bytes) -> None:
        """Write, and wait until the system has taken it; Gone where nobody reads."""
        for start in range(0, len(content), PIECE) if len(content) > PIECE else (0,):
            if self._lost.is_set() or self._transport.is_closing():
                raise Gone
            piece = content[start : start + PIECE] if len(content) > PIECE else content
            self._handed = time.monotonic()
            self._transport.write(piece)
            self.sent += len(piece)
            await self._room.wait()
            await asyncio.sleep(0)  # for the others: a socket with room would never let go
        if self._lost.is_set():
            raise Gone

    async def pause(self, seconds: float) -> None:
        """Wait; Gone as soon as the client closes."""
        try:
            await asyncio.wait_for(self._lost.wait(), seconds)
        except TimeoutError:
            self._handed = time.monotonic()
            return
        raise Gone

    def abort(self) -> None:
        """Reset the connection."""
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # of no seconds: sends RST
        self._transport.abort()

    async def serve(self) -> None:
        """Answer requests until one ends the connection."""
        try:
            while self.keep:
                while (end := self._held.find(b"\r\n\r\n")) < 0:
                    if self._lost.is_set() or len(self._held) > MAX_HEAD:
                        return
                    self._more.clear()
                    await self._more.wait()
                head, self._held = self._held[:end], self._held[end + 4 :]
                times = {"came": self._came, "start": self._began}
                self._came = self._began = time.monotonic()
                await self._request(head.decode("latin-1"), times)
        except Gone:
            return
        finally:
            self._transport.close()

    async def _request(self, head: str, times: dict[str, float]) -> None:
        first, *lines = head.split("\r\n")
        words = first.split(" ")
        path = words[1] if len(words) > 1 else "/"
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        host = fields.get("host", "").partition(":")[0].lower()
        entry = {**times, "scheme": self.scheme, "host": host, "port": self._port, "address": self._address}
        entry |= {"path": path, "method": words[0], "agent": fields.get("user-agent", ""), "connection": self.number}
        entry |= {"status": None, "retry_after": None}
        self.requests += 1
        self.keep, self.sent = False, 0
        whole = False
        try:
            await self._respond(host, path, fields, entry)
            whole = True
        finally:
            end = min(self._handed if whole else time.monotonic(), self._gone)
            self.web.enter(entry | {"end": max(end, times["came"]), "sent": self.sent})

    async def _respond(self, host: str, path: str, fields: dict[str, str], entry: dict[str, Any]) -> None:
        site = self.web.hosts.get(host)
        if site and site.hostile and path != "/robots.txt":
            await self._hostile(site.hostile, path)
            return
        answered = self._choose(site, host, path, fields)
        entry |= {"status": answered.status, "retry_after": answered.retry_after}
        wanted = "close" not in fields.get("connection", "").lower()
        keep = wanted and not answered.close and (site is None or site.keep_alive)
        if site and site.latency:
            await self.pause(site.latency)
        await self._act(answered, keep and not answered.act)

    def _choose(self, site: Any, host: str, path: str, fields: dict[str, str]) -> Answer:
        if path.startswith("/robots") and path.endswith(".txt"):
            kind = site.robots if site else "missing"
            rules = robots(kind, self.web.plan.crawl_delay) if path == "/robots.txt" else hop(path)
            return Answer(status=rules.status, headers=rules.headers, body=rules.body, act=rules.act)
        replayed = self.web.replay.get(key(f"http://{host}{path}"))
        if replayed:
            return Answer(status=replayed.status, headers=replayed.headers, body=replayed.body)
        if site is None and not self.web.plan.anyone:
            return redirect("http://nowhere.test/")
        page: Answer = self.web.pages.answer(host, path, fields)
        return page

    async def _act(self, answered: Answer, keep: bool) -> None:
        """Sends an answer, or spoils it as its act says."""
        if answered.act == "silent":
            await self.pause(3600)
        head = answered.head(keep)
        if answered.act == "slow":
            await self.send(head)
            await drops(self, answered.body)
        elif answered.act == "reset":
            await self.send(head + answered.body[: len(answered.body) // 2])
            self.abort()
        elif answered.act == "endless":
            await self.send(head)
            while True:
                await self.send(answered.body)
        elif answered.chunked:
            middle = len(answered.body) // 2
            pieces = (answered.body[:middle], answered.body[middle:])
            await self.send(head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")
        else:
            await self.send(head + answered.body)
        self.keep = keep

    async def _hostile(self, name: str, path: str) -> None:
        if name in ACTS:
            await ACTS[name](self, path)
        elif name in LOCATIONS and path != "/":
            await self.send(good(name, path))
        else:
            await self.send(answer(name))
            self.keep = name in OPEN
