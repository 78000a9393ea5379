"""Reads ranges of a file over http:// and https://, and checks each answer before a byte of it counts.

urllib3 makes the requests: it streams, is safe with threads, decodes nothing unasked, and raises where a body is cut.
It follows redirects and retries nothing, since only the reader knows at which byte to go on.
"""

import io
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from threading import Event
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from curate import __version__
from curate.storage.identity import Fact, identity
from curate.storage.patience import ChangedError, HostPatience, Patience, RemoteError, TryAgain, host

PIECE = 64 << 10  # bytes read from a connection at a time
LATER = (408, 429, 500, 502, 503, 504)  # statuses that may pass
# fmt: off
LATER_CODES = (  # codes of a store's error in XML that may pass
    "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling", "RequestLimitExceeded",
)
# fmt: on
RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")  # of Content-Range: first and last byte, size
CODE = re.compile(rb"<Code>\s*(\w+)\s*</Code>")
REDIRECTS = 5  # followed at most
SMALL = 64 << 10  # bytes; an answer to a range request that is no range and no longer than this may be an error page


class Body(Protocol):
    """A source of bytes: a response, or bytes in memory."""

    def read(self, size: int, /) -> bytes:
        """Returns at most this many bytes, none at the end."""

    def close(self) -> None:
        """Releases the source."""


class Stream:
    """The body of an answer, which is a range of the file."""

    def __init__(self, body: Body, at: int, end: int) -> None:
        self.body = body
        self.at = at  # the offset in the file of the next byte
        self.end = end  # the offset in the file behind the last byte

    def read(self, size: int) -> bytes:
        """Returns at most this many bytes; raises TryAgain where the body ends too soon or the connection breaks."""
        from urllib3.exceptions import HTTPError

        try:
            piece = self.body.read(min(size, PIECE, self.end - self.at))
        except (HTTPError, OSError) as error:
            raise TryAgain(f"broken at byte {self.at}: {_cause(error)}") from error
        if not piece and self.at < self.end:
            raise TryAgain(f"the answer ends at byte {self.at}, not at {self.end}")
        self.at += len(piece)
        return piece


