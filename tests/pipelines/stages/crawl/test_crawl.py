"""Crawls over the network: the same parts as from the disk, whatever the server does; by name, by index, in pieces."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl import CRAWL, Crawl, build, write_cdxj
from faulty import SLOW_DOWN, Fault, Server, serving

from curate import recipe
from curate.errors import SettingsError
from curate.inspection import history
from curate.inspection.verify import faults
from curate.pipelines import one_job, verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.settings import Where
from curate.stage.record import StageRecord, forget_failed

pytestmark = pytest.mark.processes

WHOLE = f"commoncrawl:{CRAWL}/warc"
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
    with serving() as crawl_server:
        for path in crawl.root.rglob("*"):
            if path.is_file():
                crawl_server.put(str(path.relative_to(crawl.root)), path.read_bytes())
        yield crawl_server


def extract(given: str | Path, out: Path, *settings: str, base: str | Path = "", workers: int = 1) -> StageRecord:
    """`curate extract GIVEN -o OUT --set commoncrawl=BASE --source web`, and nothing is wrong with what it leaves."""
    settings = (*settings, f"commoncrawl={base}") if base else settings
    record = verbs.run(
        "extract", (str(given),), out, None, settings, Engine(target=EngineOptions(workers=workers)), "web"
    )
    assert list(faults(out)) == []
    return record


@pytest.fixture(scope="module")
def whole(crawl, tmp_path_factory) -> Path:
    """The extraction of the whole crawl from the disk."""
    out = tmp_path_factory.mktemp("whole") / "out"
    extract(WHOLE, out, base=crawl.root)
    return out


def parts(out: Path, prefix: str = "") -> dict[str, bytes]:
    contents = {path.name: path.read_bytes() for path in sorted(out.glob(f"{prefix}*.parquet"))}
    assert contents
    return contents


def documents(out: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(out.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def items(out: Path) -> list[dict[str, Any]]:
    return json.loads((out / "plan.json").read_text())["items"]


def stamps(out: Path) -> list[int]:
    return [path.stat().st_mtime_ns for path in sorted(out.rglob("*.parquet"))]


def test_a_warc_behind_a_bad_server_gives_the_very_parts_of_the_local_file(crawl, server, tmp_path):
    name, far = crawl.names[0], tmp_path / "far"
    extract(crawl.root / name, tmp_path / "local")
    server.faults.extend(FAULTS)
    extract(f"{server.url}/{name}", far)
    assert not server.faults
    assert parts(far) == parts(tmp_path / "local")
    before, asked = stamps(far), len(server.asked)
    extract(f"{server.url}/{name}", far)
    assert stamps(far) == before
    assert len(server.asked) == asked + 1  # is it still the same?


def test_a_crawl_by_its_name_gives_the_very_parts_of_its_files_on_the_disk(server, whole, tmp_path):
    server.faults.extend(FAULTS)
    extract(WHOLE, tmp_path / "out", base=server.url)
    assert parts(tmp_path / "out") == parts(whole)
    extract(f"{WHOLE}[1:2]", tmp_path / "one", base=server.url)
    assert parts(tmp_path / "one", "part")["part-00000.parquet"] == parts(whole)["part-00001.parquet"]


@pytest.mark.parametrize("index", ["cdx-00000.gz", f"commoncrawl:{CRAWL}/index"], ids=["cdxj", "parquet"])
def test_what_an_index_selects_is_read_and_nothing_else(crawl, server, whole, tmp_path, index):
    select = "sources.web.select={languages = ['eng'], statuses = [200]}"
    wanted = {
        (capture["filename"], int(capture["offset"]))
        for capture in crawl.captures
        if capture["languages"].startswith("eng") and capture["status"] == "200"
    }
    assert 20 < len(wanted) < len(crawl.captures) - 20
    for name, base in {"near": crawl.root, "far": server.url}.items():
        given = index if index.startswith("commoncrawl:") else f"{base}/{index}"
        server.faults.extend(FAULTS if name == "far" else ())
        record = extract(given, tmp_path / name, select, base=base)
        assert record.counts.read == len(wanted)
    assert parts(tmp_path / "far", "part") == parts(tmp_path / "near", "part")
    assert [item["digest"] for item in items(tmp_path / "far")] == [item["digest"] for item in items(tmp_path / "near")]
    expected = [row for row in documents(whole) if (row["warc_file"], row["warc_offset"]) in wanted]
    assert documents(tmp_path / "far") == expected
    (verdict,) = history.of(tmp_path / "far", expected[0]["url"])
    assert verdict["verdict"] == "kept"


def test_rows_that_are_wrong_are_dead_letters_and_the_rest_is_read(crawl, tmp_path):
    good = [capture for capture in crawl.captures if capture["status"] == "200"][:6]
    wrong = [
        {**good[0], "offset": "99999999"},
        {**good[1], "url": "http://other.example/"},
        {**good[2], "filename": "crawl-data/none.warc.gz"},
        {**good[3], "offset": "-"},
        {**good[4], "length": "0"},
    ]
    write_cdxj(tmp_path / "some.cdxj", [*good, *wrong, *good])
    counts = extract(tmp_path / "some.cdxj", tmp_path / "out", base=crawl.root).counts
    assert (counts.read, counts.failed) == (11, 5)
    assert {name: number for name, number in counts.reasons.items() if name != "extract.mime"} == {
        "extract.index_mismatch": 2,
        "extract.index_row": 1,
        "extract.malformed": 1,
        "extract.missing": 1,
    }
    assert any("some.cdxj, line 10: malformed" in letter for letter in history.dead_letters(tmp_path / "out"))


def test_a_file_in_pieces_gives_the_documents_of_the_whole_and_a_new_cut_a_new_plan(crawl, whole, tmp_path):
    out, cut = tmp_path / "out", "extract.split_bytes=60000"
    sizes = [(crawl.root / name).stat().st_size for name in crawl.names]
    record = extract(WHOLE, out, cut, base=crawl.root, workers=2)
    assert len(items(out)) == sum(-(-size // 60_000) for size in sizes) > len(sizes)
    assert documents(out) == documents(whole)
    assert record.counts == extract(WHOLE, whole, base=crawl.root).counts
    before = stamps(out)
    extract(WHOLE, out, cut, base=crawl.root, workers=1)
    assert stamps(out) == before
    assert extract(WHOLE, out, "extract.split_bytes=90000", base=crawl.root).key != record.key
    assert documents(out) == documents(whole)


def test_a_listed_file_that_is_not_there_is_a_dead_letter(crawl, server, whole, tmp_path):
    del server.files[f"/{crawl.names[0]}"]
    record = extract(WHOLE, tmp_path / "out", base=server.url)
    assert record.counts.failed == 1
    (letter,) = history.dead_letters(tmp_path / "out")
    assert letter.startswith(f"{crawl.names[0]}, offset 0: missing: a list names it")
    assert parts(tmp_path / "out")["part-00001.parquet"] == parts(whole)["part-00001.parquet"]
    server.put(crawl.names[0], (crawl.root / crawl.names[0]).read_bytes())
    assert extract(WHOLE, tmp_path / "out", base=server.url).counts.failed == 1  # it is known for missing
    assert forget_failed(tmp_path / "out") == 1
    assert extract(WHOLE, tmp_path / "out", base=server.url).counts.failed == 0
    assert parts(tmp_path / "out") == parts(whole)
    assert forget_failed(tmp_path / "out") == 0


def test_a_selection_of_another_source_is_refused(crawl, tmp_path):
    with pytest.raises(SettingsError, match=r"sources\.other\.select: the inputs are read as --source web"):
        extract(crawl.root, tmp_path / "out", 'sources.other.select.domains=["a.com"]')


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(status=403, body=b"<html>Request blocked</html>"), "Request blocked); wait 10 minutes or more"),
        (Fault(content_range="bytes 1-2/3"), "answered with Content-Range 'bytes 1-2/3'"),
    ],
)
def test_what_cannot_be_read_ends_the_command_in_one_line_and_leaves_no_part(
    curate, crawl, server, tmp_path, fault, message
):
    server.faults.append(Fault())  # the size is told
    server.always = fault
    url = f"{server.url}/{crawl.names[0]}"
    done = curate("extract", url, "-o", tmp_path / "out")
    assert done.code == 1
    assert url in done.error
    assert message in done.error
    assert not list((tmp_path / "out").glob("*.parquet"))
    server.always = Fault()
    assert extract(url, tmp_path / "out").counts.kept


def test_a_run_selects_once_and_gives_the_same_as_one_job(crawl, tmp_path):
    (tmp_path / "r.toml").write_text(
        f"""name = "r"
