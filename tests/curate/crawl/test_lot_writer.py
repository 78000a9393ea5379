"""Tests of the files of a lot: a part counts once its outcomes are on disk, whatever else was written by then."""

import gzip
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.crawl.answers import Settled
from curate.crawl.config import Crawl
from curate.crawl.fetch import Answer
from curate.crawl.journal import PARTS, Journal, Place, gather_pauses, read_pauses, write_pauses
from curate.crawl.lot_writer import LotWriter
from curate.crawl.lots import Target, url_id
from curate.crawl.rows import exchange_of, row_of
from curate.stage.parts import read_receipt
from curate.warc.readback import read_at

RULES = Crawl(contact="a@b.test")


def writer(tmp_path) -> LotWriter:
    (tmp_path / "receipts").mkdir(exist_ok=True)
    (tmp_path / "work" / "00000").mkdir(parents=True, exist_ok=True)
    return LotWriter(tmp_path, "lot", 0, RULES, Place(tmp_path / "work", "00000"))


class Leased(Place):
    """A lot that one process after another has, by leases that are lost after a number of looks."""

    def __init__(self, folder: Path, lease: int, looks: int = 1000) -> None:
        (folder / "work" / "00000").mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "work", "00000")
        self.first, self.looks = lease * PARTS, looks

    @property
    def holds(self) -> bool:
        self.looks -= 1
        return self.looks >= 0


def leased(tmp_path, lease: int, **more) -> LotWriter:
    return LotWriter(tmp_path, "lot", 0, RULES, Leased(tmp_path, lease, **more))


def page(number: int, outcome: str = "ok", **more):
    target = Target(url=f"http://a.test/{number}", votes=number)
    answer = Answer(
        url=target.url,
        date=datetime(2026, 1, 1, tzinfo=UTC),
        status=200,
        status_line=b"HTTP/1.1 200 OK",
        body=b"<p>%d" % number,
        request=b"GET / HTTP/1.1\r\n\r\n",
    )
    row = row_of(target, Settled(outcome=outcome), answer, hops=[target.url], **more)
    return row, exchange_of(target, row, answer) if row["kept"] else None


def test_what_is_not_committed_is_as_if_it_had_never_been(tmp_path):
    first = writer(tmp_path)
    first.add(*page(1))
    first.commit()
    first.add(*page(2))  # and now we die: nothing is closed
    second = writer(tmp_path)
    assert [row["url"] for row in second.rows] == ["http://a.test/1"]
    second.add(*page(2))
    second.commit()
    second.seal(0, "key", 1.0)
    receipt = read_receipt(tmp_path, 0, "key")
    assert (receipt.counts.read, receipt.counts.kept) == (2, 2)
    assert sum(name.endswith(".warc.gz") for name in receipt.files) == 2


def test_a_warc_without_its_outcomes_is_written_anew(tmp_path):
    first = writer(tmp_path)
    first.add(*page(1))
    first.commit()
    (tmp_path / "work" / "00000" / "00000.parquet").unlink()  # we died between the two renames
    second = writer(tmp_path)
    assert second.rows == []
    for number in (1, 2):
        second.add(*page(number))
    second.commit()
    second.seal(0, "key", 1.0)
    assert len([*(tmp_path / "warc").glob("*.warc.gz")]) == 1
    rows = pq.read_table(tmp_path / "part-00000.parquet").to_pylist()
    assert sorted(row["url"] for row in rows) == ["http://a.test/1", "http://a.test/2"]


def test_outcomes_are_not_published_once_the_lot_is_lost(tmp_path):
    lot = leased(tmp_path, 0, looks=0)  # lost while the WARC file went up
    lot.add(*page(1))
    lot.commit()
    lot.abandon()
    assert lot.rows == leased(tmp_path, 1).rows == []
    assert [path.name for path in (tmp_path / "work" / "00000").glob("*.parquet")] == []


@pytest.mark.parametrize("late", [(1,), (1, 3), (3, 1)])
def test_parts_that_come_after_the_next_process_has_begun_do_not_count(tmp_path, late):
    first = leased(tmp_path, 0)
    first.add(*page(0))
    first.commit()
    second = leased(tmp_path, 1)  # takes the lot over while pages of the first are on their way
    for number in (1, 2):
        second.add(*page(number))
    second.commit()
    for number in late:
        first.add(*page(number))
    first.commit()
    third = leased(tmp_path, 2)  # the second is interrupted, and the crawl goes on
    assert sorted(row["url"] for row in third.rows) == [f"http://a.test/{number}" for number in (0, 1, 2)]
    third.add(*page(3))
    third.commit()
    third = leased(tmp_path, 3)
    third.seal(0, "key", 1.0)
    rows = pq.read_table(tmp_path / "part-00000.parquet").to_pylist()
    assert sorted(row["url"] for row in rows) == [f"http://a.test/{number}" for number in range(4)]
    receipt = read_receipt(tmp_path, 0, "key")
    assert (receipt.counts.read, receipt.counts.kept, receipt.counts.notes["requests"]) == (4, 4, 4)
    warcs = {name for name in receipt.files if name.endswith(".warc.gz")}
    assert warcs == {f"warc/crawl-0-lot-{number:05d}.warc.gz" for number in (0, PARTS, 2 * PARTS)}


