"""Packed records are split over partitions, and grouped by key within one."""

import hashlib
import random

import numpy as np

from curate.dedup import candidates


def records(count, distinct, width=20):
    draw = random.Random(1)
    keys = [hashlib.blake2b(bytes([draw.randrange(distinct)]), digest_size=16).digest() for _ in range(count)]
    return candidates.unpack((key + row.to_bytes(width - 16) for row, key in enumerate(keys)), width)


def test_every_record_lies_in_one_partition_and_equal_keys_in_the_same():
    packed = records(500, 100)
    blobs = dict(candidates.split_by_hash(packed, 0, 8))
    assert len(blobs) == 8
    everything = b"".join(blobs.values())
    assert sorted(everything[at : at + 20] for at in range(0, len(everything), 20)) == sorted(
        row.tobytes() for row in packed
    )
    homes = [{blob[at : at + 16] for at in range(0, len(blob), 20)} for blob in blobs.values()]
    assert sum(map(len, homes)) == len(set.union(*homes))


def test_repeated_keys_are_those_that_a_dictionary_finds():
    packed = records(300, 200)
    groups: dict[bytes, set[int]] = {}
    for row, record in enumerate(packed):
        groups.setdefault(record[:16].tobytes(), set()).add(row)
    expected = {frozenset(rows) for rows in groups.values() if len(rows) > 1}
    assert {frozenset(rows.tolist()) for rows in candidates.equal_rows(packed, 0, 16)} == expected
    assert expected


def test_keys_that_differ_only_in_their_second_half_are_not_the_same():
    packed = candidates.unpack([bytes(16), bytes(15) + b"\1"], 16)
    assert list(candidates.equal_rows(packed, 0, 16)) == []
    assert len(list(candidates.equal_rows(packed, 0, 8))) == 1


def test_no_records_are_in_no_partition_and_repeat_no_key():
    empty = candidates.unpack([], 33)
    assert empty.shape == (0, 33)
    assert list(candidates.split_by_hash(empty, 0, 4)) == []
    assert list(candidates.equal_rows(empty, 0, 8)) == []


def test_one_partition_takes_the_greatest_hash():
    packed = candidates.unpack([b"\xff" * 8], 8)
    assert [number for number, _ in candidates.split_by_hash(packed, 0, 3)] == [2]
    assert isinstance(packed, np.ndarray)
