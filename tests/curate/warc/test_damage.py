"""The reader meets each kind of damage: the record that is hit is a dead letter, all others are read."""

import gzip
import io
import resource
import struct

import pytest
from archives import ARC_FILE, BODY, PACKINGS, arc, failures, http, read, summary, warc
from backports import zstd

from curate.records import Page
from curate.warc import reader as reading
from curate.warc.reader import read_pages

RECORDS = [warc(http(name.encode() * 500), url=f"http://{name}/") for name in "abcde"]
URLS = [f"http://{name}/" for name in "abcde"]
MEMBERS = [gzip.compress(record) for record in RECORDS]
OTHERS = URLS[:2] + URLS[3:]
PACKED = ["gzip", "zstd", "lz4"]


def changed(content, place, by=0x40):
    return content[:place] + bytes([content[place] ^ by]) + content[place + 1 :]


def spoiled(number, member):
    """The five records with one member put in another's place."""
    return b"".join([*MEMBERS[:number], member, *MEMBERS[number + 1 :]])


@pytest.mark.parametrize("packing", PACKED)
def test_a_last_member_that_is_cut_is_no_page_and_its_bytes_are_told(packing):
    members = [PACKINGS[packing](record) for record in RECORDS[:2]]
    start = len(members[0])
    for cut in range(start + 1, start + len(members[1])):
        outcomes = read(b"".join(members)[:cut])
        (lost,) = failures(outcomes)
        assert summary(outcomes)[0] == "http://a/"
        assert len(outcomes) == 2
        assert lost.error in ("truncated", "garbage")
        assert (lost.offset, lost.length) == (start, cut - start)


def test_the_line_of_a_record_inside_a_damaged_member_makes_no_plain_file():
    """A member that stores its bytes as they are holds the line with which a plain record begins."""
    stored = [gzip.compress(record, 0) for record in RECORDS]
    assert summary(read(changed(b"".join(stored), 0))) == ["garbage", *URLS[1:]]


def test_an_uncompressed_file_cut_anywhere_keeps_the_whole_records_and_names_the_cut_one():
    whole, start = b"".join(RECORDS[:2]), len(RECORDS[0])
    for cut in range(start + 1, len(whole)):
        outcomes = read(whole[:cut])
        if cut >= len(whole) - 4:  # all but the blank lines after the record
            assert summary(outcomes) == URLS[:2]
        else:
            (lost,) = failures(outcomes)
            assert summary(outcomes)[0] == "http://a/"
            assert (len(outcomes), lost.offset, lost.length) == (2, start, cut - start)
            assert lost.error in ("truncated", "garbage")


@pytest.mark.parametrize("packing", PACKED)
def test_a_flipped_byte_costs_one_member(packing):
    members = [PACKINGS[packing](record) for record in RECORDS]
    start = len(members[0]) + len(members[1])
    for place in range(len(members[2])):
        content = b"".join([*members[:2], changed(members[2], place), *members[3:]])
        outcomes = read(content)
        assert [url for url in summary(outcomes) if url in OTHERS] == OTHERS
        for lost in failures(outcomes):
            assert (lost.offset, lost.length) == (start, len(members[2])) or lost.length <= 8


def test_a_checksum_that_is_wrong_costs_the_record_whose_data_may_be_right():
    outcomes = read(spoiled(2, changed(MEMBERS[2], len(MEMBERS[2]) - 6)))
    (lost,) = failures(outcomes)
    assert summary(outcomes) == [*URLS[:2], "corrupt", *URLS[3:]]
    assert (lost.offset, lost.length, lost.record) == (len(MEMBERS[0] + MEMBERS[1]), len(MEMBERS[2]), True)


@pytest.mark.parametrize(
    "garbage", [b"garbage", bytes(512), b"\x1f\x8b", b"\x1f\x8b\x08", b"\r\nx", gzip.compress(b"text", mtime=0)]
)
@pytest.mark.parametrize("packing", PACKINGS)
def test_garbage_between_members_is_passed_over_and_told_once(packing, garbage):
    members = [PACKINGS[packing](record) for record in RECORDS[:3]]
    for number in range(4):
        content = b"".join([*members[:number], garbage, garbage, *members[number:]])
        outcomes = read(content)
        (lost,) = failures(outcomes)
        start = len(b"".join(members[:number]))
        assert [url for url in summary(outcomes) if url in URLS] == URLS[:3]
        assert start <= lost.offset <= start + 2
        assert lost.offset + lost.length == start + 2 * len(garbage)


@pytest.mark.parametrize("packing", PACKED)
def test_a_file_that_is_one_member_is_read_whole(packing):
    assert summary(read(PACKINGS[packing](b"".join(RECORDS)))) == URLS


def test_two_records_in_a_member_are_both_read():
    content = MEMBERS[0] + gzip.compress(RECORDS[1] + RECORDS[2]) + MEMBERS[3]
    assert summary(read(content)) == URLS[:4]


