"""Links and their filters: what a source yields, whether it may become a candidate, and why not.

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
    """A link as a source has it, before any test; a tuple because one is made of every submission.

    url: as found. kind: submission, list, wat, warc or sitemap. id: the submission's, else the place in its file.
    score: None where the source has none, or a dump has null. time, seen: seconds since 1970 of posting, and of
    reading the score, as far as known. marks: those of over_18, quarantined, removed, promoted, immature that hold.
    parent: the id of the submission that this one repeats, or "". context: the page that the link was found on.
    """

    url: str
    kind: str
    id: str
    score: int | None = None
    time: int | None = None
    seen: int | None = None
    subreddit: str = ""
    marks: tuple[str, ...] = ()
    parent: str = ""
    context: str = ""


class Sieve(NamedTuple):
    """The rules of a recipe's [links] table, prepared for look-up."""

    hosts: dict[str, str]  # host: its kind
    allowed: frozenset[str]
    extensions: frozenset[str]
    subreddits: frozenset[str]
    marks: frozenset[str]
    first: int | None
    last: int | None
    max_length: int
    amp_paths: bool


def sieve(rules: Links) -> Sieve:
    """The look-up tables of these rules; a host that two kinds name counts to the one named first."""
    hosts: dict[str, str] = {}
    for kind, names in (("listed", rules.domains), *((kind, KINDS[kind]) for kind in rules.exclude)):
        for name in names:
            hosts.setdefault(plain_host(name), kind)
    marks = ("over_18", "quarantined", "removed", "promoted", "immature")
    return Sieve(
        hosts=hosts,
        allowed=frozenset(map(plain_host, rules.allow)),
        extensions=frozenset(each.lstrip(".").casefold() for each in rules.extensions),
        subreddits=frozenset(each.removeprefix("r/").casefold() for each in rules.subreddits),
        marks=frozenset(mark for mark in marks if getattr(rules, mark) == "drop"),
        first=rules.first_second,
        last=rules.last_second,
        max_length=rules.max_length,
        amp_paths=rules.amp_paths,
    )


def plain_host(name: str) -> str:
    """A listed host as the parser writes hosts: lower case, Punycode, no outer dots, no `*.` before it."""
    bare = name.strip().removeprefix("*").strip(".")
    parsed = fetch_url(f"http://x.{bare}/")  # so that a whole top-level domain can be listed
    return parsed[len("http://x.") : -1] if isinstance(parsed, str) else bare.casefold()


def judged(candidate: LinkCandidate, rules: Sieve) -> Address | Reason:
    """Where the link leads, or why it is refused."""
    raw = candidate.url
    if raw.startswith("/") and not raw.startswith("//"):
        return Reason("links.reddit") if candidate.kind == SUBMISSION else Reason("links.invalid", detail="no base")
    found = address(raw, amp_paths=rules.amp_paths)
    if isinstance(found, Reason):
        return found
    if is_reddit(found.host):
        return Reason("links.reddit")
    if candidate.kind == SUBMISSION and (reason := _record(candidate, rules)):
        return reason
    return _place(found, rules) or found


def is_reddit(host: str) -> bool:
    """Is this a host of reddit's own pages? Its hosts of pictures and films are media."""
    return host == "redd.it" or host == "reddit.com" or host.endswith(".reddit.com")


def _record(candidate: LinkCandidate, rules: Sieve) -> Reason | None:
    """Why a submission is refused for what its record says."""
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


def _place(found: Address, rules: Sieve) -> Reason | None:
    """Why an address is refused for its host, its path or its length."""
    url, name = found.fetch_url, found.host
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
