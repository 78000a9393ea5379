"""Documents that the quality model rates high are spared by the rules that are named, and by no others."""

import json
from dataclasses import replace

import pytest

from curate.errors import SettingsError
from curate.filters.gopher import GopherQuality
from curate.filters.rules import Filter, Spare, judge, key_table
from curate.filters.signals.measuring import QUALITY, columns, measured
from curate.filters.signals.reapplying import fault, rejudged
from curate.records import EPOCH, Document
from curate.stage.record import read_stage

REPEATED = "It was warm, and they had to go to the sea.\n" * 8
RULES = ("gopher_repetition", "gopher_quality")
SPARING = Filter(
    rules=RULES, spare=Spare(rules=("gopher_repetition",), min_quality=0.5), gopher_quality=GopherQuality(min_words=9)
)


def document(text):
    return Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text=text)


@pytest.mark.parametrize(("quality", "reason"), [(0.5, None), (0.49, "gopher_repetition.duplicate_lines")])
def test_a_document_is_spared_from_the_least_score_on(quality, reason):
    judged = judge(document(REPEATED), SPARING, lambda _: quality)
    assert (judged.reason and judged.reason.rule) == reason
    assert judged.notes == ({} if reason else {"spared by quality: gopher_repetition": 1})


def test_the_rules_that_are_not_named_judge_as_before():
    strict = replace(SPARING, gopher_quality=GopherQuality(min_words=500))
    assert judge(document(REPEATED), strict, lambda _: 1.0).reason.rule == "gopher_quality.too_few_words"


def test_no_document_is_rated_that_no_such_rule_rejects():
    assert judge(document("It was warm."), SPARING).reason.rule == "gopher_quality.too_few_words"
    with pytest.raises(SettingsError, match="documents are rated by the stage filter alone"):
        judge(document(REPEATED), SPARING)


def test_scores_that_were_written_spare_by_another_least_score():
    before = replace(SPARING, signals=True)
    after = replace(before, spare=Spare(rules=RULES, min_quality=0.7))
    full = measured(document(REPEATED), before, lambda _: 0.6)
    assert full.judged == judge(document(REPEATED), before, lambda _: 0.6)
    assert (full.values[QUALITY], columns([before])[0]) == (0.6, QUALITY)
    assert not fault(before, after)
    again = rejudged(document(REPEATED), full.values, after)
    assert again == measured(document(REPEATED), after, lambda _: 0.6)
    assert again.judged.reason
    assert fault(replace(before, spare=Spare()), after).startswith("filter.spare rates documents")


def test_the_settings_are_in_the_key_where_a_rule_spares():
    assert "spare" not in key_table(Filter())
    assert key_table(Filter(spare=Spare(min_quality=0.7))) == key_table(Filter())  # no rule spares
    assert key_table(SPARING)["spare"]["min_quality"] == 0.5
    assert "kept_share" not in key_table(Filter(kept_share=(0.1, 0.9)))


@pytest.mark.parametrize("band", [(0.5,), (0.9, 0.1), (0.0, 1.1)])
def test_a_band_is_two_shares_in_order(band):
    with pytest.raises(ValueError, match="kept_share is two shares"):
        Filter(kept_share=band)


def test_the_stage_rates_by_its_model_and_warns_beyond_the_band(tmp_path, call):
    rows = [{"text": f"{REPEATED}{number}", "url": f"http://a.example/{number}"} for number in range(3)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("filter", "in.jsonl", "--strict", "--workers", 1, "--set", 'filter.rules=["gopher_repetition"]')
    spare = ("--set", 'filter.spare.rules=["gopher_repetition"]', "--set", "filter.spare.min_quality=0")
    done = call(*words, *spare, "-o", "out", cwd=tmp_path)
    assert done.code == 0, done.err
    record = read_stage(tmp_path / "out")
    assert record.counts.notes == {"spared by quality: gopher_repetition": 3}
    assert {"model.bin", "model.json"} < {*record.outputs}
    done = call(*words, *spare, "-o", "out", "--set", "filter.kept_share=[0.1, 0.9]", cwd=tmp_path)
    assert done.code == 1
    assert "source web: filter kept 100.0 % of its 3 documents, which is not within 10 to 90 %" in done.err
    assert read_stage(tmp_path / "out").key == record.key


def test_a_rule_that_does_nothing_has_a_warning(tmp_path, call):
    rows = [{"text": f"It was warm on day {number}"} for number in range(1000)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    chosen = 'filter.rules=["url", "characters", "c4", "pii"]'
    done = call("filter", "in.jsonl", "-o", "out", "--workers", 1, "--strict", "--set", chosen, cwd=tmp_path)
    assert done.code == 1
    assert "the rule characters rejected and changed none of 1,000 documents" in done.err
    assert "the rule url " not in done.err
    assert "the rule c4 " not in done.err
