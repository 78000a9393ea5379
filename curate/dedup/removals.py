"""A record of what dedup removed, beside its parts: the hosts that lost most, and a verified sample of near removals.

The sample is drawn by a hash of the ids, so it is the same on every engine. Each removal of it is judged anew, from the
texts: the share of their runs of words that the removed and the kept document have both. No text is shuffled: a word
stands as a digest of 64 bits, so runs are compared word by word, and not by the hashes of 32 bits that dedup compares.
"""

import hashlib
import heapq
import json
import struct
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import pyarrow.parquet as pq

from curate import storage
from curate.dedup import signatures
from curate.dedup.candidates import Grouped, Pair
from curate.dedup.config import Dedup
from curate.intervals import share
from curate.records import keyed_hash
from curate.stage.checked import opened_part
from curate.stage.heartbeat import beating
from curate.stage.parts import part_name
from curate.stage.plan import Plan, load_plan
from curate.storage.writing import unsealed, write_record
from curate.text import words
from curate.web.urls import host_of

FILE = "removals.json"
FORMAT, VERSION = "curate.removals", 1
SAMPLE = 300  # near removals that are judged
SEED = 0  # of their draw
WORST = 1000  # hosts that lost the most documents, in the record
PAIRS = 12  # removals of the sample that are named in the record, those that do not hold first
BATCH_ROWS = 1 << 16
SPLITS = 16  # partitions of the hosts
ALL = b"all"  # the key of what meets in one place
HOSTS, DRAWN, JUDGED = b"h", b"d", b"j"  # the first byte of what the record is made of
NUMBER = struct.Struct(">Q")  # near removals, before the draws of a sample
DRAW = struct.Struct(">8s16s16sIId")  # hash, removed id, winner's id, part, row, similarity
SIDE = struct.Struct(">?II")  # whether a text is the kept one, its part and row
WORD = 8  # bytes of a word's digest
Loss = tuple[str, int, int]  # a host, its documents, and those that were removed


def host_counts(made: Pair, folder: str) -> Iterator[Pair]:
    """Yields (partition, hosts with their documents and removals) for a part whose decisions are written."""
    plan, number = load_plan(storage.path(folder)), int.from_bytes(made[1])
    read, removed = Counter[str](), Counter[str]()
    for row in _decisions(plan, number, "url", "kept"):
        host = host_of(row["url"]).removeprefix("www.")
        if host:
            read[host] += 1
            removed[host] += not row["kept"]
    splits: dict[int, list[Loss]] = {}
    for host, number_read in sorted(read.items()):
        split = keyed_hash(SEED, "host", host.encode(), 1)[0] % SPLITS
        splits.setdefault(split, []).append((host, number_read, removed[host]))
    for split, losses in splits.items():
        yield bytes([split]), json.dumps(losses).encode()


def worst_of(group: Grouped) -> Pair:
    """Returns the hosts of a partition that may be among the worst of all."""
    read, removed = Counter[str](), Counter[str]()
    for blob in group[1]:
        for host, number_read, number_removed in json.loads(blob):
            read[host] += number_read
            removed[host] += number_removed
    return ALL, HOSTS + json.dumps(worst((host, read[host], removed[host]) for host in read)).encode()


def worst(losses: Iterable[Loss], number: int = WORST) -> list[Loss]:
    """Returns the hosts that lost the most documents, and those of which no other lost as many and as large a share.

    number: of the first. Where a host that is left out lost more than some number and share, one that is not did too.
    """
    ordered = sorted((loss for loss in losses if loss[2]), key=lambda loss: (-loss[2], loss[1], loss[0]))
    chosen, most = ordered[:number], Fraction(0)  # most: the largest share of those that lost as many
    for place, (_, read, removed) in enumerate(ordered):
        if Fraction(removed, read) > most:
            most = Fraction(removed, read)
            chosen += ordered[place : place + 1] if place >= number else []
    return chosen


