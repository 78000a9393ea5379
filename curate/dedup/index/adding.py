"""The files that a run adds to an index: documents part by part, clusters, and the list of all files."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from curate import storage
from curate.dedup import minhash, signatures, urls
from curate.dedup.candidates import Grouped, Pair
from curate.dedup.decisions import DECISIONS, Outcome, columns_of, rejection_of
from curate.dedup.index import answering, joining, places, tables
from curate.dedup.index.answering import Beaten
from curate.dedup.index.generations import FILES, document_file
from curate.dedup.index.job import Job, entry, job_of, written
from curate.dedup.signatures import SignaturePart
from curate.records import Reason, Rejection
from curate.stage.parts import PartWriter
from curate.stage.plan import Item
from curate.storage.writing import write_json

# Of a document that lost to one of the index: that one's address, source and generation, since no stage of this output
# holds it. A generation of 0 is the run's own.
AGAINST = pa.schema(
    [
        *DECISIONS,
        pa.field("winner_url", pa.string()),
        pa.field("winner_source", pa.string()),
        pa.field("winner_generation", pa.int32()),
    ]
)
# `rank`: the place of the source and the values of `dedup.keep`, as bytes. `label`: the name of the cluster, null where
# the document was compared with none. `winner`: the name of the document that this one gave way to. `shingles`: of a
# kept document, uint32, sorted, where `dedup.verify` compares them.
DOCUMENTS = pa.schema(
    [
        pa.field("key", pa.uint32(), nullable=False),  # the row in its part
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("rank", pa.binary(), nullable=False),
        pa.field("label", pa.binary(places.NAME)),
        pa.field("winner", pa.binary(places.NAME)),
        pa.field("similarity", pa.float64()),
        pa.field("signature", pa.binary()),
        pa.field("shingles", pa.binary()),
    ]
)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """The decisions on the rows of a part."""

    outcome: Outcome
    older: Mapping[int, bytes]  # captures that gave way to another capture of the run: that one's id
    beaten: Mapping[int, Beaten]  # losses to the index
    joined: Mapping[int, tuple[bytes, bytes]]  # of those that were compared: the cluster, and the winner, by name

    def stands_for_its_text(self, row: int) -> bool:
        """Returns whether a document took part in the comparison of bands: it is no copy and no older capture."""
        lost = row in self.beaten or row in self.outcome.losses
        return row not in self.older and (not lost or row in self.joined)

    def kept(self, row: int) -> bool:
        """Returns whether a document is kept."""
        return not (row in self.older or row in self.beaten or row in self.outcome.losses)

    def has_address(self, row: int) -> bool:
        """Returns whether a document is the capture of its address that stays, whatever its text."""
        return row not in self.older and not (row in self.beaten and self.beaten[row].kind == "url")


def verdicts_of(group: Grouped) -> Verdicts:
    """Returns what the marks of a part say."""
    beaten, joined, marks = answering.losses(group[1])
    outcome = Outcome.read(marks)
    for row, number in urls.removed(group[0], marks).items():
        outcome.removed[row] += number
    return Verdicts(outcome=outcome, older=urls.lost_rows(group[0], marks), beaten=beaten, joined=joined)


def write_decisions(job: Job, item: Item, verdicts: Verdicts, part: PartWriter) -> None:
    """Writes the decisions of a part, and the rejections of its losers."""
    signed = signatures.read_part(job.plan, item.number)
    for row, columns in enumerate(signed.rows("id", "url", "source", "bytes")):
        decision = dict.fromkeys(AGAINST.names) | {"id": columns["id"], "url": columns["url"]}
        if row in verdicts.older:
            rejection, loss = urls.decide_capture(signed, row, verdicts.older[row])
        elif row in verdicts.beaten:
            rejection, loss = _beaten(signed, row, verdicts.beaten[row], job)
        elif row in verdicts.outcome.losses:
            rejection = rejection_of(signed, row, verdicts.outcome.losses[row], job.rules.similarity)
            loss = columns_of(row, columns["id"], verdicts.outcome)
        else:
            decision |= columns_of(row, columns["id"], verdicts.outcome)
            part.keep_row(decision, columns["source"], columns["bytes"])
            continue
        part.add_row({**decision, "kept": False, **loss})
        part.reject(rejection)


def repeated(job: Job, item: Item, verdicts: Verdicts) -> int:
    """Returns how many documents of a part lost to themselves: the index holds a document of the same id."""
    signed = signatures.read_part(job.plan, item.number)
    return sum(loss.winner == signed.value("id", row) for row, loss in verdicts.beaten.items())


def _beaten(signed: SignaturePart, row: int, loss: Beaten, job: Job) -> tuple[Rejection, Row]:
    """Returns the rejection of a row that lost to a document of the index, and the columns of its decision."""
    limit = job.rules.similarity if loss.kind == "near" else None
    what = "capture of the same address as" if loss.kind == "url" else "duplicate of"
    index = f"generation {loss.generation} of the index, without its text"
    where = f"{loss.url}, source {loss.source}, in {index}"
    rejection = Rejection.of(
        Reason(f"dedup.{loss.kind}", loss.similarity, limit, f"{what} {loss.winner.hex()} ({where})"),
        id=signed.value("id", row),
        url=signed.value("url", row),
        source=signed.value("source", row),
        stage="dedup",
        size=signed.value("bytes", row),
    )
    return rejection, {
        "kind": loss.kind,
        "winner": loss.winner,
        "similarity": loss.similarity,
        "cluster": loss.winner,
        "winner_url": loss.url,
        "winner_source": loss.source,
        "winner_generation": loss.generation,
    }


def write_documents(job: Job, item: Item, verdicts: Verdicts) -> Iterator[Pair]:
    """Writes the documents of a part that later ones may meet; yields the entry of the file, if it has any.

    Like every file of the index, it is written only while the generation has no record.
    """
    if job.added:
        return
    sources: Counter[str] = Counter()
    path = job.folder / document_file(item.number)
    rows = _rows(job, item, verdicts, sources)
    first = next(rows, None)
    if first is None:
        return
    record = tables.write(path, DOCUMENTS, _batches(chain([first], rows)), tables.DOCUMENTS)
    yield entry(path.name, asdict(record), sources=dict(sorted(sources.items())), input=[item.digest, item.label])


def _batches(rows: Iterator[Row]) -> Iterator[pa.Table]:
    while batch := list(islice(rows, tables.DOCUMENTS)):
        yield pa.Table.from_pylist(batch, schema=DOCUMENTS)


def _rows(job: Job, item: Item, verdicts: Verdicts, sources: Counter[str]) -> Iterator[Row]:
    """Yields the rows of a part's documents in the index; sources: counts those that are kept."""
    shingles = _shingles(job, item, verdicts)
    nodes = signatures.with_nodes(job.plan, item.number, job.rules, "id", "url", "source", "signature")
    for number, (node, row) in enumerate(nodes):
        own, kept = verdicts.stands_for_its_text(number), verdicts.kept(number)
        sources[row["source"]] += kept
        if not own and not (job.rules.url and verdicts.has_address(number)):
            continue
        name = places.name_of(node, job.number)
        label, winner = verdicts.joined.get(number, (None, name))
        yield {
            "key": number,
            **{column: row[column] for column in answering.IDENTITY},
            "rank": places.order_of(node, len(job.rules.criteria)),
            "label": label,
            "winner": winner if winner != name else None,
            "similarity": _similarity(verdicts, number) if own and not kept else None,
            "signature": row["signature"] if own else None,
            "shingles": next(shingles) if own and kept and row["signature"] and job.shingled else None,
        }


