"""The shard's files against Megatron's layout, written out by hand, and nanoGPT's way to read."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.tokens.shards import read_index, write_index

CODES = {"<u2": (8, 2), "<u4": (4, 4)}  # uint16 and int32 in Megatron's DType, and their bytes


def by_hand(lengths, dtype="<u2"):
    """Megatron's MMIDIDX version 1 as its indexed_dataset.py writes it, field by field."""
    code, width = CODES[dtype]
    count, pointer, pointers = len(lengths), 0, []
    for length in lengths:
        pointers.append(pointer)
        pointer += width * length
    return b"".join(
        [
            b"MMIDIDX\x00\x00",
            struct.pack("<Q", 1),
            struct.pack("<B", code),
            struct.pack("<Q", count),
            struct.pack("<Q", count + 1),
            struct.pack(f"<{count}i", *lengths),
            struct.pack(f"<{count}q", *pointers),
            struct.pack(f"<{count + 1}q", *range(count + 1)),
        ]
    )


@given(st.lists(st.integers(1, 10**6), max_size=20), st.sampled_from(sorted(CODES)))
def test_an_index_is_megatron_s_byte_for_byte_and_reads_back(tmp_path_factory, lengths, dtype):
    path = tmp_path_factory.mktemp("index") / "a.idx"
    write_index(path, np.array(lengths, dtype=np.int32), dtype)
    assert path.read_bytes() == by_hand(lengths, dtype)
    index = read_index(path)
    assert index.lengths.tolist() == lengths
    assert index.pointers.tolist() == [CODES[dtype][1] * sum(lengths[:place]) for place in range(len(lengths))]
    assert index.dtype == dtype


def test_pointers_do_not_wrap_beyond_2_gib(tmp_path):
    write_index(tmp_path / "a.idx", np.array([2**30, 2**30, 7], dtype=np.int32))
    assert read_index(tmp_path / "a.idx").pointers.tolist() == [0, 2**31, 2**32]


@pytest.mark.parametrize("size", [0, 1, 33, 34, 40, 100])
def test_a_cut_index_is_refused_by_name(size, tmp_path):
    (tmp_path / "cut.idx").write_bytes(by_hand([5, 6, 7])[:size])
    with pytest.raises(ValueError, match=r"cut\.idx: "):
        read_index(tmp_path / "cut.idx")


BROKEN = {
    "another magic": b"X" + by_hand([5])[1:],
    "another version": by_hand([5])[:9] + struct.pack("<Q", 2) + by_hand([5])[17:],
    "another dtype": by_hand([5])[:17] + b"\x05" + by_hand([5])[18:],
    "a byte more": by_hand([5]) + b"\0",
    "more sequences": by_hand([5])[:18] + struct.pack("<QQ", 2**60, 2**60 + 1) + by_hand([5])[34:],
    "documents that fit the size but not the sequences": by_hand([])[:18] + struct.pack("<QQ", 0, 6) + bytes(48),
    "text": b"no index at all" * 9,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_an_index_that_is_none_is_refused_by_name(content, tmp_path):
    (tmp_path / "broken.idx").write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.idx: "):
        read_index(tmp_path / "broken.idx")
