"""Laws of the reader: ranges cover a file as the whole does; what damage does not touch is read; nothing raises."""

import io
from itertools import pairwise

import pytest
from archives import ARC_FILE, PACKINGS, arc, failures, http, read, summary, warc
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st

from curate.records import Failure, Page, RefusedRecord, Skipped
from curate.warc import members, tape
from curate.warc.reader import read_pages

bodies = st.lists(st.binary(max_size=300), min_size=1, max_size=7)
packings = st.sampled_from(sorted(PACKINGS))
places = st.integers(0, 10**6)  # taken modulo what there is


@st.composite
def archives(draw, packing=packings, arcs=False):
    """A way to pack, a file's units, and each unit's records as (URL, body)."""
    chosen, units, expected = draw(packing), [], []
    for number, body in enumerate(draw(bodies)):
        url = f"http://{number}/"
        record = arc(http(body), url=url) if arcs else warc(http(body), url=url)
        units.append(PACKINGS[chosen](record))
        expected.append((url, body))
    return (chosen, [PACKINGS[chosen](ARC_FILE), *units], [None, *expected]) if arcs else (chosen, units, expected)


either = st.one_of(archives(), archives(arcs=True))


def pages(outcomes):
    return [(page.url, page.body) for page in outcomes if isinstance(page, Page)]


def check(outcomes, content):
    """Checks the laws of every reading of any bytes."""
    assert all(isinstance(outcome, Page | Failure | RefusedRecord | Skipped) for outcome in outcomes)
    for lost in failures(outcomes):
        assert 0 <= lost.offset <= len(content)
        assert 0 <= lost.length <= len(content) - lost.offset
    for page in outcomes:
        assert not isinstance(page, Page) or page.pointer.offset + page.pointer.length <= len(content)


@given(either, st.lists(places, max_size=6))
def test_the_ranges_of_a_file_yield_together_what_the_whole_does(archive, cuts):
    _, units, expected = archive
    content = b"".join(units)
    whole = read(content)
    bounds = [0, *sorted(cut % (len(content) + 1) for cut in cuts), None]
    parts = [read(content, start=start, stop=stop) for start, stop in pairwise(bounds)]
    assert [outcome for part in parts for outcome in part] == whole
    assert pages(whole) == [page for page in expected if page]


@given(either, st.lists(st.tuples(places, st.binary(max_size=9)), max_size=3), st.lists(places, max_size=4))
def test_the_ranges_of_a_damaged_file_yield_together_what_the_whole_does(archive, damages, cuts):
    _, units, _ = archive
    content = b"".join(units)
    for place, inserted in damages:
        place %= len(content) + 1
        content = content[:place] + inserted + content[place + 1 :]
    bounds = [0, *sorted(cut % (len(content) + 1) for cut in cuts), None]
    parts = [read(content, start=start, stop=stop) for start, stop in pairwise(bounds)]
    whole = read(content)
    check(whole, content)
    assert [outcome for part in parts for outcome in part] == whole


@pytest.mark.parametrize("packing", ["gzip", "zstd", "lz4"])
def test_a_file_that_cannot_be_split_belongs_to_the_range_that_holds_its_first_byte(packing):
    content = PACKINGS[packing](b"".join(warc(http(), url=f"http://{name}/") for name in "abc"))
    assert len(read(content, start=0, stop=1)) == 3
    assert read(content, start=1) == []


def test_a_range_without_a_beginning_is_empty():
    content = PACKINGS["gzip"](warc(http()))
    assert read(content, start=5, stop=5) == read(content, start=len(content)) == read(content, stop=0) == []


def touched(units, first, last):
    """The numbers of the units of which a byte lies in [first, last)."""
    at, numbers = 0, set()
    for number, unit in enumerate(units):
        if first < at + len(unit) and last > at:
            numbers.add(number)
        at += len(unit)
    return numbers


def untouched(archive, first, last):
    """The records that must be read: those no byte of which was touched; of an ARC file not the next one either.

    Where an ARC record's line end is lost, nothing shows that a record begins behind it.
    """
    packing, units, expected = archive
    hit = touched(units, first, last)
    if packing == "plain" and expected[0] is None:
        hit |= {number + 1 for number in hit}
    return [page for number, page in enumerate(expected) if page and number not in hit]


