"""The lots of a wave: URLs that are fetched together, planned the same way at each run and on each machine.

All hosts of one registrable domain are in one lot of a wave, so that pauses between requests are kept within a lot. The
URLs are sorted twice on disk: by domain, where equal ones meet and each domain is counted, and by lot. In memory are a
few tables, and a line for each lot.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate import storage
from curate.crawl.config import Crawl
from curate.crawl.planning.tables import KEY, PLANNED, downwards, ids, keyed, runs
from curate.crawl.targets import TARGETS
from curate.errors import writing
from curate.stage.sorting import PACKED, sorted_tables

DOMAINS = pa.schema(
    [
        pa.field("domain", pa.string(), nullable=False),
        pa.field("hosts", pa.uint64(), nullable=False),
        pa.field("longest", pa.uint64(), nullable=False),  # URLs of the host that has most
        pa.field("rank", pa.uint64(), nullable=False),  # among the domains in the order of lots
        pa.field("lot", pa.uint64(), nullable=False),
    ]
)
AT_ONCE = 8192  # domains of a table


@dataclass(slots=True, kw_only=True)
class Lot:
    """A lot that is planned: its rows are read once, in the order of its file."""

    tables: Iterator[pa.Table]  # by domain, host and id
    urls: int = 0  # once they are read
    longest: int = 0  # URLs of the host that has most, once they are read
    host: str = ""  # that host
    digest: str = ""  # of its URLs, once they are read


@dataclass(slots=True, kw_only=True)
class _Count:
    """The domain and the host that are being counted."""

    domain: str | None = None
    host: str = ""
    urls: int = 0  # of the host so far
    hosts: int = 0
    longest: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)  # of domains that are counted

    def add(self, domain: str, host: str, urls: int) -> None:
        """Counts URLs of a host, behind those of its domain that are counted."""
        if domain != self.domain:
            self.end()
            self.domain, self.host, self.urls, self.hosts, self.longest = domain, host, 0, 1, 0
        elif host != self.host:
            self.host, self.urls, self.hosts = host, 0, self.hosts + 1
        self.urls += urls
        self.longest = max(self.longest, self.urls if host else 0)

    def end(self) -> None:
        """Enters the domain."""
        if self.domain is not None:
            row = {"domain": self.domain, "hosts": self.hosts, "longest": self.longest, "rank": 0, "lot": 0}
            self.rows.append(row)


def plan_wave(tables: Iterable[pa.Table], rules: Crawl, near: Path) -> Iterator[Lot]:
    """Yields the lots of a wave, the domains that take longest first; of equal URLs the first one counts.

    A lot's tables must be read before the next lot is asked for. near: beside it lie the temporary files.
    """
    if rules.max_urls_per_host:
        tables = within_budget(tables, rules.max_urls_per_host, near)
    by_domain = (keyed(table, table["domain"], table["host"], table["id"], table["position"]) for table in tables)
    with _spooled(sorted_tables(by_domain, KEY, near), near) as (spool, counted):
        ranked = _ranked(sorted_tables(counted(), KEY, near), rules.hosts_per_lot)
        by_name = sorted_tables((keyed(table, table["domain"]) for table in ranked), KEY, near)
        by_lot = sorted_tables(_placed(spool(), by_name), KEY, near)
        yield from _lots(by_lot)


def within_budget(tables: Iterable[pa.Table], most: int, near: Path) -> Iterator[pa.Table]:
    """Yields each URL once; those of a host after its `most`, most votes first, get the verdict `skip_budget`."""

    def votes(table: pa.Table) -> pa.Array:
        return downwards(table["votes"].fill_null(0))

    by_id = (keyed(table, table["id"], votes(table), table["position"]) for table in tables)
    distinct = _distinct(sorted_tables(by_id, KEY, near))
    by_votes = (keyed(table, table["host"], votes(table), table["id"]) for table in distinct)
    host, count = "", 0
    for table in sorted_tables(by_votes, KEY, near):
        names, sizes = runs(table["host"])
        within = []
        for name, size in zip(names, sizes, strict=True):
            count = count if name == host else 0
            within.append(np.arange(count, count + size) < most if name else np.ones(size, bool))
            host, count = name, count + size
        yield _refused(table, pa.array(np.concatenate(within)), most)


def _refused(table: pa.Table, within: pa.Array, most: int) -> pa.Table:
    """Returns the table, in which rows that are not within the budget have its verdict, and no host."""
    detail = pc.binary_join_element_wise(f"{most} of", table["host"], " ")
    texts = {"verdict": "skip_budget", "detail": detail, "host": "", "domain": ""}
    for name, value in texts.items():
        changed = pc.if_else(within, table[name], value)
        table = table.set_column(table.schema.get_field_index(name), PLANNED.field(name), changed)
    return table


def _distinct(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yields sorted rows without those whose id is that of the row before."""
    last = b""
    for table in tables:
        own = ids(table)
        first = np.ones(len(own), bool)
        first[1:] = own[1:] != own[:-1]
        first[0] = own[0].tobytes() != last
        last = own[-1].tobytes()
        yield table.filter(pa.array(first))