@pytest.mark.parametrize("length", [9, 600, 99_999, 10**18, -1, 0, "", "many", "1e3"])
def test_a_wrong_content_length_in_a_gzip_member_ends_at_the_member_and_swallows_nothing(length):
    wrong = warc(http(b"c" * 500), url="http://c/", length=length)
    outcomes = read(spoiled(2, gzip.compress(wrong)))
    assert summary(outcomes) == URLS
    assert (outcomes[2].body, outcomes[2].flags) == (b"c" * 500, ("length_mismatch",))
    assert read(spoiled(2, gzip.compress(wrong.replace(b"Content-Length", b"Other"))))[2].body == b"c" * 500


@pytest.mark.parametrize("together", [gzip.compress, bytes], ids=["one member", "plain"])
@pytest.mark.parametrize("length", [9, 600, 1500, -1, 0, ""])
def test_a_wrong_content_length_among_records_ends_at_the_next_record(together, length):
    wrong = warc(http(b"c" * 500), url="http://c/", length=length)
    outcomes = read(together(b"".join([*RECORDS[:2], wrong, *RECORDS[3:]])))
    assert summary(outcomes) == URLS
    assert (outcomes[2].body, outcomes[2].flags) == (b"c" * 500, ("length_mismatch",))


def test_a_record_that_is_not_kept_swallows_nothing_by_its_length_either():
    content = RECORDS[0] + warc(b"x" * 300_000, kind="request", length=400_000) + RECORDS[1] * 1000
    assert summary(read(content, max_bytes=10)) == ["http://a/", "(request)"] + ["http://b/"] * 1000


def test_a_record_shorter_than_it_says_is_a_lost_record_and_never_an_empty_page():
    (outcome,) = read(warc(http(), length=10_000))
    assert (outcome.error, outcome.record, outcome.offset) == ("truncated", True, 0)
    assert outcome.message.endswith(" of 10000 bytes")


def test_a_body_shorter_than_both_of_its_lengths_is_a_lost_record():
    cut = warc(http(b"half", [("Content-Length", "900")]), length=1000)
    for content in (cut + RECORDS[1], gzip.compress(cut) + MEMBERS[1]):
        assert summary(read(content)) == ["truncated", "http://b/"]


def test_a_long_header_is_read_and_one_longer_than_a_mebibyte_costs_its_record():
    for pack in PACKINGS.values():
        long, longer = (warc(http(), url="http://a/" + "x" * size) for size in (200_000, 1_200_000))
        outcomes = read(b"".join(map(pack, [long, longer, RECORDS[1]])))
        assert [outcome.url[-9:] for outcome in outcomes if isinstance(outcome, Page)] == ["x" * 9, "http://b/"]
        assert [failure.error for failure in failures(outcomes)] == ["header_too_large"]


@pytest.mark.parametrize("version", ["0.17", "0.18", "1.0", "1.1"])
def test_every_version_of_warc_is_read(version):
    content = b"".join(RECORDS).replace(b"WARC/1.1", f"WARC/{version}".encode())
    assert summary(read(content)) == URLS


@pytest.mark.parametrize(
    "content",
    [
        b"<html>no archive</html>" * 99,
        gzip.compress(b"plain text" * 99, mtime=0),
        gzip.compress(b"", mtime=0),
        b"\x1f\x8b\x08 broken gzip",
        b"\0" * 5000,
        b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>",
        zstd.compress(b"text"),
        b"\x50\x2a\x4d\x18\xff\xff\xff\xff",
        b"WARC",
    ],
    ids=["html", "gzipped text", "gzipped nothing", "broken gzip", "zeros", "s3 error", "zstd", "skippable", "start"],
)
def test_a_file_that_is_no_archive_is_one_dead_letter(content):
    (outcome,) = read(content)
    assert (outcome.error, outcome.offset, outcome.length, outcome.record) == ("not_warc", 0, len(content), False)


def test_an_empty_file_is_a_dead_letter():
    (outcome,) = read(b"")
    assert (outcome.error, outcome.offset, outcome.length, outcome.record) == ("empty_file", 0, 0, False)


@pytest.mark.parametrize("spoil", [b"\0", b"\0" * 9, b"WARC 1"])
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_file_whose_first_bytes_are_wrong_is_still_known(packing, spoil):
    content = b"".join(PACKINGS[packing](record) for record in RECORDS)
    outcomes = read(spoil + content[len(spoil) :])
    assert [url for url in summary(outcomes) if url in URLS] == URLS[1:]
    assert failures(outcomes)[0].offset == 0


def test_after_a_thousand_damages_the_rest_is_given_up(monkeypatch):
    monkeypatch.setattr(reading, "MAX_DAMAGES", 3)
    for pack in PACKINGS.values():
        content = b"".join(pack(RECORDS[0]) + b"garbage" for _ in range(9))
        outcomes = read(content)
        assert summary(outcomes) == ["http://a/", "garbage"] * 3 + ["too_many_damages"]
        assert outcomes[-1].offset + outcomes[-1].length == len(content)


