"""The URLs that a wave leaves for the next: those to try again, and targets of redirects that no wave has requested."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.crawl.lots import Target, url_id
from curate.crawl.planning.tables import BATCH, KEY, PLANNED, as_tables, ids, keyed
from curate.crawl.targets import TARGET_FIELDS
from curate.stage.checked import opened_part
from curate.stage.parts import part_name
from curate.stage.plan import Item, Plan
from curate.stage.sorting import sorted_tables


def onward(plan: Plan, wave: int, near: Path) -> Iterator[pa.Table]:
    """Yields what the lots of a wave have left, by id; near: beside it lie the temporary files.

    Deferred URLs and those that any wave has planned are sorted together, so each new one meets its like.
    """
    items = [item for item in plan.items if item.wave == wave]
    if not any(_count(plan, item) for item in items):
        return
    left = as_tables(target for item in items for target in _deferred(plan, item))
    both = _flagged(left, 1), _flagged((table for item in plan.items for table in _planned(plan, item)), 0)
    last = (b"", False)
    for table in sorted_tables((table for tables in both for table in tables), KEY, near):
        kept, last = _new(table, last)
        if kept.any():
            yield table.filter(pa.array(kept)).select(PLANNED.names)


def _new(table: pa.Table, last: tuple[bytes, bool]) -> tuple[npt.NDArray[np.bool_], tuple[bytes, bool]]:
    """Returns which rows stay: retries, and the first of those with an id that no wave has planned.

    last: the id of the row before the table, and whether a wave has planned it.
    """
    own, left = ids(table), table["left"].to_numpy().astype(bool)
    first = np.ones(len(own), bool)
    first[1:] = own[1:] != own[:-1]
    first[0] = own[0].tobytes() != last[0]
    group = np.cumsum(first)  # 0 of the group that the table before began
    planned = np.zeros(group[-1] + 1, bool)
    planned[0] = last[1]
    planned[group[first]] = ~left[first]
    kept = left & ((table["tries"].to_numpy() > 0) | (first & ~planned[group]))
    return kept, (own[-1].tobytes(), bool(planned[-1]))


def _flagged(tables: Iterable[pa.Table], left: int) -> Iterator[pa.Table]:
    for table in tables:
        flag = pa.array(np.full(len(table), left, np.uint64))
        yield keyed(table.append_column("left", flag), table["id"], flag, table["position"])


def _count(plan: Plan, item: Item) -> int:
    path = plan.folder / part_name(item.number, "deferred")
    rows: int = pq.read_metadata(storage.source(path)).num_rows
    return rows


def _deferred(plan: Plan, item: Item) -> Iterator[Target]:
    names = [field.name for field in TARGET_FIELDS]
    with opened_part(plan.folder / part_name(item.number, "deferred")) as source, pq.ParquetFile(source) as file:
        for batch in file.iter_batches(BATCH, columns=names):
            for row in batch.to_pylist():
                yield Target(**{**row, "via": tuple(row["via"] or ()), "dedupe_key": row["dedupe_key"] or b""})


def _planned(plan: Plan, item: Item) -> Iterator[pa.Table]:
    """Yields the ids of the URLs of a lot, in tables whose other columns are empty."""
    with pq.ParquetFile(storage.source(plan.path(item.uri))) as file:
        for batch in file.iter_batches(BATCH, columns=["url"]):
            urls = batch.column("url").to_pylist()
            own = {"id": pa.array([url_id(url) for url in urls], PLANNED.field("id").type)}
            yield pa.table([own.get(field.name, _blank(field, len(urls))) for field in PLANNED], schema=PLANNED)


def _blank(field: pa.Field, count: int) -> pa.Array:
    blank = {pa.types.is_string: "", pa.types.is_integer: 0}
    value = next((value for fits, value in blank.items() if fits(field.type)), None)
    return pa.repeat(pa.scalar(value, field.type), count)
