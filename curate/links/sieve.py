"""Filters links: each is refused for a reason or keeps the address that it leads to.

The filters stand in a fixed order, and the first that refuses names the reason: reddit-internal, scheme, unparsable,
marks (over 18, quarantined, removed, promoted, immature), time, subreddit, domain by kind, extension, length, a path
that repeats itself.
"""

from typing import NamedTuple

from curate.links.config import Links
from curate.records import Reason
from curate.web.domains import KINDS
from curate.web.urls import Address, address, fetch_url, repeats_itself

SUBMISSION = "submission"  # the kind of a link with a score; the other kinds are list, wat, warc, sitemap


class LinkCandidate(NamedTuple):
    """A link as a source has it, before any test.

    It is a tuple because one is made of every submission.
    """

    url: str  # as the source writes it
    kind: str  # submission, list, wat, warc or sitemap
    id: str  # the submission's, else the place in its file
    score: int | None = None  # None where the source has none, or a dump has null
    time: int | None = None  # of posting, in seconds since 1970
    seen: int | None = None  # of reading the score, in seconds since 1970
    subreddit: str = ""
    marks: tuple[str, ...] = ()  # those of over_18, quarantined, removed, promoted, immature that hold
    parent: str = ""  # the id of the submission that this one repeats, or ''
    context: str = ""  # the page that holds the link


class Sieve(NamedTuple):
    """The rules of a recipe's [links] table, prepared for look-up."""

    hosts: dict[str, str]  # a refused host: its kind
    allowed: frozenset[str]  # hosts
    extensions: frozenset[str]  # refused, without the first dot
    subreddits: frozenset[str]  # refused
    marks: frozenset[str]  # refused
    first: int | None  # second of posting, since 1970
    last: int | None  # second of posting, since 1970
    max_length: int  # characters
    amp_paths: bool


def sieve(rules: Links) -> Sieve:
    """Returns the look-up tables of these rules; a host of two kinds counts to the one named first."""
    hosts: dict[str, str] = {}
    kinds = [("listed", rules.domains), *((kind, KINDS[kind]) for kind in rules.exclude)]
    for kind, names in kinds:
        for name in names:
            hosts.setdefault(plain_host(name), kind)
    marks = ("over_18", "quarantined", "removed", "promoted", "immature")
    return Sieve(
        hosts=hosts,
        allowed=frozenset(map(plain_host, rules.allow)),
        extensions=frozenset(extension.lstrip(".").casefold() for extension in rules.extensions),
        subreddits=frozenset(name.removeprefix("r/").casefold() for name in rules.subreddits),
        marks=frozenset(mark for mark in marks if getattr(rules, mark) == "drop"),
        first=rules.first_second,
        last=rules.last_second,
        max_length=rules.max_length,
        amp_paths=rules.amp_paths,
    )


def plain_host(name: str) -> str:
    """Returns a listed host as the parser writes hosts: lower case, Punycode, no outer dots, no `*.` before it."""
    bare = name.strip().removeprefix("*").strip(".")
    parsed = fetch_url(f"http://x.{bare}/")  # so that a whole top-level domain can be listed
    return parsed[len("http://x.") : -1] if isinstance(parsed, str) else bare.casefold()


def judge(candidate: LinkCandidate, rules: Sieve) -> Address | Reason:
    """Returns the address that a link leads to, or the reason to refuse it."""
    raw = candidate.url
    if raw.startswith("/") and not raw.startswith("//"):
        return Reason("links.reddit") if candidate.kind == SUBMISSION else Reason("links.invalid", detail="no base")
    target = address(raw, amp_paths=rules.amp_paths)
    if isinstance(target, Reason):
        return target
    if is_reddit(target.host):
        return Reason("links.reddit")
    if candidate.kind == SUBMISSION and (reason := _submission_fault(candidate, rules)):
        return reason
    return _address_fault(target, rules) or target


def is_reddit(host: str) -> bool:
    """Returns True for a host of reddit's own pages; its hosts of pictures and films are media."""
    return host == "redd.it" or host == "reddit.com" or host.endswith(".reddit.com")


def _submission_fault(candidate: LinkCandidate, rules: Sieve) -> Reason | None:
    """Returns the reason to refuse a submission for its marks, its time or its subreddit, or None."""
    for mark in candidate.marks:
        if mark in rules.marks:
            return Reason(f"links.{mark}")
    if rules.first is not None or rules.last is not None:
        if candidate.time is None:
            return Reason("links.missing:created_utc")
        if rules.first is not None and candidate.time < rules.first:
            return Reason("links.since", float(candidate.time), float(rules.first))
        if rules.last is not None and candidate.time > rules.last:
            return Reason("links.until", float(candidate.time), float(rules.last))
    if rules.subreddits and candidate.subreddit.casefold() in rules.subreddits:
        return Reason("links.subreddit", detail=candidate.subreddit)
    return None


def _address_fault(target: Address, rules: Sieve) -> Reason | None:
    """Returns the reason to refuse an address for its host, its path or its length, or None."""
    url, name = target.fetch_url, target.host
    while name:
        if name in rules.allowed:
            break
        if name in rules.hosts:
            return Reason(f"links.domain:{rules.hosts[name]}", detail=name)
        name = name.partition(".")[2]
    path = url[url.find("/", 8) :].partition("?")[0]
    suffix = path[path.rfind("/") :].partition(".")[2]
    while suffix:
        if (lower := suffix.casefold()) in rules.extensions:
            return Reason("links.extension", detail=f".{lower}")
        suffix = suffix.partition(".")[2]
    if len(url) > rules.max_length:
        return Reason("links.length", float(len(url)), float(rules.max_length))
    return Reason("links.repeating_path") if repeats_itself(path) else None
