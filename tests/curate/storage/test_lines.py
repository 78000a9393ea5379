"""Packed files and their lines: every packing, every cut, damage, bombs (crawl.md 1.2, 6.5 W96)."""

import bz2
import gzip
import io
import lzma
import random
import tracemalloc
from itertools import pairwise

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.storage.lines import ERRORS, Line, TooLarge, chunks, lines

TEXT = b'{"a":1}\r\n\xc3\xa9t\xc3\xa9\n\nlast'
SKIPPABLE = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"


def wide(content: bytes) -> bytes:
    """A frame with the window of the published dumps."""
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 31})
    return packer.compress(content) + packer.flush()


def halves(pack):
    return pack(TEXT[:11]) + pack(TEXT[11:])


PACKED = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT),
    "gzip members": halves(gzip.compress),
    "xz": lzma.compress(TEXT),
    "xz streams": halves(lzma.compress),
    "bzip2": bz2.compress(TEXT),
    "bzip2 streams": halves(bz2.compress),
    "lz4": lz4.frame.compress(TEXT),
    "lz4 frames": halves(lz4.frame.compress),
    "zstd": zstd.compress(TEXT),
    "zstd frames": SKIPPABLE + halves(zstd.compress) + SKIPPABLE,
    "zstd with a window of 2 GiB": wide(TEXT),
}


def read(content: bytes, most: int = 1 << 20, longest: int = 1 << 20) -> list[Line]:
    return [*lines(chunks(io.BytesIO(content), most), longest)]


@pytest.mark.parametrize("packing", PACKED)
def test_every_packing_gives_the_same_lines(packing):
    assert [line.content for line in read(PACKED[packing])] == [b'{"a":1}', "été".encode(), b"", b"last"]


def test_an_unaided_zstd_reader_refuses_the_dumps_window():
    """The dumps need a larger window than the library allows by itself; `dumpfiles` allows it."""
    with pytest.raises(zstd.ZstdError, match="memory"):
        zstd.open(io.BytesIO(wide(TEXT))).read()


@pytest.mark.parametrize("packing", [name for name in PACKED if name != "plain"])
def test_lines_before_a_cut_are_handed_on_before_the_error(packing):
    many = 300_000 if packing.startswith("bzip2") else 60_000  # bzip2 hands on a block of 900 kB at a time
    content = b"".join(b"%d\n" % number for number in range(many))
    packs = {"g": gzip.compress, "x": lzma.compress, "b": bz2.compress, "z": zstd.compress, "l": lz4.frame.compress}
    packed = packs[packing[0]](content)
    cut = packed[: len(packed) * 3 // 4]
    with pytest.raises(ERRORS):
        read(cut, 1 << 30)
    parsed = [*lines(_until(ERRORS, chunks(io.BytesIO(cut), 1 << 30)), 1 << 20)]
    assert len(parsed) > 1000
    assert all(content.startswith(line.content, line.offset) for line in parsed)


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress, gzip.compress, zstd.compress, lz4.frame.compress])
@pytest.mark.parametrize("size", [10, 3 << 20])
def test_damage_where_a_later_stream_begins_is_no_end_of_the_file(pack, size):
    one = pack(random.Random(size).randbytes(size))
    damaged = one + b"\1\2\3" + pack(b"more")[3:] + one
    with pytest.raises(ERRORS):
        read(damaged, 1 << 30)


def test_zeros_between_and_after_streams_of_xz_are_padding():
    one = lzma.compress(TEXT)
    assert len(read(one + bytes(8) + one + bytes(4 << 20))) == 2 * len(read(one)) - 1  # "last" has no end of line


def _until(errors, pieces):
    try:
        yield from pieces
    except errors:
        return


@settings(deadline=None)
@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=8), st.integers(1, 20))
def test_no_cut_of_the_stream_changes_its_lines(content, cuts, longest):
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    pieces = [content[one:other] for one, other in pairwise(places)]
    whole = [*lines(iter([content]), longest)]
    assert [*lines(iter(pieces), longest)] == whole
    assert [*lines(iter([content[at : at + 1] for at in range(len(content))]), longest)] == whole


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30).map(lambda text: text.replace(b"\n", b"").replace(b"\r", b"")), max_size=9))
def test_lines_are_what_stands_between_line_feeds(texts):
    content = b"".join(text + b"\n" for text in texts)
    parsed = [*lines(iter([content]), 100)]
    assert [content[line.offset : line.offset + line.length] for line in parsed] == texts
    expected = [texts[0].removeprefix(b"\xef\xbb\xbf"), *texts[1:]] if texts else []
    assert [line.content for line in parsed] == expected


def test_a_line_that_is_too_long_costs_itself_and_is_not_held():
    def pieces():
        yield b"a\n"
        for _ in range(400):
            yield b"b" * (1 << 20)
        yield b"\nc\n"

    tracemalloc.start()
    parsed = [*lines(pieces(), 5000)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parsed == [Line(0, b"a", 1), Line(2, None, 400 << 20), Line(3 + (400 << 20), b"c", 1)]
    assert peak < 8 << 20


def test_a_bomb_ends_at_the_limit():
    bomb = gzip.compress(b"x\n" * 1_000_000)
    with pytest.raises(TooLarge):
        read(bomb, 1001)
    assert sum(map(len, _until(TooLarge, chunks(io.BytesIO(bomb), 1001)))) == 1001


def test_a_file_of_nothing_has_no_lines():
    assert read(b"") == []
    assert read(b"\xef\xbb\xbf{}") == [Line(0, b"{}", 5)]
