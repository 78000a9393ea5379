"""From aiohttp's exceptions to the outcomes that they stand for."""

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import aiohttp
from aiohttp import http_exceptions

from curate.crawl.resolver import RefusedAddress

UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}  # our machine lacks something, for a while
RESET = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}
LENGTH = 200  # characters of a detail


class ProtocolFault(Exception):
    """A response breaks a rule and is not read on; `outcome` names the rule."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome, self.detail = outcome, detail


def fault(error: BaseException, connecting: Any, secure: bool, *, reading: bool = False) -> tuple[str, str]:
    """Returns the outcome that an exception stands for, and a detail on one line.

    connecting: the socket that was opened, if any. reading: whether the header was received.
    """
    chain = [*_chain(error)]
    detail = " ".join(f"{type(error).__name__}: {error}".split())[:LENGTH]
    for cause in chain:
        if isinstance(cause, RefusedAddress | ProtocolFault):
            return cause.outcome, cause.detail[:LENGTH]
    in_handshake = secure and connecting is not None and isinstance(error, aiohttp.ClientConnectorError)
    for cause in chain:
        if outcome := _outcome(cause, connecting, secure, reading):
            if in_handshake and outcome in ("disconnect", "connect_reset"):
                return "tls_handshake", detail
            return outcome, detail
    return "internal_error", detail


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error, those that it wraps, and those that caused it."""
    seen: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            yield cause
            waiting += [getattr(cause, "os_error", None), getattr(cause, "certificate_error", None)]
            waiting += [cause.__cause__, cause.__context__]


def _outcome(error: BaseException, connecting: Any, secure: bool, reading: bool) -> str:
    """Returns the outcome of one exception without its causes, '' where it tells nothing."""
    if isinstance(error, http_exceptions.HttpProcessingError | http_exceptions.PayloadEncodingError):
        return _of_bad_http(error)
    if isinstance(error, ssl.SSLCertVerificationError | ssl.CertificateError):
        return "tls_verify"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError) and not error.__cause__:
        return "disconnect"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "tls_timeout" if secure and _is_connected(connecting) else "connect_timeout"
    if isinstance(error, TimeoutError) and error.errno is None:
        return "read_timeout" if reading else "ttfb_timeout"
    if isinstance(error, ssl.SSLError):
        return "tls_handshake"
    if isinstance(error, aiohttp.InvalidURL):
        return "url_invalid"
    return _of_system(error)


def _of_system(error: BaseException) -> str:
    """Returns the outcome of an error of the operating system, '' for any other."""
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


def _is_connected(opened: Any) -> bool:
    """Returns True where the socket is connected."""
    try:
        return isinstance(opened, socket.socket) and bool(opened.getpeername())
    except OSError:
        return False


def _of_bad_http(error: BaseException) -> str:
    """Returns the outcome of a response that is not valid HTTP, by what aiohttp says of it."""
    message = str(error).lower()
    if isinstance(error, http_exceptions.LineTooLong) or "too many" in message or "got more than" in message:
        return "headers_too_large"
    if "expected http/" in message:
        return "protocol_not_http"
    if isinstance(error, http_exceptions.ContentLengthError):
        return "disconnect"
    if isinstance(error, http_exceptions.TransferEncodingError) or "chunk" in message:
        return "protocol_chunk"
    if "content-length" in message:
        return "protocol_length"
    if isinstance(error, http_exceptions.BadStatusLine) or "status" in message or "version" in message:
        return "protocol_status"
    return "protocol_header"
