"""What went wrong with a request, from aiohttp's exceptions to names of outcomes."""

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import aiohttp
from aiohttp import http_exceptions

from curate.crawl.resolver import RefusedAddress

UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}  # our own trouble, which may pass
RESET = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}
LONG = 200


class ProtocolFault(Exception):
    """An answer that is not read on; `outcome` names why."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome, self.detail = outcome, detail


def fault(error: BaseException, connecting: Any, secure: bool, *, reading: bool = False) -> tuple[str, str]:
    """The outcome that an exception stands for, and a detail on one line.

    connecting: the socket that was opened, if any. reading: the header had come.
    """
    chain = [*_chain(error)]
    detail = " ".join(f"{type(error).__name__}: {error}".split())[:LONG]
    for each in chain:
        if isinstance(each, RefusedAddress | ProtocolFault):
            return each.outcome, each.detail[:LONG]
    for each in chain:
        if found := _named(each, connecting, secure, reading):
            opening = secure and connecting is not None and isinstance(error, aiohttp.ClientConnectorError)
            return "tls_handshake" if opening and found in ("disconnect", "connect_reset") else found, detail
    return "internal_error", detail


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it wraps, and what caused it."""
    seen: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and each not in seen:
            seen.append(each)
            yield each
            waiting += [getattr(each, "os_error", None), getattr(each, "certificate_error", None)]
            waiting += [each.__cause__, each.__context__]


def _named(error: BaseException, connecting: Any, secure: bool, reading: bool) -> str:
    if isinstance(error, http_exceptions.HttpProcessingError | http_exceptions.PayloadEncodingError):
        return _malformed(error)
    if isinstance(error, ssl.SSLCertVerificationError | ssl.CertificateError):
        return "tls_verify"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError) and not error.__cause__:
        return "disconnect"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "tls_timeout" if secure and _connected(connecting) else "connect_timeout"
    if isinstance(error, TimeoutError) and error.errno is None:
        return "read_timeout" if reading else "ttfb_timeout"
    if isinstance(error, ssl.SSLError):
        return "tls_handshake"
    if isinstance(error, aiohttp.InvalidURL):
        return "url_invalid"
    return _of_system(error)


def _of_system(error: BaseException) -> str:
    if not isinstance(error, OSError):
        return ""
    if error.errno == errno.ECONNREFUSED:
        return "connect_refused"
    if error.errno in UNREACHABLE | OURS:
        return "connect_unreachable"
    if error.errno == errno.ETIMEDOUT:
        return "connect_timeout"
    if error.errno in RESET:
        return "connect_reset"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError):
        return "disconnect"
    return ""


def _connected(opened: Any) -> bool:
    """Has the socket another end?"""
    try:
        return isinstance(opened, socket.socket) and bool(opened.getpeername())
    except OSError:
        return False


def _malformed(error: BaseException) -> str:
    """The outcome of an answer that is no proper HTTP."""
    told = str(error).lower()
    if isinstance(error, http_exceptions.LineTooLong) or "too many" in told or "got more than" in told:
        return "headers_too_large"
    if "expected http/" in told:
        return "protocol_not_http"
    if isinstance(error, http_exceptions.ContentLengthError):
        return "disconnect"
    if isinstance(error, http_exceptions.TransferEncodingError) or "chunk" in told:
        return "protocol_chunk"
    if "content-length" in told:
        return "protocol_length"
    if isinstance(error, http_exceptions.BadStatusLine) or "status" in told or "version" in told:
        return "protocol_status"
    return "protocol_header"
