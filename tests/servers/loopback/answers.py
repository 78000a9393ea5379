"""The answers of ordinary hosts: the first part of a path says how it is answered, any other path is a page."""

import gzip
import hashlib
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

import brotli

from loopback.pages import links, page

Header = tuple[str, str]
HTML: Header = ("Content-Type", "text/html; charset=utf-8")
PHRASES = {200: "OK", 301: "Moved Permanently", 302: "Found", 304: "Not Modified", 404: "Not Found", 429: "Too Many"}
OPTOUTS: dict[str, tuple[tuple[Header, ...], str]] = {
    "noai": ((("X-Robots-Tag", "noai"),), ""),
    "noindex": ((("X-Robots-Tag", "noindex"),), ""),
    "otherbot": ((("X-Robots-Tag", "otherbot: noai"),), ""),
    "past": ((("X-Robots-Tag", "unavailable_after: 25 Jun 2010 15:00:00 PST"),), ""),
    "tdm": ((("tdm-reservation", "1"),), ""),
    "usage": ((("Content-Usage", "train-ai=n"),), ""),
    "signal": ((("Content-Signal", "search=yes, ai-train=no"),), ""),
    "meta-noai": ((), '<meta name="robots" content="NoAI, noimageai">\n'),
    "meta-noindex": ((), '<meta name="robots" content="noindex">\n'),
    "meta-tdm": ((), '<meta name="tdm-reservation" content="1">\n'),
    "meta-comment": ((), '<!-- <meta name="robots" content="noai"> -->\n'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response; act: "" to send it, or how it goes wrong: silent, reset, truncated, slow, endless."""

    status: int = 200
    headers: tuple[Header, ...] = (HTML,)
    body: bytes = b""
    act: str = ""
    chunked: bool = False
    close: bool = False

    def head(self, keep: bool) -> bytes:
        """The status line and the header."""
        fields = [*self.headers, ("Connection", "keep-alive" if keep else "close")]
        if self.chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        elif self.act not in ("endless", "truncated") and self.status != 304:
            fields.append(("Content-Length", str(len(self.body))))
        elif self.act == "truncated":
            fields.append(("Content-Length", str(2 * len(self.body) + 100)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"HTTP/1.1 {self.status} {PHRASES.get(self.status, 'Status')}\r\n{lines}\r\n".encode("latin-1")

    @property
    def retry_after(self) -> float | None:
        """The seconds that it asks to wait."""
        value = dict(self.headers).get("Retry-After", "")
        if value.endswith(" GMT"):
            return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
        return float(value) if value.isdigit() else None


def redirect(to: str, status: int = 302) -> Answer:
    return Answer(status=status, headers=(("Location", to),))


class Pages:
    """The answers of ordinary hosts. neighbours: where pages lead beside their own host."""

    def __init__(self, pages: int, neighbours: list[str]) -> None:
        self.pages, self.neighbours = pages, neighbours
        self.asked: Counter[str] = Counter()

    def answer(self, host: str, path: str, headers: dict[str, str]) -> Answer:
        """The answer to a request."""
        self.asked[f"{host}{path}"] += 1
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        kind, *more = parts.path.strip("/").split("/")
        handler = getattr(self, f"on_{kind}", None) if kind.isidentifier() else None
        if handler:
            try:
                made: Answer = handler(host, path, more, query)
                return made
            except (IndexError, KeyError, ValueError):
                return Answer(status=404, body=b"<html>no such page</html>")
        plain = self.page(host, path)
        tag = f'"{hashlib.sha256(plain.body).hexdigest()[:16]}"'
        if headers.get("if-none-match") == tag:
            return Answer(status=304, headers=(("ETag", tag),))
        return replace(plain, headers=(*plain.headers, ("ETag", tag)))

    def page(self, host: str, path: str, head: str = "", more: tuple[Header, ...] = ()) -> Answer:
        body = page(host, path, links(host, path, self.pages, self.neighbours), head)
        return Answer(body=body, headers=(HTML, *more))

    def on_status(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """/status/429?after=2, /status/503?date=2: this status, with Retry-After as seconds or as a date."""
        fields = [HTML, *([("Retry-After", query["after"])] if "after" in query else [])]
        if "date" in query:
            then = datetime.now(UTC) + timedelta(seconds=int(query["date"]))
            fields.append(("Retry-After", format_datetime(then, usegmt=True)))
        return Answer(status=int(more[0]), headers=tuple(fields), body=b"<html>an error</html>")

    def on_flaky(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """/flaky/2/x?after=1: so many times 503, then the page."""
        if self.asked[f"{host}{path}"] <= int(more[0]):
            return self.on_status(host, path, ["503"], query)
        return self.page(host, path)

    def on_redirect(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """/redirect/3: three hops to a page."""
        left = int(more[0])
        return redirect(f"/redirect/{left - 1}") if left else self.page(host, path)

    def on_to(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """/to?url=URL: a redirect to another place."""
        return redirect(query["url"], 301)

    def on_loop(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        return redirect("/loop/b" if more != ["b"] else "/loop/a")

    def on_calendar(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """/calendar/2026/1: a month that leads to the next and the last, for ever."""
        at = 12 * int(more[0]) + int(more[1]) - 1
        turns = [f"/calendar/{month // 12}/{month % 12 + 1}" for month in (at - 1, at + 1)]
        return Answer(body=page(host, path, turns))

    def on_deep(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """A page that leads to a longer path of the same parts."""
        return Answer(body=page(host, path, [f"{path.rstrip('/')}/a/b"]))

    def on_coded(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """/coded/gzip/…: the page in a content coding."""
        plain = self.page(host, path)
        packed = {"gzip": gzip.compress(plain.body, mtime=0), "br": brotli.compress(plain.body, quality=4)}
        packed["deflate"] = zlib.compress(plain.body)
        return Answer(body=packed[more[0]], headers=(HTML, ("Content-Encoding", more[0])))

    def on_chunked(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        return replace(self.page(host, path), chunked=True)

    def on_broken(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """/broken/reset, silent, truncated, slow, endless."""
        if more[0] not in ("reset", "silent", "truncated", "slow", "endless"):
            raise ValueError(more[0])
        return replace(self.page(host, path), act=more[0])

    def on_optout(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """/optout/noai/…: a page that its owner does not want used, said in one of the ways of OPTOUTS."""
        fields, head = OPTOUTS[more[0]]
        return self.page(host, path, head, fields)

    def on_same(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """The same page wherever it is asked for."""
        return Answer(body=page("same.test", "/", []))

    def on_big(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        """/big/2000: a page of so many KiB."""
        plain = self.page(host, path).body
        return Answer(body=plain + b"<!-- filling -->" * (int(more[0]) * 64))

    def on_image(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        return Answer(body=b"\x89PNG\r\n\x1a\n" + bytes(2000), headers=(("Content-Type", "image/png"),))

    def on_close(self, host: str, path: str, more: list[str], query: dict[str, str]) -> Answer:
        return replace(self.page(host, path), close=True)
