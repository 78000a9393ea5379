"""The loopback web: hundreds of hosts on addresses of 127/8 in one process, with a ledger of what was asked when.

`python -m loopback.server FOLDER`, run in tests/servers, reads FOLDER/plan.json (plan.py), writes resolve.txt and
authority.pem beside it, prints one line when it is ready, and enters each request into ledger.jsonl until it is told
to end.
"""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from loopback.acts import ACTS, drops
from loopback.answers import Pages
from loopback.hostile import answer
from loopback.link import Gone, Link
from loopback.plan import Host, Plan, resolve_lines, url
from loopback.replay import Replayed, table
from loopback.tls import Authority

TRIES = 20  # ports that must be free on all addresses


class Web:
    """The plan, pages and ledger that all connections share."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.hosts = {host.name: host for host in plan.hosts}
        self.replay: dict[str, Replayed] = table(Path(path) for path in plan.replay)
        for name in {host.hostile for host in plan.hosts} - ACTS.keys() - {""}:
            answer(name)  # made before anyone waits for it, as a bomb takes a while
        self._tasks: set[asyncio.Task[None]] = set()
        self._ledger = (folder / "ledger.jsonl").open("a", buffering=1)
        neighbours = [host for host in plan.hosts if not host.hostile and not host.tls]
        self.pages = Pages(plan.pages, [url(plan, host, "") for host in neighbours])

    def started(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def enter(self, entry: dict[str, Any]) -> None:
        """A line of the ledger."""
        self._ledger.write(json.dumps(entry) + "\n")

    async def end(self) -> None:
        """Stop what is still being answered, so that it is in the ledger too."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._ledger.close()


class Broken(Link):
    """A connection on which no TLS comes about: an answer that is none, silence, or a hello in drops."""

    def __init__(self, web: Web, fault: str) -> None:
        super().__init__(web, "https")
        self._fault = fault

    async def serve(self) -> None:
        with contextlib.suppress(Gone):
            if self._fault == "044-garbage":
                await self.send(b"HTTP/1.1 400 Bad Request\r\n\r\nthis is no TLS\n")
            elif self._fault == "044-stall":
                await self.pause(3600)
            else:
                await drops(self, b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(100))
        self._transport.close()


def bound(addresses: list[str], port: int) -> list[socket.socket]:
    """A listening socket on each address, all on one port; port 0 takes one that is free on all."""
    for _ in range(TRIES):
        made: list[socket.socket] = []
        chosen = port
        try:
            for address in addresses:
                listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                made.append(listener)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((address, chosen))
                chosen = listener.getsockname()[1]
                listener.listen(1024)
            return made
        except OSError:
            for listener in made:
                listener.close()
            if port:
                raise
    raise OSError("no port is free on all addresses")


async def listen(web: Web, authority: Authority) -> Web:
    """Open all addresses; the web with the ports that were taken."""
    loop, plan = asyncio.get_running_loop(), web.plan
    secure = {host.address: host for host in plan.hosts if host.tls}
    over_tls = sorted(secure) + [address for address in plan.anyone if address not in secure]
    plain, tls = bound(plan.addresses(), plan.http), bound(over_tls, plan.https)
    for listener in plain:
        await loop.create_server(lambda: Link(web, "http"), sock=listener)
    any_host = authority.any_host()
    for listener in tls:
        host = secure.get(listener.getsockname()[0])
        fault = host.tls if host and host.tls != "good" else ""
        await listen_tls(web, listener, fault, any_host if not fault else None, authority, host)
    ports = {"http": plain[0].getsockname()[1], "https": tls[0].getsockname()[1] if tls else 0}
    web.plan = replace(plan, **ports)
    web.pages.neighbours = [
        url(web.plan, neighbour, "") for neighbour in plan.hosts if not neighbour.hostile and not neighbour.tls
    ]
    return web


async def listen_tls(
    web: Web, listener: socket.socket, fault: str, context: Any, authority: Authority, host: Host | None
) -> None:
    loop = asyncio.get_running_loop()
    if fault in ("044-garbage", "044-stall", "036-tls"):
        await loop.create_server(lambda: Broken(web, fault), sock=listener)
        return
    if context is None and host:
        context = authority.context(host.name, fault.partition("-")[2])
    await loop.create_server(lambda: Link(web, "https"), sock=listener, ssl=context)


async def run(folder: Path, ready: Callable[[Plan], None] = lambda _: None) -> None:
    """Serve until SIGTERM or SIGINT; ready is told the plan with its ports before the line is printed."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    loop.set_exception_handler(lambda *_: None)  # clients that hang up during TLS are no news
    web = await listen(Web(Plan.read(folder / "plan.json"), folder), Authority(folder))
    (folder / "resolve.txt").write_text("".join(f"{line}\n" for line in resolve_lines(web.plan)))
    ready(web.plan)
    print(json.dumps({"http": web.plan.http, "https": web.plan.https}), flush=True)
    await done.wait()
    await web.end()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