def must_hold(archive, content, first, last, *, announced=True):
    outcomes = read(content)
    check(outcomes, content)
    whole = untouched(archive, first, last)
    got = pages(outcomes)
    rest = iter(got)
    assert all(page in rest for page in whole), "in order"
    if archive[0] == "gzip" and announced and len(got) < sum(page is not None for page in archive[2]):
        assert failures(outcomes)


@given(either, places, st.integers(1, 255))
@limited(max_examples=400)
def test_a_byte_that_is_changed_costs_the_record_it_lies_in(archive, place, by):
    content = b"".join(archive[1])
    place %= len(content)
    content = content[:place] + bytes([content[place] ^ by]) + content[place + 1 :]
    must_hold(archive, content, place, place + 1)


@given(either, places)
@limited(max_examples=200)
def test_a_file_that_is_cut_keeps_what_lies_before_the_cut(archive, place):
    content = b"".join(archive[1])
    place %= len(content) + 1
    must_hold(archive, content[:place], place, len(content), announced=False)


@given(either, places, st.binary(min_size=1, max_size=40))
@limited(max_examples=400)
def test_bytes_that_are_put_in_cost_the_record_they_are_put_into(archive, place, inserted):
    content = b"".join(archive[1])
    place %= len(content) + 1
    end = place + 1 if archive[2][0] is None and archive[0] == "plain" else place
    must_hold(archive, content[:place] + inserted + content[place:], place, end)


@given(either, places, places)
@limited(max_examples=200)
def test_bytes_that_are_taken_out_cost_the_records_they_are_taken_from(archive, place, length):
    content = b"".join(archive[1])
    place %= len(content)
    end = min(len(content), place + 1 + length % 400)
    must_hold(archive, content[:place] + content[end:], place, end, announced=False)  # a whole member may be gone


@given(st.binary(max_size=300), packings)
def test_any_bytes_end_in_an_outcome(content, packing):
    for data in (content, PACKINGS[packing](content), PACKINGS[packing](b"WARC/1.0\r\n" + content)):
        outcomes = read(data, max_bytes=100)
        assert outcomes
        check(outcomes, data)


class Dribble(io.RawIOBase):
    """A file that gives a few bytes at a time, as a socket may."""

    def __init__(self, content, most):
        self.inner, self.most = io.BytesIO(content), most

    def seek(self, place, whence=0):
        return self.inner.seek(place, whence)

    def tell(self):
        return self.inner.tell()

    def read(self, size=-1):
        return self.inner.read(min(size, self.most) if size >= 0 else size)


@given(either, st.integers(1, 50), st.integers(1, 3))
def test_a_file_that_is_read_in_small_pieces_is_read_alike(archive, most, doubling):
    content = b"".join(archive[1])
    file = Dribble(content, most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "PIECE", 64 << doubling)
        outcomes = list(read_pages(file, "name", size=len(content), max_bytes=1_000_000))
    assert outcomes == read(content)


@given(either, places, st.binary(max_size=9))
def test_the_short_way_through_a_member_and_the_long_one_lead_to_the_same(archive, place, inserted):
    content = b"".join(archive[1])
    place %= len(content) + 1
    changed = content[:place] + inserted + content[place + 1 :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape, "SMALL", -1)
        expected = [read(data) for data in (content, changed)]
    assert [read(data) for data in (content, changed)] == expected


@pytest.mark.parametrize("size", [250_000, 262_000, 1_040_000, 1_050_000, 2_500_000])
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_page_of_any_size_is_read_whole(packing, size):
    body = bytes(range(256)) * (size // 256)
    content = b"".join(PACKINGS[packing](warc(http(body), url=f"http://{name}/")) for name in "ab")
    assert [page.body == body for page in read(content, max_bytes=9_000_000)] == [True, True]


def test_an_error_of_the_file_itself_passes_through():
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(read_pages(Broken(), "name", size=99, max_bytes=9))


def test_a_file_that_is_shorter_than_was_said_is_cut():
    content = warc(http(b"a"))
    (page,) = read_pages(io.BytesIO(content), "name", size=len(content) + 99, max_bytes=9)
    assert page.url == "http://a/"
    assert summary(read_pages(io.BytesIO(content[:-9]), "name", size=len(content), max_bytes=9)) == ["truncated"]
