"""Each stage as its verb, on the in-process runner: what it keeps, what it counts, what it refuses, what it resumes."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from flips import missed
from stage_files import relist, stored_in

from curate import recipe
from curate.errors import SettingsError
from curate.inputs.documents import read_documents
from curate.inputs.items import stage_items
from curate.inspection.verify import faults
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.stage.kinds import KINDS, STAGES
from curate.stage.plan import Plan
from curate.stage.record import read_stage
from curate.tokens import bpe

pytestmark = pytest.mark.processes

ENGINE = Engine(target=EngineOptions(workers=1))
REPEATED = Engine(target=EngineOptions(workers=1, beam=("--direct_runner_bundle_repeat=1",)))
GOOD = "The council said that the bridge and the road would be open to all of the village by the spring of that year."
BAD = "buy pills now best price click here casino bonus offer the cheap deal of the day and that is to be had with it."
SETTINGS = (
    'filter.rules=["url","gopher_quality"]',
    "filter.gopher_quality.min_words=10",
    "pack.max_tokens=400",
    "pack.valid_fraction=0.2",
    "score.keep=threshold",
    "score.dim=4",
    "score.epochs=20",
    "score.buckets=1000",
)


def http(url, body, status="200 OK"):
    block = f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{body}".encode()
    return warc("response", url, "application/http", block)


def warc(kind, url, mime, block, length=None):
    head = f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2020-01-01T00:00:00Z\r\n"
    size = len(block) if length is None else length
    return f"{head}Content-Type: {mime}\r\nContent-Length: {size}\r\n\r\n".encode() + block + b"\r\n\r\n"


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def rows_of(path, *columns):
    return pq.read_table(path, columns=list(columns) or None).to_pylist()


def contents(folder):
    """The bytes of every file that a stage made, without its receipts and records, which hold times."""
    paths = (path for path in sorted(folder.rglob("*")) if path.suffix in (".parquet", ".bin", ".idx"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def verb(stage, inputs, out, *settings, engine=ENGINE, source="web"):
    """The stage's record, run with those of the settings that it reads."""
    chosen = tuple(setting for setting in settings if setting.split(".")[0] in KINDS[stage].reads)
    record = verbs.run(stage, tuple(map(str, inputs)), out, None, chosen, engine, source)
    assert record.counts.read == record.counts.kept + record.counts.rejected
    return record


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two input files, labels for the classifier, and the settings that name them."""
    made = tmp_path_factory.mktemp("in")
    pages = [http(f"http://a/{n}", f"<title>T{n}</title><p>{GOOD} Number {n}.</p><p>{GOOD}</p>") for n in range(8)]
    pages.insert(3, http("http://a/gone", "<p>gone</p>", "404 Not Found"))
    pages.insert(5, warc("request", "http://a/", "application/http", b"GET / HTTP/1.1\r\n\r\n"))
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"
    pages.append(warc("response", "http://a/cut", "application/http", cut, length=99))
    pages.append(warc("revisit", "http://a/again", "application/http", b"HTTP/1.1 200 OK\r\n\r\n"))
    (made / "a.warc.gz").write_bytes(b"".join(map(gzip.compress, pages)))
    rows = [{"text": f"{GOOD} It was said in letter {n}. {n} {n} {n}", "url": f"http://b/{n}"} for n in range(8)]
    rows += [{"text": f"{BAD} Offer {n}.", "url": f"http://b/spam{n}"} for n in range(4)]
    rows += [{"text": "too short"}, {"no": "text"}, rows[0] | {"url": "http://b/copy"}]
    (made / "b.jsonl").write_text(lines(rows))
    (made / "good.jsonl").write_text(lines({"text": f"{GOOD} {n}"} for n in range(9)))
    (made / "bad.jsonl").write_text(lines({"text": f"{BAD} {n}"} for n in range(9)))
    (made / "held-out.jsonl").write_text(lines({"text": f"an item of {n} that no document holds"} for n in range(9)))
    return made


@pytest.fixture(scope="module")
def settings(folder):
    labels = (f'score.positive=["{folder}/good.jsonl"]', f'score.negative=["{folder}/bad.jsonl"]')
    held_out = f'files=["{folder}/held-out.jsonl"]', 'fields=["text"]'
    return (*SETTINGS, *labels, *(f"decontaminate.sets.own.{setting}" for setting in held_out))


@pytest.fixture(scope="module")
def inputs(folder, tmp_path_factory, settings):
    """Per stage what it reads, after every stage was run once into `finished`."""
    out = tmp_path_factory.mktemp("out")
    paths = {"extract": (folder / "a.warc.gz", folder / "b.jsonl")}
    for stage, following in zip(STAGES, (*STAGES[1:], "end"), strict=True):
        verb(stage, paths[stage], out / stage, *settings)
        paths[following] = (out / stage,)
    return paths


@pytest.fixture(scope="module")
def finished(inputs):
    return inputs["end"][0].parent


def test_extract_keeps_pages_and_documents_in_input_order_and_counts_the_rest(finished):
    record = read_stage(finished / "extract")
    assert [item.name for item in record.items] == ["a.warc.gz", "b.jsonl"]
    kept = [row["url"] for row in rows_of(finished / "extract" / "part-00000.parquet", "url")]
    assert kept == [f"http://a/{number}" for number in range(8)]
    reasons = ("malformed", "revisit", "status", "truncated")
    assert record.counts.reasons == {f"extract.{reason}": 1 for reason in reasons}
    assert record.counts.skipped == {"request": 1}
    assert (record.counts.read, record.counts.kept, record.counts.failed) == (11 + 15, 8 + 14, 2)


def test_extract_s_pointer_leads_back_to_the_page(finished, folder):
    content = (folder / "a.warc.gz").read_bytes()
    for row in rows_of(finished / "extract" / "part-00000.parquet"):
        part = gzip.decompress(content[row["warc_offset"] : row["warc_offset"] + row["warc_length"]])
        assert f"WARC-Target-URI: {row['url']}\r\n".encode() in part
        assert (row["warc_file"], row["title"], row["source"]) == ("a.warc.gz", f"T{row['url'][-1]}", "web")


def test_a_dead_letter_says_where_the_record_lies(finished):
    (row,) = rows_of(finished / "extract" / "failed-00001.parquet")
    assert (row["file"], row["offset"], row["error"], row["record"]) == ("b.jsonl", 14, "malformed", True)


def test_filter_names_the_first_rule_that_fails_its_value_and_its_limit(finished):
    assert read_stage(finished / "filter").counts.reasons == {"gopher_quality.too_few_words": 1}
    (row,) = rows_of(finished / "filter" / "rejected-00001.parquet")
    assert (row["stage"], row["reason"], row["value"], row["threshold"], row["bytes"]) == (
        "filter",
        "gopher_quality.too_few_words",
        2,
        10,
        len("too short"),
    )


def test_filter_writes_the_language_that_it_found(tmp_path):
    german = "Der Leuchtturmwärter ging jeden Morgen zum Hafen hinunter und sah sich die Boote an."
    (tmp_path / "in.jsonl").write_text(lines([{"text": GOOD}, {"text": german}]))
    verb("filter", [tmp_path / "in.jsonl"], tmp_path / "out", 'filter.rules=["language"]')
    (row,) = rows_of(tmp_path / "out" / "part-00000.parquet", "language", "language_score", "text")
    assert (row["language"], row["text"]) == ("en", GOOD)
    assert 0.65 <= row["language_score"] <= 1
    (row,) = rows_of(tmp_path / "out" / "rejected-00000.parquet")
    assert (row["reason"], row["detail"], row["threshold"]) == ("language.other", "de", pytest.approx(0.65))


def test_dedup_s_decisions_lie_row_by_row_beside_the_text(finished):
    for number in (0, 1):
        decisions = rows_of(finished / "dedup" / f"part-{number:05d}.parquet")
        texts = rows_of(finished / "filter" / f"part-{number:05d}.parquet", "id", "url")
        assert [(row["id"], row["url"]) for row in decisions] == [(row["id"], row["url"]) for row in texts]
        rejected = finished / "dedup" / f"rejected-{number:05d}.parquet"
        lost = {row["id"] for row in rows_of(rejected)} if rejected.exists() else set()
        assert lost == {row["id"] for row in decisions if not row["kept"]}


def test_the_stage_after_dedup_reads_the_documents_that_were_kept(finished):
    items = stage_items(finished / "dedup", finished / "x")
    plan = Plan(stage="score", folder=finished / "x", settings={}, items=tuple(items))
    (finished / "x").mkdir()
    read = [document.url for item in items for document in read_documents(plan, item)]
    (finished / "x").rmdir()
    decisions = [row for number in (0, 1) for row in rows_of(finished / "dedup" / f"part-{number:05d}.parquet")]
    assert read == [row["url"] for row in decisions if row["kept"]]
    assert len(read) == read_stage(finished / "dedup").counts.kept < len(decisions)


@pytest.mark.parametrize("stage", ["filter", "tokenize"])
def test_the_user_s_own_documents_may_be_the_input_of_a_stage(stage, folder, tmp_path):
    record = verb(stage, [folder / "b.jsonl"], tmp_path / "out", "filter.rules=[]", source="own")
    assert (record.counts.read, record.counts.kept, record.counts.failed) == (15, 14, 1)
    assert record.counts.by_source == {"own": [15, 14]}
    assert list(faults(tmp_path / "out")) == []


def test_score_keeps_by_the_score_that_it_writes(finished):
    record = read_stage(finished / "score")
    kept = [row for number in (0, 1) for row in rows_of(finished / "score" / f"part-{number:05d}.parquet")]
    assert all(row["quality"] >= 0.5 for row in kept)
    assert not [row for row in kept if "spam" in row["url"]]
    rejected = rows_of(finished / "score" / "rejected-00001.parquet")
    assert all("spam" in row["url"] and row["value"] < 0.5 == row["threshold"] for row in rejected)
    assert record.counts.reasons == {"score.threshold": len(rejected)}
    assert {"model.bin", "model.json"} <= record.outputs.keys()


def test_tokenize_sorts_its_rows_and_ends_each_with_end_of_text(finished):
    for path in sorted((finished / "tokenize").glob("part-*.parquet")):
        rows = rows_of(path)
        keys = [(row["split"], row["source"], row["order"], row["id"]) for row in rows]
        assert keys == sorted(keys)
        for row in rows:
            ids = np.frombuffer(row["ids"], "<u2")
            assert (len(ids), ids[-1]) == (row["tokens"], bpe.END_OF_TEXT)
            assert len(bpe.decode(ids[:-1].tolist()).encode()) == row["bytes"]


def test_pack_holds_every_tokenized_document_once(finished):
    packed = [row["id"] for path in (finished / "pack").rglob("*.meta.parquet") for row in rows_of(path, "id")]
    made = [row["id"] for path in (finished / "tokenize").glob("part-*") for row in rows_of(path, "id")]
    assert sorted(packed) == sorted(made)
    assert read_stage(finished / "pack").counts.kept == len(made)


@pytest.mark.parametrize("stage", STAGES)
def test_a_finished_stage_has_no_fault(stage, finished):
    assert list(faults(finished / stage)) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_changed_byte_of_any_file_of_a_stage_is_found(stage, finished):
    assert missed(finished / stage, seed=15) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_whose_bundles_are_replayed_writes_the_same_bytes(stage, inputs, finished, settings, tmp_path):
    verb(stage, inputs[stage], tmp_path / "out", *settings, engine=REPEATED)
    assert contents(tmp_path / "out") == contents(finished / stage)
    assert list(faults(tmp_path / "out")) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_resumes_with_the_part_that_is_missing(stage, inputs, finished, settings, tmp_path):
    out = Path(shutil.copytree(finished / stage, tmp_path / "out"))
    (out / "stage.json").unlink()
    _, *others = stored_in(out / "receipts.json")["receipts"]
    relist(out / "receipts.json", receipts=others)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*-00001*") if "signatures" not in path.parts}
    verb(stage, inputs[stage], out, *settings)
    assert contents(out) == contents(finished / stage)
    if stage not in ("dedup", "pack"):  # dedup decides all parts at once; pack's files are not named by number alone
        assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_finished_stage_is_left_alone_and_a_changed_setting_makes_it_again(inputs, finished, settings, tmp_path):
    out = Path(shutil.copytree(finished / "filter", tmp_path / "out"))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    verb("filter", inputs["filter"], out, *settings)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    verb("filter", inputs["filter"], out, *settings, "filter.gopher_quality.min_words=11")
    assert (out / "part-00000.parquet").stat().st_mtime_ns != before[out / "part-00000.parquet"]


@pytest.mark.parametrize(
    ("stage", "given", "message"),
    [
        ("filter", "tokenize", "the output of tokenize holds no documents"),
        ("score", "pack", "the output of pack holds no documents"),
        ("dedup", "dedup", "dedup reads documents, not the decisions of another dedup"),
        ("pack", "extract", "the output of extract; pack reads that of tokenize"),
    ],
)
def test_a_verb_refuses_the_folder_of_a_stage_that_it_cannot_read(stage, given, message, finished, settings, tmp_path):
    with pytest.raises(SettingsError, match=message):
        verb(stage, [finished / given], tmp_path / "out", *settings)


def test_dedup_refuses_documents_and_stage_folders_at_once(finished, folder, tmp_path):
    with pytest.raises(SettingsError, match="not both at once"):
        verb("dedup", [finished / "filter", folder / "b.jsonl"], tmp_path / "out")


def test_a_run_that_was_moved_is_still_done(folder, tmp_path):
    (tmp_path / "own.toml").write_text(
        f'name = "own"\n[sources.own]\ninputs = ["{folder}/b.jsonl"]\n[filter]\nrules = []\n[dedup]\nnear = false\n'
    )
    chosen = recipe.load(str(tmp_path / "own.toml"))
    run(chosen, tmp_path / "out", ENGINE)
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    paths = sorted((tmp_path / "elsewhere").rglob("*.parquet"))
    before = {path: path.stat().st_mtime_ns for path in paths}
    run(chosen, tmp_path / "elsewhere", ENGINE)
    assert sorted((tmp_path / "elsewhere").rglob("*.parquet")) == paths
    assert {path: path.stat().st_mtime_ns for path in paths} == before
    assert list(faults(tmp_path / "elsewhere")) == []
