"""A synthetic corpus of any size: real pages, replicated with seeded edits, as WARC files or as Parquet documents.

    python tests/bench/corpus.py --bytes N -o DIR [--seed S] [--data ../shared/data/web] [--form warc|documents]

N counts uncompressed HTML, or UTF-8 text. Document `n` is a function of the seed and `n` alone: a page of the base set
with 35 % of its words drawn anew, or (`--near`, `--exact`: shares) a near duplicate of an earlier one, 1 % of its words
drawn anew, or an exact one. `truth.jsonl` has a line per document: url, kind, and of which url it is a duplicate.
"""

import argparse
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

ROOT = Path(__file__).parents[2]
BASE_PAGES = 200  # pages held in memory, whatever the corpus' size
NEAR, EXACT = 0.10, 0.05  # shares of the documents, unless the command line says otherwise
FRESH, TOUCHED = 0.35, 0.01  # shares of the words drawn anew
FILE_BYTES = 64_000_000  # uncompressed, per file, unless --file-bytes says otherwise
ROWS = 512
TAGS = re.compile(r"(<(script|style)\b.*?</\2\s*>|<!--.*?-->|<[^>]*>)", re.DOTALL | re.IGNORECASE)
WORDS = re.compile(r"([^\W\d_]{2,})")


@dataclass(frozen=True, slots=True)
class Base:
    """A page cut into pieces, and which of them are words."""

    pieces: list[str]
    words: np.ndarray


def base_pages(data: Path, form: str, words: int | None) -> list[Base]:
    """The first real pages in which there is text, as HTML or as their extracted text (its first `words` words)."""
    from curate.extract.config import Extract
    from curate.extract.page import attempt
    from curate.records import Document, Page
    from curate.warc.reader import read_file

    bases: list[Base] = []
    for path in sorted(data.glob("*.warc.gz")):
        for page in read_file(path, max_bytes=1 << 20):
            if not isinstance(page, Page) or page.mime != "text/html" or len(page.body) > 300_000:
                continue
            document = attempt(page, "web", Extract())
            if isinstance(document, Document) and len(document.text) > 1000:
                bases.append(cut(document.text, words) if form == "documents" else cut_html(page.body))
            if len(bases) == BASE_PAGES:
                return bases
    return bases or sys.exit(f"{data}: no .warc.gz files with pages there")


def cut(text: str, words: int | None = None) -> Base:
    """Text as pieces, every odd one a word."""
    pieces = WORDS.split(text)[: None if words is None else 2 * words]
    return Base(pieces, np.arange(1, len(pieces), 2))


def cut_html(body: bytes) -> Base:
    """HTML as pieces, of which only the words between tags count as words."""
    pieces: list[str] = []
    places: list[int] = []
    last, html = 0, body.decode("utf-8", "replace")
    for tag in chain(TAGS.finditer(html), [None]):
        text = cut(html[last : tag.start() if tag else None])
        places += [len(pieces) + place for place in text.words.tolist()]
        pieces += text.pieces
        if tag:
            pieces.append(tag.group())
            last = tag.end()
    return Base(pieces, np.array(places, dtype=np.int64))


