"""The rule on a document's address: scheme, host, file extension and length.

Addresses are parsed as browsers parse them (WHATWG URL standard, by ada).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ada_url import parse_url

from curate.records import Document, Reason

PARTS = ("protocol", "hostname", "pathname")


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRules:
    """The addresses that are kept and refused; the case of letters does not count."""

    schemes: tuple[str, ...] = ("http", "https")  # schemes of addresses that are kept
    domains: tuple[str, ...] = ()  # hosts that are refused, each with all its sub-domains
    # Endings of paths that are refused, such as ".jpg"; none, as a page that was fetched goes by its media type.
    extensions: tuple[str, ...] = ()
    max_length: int = 2048  # characters of the address

    def __post_init__(self) -> None:
        wrong = [name for name in self.domains if not re.fullmatch(r"[^\s/:@]+", name)]
        if wrong:
            raise ValueError(f"domains holds bare host names, not {wrong[0]!r}")


class Lookup(NamedTuple):
    """The rules prepared for look-up; both mappings lead from the canonical form to the entry of the settings."""

    schemes: frozenset[str]
    domains: dict[str, str]
    extensions: dict[str, str]


class SameRules:
    """A cache key that compares rules by identity; to hash a list of a million domains takes 5 ms for each address."""

    __slots__ = ("rules",)

    def __init__(self, rules: UrlRules) -> None:
        self.rules = rules

    def __hash__(self) -> int:
        return id(self.rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameRules) and self.rules is other.rules


def judge_url(document: Document, rules: UrlRules) -> Reason | None:
    """Returns why the document's address is refused, or None."""
    return reason(document.url, rules)


def reason(url: str, rules: UrlRules) -> Reason | None:
    """Returns why this address is refused, or None; the empty address of a document that has none passes.

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
    lookup = lookup_of(SameRules(rules))
    scheme = parsed["protocol"].removesuffix(":")
    if scheme not in lookup.schemes:
        return Reason("url.scheme", detail=scheme)
    if len(url) > rules.max_length:
        return Reason("url.length", float(len(url)), float(rules.max_length))
    for suffix in suffixes(host):
        if suffix in lookup.domains:
            return Reason("url.domain", detail=lookup.domains[suffix])
    file = parsed["pathname"].rpartition("/")[2].casefold()
    for suffix in suffixes(file.partition(".")[2]):
        if suffix in lookup.extensions:
            return Reason("url.extension", detail=lookup.extensions[suffix])
    return None


def suffixes(name: str) -> Iterator[str]:
    """Yields a dotted name and what follows each of its dots, longest first: a.b.c, b.c, c."""
    while name:
        yield name
        name = name.partition(".")[2]


@lru_cache(maxsize=64)
def lookup_of(key: SameRules) -> Lookup:
    """Returns these rules prepared for look-up, which is done once for a value of `UrlRules`."""
    rules = key.rules
    return Lookup(
        frozenset(scheme.casefold() for scheme in rules.schemes),
        {canonical_domain(domain): domain for domain in rules.domains},
        {extension.lstrip(".").casefold(): extension for extension in rules.extensions},
    )


def canonical_domain(domain: str) -> str:
    """Returns a domain in the form of the parser's hosts: lower case, Punycode, no outer dots, no '*.' before it.

    Raises ValueError where it is not a bare host name.
    """
    bare = domain.strip().removeprefix("*").strip(".")
    try:
        parsed = parse_url(f"http://{bare}/", ("href", "hostname"))
    except ValueError:
        parsed = {}
    host = str(parsed.get("hostname", ""))
    if not host or parsed["href"] != f"http://{host}/":
        raise ValueError(f"domains takes bare host names such as 'example.org', got {domain!r}")
    return host
