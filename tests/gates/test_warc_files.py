"""Every real WARC and ARC file of the collection, read as pinned, and compared with what warcio and FastWARC count.

`python tests/gates/test_warc_files.py` prints the table; with `--update` it pins what is read now. A reason in words is
needed, and kept by an update, where we count other records or pages than both of them.
"""

import io
import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from warcio.archiveiterator import ArchiveIterator as Warcio

from curate.records import Failure, Page, RefusedRecord, Skipped
from curate.warc.reader import read_pages

PINNED = Path(__file__).with_name("warc_files.json")
EXPECTED = json.loads(PINNED.read_text()) if PINNED.exists() else {}
DATA = Path(os.environ.get("CURATE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def ours(path):
    """Returns the reading of a file: counts by kind, and where the failures lie."""
    with path.open("rb") as file:
        outcomes = list(read_pages(file, path.name, size=path.stat().st_size, max_bytes=10_000_000))
    return {
        "pages": sum(isinstance(outcome, Page) for outcome in outcomes),
        "refused": sum(isinstance(outcome, RefusedRecord) for outcome in outcomes),
        "skipped": dict(sorted(Counter(outcome.kind for outcome in outcomes if isinstance(outcome, Skipped)).items())),
        "failures": [
            f"{outcome.error} {outcome.offset}+{outcome.length}" + ("" if outcome.record else " (no record)")
            for outcome in outcomes
            if isinstance(outcome, Failure)
        ],
        "flags": dict(
            sorted(Counter(flag for outcome in outcomes if isinstance(outcome, Page) for flag in outcome.flags).items())
        ),
    }


def counted(summary):
    """The records and the pages of what we make of a file."""
    lost = sum(not failure.endswith("(no record)") for failure in summary["failures"])
    return summary["pages"] + summary["refused"] + sum(summary["skipped"].values()) + lost, summary["pages"]


def by_fastwarc(content):
    """The records and the pages that FastWARC finds before it stops."""
    records = pages = 0
    try:
        for record in ArchiveIterator(io.BytesIO(content), parse_http=False, max_header_len=1 << 20):
            http = record.record_type == WarcRecordType.response and record.is_http
            pages += bool(http or record.record_type == WarcRecordType.conversion)
            records += 1
    except OSError:
        pass
    return records, pages


def by_warcio(content):
    """The records and the pages that warcio finds before it stops."""
    records = pages = 0
    try:
        for record in Warcio(io.BytesIO(content), arc2warc=False):
            http = record.rec_type == "response" and (record.content_type or "").startswith("application/http")
            arc = record.format == "arc" and record.rec_type == "response" and record.http_headers is not None
            pages += http or arc or record.rec_type == "conversion"
            record.raw_stream.read()
            records += 1
    except Exception:
        pass
    return records, pages


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_file_is_read_as_pinned_and_as_one_of_the_others_reads_it_or_for_a_reason(name, data):
    path = data("warc") / name
    summary = ours(path)
    expected = dict(EXPECTED[name])
    why = expected.pop("why", "")
    assert summary == expected
    content = path.read_bytes()
    agrees = counted(summary) in (by_fastwarc(content), by_warcio(content))
    assert agrees or why, f"we count {counted(summary)}, FastWARC {by_fastwarc(content)}, warcio {by_warcio(content)}"
    assert not (agrees and why), "the reason is not needed any more"


def test_every_file_of_the_collection_is_pinned(data):
    assert {path.name for path in data("warc").iterdir()} == EXPECTED.keys()


def main():
    pinned = {}
    print(f"{'records/pages: ours':>20} {'FastWARC':>9} {'warcio':>9}  file, failures, flags")
    for path in sorted((DATA / "warc").iterdir()):
        summary, content = ours(path), path.read_bytes()
        one, two, three = counted(summary), by_fastwarc(content), by_warcio(content)
        mark = " " if one in (two, three) else "*"
        print(
            f"{mark}{one[0]:>13} {one[1]:>5} {two[0]:>4} {two[1]:>4} {three[0]:>4} {three[1]:>4}  {path.name}", end=""
        )
        print("", *summary["failures"], *(f"{flag} x{number}" for flag, number in summary["flags"].items()), sep="  ")
        why = EXPECTED.get(path.name, {}).get("why", "")
        pinned[path.name] = summary | ({"why": why or "?"} if mark == "*" else {})
    if "--update" in sys.argv:
        lines = (f" {json.dumps(name)}: {json.dumps(summary)}" for name, summary in pinned.items())
        PINNED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
