"""Rows of the user's own in every form and packing that a file of them may have."""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile

import lz4.frame
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
from backports import zstd

ROWS = [
    {"id": "a", "text": 'one, "two"\nthree;\ttab', "n": "1"},
    {"id": "b", "text": "zwei ü 漢字 🙂", "n": "2"},
    {"id": "c", "text": "plain", "n": "3"},
]


def json_lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def table(rows, delimiter=","):
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0]], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parquet(rows, **options):
    file = io.BytesIO()
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), file, **options)
    return file.getvalue()


def arrow_stream(rows):
    file = io.BytesIO()
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def arrow_file(rows):
    file = io.BytesIO()
    feather.write_feather(pa.Table.from_pylist(rows), file)
    return file.getvalue()


FORMS = {
    "a.jsonl": json_lines,
    "a.ndjson": json_lines,
    "lines.json": json_lines,
    "array.json": lambda rows: json.dumps(rows).encode(),
    "indented.json": lambda rows: json.dumps(rows, indent=2).encode(),
    "one after another.json": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows).encode(),
    "an array.jsonl": lambda rows: json.dumps(rows).encode(),
    "parquet.jsonl": parquet,
    "a.csv": table,
    "semicolon.csv": lambda rows: table(rows, ";"),
    "tab.csv": lambda rows: table(rows, "\t"),
    "a.tsv": lambda rows: table(rows, "\t"),
    "excel.csv": lambda rows: b"\xef\xbb\xbfsep=;\r\n" + table(rows, ";"),
    "a.parquet": parquet,
    "one row a group.parquet": lambda rows: parquet(rows, row_group_size=1),
    "stream.arrow": arrow_stream,
    "a.arrow": arrow_file,
    "a.feather": arrow_file,
    "bom.jsonl": lambda rows: b"\xef\xbb\xbf" + json_lines(rows),
    "utf-16.jsonl": lambda rows: json_lines(rows).decode().encode("utf-16"),
    "utf-32.json": lambda rows: json.dumps(rows).encode("utf-32"),
    "utf-16.csv": lambda rows: table(rows).decode().encode("utf-16"),
    "mac.jsonl": lambda rows: json_lines(rows).replace(b"\n", b"\r"),
}
PACKINGS = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".zst": zstd.compress,
    ".zstd": zstd.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".lz4": lz4.frame.compress,
    ".GZ": lambda content: gzip.compress(content[:9]) + gzip.compress(content[9:]),
    "wide.zst": lambda content: wide(content[:9]) + wide(content[9:]),
}


def wide(content):
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 31})
    return packer.compress(content) + packer.flush()


def zipped(members, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **{"compression": zipfile.ZIP_DEFLATED} | options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
