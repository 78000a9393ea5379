"""Tasks made from a seed: right answers, words that can be found again, the same items for the same seed."""

import re
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.evaluate import generated, tasks
from curate.evaluate.generated import GROUPS, PROBLEMS, SCRAMBLES

SIGNS = {"plus": "+", "minus": "-", "times": "*"}
words = st.text("abcdefghij", min_size=5, max_size=14)


def asked(question):
    return re.fullmatch(r"Q: What is (.+)\?\n\nA:", question)[1]


@pytest.mark.parametrize("name", GROUPS["arithmetic"])
@given(seed=st.integers(0, 2**32))
def test_an_answer_is_what_the_question_comes_to(name, seed):
    question, answer = PROBLEMS[name][1](Random(seed))
    sum_ = asked(question)
    for word, sign in SIGNS.items():
        sum_ = sum_.replace(word, sign)
    assert re.fullmatch(r"[\d ()+*-]+", sum_)
    assert str(eval(sum_)) == answer
    if name != "1DC":
        assert all(int(number) < 10 ** int(name[0]) for number in re.findall(r"\d+", sum_))


@given(seed=st.integers(0, 2**32))
def test_copying_asks_for_the_same_letters(seed):
    question, answer = PROBLEMS["copy"][1](Random(seed))
    assert question == f"{answer} ="
    assert re.fullmatch(r"[a-z]( [a-z]){2,7}", answer)


@given(word=words, seed=st.integers(0, 2**32))
def test_a_scrambled_word_has_the_letters_of_the_word(word, seed):
    made = {name: scramble(word, Random(seed)) for name, (_, scramble) in SCRAMBLES.items()}
    assert made["cycle_letters"] in word + word
    assert made["reversed_words"][::-1] == word
    assert re.sub("[ .!/]", "", made["random_insertion"]) == word
    assert all(mark in " .!/" for mark in made["random_insertion"][1::2])
    assert len(made["random_insertion"]) == 2 * len(word) - 1
    for name, kept in (("anagrams1", 1), ("anagrams2", 2)):
        assert Counter(made[name]) == Counter(word)
        assert made[name][:kept] + made[name][-kept:] == word[:kept] + word[-kept:]


@pytest.mark.parametrize("name", [*PROBLEMS, *SCRAMBLES])
def test_a_seed_gives_the_same_items_which_all_differ_and_another_seed_gives_others(name):
    task = tasks.read_task(name)
    items = tasks.items(task, 1, 7, 200)
    generated.examples.cache_clear()
    assert tasks.items(task, 1, 7, 200) == items
    assert len(items) == 200
    questions = [example.contexts for example in tasks.examples(task, 7)]
    assert len(set(questions)) == len(questions)
    if name != "reversed_words":
        assert questions != [example.contexts for example in tasks.examples(task, 8)]


@pytest.mark.parametrize(
    ("name", "question", "answer"),
    [
        ("2D+", "Q: What is 42 plus 30?\n\nA:", "72"),
        ("1DC", "Q: What is (2 + 8) * 8?\n\nA:", "80"),
        ("anagrams1", "wihch =", "which"),
    ],
)
def test_the_first_items_of_seed_0_are_these_on_every_machine(name, question, answer):
    first = tasks.examples(tasks.read_task(name), 0)[0]
    assert (first.contexts, first.choices) == ((question,), (answer,))


def test_the_words_that_ship_are_frequent_english_words_of_5_to_14_small_letters():
    shipped = generated.shipped_words()
    assert 2500 < len(shipped) < 3000
    assert all(re.fullmatch("[a-z]{5,14}", word) for word in shipped)
    assert {"about", "before", "there"} <= set(shipped[:40])


def test_words_of_a_text_of_ones_own_are_scrambled(tmp_path):
    (tmp_path / "words.txt").write_text("elephants and elephants; Zebras, it's level giraffes\n")
    task = tasks.read_task("reversed_words", tmp_path / "words.txt")
    made = [(example.contexts[0], example.choices[0]) for example in tasks.examples(task, 0)]
    assert made == [("stnahpele =", "elephants"), ("seffarig =", "giraffes")]  # level reads the same backwards


def test_a_group_stands_for_its_tasks():
    assert tasks.expand(["scramble", "piqa", "anagrams1"]) == [*SCRAMBLES, "piqa"]
    assert len(tasks.expand(["arithmetic"])) == 10
