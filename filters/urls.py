"""Rules on a document's address, parsed as browsers do (WHATWG URL standard, by ada)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ada_url import parse_url

from curate.records import Document, Reason
from curate.web.domains import MEDIA_EXTENSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRules:
    """Which addresses are refused; a domain refuses its sub-domains too (label by label, case-folded)."""

    schemes: tuple[str, ...] = ("http", "https")
    domains: tuple[str, ...] = ()
    extensions: tuple[str, ...] = MEDIA_EXTENSIONS
    max_length: int = 2048

    def __post_init__(self) -> None:
        wrong = [name for name in self.domains if not re.fullmatch(r"[^\s/:@]+", name)]
        if wrong:
            raise ValueError(f"domains holds bare host names, not {wrong[0]!r}")


PARTS = ("protocol", "hostname", "pathname")


class Sets(NamedTuple):
    """The rules prepared for look-up: canonical domain or extension -> the entry as it was given."""

    schemes: frozenset[str]
    domains: dict[str, str]
    extensions: dict[str, str]


class Same:
    """Keys a cache by identity: to hash a list of a million domains takes 5 ms, for each address again."""

    __slots__ = ("rules",)

    def __init__(self, rules: UrlRules) -> None:
        self.rules = rules

    def __hash__(self) -> int:
        return id(self.rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.rules is other.rules


def judge_url(document: Document, rules: UrlRules) -> Reason | None:
    """Returns why the document's address is refused, or None."""
    return reason(document.url, rules)


def reason(url: str, rules: UrlRules) -> Reason | None:
    """Why this address is refused, or None; a document without one ('') passes.

    >>> reason("https://x.evil.com/", UrlRules(domains=("evil.com",))).detail
    'evil.com'
    """
    if not url:
        return None
    try:
        parsed = parse_url(url, PARTS)
    except ValueError:
        return Reason("url.invalid")
    host = parsed["hostname"].strip(".")
    if not host:
        return Reason("url.invalid")
    sets = prepared(Same(rules))
    scheme = parsed["protocol"].removesuffix(":")
    if scheme not in sets.schemes:
        return Reason("url.scheme", detail=scheme)
    if len(url) > rules.max_length:
        return Reason("url.length", float(len(url)), float(rules.max_length))
    for suffix in suffixes(host):
        if suffix in sets.domains:
            return Reason("url.domain", detail=sets.domains[suffix])
    file = parsed["pathname"].rpartition("/")[2].casefold()
    for suffix in suffixes(file.partition(".")[2]):
        if suffix in sets.extensions:
            return Reason("url.extension", detail=sets.extensions[suffix])
    return None


def suffixes(name: str) -> Iterator[str]:
    """A dotted name and all that follows each of its dots, longest first: a.b.c, b.c, c."""
    while name:
        yield name
        name = name.partition(".")[2]


@lru_cache(maxsize=64)
def prepared(same: Same) -> Sets:
    """The look-up sets of these rules, made once."""
    rules = same.rules
    return Sets(
        frozenset(scheme.casefold() for scheme in rules.schemes),
        {canonical_domain(domain): domain for domain in rules.domains},
        {extension.lstrip(".").casefold(): extension for extension in rules.extensions},
    )


def canonical_domain(domain: str) -> str:
    """The form in which hosts come from the parser: lower case, Punycode, no outer dots, no '*.' before it."""
    bare = domain.strip().removeprefix("*").strip(".")
    try:
        parsed = parse_url(f"http://{bare}/", ("href", "hostname"))
    except ValueError:
        parsed = {}
    host = str(parsed.get("hostname", ""))
    if not host or parsed["href"] != f"http://{host}/":
        raise ValueError(f"domains takes bare host names such as 'example.org', got {domain!r}")
    return host
