"""Files of an index answer the questions of new documents, and clusters of old and new documents are decided.

Marks of a run against an index begin with MARK and their kind, then row(4): a document lost to one of the index, or it
was compared in a cluster.
"""

import json
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curate.dedup import decisions, minhash
from curate.dedup.candidates import Grouped, Pair
from curate.dedup.clusters import RANK, Node, node_id, node_part, node_row
from curate.dedup.decisions import GUEST, LOSS, LOST, MEMBER, NOTED, NOTES, WON, Member
from curate.dedup.greedy import winners
from curate.dedup.index import joining, places
from curate.dedup.index.generations import Row, partition
from curate.dedup.index.job import Job, job_of
from curate.dedup.index.looking import ADDRESS, LINK

MARK = b"idx"  # begins a mark
BEATEN, JOINED = b"b", b"j"  # what a mark says of its row
BEATING = struct.Struct(f">1sd{places.NAME}s")  # the kind of loss, the similarity, the winner's name; then its words
URL, EXACT, NEAR = b"u", b"e", b"n"  # kinds of losses
CLUSTERED = b"c"  # begins the key of a partition of cluster names
IDENTITY = ("id", "url", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beaten:
    """The loss of a new document against one of the index."""

    kind: str  # url, exact or near
    similarity: float | None  # None by address
    winner: bytes  # its id
    generation: int
    url: str
    source: str


def answer(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields what a file of the index answers: marks for losses, and edges between nodes of one cluster."""
    job, file = job_of(folder), group[0]
    questions = sorted({*group[1]})
    yield from _losses(job, file, [entry for entry in questions if entry[:1] != LINK])
    yield from _edges(job, *_linked(job, file, (entry for entry in questions if entry[:1] == LINK)))


def _linked(job: Job, file: bytes, links: Iterable[bytes]) -> tuple[dict[bytes, Row], dict[bytes, list[Node]]]:
    """Returns by place the documents that have similar new ones, with the start of their signatures, and these."""
    width = job.layout.node
    by_place: dict[bytes, list[bytes]] = defaultdict(list)
    for entry in links:
        by_place[file + entry[1:5]].append(entry[5:])
    rows: dict[bytes, Row] = {}
    linked: dict[bytes, list[Node]] = {}
    for place, row in job.index.stream(by_place, (*IDENTITY, "rank", "label", "winner", "signature")):
        own = np.frombuffer(row["signature"], "<u4")
        signed = [(content[:width], np.frombuffer(content[width:], "<u4")) for content in by_place[place]]
        nodes = [node for node, signature in signed if minhash.similarity(own, signature) >= job.rules.linking]
        if nodes:
            rows[place], linked[place] = row | {"signature": row["signature"][:4]}, nodes
    return rows, linked


def _losses(job: Job, file: bytes, questions: Sequence[bytes]) -> Iterator[Pair]:
    """Yields the marks of documents with the address or the text of one of the index.

    A copy of a document that was removed gives way to the one that this gave way to, as it does among new documents.
    """
    rows = job.index.documents((file + entry[1:5] for entry in questions), (*IDENTITY, "winner", "similarity"))
    others = [places.place_of(row["winner"]) for row in rows.values() if row["winner"]]
    winners_of = job.index.documents(others, IDENTITY)
    for entry in questions:
        place, node = file + entry[1:5], entry[5:]
        row = rows[place]
        if entry[:1] == ADDRESS:
            yield beaten(node, URL, 0.0, row["id"] + place, row)
        elif row["winner"]:
            yield beaten(node, NEAR, row["similarity"], row["winner"], winners_of[places.place_of(row["winner"])])
        else:
            yield beaten(node, EXACT, 1.0, row["id"] + place, row)


def _edges(job: Job, rows: Mapping[bytes, Row], linked: Mapping[bytes, list[Node]]) -> Iterator[Pair]:
    """Yields edges from the first document of a cluster of the index to its kept ones, and to new documents.

    A kept document that has similar new ones is among them, though a run of too few rounds left it out of its cluster.
    """
    width = job.layout.node
    labels = {place: rows[place]["label"] or rows[place]["id"] + place for place in linked}
    clusters = joining.clusters(job.index, {*labels.values()})
    joined: dict[bytes, set[Node]] = defaultdict(set)  # by the name of the cluster
    for place, nodes in linked.items():
        name = clusters[labels[place]].name
        joined[name].update(nodes)
        if not rows[place]["winner"]:
            joined[name].add(places.old_node(member_of(place, rows[place]), width))
    for cluster in {cluster.name: cluster for cluster in clusters.values()}.values():
        members = {places.old_node(member, width) for member in cluster.members}
        first, *others = sorted(joined[cluster.name] | members)
        for node in others:
            yield first, node


def member_of(place: bytes, row: Row) -> places.Member:
    """Returns the member that a document of the index is."""
    signature = row["signature"] or bytes(4)
    at = place[places.GENERATION :]
    return bytes(place[: places.GENERATION] + row["rank"] + row["id"] + at + signature[3::-1])


def beaten(node: Node, kind: bytes, similarity: float, winner: bytes, row: Row) -> Pair:
    """Returns the mark of a new document that lost against one of the index; row: that one's."""
    words = json.dumps([row["url"], row["source"]]).encode()
    content = BEATING.pack(kind, similarity, winner) + words
    return node_part(node), MARK + BEATEN + node_row(node).to_bytes(4) + content


def members(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (block, member) for the requests to a part or to a file of the index, as `decisions.members` does."""
    file = group[0]
    if len(file) == 4:
        yield from decisions.members(group, folder)
        return
    job = job_of(folder)
    width = job.layout.node
    evidence = "signature" if job.rules.verify == "signature" else "shingles"
    by_place: dict[bytes, list[bytes]] = defaultdict(list)
    for request in sorted({*group[1]}):
        by_place[_place(request[-width:])].append(request)
    for place, row in job.index.stream(by_place, (*IDENTITY, evidence)):
        words = json.dumps([row["url"], row["source"]]).encode()
        for request in by_place[place]:
            content = MEMBER.pack(request[1], len(words)) + request[-width:] + words + row[evidence]
            yield request[2:-width], content


def _place(node: Node) -> bytes:
    return places.place_of(places.name_of(node, 0))


def routed(request: Pair, width: int) -> Pair:
    """Returns a request of `decisions.requests` with its key: the part, or the file of the index."""
    return places.file_of_node(request[1][-width:]), request[1]


def settle(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (part, mark) for what the comparison of a block leads to, and (partition, entry of a cluster).

    Documents of the index are kept, and nothing is sent to them.
    """
    job = job_of(folder)
    block = sorted((_member(message, job.layout.node) for message in group[1]), key=lambda member: member.node)
    settled = sum(places.is_old(member.node) for member in block)
    numbers, similarities = winners(
        decisions.undecided(block, job.rules), len(block), job.rules.similarity, settled=settled
    )
    yield from _marks(job, block, numbers.tolist(), similarities.tolist())
    if len(block) > 1:
        for name, member in _cluster(job, block, numbers.tolist()):
            yield CLUSTERED + partition(name, job.layout.texts).to_bytes(4), name + member


def _member(message: bytes, width: int) -> Member:
    member = Member.read(message, width)
    return (
        Member(member.node, member.flags, (b"".join(member.copies),), member.evidence)
        if places.is_old(member.node)
        else member
    )


def _marks(job: Job, block: Sequence[Member], numbers: Sequence[int], shares: Sequence[float]) -> Iterator[Pair]:
    """Yields the marks of the new documents of a block; numbers: to which one each gives way."""
    names = [places.name_of(member.node, job.number) for member in block]
    removed: Counter[Node] = Counter()
    for place, member in enumerate(block):
        if places.is_old(member.node):
            continue
        winner, lost = block[numbers[place]], numbers[place] != place
        for node in (member.node, *member.copies) if lost else member.copies:
            if places.is_old(winner.node):
                url, source = json.loads(winner.copies[0])
                row = {"url": url, "source": source}
                yield beaten(node, NEAR, shares[place], names[numbers[place]], row)
            else:
                yield decisions.mark(node, LOST, LOSS.pack(not lost, shares[place], node_id(winner.node)))
                removed[winner.node] += 1
        if len(block) > 1 and not member.flags & GUEST:
            content = names[0] + names[numbers[place]]
            yield node_part(member.node), MARK + JOINED + node_row(member.node).to_bytes(4) + content
    yield from _counts(block, removed)


def _counts(block: Sequence[Member], removed: Mapping[Node, int]) -> Iterator[Pair]:
    """Yields how many documents new ones won against, and notes; those of old documents go to the first new one."""
    new = [member.node for member in block if not places.is_old(member.node)]
    for node, count in removed.items():
        yield decisions.mark(node, WON, decisions.COUNT.pack(count))
    for member in block:
        for flag in NOTES:
            if member.flags & flag and new:
                node = new[0] if places.is_old(member.node) else member.node
                yield decisions.mark(node, NOTED, bytes([flag]))


def _cluster(job: Job, block: Sequence[Member], numbers: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
    """Yields the entries of a block for `joining`: its kept documents, and what names of clusters are now another's."""
    kept = [member.node for place, member in enumerate(block) if numbers[place] == place]
    stored = [_stored(job, node) for node in kept]
    name = places.name_of_member(stored[0])
    for node, member in zip(kept, stored, strict=True):
        yield name, member
        if places.is_old(node) and node != kept[0]:
            yield places.name_of_member(member), stored[0]


def _stored(job: Job, node: Node) -> places.Member:
    """Returns the member that a node is in the files of the new generation."""
    if not places.is_old(node):
        return places.member_of(node, job.number, len(job.rules.criteria))
    number = int.from_bytes(node[1 : places.OLD])
    end = places.OLD + 1 + RANK * job.index.generations[number - 1].criteria
    return node[1:end] + node[-places.TAIL :]


def losses(marks: Iterable[bytes]) -> tuple[dict[int, Beaten], dict[int, tuple[bytes, bytes]], list[bytes]]:
    """Returns what marks of a part say: losses to the index by row, (cluster, winner) by row, and the other marks."""
    lost: dict[int, Beaten] = {}
    joined: dict[int, tuple[bytes, bytes]] = {}
    others = []
    for entry in marks:
        if not entry.startswith(MARK):
            others.append(entry)
            continue
        kind, row, content = entry[3:4], int.from_bytes(entry[4:8]), entry[8:]
        if kind == JOINED:
            joined[row] = content[: places.NAME], content[places.NAME :]
        else:
            lost[row] = _beaten(content)
    return lost, joined, others


def _beaten(content: bytes) -> Beaten:
    kind, similarity, winner = BEATING.unpack_from(content)
    url, source = json.loads(content[BEATING.size :])
    return Beaten(
        kind={URL: "url", EXACT: "exact", NEAR: "near"}[kind],
        similarity=None if kind == URL else similarity,
        winner=winner[: places.ID],
        generation=int.from_bytes(winner[places.ID : places.ID + places.GENERATION]),
        url=url,
        source=source,
    )
