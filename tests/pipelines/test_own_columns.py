"""Documents of the user's own keep ids, columns and metadata through the stages, on one worker or several."""

import json

import pyarrow.parquet as pq
import pytest

from curate.errors import SettingsError, StrictError, UserError
from curate.inspection import history
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.progress import Progress
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.recipe import from_table, to_toml
from curate.settings import Where
from curate.stage.record import read_stage

pytestmark = pytest.mark.processes

ENGINE = Engine(target=EngineOptions(workers=1))
PROCESSES = ("--workers", 2, "--", "--direct_running_mode=multi_processing")
TEXT = "The council said in %d that the bridge and the road would be open to all of the village by the spring. "
LONG = [TEXT % number * (5 + number % 3) + f"It is number {number * 7919} of its kind." for number in range(30)]


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows(folder, name="part"):
    return [row for path in sorted(folder.glob(f"{name}-*.parquet")) for row in pq.read_table(path).to_pylist()]


def contents(out):
    paths = (path for path in sorted(out.rglob("*")) if path.suffix in (".parquet", ".bin", ".idx"))
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def warc(url, body):
    block = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{body}".encode()
    head = f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2020-01-01T00:00:00Z\r\n"
    return (
        f"{head}Content-Type: application/http\r\nContent-Length: {len(block)}\r\n\r\n".encode() + block + b"\r\n\r\n"
    )


def recipe(folder, **more):
    """Returns a recipe of two sources with columns of other names; all stages to the shards, with the bundled model."""
    web = {"inputs": [str(folder / "web-*.jsonl")], "columns": {"text": "content", "id": "blob.id", "url": "link"}}
    books = {"inputs": [str(folder / "books.jsonl")], "keep_columns": ["license"]}
    table = {
        "name": "own",
        "sources": {"web": web, "books": books},
        "filter": {"rules": ["gopher_quality"], "gopher_quality": {"min_words": 10, "max_words": 100_000}},
        "score": {"keep": "all"},
        "pack": {"valid_fraction": 0.2, "max_tokens": 500},
    }
    return from_table(table | more, Where("test", ""))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    web = [
        {"content": text, "blob": {"id": number % 5, "lang": "en"}, "link": "http://one/", "n": number}
        for number, text in enumerate(LONG[:20])
    ]
    web[3]["link"] = {"no": "string"}
    web[4]["content"] = "too short"
    lines(folder / "web-1.jsonl", web[:10])
    lines(folder / "web-2.jsonl", [*web[10:], web[12], {"content": LONG[0], "blob": {"id": "again"}}])
    books = [{"text": text, "id": "book", "license": "cc0", "dropped": 1} for text in LONG[20:]]
    lines(folder / "books.jsonl", books)
    return folder


@pytest.fixture(scope="module")
def out(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    run(recipe(folder), out, ENGINE)
    return out


def test_metadata_travels_through_filter_dedup_and_score(out):
    last = rows(out / "score")
    web = {row["text"]: json.loads(row["metadata"] or "{}") for row in last if row["source"] == "web"}
    assert web[LONG[7]] == {"blob": {"lang": "en"}, "n": 7}
    assert web[LONG[3]] == {"blob": {"lang": "en"}, "n": 3, "link": {"no": "string"}}
    books = [row["metadata"] for row in last if row["source"] == "books"]
    assert books == ['{"license":"cc0"}'] * 10


def test_every_id_of_the_output_is_one_document_s_and_the_user_s_spelling_is_kept(out):
    extracted = rows(out / "extract")
    assert len({row["id"] for row in extracted}) == len(extracted) == 32
    assert {row["given_id"] for row in extracted} == {"0", "1", "2", "3", "4", "again", "book"}
    shards = [row for path in sorted(out.rglob("*.meta.parquet")) for row in pq.read_table(path).to_pylist()]
    assert len({row["id"] for row in shards}) == len(shards) == len(rows(out / "score"))
    assert {row["given_id"] for row in shards if row["source"] == "books"} == {"book"}
    notes = read_stage(out / "extract").counts.notes
    assert notes == {"unreadable_values": 1, "given_ids_of_other_texts": 5 + 5 + 9, "repeated_ids": 1}


def test_constant_urls_do_not_end_in_one_split(out):
    splits = {path.relative_to(out / "shards").parts[0] for path in (out / "shards").rglob("*.bin")}
    assert splits == {"train", "valid"}


def test_processes_write_the_same_bytes_as_one(folder, out, curate, tmp_path):
    (tmp_path / "own.toml").write_text(to_toml(recipe(folder)))
    done = curate("run", tmp_path / "own.toml", "-o", tmp_path / "out", *PROCESSES)
    assert done.code in (0, 1), done.err
    assert contents(tmp_path / "out") == contents(out)


def test_why_lists_each_document_of_a_given_id_at_every_stage(out):
    rows_of_4 = history.of(out, "4")
    ids = {row["id"] for row in rows_of_4}
    assert len(ids) == 4
    assert {(row["stage"], row["verdict"]) for row in rows_of_4 if row["stage"] == "filter"} == {
        ("filter", "kept"),
        ("filter", "rejected"),
    }
    assert [row["stage"] for row in rows_of_4].count("pack") == 3
    rows_of_one = history.of(out, min(ids))
    assert {row["id"] for row in rows_of_one} == {min(ids)}
    assert len(history.of(out, "http://one/")) > len(rows_of_4)
    with pytest.raises(UserError, match="no stage of"):
        history.of(out, "none")


def test_another_column_makes_the_stage_anew(folder, out, tmp_path):
    run(recipe(folder), tmp_path / "out", ENGINE)
    before = read_stage(tmp_path / "out" / "extract").key
    books = {"inputs": [str(folder / "books.jsonl")], "keep_columns": []}
    web = {"inputs": [str(folder / "web-*.jsonl")], "columns": {"text": "content"}, "keep_columns": []}
    table = {"web": web, "books": books}
    run(recipe(folder, sources=table), tmp_path / "out", ENGINE)
    assert read_stage(tmp_path / "out" / "extract").key != before
    assert {row["metadata"] for row in rows(tmp_path / "out" / "extract")} == {None}


@pytest.mark.parametrize("stage", ["filter", "dedup", "score", "tokenize"])
def test_a_verb_takes_columns_by_name(stage, tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"content": text, "blob": number} for number, text in enumerate(LONG)])
    names = ("sources.web.columns.text=content", "sources.web.columns.id=blob")
    more = {"filter": ("filter.rules=[]",), "score": ("score.keep=all",)}.get(stage, ())
    record = verbs.run(stage, (str(path),), tmp_path / "out", None, names + more, ENGINE, "web")
    assert (record.counts.read, record.counts.kept) == (30, 30)
    assert len({row["id"] for row in history.of(tmp_path / "out", "7")}) == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sources.webb.columns.text=content", "the inputs are read as --source web"),
        ("sources.web.columns.txt=content", "unknown setting 'txt'; did you mean 'text'"),
        (
            "sources.web.columns.text=contents",
            "no column contents, which sources.web.columns names; its columns are content",
        ),
        ("sources.web.columns.id=blob", "no column blob"),
        ("sources.web.weight=2", "tokenize does not read sources"),
        ("sources.web.keep_columns=lang", "expected a list"),
    ],
)
def test_a_wrong_column_ends_the_verb_before_any_work(setting, message, tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"content": "a text", "lang": "en"}])
    with pytest.raises(SettingsError, match=message):
        verbs.run("tokenize", (str(path),), tmp_path / "out", None, (setting,), ENGINE, "web")
    assert not (tmp_path / "out" / "plan.json").exists()


