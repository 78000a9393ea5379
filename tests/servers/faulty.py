"""A real HTTP server on loopback that serves ranges well, and answers with a named fault when it is told to."""

import hashlib
import re
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
)
RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One bad answer: each field changes one thing of the good one.

    cut: so many bytes of the body, then the connection is closed. short: the same, without a Content-Length.
    """

    status: int | None = None
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None
    short: int | None = None
    no_ranges: bool = False
    content_range: str | None = None
    etag: str | None = None
    hang_up: bool = False


@dataclass
class Server:
    """The files by path, the faults to come (one a request), and what was asked."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    always: Fault = Fault()
    asked: list[tuple[str, str]] = field(default_factory=list)  # path and Range
    etags: bool = True

    def put(self, name: str, content: bytes) -> str:
        """Serve this content; its URL."""
        self.files[f"/{name}"] = content
        return f"{self.url}/{name}"

    def ranges(self, name: str) -> list[str]:
        return [asked for path, asked in self.asked if path == f"/{name}"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits until the client acknowledges its header

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        state: Server = self.server.state  # type: ignore[attr-defined]
        asked = self.headers.get("Range", "")
        state.asked.append((self.path, asked))
        fault = state.faults.popleft() if state.faults else state.always
        content = state.files.get(self.path)
        if fault.hang_up:
            self.close_connection = True
        elif fault.status:
            self.answer(fault.status, dict(fault.headers), fault.body, fault)
        elif content is None:
            self.answer(404, {}, b"<html>no such file</html>", fault)
        else:
            self.serve(content, asked, state, fault)

    def serve(self, content: bytes, asked: str, state: Server, fault: Fault) -> None:
        etag = fault.etag or f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = {"ETag": etag} if state.etags else {}
        match = None if fault.no_ranges else RANGE.fullmatch(asked)
        wanted = self.headers.get("If-Match")
        if wanted and wanted != etag and not fault.etag:
            return self.answer(412, headers, b"", fault)
        if not match:
            return self.answer(200, headers, content, fault)
        start, stop = int(match[1]), min(int(match[2] or len(content)) + 1, len(content))
        if start >= len(content):
            return self.answer(416, {**headers, "Content-Range": f"bytes */{len(content)}"}, b"", fault)
        span = fault.content_range or f"bytes {start}-{stop - 1}/{len(content)}"
        return self.answer(206, {**headers, "Content-Range": span}, content[start:stop], fault)

    def answer(self, status: int, headers: dict[str, str], body: bytes, fault: Fault) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault.short is None:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        sent = min([len(body), *(length for length in (fault.cut, fault.short) if length is not None)])
        self.wfile.write(body[:sent])
        if sent < len(body) or fault.short is not None:
            self.close_connection = True


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that has gone is no fault of the server's."""


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Server]:
    """The server, in threads of this process, until the block ends; over TLS where a file holds certificate and key."""
    with _Quiet(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            scheme = "https"
        server.state = Server(f"{scheme}://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.state  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()
