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

PIECE = 1 << 16  # bytes that are read at once
FIELD_BYTES, FIELDS = 32_000, 256  # of a response: bytes of a field, number of fields
GLANCE_BYTES = 1024  # of a body that `glance` sees, about
ERROR_BYTES = 1 << 16  # of a body that is of no use, read so that its connection can be used again
KEEP_ALIVE_S = 15.0
HOPELESS = ("text/event-stream", "multipart/x-mixed-replace")  # media types of bodies that need not end
INTERIM = 8  # responses of 1xx before the one that counts


@dataclass(slots=True)
class Connecting:
    """The connection that is being opened for a request."""

    socket: Any = None


CONNECTING: ContextVar[Connecting] = ContextVar("connecting")  # of the request that this task makes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of one request: a response, or the outcome that names why there is none."""

    url: str
    date: datetime  # when the request began
    outcome: str = ""  # '' where there is a response to look at
    detail: str = ""  # of the outcome, one line
    status: int = 0
    status_line: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""  # without chunks, in its content codings
    truncated: str = ""  # WARC's reason why the body is cut, '' where it is whole
    why: str = ""  # the outcome that names what cut the body
    cut: bool = False  # we hung up before the response ended
    ip: str = ""
    request: bytes = b""  # as sent
    protocols: tuple[str, ...] = ()
    cipher: str = ""
    seconds: float = 0.0  # from the request to the end of the body

    @classmethod
    def refused(cls, url: str, outcome: str, detail: str) -> "Answer":
        """Returns the answer that stands for a request that was not made."""
        return cls(url=url, date=datetime.now(UTC), outcome=outcome, detail=detail)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Returns the header fields as text."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]

    def field(self, name: str) -> str:
        """Returns the values of a header field, joined by commas; '' without it. name: in lower case."""
        wanted = name.encode()
        values = [value.strip() for header, value in self.headers if header.lower() == wanted]
        return b", ".join(values).decode("latin-1")

    @property
    def mime(self) -> str:
        """Returns the media type that the header names, '' without one."""
        return self.field("content-type").partition(",")[0].partition(";")[0].strip().lower()


Client = aiohttp.ClientSession  # as `session` makes it
# Returns, from the header and the first bytes of a body, the outcome of a page that need not be read on; else ''.
Glance = Callable[[Answer, bytes], str]


class Unanswered(Exception):
    """A new connection broke before the response. Not a subclass of aiohttp's errors, which it would retry at once."""


class Response(aiohttp.ClientResponse):
    """A response that keeps the peer and the TLS of its connection, which aiohttp drops at the end of a short body."""

    peer: str = ""
    secured: Any = None

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Reads the head of the response. If a used connection breaks, aiohttp asks once more on a new one."""
        if transport := connection.transport:
            peer = transport.get_extra_info("peername")
            self.peer, self.secured = str(peer[0]) if peer else "", transport.get_extra_info("ssl_object")
        protocol = connection.protocol
        used = is_used(protocol)
        protocol.was_asked = True
        protocol.read = _limit_interim(protocol.read)
        try:
            return await super().start(connection)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            if used:
                raise
            raise Unanswered(str(error)) from error
        finally:
            del protocol.read


class Connector(aiohttp.TCPConnector):
    """Closes used connections on which bytes came without a request: they would answer the next request."""

    async def connect(self, *args: Any, **options: Any) -> Any:
        """Returns a connection, new or used, for a request."""
        while True:
            connection = await super().connect(*args, **options)
            protocol: Any = connection.protocol
            if not (is_used(protocol) and protocol.should_close):
                return connection
            connection.close()


def is_used(protocol: Any) -> bool:
    """Returns True where a request was sent on this connection."""
    return hasattr(protocol, "was_asked")


def _limit_interim(read: Any) -> Any:
    """Returns a reader of responses that raises after too many 1xx responses, which a server could send without end."""
    responses = count()

    async def next_answer() -> Any:
        if next(responses) > INTERIM:
            raise ProtocolFault("protocol_status", f"more than {INTERIM} answers of 1xx")
        return await read()

    return next_answer


@lru_cache(maxsize=4)
def tls_context(policy: str, authority: str = "") -> ssl.SSLContext:
    """Returns the process's context: "verify" certificates, or "record" to accept any; http/1.1 only."""
    context = ssl.create_default_context(cafile=authority or None)
    if policy == "record":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def session(rules: Crawl, resolver: Resolver) -> Client:
    """Returns a session that connects to checked addresses only; make it inside a running loop, and close it."""

    def open_socket(info: Any) -> Any:
        opened = resolver.open_socket(info)
        if connecting := CONNECTING.get(None):
            connecting.socket = opened
        return opened

    connector = Connector(
        resolver=resolver,
        socket_factory=open_socket,
        ssl=tls_context(rules.tls, rules.authority),
        limit=0,  # the crawl counts its requests itself
        use_dns_cache=False,
        happy_eyeballs_delay=None,
        keepalive_timeout=KEEP_ALIVE_S,
    )
    return Client(
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
    """Returns the header fields of every request; the agent names a contact."""
    return {
        "User-Agent": f"{rules.agent}/{__version__} (+{rules.contact})",
        "Accept": "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.1",
        "Accept-Language": rules.language,
        "Accept-Encoding": "gzip, br",
    }


async def ask(client: Client, url: str, rules: Crawl, *, limit: int, glance: Glance = lambda *_: "") -> Answer:
    """Asks for a URL and reads at most `limit` bytes of its body."""
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
    """Returns the answer with the response's header; raises ProtocolFault where that is unfit for a WARC."""
    version = response.version
    size = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
    if size > rules.max_header or len(response.raw_headers) > FIELDS:
        raise ProtocolFault("headers_too_large", f"{size} bytes in {len(response.raw_headers)} fields")
    if any(b"\0" in value for _, value in response.raw_headers):
        raise ProtocolFault("protocol_header", "NUL in a field")
    if not 100 <= response.status <= 999:
        raise ProtocolFault("protocol_status", str(response.status))
    protocols: tuple[str, ...] = ("http/1.1",)
    cipher = ""
    if response.secured:
        protocols = (str(response.secured.version()).lower().replace("tlsv", "tls/"), *protocols)
        cipher = (response.secured.cipher() or ("",))[0]
    return replace(
        answer,
        status=response.status,
        status_line=f"HTTP/{version.major}.{version.minor} {response.status} {response.reason or ''}".encode(
            "latin-1", "replace"
        ).rstrip(),
        headers=response.raw_headers,
        ip=response.peer,
        request=_request_head(response.request_info),
        protocols=protocols,
        cipher=cipher,
    )


def _request_head(info: Any) -> bytes:
    """Returns the request line and header as they were sent."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in info.headers.items())
    return f"{info.method} {info.url.raw_path_qs} HTTP/1.1\r\n{fields}\r\n".encode("utf-8", "surrogateescape")


@dataclass(slots=True)
class _Body:
    """The pieces of a body as far as they are read."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0


async def _read(answer: Answer, response: Any, rules: Crawl, limit: int, glance: Glance, began: float) -> Answer:
    """Returns the answer with its body, cut where a limit is hit or the connection breaks."""
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
    """Reads pieces into `body` until the end or a limit; returns an outcome where `glance` needs no more of it."""
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
                looking = looking and body.size < GLANCE_BYTES
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
