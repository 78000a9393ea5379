"""aiohttp's connections and responses, made stricter: each request is sent once and has one answer, its own."""

from itertools import count
from typing import Any

import aiohttp

from curate.crawl.faults import Broken

INTERIM = 8  # answers of 1xx before the one that counts


class Unanswered(Exception):
    """A new connection broke before an answer; of no class that aiohttp would ask again for, at once."""


class Response(aiohttp.ClientResponse):
    """A response that keeps what its connection knew, which aiohttp lets go with a short body."""

    peer: str = ""
    secured: Any = None

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Read the head of the answer; on a used connection that breaks, aiohttp asks once more on a new one."""
        if transport := connection.transport:
            peer = transport.get_extra_info("peername")
            self.peer, self.secured = str(peer[0]) if peer else "", transport.get_extra_info("ssl_object")
        protocol = connection.protocol
        used = is_used(protocol)
        protocol.was_asked = True
        protocol.read = _counted(protocol.read)
        try:
            return await super().start(connection)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            if used:
                raise
            raise Unanswered(str(error)) from error
        finally:
            del protocol.read


class Connector(aiohttp.TCPConnector):
    """Hands out no used connection on which bytes came while nobody asked: they would answer the next request."""

    async def connect(self, *told: Any, **more: Any) -> Any:
        """A connection, new or used, for a request."""
        while True:
            connection = await super().connect(*told, **more)
            protocol: Any = connection.protocol
            if not (is_used(protocol) and protocol.should_close):
                return connection
            connection.close()


def is_used(protocol: Any) -> bool:
    """Has a request been sent on this connection?"""
    return hasattr(protocol, "was_asked")


def _counted(read: Any) -> Any:
    """A reader of answers that ends 1xx without end, each of which costs us more than the server."""
    answers = count()

    async def next_answer() -> Any:
        if next(answers) > INTERIM:
            raise Broken("protocol_status", f"more than {INTERIM} answers of 1xx")
        return await read()

    return next_answer
