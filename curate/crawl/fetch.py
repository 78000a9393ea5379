"""One request and its answer, by aiohttp, within limits; no redirect is followed here and nothing is decoded.

A process has one TLS context per policy. Whatever goes wrong is a named outcome of the answer, never an exception.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from typing import Any

import aiohttp
from yarl import URL

from curate import __version__
from curate.crawl.config import Crawl
from curate.crawl.faults import ProtocolFault, fault
from curate.crawl.resolver import Resolver

PIECE = 1 << 16
FIELD_BYTES, FIELDS = 32_000, 256
ERROR_BYTES = 1 << 16  # of a body that is of no use, read so that its connection can be
KEEP_ALIVE_S = 15.0
HOPELESS = ("text/event-stream", "multipart/x-mixed-replace")
CONNECTING: ContextVar["Connecting"] = ContextVar("connecting")


@dataclass(slots=True)
class Connecting:
    """What is known of a connection before there is an answer."""

    socket: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one request. outcome: '' where there is a response to look at.

    body: without chunks, in its content codings, whole unless `truncated` says why it is cut (`why`: by what outcome).
    cut: we hung up before its end.
    """

    url: str
    date: datetime
    outcome: str = ""
    detail: str = ""
    status: int = 0
    status_line: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    truncated: str = ""
    why: str = ""
    cut: bool = False
    ip: str = ""
    request: bytes = b""
    protocols: tuple[str, ...] = ()
    cipher: str = ""
    seconds: float = 0.0

    @classmethod
    def refused(cls, url: str, outcome: str, detail: str) -> "Answer":
        """No answer, as nothing was asked."""
        return cls(url=url, date=datetime.now(UTC), outcome=outcome, detail=detail)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The header fields as text."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]

    def field(self, name: str) -> str:
        """The values of a header field, joined; '' without it."""
        wanted = name.encode()
        return b", ".join([value.strip() for each, value in self.headers if each.lower() == wanted]).decode("latin-1")

    @property
    def mime(self) -> str:
        """The media type that the header names."""
        return self.field("content-type").partition(",")[0].partition(";")[0].strip().lower()


# Tells of a header and the first bytes of a body whether the rest is of any use: '' or an outcome.
Glance = Callable[[Answer, bytes], str]


@lru_cache(maxsize=4)
def tls_context(policy: str, authority: str = "") -> ssl.SSLContext:
    """The process's context: "verify" as browsers do, "record" whatever the certificate says; http/1.1 only."""
    context = ssl.create_default_context(cafile=authority or None)
    if policy == "record":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def session(rules: Crawl, resolver: Resolver) -> aiohttp.ClientSession:
    """A session that connects to checked addresses only; to be made inside a running loop, and closed."""

    def open_socket(info: Any) -> Any:
        made = resolver.open_socket(info)
        if connecting := CONNECTING.get(None):
            connecting.socket = made
        return made

    connector = Connector(
        resolver=resolver,
        socket_factory=open_socket,
        ssl=tls_context(rules.tls, rules.authority),
        limit=0,  # the crawl counts its requests itself
        use_dns_cache=False,
        happy_eyeballs_delay=None,
        keepalive_timeout=KEEP_ALIVE_S,
    )
    return aiohttp.ClientSession(
        connector=connector,
        response_class=Response,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        requote_redirect_url=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        headers=request_headers(rules),
        max_line_size=FIELD_BYTES,
        max_field_size=FIELD_BYTES,
        max_headers=FIELDS,
        read_bufsize=PIECE,
    )


def request_headers(rules: Crawl) -> dict[str, str]:
    """The fields of every request; the agent names a contact."""
    return {
        "User-Agent": f"{rules.agent}/{__version__} (+{rules.contact})",
        "Accept": "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.1",
        "Accept-Language": rules.language,
        "Accept-Encoding": "gzip, br",
    }


