"""Searches an output for other spellings of an address, or near ones; reads only the columns that hold addresses."""

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import storage
from curate.inspection.funnel import tables
from curate.web.urls import compared_as_written, host_forms

BATCH = 1 << 16  # rows that are read at a time
SPELLINGS = 100  # of one address that are shown
CLOSE = 200  # addresses with the longest equal beginning, of which the nearest are picked
NEAREST = 3  # that are offered


@dataclass(frozen=True, slots=True, order=True)
class Seen:
    """An address in an output."""

    url: str  # as the output spells it
    stage: str
    verdict: str  # kept, rejected or failed


@dataclass(frozen=True, slots=True)
class Search:
    """The result of a search for an address in an output."""

    spellings: tuple[str, ...]  # of the same page, as the output has them
    nearest: tuple[Seen, ...]  # of the same host, the nearest first; none where there are spellings


def search(out: Path, name: str) -> Search:
    """Returns the addresses of an output that show the same page as an address does, or else the nearest of its host.

    Scheme, `www.`, the case of the host, the port of the scheme, escapes, a slash at the end, `index.html`, the
    fragment and parameters of trackers do not count, nor their order.
    """
    wanted = compared_as_written(name)
    if not wanted:
        return Search((), ())
    spellings: set[str] = set()
    close: list[tuple[int, Seen, str]] = []
    host = wanted.partition("/")[0].partition("?")[0]
    for seen in _of_host(out, host):
        compared = compared_as_written(seen.url)
        if compared == wanted and len(spellings) < SPELLINGS:
            spellings.add(seen.url)
        elif not spellings:
            entry = (_equal_start(compared, wanted), seen, compared)
            if len(close) < CLOSE:
                heapq.heappush(close, entry)
            elif close[0] < entry:
                heapq.heapreplace(close, entry)
    if spellings:
        return Search(tuple(sorted(spellings)), ())
    by_likeness = {seen.url: (-SequenceMatcher(None, form, wanted).ratio(), seen) for _, seen, form in sorted(close)}
    return Search((), tuple(seen for _, seen in sorted(by_likeness.values())[:NEAREST]))


def _equal_start(first: str, second: str) -> int:
    """Returns the length of the longest common prefix of two texts."""
    shorter = min(len(first), len(second))
    return next((at for at in range(shorter) if first[at] != second[at]), shorter)


def _of_host(out: Path, host: str) -> Iterator[Seen]:
    """Yields the addresses in an output of a host and the hosts below it, once for each table."""
    pattern = "|".join(map(re.escape, host_forms(host)))
    for stage, folder, name in tables(out, letters=True):
        verdict = "failed" if name.startswith("failed-") else "rejected" if name.startswith("rejected-") else "kept"
        last = ""
        with pq.ParquetFile(storage.source(folder / name)) as file:
            columns = [column for column in ("url", "fetch_url") if column in file.schema_arrow.names][:1]
            for batch in file.iter_batches(BATCH, columns=columns) if columns else ():
                values = batch.column(0)
                for url in values.filter(pc.match_substring_regex(values, pattern, ignore_case=True)).to_pylist():
                    if url and url != last and _is_below(compared_as_written(url), host):
                        yield Seen(url, stage, verdict)
                    last = url


def _is_below(compared: str, host: str) -> bool:
    """Returns True where the host of a compared address is this one or lies below it."""
    own = compared.partition("/")[0].partition("?")[0]
    return own == host or own.endswith(f".{host}")
