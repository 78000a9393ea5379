"""A target and its answer as a row of outcomes, and as an exchange for the WARC."""

from dataclasses import replace
from typing import Any

import pyarrow as pa

from curate.crawl.answers import Settled
from curate.crawl.fetch import Answer
from curate.crawl.lots import Target
from curate.crawl.outcomes import KEPT
from curate.stage.schemas import ID, TIMESTAMP
from curate.warc.writer import Exchange

Row = dict[str, Any]

TEXT = {"nullable": False}

OUTCOMES = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("dedupe_key", pa.binary()),
        pa.field("votes", pa.int64()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("wave", pa.int32(), nullable=False),
        pa.field("lot", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("status", pa.int32()),
        pa.field("final_url", pa.string()),
        pa.field("location", pa.string()),  # where a redirect to another host leads
        pa.field("hops", pa.list_(pa.string())),
        pa.field("via", pa.list_(pa.string())),
        pa.field("tries", pa.int32(), nullable=False),
        pa.field("refetched", pa.bool_(), nullable=False),  # asked for again, as a crash lost the first answer
        pa.field("ip", pa.string()),
        pa.field("robots", pa.string()),  # the line and pattern that decided
        pa.field("preferences", pa.list_(pa.string())),  # as category=value source
        pa.field("mime", pa.string()),
        pa.field("mime_detected", pa.string()),
        pa.field("charset", pa.string()),
        pa.field("wire_bytes", pa.int64()),
        pa.field("decoded_bytes", pa.int64()),
        pa.field("truncated", pa.string()),
        pa.field("payload_digest", pa.string()),
        pa.field("warc_file", pa.string()),
        pa.field("warc_offset", pa.int64()),
        pa.field("warc_length", pa.int64()),
        pa.field("fetched", TIMESTAMP),
        pa.field("seconds", pa.float32()),
        pa.field("not_before", pa.float64()),
    ]
)

# A lot's own files hold what is deferred too.
COMMITTED = OUTCOMES.append(pa.field("deferred", pa.bool_(), nullable=False))

DEFERRED = pa.schema(
    [
        *(pa.field(name, kind, nullable=False) for name, kind in (("url", pa.string()), ("source", pa.string()))),
        *(pa.field(name, kind) for name, kind in (("dedupe_key", pa.binary()), ("votes", pa.int64()))),
        pa.field("via", pa.list_(pa.string())),
        pa.field("tries", pa.int32(), nullable=False),
        pa.field("not_before", pa.float64()),
        pa.field("outcome", pa.string(), nullable=False),
    ]
)

NAMES, ONWARD = tuple(OUTCOMES.names), tuple(DEFERRED.names)  # a schema lists its names anew each time

BLANK: Row = dict.fromkeys(COMMITTED.names)


MOST = 50  # preferences that a row tells of, the refusals first
LENGTH = 300  # characters of what a server says


def row_of(
    target: Target,
    found: Settled,
    answer: Answer | None = None,
    *,
    hops: list[str] | None = None,
    robots: str = "",
    location: str | None = None,
) -> Row:
    """The row of a target's outcome; hops: the URLs that were asked for."""
    told = sorted(found.preferences, key=lambda each: each.value != "n")
    row = blank() | {name: getattr(target, name) for name in ("id", "url", "votes", "source", "tries")}
    row |= {
        "dedupe_key": target.dedupe_key or None,
        "via": [*target.via],
        "outcome": found.outcome,
        "kept": is_kept(found.outcome),
        "detail": found.detail[:LENGTH],
        "hops": [*(hops or ())],
        "robots": robots[:LENGTH] or None,
        "location": location,
        "preferences": [f"{each.category}={each.value} {each.source}"[:LENGTH] for each in told[:MOST]],
        "refetched": False,
        "deferred": False,
    }
    return row | _told(found, answer) if answer and answer.status else row


def _told(found: Settled, answer: Answer) -> Row:
    """What a row says of the last response."""
    return {
        "status": answer.status,
        "final_url": answer.url,
        "ip": answer.ip or None,
        "mime": answer.mime[:LENGTH] or None,
        "mime_detected": found.mime[:LENGTH] or None,
        "charset": found.charset[:LENGTH] or None,
        "wire_bytes": len(answer.body),
        "decoded_bytes": found.decoded_bytes,
        "truncated": answer.truncated or None,
        "fetched": answer.date.replace(microsecond=0),
        "seconds": answer.seconds,
    }


def exchange_of(target: Target, row: Row, answer: Answer) -> Exchange:
    """What of a page goes into the WARC, under the URL that answered; the metadata tells how we came there."""
    metadata = {"fetchTimeMs": str(round(1000 * answer.seconds)), "seed": target.url}
    if target.via or len(row["hops"]) > 1:
        metadata |= {
            "via": [*target.via, *row["hops"]][-2],
            "hopsFromSeed": "R" * (len(target.via) + len(row["hops"]) - 1),
        }
    if row["preferences"]:
        metadata["usage-preferences"] = "; ".join(row["preferences"])
    told = {name: value[:2000] for name, value in metadata.items()}
    return replace(_plain(answer, row), key=exchange_key(row), metadata=told)


def _plain(answer: Answer, row: Row) -> Exchange:
    return Exchange(
        key="",
        url=answer.url,
        date=answer.date,
        status_line=answer.status_line,
        headers=answer.headers,
        body=answer.body,
        ip=answer.ip,
        request=answer.request,
        truncated=answer.truncated,
        mime=row["mime_detected"] or "",
        charset=row["charset"] or "",
        protocols=answer.protocols,
        cipher=answer.cipher,
    )


def exchange_key(row: Row) -> str:
    """What the records of a row's page are named after: the URL's id and the hop."""
    return f"{row['id'].hex()} {len(row['hops'])}"


def blank() -> Row:
    """A row without values."""
    return BLANK.copy()


def is_kept(outcome: str) -> bool:
    """Is the page in the output?"""
    return outcome in KEPT
