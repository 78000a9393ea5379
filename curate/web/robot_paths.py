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
    """A path pattern, cut at its stars, in three spellings."""

    parts: tuple[str, ...]  # escapes of unreserved octets decoded
    written: tuple[str, ...]  # before they were decoded
    folded: tuple[str, ...]  # reserved octets encoded too
    anchored: bool  # the pattern ends where the path ends
    octets: int  # the length that decides which of two matching rules counts


@dataclass(frozen=True, slots=True)
class RequestPath:
    """The path and query of a URL in the three spellings of `Pattern`."""

    path: str
    written: str
    folded: str


def pattern(text: str) -> Pattern:
    """Returns the pattern of a rule's value, given as Latin-1.

    A `$` at its end anchors it, and a `*` stands for any run of octets.
    """
    anchored = text.endswith("$")
    if PLAIN.fullmatch(text, 0, len(text) - anchored):
        parts = tuple(text[: len(text) - anchored].split("*"))
        return Pattern(parts, parts, parts, anchored, len(text))
    written = ENCODE.sub(_encode_octet, text[:-1] if anchored else text)
    plain = DECODE.sub(_decode_octet, written)
    return Pattern(_cut(plain), _cut(written), _cut(_fold(plain)), anchored, len(plain) + anchored)


def target(url: str) -> RequestPath:
    """Returns the path and query of a URL, spelt as patterns are; a `*` or `$` in it is an octet like any other."""
    rest = ORIGIN.sub("", url, count=1) if ORIGIN.match(url) else url
    path = rest.partition("#")[0]
    octets = (path if path.startswith("/") else f"/{path}").encode("utf-8", "replace").decode("latin-1")
    written = ASCII_ONLY.sub(_encode_octet, octets).replace("*", "%2A").replace("$", "%24")
    plain = DECODE.sub(_decode_octet, ENCODE.sub(_encode_octet, written))
    return RequestPath(plain, written, _fold(plain))


def matches(rule: Pattern, request: RequestPath) -> bool:
    """Returns True if the path falls under the pattern, as RFC 9309 compares them."""
    if glob(rule.parts, rule.anchored, request.path):
        return True
    if rule.folded is rule.parts and request.folded == request.path:
        return False
    return glob(rule.folded, rule.anchored, request.folded)


def matches_strictly(rule: Pattern, request: RequestPath) -> bool:
    """Returns True if the path falls under the pattern as written too, as Google's matcher compares.

    An Allow must pass this test.
    """
    return glob(rule.parts, rule.anchored, request.path) and glob(rule.written, rule.anchored, request.written)


def glob(parts: tuple[str, ...], anchored: bool, path: str) -> bool:
    """Returns True if the parts lie in the path in this order, the first at its start.

    If anchored, the last part must lie at the end of the path. Each part is taken where it first occurs, which never
    loses a match, so the path is walked over once.
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
    """Returns the parts between the stars; a `$` that does not anchor is an octet like any other."""
    return tuple(text.replace("$", "%24").split("*"))


def _fold(text: str) -> str:
    """Returns the text with reserved octets encoded, and in the query slashes too (RFC 9309, 2.2.2, its examples)."""
    if not RESERVED.search(text):
        return text
    path, mark, query = text.partition("?")
    return RESERVED.sub(_encode_octet, path + mark + query.replace("/", "%2F"))


def _encode_octet(match: re.Match[str]) -> str:
    """Returns an octet percent-encoded, or an escape in upper case."""
    octet = match[0]
    return octet.upper() if len(octet) == 3 else f"%{ord(octet):02X}"


def _decode_octet(match: re.Match[str]) -> str:
    """Returns the octet of an escape."""
    return chr(int(match[1], 16))
