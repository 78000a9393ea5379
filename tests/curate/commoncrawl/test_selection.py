"""Captures are taken out of an index, and CDXJ and Parquet of the same captures give the same."""

import gzip
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl import write_cdxj, write_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.commoncrawl import cdx, columnar
from curate.commoncrawl.selection import IndexRow, Select, index_host
from curate.errors import SettingsError
from curate.recipe import from_table
from curate.settings import Where

CAPTURE = {
    "url": "https://www.example.com/a",
    "mime": "text/html",
    "mime-detected": "application/xhtml+xml",
    "status": "200",
    "digest": "A",
    "length": "0120",
    "offset": "007",
    "filename": "crawl-data/a.warc.gz",
    "languages": "fra,eng",
}
ROW = IndexRow(
    url="https://www.example.com/a",
    file="crawl-data/a.warc.gz",
    offset=7,
    length=120,
    status=200,
    mime="application/xhtml+xml",
    languages=("fra", "eng"),
)


@pytest.mark.parametrize(
    ("select", "taken"),
    [
        (Select(), True),
        (Select(domains=("example.com",)), True),
        (Select(domains=("www.example.com",)), True),
        (Select(domains=("com",)), True),
        (Select(domains=("other.org", "example.com")), True),
        (Select(domains=("ample.com",)), False),
        (Select(domains=("a.www.example.com",)), False),
        (Select(languages=("fra",)), True),
        (Select(languages=("eng",)), False),
        (Select(languages=("eng",), any_language=True), True),
        (Select(languages=("deu",), any_language=True), False),
        (Select(mimes=("application/xhtml+xml",)), True),
        (Select(mimes=("text/html",)), False),
        (Select(statuses=(200, 404)), True),
        (Select(statuses=(404,)), False),
        (Select(truncated=False), True),
    ],
)
def test_a_selection_takes_what_fits_every_list(select, taken):
    assert select.takes(ROW) is taken


def test_what_an_index_does_not_tell_fits_no_list_and_truncated_ones_may_be_left_out():
    bare = replace(ROW, status=None, mime="", languages=(), truncated=True)
    assert Select().takes(bare)
    lists = {"statuses": (200,), "mimes": ("text/html",), "languages": ("fra",), "truncated": False}
    for name, value in lists.items():
        select = Select(**{name: value})
        assert not select.takes(bare)
        assert select.takes(replace(bare, fault="its row cannot be used"))


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("domains", ["https://example.com"], "host names"),
        ("domains", ["Example.com"], "host names"),
        ("domains", [""], "host names"),
        ("languages", ["en"], "three letters"),
        ("mimes", ["html"], "media types"),
        ("statuses", [20], "status codes"),
        ("domain", ["example.com"], "did you mean 'domains'"),
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused_before_any_work(setting, value, message):
    with pytest.raises(SettingsError, match=message) as error:
        from_table({"name": "x", "sources": {"web": {"select": {setting: value}}}}, Where("r", ""))
    assert "sources.web.select" in str(error.value)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.COM:8080/a", "example.com"),
        ("http://user@example.com./", "example.com"),
        ("http://[::1]/", "::1"),
        ("http://[broken/", ""),
        ("no address", ""),
    ],
)
def test_the_host_of_a_url(url, host):
    assert index_host(url) == host


def rows(tmp_path, *lines: str | bytes, select: Select | None = None) -> list[IndexRow]:
    path = tmp_path / "index.cdxj"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return list(cdx.rows(path, "index.cdxj", select or Select()))


def line(**changes: object) -> str:
    table = {key: value for key, value in {**CAPTURE, **changes}.items() if value is not None}
    return f"com,example)/a 20260101000000 {json.dumps(table)}"


def test_values_that_are_strings_with_zeros_in_front_are_numbers(tmp_path):
    assert rows(tmp_path, "!header", line(), "", line(**{"mime-detected": None, "status": "-", "languages": None})) == [
        ROW,
        replace(ROW, mime="text/html", status=None, languages=()),
    ]


