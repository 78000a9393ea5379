"""Ranges of a file over http:// and https://, each answer checked before a byte of it counts.

urllib3 asks: it streams, is safe with threads, decodes nothing unasked, and tells a body that is cut. It follows
redirects and retries nothing, since only the reader knows at which byte to go on.
"""

import io
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
from curate.storage.patience import Again, ChangedError, HostPatience, Patience, RemoteError, host

PIECE = 64 << 10
LATER = (408, 429, 500, 502, 503, 504)
LATER_CODES = (
    "SlowDown",
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
    "Throttling",
    "RequestLimitExceeded",
)
RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
CODE = re.compile(rb"<Code>\s*(\w+)\s*</Code>")
REDIRECTS = 5
SMALL = 64 << 10  # an answer to a range request that is no range and no longer than this may be an error page


class Body(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """At most this many bytes, none at the end."""

    def close(self) -> None:
        """Give it up."""


class Stream:
    """An answer's body: `at` is the offset in the file of its next byte, `end` that after its last one."""

    def __init__(self, body: Body, at: int, end: int) -> None:
        self.body, self.at, self.end = body, at, end

    def read(self, size: int) -> bytes:
        """At most this many bytes; Again where the body ends too soon or the connection breaks."""
        from urllib3.exceptions import HTTPError

        try:
            piece = self.body.read(min(size, PIECE, self.end - self.at))
        except (HTTPError, OSError) as error:
            raise Again(f"broken at byte {self.at}: {_told(error)}") from error
        if not piece and self.at < self.end:
            raise Again(f"the answer ends at byte {self.at}, not at {self.end}")
        self.at += len(piece)
        return piece


class HttpOrigin:
    """One URL: `fact` is its size and identity, None before the first answer."""

    def __init__(self, url: str, patience: Patience, stop: Event) -> None:
        parts = urlsplit(url)
        self.name = url
        self.host: HostPatience = host(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        self.fact: Fact | None = None
        self._patience, self._stop = patience, stop
        self._seen: dict[str, str] = {}
        self._whole: Stream | None = None  # the answer of a server that ignores ranges, while it is read on

    def pour(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to `stop` or the end, in pieces; a server that ignores ranges is read past."""
        whole, self._whole = self._whole, None
        if whole and whole.at > start:
            whole.body.close()
            whole = None
        stream = whole or self._ask(start, stop)
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
        """Give up what is open."""
        if self._whole:
            self._whole.body.close()
            self._whole = None

    def _ask(self, start: int, stop: int) -> Stream:
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
            if "CERTIFICATE_VERIFY_FAILED" in str(error):  # asking again would not make it another
                raise RemoteError(f"{self.name}: {_told(error)}") from error
            raise Again(_told(error)) from error
        try:
            return self._checked(answer, start, stop)
        except BaseException:
            answer.close()
            raise

    def _condition(self) -> dict[str, str]:
        """The header that makes the server refuse a range of another version; weak etags never match there."""
        etag = self._seen.get("ETag", "")
        if etag and not etag.startswith("W/"):
            return {"If-Match": etag}
        return {"If-Unmodified-Since": self._seen["Last-Modified"]} if "Last-Modified" in self._seen else {}

    def _checked(self, answer: Any, start: int, stop: int) -> Stream:
        status, headers = answer.status, answer.headers
        if status == 206:
            return self._part(answer, start, stop)
        if status == 200:
            return self._all(answer)
        if status == 416:
            return self._nothing(headers, start)
        if status in LATER:
            raise Again(f"{status} {answer.reason}", later=True, after=retry_after(headers.get("Retry-After")))
        if status in (404, 410):
            raise FileNotFoundError(2, f"no such file ({status})", self.name)
        if status == 412:
            raise self._changed()
        if status == 403 and self.host.served:
            raise self.host.block(f"{self.name}{_first_line(answer)}")
        raise RemoteError(f"{self.name}: the server answers {status} {answer.reason}{_first_line(answer)}")

    def _part(self, answer: Any, start: int, stop: int) -> Stream:
        told = answer.headers.get("Content-Range", "")
        match = RANGE.fullmatch(told.strip())
        if not match or match[1] is None or match[3] == "*":
            raise RemoteError(f"{self.name}: asked for bytes {start}-{stop - 1}, answered with Content-Range {told!r}")
        first, last, size = int(match[1]), int(match[2]), int(match[3])
        if first != start or not first <= last < min(stop, size):
            raise RemoteError(f"{self.name}: asked for bytes {start}-{stop - 1}, answered with Content-Range {told!r}")
        self._meet(answer.headers, size)
        return Stream(answer, first, last + 1)

    def _all(self, answer: Any) -> Stream:
        """The whole file, from a server that ignores ranges, unless it is an error in the guise of a file."""
        length = answer.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise RemoteError(f"{self.name}: its server knows no ranges and tells no length of it; download it first")
        size, body = int(length), answer
        if size <= SMALL:
            body = io.BytesIO(Stream(answer, 0, size).read(SMALL) if size else b"")
            _refuse_error(self.name, body.getvalue())
        self._meet(answer.headers, size)
        return Stream(body, 0, size)

    def _nothing(self, headers: Mapping[str, str], start: int) -> Stream:
        """The answer to a range past the end, which is none where the file is known to be so short."""
        match = RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if not match or not match[3].isdecimal() or start < int(match[3]):
            raise RemoteError(f"{self.name}: the server answers 416 to a range from byte {start}")
        size = int(match[3])
        if "ETag" in headers or "Last-Modified" in headers or self.fact:
            self._meet(headers, size)
        else:
            self.fact = Fact(size, f"size:{size}" if size else "empty:0")
        return Stream(io.BytesIO(), start, start)

    def _meet(self, headers: Mapping[str, str], size: int) -> None:
        """Take what the first answer tells of the file; ChangedError where a later one tells another thing."""
        told = {key: headers[key] for key in ("ETag", "Last-Modified") if headers.get(key)}
        if self.fact:
            key = next((key for key in ("ETag", "Last-Modified") if key in told and key in self._seen), None)
            if size != self.fact.size or (key and told[key] != self._seen[key]):
                raise self._changed()
            self._seen = self._seen or told
            return
        plain = {**told, "ETag": told.get("ETag", "").removeprefix("W/"), "name": self.name, "size": size}
        self.fact, self._seen = Fact(size, identity(plain)), told

    def _changed(self) -> ChangedError:
        return ChangedError(f"{self.name}: was changed while it was read; the same command begins it anew")


def retry_after(value: str | None) -> float | None:
    """The seconds that a Retry-After asks for, as a number or a date; None where it says nothing to be understood."""
    if not value:
        return None
    try:
        return float(int(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()


def _refuse_error(name: str, body: bytes) -> None:
    """Again or RemoteError where an answer that should be a file is a store's error in XML."""
    if not body.lstrip()[:6].startswith((b"<?xml", b"<Error")) or not (match := CODE.search(body)):
        return
    code = match[1].decode()
    if code in LATER_CODES:
        raise Again(f"200 with the error {code}", later=True)
    raise RemoteError(f"{name}: the server answers 200 with the error {code}")


def _first_line(answer: Any) -> str:
    """What an error page begins with, as an addition to a message."""
    from urllib3.exceptions import HTTPError

    try:
        text = answer.read(400).decode("utf-8", "replace")
    except (HTTPError, OSError):
        return ""
    words = " ".join(re.sub(r"<[^>]*>|[\x00-\x20]+", " ", text).split())[:100]
    return f": {words}" if words else ""


def _told(error: BaseException) -> str:
    """The cause of a failed request, in few words."""
    cause = getattr(error, "reason", None) or error
    return f"{type(cause).__name__}: {str(cause).rpartition(': ')[2]}"[:200]


@lru_cache(maxsize=1)
def _pools() -> dict[str, Any]:
    return {}


def _pool(url: str) -> Any:
    """The connections of this process, by way of the environment's proxy if it names one for the URL."""
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