def draws(made: Pair, folder: str) -> Pair:
    """Returns (one key for all, the number of near removals of a part and those of them with the least hashes)."""
    plan, part = load_plan(storage.path(folder)), int.from_bytes(made[1])
    names = ["id", "kind", "winner", "similarity", *(["winner_generation"] if "index" in plan.settings else [])]
    near = [
        (row, values)
        for row, values in enumerate(_decisions(plan, part, *names))
        if values["kind"] == "near" and not values.get("winner_generation")  # the text of one of an index is away
    ]
    packed = (
        DRAW.pack(keyed_hash(SEED, "removal", one["id"]), one["id"], one["winner"], part, row, one["similarity"])
        for row, one in near
    )
    return ALL, NUMBER.pack(len(near)) + b"".join(heapq.nsmallest(SAMPLE, packed))


def least_draws(samples: Iterable[bytes]) -> bytes:
    """Returns the sample of several samples: the sum of their numbers, and the draws with the least hashes."""
    total, packed = 0, list[bytes]()
    for sample in samples:
        total += NUMBER.unpack_from(sample)[0]
        packed += _split(sample)
    return NUMBER.pack(total) + b"".join(heapq.nsmallest(SAMPLE, packed))


def drawn(sample: Pair) -> Pair:
    """Returns a sample as a piece of the record."""
    return ALL, DRAWN + sample[1]


def to_parts(sample: Pair, folder: str) -> Iterator[Pair]:
    """Yields (part, draws) for every part, as any may hold a winner; nothing where nothing was drawn."""
    packed = sample[1][NUMBER.size :]
    for item in load_plan(storage.path(folder)).items if packed else ():
        yield item.number.to_bytes(4), packed


