"""robots.txt of all kinds, and what each closes, by construction and by no parser."""

import gzip
import zlib
from dataclasses import dataclass

BOM = b"\xef\xbb\xbf"
PART = b"User-agent: *\nDisallow: /private/\n"
FILLING = b"# nothing here is a rule\n"
LIMIT = 500 * 1024  # bytes that a crawler reads
ALL = ("/",)
PRIVATE = ("/private/",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Robots:
    """An answer to /robots.txt. act: what answers.py does instead of sending it at once.

    closed: the paths that nobody may ask for. delay: does it ask for the plan's crawl_delay?
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)
    act: str = ""
    closed: tuple[str, ...] = ()
    delay: bool = False


def redirect(to: str, closed: tuple[str, ...] = ()) -> Robots:
    return Robots(status=302, headers=(("Location", to),), closed=closed)


def huge() -> bytes:
    """More than is read: a rule at the beginning holds, one near the end does not."""
    return PART + FILLING * (600 * 1024 // len(FILLING)) + b"Disallow: /page/\n"


def bomb() -> bytes:
    """A gzip stream of rules and a GiB of blanks after them, made by repeating one flushed block; it has no end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(PART) + packer.flush(zlib.Z_FULL_FLUSH)
    once = packer.compress(b" " * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + start + once * 1024


ROBOTS = {
    "missing": Robots(status=404, body=b"<html>no such file</html>"),
    "gone": Robots(status=410),
    "forbidden": Robots(status=403, body=b"no"),
    "allow": Robots(body=b"User-agent: *\nAllow: /\n"),
    "empty": Robots(),
    "part": Robots(body=PART, closed=PRIVATE),
    "none": Robots(body=b"User-agent: *\nDisallow: /\n", closed=ALL),
    "delay": Robots(body=b"User-agent: *\nCrawl-delay: %s\n" + PART[14:], closed=PRIVATE, delay=True),
    "delay too long": Robots(body=b"User-agent: *\nCrawl-delay: 3600\n", closed=ALL),
    "error": Robots(status=500, body=b"broken", closed=ALL),
    "busy": Robots(status=503, body=b"later", closed=ALL),
    "too many": Robots(status=429, body=b"slower", closed=ALL),
    "silent": Robots(act="silent", closed=ALL),
    "reset": Robots(body=PART, act="reset", closed=ALL),
    "truncated": Robots(body=PART, act="truncated", closed=ALL),
    "slow": Robots(body=PART * 40, act="slow", closed=ALL),
    "redirect": redirect("/robots-3.txt", PRIVATE),
    "redirect loop": redirect("/robots.txt"),
    "redirect too long": redirect("/robots-6.txt"),
    "redirect inward": redirect("http://169.254.169.254/robots.txt", ALL),
    "huge": Robots(body=huge(), closed=PRIVATE),
    "endless": Robots(body=PART + FILLING * 40, act="endless", closed=PRIVATE),
    "html": Robots(body=b"<html>\n<body>Welcome</body>\n</html>", headers=(("Content-Type", "text/html"),)),
    "bom": Robots(body=BOM + PART, closed=PRIVATE),
    "gzip": Robots(
        body=gzip.compress(PART, mtime=0),
        headers=(("Content-Type", "text/plain"), ("Content-Encoding", "gzip")),
        closed=PRIVATE,
    ),
    "bomb": Robots(body=bomb(), headers=(("Content-Type", "text/plain"), ("Content-Encoding", "gzip")), closed=PRIVATE),
    "signals": Robots(body=b"User-agent: *\nContent-Signal: search=yes, ai-train=no\n" + PART[14:], closed=PRIVATE),
    "usage": Robots(body=b"User-agent: *\nContent-Usage: train-ai=n\nAllow: /\n"),
    "named": Robots(body=b"User-agent: googlebot\nDisallow: /\n\n" + PART, closed=PRIVATE),
}


def robots(kind: str, crawl_delay: float) -> Robots:
    """Returns the robots.txt of this kind."""
    answer = ROBOTS[kind]
    if not answer.delay:
        return answer
    return Robots(body=answer.body % f"{crawl_delay:g}".encode(), closed=answer.closed, delay=True)


def hop(path: str) -> Robots:
    """The answer to /robots-N.txt: on to N - 1, and at 0 the rules."""
    left = path.removeprefix("/robots-").removesuffix(".txt")
    return redirect(f"/robots-{int(left) - 1}.txt") if left.isdigit() and int(left) else Robots(body=PART)