def extra(member, flags, fields):
    """A gzip member with more in its header."""
    return member[:3] + bytes([flags]) + member[4:10] + fields + member[10:]


def test_a_gzip_member_may_have_extra_fields_a_name_and_a_comment():
    sizes = struct.pack("<H2sHII", 12, b"SL", 8, len(MEMBERS[0]), len(RECORDS[0]))
    content = extra(MEMBERS[0], 4, sizes) + extra(MEMBERS[1], 8 | 16, b"name\0comment\0") + MEMBERS[2]
    assert summary(read(content)) == URLS[:3]


def skippable(content, number=0):
    return struct.pack("<II", 0x184D2A50 + number, len(content)) + content


def test_frames_without_data_between_zstd_and_lz4_frames_are_passed_over():
    for pack in (PACKINGS["zstd"], PACKINGS["lz4"]):
        frames = [skippable(b"WARC/1.1\r\nWARC-Type: x"), *(pack(record) + skippable(b"") for record in RECORDS)]
        assert summary(read(b"".join(frames))) == URLS


DICTIONARY = zstd.train_dict([record + str(number).encode() for record in RECORDS for number in range(40)], 2000)
ANOTHER = zstd.train_dict([bytes([number]) * 50 + record for record in RECORDS for number in range(40)], 2000)
PACKED_BY = [zstd.compress(record, zstd_dict=DICTIONARY) for record in RECORDS]


@pytest.mark.parametrize("pack", [bytes, zstd.compress], ids=["plain", "packed"])
def test_a_zstd_dictionary_in_the_first_frame_is_used(pack):
    content = skippable(pack(DICTIONARY.dict_content), 13) + b"".join(PACKED_BY)
    assert summary(read(content)) == URLS
    assert summary(read(content, start=len(content) - len(PACKED_BY[4]))) == URLS[4:]


@pytest.mark.parametrize(
    "frame", [b"", *(skippable(content, 13) for content in (b"nonsense", bytes(8), b"x" * 99, ANOTHER.dict_content))]
)
def test_a_zstd_dictionary_that_is_missing_or_wrong_costs_the_file_and_says_so(frame):
    (outcome,) = read(frame + b"".join(PACKED_BY))
    assert outcome.error == "not_warc"
    assert f"need dictionary {DICTIONARY.dict_id}" in outcome.message


class Endless(io.RawIOBase):
    """A file with a record of many gigabytes in it that lie nowhere."""

    def __init__(self, before, length, after):
        self.before, self.length, self.after, self.place, self.read_bytes = before, length, after, 0, 0
        self.size = len(before) + length + len(after)

    def seek(self, place, whence=0):
        self.place = place
        return place

    def tell(self):
        return self.place

    def read(self, size=-1):
        place, gap = self.place, len(self.before) + self.length
        if place < len(self.before):
            part = self.before[place : place + size]
        elif place < gap:
            part = bytes(min(size, gap - place))
        else:
            part = self.after[place - gap : place - gap + size]
        self.place += len(part)
        self.read_bytes += len(part)
        return part


@pytest.mark.parametrize("kind", ["response", "request"])
def test_a_record_of_many_gigabytes_is_never_held_and_not_even_read(kind):
    head = warc(b"", kind=kind, length=3_000_000_000 + len(http(b"")))[:-4] + http(b"")
    file = Endless(head, 3_000_000_000, b"\r\n\r\n" + RECORDS[1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = list(read_pages(file, "name", size=file.size, max_bytes=100_000))
    assert summary(outcomes) == ["http://a/" if kind == "response" else "(request)", "http://b/"]
    assert file.read_bytes < 10_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_a_long_record_costs_no_record_after_it():
    content = warc(http(b"x" * 3_000_000)) + RECORDS[1]
    for pack in PACKINGS.values():
        assert [len(page.body) for page in read(pack(content), max_bytes=100)] == [101, 101]
    one = warc(http(b"1\r\nx\r\n" * 900_000 + b"0\r\n\r\n", [("Transfer-Encoding", "chunked")]))
    assert summary(read(one + RECORDS[1], max_bytes=900_000)) == ["(extract.size)", "http://b/"]


def test_what_breaks_in_an_arc_file_costs_one_record():
    records = [arc(http(BODY), url=url) for url in URLS]
    for wrong in (
        changed(records[2], 0),
        arc(http(BODY), url=URLS[2], length=7),
        arc(http(BODY), url=URLS[2], length=99_999),
    ):
        for pack in PACKINGS.values():
            outcomes = read(b"".join(map(pack, [ARC_FILE, *records[:2], wrong, *records[3:]])))
            assert [url for url in summary(outcomes) if url in OTHERS] == OTHERS
