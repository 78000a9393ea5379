"""From links to candidates: all links of one page, joined by their key, its votes, and which address stands for it.

Nothing here depends on the order or the number of files that the links came from.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from curate.links.config import Links
from curate.links.sieve import SUBMISSION, LinkCandidate
from curate.records import Reason
from curate.web.urls import Address, dedupe_key, fetch_host, is_shortener, stored_form

Row = dict[str, Any]
AMP = re.compile(r"//amp\.|/amp/?(?:\?|$)|[?&]amp=1(?:&|$)")
GATHERED = pa.schema(
    [
        pa.field("dedupe_key", pa.binary(16), nullable=False),
        pa.field("fetch_url", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("submission", pa.string(), nullable=False),
        pa.field("parent", pa.string(), nullable=False),
        pa.field("score", pa.int64()),
        pa.field("time", pa.int64()),
        pa.field("seen", pa.int64()),
        pa.field("subreddit", pa.string(), nullable=False),
        pa.field("marks", pa.list_(pa.string()), nullable=False),
        pa.field("context", pa.string(), nullable=False),
        pa.field("rewrites", pa.list_(pa.string()), nullable=False),
        pa.field("found_url", pa.string()),
        pa.field("source", pa.string(), nullable=False),
    ]
)
SUBMISSIONS = pa.list_(
    pa.struct(
        [
            pa.field("kind", pa.string()),
            pa.field("id", pa.string()),
            pa.field("subreddit", pa.string()),
            pa.field("score", pa.int64()),
            pa.field("time", pa.int64()),
            pa.field("context", pa.string()),
            pa.field("found_url", pa.string()),
        ]
    )
)
CANDIDATES = pa.schema(
    [
        pa.field("dedupe_key", pa.binary(16), nullable=False),
        pa.field("fetch_url", pa.string(), nullable=False),
        pa.field("votes", pa.int64(), nullable=False),
        pa.field("submissions", pa.int64(), nullable=False),
        pa.field("addresses", pa.int64(), nullable=False),
        pa.field("kinds", pa.list_(pa.string()), nullable=False),
        pa.field("rewrites", pa.list_(pa.string()), nullable=False),
        pa.field("marks", pa.list_(pa.string()), nullable=False),
        pa.field("shortener", pa.bool_(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("provenance", SUBMISSIONS, nullable=False),
    ]
)


def gathered(link: LinkCandidate, found: Address, source: str) -> Row:
    """The row of a link that passed the filters; found_url: as it was found, where it was rewritten."""
    rewritten = found.rewrites and "userinfo" not in found.rewrites
    return {
        "dedupe_key": dedupe_key(found.fetch_url),
        "fetch_url": found.fetch_url,
        "kind": link.kind,
        "submission": link.id,
        "parent": link.parent,
        "score": link.score,
        "time": link.time,
        "seen": link.seen,
        "subreddit": link.subreddit,
        "marks": list(link.marks),
        "context": stored_form(link.context),
        "rewrites": list(found.rewrites),
        "found_url": stored_form(link.url) if rewritten else None,
        "source": source,
    }


def order(row: Row) -> tuple[Any, ...]:
    """The order of links within a part and over all parts: by key, then by all that tells two of them apart."""
    return (
        row["dedupe_key"],
        row["kind"],
        row["submission"],
        _known(row["seen"]),
        _known(row["score"]),
        _known(row["time"]),
        row["fetch_url"],
        row["subreddit"],
        row["parent"],
        row["source"],
        row["context"],
        row["found_url"] or "",
    )


def _known(value: int | None) -> int:
    return -(1 << 62) if value is None else value


def candidates(rows: Iterable[Row], rules: Links) -> Iterator[tuple[Row, Reason | None, int]]:
    """Each page's candidate out of rows in `order`, why it is refused or None, and how many rows told of one
    submission that another told of too.
    """
    for _, group in groupby(rows, key=itemgetter("dedupe_key")):
        every = list(group)
        links = distinct(every)
        candidate = joined(links, rules)
        yield candidate, too_few(candidate, links, rules), len(every) - len(links)


def distinct(rows: list[Row]) -> list[Row]:
    """Each submission once, as it was read last; rows come in `order`."""
    return list({(row["kind"], row["submission"]): row for row in rows}.values())


def joined(links: list[Row], rules: Links) -> Row:
    """The candidate of all links of a page."""
    best = min(links, key=rank)
    listed = sorted(links, key=lambda row: (-_known(row["score"]), _known(row["time"]), row["kind"], row["submission"]))
    return {
        "dedupe_key": best["dedupe_key"],
        "fetch_url": best["fetch_url"],
        "votes": votes(links, rules),
        "submissions": len(links),
        "addresses": len({row["fetch_url"] for row in links}),
        "kinds": sorted({row["kind"] for row in links}),
        "rewrites": best["rewrites"],
        "marks": sorted({mark for row in links for mark in row["marks"]}),
        "shortener": is_shortener(fetch_host(best["fetch_url"])),
        "source": best["source"],
        "provenance": [
            {name: row[name] for name in ("kind", "subreddit", "score", "time", "found_url")}
            | {"id": row["submission"], "context": row["context"] or None}
            for row in listed[: rules.provenance]
        ],
    }


def rank(row: Row) -> tuple[Any, ...]:
    """The least stands for all links of a page: https, few parameters, no shortener, AMP or archive, a high score."""
    url = row["fetch_url"]
    indirect = is_shortener(fetch_host(url)) or "web_archive" in row["rewrites"] or AMP.search(url) is not None
    parameters = url.count("&") + url.count("?")
    return indirect, not url.startswith("https:"), parameters, -_known(row["score"]), url.encode(), order(row)


def votes(links: list[Row], rules: Links) -> int:
    """The votes of a page: its highest score, or the sum of scores, in which a link and its crossposts count once."""
    scores: dict[str, int] = {}
    for row in links:
        score = row["score"]
        if score is None:
            if row["kind"] == SUBMISSION:
                continue
            score = rules.unscored
        root = f"{row['kind']} {row['parent'] or row['submission']}"
        scores[root] = max(score, scores.get(root, score))
    if not scores:
        return 0
    return sum(scores.values()) if rules.score == "sum" else max(scores.values())


def too_few(candidate: Row, links: list[Row], rules: Links) -> Reason | None:
    """Why a page has not votes enough, or None."""
    if candidate["votes"] >= rules.min_score:
        return None
    unknown = all(row["score"] is None and row["kind"] == SUBMISSION for row in links)
    rule = "links.score_unknown" if unknown else "links.votes"
    reposts = Counter(row["subreddit"] for row in links)
    most = max(sorted(reposts), key=reposts.__getitem__)
    told = f"{len(links)} submissions, most in {most or 'no subreddit'}" if len(links) > 1 else ""
    return Reason(rule, float(candidate["votes"]), float(rules.min_score), told)
