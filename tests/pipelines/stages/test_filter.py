"""The filter stage where a rule changes the text: what is written, what is counted, what the rules after it see."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.filters.c4 import C4
from curate.filters.gopher import GopherQuality
from curate.filters.rules import Filter, judge
from curate.inspection.verify import faults
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.records import EPOCH, Document

PROSE = "The ferry left the old harbor at noon.\nNobody on the deck said a word.\nBy evening the island was in sight."
MENU = "Home | About | Contact\n"
CITED = "It was built in the year 1901.[3]"
TEXTS = (PROSE, f"{MENU}{PROSE}\n{CITED}", f"{MENU}{PROSE}\nf(x) {{ return x; }}.", MENU)


@pytest.fixture(scope="module")
def filtered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filter")
    rows = [{"text": text, "url": f"http://a.example/{number}"} for number, text in enumerate(TEXTS)]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    chosen = ('filter.rules=["c4"]',)
    engine = Engine(target=EngineOptions(workers=1))
    verbs.run("filter", (str(folder / "in.jsonl"),), folder / "out", None, chosen, engine, "web")
    return folder / "out"


def record(folder):
    return json.loads((folder / "stage.json").read_bytes())["counts"]


def document(text):
    return Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text=text)


def test_kept_documents_hold_the_cleaned_text(filtered):
    rows = pq.read_table(filtered / "part-00000.parquet", columns=["url", "text"]).to_pylist()
    assert [row["text"] for row in rows] == [PROSE, f"{PROSE}\nIt was built in the year 1901."]


def test_what_was_taken_from_kept_documents_is_counted(filtered):
    assert record(filtered)["notes"] == {"c4.changed": 1, "c4.removed_citations": 1, "c4.removed_no_end_mark": 1}
    assert record(filtered)["reasons"] == {"c4.curly_bracket": 1, "c4.too_few_sentences": 1}


def test_bytes_read_are_those_that_came_and_bytes_kept_those_that_are_left(filtered):
    assert record(filtered)["bytes_read"] == sum(map(len, TEXTS))
    assert record(filtered)["bytes_kept"] == len(PROSE) + len(f"{PROSE}\nIt was built in the year 1901.")
    rejected = pq.read_table(filtered / "rejected-00000.parquet", columns=["bytes"])["bytes"].to_pylist()
    assert rejected == [len(TEXTS[2]), len(TEXTS[3])]
    assert not [*faults(filtered)]


def test_the_rules_after_it_judge_the_cleaned_text():
    long = document(f"{MENU * 20}{PROSE}")
    quality = GopherQuality(min_words=60, min_stop_words=1)
    after = Filter(rules=("c4", "gopher_quality"), gopher_quality=quality)
    assert judge(long, replace(after, rules=("gopher_quality",))).reason is None
    verdict = judge(long, after)
    assert verdict.reason.rule == "gopher_quality.too_few_words"
    assert verdict.document.text == PROSE


def test_a_text_that_needs_no_cleaning_is_not_counted_as_changed():
    kept = judge(document(PROSE), Filter(rules=("c4",)))
    assert (kept.document.text, kept.reason, dict(kept.notes)) == (PROSE, None, {})


def test_both_readings_can_run_each_under_its_name():
    rules = Filter(rules=("c4", "c4_fineweb"), c4=C4(min_sentences=1))
    assert judge(document(PROSE), rules).reason == ("c4_fineweb.too_few_sentences", 3, 5, "")


def test_c4_is_off_unless_it_is_named():
    assert not {"c4", "c4_fineweb"} & {*Filter().rules}


def test_filter_uses_the_filter_of_a_document_s_own_source(tmp_path):
    rows = [{"text": "one two", "source": name} for name in ("a", "b", "c")]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = (
        'filter.rules=["gopher_quality"]',
        "filter.gopher_quality.min_words=3",
        "sources.a.filter.rules=[]",
        "sources.b.filter.gopher_quality.min_words=4",
    )
    engine = Engine(target=EngineOptions(workers=1))
    made = verbs.run("filter", (str(tmp_path / "in.jsonl"),), tmp_path / "out", None, own, engine, "web")
    assert made.counts.by_source == {"a": [1, 1], "b": [1, 0], "c": [1, 0]}
    limits = {
        row["source"]: row["threshold"]
        for row in pq.read_table(tmp_path / "out" / "rejected-00000.parquet").to_pylist()
    }
    assert limits == {"b": 4, "c": 3}


def test_all_languages_are_judged_by_their_own_values_and_one_without_data_is_counted(tmp_path):
    cases = json.loads((Path(__file__).parents[2] / "cases" / "languages.json").read_text(encoding="utf-8"))
    texts = {**cases["prose"], "or": cases["without_data"]}
    rows = [{"text": text, "url": f"http://{language}.example/"} for language, text in texts.items()]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    engine = Engine(target=EngineOptions(workers=1))
    files = (str(tmp_path / "in.jsonl"),)
    verbs.run("filter", files, tmp_path / "out", None, (), engine, "web", all_languages=True)
    assert record(tmp_path / "out")["kept"] == len(texts)
    assert record(tmp_path / "out")["notes"] == {"gopher_quality.stop_words_skipped": 1}
    english = ("filter.per_language=false",)
    verbs.run("filter", files, tmp_path / "published", None, english, engine, "web", all_languages=True)
    assert record(tmp_path / "published")["kept"] == 0
