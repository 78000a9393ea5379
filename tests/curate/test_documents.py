"""The user's own documents, a stage's parts, a dedup's decisions: every row is a document or a failure."""

import io
import json
from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import strategies as st

from curate.documents import user_documents

NOON = datetime(2020, 1, 2, 12, 0, 0, tzinfo=UTC)
ROWS = [
    {"text": "one", "url": "http://a/", "timestamp": "2020-01-02T12:00:00Z", "source": "books", "language": "en"},
    {"text": "zwei ü", "id": "doc-2", "quality": 0.5},
    {"text": ""},
]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=2), scalars, max_size=2)
fields = st.sampled_from(["text", "id", "url", "timestamp", "source", "quality", "language", "title", "x"])
rows = st.dictionaries(fields, values, max_size=5) | values


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def zstd(content):
    out = io.BytesIO()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(content)
        stream.flush()
        return out.getvalue() if False else _closed(stream, out)


def read(path, source="web"):
    return list(user_documents(path, path.name, source, "filter"))


def only(path):
    (found,) = read(path)
    return found


def row_of(tmp_path, row):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines([row]))
    return only(path)
