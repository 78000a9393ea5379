"""The outcome of planted defects in a run, counted by hand on small corpora."""

import csv
import json
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.intervals import share
from curate.planting.files import Truth
from curate.planting.outcomes import _Measure, write
from curate.planting.passages import clean_words, items_left, lines_left, words_lost
from curate.planting.runs import Fate, Run


def truth(id_, defect="clean", kind="untouched", origin="", **facts):
    values = {"row": "", "changed": "", "words": 10} | facts
    return Truth(id=id_, defect=defect, kind=kind, origin=origin or id_, **values)


def page(id_, kind):
    return Truth(id=id_, row="", defect="boilerplate", kind=kind, origin="", changed="", words=5)


def measured(rows, fates, texts=None, **facts):
    texts = {row.id: "a b c" for row in rows} | (texts or {})
    removed = {id_: Fate(text=None, stage=reason.partition(".")[0], reason=reason) for id_, reason in fates.items()}
    kept = {row.id: Fate(text=texts[row.id]) for row in rows}
    run = Run(fates=kept | removed, stages=("filter",), others=0, similarity=0.75)
    return _Measure(rows, texts, run).outcomes("plant", "run")


def outcome(outcomes, defect, kind=""):
    return next(one for one in outcomes.defects if (one.defect, one.kind) == (defect, kind))


FAMILY = [
    truth("a"),
    truth("a1", "duplicate", "exact", "a", jaccard=1.0),
    truth("a2", "duplicate", "cut", "a", jaccard=0.4),
    truth("b"),
]


@pytest.mark.parametrize(
    ("removed", "recalled", "replaced", "lost"),
    [
        ((), [], 0, 0),
        (("a1", "a2"), ["exact", "cut"], 0, 0),
        (("a",), ["exact"], 1, 0),  # the copy most like it stands in for it, and the other is still a duplicate
        (("a", "a1"), ["exact", "cut"], 1, 0),
        (("a", "a1", "a2"), ["exact", "cut"], 0, 1),
        (("a", "b"), ["exact"], 1, 1),
    ],
)
def test_of_a_document_and_its_copies_one_should_stay(removed, recalled, replaced, lost):
    outcomes = measured(FAMILY, dict.fromkeys(removed, "dedup.near"))
    assert [kind for kind in ("exact", "cut") if outcome(outcomes, "duplicate", kind).removed] == recalled
    assert outcome(outcomes, "duplicate").recall.number == len(recalled)
    assert (outcomes.clean_replaced, outcomes.clean_lost.number) == (replaced, lost)
    (rule,) = outcomes.rules or [None]
    if rule:
        copies = sum(id_ in ("a1", "a2") for id_ in removed)
        assert (rule.defects.get("duplicate", 0), rule.replaced, rule.clean) == (copies, replaced, lost)
        assert rule.precision.number == copies + replaced


def test_an_exact_copy_stands_in_before_a_respelled_one():
    rows = [
        truth("a"),
        truth("a1", "duplicate", "respelled", "a", jaccard=1.0),
        truth("a2", "duplicate", "exact", "a", jaccard=1.0),
    ]
    outcomes = measured(rows, {"a": "dedup.exact"})
    assert [outcome(outcomes, "duplicate", kind).removed for kind in ("exact", "respelled")] == [1, 0]


def test_copies_are_split_at_the_similarity_of_the_run():
    outcomes = measured(FAMILY, {"a1": "dedup.exact"})
    above, below = (outcome(outcomes, "duplicate", f"Jaccard {side} 0.75") for side in ("from", "below"))
    assert (above.recall.number, above.recall.of) == (1, 1)
    assert (below.recall.number, below.recall.of) == (0, 1)


def test_each_rule_has_its_precision_and_each_defect_the_rules_that_removed_it():
    rows = [truth("a"), truth("b"), page("p", "page menu"), page("q", "page menu"), page("r", "page cart")]
    outcomes = measured(rows, {"a": "gopher.words", "p": "gopher.words", "q": "language.other"})
    rules = {rule.reason: rule for rule in outcomes.rules}
    assert rules["gopher.words"].precision.share == 0.5
    assert rules["gopher.words"].clean == 1
    assert rules["language.other"].precision.share == 1
    menus = outcome(outcomes, "boilerplate", "page menu")
    assert (menus.recall.number, menus.recall.of) == (2, 2)
    assert menus.stages == {"gopher.words": 1, "language.other": 1}
    assert outcome(outcomes, "boilerplate").recall.number == 2
    assert outcome(outcomes, "boilerplate", "page cart").recall.number == 0
    assert outcomes.clean_lost.number == 1
    kept = {part.defect: part for part in outcomes.parts}
    assert (kept["clean"].documents.number, kept["boilerplate"].documents.number) == (1, 1)
    assert kept["boilerplate"].planted_share == 0.6
    assert kept["boilerplate"].kept_share == 0.5