def test_a_file_without_a_text_ends_the_run_before_any_work_and_names_its_columns(tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"a": "x", "b": 1}] * 26)
    with pytest.raises(SettingsError, match=r"no text column; its columns are a, b; give --set sources\.web\.columns"):
        verbs.run("filter", (str(path),), tmp_path / "out", None, (), ENGINE, "web")
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_a_usual_name_is_a_warning_which_strict_makes_an_error(tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"content": text} for text in LONG])
    strict = Engine(target=EngineOptions(workers=1), progress=Progress(strict=True))
    with pytest.raises((SettingsError, StrictError), match=r"its column content is taken; sources\.web\.columns\.text"):
        verbs.run("filter", (str(path),), tmp_path / "strict", None, ("filter.rules=[]",), strict, "web")
    record = verbs.run("filter", (str(path),), tmp_path / "out", None, ("filter.rules=[]",), ENGINE, "web")
    assert record.counts.kept == 30


def test_rows_without_a_text_are_rejections_and_broken_rows_dead_letters(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a text"}\n{"text": ""}\n{"text": null, "id": "b"}\n{"text": 3}\n{broken\n')
    record = verbs.run("filter", (str(path),), tmp_path / "out", None, ("filter.rules=[]",), ENGINE, "web")
    assert (record.counts.read, record.counts.kept, record.counts.rejected, record.counts.failed) == (5, 1, 4, 2)
    assert record.counts.reasons == {"filter.no_text": 2, "filter.malformed": 2}
    rejected = rows(tmp_path / "out", "rejected")
    assert len({row["id"] for row in rejected}) == 4
    assert [row["detail"] for row in rejected][:2] == ["column text is empty", "column text is null"]
    assert history.of(tmp_path / "out", "b")[0]["reason"] == "filter.no_text"


def test_pages_of_one_url_and_second_have_an_id_for_each_text(tmp_path):
    pages = [warc("http://a/", text) for text in LONG[:3]]
    (tmp_path / "1.warc").write_bytes(b"".join([*pages, pages[0]]))
    (tmp_path / "2.warc").write_bytes(warc("http://a/", LONG[3]) + pages[1] + warc("http://a/", "  "))
    inputs = tuple(str(tmp_path / name) for name in ("1.warc", "2.warc"))
    record = verbs.run("extract", inputs, tmp_path / "out", None, ("extract.language_gate=0",), ENGINE, "web")
    kept = rows(tmp_path / "out")
    assert len(kept) == 6
    texts = {}
    for row in kept:
        texts.setdefault(row["id"], set()).add(row["text"])
    assert all(len(of_id) == 1 for of_id in texts.values())  # an id in two files is one capture, which dedup rejects
    assert len(texts) == 5
    assert record.counts.notes == {"repeated_ids": 1}
    assert len({row["id"] for row in kept[:4]}) == 4
    assert rows(tmp_path / "out", "rejected")[0]["id"] not in texts