class HttpOrigin:
    """A file at a URL, read by range requests.

    fact: its size and identity; None before the first answer.
    """

    def __init__(self, url: str, patience: Patience, stop: Event) -> None:
        parts = urlsplit(url)
        self.name = url
        self.host: HostPatience = host(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        self.fact: Fact | None = None
        self._patience, self._stop = patience, stop
        self._validators: dict[str, str] = {}  # ETag and Last-Modified of the first answer that had one
        self._whole: Stream | None = None  # the answer of a server that ignores ranges, kept to be read on

    def pour(self, start: int, stop: int) -> Iterator[bytes]:
        """Yields the bytes from `start` up to `stop` or the end; skips what a server without ranges sends before."""
        whole, self._whole = self._whole, None
        if whole and whole.at > start:
            whole.body.close()
            whole = None
        stream = whole or self._request(start, stop)
        done = False
        try:
            while stream.at < min(stop, stream.end):
                skip = stream.at < start
                piece = stream.read((start if skip else stop) - stream.at)
                if not skip:
                    yield piece
            done = True
        finally:
            if done and stream.at < stream.end:
                self._whole = stream
            elif not done or stream.at >= stream.end:
                stream.body.close()

    def close(self) -> None:
        """Closes the open answer."""
        if self._whole:
            self._whole.body.close()
            self._whole = None

    def _request(self, start: int, stop: int) -> Stream:
        """Returns the answer to a range request; raises TryAgain or RemoteError where there is none to use."""
        from urllib3.exceptions import HTTPError

        self.host.wait(self._stop)
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"} | self._condition()
        try:
            answer = _pool(self.name).request(
                "GET",
                self.name,
                headers={"User-Agent": f"curate/{__version__}", **headers},
                preload_content=False,
                decode_content=False,
                retries=_redirects(),
                timeout=self._patience.timeout_s,
            )
        except (HTTPError, OSError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):  # a new try would meet the same certificate
                raise RemoteError(f"{self.name}: {_cause(error)}") from error
            raise TryAgain(_cause(error)) from error
        try:
            return self._stream(answer, start, stop)
        except BaseException:
            answer.close()
            raise

    def _condition(self) -> dict[str, str]:
        """Returns the header that makes the server refuse a range of another version; weak etags never match there."""
        etag = self._validators.get("ETag", "")
        if etag and not etag.startswith("W/"):
            return {"If-Match": etag}
        return {"If-Unmodified-Since": self._validators["Last-Modified"]} if "Last-Modified" in self._validators else {}

    def _stream(self, answer: Any, start: int, stop: int) -> Stream:
        """Returns the body of an answer by its status; raises where it is none of the file asked for."""
        status, headers = answer.status, answer.headers
        if status == 206:
            return self._partial_content(answer, start, stop)
        if status == 200:
            return self._whole_file(answer)
        if status == 416:
            return self._unsatisfiable(headers, start)
        if status in LATER:
            raise TryAgain(f"{status} {answer.reason}", later=True, after=retry_after(headers.get("Retry-After")))
        if status in (404, 410):
            raise FileNotFoundError(2, f"no such file ({status})", self.name)
        if status == 412:
            raise self._changed_error()
        if status == 403 and self.host.served:
            raise self.host.block(f"{self.name}{_first_line(answer)}")
        raise RemoteError(f"{self.name}: the server answers {status} {answer.reason}{_first_line(answer)}")

    def _partial_content(self, answer: Any, start: int, stop: int) -> Stream:
        """Returns the body of a 206; raises RemoteError where it is not the range asked for."""
        content_range = answer.headers.get("Content-Range", "")
        complaint = f"{self.name}: asked for bytes {start}-{stop - 1}, answered with Content-Range {content_range!r}"
        match = RANGE.fullmatch(content_range.strip())
        if not match or match[1] is None or match[3] == "*":
            raise RemoteError(complaint)
        first, last, size = int(match[1]), int(match[2]), int(match[3])
        if first != start or not first <= last < min(stop, size):
            raise RemoteError(complaint)
        self._check_version(answer.headers, size)
        return Stream(answer, first, last + 1)

    def _whole_file(self, answer: Any) -> Stream:
        """Returns the body of a 200, from a server without ranges; raises where it is an error page of a store."""
        length = answer.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise RemoteError(f"{self.name}: its server sends neither ranges nor a Content-Length; download it first")
        size = int(length)
        body = answer
        if size <= SMALL:
            body = io.BytesIO(Stream(answer, 0, size).read(SMALL) if size else b"")
            _refuse_error(self.name, body.getvalue())
        self._check_version(answer.headers, size)
        return Stream(body, 0, size)

    def _unsatisfiable(self, headers: Mapping[str, str], start: int) -> Stream:
        """Returns an empty body for a 416 to a range past the end; raises RemoteError if the file is longer."""
        match = RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if not match or not match[3].isdecimal() or start < int(match[3]):
            raise RemoteError(f"{self.name}: the server answers 416 to a range from byte {start}")
        size = int(match[3])
        if "ETag" in headers or "Last-Modified" in headers or self.fact:
            self._check_version(headers, size)
        else:
            self.fact = Fact(size, f"size:{size}" if size else "empty:0")
        return Stream(io.BytesIO(), start, start)

    def _check_version(self, headers: Mapping[str, str], size: int) -> None:
        """Notes the size and validators of the first answer; raises ChangedError where a later one has others."""
        validators = {key: headers[key] for key in ("ETag", "Last-Modified") if headers.get(key)}
        if self.fact is None:
            info = {**validators, "ETag": validators.get("ETag", "").removeprefix("W/")}
            self.fact = Fact(size, identity({**info, "name": self.name, "size": size}))
            self._validators = validators
            return
        shared = [key for key in validators if key in self._validators]  # ETag first; only the first is compared
        if size != self.fact.size or (shared and validators[shared[0]] != self._validators[shared[0]]):
            raise self._changed_error()
        self._validators = self._validators or validators

    def _changed_error(self) -> ChangedError:
        return ChangedError(f"{self.name}: was changed while it was read; the same command begins it anew")


def retry_after(value: str | None) -> float | None:
    """Returns the seconds that a Retry-After asks for, as a number or a date; None where it is neither."""
    if not value:
        return None
    try:
        return float(int(value))
    except ValueError:
        pass
    except OverflowError:  # hundreds of digits, which no float holds
        return math.inf
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()


def _refuse_error(name: str, body: bytes) -> None:
    """Raises TryAgain or RemoteError where an answer that should be a file is a store's error in XML."""
    if not body.lstrip()[:6].startswith((b"<?xml", b"<Error")):
        return
    match = CODE.search(body)
    if not match:
        return
    code = match[1].decode()
    if code in LATER_CODES:
        raise TryAgain(f"200 with the error {code}", later=True)
    raise RemoteError(f"{name}: the server answers 200 with the error {code}")


def _first_line(answer: Any) -> str:
    """Returns the first words of an error page, as an addition to a message."""
    from urllib3.exceptions import HTTPError

    try:
        text = answer.read(400).decode("utf-8", "replace")
    except (HTTPError, OSError):
        return ""
    words = " ".join(re.sub(r"<[^>]*>|[\x00-\x20]+", " ", text).split())[:100]
    return f": {words}" if words else ""


def _cause(error: BaseException) -> str:
    """Returns the cause of a failed request, in few words."""
    cause = getattr(error, "reason", None) or error
    return f"{type(cause).__name__}: {str(cause).rpartition(': ')[2]}"[:200]


@lru_cache(maxsize=1)
def _pools() -> dict[str, Any]:
    """Returns the connection pools of this process by proxy; the cache makes it one dictionary."""
    return {}


def _pool(url: str) -> Any:
    """Returns the connection pool for a URL, by way of the environment's proxy if it names one for it."""
    import urllib3

    parts = urlsplit(url)
    proxy = "" if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme, "")
    pools = _pools()
    if proxy not in pools:
        pools[proxy] = urllib3.ProxyManager(proxy, maxsize=4) if proxy else urllib3.PoolManager(maxsize=4)
    return pools[proxy]


@lru_cache(maxsize=1)
def _redirects() -> Any:
    from urllib3 import Retry

    return Retry(total=None, connect=0, read=0, status=0, other=0, redirect=REDIRECTS, respect_retry_after_header=False)
