"""Pointers to records: sorted and once each; fetched with few requests; a wrong one costs only itself."""

import gzip
import io
import threading
from dataclasses import replace
from itertools import pairwise

import pytest
from crawl import read_captures
from faulty import Fault, serving
from hypothesis import given
from hypothesis import strategies as st

from curate import storage
from curate.commoncrawl import pointers
from curate.commoncrawl.pointers import (
    GAP,
    REQUEST,
    SelectedCapture,
    batches,
    fetch_groups,
    outcomes,
    pointer_items,
    pointers_file,
    read_targets,
)
from curate.commoncrawl.selection import IndexRow
from curate.errors import SettingsError
from curate.records import Failure, Page
from curate.storage.patience import Patience
from curate.storage.remote import RangeReader
from curate.warc.reader import read_pages as pages

PAGES = 12


def record(number: int) -> bytes:
    body = f"<p>page {number} {'word ' * number}</p>".encode()
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/{number}\r\n"
    head += "WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
    head += f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012}>\r\nContent-Length: {len(http)}\r\n\r\n"
    return head.encode() + http + b"\r\n\r\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crawl")
    (folder / "a.warc.gz").write_bytes(b"".join(gzip.compress(record(number)) for number in range(PAGES)))
    (folder / "b.warc").write_bytes(b"".join(record(number) for number in range(PAGES)))
    return folder


def targets_of(root, name: str) -> list[SelectedCapture]:
    tail = 4 if name.endswith(".warc") else 0  # warcio does not count the line ends after a plain record
    return [
        SelectedCapture(
            file=name, offset=int(capture["offset"]), length=int(capture["length"]) + tail, url=capture["url"]
        )
        for capture in read_captures(root / name, name)
    ]


def read(file, name, size):
    return pages(file, name, size=size, max_bytes=10_000, stop=1)


@pytest.mark.parametrize("name", ["a.warc.gz", "b.warc"])
def test_a_pointer_gives_the_page_that_a_whole_read_gives(root, name):
    with (root / name).open("rb") as file:
        whole = list(pages(file, name, size=(root / name).stat().st_size, max_bytes=10_000))
    targets = targets_of(root, name)
    assert len(targets) == PAGES
    assert list(outcomes(targets, str(root), read)) == whole
    assert list(outcomes(targets[3:5], str(root), read)) == whole[3:5]


@pytest.mark.parametrize("cut", [1, 13, 700])
def test_a_connection_that_is_cut_again_and_again_gives_the_records_of_the_disk(root, cut):
    content = (root / "a.warc.gz").read_bytes()[: 700 if cut == 1 else None]
    with serving() as server:
        url = server.put("a.warc.gz", content)
        server.always = Fault(cut=cut)
        with RangeReader(storage.path(url), patience=Patience(first_s=0.0001, longest_s=0.001)) as file:
            far = list(pages(file, "a.warc.gz", size=file.size, max_bytes=10_000))
    assert far == list(pages(io.BytesIO(content), "a.warc.gz", size=len(content), max_bytes=10_000))
    assert isinstance(far[0], Page)