commoncrawl = "{crawl.root}"
[sources.web]
inputs = ["commoncrawl:{CRAWL}/index"]
select = {{ statuses = [200], mimes = ["text/html"] }}
"""
    )
    chosen, engine = recipe.load(str(tmp_path / "r.toml")), Engine(target=EngineOptions(workers=1))
    run(chosen, tmp_path / "out", engine)
    before = stamps(tmp_path / "out")
    run(chosen, tmp_path / "out", engine)
    assert stamps(tmp_path / "out") == before
    one_job.run(chosen, tmp_path / "one", engine)
    shards = [sorted(path.read_bytes() for path in (tmp_path / name).rglob("*.bin")) for name in ("out", "one")]
    assert shards[0] == shards[1] != []
    assert list(faults(tmp_path / "one")) == []


def test_a_run_that_was_killed_while_it_selected_begins_again(crawl, tmp_path):
    left = tmp_path / "out" / "extract" / "pointers" / ".web.parquet.1.0123456789abcdef.curate.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    sources = {"web": {"inputs": [f"{crawl.root}/cdx-00000.gz"]}}
    table = {"name": "r", "commoncrawl": str(crawl.root), "sources": sources}
    run(recipe.from_table(table, Where("r", "")), tmp_path / "out", Engine(target=EngineOptions(workers=1)))
    assert not left.exists()


def test_a_selection_without_an_index_is_refused_before_any_work(crawl, tmp_path):
    with pytest.raises(SettingsError, match=r"^sources\.web\.select: web has no index of a crawl"):
        extract(crawl.root / crawl.names[0], tmp_path / "out", "sources.web.select.statuses=[200]")


def test_an_index_among_documents_is_told_apart_by_its_columns(tmp_path):
    pq.write_table(pa.table({"text": ["a"], "warc_filename": ["b"]}), tmp_path / "documents.parquet")
    extract(tmp_path / "documents.parquet", tmp_path / "out")
    assert [row["text"] for row in documents(tmp_path / "out")] == ["a"]