@pytest.mark.parametrize("key", ["truncated", "warc-truncated"])
def test_both_names_of_truncation_are_known(tmp_path, key):
    assert [row.truncated for row in rows(tmp_path, line(**{key: "length"}), line(**{key: "-"}))] == [True, False]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (line(offset="-"), "offset is '-'"),
        (line(offset="-7"), "offset is '-7'"),
        (line(offset="²"), "not a number"),
        (line(length=None), "length is None"),
        (line(length="9" * 30), "not a number"),
        (line(filename="-"), "no filename"),
        (line(filename="a/../../etc/passwd"), "leads out of the crawl"),
        ("com,example)/a 2026", "no JSON object"),
        ("com,example)/a 2026 {", "JSONDecodeError"),
        ('com,example)/a 2026 {"a":' + "[" * 100_000, "RecursionError|JSONDecodeError"),
        (b"\xff\xfe{}\x00", "no filename|JSON"),
        (line(url="x" * (1 << 20)), "JSONDecodeError"),
    ],
)
def test_a_line_that_is_no_row_costs_only_itself_and_is_told_of(tmp_path, bad, message):
    import re

    taken = rows(tmp_path, line(), bad, line(), select=Select(statuses=(200,)))
    assert [row.fault == "" for row in taken] == [True, False, True]
    assert re.search(message, taken[1].fault)
    assert (taken[1].file, taken[1].offset) == ("index.cdxj", 2)


@pytest.mark.parametrize(
    "key",
    [
        "com,example)/{id}",
        "com,example)/api/{id}/{name}?q={x}",
        "com,example)/{",
        "com,example)/a {b} c",
        'com,example)/{"url":"http://other.example/"}',
        "com,example)/a { { {",
        "",
    ],
)
def test_a_key_may_hold_brackets_as_an_address_may(tmp_path, key):
    (row,) = rows(tmp_path, f"{key} 20260101000000 {json.dumps(CAPTURE)}")
    assert row == ROW


def test_an_index_of_odd_rows_gives_what_can_be_used_and_tells_of_the_rest(data):
    path = data("field") / "documents" / "cdx-00000"
    taken = list(cdx.rows(path, path.name, Select()))
    assert [row.url.rpartition("/")[2] for row in taken if not row.fault] == [
        *("one", "two", "robots.txt", "one", "one", "one", "one?{x}", "one"),
    ]
    assert [row.offset for row in taken if row.fault] == [4, 5, 6, 13]  # numbers of lines


def test_a_file_without_one_row_and_a_damaged_one_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"index\.cdxj: no line of it is a row"):
        rows(tmp_path, "<html>", "404")
    with pytest.raises(SettingsError, match="damaged after line"):
        rows(tmp_path, gzip.compress(("\n".join([line()] * 5000)).encode())[:-20])


def test_common_crawls_own_index_shard_is_read(data):
    path = data("cdx/filtered_CC-MAIN-2024-30_cdx-00187.gz")
    taken = list(cdx.rows(path, path.name, Select()))
    assert len(taken) == 1140
    assert not [row for row in taken if row.fault]
    assert all(row.file.startswith("crawl-data/CC-MAIN-2024-30/") and row.length > 0 for row in taken)
    select = Select(languages=("fra",), domains=("missiondefrance.fr",), statuses=(200,))
    some = list(cdx.rows(path, path.name, select))
    assert 0 < len(some) < 1140
    assert some == [row for row in taken if select.takes(row)]
    assert all(".missiondefrance.fr/" in row.url for row in some)


@pytest.mark.parametrize("name", ["iipc_cdxfile1.cdx", "iipc_cdxfile2.cdx"])
def test_classic_cdx_is_read_by_the_columns_that_it_names(data, name):
    path = data(f"cdx/{name}")
    taken = list(cdx.rows(path, name, Select()))
    assert len(taken) == len(path.read_text(errors="replace").splitlines()) - 1
    assert sum(not row.fault for row in taken) > 0.99 * len(taken)
    assert all(row.url.startswith(("http", "dns:", "ftp", "warcinfo:", "filedesc:")) for row in taken if not row.fault)


