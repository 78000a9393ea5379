"""The progress of reading a user's file goes from near nothing to all, and never back, in every form."""

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import zipfile
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.inputs.digests import Digests
from curate.inputs.rows import numbered_rows
from curate.stage import heartbeat
from curate.stage.heartbeat import Work

ROWS = 3000
TEXTS = [random.Random(number).randbytes(1500).hex() for number in range(ROWS)]  # which no packing makes much smaller


def as_lines() -> bytes:
    return b"".join(json.dumps({"text": text}).encode() + b"\n" for text in TEXTS)


def as_csv() -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows([["text"], *([text] for text in TEXTS)])
    return file.getvalue().encode()


def as_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.jsonl", "b.jsonl"):
            archive.writestr(name, as_lines())
    return file.getvalue()


def as_parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS}), file, row_group_size=700)
    return file.getvalue()


def as_arrow() -> bytes:
    file = io.BytesIO()
    table = pa.table({"text": TEXTS})
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=700)
    return file.getvalue()


FORMS = {
    "in.jsonl": as_lines,
    "in.jsonl.gz": lambda: gzip.compress(as_lines(), 1),
    "in.jsonl.bz2": lambda: bz2.compress(as_lines(), 1),
    "in.jsonl.xz": lambda: lzma.compress(as_lines(), preset=0),
    "in.csv": as_csv,
    "in.json": lambda: json.dumps([{"text": text} for text in TEXTS]).encode(),
    "in.zip": as_zip,
    "in.parquet": as_parquet,
    "in.arrow": as_arrow,
}


@pytest.mark.parametrize("name", FORMS)
def test_a_file_is_read_from_nothing_to_all_and_never_back(name, tmp_path):
    (tmp_path / name).write_bytes(FORMS[name]())
    work = Work(tmp_path, 0)
    heartbeat.begin(work)
    try:
        shares = [work.beat().share for _ in numbered_rows(tmp_path / name)]
        shares.append(work.beat().share)
    finally:
        heartbeat.end(work)
    assert all(earlier <= later for earlier, later in pairwise(shares))
    assert shares[0] < 0.5
    assert len(set(shares)) >= 4
    assert shares[-1] > 0.95


def test_digests_tell_how_much_they_read_and_what_is_remembered_is_not_read(tmp_path):
    topics = []

    class Doing:
        def __init__(self, name, total):
            topics.append([name, total, 0])

        def __enter__(self):
            return self.advance

        def __exit__(self, *_):
            pass

        def advance(self, amount):
            topics[-1][2] += amount

    path = tmp_path / "in.jsonl"
    path.write_bytes(as_lines())
    digests = Digests(doing=Doing)
    size = path.stat().st_size
    assert digests.of(path) == digests.of(path)
    assert topics == [["reading input digests", size, size], ["reading input digests", 0, 0]]
