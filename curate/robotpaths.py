"""Path patterns of robots.txt (RFC 9309, 2.2.2 and 2.2.3), compared octet by octet in linear time.

Both sides are brought to one spelling: what a URI must not hold raw is percent-encoded, escapes are in upper case, and
those of unreserved octets are decoded. Octets are characters of Latin-1 here, so any bytes can be a pattern.
"""

import re
from dataclasses import dataclass

ORIGIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
ENCODE = re.compile(r"%[0-9A-Fa-f]{2}|[^!#-;=?-\[\]_a-z~]")  # escapes, and what RFC 3986 lets no URI hold raw
ASCII_ONLY = re.compile(r"%[0-9A-Fa-f]{2}|[\x00- \"<>\\^`{|}\x7f]")
DECODE = re.compile(r"%(2[DE]|3\d|[46][1-9A-F]|[57]\d|[57]A|5F|7E)")  # RFC 3986, 2.3: the unreserved octets


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path pattern cut at its stars.

    written: the same parts before escapes of unreserved octets were decoded.
    octets: the length that decides which of two matching rules counts.
    """

    parts: tuple[str, ...]
    written: tuple[str, ...]
    anchored: bool
    octets: int


@dataclass(frozen=True, slots=True)
class Target:
    """Path and query of a URL in both spellings."""

    path: str
    written: str


def pattern(text: str) -> Pattern:
    """The pattern of a rule's value, given as Latin-1; a `$` at its end anchors it, `*` is any run of octets."""
    anchored = text.endswith("$")
    body = ENCODE.sub(_escape, text[:-1] if anchored else text)
    written = tuple(body.replace("$", "%24").split("*"))
    parts = tuple(DECODE.sub(_plain, part) for part in written)
    return Pattern(parts, written, anchored, len(DECODE.sub(_plain, body)) + anchored)


def target(url: str) -> Target:
    """Path and query of a URL, spelt as patterns are; a `*` or `$` in it is an octet like any other."""
    rest = ORIGIN.sub("", url, count=1) if ORIGIN.match(url) else url
    path = rest.partition("#")[0]
    octets = (path if path.startswith("/") else f"/{path}").encode("utf-8", "replace").decode("latin-1")
    plain = ASCII_ONLY.sub(_escape, octets).replace("*", "%2A").replace("$", "%24")
    return Target(DECODE.sub(_plain, ENCODE.sub(_escape, plain)), plain)


def matches(rule: Pattern, url: Target) -> bool:
    """Whether the URL falls under the pattern, as RFC 9309 compares them."""
    return glob(rule.parts, rule.anchored, url.path)


def matches_strictly(rule: Pattern, url: Target) -> bool:
    """Whether it also does so with escapes left as written, as Google's matcher wants; what an Allow must pass."""
    same = rule.written is rule.parts or rule.written == rule.parts
    if not matches(rule, url):
        return False
    return (same and url.written == url.path) or glob(rule.written, rule.anchored, url.written)


def glob(parts: tuple[str, ...], anchored: bool, path: str) -> bool:
    """Whether the parts lie in the path in this order, the first at its start and, if anchored, the last at its end.

    Each part is taken where it first occurs, which never loses a match, so the path is walked over once.
    """
    if not path.startswith(parts[0]):
        return False
    at = len(parts[0])
    if len(parts) == 1:
        return not anchored or at == len(path)
    for part in parts[1:-1]:
        at = path.find(part, at)
        if at < 0:
            return False
        at += len(part)
    if anchored:
        return len(path) - len(parts[-1]) >= at and path.endswith(parts[-1])
    return path.find(parts[-1], at) >= 0


def _escape(found: re.Match[str]) -> str:
    octet = found[0]
    return octet.upper() if len(octet) == 3 else f"%{ord(octet):02X}"


def _plain(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))
