"""Evaluation sets: what of a row is an item, how many words a gram has, what is refused before any work."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.decontaminate import sets
from curate.decontaminate.config import Decontaminate, EvaluationSet
from curate.decontaminate.grams import Table, keys_of, size_of
from curate.decontaminate.words import words_of
from curate.errors import DamageError, SettingsError
from curate.storage.writing import sha256_of


def lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return str(path)


def texts(path, rows, *fields, **more):
    evaluation = EvaluationSet(files=(lines(path, rows),), fields=fields, **more)
    return [item.texts for item in sets.items_of(evaluation, "own")]


def test_fields_are_joined_in_the_order_named_and_may_be_paths(tmp_path):
    rows = [{"question": {"stem": "why"}, "answer": "so", "n": 3}]
    assert texts(tmp_path / "a.jsonl", rows, "answer", "question.stem", "n") == [("so why 3",)]


def test_every_element_of_a_list_begins_a_text_of_its_own(tmp_path):
    rows = [{"query": "q", "choices": ["a", "b", "c"], "more": {"text": ["x", "y"]}, "gold": 1}]
    assert texts(tmp_path / "a.jsonl", rows, "query", "choices") == [("q a", "q b", "q c")]
    assert texts(tmp_path / "a.jsonl", rows, "choices", "more.text") == [("a x", "b y", "c y")]


@pytest.mark.parametrize("hidden", [-1, "", " ", None, [], ["", ""]])
def test_a_field_that_states_nothing_in_any_row_is_refused_and_one_that_does_in_one_is_not(tmp_path, hidden):
    rows = [{"query": "q", "answer": hidden}] * 2
    with pytest.raises(SettingsError, match="the field 'answer' is empty or -1 in every row"):
        texts(tmp_path / "a.jsonl", rows, "query", "answer")
    assert texts(tmp_path / "b.jsonl", [*rows, {"query": "q", "answer": "yes"}], "query", "answer")[-1] == ("q yes",)


def test_a_bundled_task_names_the_fields(tmp_path):
    rows = [{"goal": "to boil an egg", "sol1": "heat water", "sol2": "heat sand", "label": 0}]
    assert texts(tmp_path / "a.jsonl", rows, task="piqa") == [
        ("Question: to boil an egg\nAnswer: heat water", "Question: to boil an egg\nAnswer: heat sand")
    ]
    rows = [
        {"sentence": "The cup is in the box as _ is small.", "option1": "the cup", "option2": "the box", "answer": "1"}
    ]
    assert texts(tmp_path / "b.jsonl", rows, task="winogrande") == [
        ("The cup is in the box as the cup is small.", "The cup is in the box as the box is small.")
    ]


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        ([{"a": 1}], {"fields": ("b",)}, "row 1: has no field 'b'; its fields are a"),
        ([[1]], {"fields": ("b",)}, "row 1: no object with fields, but '[1]'"),
        ([{"a": 1}], {"task": "piqa"}, "has no column"),
        ([{"a": 1}], {"task": "copying"}, "'copying' is none of arc_challenge, arc_easy"),
        ([], {"fields": ("b",)}, "own.jsonl, row 1: the file is empty"),
    ],
)
def test_rows_that_are_no_items_are_refused_by_name(tmp_path, rows, more, message):
    evaluation = EvaluationSet(files=(lines(tmp_path / "own.jsonl", rows),), **more)
    with pytest.raises(SettingsError, match=re.escape(message)):
        sets.items_of(evaluation, "own")


def test_a_missing_file_is_refused_before_any_work(tmp_path):
    rules = Decontaminate(sets={"own": EvaluationSet(files=(f"{tmp_path}/no.jsonl",), fields=("a",))})
    with pytest.raises(SettingsError, match=r"decontaminate\.sets\.own\.files: .*no\.jsonl: no such input file"):
        sets.check_files(rules)


def test_every_row_is_checked_before_any_work(tmp_path):
    file = lines(tmp_path / "own.jsonl", [{"a": "one"}, {"b": "two"}])
    rules = Decontaminate(sets={"own": EvaluationSet(files=(file,), fields=("a",))})
    with pytest.raises(SettingsError, match="row 2: has no field 'a'"):
        sets.check_files(rules)


@pytest.mark.parametrize("lengths", [range(1, 101), range(30, 130), range(6, 106)])
def test_the_grams_of_a_set_have_as_many_words_as_its_5th_percentile_within_bounds(lengths):
    assert size_of(lengths, 0.0, 8, 13) == min(13, max(8, lengths[4]))
    assert size_of(lengths, 0.0, 1, 100) == lengths[4]


@pytest.mark.parametrize(("text", "ngram"), [("我" * 100, 26), ("我" * 5, 16), ("word " * 60 + "我" * 50, 13)])
def test_in_scripts_without_blanks_two_characters_count_as_a_word_of_a_gram(tmp_path, text, ngram):
    evaluation = EvaluationSet(files=(lines(tmp_path / "own.jsonl", [{"text": text}] * 3),), fields=("text",))
    path = tmp_path / "sets.parquet"
    path.write_bytes(sets.content_of(Decontaminate(sets={"own": evaluation})))
    assert sets.load(path, sha256_of(path)).ngrams == {"own": ngram}


@given(choices=st.lists(st.lists(st.text("ab ", max_size=30), min_size=1, max_size=4), min_size=1, max_size=6))
def test_an_item_has_the_grams_of_each_of_its_texts_and_no_other(tmp_path_factory, choices):
    folder = tmp_path_factory.mktemp("set")
    choices = [["a"], *choices]  # a field without text in every row is refused
    file = lines(folder / "own.jsonl", [{"choices": own} for own in choices])
    rules = Decontaminate(sets={"own": EvaluationSet(files=(file,), fields=("choices",))}, min_ngram=3, max_ngram=3)
    path = folder / "sets.parquet"
    path.write_bytes(sets.content_of(rules))
    items = sets.load(path, sha256_of(path)).items["own"]
    for own, (_, words, keys) in zip(choices, items, strict=True):
        texts = [words_of(text) for text in own]
        assert words == max(len(text.hashes) for text in texts)
        assert keys.tolist() == sorted({key for text in texts for key in keys_of(text, [3]).get(3, ())})


def test_a_table_tells_of_which_sets_a_gram_is(tmp_path):
    one, two = (np.unique(keys_of(words_of(text), [2])[2]) for text in ("a b c", "b c d"))
    table = Table(["one", "two"], [2], [one, two])
    keys = keys_of(words_of("a b c d e"), [2])[2]
    assert table.holds(keys).tolist() == [0, 1, 2]
    assert table.sets_of(keys.tolist()) == [("one",), ("one", "two"), ("two",), ()]


def test_the_file_of_grams_is_the_same_wherever_the_sets_lie_and_holds_no_text(tmp_path):
    rows = [
        {"text": f"{number} " + "some words of an evaluation item that nobody may copy " * 3} for number in range(5)
    ]
    contents = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        evaluation = EvaluationSet(files=(lines(tmp_path / folder / "own.jsonl", rows),), fields=("text",))
        contents.append(sets.content_of(Decontaminate(sets={"own": evaluation})))
    assert contents[0] == contents[1]
    assert b"nobody" not in contents[0]
    path = tmp_path / "sets.parquet"
    path.write_bytes(contents[0])
    loaded = sets.load(path, sha256_of(path))
    assert loaded.ngrams == {"own": 13}
    assert [words for _, words, _ in loaded.items["own"]] == [31] * 5
    with pytest.raises(DamageError, match="not what the plan states"):
        sets.load(path, "0" * 64)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"action": "burn"}, "action is cut, drop or mark, got 'burn'"),
        ({"min_ngram": 14}, "in this order, got 14 and 13"),
        ({"window": -1}, "got -1"),
        ({"min_piece": 0}, "got 0"),
        ({"max_pieces": 0}, "got 0"),
        ({"max_documents": 0}, "got 0"),
        ({"sets": {}}, "names no evaluation set"),
        ({"sets": {"a b": EvaluationSet(files=("x",), fields=("a",))}}, "'a b' is not a plain name"),
    ],
)
def test_bad_settings_are_refused(values, message):
    good = {"sets": {"own": EvaluationSet(files=("x",), fields=("a",))}}
    with pytest.raises(ValueError, match=re.escape(message)):
        Decontaminate(**(good | values))


@pytest.mark.parametrize("values", [{}, {"files": ("x",)}, {"files": ("x",), "fields": ("a",), "task": "piqa"}])
def test_a_set_has_files_and_either_fields_or_a_task(values):
    with pytest.raises(ValueError, match=r"files|fields"):
        EvaluationSet(**values)


SIZES = {  # items of the real sets, and the words of their grams
    "lambada": ("lambada_openai.jsonl.zst", "lambada", 5153),
    "hellaswag": ("hellaswag_val_full.txt.bz2", "hellaswag", 10042),
    "boolq": ("boolq.jsonl.zst", "boolq", 3270),
    "copa": ("copa.jsonl.zst", "copa", 100),
    "winograd": ("winograd_wsc.jsonl.zst", "winograd", 273),
}


@pytest.mark.parametrize("name", SIZES)
def test_real_sets_are_read_by_their_tasks(data, name):
    file, task, count = SIZES[name]
    items = sets.items_of(EvaluationSet(files=(str(data("eval") / file),), task=task), name)
    assert len(items) == count
    ngram = size_of([max(len(text.split()) for text in item.texts) for item in items], 0.0, 8, 13)
    assert ngram == (13 if name in ("lambada", "hellaswag", "boolq") else ngram)
    assert 8 <= ngram <= 13
