"""Pairs of documents that may lie in one another, against all pairs; and who is kept, against a plain loop."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup import containment, minhash
from curate.dedup.candidates import split_by_hash, unpack
from curate.dedup.clusters import PLAIN, make_node, node_part
from curate.dedup.config import Dedup
from curate.dedup.greedy import ShingleSets, decided, winners
from curate.pipelines.stages import estimate

POOL = [hashed for hashed in range(2000) if len(containment.sampled(np.array([hashed], np.uint32)))][:40]
DOCUMENTS = st.lists(st.sets(st.sampled_from([*POOL, *range(2000, 2010)]), min_size=1, max_size=30), max_size=9)
LIMITS = st.sampled_from([0.5, 0.8, 0.9, 1.0])


def nodes_of(documents: list[set[int]], parts: int) -> dict[bytes, set[int]]:
    ids = [random.Random(number).randbytes(16) for number in range(len(documents))]
    return {make_node(0, ids[at], at % parts, at // parts): shingles for at, shingles in enumerate(documents)}


def pieces(documents: dict[bytes, set[int]], seed: int) -> tuple[int, list[tuple[bytes, bytes]]]:
    """The bytes that are shuffled before pairs, and pairs with what they share, through blobs of parts in any order."""
    by_part: dict[bytes, list[bytes]] = {}
    for node, shingles in documents.items():
        records = containment.records_of(node, np.array(sorted(shingles), np.uint32))
        by_part.setdefault(node_part(node), []).extend(records)
    blobs: dict[int, list[bytes]] = {}
    for records in by_part.values():
        for partition, blob in split_by_hash(unpack(records, containment.KEY + PLAIN + containment.NUMBER), 0, 3):
            blobs.setdefault(partition, []).append(blob)
    by_first: dict[bytes, list[bytes]] = {}
    for group in blobs.values():
        random.Random(seed).shuffle(group)
        for first, blob in containment.of_first((b"", group), PLAIN):
            by_first.setdefault(first, []).append(blob)
    shuffled = sum(len(blob) for group in (*blobs.values(), *by_first.values()) for blob in group)
    return shuffled, [pair for group in by_first.items() for pair in containment.shared(group, PLAIN)]


def linked(documents: dict[bytes, set[int]], limit: float, seed: int) -> set[tuple[bytes, bytes]]:
    """The pairs that are linked."""
    by_pair: dict[bytes, list[bytes]] = {}
    for pair, number in pieces(documents, seed)[1]:
        by_pair.setdefault(pair, []).append(number)
    return {pair for group in by_pair.items() for pair in containment.linked(group, limit)}


@given(DOCUMENTS, LIMITS, st.integers(1, 4), st.integers(0, 99))
def test_the_pairs_are_those_of_the_samples_in_any_parts_and_order(documents, limit, parts, seed):
    by_node = nodes_of(documents, parts)
    sample = {node: {hashed for hashed in shingles if hashed in POOL} for node, shingles in by_node.items()}
    expected = {
        (one, other)
        for one in by_node
        for other in by_node
        if one < other
        and len(sample[one] & sample[other])
        and len(sample[one] & sample[other]) / len(sample[other])
        >= limit - 3 * math.sqrt(limit * (1 - limit) / len(sample[other]))
    }
    assert linked(by_node, limit, seed) == expected


def test_the_first_documents_of_a_shingle_are_paired_with_all_and_those_of_a_phrase_with_none():
    first = containment.FIRST
    for count in (2, first, first + 1, first + 9, containment.MOST, containment.MOST + 1):
        by_node = nodes_of([{POOL[0]}] * count, 3)
        in_order = sorted(by_node) if count <= containment.MOST else []
        expected = {(one, other) for at, one in enumerate(in_order[:first]) for other in in_order[at + 1 :]}
        assert linked(by_node, 0.9, 0) == expected


@pytest.mark.parametrize("words", [60, 500])
@pytest.mark.parametrize("letters", ["english", "chinese"])
def test_documents_of_a_template_shuffle_no_more_than_the_estimate_allows(letters, words):
    """Four templates of 100 documents, of which a fifth of the words is their own."""
    draw = random.Random(0)
    vocabulary = [chr(0x4E00 + at) if letters == "chinese" else f"word{at}" for at in range(3000)]
    documents, text = [], 0
    for _ in range(4):
        template = draw.choices(vocabulary, k=words * 4 // 5)
        for _ in range(containment.MOST):
            own = " ".join(template + draw.choices(vocabulary, k=words // 5))
            text += len(own.encode())
            documents.append({*minhash.shingles(own, 5).tolist()})
    before, pairs = pieces(nodes_of(documents, 3), 0)
    paired = sum(len(pair) + len(number) for pair, number in pairs)
    print(f"{letters}: {before / text:.2f} before pairs, {paired / text:.2f} of pairs, bytes a byte of text")
    assert before + paired <= len(documents) * estimate.sampled(text / len(documents), PLAIN)


def test_a_sixteenth_of_all_shingles_is_sampled_each_with_a_hash_of_its_own():
    sample = containment.sampled(np.arange(1 << 16, dtype=np.uint32))
    assert len({*sample.tolist()}) == len(sample) == pytest.approx((1 << 16) / containment.RATE, rel=0.05)


@given(DOCUMENTS, LIMITS, LIMITS)
def test_who_is_kept_is_as_a_plain_loop_has_it(documents, limit, least):
    kept, expected = [], []
    for number, own in enumerate(documents):
        for other in kept:
            common = len(own & documents[other])
            similarity, share = common / len(own | documents[other]), common / len(own)
            if similarity >= limit or share >= least:
                near = similarity >= limit
                expected.append((other, similarity if near else share, not near))
                break
        else:
            kept.append(number)
            expected.append((number, 1.0, False))
    if documents:
        sets = ShingleSets.of([np.array(sorted(own), np.uint32) for own in documents])
        columns = decided(sets, len(documents), limit, containment=least)
        assert [*zip(*(column.tolist() for column in columns), strict=True)] == expected
        alone = [column.tolist() for column in winners(sets, len(documents), limit)]
        assert alone == [column.tolist() for column in decided(sets, len(documents), limit)[:2]]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"containment": 1.1}, "containment lies in"),
        ({"near": False}, "containment needs near = true"),
        ({"verify": "signature"}, "containment needs near = true"),
        ({"keep": ("hash",)}, "containment keeps the longer document"),
        ({"index": "folder"}, "containment is not looked for in an index"),
    ],
)
def test_settings_with_which_containment_cannot_hold_are_refused(other, message):
    with pytest.raises(ValueError, match=message):
        Dedup(**({"containment": 0.9, "keep": ("longest",)} | other))
