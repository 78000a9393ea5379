"""Small clients for the loopback web: a raw request, a crawler that keeps the rules, and one that keeps none."""

import contextlib
import re
import socket
import ssl
import threading
import time

from loopback.robots import robots

AGENT = "testbot/1.0 (+http://operator.test/bot)"
WHOLE = 1 << 25


def ask(web, host, path="/", *, context=None, agent=AGENT, headers="", limit=WHOLE, until=b"", timeout=30.0) -> bytes:
    """All bytes of the answer to one request on a connection of its own.

    Until the server closes, or the limit, or the pattern is in it; timeout: how long nothing may come.
    """
    port = web.plan.https if context else web.plan.http
    received = b""
    with socket.create_connection((host.address, port), timeout=timeout) as raw, contextlib.ExitStack() as stack:
        line = stack.enter_context(context.wrap_socket(raw, server_hostname=host.name)) if context else raw
        request = f"GET {path} HTTP/1.1\r\nHost: {host.name}:{port}\r\nUser-Agent: {agent}\r\n{headers}"
        line.sendall((request + "Connection: close\r\n\r\n").encode())
        with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
            while len(received) < limit and (more := line.recv(1 << 16)):
                received += more
                if until and re.search(until, received):
                    break
    return received


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def crawl_politely(web, hosts, paths, rules) -> None:
    """Each host in a thread of its own: robots.txt first, one request at a time, each pause kept."""

    def one(host):
        closed, wait = robots(host.robots, 1).closed, 0.0
        crawl_delay = web.plan.crawl_delay if robots(host.robots, 1).delay else 0.0
        for path in ("/robots.txt", *paths):
            if path != "/robots.txt" and path.startswith(closed):
                continue
            time.sleep(wait)
            began = time.monotonic()
            answer = ask(web, host, path)
            adaptive = min(rules.factor * (time.monotonic() - began), rules.max_delay)
            wait = max(rules.min_delay, adaptive, crawl_delay)
            if b"\r\nRetry-After: " in answer:
                wait = max(wait, float(answer.split(b"\r\nRetry-After: ")[1].split(b"\r\n")[0]))

    in_threads(one, [(host,) for host in hosts])


def crawl_rudely(web, hosts, paths) -> None:
    """Everything at once, as a browser, and no look at robots.txt."""
    in_threads(lambda host, path: ask(web, host, path, agent="Mozilla/5.0"), [(h, p) for h in hosts for p in paths])


def in_threads(work, arguments) -> None:
    threads = [threading.Thread(target=work, args=args) for args in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
