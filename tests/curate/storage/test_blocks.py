"""Every change of a file shows while it is read: each block is compared before a byte of it is handed on."""

import io
import os
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import storage
from curate.storage import blocks
from curate.storage.blocks import BLOCK, CheckedFile, digest_of
from curate.storage.patience import ChangedError
from curate.storage.writing import is_sealed, is_sealed_page, sealed, sealed_page, sha256_of, unsealed

FAULT = ValueError("changed")
SIZES = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7)


@pytest.fixture(scope="module")
def content():
    return os.urandom(2 * BLOCK + 7)


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_file_is_read_as_it_is(size, content, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(content[:size])
    digest = digest_of(path)
    assert (digest.size, digest.sha256) == (size, sha256_of(path))
    with storage.checked(path, digest.blocks, FAULT) as file:
        assert file.read() == content[:size]
        assert file.read(1) == b""


@given(st.data())
def test_ranges_are_those_of_the_file_itself(data):
    short = bytes(range(data.draw(st.integers(0, 100))))
    checksums = "".join(blocks._checksum(short[start : start + 16]) for start in range(0, len(short), 16))
    with patch.object(blocks, "BLOCK", 16):
        checked, plain = CheckedFile(io.BytesIO(short), len(short), checksums, FAULT), io.BytesIO(short)
        for _ in range(data.draw(st.integers(1, 6))):
            start, length = data.draw(st.integers(0, 120)), data.draw(st.integers(0, 60))
            assert checked.seek(start) == plain.seek(start)
            assert checked.read(length) == plain.read(length)
            assert checked.tell() == plain.tell()


@pytest.mark.parametrize("size", SIZES[1:])
def test_one_flipped_bit_is_the_fault_and_other_blocks_are_read(size, content, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(content[:size])
    stated = digest_of(path).blocks
    for place in {0, size // 2, size - 1}:
        changed = bytearray(content[:size])
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(ValueError, match="changed"):  # at the end again, as a reader may take it for damage
            read_but_one(path, stated, content[:size], place // BLOCK)


def read_but_one(path, stated, content, spoiled):
    """Reads the first byte of each block of a file, of which one is spoiled."""
    with storage.checked(path, stated, FAULT) as file:
        for number in range(-(-len(content) // BLOCK)):
            file.seek(number * BLOCK)
            if number == spoiled:
                with pytest.raises(ValueError, match="changed"):
                    file.read(1)
            else:
                assert file.read(1) == content[number * BLOCK :][:1]


@pytest.mark.parametrize("change", [lambda old: old[:-1], lambda old: old + b"x", lambda old: old[:9], lambda _: b""])
def test_a_file_that_is_longer_or_shorter_is_the_fault(change, content, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(content)
    stated = digest_of(path).blocks
    path.write_bytes(change(content))
    with pytest.raises(ValueError, match="changed"), storage.checked(path, stated, FAULT) as file:
        file.read()


def test_an_input_that_is_changed_while_it_is_read_is_named(content, tmp_path):
    path = tmp_path / "in.warc"
    path.write_bytes(content)
    with pytest.raises(ChangedError, match=r"in\.warc: was changed after the stage was planned"):
        read_while_it_changes(path, content)


def read_while_it_changes(path, content):
    """Reads a file, changes it, and reads on in another block."""
    with storage.opened(path, blocks=digest_of(path).blocks) as (file, size):
        assert (file.read(10), size) == (content[:10], len(content))
        path.write_bytes(content[::-1])
        file.seek(BLOCK)
        with pytest.raises(ChangedError, match="was changed"):
            file.read(10)


RECORDS = st.dictionaries(st.text(), st.recursive(st.integers() | st.text() | st.none(), st.lists), max_size=5)


@given(RECORDS)
def test_a_sealed_record_is_read_back(record):
    record.pop("seal", None)
    assert unsealed(sealed(record)) == record


@pytest.mark.parametrize("record", [{}, {"a": 1, "z": [1, {"seal": "0" * 64}]}, {"x": '\n "seal": "' + "0" * 64 + '"'}])
def test_every_flipped_bit_of_a_record_or_a_page_shows(record):
    page = sealed_page(b"<!doctype html>\n<p>text</p>\n")
    for content, is_whole in ((sealed(record), is_sealed), (page, is_sealed_page)):
        assert is_whole(content)
        for bit in range(8 * len(content)):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            assert not is_whole(bytes(changed)), bit
        for changed in (content[:-1], content + b"\n", content[1:], b" " + content, b""):
            assert not is_whole(changed)
