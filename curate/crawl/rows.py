"""A target with its answer as a row of outcomes, and as an exchange for the WARC; the columns of a crawl's tables."""

from typing import Any

import pyarrow as pa

from curate.crawl.answers import Settled
from curate.crawl.fetch import Answer
from curate.crawl.lots import Target
from curate.crawl.outcomes import KEPT
from curate.crawl.targets import TARGET_FIELDS
from curate.stage.schemas import ID, TIMESTAMP
from curate.warc.writer import Exchange

Row = dict[str, Any]

MOST = 50  # preferences in a row, refusals first
LENGTH = 300  # characters of a text that a server sent
METADATA_LENGTH = 2000  # characters of a metadata field in the WARC

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
        pa.field("location", pa.string()),  # the URL on another host that a redirect leads to
        pa.field("hops", pa.list_(pa.string())),
        pa.field("via", pa.list_(pa.string())),
        pa.field("tries", pa.int32(), nullable=False),
        pa.field("refetched", pa.bool_(), nullable=False),  # requested again, as a crash lost the first answer
        pa.field("ip", pa.string()),
        pa.field("robots", pa.string()),  # the line and pattern that decided
        pa.field("preferences", pa.list_(pa.string())),  # each as "category=value source"
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

# A lot's committed outcomes include those of URLs that are deferred.
COMMITTED = OUTCOMES.append(pa.field("deferred", pa.bool_(), nullable=False))

DEFERRED = pa.schema([*TARGET_FIELDS, pa.field("outcome", pa.string(), nullable=False)])

OUTCOME_NAMES, DEFERRED_NAMES = tuple(OUTCOMES.names), tuple(DEFERRED.names)  # schemas make new lists at each call

BLANK: Row = dict.fromkeys(COMMITTED.names)


def row_of(
    target: Target,
    settled: Settled,
    answer: Answer | None = None,
    *,
    hops: list[str] | None = None,
    robots: str = "",
    location: str | None = None,
) -> Row:
    """Returns the row of a target's outcome; hops: the URLs that were requested."""
    preferences = sorted(settled.preferences, key=lambda preference: preference.value != "n")[:MOST]
    row = BLANK | {name: getattr(target, name) for name in ("id", "url", "votes", "source", "tries")}
    row |= {
        "dedupe_key": target.dedupe_key or None,
        "via": [*target.via],
        "outcome": settled.outcome,
        "kept": settled.outcome in KEPT,
        "detail": settled.detail[:LENGTH],
        "hops": [*(hops or ())],
        "robots": robots[:LENGTH] or None,
        "location": location,
        "preferences": [f"{item.category}={item.value} {item.source}"[:LENGTH] for item in preferences],
        "refetched": False,
        "deferred": False,
    }
    return row | _response_values(settled, answer) if answer and answer.status else row


def _response_values(settled: Settled, answer: Answer) -> Row:
    """Returns the values of a row that come from the last response."""
    return {
        "status": answer.status,
        "final_url": answer.url,
        "ip": answer.ip or None,
        "mime": answer.mime[:LENGTH] or None,
        "mime_detected": settled.mime[:LENGTH] or None,
        "charset": settled.charset[:LENGTH] or None,
        "wire_bytes": len(answer.body),
        "decoded_bytes": settled.decoded_bytes,
        "truncated": answer.truncated or None,
        "fetched": answer.date.replace(microsecond=0),
        "seconds": answer.seconds,
    }


def exchange_of(target: Target, row: Row, answer: Answer) -> Exchange:
    """Returns a page as it goes into the WARC, under the URL that answered; its metadata holds the way there."""
    metadata = {"fetchTimeMs": str(round(1000 * answer.seconds)), "seed": target.url}
    if target.via or len(row["hops"]) > 1:
        metadata["via"] = [*target.via, *row["hops"]][-2]
        metadata["hopsFromSeed"] = "R" * (len(target.via) + len(row["hops"]) - 1)
    if row["preferences"]:
        metadata["usage-preferences"] = "; ".join(row["preferences"])
    return Exchange(
        key=exchange_key(row),
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
        metadata={name: value[:METADATA_LENGTH] for name, value in metadata.items()},
    )


def exchange_key(row: Row) -> str:
    """Returns the key from which the record ids of a row's page are made: the URL's id and the hop."""
    return f"{row['id'].hex()} {len(row['hops'])}"