DOMAINS = ["example.com", "www.example.com", "a.b.example.org", "other.net"]
CAPTURES = st.lists(
    st.fixed_dictionaries(
        {
            "url": st.sampled_from([f"https://{host}/" for host in [*DOMAINS, "notexample.com", "[::1]"]]),
            "mime": st.sampled_from(["text/html", "Text/HTML", "image/png"]),
            "status": st.sampled_from(["200", "404", "-"]),
            "offset": st.integers(0, 2**31 - 1).map(str),
            "length": st.integers(0, 9999).map(str),
            "filename": st.sampled_from(["a.warc.gz", "b.warc.gz"]),
        },
        optional={
            "mime-detected": st.sampled_from(["text/html", "application/xhtml+xml"]),
            "languages": st.sampled_from(["eng", "eng,fra", "fra,eng", "deu"]),
            "truncated": st.sampled_from(["length", "disconnect"]),
        },
    ),
    min_size=1,
    max_size=30,
)
some = lambda values: st.lists(st.sampled_from(values), max_size=2).map(tuple)  # noqa: E731
SELECTS = st.builds(
    Select,
    domains=some(["example.com", "www.example.com", "org", "b.example.org"]),
    languages=some(["eng", "fra"]),
    any_language=st.booleans(),
    mimes=some(["text/html", "application/xhtml+xml"]),
    statuses=some([200, 404]),
    truncated=st.booleans(),
)
HOSTS = ("url_host_name", "url_host_name_reversed")


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(captures=CAPTURES, select=SELECTS, without=st.sampled_from([(), HOSTS[1:], HOSTS]))
def test_parquet_and_lines_of_the_same_captures_give_the_same_rows(tmp_path, captures, select, without):
    write_table(tmp_path / "index.parquet", captures, without=without)
    write_cdxj(tmp_path / "cdx-00000.gz", captures, block=7)
    table = list(columnar.rows(tmp_path / "index.parquet", "i", select))
    assert table == list(cdx.rows(tmp_path / "cdx-00000.gz", "i", select))
    assert table == [row for row in columnar.rows(tmp_path / "index.parquet", "i", Select()) if select.takes(row)]


def test_an_older_table_without_the_newer_columns_and_with_old_dates_is_read(tmp_path):
    path = tmp_path / "index.parquet"
    old = ("content_languages", "content_truncated", "content_mime_detected", "url_host_name_reversed")
    write_table(path, [CAPTURE], without=old)
    table = pq.read_table(path).append_column("fetch_time", pa.array([-11_644_473_600_000_000], pa.timestamp("us")))
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)  # the year 1601
    assert list(columnar.rows(path, "i", Select(domains=("example.com",), statuses=(200,)))) == [
        replace(ROW, mime="text/html", languages=())
    ]
    assert list(columnar.rows(path, "i", Select(languages=("fra",)))) == []


def test_nulls_in_the_place_of_a_record_are_told_of(tmp_path):
    path = tmp_path / "index.parquet"
    write_table(path, [CAPTURE, CAPTURE, CAPTURE])
    table = pq.read_table(path)
    for name, values in {"warc_filename": ["a", None, "../a"], "warc_record_offset": [None, 1, 2]}.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    pq.write_table(table, path)
    faults = [row.fault for row in columnar.rows(path, "i", Select())]
    assert [fault.partition(":")[0] for fault in faults] == [
        "the record's place is None, 120",
        "warc_filename is None",
        "warc_filename is '../a'",
    ]


def test_only_the_row_groups_that_may_hold_a_domain_are_read(tmp_path):
    captures = [{**CAPTURE, "url": f"https://host{number:04}.example.com/"} for number in range(1000)]
    path = tmp_path / "index.parquet"
    write_table(path, captures)  # 50 row groups
    table = pq.ParquetFile(path)
    fragment = columnar.ds.ParquetFileFormat().make_fragment(path.open("rb"))
    wanted = fragment.subset(columnar.condition(Select(domains=("host0500.example.com",)), table.schema_arrow))
    assert len(wanted.row_groups) == 1


def test_a_parquet_file_of_documents_is_no_index_and_damage_is_told(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"]}), path)
    assert not columnar.is_index(path)
    with pytest.raises(SettingsError, match=r"a\.parquet: no index: it has no column warc_filename"):
        list(columnar.rows(path, "a", Select()))
    path.write_bytes(b"PAR1 no")
    assert not columnar.is_index(path)
    with pytest.raises(SettingsError, match=r"a\.parquet: cannot read this index"):
        list(columnar.rows(path, "a", Select()))