def test_a_disk_that_is_full_costs_what_was_not_committed(tmp_path, monkeypatch):
    lot = writer(tmp_path)
    lot.add(*page(1))
    lot.commit()
    lot.add(*page(2))
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        lot.commit()
    lot.abandon()
    monkeypatch.undo()
    assert [row["url"] for row in writer(tmp_path).rows] == ["http://a.test/1"]
    assert not [*(tmp_path / "warc").glob(".*")]


def test_a_seal_parts_what_is_at_its_end_from_what_comes_again(tmp_path):
    lot = writer(tmp_path)
    lot.add(*page(1))
    lot.add(*page(2, "http_404"))
    later, _ = page(3, "http_5xx")
    lot.add(later | {"deferred": True, "tries": 1, "not_before": 9.0})
    lot.add(*page(4, "redirect_cross_host", location="http://b.test/"))
    lot.commit()
    lot.seal(0, "key", 1.0)
    counts = read_receipt(tmp_path, 0, "key").counts
    assert (counts.read, counts.kept, counts.rejected, counts.skipped) == (3, 1, 2, {"deferred": 1})
    assert counts.reasons == {"crawl.http_404": 1, "crawl.redirect_cross_host": 1}
    deferred = pq.read_table(tmp_path / "deferred-00000.parquet").to_pylist()
    by_url = {row["url"]: (row["tries"], row["not_before"], row["via"]) for row in deferred}
    assert by_url == {"http://a.test/3": (1, 9.0, []), "http://b.test/": (0, 0.0, ["http://a.test/4"])}


def test_a_journal_outlives_the_process_and_a_line_that_is_cut(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.asking("a.test", 100.0, "http://a.test/1")
    journal.asked_for("a.test", 200.0)
    journal.asking("b.test", 1.0, "http://b.test/")
    journal.close()
    (tmp_path / "journal").write_bytes((tmp_path / "journal").read_bytes()[:-20])
    reopened = Journal(tmp_path / "journal")
    assert reopened.asked == {url_id("http://a.test/1")}
    assert reopened.ready["a.test"] - reopened.ready["b.test"] == pytest.approx(199.0, abs=1)
    reopened.close()


def test_pauses_that_are_not_over_are_told_to_later_lots(tmp_path):
    write_pauses(tmp_path, "00000", {"a.test": 50.0, "b.test": -1.0})
    write_pauses(tmp_path, "00001", {})
    write_pauses(tmp_path, "00002", {"a.test": 20.0, "c.test": 9.0})
    gather_pauses(tmp_path)
    pauses = dict(read_pauses(tmp_path))
    assert pauses.keys() == {"a.test", "c.test"}
    assert pauses["a.test"] > pauses["c.test"] + 30


def same(number: int, body: bytes, **more):
    row, exchange = page(number)
    return row, replace(exchange, body=body, **more)


@pytest.mark.parametrize("dies", [False, True])
def test_a_payload_that_comes_again_is_stored_as_a_reference(tmp_path, dies):
    lot = writer(tmp_path)
    lot.add(*same(1, b"x" * 2000))
    lot.commit()
    lot = writer(tmp_path) if dies else lot
    lot.add(*same(2, b"x" * 2000))
    lot.add(*same(3, b"x" * 2000, truncated="length"))
    lot.add(*same(4, b"x" * 500))
    lot.add(*same(5, b"x" * 500))
    lot.commit()
    assert [row["outcome"] for row in lot.rows] == ["ok", "revisit", "ok", "ok", "ok"]
    first, second = lot.rows[:2]
    with (tmp_path / first["warc_file"]).open("rb") as file:
        original = read_at(file, first["warc_offset"], first["warc_length"])
    with gzip.open(tmp_path / second["warc_file"]) as file:
        content = file.read()
    assert b"WARC-Refers-To: " + original.record_id.encode() in content
    assert b"WARC-Refers-To-Target-URI: http://a.test/1\r\n" in content
    assert second["payload_digest"] == first["payload_digest"]
