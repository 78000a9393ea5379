"""A target and its answer as a row of outcomes, and as an exchange for the WARC."""

from dataclasses import replace

from curate.crawl.answers import Settled
from curate.crawl.fetch import Answer
from curate.crawl.lot_writer import Row, blank, exchange_key, is_kept
from curate.crawl.lots import Target
from curate.warc.writer import Exchange

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
