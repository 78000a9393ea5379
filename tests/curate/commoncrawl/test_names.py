"""Crawls by name and lists of paths: which files they are, and that no file of a published crawl is asked for."""

import gzip
from itertools import pairwise

import pytest
from faulty import Fault, serving

from curate import storage
from curate.commoncrawl import names
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.inputs.items import bytes_of, pieces, source_items
from curate.stage.plan import Item

NAMES = [f"crawl-data/CC-X/segments/1/warc/{number}.warc.gz" for number in range(20)]


@pytest.fixture
def server():
    with serving() as web_server:
        web_server.put("crawl-data/CC-X/warc.paths.gz", gzip.compress("\n".join([*NAMES, ""]).encode()))
        yield web_server


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ("", slice(None)),
        ("[0:3]", slice(0, 3)),
        ("[:3]", slice(3)),
        ("[-2:]", slice(-2, None)),
        ("[::10]", slice(None, None, 10)),
        ("[1:9:4]", slice(1, 9, 4)),
    ],
)
def test_a_crawl_is_its_list_and_only_the_list_is_asked_for(server, choice, chosen):
    chosen = NAMES[chosen]
    items = source_items({"web": (f"commoncrawl:CC-X/warc{choice}",)}, Digests(), base=server.url)
    assert [item.name for item in items] == chosen
    assert [item.uri for item in items] == [f"{server.url}/{name}" for name in chosen]
    assert {item.digest for item in items} == {f"listed:{name}" for name in chosen}
    assert {item.form for item in items} == {"warc"}
    assert [path for path, _ in server.asked if not path.endswith("warc.paths.gz")] == []
    assert bytes_of((f"commoncrawl:CC-X/warc{choice}",), server.url) == len(chosen) * 10**9


@pytest.mark.parametrize("base", ["https://data.commoncrawl.org", "s3://commoncrawl", "https://mirror.example/cc/"])
def test_where_the_crawl_lies_is_no_part_of_its_identity(tmp_path, base):
    (tmp_path / "some.paths").write_text("\n".join(NAMES[:2]))
    items = source_items({"web": (f"{tmp_path}/some.paths",)}, Digests(), base=base)
    assert [(item.name, item.digest) for item in items] == [(name, f"listed:{name}") for name in NAMES[:2]]
    assert items[0].uri == f"{base.rstrip('/')}/{NAMES[0]}"


@pytest.mark.parametrize("choice", ["[-]", "[-:3]", "[0:1:-]", "[5]", "[0:1:0]"])
def test_a_range_that_is_none_is_refused_in_one_line(choice):
    with pytest.raises(SettingsError, match=r"^commoncrawl:CC-X/warc"):
        names.parse_name(f"commoncrawl:CC-X/warc{choice}")


def test_what_is_no_published_crawl_is_asked_for_or_read(server, tmp_path):
    (tmp_path / "own.warc").write_bytes(b"x")
    (tmp_path / "all.paths").write_text(f"{tmp_path}/own.warc\nmine/b.warc.gz\n{server.put('c.warc.gz', b'c')}\n")
    server.put("mine/b.warc.gz", b"bb")
    items = source_items({"web": (f"{tmp_path}/all.paths",)}, Digests(), base=server.url)
    assert [(item.name, item.size, item.digest[:4]) for item in items] == [
        (f"{tmp_path}/own.warc", 1, "2d71"),
        ("mine/b.warc.gz", 2, "etag"),
        (f"{server.url}/c.warc.gz", 1, "etag"),
    ]
    far = server.put("lists/all.paths.gz", gzip.compress((tmp_path / "all.paths").read_bytes()))
    assert source_items({"web": (far,)}, Digests(), base=server.url) == items
    (tmp_path / "all.paths").write_text("mine/none.warc.gz")
    with pytest.raises(SettingsError, match=rf"^{server.url}/mine/none\.warc\.gz: cannot read this input"):
        source_items({"web": (f"{tmp_path}/all.paths",)}, Digests(), base=server.url)
    with pytest.raises(SettingsError, match="no such input file"):
        bytes_of((f"{tmp_path}/all.paths",), server.url)


@pytest.mark.parametrize(
    "name",
    [
        "commoncrawl:CC-X",
        "commoncrawl:CC-X/html",
        "commoncrawl:CC-X/warc?first=3",
        "commoncrawl:CC-X/warc[3]",
        "commoncrawl:CC-X/warc[::0]",
        "commoncrawl:../warc",
        "commoncrawl:CC-X/warc[50:]",
        "commoncrawl:CC-Y/warc",
    ],
)
def test_a_name_of_no_crawl_is_refused_in_one_line(server, name):
    with pytest.raises(SettingsError) as error:
        source_items({"web": (name,)}, Digests(), base=server.url)
    assert str(error.value).startswith(f"{name}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "names no file"),
        (b"<html>\n<p>Not here", "line 1: not the path of a file"),
        (b"a.warc.gz\n../../etc/passwd", "line 2: not the path of a file"),
        (gzip.compress(b"a.warc.gz\n" * 999, mtime=0)[:-9], "damaged"),
        (b"\xff\xfe\x00", "damaged"),
    ],
)
def test_a_list_that_is_none_is_refused_in_one_line(server, content, message):
    server.put("crawl-data/CC-Z/warc.paths.gz", content)
    with pytest.raises(SettingsError, match=message):
        names.list_files("commoncrawl:CC-Z/warc", server.url)


def test_a_real_list_of_common_crawl_is_read(data):
    path = data("warc/whirlwind-python__CC-MAIN-2024-22.warc.paths.gz")
    files = names.list_files(str(path), names.BASE)
    assert len(files) == 300  # in spite of its name it lists the Parquet files of the index, without their folder
    assert {entry.fact for entry in files} == {None}
    assert files[0].path.parent == storage.path(names.BASE + "/")


def test_an_https_input_is_known_by_what_its_server_tells(server):
    url = server.put("a.warc.gz", b"abc")
    server.faults.append(Fault(status=503))
    (item,) = source_items({"web": (url,)}, Digests())
    assert (item.name, item.uri, item.size, item.form) == ("a.warc.gz", url, 3, "warc")
    assert item.digest.startswith("etag:")
    with pytest.raises(SettingsError, match="the web lists no files"):
        source_items({"web": (f"{server.url}/*.warc.gz",)}, Digests())


def item(**changes: object) -> Item:
    return Item(**{"number": 0, "name": "a", "uri": "a", "form": "warc", "digest": "5", "size": 1000, **changes})


def test_a_large_file_is_cut_evenly_and_nothing_else_is():
    cut = list(pieces(item(), 300))
    bounds = [0, 250, 500, 750, 1000]
    assert [(piece.start, piece.stop) for piece in cut] == list(pairwise(bounds))
    assert {piece.size for piece in cut} == {250}
    assert len({str(piece.key_fields) for piece in cut}) == 4
    assert [piece.label for piece in cut][:2] == ["a[0:250]", "a[250:500]"]
    for whole in (item(size=300), item(form="owned"), item(digest="listed:a")):
        assert list(pieces(whole, 300)) == [whole]
        assert whole.key_fields == [whole.name, whole.form, whole.source, whole.digest]