def _similarity(verdicts: Verdicts, row: int) -> float | None:
    return verdicts.beaten[row].similarity if row in verdicts.beaten else verdicts.outcome.losses[row][1]


def _shingles(job: Job, item: Item, verdicts: Verdicts) -> Iterator[bytes]:
    """Yields the shingles of the kept documents of a part that have words, in order."""
    if not job.shingled:
        return
    signed = signatures.read_part(job.plan, item.number).rows("signature")
    chosen = {
        number
        for number, row in enumerate(signed)
        if row["signature"] and verdicts.stands_for_its_text(number) and verdicts.kept(number)
    }
    for _, text in signatures.texts(job.plan, item.number, chosen):
        yield minhash.shingles(text, job.rules.shingle, job.rules.normalise).astype("<u4").tobytes()


def write_clusters(group: Grouped, folder: str) -> Iterator[Pair]:
    """Writes the entries of a partition of cluster names; yields the entry of the file."""
    job = job_of(folder)
    rows = sorted({*group[1]})
    columns = {"key": [row[: places.NAME] for row in rows], "member": [row[places.NAME :] for row in rows]}
    number = int.from_bytes(group[0][1:])
    yield from written(
        job, f"clusters-{number:05d}.parquet", joining.CLUSTERS, pa.table(columns, schema=joining.CLUSTERS)
    )


def write_list(group: Grouped, folder: str) -> None:
    """Writes the list of the files of a new generation, with what is said of them, for the record to come."""
    job = job_of(folder)
    if job.added:
        return
    entries = sorted((json.loads(text) for text in {*group[1]} if text), key=lambda entry: str(entry["name"]))
    path = job.folder / FILES
    storage.make_folder(path.parent)  # which holds nothing else where no document is new
    write_json(path, entries)
