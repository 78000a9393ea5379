"""Crawls over the network: the same parts as from the disk, whatever the server does; by name, by index, in pieces."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl import CRAWL, Crawl, build, write_cdxj
from faulty import SLOW_DOWN, Fault, Server, serving

FAULTS = [
    Fault(),  # the first answer tells the size
    Fault(status=503, body=SLOW_DOWN),
    Fault(cut=5000),
    Fault(no_ranges=True, cut=9000),
]


@pytest.fixture(scope="module")
def crawl(miniweb, tmp_path_factory) -> Crawl:
    return build(tmp_path_factory.mktemp("crawl"), sorted(miniweb.glob("web-*.warc.gz")))


@pytest.fixture
def server(crawl) -> Iterator[Server]:
    """Serves the crawl."""
    with serving() as found:
        for path in crawl.root.rglob("*"):
            if path.is_file():
                found.put(str(path.relative_to(crawl.root)), path.read_bytes())
        yield found


@pytest.fixture(scope="module")
def whole(curate, crawl, tmp_path_factory) -> Path:
    """The extraction of the whole crawl from the disk."""
    out = tmp_path_factory.mktemp("whole") / "out"
    done = curate("extract", f"commoncrawl:{CRAWL}/warc", "-o", out, "--set", f"commoncrawl={crawl.root}")
    assert done.code == 0, done.err
    return out


def parts(out: Path, prefix: str = "") -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in sorted(out.glob(f"{prefix}*.parquet"))}
    assert found
    return found


def documents(out: Path) -> list[dict]:
    return [row for path in sorted(out.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def counts(out: Path) -> dict:
    return json.loads((out / "stage.json").read_text())["counts"]


def test_a_warc_behind_a_bad_server_gives_the_very_parts_of_the_local_file(curate, crawl, server, tmp_path):
    name = crawl.names[0]
    local = curate("extract", crawl.root / name, "-o", tmp_path / "local")
    assert local.code == 0, local.err
    server.faults.extend(FAULTS)
    far = curate("extract", f"{server.url}/{name}", "-o", tmp_path / "far")
    assert far.code == 0, far.err
    assert parts(tmp_path / "far") == parts(tmp_path / "local")
    assert not server.faults
    assert curate("verify", tmp_path / "far").code == 0
    again = curate("extract", f"{server.url}/{name}", "-o", tmp_path / "far")
    assert "done before" in again.out


def test_a_crawl_by_its_name_gives_the_very_parts_of_its_files_on_the_disk(curate, server, whole, tmp_path):
    server.faults.extend(FAULTS)
    out = tmp_path / "out"
    done = curate("extract", f"commoncrawl:{CRAWL}/warc", "-o", out, "--set", f"commoncrawl={server.url}")
    assert done.code == 0, done.err
    assert parts(out) == parts(whole)
    one = curate(
        "extract", f"commoncrawl:{CRAWL}/warc[1:2]", "-o", tmp_path / "one", "--set", f"commoncrawl={server.url}"
    )
    assert one.code == 0, one.err
    assert parts(tmp_path / "one", "part")["part-00000.parquet"] == parts(whole)["part-00001.parquet"]


@pytest.mark.parametrize("index", ["cdx-00000.gz", f"commoncrawl:{CRAWL}/index"], ids=["cdxj", "parquet"])
def test_what_an_index_selects_is_read_and_nothing_else(curate, crawl, server, whole, tmp_path, index):
    choice = "sources.web.select={languages = ['eng'], statuses = [200]}"
    select = ("--source", "web", "--set", choice)
    wanted = {
        (each["filename"], int(each["offset"]))
        for each in crawl.captures
        if each["languages"].startswith("eng") and each["status"] == "200"
    }
    assert 20 < len(wanted) < len(crawl.captures) - 20
    for name, base in {"near": crawl.root, "far": server.url}.items():
        given = index if index.startswith("commoncrawl:") else f"{base}/{index}"
        server.faults.extend(FAULTS if name == "far" else ())
        done = curate("extract", given, "-o", tmp_path / name, "--set", f"commoncrawl={base}", *select)
        assert done.code == 0, done.err
        assert curate("verify", tmp_path / name).code == 0
    assert parts(tmp_path / "far", "part") == parts(tmp_path / "near", "part")
    plans = [json.loads((tmp_path / name / "plan.json").read_text()) for name in ("far", "near")]
    keys = [{item["sha256"] for item in plan["items"]} for plan in plans]
    assert keys[0] == keys[1]
    expected = [row for row in documents(whole) if (row["warc_file"], row["warc_offset"]) in wanted]
    assert sorted(documents(tmp_path / "far"), key=lambda row: (row["warc_file"], row["warc_offset"])) == [
        {**row, "source": "web"} for row in expected
    ]
    assert counts(tmp_path / "far")["read"] == len(wanted)
    url = expected[0]["url"]
    assert url in curate("why", tmp_path / "far", url).out


def test_rows_that_are_wrong_are_dead_letters_and_the_rest_is_read(curate, crawl, tmp_path):
    good = [each for each in crawl.captures if each["status"] == "200"][:6]
    wrong = [
        {**good[0], "offset": "99999999"},
        {**good[1], "url": "http://other.example/"},
        {**good[2], "filename": "crawl-data/none.warc.gz"},
        {**good[3], "offset": "-"},
        {**good[4], "length": "0"},
    ]
    write_cdxj(tmp_path / "some.cdxj", [*good, *wrong, *good])
    done = curate("extract", tmp_path / "some.cdxj", "-o", tmp_path / "out", "--set", f"commoncrawl={crawl.root}")
    assert done.code == 1, done.err
    found = counts(tmp_path / "out")
    assert (found["read"], found["failed"]) == (11, 5)
    assert {name: number for name, number in found["reasons"].items() if name != "extract.mime"} == {
        "extract.index_mismatch": 2,
        "extract.index_row": 1,
        "extract.malformed": 1,
        "extract.missing": 1,
    }
    assert "some.cdxj, line 10: malformed" in done.err + curate("inspect", tmp_path / "out").out
    assert curate("verify", tmp_path / "out").code == 0


def test_a_file_in_pieces_gives_the_documents_of_the_whole_and_a_new_cut_a_new_plan(curate, crawl, whole, tmp_path):
    arguments = ("extract", f"commoncrawl:{CRAWL}/warc", "-o", tmp_path / "out", "--set", f"commoncrawl={crawl.root}")
    sizes = [(crawl.root / name).stat().st_size for name in crawl.names]
    done = curate(*arguments, "--set", "extract.split_bytes=30000", "--workers", 2)
    assert done.code == 0, done.err
    items = json.loads((tmp_path / "out" / "plan.json").read_text())["items"]
    assert len(items) == sum(-(-size // 30_000) for size in sizes)
    assert documents(tmp_path / "out") == documents(whole)
    assert counts(tmp_path / "out") == counts(whole)
    assert curate("verify", tmp_path / "out").code == 0
    same = curate(*arguments, "--set", "extract.split_bytes=30000", "--workers", 1)
    assert "done before" in same.out
    other = curate(*arguments, "--set", "extract.split_bytes=60000")
    assert "done before" not in other.out
    assert documents(tmp_path / "out") == documents(whole)


def test_a_listed_file_that_is_not_there_is_a_dead_letter(curate, crawl, server, whole, tmp_path):
    del server.files[f"/{crawl.names[0]}"]
    done = curate("extract", f"commoncrawl:{CRAWL}/warc", "-o", tmp_path / "out", "--set", f"commoncrawl={server.url}")
    assert done.code == 1
    assert f"{crawl.names[0]}, offset 0: missing: a list names it" in done.err
    assert parts(tmp_path / "out")["part-00001.parquet"] == parts(whole)["part-00001.parquet"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            Fault(status=403, body=b"<html>Request blocked</html>"),
            "blocks .*Request blocked.*wait 10 minutes",
        ),
        (Fault(content_range="bytes 1-2/3"), "Content-Range 'bytes 1-2/3'"),
        (Fault(status=200, body=SLOW_DOWN.replace(b"SlowDown", b"NoSuchKey")), "200 with the error NoSuchKey"),
    ],
)
def test_what_cannot_be_read_ends_the_run_in_one_line_and_leaves_no_part(curate, crawl, server, tmp_path, fault, told):
    import re

    server.faults.append(Fault())  # the size is told
    server.always = fault
    done = curate("extract", f"{server.url}/{crawl.names[0]}", "-o", tmp_path / "out")
    assert done.code == 1
    assert re.search(told, done.error)
    assert not list((tmp_path / "out").glob("*.parquet"))
    server.always = Fault()
    assert curate("extract", f"{server.url}/{crawl.names[0]}", "-o", tmp_path / "out").code == 0


def test_a_run_selects_once_and_resumes_as_one_job_too(curate, crawl, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        f"""name = "r"
commoncrawl = "{crawl.root}"
[sources.web]
inputs = ["commoncrawl:{CRAWL}/index"]
select = {{ statuses = [200], mimes = ["text/html"] }}
"""
    )
    done = curate("run", recipe, "-o", tmp_path / "out", "--workers", 1)
    assert done.code == 0, done.err
    again = curate("run", recipe, "-o", tmp_path / "out", "--workers", 1)
    assert again.out.count("done before") == 5, again.out
    one = curate("run", recipe, "-o", tmp_path / "one", "--workers", 1, "--one-job")
    assert one.code == 0, one.err
    shards = [sorted(path.read_bytes() for path in (tmp_path / name).rglob("*.bin")) for name in ("out", "one")]
    assert shards[0] == shards[1]
    assert curate("verify", tmp_path / "one").code == 0


def test_a_selection_without_an_index_is_refused_before_any_work(curate, crawl, tmp_path):
    arguments = ("extract", crawl.root / crawl.names[0], "-o", tmp_path / "out", "--source", "web")
    done = curate(*arguments, "--set", "sources.web.select.statuses=[200]")
    assert done.code == 2
    assert done.error == "sources.web.select: none of its inputs is an index of a crawl"


def test_an_index_among_documents_is_told_apart_by_its_columns(curate, crawl, tmp_path):
    pq.write_table(pa.table({"text": ["a"], "warc_filename": ["b"]}), tmp_path / "documents.parquet")
    done = curate("extract", tmp_path / "documents.parquet", "-o", tmp_path / "out")
    assert done.code == 0, done.err
    assert [row["text"] for row in documents(tmp_path / "out")] == ["a"]
