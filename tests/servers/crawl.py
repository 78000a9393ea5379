"""A small crawl laid out as Common Crawl publishes one: files, their list, a columnar index and its list, CDXJ."""

import gzip
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from warcio.archiveiterator import ArchiveIterator

CRAWL = "CC-TEST-2026-01"
TABLE = f"cc-index/table/cc-main/warc/crawl={CRAWL}/subset=warc/part-00000.c000.gz.parquet"
OTHER = TABLE.replace("subset=warc", "subset=robotstxt")


@dataclass(frozen=True)
class Crawl:
    """The folder of a crawl, the names of its WARC files, and its captures as CDXJ tells of them."""

    root: Path
    names: list[str]
    captures: list[dict[str, Any]]

    @property
    def cdxj(self) -> Path:
        return self.root / "cdx-00000.gz"


def build(root: Path, warcs: list[Path]) -> Crawl:
    """Lay the files out under a folder."""
    names, captures = [], []
    for warc in warcs:
        name = f"crawl-data/{CRAWL}/segments/1.1/warc/{warc.name}"
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(warc, root / name)
        names.append(name)
        captures += list(read_captures(root / name, name))
    put_list(root, "warc.paths.gz", names)
    put_list(root, "cc-index-table.paths.gz", [OTHER, TABLE])
    (root / TABLE).parent.mkdir(parents=True)
    write_table(root / TABLE, captures)
    crawl = Crawl(root, names, captures)
    write_cdxj(crawl.cdxj, captures)
    return crawl


def put_list(root: Path, name: str, lines: list[str]) -> None:
    path = root / f"crawl-data/{CRAWL}/{name}"
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))


def read_captures(path: Path, name: str):
    """Yields the entries of an index for the responses in a file."""
    with path.open("rb") as file:
        reader = ArchiveIterator(file)
        for record in reader:
            if record.rec_type != "response":
                continue
            capture = {
                "url": record.rec_headers.get_header("WARC-Target-URI"),
                "mime": (record.http_headers.get_header("Content-Type") or "unk").partition(";")[0],
                "status": record.http_headers.get_statuscode() or "-",
                "filename": name,
                "languages": "eng,fra" if len(record.rec_headers.get_header("WARC-Target-URI")) % 2 else "fra",
            }
            record.content_stream().read()
            yield capture | {"offset": str(reader.get_record_offset()), "length": str(reader.get_record_length())}


def write_cdxj(path: Path, captures: list[dict[str, Any]], block: int = 50) -> None:
    """The captures as lines, in gzip members of so many."""
    lines = [f"com,example)/{n} 20260101000000 {json.dumps(capture)}\n".encode() for n, capture in enumerate(captures)]
    starts = range(0, len(lines), block)
    path.write_bytes(b"".join(gzip.compress(b"".join(lines[start : start + block])) for start in starts))


def write_table(path: Path, captures: list[dict[str, Any]], *, without: tuple[str, ...] = (), **options: Any) -> None:
    """The captures as a columnar index."""
    from curate.commoncrawl.selection import index_host

    hosts = [index_host(capture["url"]) for capture in captures]
    statuses = [int(capture["status"]) if capture["status"].isdecimal() else None for capture in captures]
    columns = {
        "url": [capture["url"] for capture in captures],
        "url_host_name": hosts,
        "url_host_tld": [None for _ in captures],
        "url_host_name_reversed": [".".join(reversed(host.split("."))) for host in hosts],
        "fetch_status": pa.array(statuses, pa.int16()),
        "content_mime_type": [capture["mime"] for capture in captures],
        "content_mime_detected": [capture.get("mime-detected") for capture in captures],
        "content_languages": pa.array([capture.get("languages") for capture in captures], pa.string()),
        "content_truncated": pa.array([capture.get("truncated") for capture in captures], pa.string()),
        "warc_filename": [capture["filename"] for capture in captures],
        "warc_record_offset": pa.array([int(capture["offset"]) for capture in captures], pa.int32()),
        "warc_record_length": pa.array([int(capture["length"]) for capture in captures], pa.int32()),
    }
    pq.write_table(pa.table({k: v for k, v in columns.items() if k not in without}), path, row_group_size=20, **options)