@contextmanager
def _spooled(tables: Iterable[pa.Table], near: Path):  # type: ignore[no-untyped-def]
    """Yields two functions: one that reads the rows again, each URL once, and one that counts their domains."""
    path = storage.draft(near)
    count = _Count()

    def counted() -> Iterator[pa.Table]:
        with (
            writing(near, path),
            pa.OSFile(str(path), "wb") as file,
            pa.ipc.new_stream(file, PLANNED, options=PACKED) as writer,
        ):
            for table in _distinct(tables):
                writer.write_table(table.drop_columns([KEY]).combine_chunks(), max_chunksize=AT_ONCE)
                _count(table, count)
                if len(count.rows) >= AT_ONCE:
                    yield _domains(count)
        count.end()
        if count.rows:
            yield _domains(count)

    def spool() -> Iterator[pa.Table]:
        with closing(pa.OSFile(str(path))) as file, pa.ipc.open_stream(file) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])

    try:
        yield spool, counted
    finally:
        path.unlink(missing_ok=True)


def _count(table: pa.Table, count: _Count) -> None:
    """Counts the hosts of rows that are sorted by domain and host."""
    both = pc.binary_join_element_wise(table["domain"], table["host"], "\0")
    for name, size in zip(*runs(both), strict=True):
        domain, _, host = name.partition("\0")
        count.add(domain, host, int(size))


def _domains(count: _Count) -> pa.Table:
    """Returns the domains that are counted as a table, sorted by how long they take, and forgets them."""
    table = pa.Table.from_pylist(count.rows, schema=DOMAINS)
    count.rows = []
    return keyed(table, downwards(table["longest"]), table["domain"])


def _ranked(tables: Iterable[pa.Table], hosts_per_lot: int) -> Iterator[pa.Table]:
    """Yields domains with their rank and their lot; a lot is full once it has so many hosts."""
    rank = lot = held = 0
    for table in tables:
        lots = []
        for hosts in table["hosts"].to_pylist():
            lots.append(lot)
            held += hosts
            if held >= hosts_per_lot:
                lot, held = lot + 1, 0
        ranks = np.arange(rank, rank + len(table), dtype=np.uint64)
        rank += len(table)
        columns = {"rank": pa.array(ranks), "lot": pa.array(lots, pa.uint64())}
        for name, values in columns.items():
            table = table.set_column(table.schema.get_field_index(name), DOMAINS.field(name), values)
        yield table


def _placed(rows: Iterable[pa.Table], domains: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yields rows, which come by domain, with their lot, and keyed by their place in it."""
    places = (place for table in domains for place in table.select(["domain", "rank", "lot"]).to_pylist())
    place = next(places, {"domain": None})
    for table in rows:
        ranks, lots = [], []
        names, sizes = runs(table["domain"])
        for name in names:
            while place["domain"] != name:
                place = next(places)
            ranks.append(place["rank"])
            lots.append(place["lot"])
        rank = pa.array(np.repeat(np.array(ranks, np.uint64), sizes))
        table = table.append_column("lot", pa.array(np.repeat(np.array(lots, np.uint64), sizes)))
        yield keyed(table, rank, table["host"], table["id"])


def _lots(tables: Iterable[pa.Table]) -> Iterator[Lot]:
    """Yields lots out of rows in their order."""
    source = iter(tables)
    rest = next(source, None)

    def of_lot(number: int, lot: Lot) -> Iterator[pa.Table]:
        nonlocal rest
        host, urls = "", 0
        while rest is not None:
            stop = int(np.searchsorted(rest["lot"].to_numpy(), number, side="right"))
            own = rest.slice(0, stop)
            for name, size in zip(*runs(own["host"]), strict=True) if stop else ():
                urls = urls + int(size) if name == host else int(size)
                host = name
                if host and (urls, host) > (lot.longest, lot.host):
                    lot.longest, lot.host = urls, host
            lot.urls += stop
            if stop:
                yield own.select(TARGETS.names)
            if stop < len(rest):
                rest = rest.slice(stop)
                return
            rest = next(source, None)

    while rest is not None:
        lot = Lot(tables=iter(()))
        lot.tables = of_lot(rest["lot"][0].as_py(), lot)
        yield lot
        for _ in lot.tables:  # what was not read
            continue


def lot_name(tables: Iterable[pa.Table], config: str, wave: int, near: Path) -> str:
    """Returns the id of a lot: a digest of the settings, the wave and its URLs in order."""
    digest = hashlib.sha256(f"{config}\0{wave}".encode())
    urls = (table.select([]).append_column(KEY, table["url"].cast(pa.binary())) for table in tables)
    for table in sorted_tables(urls, KEY, near):
        digest.update(b"".join(b"\0" + url for url in table[KEY].to_pylist()))
    return digest.hexdigest()[:16]