def test_furniture_and_items_that_were_cut_out_count_as_mended_and_lost_text_is_counted():
    rows = [
        truth("f", "boilerplate", "lines around", added=("Menu", "Share this")),
        truth("g", "boilerplate", "lines around", added=("Menu", "Share this")),
        truth("l", "leak", "inserted", added=("Two and two: four",)),
        truth("m", "leak", "inserted", added=("Two and two: four",)),
    ]
    text = "Menu\none two three\nfour five\nShare this"
    leaked = "one two three\n\nTwo and two: four\n\nfour five"
    outcomes = measured(rows, {}, {"f": text, "g": text, "l": leaked, "m": leaked})
    assert outcome(outcomes, "boilerplate").mended == outcome(outcomes, "leak").mended == 0
    assert outcomes.furniture_lines_left.number == 4
    assert outcomes.items_left.number == 2
    after = _with_texts(
        rows, {"f": text, "g": text, "l": leaked, "m": leaked}, {"f": "one two three\nfour five", "m": "four five"}
    )
    assert outcome(after, "boilerplate").mended == 1
    assert (after.furniture_lines_left.number, after.furniture_lines_left.of) == (2, 4)
    assert (after.furniture_words_lost.number, after.furniture_words_lost.of) == (0, 10)
    assert outcome(after, "leak").mended == 1
    assert (after.items_left.number, after.items_left.of) == (1, 2)
    assert (after.leak_words_lost.number, after.leak_words_lost.of) == (3, 10)


def _with_texts(rows, planted, kept):
    fates = {row.id: Fate(text=kept.get(row.id, planted[row.id])) for row in rows}
    run = Run(fates=fates, stages=("filter",), others=0, similarity=0.75)
    return _Measure(rows, planted, run).outcomes("plant", "run")


def test_lines_and_items_are_compared_without_white_space():
    assert lines_left(("Menu  Search", "Menu  Search", "Share"), " Menu Search \nSharepoint") == 1
    assert items_left(("Q: 1?\n\nA: 2", "Q: 3?\n\nA: 4"), "text Q: 1? A: 2 text Q: 3? A: 5") == 1


def test_words_of_a_line_that_was_cut_in_part_are_not_lost_as_a_whole():
    planted = "Menu\none two three four\nfive six"
    assert clean_words(planted, ("Menu",)) == 6
    assert words_lost(planted, ("Menu",), "one two\nfive six") == 2
    assert words_lost(planted, ("Menu",), "five six") == 4
    assert words_lost(planted, ("Menu",), None) == 6
    assert words_lost(planted, ("Menu",), "one two three four\nfive six") == 0


@given(st.integers(1, 60), st.data())
def test_an_interval_covers_its_share_and_its_ends_are_those_of_the_score_test(of, data):
    number = data.draw(st.integers(0, of))
    one = share(number, of)
    assert 0 <= one.low <= one.share <= one.high <= 1
    for end in {one.low, one.high} - {0.0, 1.0}:  # (observed - end)² = z² end (1 - end) / of
        assert abs(number / of - end) == pytest.approx(1.959963984540054 * (end * (1 - end) / of) ** 0.5)
    covered = sum(
        comb(20, n) * 0.3**n * 0.7 ** (20 - n) for n in range(21) if share(n, 20).low <= 0.3 <= share(n, 20).high
    )
    assert covered > 0.93


def test_nothing_has_no_share():
    assert share(0, 0).share is None


def test_the_outcomes_are_written_as_json_and_as_rows(tmp_path):
    outcomes = measured(FAMILY, {"a": "dedup.near", "a1": "dedup.exact"})
    write(outcomes, tmp_path / "out.json", {"seed": 3})
    stored = json.loads((tmp_path / "out.json").read_text())
    assert stored["origin"] == {"seed": 3}
    assert stored["clean_replaced"] == 1
    rows = [*csv.DictReader((tmp_path / "out.csv").open())]
    recall = next(row for row in rows if row["measure"] == "recall" and row["name"] == "duplicate" and not row["kind"])
    assert (recall["number"], recall["of"], recall["share"]) == ("2", "2", "1.0")
    assert {row["table"] for row in rows} == {"defects", "rules", "kept", "text"}
