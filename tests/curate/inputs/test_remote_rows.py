"""Rows of a remote file are read through broken connections, and a broken server is no damage of the file."""

import gzip
import json

import pytest
from backports import zstd
from faulty import Fault, serving
from own_rows import FORMS, ROWS, json_lines, zipped

from curate import storage
from curate.inputs.rows import numbered_rows
from curate.storage.patience import Patience, RemoteError


@pytest.fixture
def quick(monkeypatch):
    """Retries that wait for a moment only."""
    patience = Patience(first_s=0.0005, longest_s=0.002, tries_later=4, tries_broken=3, timeout_s=5)
    monkeypatch.setattr("curate.storage.remote.Patience", lambda: patience)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.zst", "a.csv", "a.parquet", "a.arrow", "a.zip"])
def test_a_remote_file_is_read_through_broken_connections(name, quick):
    rows = [{"id": str(number), "text": f"{number * 7919 % 104729}" * 9} for number in range(3000)]
    makers = FORMS | {
        "a.jsonl.gz": lambda rows: gzip.compress(json_lines(rows)),
        "a.json.zst": lambda rows: zstd.compress(json.dumps(rows).encode()),
        "a.zip": lambda rows: zipped({"a.jsonl": json_lines(rows)}),
    }
    with serving() as server:
        url = server.put(name, makers[name](rows))
        server.faults.extend([Fault(), Fault(cut=1000), Fault(status=503), Fault(hang_up=True)])
        assert [row for _, row in numbered_rows(storage.path(url))] == rows


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_server_that_stays_broken_is_no_damage(name, quick):
    with serving() as server:
        url = server.put(name, FORMS[name](ROWS * 2000))
        server.faults.append(Fault(cut=1000))
        server.always = Fault(status=503)
        with pytest.raises(RemoteError):
            list(numbered_rows(storage.path(url)))