async def ask(
    client: aiohttp.ClientSession, url: str, rules: Crawl, *, limit: int, glance: Glance = lambda *_: ""
) -> Answer:
    """Ask for a URL and read at most `limit` bytes of its body."""
    began = time.monotonic()
    answer = Answer(url=url, date=datetime.now(UTC))
    connecting = Connecting()
    token = CONNECTING.set(connecting)
    patience = aiohttp.ClientTimeout(total=None, sock_connect=rules.connect_seconds)
    try:
        async with asyncio.timeout(rules.connect_seconds + rules.first_byte_seconds):
            target = URL(url, encoded=True)
            response = await client.get(target, allow_redirects=False, timeout=patience)
        try:
            answer = _head(answer, response, rules)
            useful = answer.status in (200, 203)
            answer = await _read(answer, response, rules, limit if useful else ERROR_BYTES, glance, began)
            answer = replace(answer, cut=not response.content.at_eof())
        finally:
            response.release() if response.content.at_eof() else response.close()
    except Exception as error:
        outcome, detail = fault(error, connecting.socket, url.startswith("https:"))
        answer = replace(answer, outcome=outcome, detail=detail)
    finally:
        CONNECTING.reset(token)
    return replace(answer, seconds=time.monotonic() - began)


def _head(answer: Answer, response: Any, rules: Crawl) -> Answer:
    version = response.version
    named = f"HTTP/{version.major}.{version.minor}"
    size = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
    if size > rules.max_header or len(response.raw_headers) > FIELDS:
        raise ProtocolFault("headers_too_large", f"{size} bytes in {len(response.raw_headers)} fields")
    if any(b"\0" in value for _, value in response.raw_headers):
        raise ProtocolFault("protocol_header", "NUL in a field")
    if not 100 <= response.status <= 999:
        raise ProtocolFault("protocol_status", str(response.status))
    info = response.request_info
    sent = "".join(f"{name}: {value}\r\n" for name, value in info.headers.items())
    line = f"{info.method} {info.url.raw_path_qs} HTTP/1.1\r\n{sent}\r\n"
    protocols: tuple[str, ...] = ("http/1.1",)
    cipher = ""
    if response.secured:
        protocols = (str(response.secured.version()).lower().replace("tlsv", "tls/"), *protocols)
        cipher = (response.secured.cipher() or ("",))[0]
    return replace(
        answer,
        status=response.status,
        status_line=f"{named} {response.status} {response.reason or ''}".encode("latin-1", "replace").rstrip(),
        headers=response.raw_headers,
        ip=response.peer,
        request=line.encode("utf-8", "surrogateescape"),
        protocols=protocols,
        cipher=cipher,
    )


@dataclass(slots=True)
class _Body:
    parts: list[bytes] = field(default_factory=list)
    size: int = 0


async def _read(answer: Answer, response: Any, rules: Crawl, limit: int, glance: Glance, began: float) -> Answer:
    """The answer with its body, cut where a limit is hit or the connection breaks."""
    body = _Body()
    if answer.mime in HOPELESS:
        return replace(answer, outcome="content_type_unwanted", detail=answer.mime)
    truncated = why = outcome = detail = ""
    try:
        outcome = await _take(answer, response, rules, limit, glance, began, body)
        if body.size > limit:
            truncated = why = "length"
    except Exception as error:
        why, detail = fault(error, None, False, reading=True)
        truncated = "disconnect" if why in ("disconnect", "protocol_chunk", "protocol_length") else "time"
    return replace(
        answer,
        outcome=outcome,
        detail=detail,
        body=b"".join(body.parts)[:limit],
        truncated=truncated,
        why=why,
    )


async def _take(
    answer: Answer, response: Any, rules: Crawl, limit: int, glance: Glance, began: float, body: _Body
) -> str:
    """Read pieces until the end or a limit; an outcome where the first bytes tell that it is of no use."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    last = started + rules.total_seconds - (time.monotonic() - began)
    looking = True
    try:
        async with asyncio.timeout(None) as patience:
            patience.reschedule(min(loop.time() + rules.idle_seconds, last))
            async for piece in response.content.iter_any():
                body.parts.append(piece)
                body.size += len(piece)
                if body.size > limit:
                    break
                if looking and (outcome := glance(answer, b"".join(body.parts))):
                    return outcome
                looking = looking and body.size < 1024
                now = loop.time()
                spent = now - started
                if spent > rules.min_rate_seconds and body.size < rules.min_rate * spent:
                    raise ProtocolFault("too_slow", f"{body.size} bytes in {spent:.0f} s")
                patience.reschedule(min(now + rules.idle_seconds, last))
    except TimeoutError:
        if loop.time() >= last - 0.01:
            raise ProtocolFault("total_timeout", f"{rules.total_seconds:g} s") from None
        raise ProtocolFault("read_timeout", f"nothing for {rules.idle_seconds:g} s") from None
    return ""


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
            raise ProtocolFault("protocol_status", f"more than {INTERIM} answers of 1xx")
        return await read()

    return next_answer