def bad(good: SelectedCapture, after: SelectedCapture) -> list[tuple[SelectedCapture, str, str]]:
    return [
        (replace(good, offset=10**9), "index_mismatch", "the file ends at byte"),
        (replace(good, offset=2**62), "index_mismatch", "the file ends at byte"),
        (replace(good, length=0), "index_row", "0 bytes"),
        (replace(good, length=10**12), "index_row", "at most"),
        (replace(good, length=10**7), "index_mismatch", "the file ends at byte"),
        (replace(good, offset=good.offset + 1), "", ""),
        (replace(good, length=good.length // 2), "", ""),
        (replace(good, url="http://other.example/"), "index_mismatch", "the record is of http://a.example/"),
        (replace(good, offset=after.offset, length=after.length), "index_mismatch", "the record is of"),
        (replace(good, file="c.warc.gz"), "missing", "no such file"),
        (
            SelectedCapture(file="index", offset=7, length=0, url="", fault="offset is '-'"),
            "malformed",
            "offset is '-'",
        ),
    ]


@pytest.mark.parametrize("case", range(11))
@pytest.mark.parametrize("remote", [False, True], ids=["local", "http"])
def test_a_wrong_row_is_a_failure_and_every_other_page_comes(root, case, remote):
    good = targets_of(root, "a.warc.gz")
    wrong, error, text = bad(good[4], good[5])[case]
    rows = sorted([*good, wrong])
    with serving() as server:
        server.put("a.warc.gz", (root / "a.warc.gz").read_bytes())
        results = list(outcomes(rows, server.url if remote else str(root), read))
    fine = [result for result in results if isinstance(result, Page)]
    failures = [result for result in results if isinstance(result, Failure)]
    assert [page.url for page in fine] == [target.url for target in good]
    assert len(failures) == 1
    assert failures[0].record
    assert error in failures[0].error
    assert text in failures[0].message
    assert (failures[0].file, failures[0].offset) == (wrong.file, wrong.offset)


def test_overlapping_rows_are_each_read_for_themselves(root):
    good = targets_of(root, "a.warc.gz")
    longer = replace(good[2], length=good[2].length + good[3].length)
    results = list(outcomes([longer, good[3]], str(root), read))
    assert [page.url for page in results] == [good[2].url, good[3].url]


def test_near_records_are_one_request_and_faults_of_the_server_change_nothing(root):
    good = targets_of(root, "a.warc.gz")
    with serving() as server:
        server.put("a.warc.gz", (root / "a.warc.gz").read_bytes())
        assert len(list(outcomes(good, server.url, read))) == PAGES
        assert len(server.asked) == 1
        server.faults.extend([Fault(cut=100), Fault(no_ranges=True, cut=400), Fault(no_ranges=True)])
        results = list(outcomes(good[5:], server.url, read))
    assert results == list(outcomes(good[5:], str(root), read))


def test_requests_are_under_way_together_and_what_they_hold_is_bounded(root, monkeypatch):
    monkeypatch.setattr(pointers, "GAP", -1)  # each record for itself
    good = targets_of(root, "a.warc.gz")
    under_way, most, together = [], [], threading.Event()

    def fetch(group, *_):
        under_way.append(group)
        most.append(len(under_way))
        if len(under_way) > 1:
            together.set()
        assert together.wait(60)
        under_way.remove(group)
        return b"x"

    monkeypatch.setattr(pointers, "_fetch", fetch)
    groups = [[target] for target in good]
    assert [group for group, _ in fetch_groups(groups, root)] == groups
    assert 1 < max(most) <= pointers.PARALLEL
    most.clear()
    monkeypatch.setattr(pointers, "AHEAD", 0)
    assert [group for group, _ in fetch_groups(groups, root)] == groups
    assert max(most) == 1


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**7)), max_size=60))
def test_batches_hold_every_target_once_in_order_near_each_other_and_not_too_large(places):
    targets = sorted(SelectedCapture(file="a", offset=offset, length=length, url="") for offset, length in places)
    groups = list(batches(targets))
    assert [target for group in groups for target in group] == targets
    for group in groups:
        end = max(target.offset + target.length for target in group)
        assert end - group[0].offset <= REQUEST
        reach = group[0].offset
        for target in group:
            assert target.offset - reach <= GAP
            reach = max(reach, target.offset + target.length)
    for group, following in pairwise(groups):
        end = max(target.offset + target.length for target in group)
        reach = max(end, following[0].offset + following[0].length)
        assert following[0].offset - end > GAP or reach - group[0].offset > REQUEST


def rows(number: int) -> list[IndexRow]:
    order = [(place * 7919) % number for place in range(number)]
    return [
        IndexRow(url=f"http://a.example/{place}", file=f"{place % 3}.gz", offset=place, length=5) for place in order
    ]


def test_pointers_are_sorted_once_each_and_kept_until_the_selection_changes(tmp_path, monkeypatch):
    monkeypatch.setattr("curate.stage.sorting.RUN_BYTES", 1)
    made = []

    def once():
        made.append(1)
        return iter(rows(9001) + rows(9001)[::3])

    path = pointers_file(tmp_path, "web", "k" * 64, once)
    assert pointers_file(tmp_path, "web", "k" * 64, once) == path
    assert len(made) == 1
    items = list(pointer_items(path, tmp_path, "web", "https://base"))
    assert [(item.start, item.stop) for item in items] == [(0, 4096), (4096, 8192), (8192, 9001)]
    targets = [target for item in items for target in read_targets(path, item.start, item.stop)]
    assert targets == sorted(targets)
    assert len(targets) == len(set(targets)) == 9001
    assert len({item.digest for item in items}) == 3
    assert items[0].label == "web/pointers[0:4096]"
    assert read_targets(path, 4000, 4200) == targets[4000:4200]
    pointers_file(tmp_path, "web", "l" * 64, once)
    assert len(made) == 2


def test_a_selection_that_takes_nothing_is_told(tmp_path):
    with pytest.raises(SettingsError, match=r"^sources\.web\.select: takes no row"):
        pointers_file(tmp_path, "web", "k" * 64, lambda: iter(()))
    assert list((tmp_path / pointers.FOLDER).iterdir()) == []
