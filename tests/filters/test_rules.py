"""The table of the rules, and `judge`: order, changes of the document, counts."""

from dataclasses import fields

from curate.filters import rules
from curate.filters.c4 import C4, C4FineWeb
from curate.filters.gopher import GopherQuality
from curate.filters.rules import RULES, Filter, judge
from curate.records import EPOCH, Document

PROSE = "The ferry left the old harbor at noon.\nNobody on the deck said a word.\nBy evening the island was in sight."


def document(text, **values):
    return Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text=text, **values)


def test_a_rule_is_a_row_and_a_row_is_a_setting():
    assert [field.name for field in fields(Filter)] == ["rules", *RULES, *rules.LATER, "kept_share"]
    assert all(callable(rules.FUNCTIONS[name]) for name in RULES)


def test_the_first_rule_that_rejects_names_the_reason():
    both = Filter(rules=("gopher_quality", "language"))
    assert judge(document("Guten Tag"), both).reason.rule == "gopher_quality.too_few_words"
    assert judge(document("Guten Tag"), Filter(rules=both.rules[::-1])).reason.rule == "language.other"


def test_a_language_is_identified_where_extract_has_not_and_only_there():
    judged = judge(document("Der Leuchtturm steht am Meer und das Wasser ist kalt."), Filter(rules=("language",)))
    assert judged.reason[0] == "language.other"
    assert (judged.document.language, judged.document.language_score) == ("de", judged.reason.value)
    named = document("Der Leuchtturm steht am Meer.", language="en", language_score=0.9)
    assert judge(named, Filter(rules=("language",))) == (named, None, {})


def test_the_changes_of_several_rules_are_counted_up_to_the_one_that_rejects():
    chosen = Filter(
        rules=("c4", "c4_fineweb", "gopher_quality"),
        c4=C4(min_sentences=1),
        c4_fineweb=C4FineWeb(min_sentences=1, policy_phrases=("nobody",)),
        gopher_quality=GopherQuality(min_words=60),
    )
    judged = judge(document(f"Home | About\n{PROSE}"), chosen)
    assert judged.document.text == PROSE.replace("Nobody on the deck said a word.\n", "")
    assert judged.reason.rule == "gopher_quality.too_few_words"
    assert judged.notes == {
        "c4.changed": 1,
        "c4.removed_no_end_mark": 1,
        "c4_fineweb.changed": 1,
        "c4_fineweb.removed_policy": 1,
    }
