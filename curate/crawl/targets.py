"""The URLs to crawl, from candidates of `curate links`, Parquet with `fetch_url` or `url`, or a list of URLs."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.crawl.lots import Target, refusal_of
from curate.errors import SettingsError, writing
from curate.inputs.items import files
from curate.records import Reason
from curate.stage.checked import opened_part
from curate.stage.parts import TableWriter
from curate.stage.receipts import FileRecord
from curate.stage.record import read_stage
from curate.storage import lines
from curate.storage.writing import sha256_of
from curate.web.urls import fetch_url, stored_form

PART = re.compile(r"part-\d{5,}\.parquet")
MAX_LINE = 1 << 16  # bytes; a longer line gets the verdict `url_too_long`
MAX_LIST = 1 << 34  # bytes that a list may hold uncompressed
# The verdicts of links that `fetch_url` refuses, by its rule; `url_invalid` for all other rules.
VERDICTS = {"links.scheme": "skip_scheme", "links.length": "url_too_long"}
# The columns of a URL to crawl, in the file of a lot and in the table of what is deferred to the next wave.
TARGET_FIELDS = (
    pa.field("url", pa.string(), nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("dedupe_key", pa.binary()),
    pa.field("votes", pa.int64()),
    pa.field("via", pa.list_(pa.string())),
    pa.field("tries", pa.int32(), nullable=False),
    pa.field("not_before", pa.float64()),
)
TARGETS = pa.schema(
    [
        *TARGET_FIELDS,
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)


def read_inputs(names: tuple[str, ...], source: str) -> Iterator[Target]:
    """Yields the targets that the inputs name, in order; what is no URL that may be requested has a verdict already."""
    for path in [path for name in names for path in _paths(name)]:
        if path.name.endswith(".parquet"):
            yield from _candidates(path, source)
        else:
            yield from _listed(path, source)


def _paths(name: str) -> list[Path]:
    """Returns the files of an input; raises SettingsError for the output of a stage that makes no links."""
    folder = storage.path(name)
    if not (folder / "stage.json").exists():
        return files(name)
    record = read_stage(folder)
    if record.stage != "links":
        raise SettingsError(
            f"{name}: holds the output of {record.stage}; crawl takes the output of links, or lists of URLs"
        )
    return [folder / output for output in sorted(record.outputs) if PART.fullmatch(output)]


def _candidates(path: Path, name: str) -> Iterator[Target]:
    """Yields the rows of a Parquet file as targets; name: of the source of those that name none."""
    ours = (path.parent / "stage.json").exists()
    with opened_part(path) if ours else nullcontext(storage.source(path)) as source, pq.ParquetFile(source) as file:
        existing = set(file.schema_arrow.names)
        url_column = next((name for name in ("fetch_url", "url") if name in existing), None)
        if url_column is None:
            raise SettingsError(
                f"{path}: has no column fetch_url or url; its columns are {', '.join(sorted(existing))}"
            )
        columns = [name for name in (url_column, "dedupe_key", "votes", "source") if name in existing]
        for batch in file.iter_batches(columns=columns):
            for row in batch.to_pylist():
                key = row.get("dedupe_key") or b""
                yield replace(
                    target(row[url_column] or "", row.get("source") or name),
                    dedupe_key=key.encode() if isinstance(key, str) else key,
                    votes=row.get("votes") or 0,
                )


def _listed(path: Path, source: str) -> Iterator[Target]:
    """Yields the lines of a list as targets, without empty ones and those that start with #."""
    try:
        with storage.opened(path) as (file, _):
            for line in lines.lines(lines.chunks(file, MAX_LIST), MAX_LINE):
                content = line.content if line.content is not None else b""
                text = content.decode("utf-8", "replace").strip()
                if line.content is None:
                    verdict, detail = "url_too_long", f"{line.length} bytes"
                    yield Target(
                        url=f"line {line.offset} of {path.name}", source=source, verdict=verdict, detail=detail
                    )
                elif text and not text.startswith("#"):
                    yield target(text, source)
    except lines.ERRORS as error:
        raise SettingsError(f"{path}: cannot read this list: {error}") from None


def target(raw: str, source: str) -> Target:
    """Returns a link, as it was written, as a target."""
    url = fetch_url(raw)
    if isinstance(url, Reason):
        return Target(
            url=stored_form(raw), source=source, verdict=VERDICTS.get(url.rule, "url_invalid"), detail=url.detail
        )
    verdict, detail = refusal_of(url)
    return Target(
        url=stored_form(url) if verdict == "url_too_long" else url, source=source, verdict=verdict, detail=detail
    )


class LotFiles:
    """The files of the lots of a wave: written under temporary names, and published together once all may be."""

    def __init__(self) -> None:
        self._drafts: list[tuple[Path, Path, FileRecord]] = []

    @contextmanager
    def writing(self, path: Path) -> Iterator[Callable[[pa.Table], None]]:
        """Yields what takes the targets of a lot, as tables, for its file."""
        writer = TableWriter(path, TARGETS)
        try:
            yield writer.add_table
            self._drafts.append((writer.draft, path, writer.close()))
        except BaseException:
            writer.abandon()
            raise

    def publish(self) -> None:
        """Gives the files their names; one that holds just these targets already stays untouched."""
        for draft, path, record in self._drafts:
            if path.is_file() and path.stat().st_size == record.bytes and sha256_of(path) == record.sha256:
                draft.unlink()
            else:
                with writing(path, draft):
                    storage.publish(draft, path)

    def abandon(self) -> None:
        """Removes those that are not published."""
        for draft, _, _ in self._drafts:
            draft.unlink(missing_ok=True)


def read_targets(path: Path) -> list[Target]:
    """Reads the targets of a lot."""
    return [
        Target(**{**row, "via": tuple(row["via"] or ()), "dedupe_key": row["dedupe_key"] or b""})
        for row in pq.read_table(storage.source(path)).to_pylist()
    ]
