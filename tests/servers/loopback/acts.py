"""Hostile answers that take time: silence, drops of a byte, streams without an end, connections that break."""

from collections.abc import Awaitable, Callable
from typing import Any

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
FOUND = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
START = b"<!DOCTYPE html>\n<html><head><title>A page</title></head><body>\n"
LINE = b"<p>It goes on and on, and there is no end of it anywhere.</p>\n"


async def drops(link: Any, content: bytes) -> None:
    """A byte, a wait, the next byte."""
    for number in range(len(content)):
        await link.send(content[number : number + 1])
        await link.pause(link.patience)


async def stream(link: Any, piece: bytes) -> None:
    """The piece again and again, as fast as it is taken."""
    while True:
        await link.send(piece)


async def endless_headers(link: Any, _: str) -> None:
    await link.send(HEAD)
    while True:
        await drops(link, b"X-More: 1\r\n")


async def endless_hints(link: Any, _: str) -> None:
    await stream(link, b"HTTP/1.1 100 Continue\r\n\r\n" * 10)


async def endless_body(link: Any, _: str) -> None:
    await link.send(HEAD + b"Connection: close\r\n\r\n" + START)
    await stream(link, LINE * 1000)


async def slow_headers(link: Any, _: str) -> None:
    await drops(link, HEAD + b"Content-Length: 2\r\n\r\nok")


async def slow_body(link: Any, _: str) -> None:
    await link.send(HEAD + b"Content-Length: 100000\r\n\r\n")
    await drops(link, START + LINE * 1600)


async def silence(link: Any, _: str) -> None:
    await link.pause(3600)


async def reset(link: Any, _: str) -> None:
    await link.send(HEAD + b"Content-Length: 100000\r\n\r\n")
    link.abort()


async def broken_chunk(link: Any, _: str) -> None:
    await link.send(HEAD + CHUNKED + b"400\r\n" + START)


async def broken_reuse(link: Any, _: str) -> None:
    """The first request of a connection is answered, the second is not."""
    if link.requests == 1:
        await link.send(HEAD + b"Content-Length: %d\r\n\r\n" % (len(START) + len(LINE)) + START + LINE)
        link.keep = True


async def itself(link: Any, path: str) -> None:
    await link.send(FOUND % path.encode())


async def pair(link: Any, path: str) -> None:
    await link.send(FOUND % (b"/b" if path == "/" else b"/"))


async def chain(link: Any, path: str) -> None:
    left = path.strip("/")
    await link.send(FOUND % (b"/%d" % (int(left) - 1 if left.isdigit() else 1000)))


async def events(link: Any, _: str) -> None:
    await link.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    while True:
        await link.send(b"data: tick\n\n")
        await link.pause(0.2)


async def music(link: Any, _: str) -> None:
    await link.send(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nicy-name: radio\r\n\r\nID3\x04\0\0\0\0\0\0")
    while True:
        await link.send(b"\xff\xfb\x90\x64" + bytes(413))
        await link.pause(0.01)


async def idle_end(link: Any, _: str) -> None:
    """A whole page without a length, and then nothing for a minute."""
    await link.send(HEAD + b"\r\n" + START + LINE * 40 + b"</body></html>\n")
    await link.pause(60)


ACTS: dict[str, Callable[[Any, str], Awaitable[None]]] = {
    "026-endless": endless_headers,
    "029-endless": endless_hints,
    "034": endless_body,
    "036-headers": slow_headers,
    "036-body": slow_body,
    "037-silence": silence,
    "037-reset": reset,
    "037-chunk": broken_chunk,
    "037-reuse": broken_reuse,
    "038-self": itself,
    "038-pair": pair,
    "038-chain": chain,
    "042-events": events,
    "042-music": music,
    "045": idle_end,
}