def draws(seed: int, purpose: str, number: int) -> np.random.Generator:
    """The draws that belong to one document and to nothing else."""
    key = hashlib.blake2b(f"{seed}\0{purpose}\0{number}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key)))


def kind(seed: int, number: int, near: float, exact: float) -> tuple[str, float]:
    """The kind of a document, and how far back, in [0, 1), the one lies that it is a duplicate of."""
    share, where = draws(seed, "kind", number).random(2)
    if number == 0 or share >= near + exact:
        return "distinct", 0.0
    return ("near" if share < near else "exact"), where


def original(seed: int, number: int, near: float, exact: float) -> tuple[str, int]:
    """The kind of a document, and the distinct document that it is a duplicate of (itself if of none)."""
    what, where = kind(seed, number, near, exact)
    if what == "distinct":
        return what, number
    source = int(where * number)
    while kind(seed, source, near, exact)[0] != "distinct":
        source -= 1
    return what, source


def edited(
    pieces: list[str], words: np.ndarray, share: float, drawn: np.random.Generator, vocabulary: list[str]
) -> list[str]:
    """The pieces with a share of the words drawn anew from the known ones."""
    places = words[drawn.random(len(words)) < share]
    changed = list(pieces)
    for place, word in zip(places.tolist(), drawn.integers(len(vocabulary), size=len(places)).tolist(), strict=True):
        changed[place] = vocabulary[word]
    return changed


def documents(seed: int, bases: list[Base], near: float, exact: float) -> Iterator[tuple[dict[str, str | None], str]]:
    """(truth, content) of every document, without end."""
    vocabulary = [base.pieces[place] for base in bases for place in base.words.tolist()]
    for number in count():
        what, source = original(seed, number, near, exact)
        drawn = draws(seed, "content", source)
        base = bases[int(drawn.integers(len(bases)))]
        pieces = edited(base.pieces, base.words, FRESH, drawn, vocabulary)
        if what == "near":
            pieces = edited(pieces, base.words, TOUCHED, draws(seed, "near", number), vocabulary)
        yield {"url": url(number), "kind": what, "of": url(source) if source != number else None}, "".join(pieces)


def url(number: int) -> str:
    """The address of one document."""
    return f"http://site-{number % 997}.example/page/{number}"


class Warcs:
    """WARC files, a gzip member per record."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit, self.files, self.size = folder, limit, 0, limit
        self.stream: io.BufferedWriter | None = None

    def add(self, address: str, content: str) -> int:
        """Write one page; its size."""
        if self.size >= self.limit:
            self.close()
            self.stream = (self.folder / f"pages-{self.files:05d}.warc.gz").open("wb")
            self.writer, self.files, self.size = WARCWriter(self.stream, gzip=True), self.files + 1, 0
        body = content.encode("utf-8", "replace")
        http = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
        fixed = {"WARC-Date": "2020-01-01T00:00:00Z", "WARC-Record-ID": f"<{address}>"}
        record = self.writer.create_warc_record(
            address, "response", payload=io.BytesIO(body), http_headers=http, warc_headers_dict=fixed
        )
        self.writer.write_record(record)
        self.size += len(body)
        return len(body)

    def close(self) -> None:
        """Finish the file."""
        if self.stream:
            self.stream.close()


class Documents:
    """Parquet files of url and text."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit, self.files, self.size = folder, limit, 0, limit
        self.rows: list[dict[str, str]] = []
        self.writer: pq.ParquetWriter | None = None

    def add(self, address: str, content: str) -> int:
        """Write one document; its size."""
        if self.size >= self.limit:
            self.close()
            path = self.folder / f"documents-{self.files:05d}.parquet"
            self.writer = pq.ParquetWriter(path, pa.schema([("url", pa.string()), ("text", pa.string())]))
            self.files, self.size = self.files + 1, 0
        self.rows.append({"url": address, "text": content})
        if len(self.rows) == ROWS:
            self.flush()
        size = len(content.encode())
        self.size += size
        return size

    def flush(self) -> None:
        """Write what is pending as a row group."""
        if self.rows and self.writer:
            self.writer.write_table(pa.Table.from_pylist(self.rows, schema=self.writer.schema))
            self.rows = []

    def close(self) -> None:
        """Finish the file."""
        self.flush()
        if self.writer:
            self.writer.close()


def write(out: Warcs | Documents, size: int, entries: Iterator[tuple[dict[str, str | None], str]]) -> tuple[int, int]:
    """Write a corpus of at least `size` bytes; its documents and bytes."""
    number = written = 0
    with (out.folder / "truth.jsonl").open("w") as truth:
        for fact, content in entries:
            number += 1
            written += out.add(str(fact["url"]), content)
            truth.write(json.dumps(fact) + "\n")
            if written >= size:
                break
    out.close()
    return number, written


def main() -> None:
    """Write a corpus and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "web")
    parser.add_argument("--form", choices=("warc", "documents"), default="warc")
    parser.add_argument("--words", type=int, help="of a document, at most")
    parser.add_argument("--near", type=float, default=NEAR)
    parser.add_argument("--exact", type=float, default=EXACT)
    parser.add_argument("--file-bytes", type=int, default=FILE_BYTES)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True)
    out = (Warcs if chosen.form == "warc" else Documents)(chosen.out, chosen.file_bytes)
    bases = base_pages(chosen.data, chosen.form, chosen.words)
    number, size = write(out, chosen.bytes, documents(chosen.seed, bases, chosen.near, chosen.exact))
    print(f"{number} documents, {size} bytes in {out.files} files")


if __name__ == "__main__":
    main()
