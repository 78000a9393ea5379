"""Path patterns of robots.txt (RFC 9309, 2.2.2 and 2.2.3), compared octet by octet in linear time.

Both sides are brought to one spelling: what a URI must not hold raw is percent-encoded, escapes are in upper case, and
those of unreserved octets are decoded. The RFC wants reserved octets encoded too, which Google's matcher leaves as they
are: a Disallow matches either way, an Allow only as written. Octets are characters of Latin-1 here, so that any bytes
can be a pattern.
"""

import re
from dataclasses import dataclass

ORIGIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
ENCODE = re.compile(r"%[0-9A-Fa-f]{2}|[^!#-;=?-\[\]_a-z~]")  # escapes, and what RFC 3986 lets no URI hold raw
ASCII_ONLY = re.compile(r"%[0-9A-Fa-f]{2}|[\x00- \"<>\\^`{|}\x7f]")
DECODE = re.compile(r"%(2[DE]|3\d|[46][1-9A-F]|[57]\d|[57]A|5F|7E)")  # RFC 3986, 2.3: the unreserved octets
PLAIN = re.compile(r"[A-Za-z0-9._~/=*-]*")  # spelt one way only
RESERVED = re.compile(r"[:?\[\]@!&'()+,;]")  # RFC 3986, 2.2, but `=`, which the RFC's own examples keep, and `/`


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path pattern cut at its stars.

    written: the same parts before escapes of unreserved octets were decoded. folded: with reserved octets encoded.
    octets: the length that decides which of two matching rules counts.
    """

    parts: tuple[str, ...]
    written: tuple[str, ...]
    folded: tuple[str, ...]
    anchored: bool
    octets: int


@dataclass(frozen=True, slots=True)
class RequestPath:
    """Path and query of a URL in the three spellings."""

    path: str
    written: str
    folded: str


def pattern(text: str) -> Pattern:
    """The pattern of a rule's value, given as Latin-1; a `$` at its end anchors it, `*` is any run of octets."""
    anchored = text.endswith("$")
    if PLAIN.fullmatch(text, 0, len(text) - anchored):
        parts = tuple(text[: len(text) - anchored].split("*"))
        return Pattern(parts, parts, parts, anchored, len(text))
    body = ENCODE.sub(_escape, text[:-1] if anchored else text)
    plain = DECODE.sub(_plain, body)
    written, parts, folded = (_cut(each) for each in (body, plain, _folded(plain)))
    return Pattern(parts, written, folded, anchored, len(plain) + anchored)


def target(url: str) -> RequestPath:
    """Path and query of a URL, spelt as patterns are; a `*` or `$` in it is an octet like any other."""
    rest = ORIGIN.sub("", url, count=1) if ORIGIN.match(url) else url
    path = rest.partition("#")[0]
    octets = (path if path.startswith("/") else f"/{path}").encode("utf-8", "replace").decode("latin-1")
    written = ASCII_ONLY.sub(_escape, octets).replace("*", "%2A").replace("$", "%24")
    plain = DECODE.sub(_plain, ENCODE.sub(_escape, written))
    return RequestPath(plain, written, _folded(plain))


def matches(rule: Pattern, url: RequestPath) -> bool:
    """Whether the URL falls under the pattern, as RFC 9309 compares them."""
    if glob(rule.parts, rule.anchored, url.path):
        return True
    if rule.folded is rule.parts and url.folded == url.path:
        return False
    return glob(rule.folded, rule.anchored, url.folded)


def matches_strictly(rule: Pattern, url: RequestPath) -> bool:
    """Whether it does so as written too, the way Google's matcher compares; what an Allow must pass."""
    return glob(rule.parts, rule.anchored, url.path) and glob(rule.written, rule.anchored, url.written)


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


def _cut(text: str) -> tuple[str, ...]:
    return tuple(text.replace("$", "%24").split("*"))


def _folded(text: str) -> str:
    """The text with reserved octets encoded, in the query slashes too (RFC 9309, 2.2.2, as its examples show)."""
    if not RESERVED.search(text):
        return text
    path, mark, query = text.partition("?")
    return RESERVED.sub(_escape, path + mark + query.replace("/", "%2F"))


def _escape(found: re.Match[str]) -> str:
    octet = found[0]
    return octet.upper() if len(octet) == 3 else f"%{ord(octet):02X}"


def _plain(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))
