"""A stage reads an earlier stage's parts, dedup's decisions over parts, and the user's own files as documents."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stage_files import vouch

from curate.errors import DamageError
from curate.inputs.documents import read_documents
from curate.records import Document
from curate.stage.checked import recorded
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan, json_digest

NOON = datetime(2020, 1, 2, 12, 0, 0, tzinfo=UTC)


def stored(number):
    return Document(id=bytes([number]) * 16, url=f"u{number}", timestamp=NOON, source="web", text=f"text {number}")


@pytest.fixture
def plan(tmp_path):
    """A plan beside a part of five documents and the decisions about them."""
    (tmp_path / "score").mkdir()
    (tmp_path / "filter" / "receipts").mkdir(parents=True)
    with PartWriter(tmp_path / "filter", 0, "k") as part:
        for number in range(5):
            part.keep(replace(stored(number), quality=0.25, warc_offset=7))
    decisions = pa.table({"kept": [True, False, True, False, False], "cluster_size": [1, None, 3, None, None]})
    (tmp_path / "dedup").mkdir()
    pq.write_table(decisions, tmp_path / "dedup" / "part-00000.parquet")
    vouch(tmp_path / "dedup" / "part-00000.parquet")
    return Plan(stage="score", folder=tmp_path / "score", settings={}, items=())


def item(form, uri, base_uri=""):
    return Item(number=0, name="n", uri=uri, form=form, digest="", size=0, source="web", base_uri=base_uri)


def decided(plan):
    parts = [plan.folder / "../dedup/part-00000.parquet", plan.folder / "../filter/part-00000.parquet"]
    digest = json_digest([recorded(path).sha256 for path in parts])
    return replace(item("decided", "../dedup/part-00000.parquet", "../filter/part-00000.parquet"), digest=digest)


def test_a_part_is_read_as_it_was_written(plan):
    documents = list(read_documents(plan, item("part", "../filter/part-00000.parquet")))
    assert documents == [replace(stored(number), quality=0.25, warc_offset=7) for number in range(5)]


def test_a_decided_part_is_the_documents_that_were_kept(plan):
    assert [document.url for document in read_documents(plan, decided(plan))] == ["u0", "u2"]


def test_a_kept_document_has_the_size_of_its_cluster_and_none_where_an_earlier_version_stated_none(plan, tmp_path):
    assert [document.cluster_size for document in read_documents(plan, decided(plan))] == [1, 3]
    part = tmp_path / "dedup" / "part-00000.parquet"
    pq.write_table(pa.table({"kept": [True, False, True, False, False]}), part)
    vouch(part)
    assert [document.cluster_size for document in read_documents(plan, decided(plan))] == [None, None]


def test_decisions_that_do_not_fit_the_text_are_an_error(plan, tmp_path):
    part = tmp_path / "dedup" / "part-00000.parquet"
    pq.write_table(pa.table({"kept": [True]}), part)
    vouch(part)
    with pytest.raises(ValueError, match="argument 2 is shorter than argument 1"):
        list(read_documents(plan, decided(plan)))


@pytest.mark.parametrize("name", ["dedup", "filter"])
def test_a_part_that_was_made_anew_since_the_stage_was_planned_is_named(name, plan, tmp_path):
    planned = decided(plan)
    part = tmp_path / name / "part-00000.parquet"
    pq.write_table(pq.read_table(part).slice(0, 3), part)
    vouch(part)
    with pytest.raises(DamageError, match=r"part-00000\.parquet: was made anew after this stage was planned"):
        list(read_documents(plan, planned))


def test_only_the_columns_asked_for_are_read(plan):
    documents = list(read_documents(plan, item("part", "../filter/part-00000.parquet"), columns=("id", "url")))
    assert [(document.url, document.text, document.timestamp) for document in documents] == [
        (f"u{number}", "", None) for number in range(5)
    ]


def test_a_warc_file_is_no_source_of_documents(plan):
    with pytest.raises(ValueError, match="score reads documents, not warc files; run extract first"):
        list(read_documents(plan, item("warc", "a.warc")))


def test_the_user_s_file_is_read_under_the_item_s_name_and_source(plan, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n3\n')
    document, failure = read_documents(plan, item("documents", str(Path("..") / "a.jsonl")))
    assert (document.source, failure.file, failure.stage) == ("web", "n", "score")
