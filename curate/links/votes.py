"""Joins all links of one page by its key into a candidate with its votes and one of its addresses.

Nothing here depends on the order or the number of files that the links came from.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.links.config import Links
from curate.links.sieve import SUBMISSION, LinkCandidate
from curate.records import Reason
from curate.stage.record import StageRecord, read_stage
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


def gathered_row(link: LinkCandidate, target: Address, source: str) -> Row:
    """Returns the row of a link that passed the filters; `found_url` holds the original URL where it was rewritten."""
    rewritten = target.rewrites and "userinfo" not in target.rewrites
    return {
        "dedupe_key": dedupe_key(target.fetch_url),
        "fetch_url": target.fetch_url,
        "kind": link.kind,
        "submission": link.id,
        "parent": link.parent,
        "score": link.score,
        "time": link.time,
        "seen": link.seen,
        "subreddit": link.subreddit,
        "marks": list(link.marks),
        "context": stored_form(link.context),
        "rewrites": list(target.rewrites),
        "found_url": stored_form(link.url) if rewritten else None,
        "source": source,
    }


def order(row: Row) -> tuple[Any, ...]:
    """Returns the sort key of links within a part and over all parts: the page's key, then all that may differ."""
    return (
        row["dedupe_key"],
        row["kind"],
        row["submission"],
        _or_least(row["seen"]),
        _or_least(row["score"]),
        _or_least(row["time"]),
        row["fetch_url"],
        row["subreddit"],
        row["parent"],
        row["source"],
        row["context"],
        row["found_url"] or "",
    )


def candidates(rows: Iterable[Row], rules: Links) -> Iterator[tuple[Row, Reason | None, int]]:
    """Yields each page's candidate from rows in `order`, the reason to refuse it or None, and its repeated rows.

    A row is repeated where another row is of the same submission.
    """
    for _, group in groupby(rows, key=itemgetter("dedupe_key")):
        of_page = list(group)
        links = latest_rows(of_page)
        candidate = candidate_row(links, rules)
        yield candidate, vote_reason(candidate, links, rules), len(of_page) - len(links)


def latest_rows(rows: list[Row]) -> list[Row]:
    """Returns one row of each submission, the one that was read last; rows come in `order`."""
    return list({(row["kind"], row["submission"]): row for row in rows}.values())


def candidate_row(links: list[Row], rules: Links) -> Row:
    """Returns the candidate of all links of a page."""
    best = min(links, key=rank)
    listed = sorted(
        links, key=lambda row: (-_or_least(row["score"]), _or_least(row["time"]), row["kind"], row["submission"])
    )
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
    """Returns a sort key; the link with the least one gives the page its address.

    First come links that are no shortener, AMP or archive, then https, few parameters, a high score.
    """
    url = row["fetch_url"]
    indirect = is_shortener(fetch_host(url)) or "web_archive" in row["rewrites"] or AMP.search(url) is not None
    parameters = url.count("&") + url.count("?")
    return indirect, not url.startswith("https:"), parameters, -_or_least(row["score"]), url.encode(), order(row)


def votes(links: list[Row], rules: Links) -> int:
    """Returns the votes of a page: its highest score, or the sum of scores; a link and its crossposts count once."""
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


def vote_reason(candidate: Row, links: list[Row], rules: Links) -> Reason | None:
    """Returns the reason to refuse a page that has too few votes, or None."""
    if candidate["votes"] >= rules.min_score:
        return None
    unknown = all(row["score"] is None and row["kind"] == SUBMISSION for row in links)
    rule = "links.score_unknown" if unknown else "links.votes"
    subreddits = Counter(row["subreddit"] for row in links)
    most = max(sorted(subreddits), key=subreddits.__getitem__)
    detail = f"{len(links)} submissions, most in {most or 'no subreddit'}" if len(links) > 1 else ""
    return Reason(rule, float(candidate["votes"]), float(rules.min_score), detail)


def faults(folder: Path, record: StageRecord) -> Iterator[str]:
    """Yields a line where the submissions of all candidates and those read twice are not those that were gathered."""
    gathered_rows = read_stage(folder / "gathered").counts.kept
    notes = record.counts.notes
    parts = [name for name in record.outputs if name.startswith("part-") and name.endswith(".parquet")]
    columns = [pq.read_table(storage.source(folder / name), columns=["submissions"])["submissions"] for name in parts]
    kept = sum(pc.sum(column).as_py() or 0 for column in columns)
    if kept != notes.get("submissions", 0):
        yield f"{folder}: the candidates are of {kept} submissions, recorded are {notes.get('submissions', 0)}"
    if sum(notes.values()) != gathered_rows:
        yield f"{folder}: {sum(notes.values())} submissions were joined, gathered were {gathered_rows}"


def _or_least(value: int | None) -> int:
    """Returns a number for sorting; None comes first."""
    return -(1 << 62) if value is None else value
