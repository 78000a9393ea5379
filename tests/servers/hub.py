"""A Hub on loopback: the requests that `huggingface_hub` makes to list and read the files of one data set."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c" * 40


@dataclass
class Hub:
    """A running server: its address, and the requests that it got."""

    url: str
    requests: list[str] = field(default_factory=list)


def blob(path: str, content: bytes) -> dict[str, object]:
    """Returns the Hub's entry of a file."""
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return {"type": "file", "oid": oid, "size": len(content), "path": path}


def entries(files: Mapping[str, bytes], folder: str, *, recursive: bool) -> list[dict[str, object]]:
    """Returns the files and folders of a folder."""
    start = f"{folder}/" if folder else ""
    listed: dict[str, dict[str, object]] = {}
    for path, content in files.items():
        if not path.startswith(start):
            continue
        first, *rest = path[len(start) :].split("/")
        if rest:
            listed[start + first] = {"type": "directory", "oid": "d" * 40, "size": 0, "path": start + first}
        if not rest or recursive:
            listed[path] = blob(path, content)
    return [*listed.values()]


def every(files: Mapping[str, bytes]) -> dict[object, dict[str, object]]:
    """Returns all files and folders, by their paths."""
    folders = {"", *(path.rpartition("/")[0] for path in files), *(path.partition("/")[0] for path in files)}
    listed = [entry for folder in folders for entry in entries(files, folder, recursive=False)]
    return {entry["path"]: entry for entry in listed}


@contextmanager
def hub(name: str, files: Mapping[str, bytes]) -> Iterator[Hub]:
    """Serves the files of the data set `name` ("owner/name") until the block ends."""
    running = Hub("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def answer(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT, **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def answer_json(self, value: object) -> None:
            self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def handle_request(self) -> None:
            path, query = unquote(urlsplit(self.path).path), urlsplit(self.path).query
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            running.requests.append(f"{self.command} {self.path}")
            api, resolve = f"/api/datasets/{name}", f"/datasets/{name}/resolve/"
            if path == api or path.startswith(f"{api}/revision/"):
                self.answer_json({"id": name, "sha": COMMIT, "private": False, "tags": [], "siblings": []})
            elif path.startswith(f"{api}/tree/"):
                folder = path.removeprefix(f"{api}/tree/").partition("/")[2].strip("/")
                listed = entries(files, folder, recursive="recursive=true" in query.lower())
                self.answer_json(listed) if listed else self.missing("EntryNotFound")
            elif path.startswith(f"{api}/paths-info/"):
                asked = json.loads(body)["paths"] if body.startswith(b"{") else []
                self.answer_json([every(files)[path] for path in asked if path in every(files)])
            elif path.startswith(resolve):
                self.send_file(path.removeprefix(resolve).partition("/")[2])
            else:
                self.missing("RepoNotFound")

        def missing(self, code: str) -> None:
            self.answer(404, b"{}", {"X-Error-Code": code, "X-Error-Message": "not found"})

        def send_file(self, path: str) -> None:
            content = files.get(path)
            if content is None:
                self.missing("EntryNotFound")
                return
            headers = {"ETag": f'"{blob(path, content)["oid"]}"', "Accept-Ranges": "bytes"}
            asked = self.headers.get("Range")
            if not asked:
                self.answer(200, content, headers)
                return
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or len(content)) + 1, len(content))
            whole = {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
            self.answer(206, content[start:stop], headers | whole)

        do_GET = do_HEAD = do_POST = handle_request

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