def texts_of(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields (draw, words with their side and place) for the texts of a sample that a part holds."""
    plan, part = load_plan(storage.path(folder)), int.from_bytes(group[0])
    normalise = plan.built(Dedup, "dedup").normalise
    packed = [draw for blob in group[1] for draw in _split(NUMBER.pack(0) + blob)]
    of_row: dict[int, list[tuple[bytes, bool]]] = {}
    by_winner: dict[bytes, list[bytes]] = {}
    for draw in packed:
        _, _, winner, own_part, row, _ = DRAW.unpack(draw)
        by_winner.setdefault(winner, []).append(draw)
        if own_part == part:
            of_row.setdefault(row, []).append((draw, False))
    for row, decision in enumerate(_decisions(plan, part, "id", "kept")):
        if decision["kept"] and decision["id"] in by_winner:
            of_row.setdefault(row, []).extend((draw, True) for draw in by_winner[decision["id"]])
    with beating(plan.folder, part, step="judging a sample", size=plan.items[part].size):
        for row, text in texts(plan, part, of_row):
            digested = digests(text, normalise)
            for draw, is_kept in of_row[row]:
                yield draw, SIDE.pack(is_kept, part, row) + digested


def texts(plan: Plan, number: int, rows: Collection[int]) -> Iterator[tuple[int, str]]:
    """Yields (row, text) for these rows of a part; only their row groups are read."""
    item = plan.items[number]
    if not rows:
        return
    if item.form != "part":
        yield from signatures.texts(plan, number, rows)
        return
    with opened_part(plan.path(item.uri), item.digest, copy=True) as source, pq.ParquetFile(source) as file:
        start = 0
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            if chosen := sorted(row for row in rows if start <= row < stop):
                column = file.read_row_group(group, columns=["text"], use_threads=False)["text"]
                yield from ((row, column[row - start].as_py()) for row in chosen)
            start = stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A near removal of the sample, and what its two texts say of it."""

    draw: str  # in hex; the sample is in this order
    id: str  # of the removed document, in hex
    winner: str  # of the kept one
    stated: float  # the similarity that the decision states
    similarity: float  # of the two texts
    right: bool  # it is as large as the recipe asks
    place: tuple[int, int]  # part and row of the removed document
    kept_place: tuple[int, int]  # of the kept one


def judge(group: Grouped, folder: str) -> Iterator[Pair]:
    """Yields a removal of the sample, judged by its two texts; nothing where the winner is in no part as kept."""
    rules = load_plan(storage.path(folder)).built(Dedup, "dedup")
    sides = {is_kept: (part, row, own) for is_kept, part, row, own in map(_side, sorted(group[1], reverse=True))}
    if True in sides and False in sides:
        draw, identity, winner, _, _, stated = DRAW.unpack(group[0])
        value = similarity(sides[False][2], sides[True][2], rules.shingle)
        judged = Judged(
            draw=draw.hex(),
            id=identity.hex(),
            winner=winner.hex(),
            stated=stated,
            similarity=value,
            right=value >= rules.similarity,
            place=sides[False][:2],
            kept_place=sides[True][:2],
        )
        yield ALL, JUDGED + json.dumps(asdict(judged)).encode()


def digests(text: str, normalise: str) -> bytes:
    """Returns the digests of the words of a text, in order."""
    in_order = words.words(text, normalise)
    of_word = {word: hashlib.blake2b(word, digest_size=WORD).digest() for word in {*in_order}}
    return b"".join(map(of_word.__getitem__, in_order))


def similarity(one: bytes, other: bytes, shingle: int) -> float:
    """Returns the Jaccard similarity of the runs of words of two texts, which are given as digests."""
    first, second = (
        runs([packed[at : at + WORD] for at in range(0, len(packed), WORD)], shingle) for packed in (one, other)
    )
    return len(first & second) / len(first | second) if first or second else 0.0


def runs(text_words: Sequence[bytes], size: int) -> set[tuple[bytes, ...]]:
    """Returns the runs of `size` words; fewer words are one run."""
    size = min(size, len(text_words))
    return {tuple(text_words[at : at + size]) for at in range(len(text_words) - size + 1)} if size else set()


def write(group: Grouped, folder: str) -> None:
    """Writes the record of a planned stage, of the pieces that the other functions have made."""
    plan, pieces = load_plan(storage.path(folder)), [*group[1]]
    losses = [tuple(loss) for piece in pieces if piece[:1] == HOSTS for loss in json.loads(piece[1:])]
    samples = [piece[1:] for piece in pieces if piece[:1] == DRAWN]
    judged = [json.loads(piece[1:]) for piece in pieces if piece[:1] == JUDGED]
    sample = least_draws(samples)
    judged.sort(key=lambda row: (row["draw"], row["place"]))
    right = share(sum(row["right"] for row in judged), len(judged))
    record = {
        "format": FORMAT,
        "version": VERSION,
        "key": plan.key,
        "hosts": [dict(zip(("host", "read", "removed"), loss, strict=True)) for loss in worst(losses)],
        "near": NUMBER.unpack_from(sample)[0],
        "limit": plan.built(Dedup, "dedup").similarity,
        "without_winner": len(_split(sample)) - len(judged),
        "sample": asdict(right),
        "pairs": sorted(judged, key=lambda row: row["right"])[:PAIRS],
    }
    write_record(plan.folder / FILE, record)


def is_written(plan: Plan) -> bool:
    """Returns whether the record of a plan is there; that of another plan may lie in its place."""
    try:
        return bool(unsealed((plan.folder / FILE).read_bytes())["key"] == plan.key)
    except (OSError, ValueError, KeyError):
        return False


def _decisions(plan: Plan, number: int, *names: str) -> Iterator[dict[str, Any]]:
    """Yields these columns of the decisions of a part, in order."""
    with opened_part(plan.folder / part_name(number)) as source, pq.ParquetFile(source) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=list(names)):
            yield from batch.to_pylist()


def _split(sample: bytes) -> list[bytes]:
    """Returns the draws of a sample."""
    return [sample[at : at + DRAW.size] for at in range(NUMBER.size, len(sample), DRAW.size)]


def _side(value: bytes) -> tuple[bool, int, int, bytes]:
    """Returns whether a text is the kept one, its part, its row and its words."""
    is_kept, part, row = SIDE.unpack_from(value)
    return is_kept, part, row, value[SIDE.size :]
