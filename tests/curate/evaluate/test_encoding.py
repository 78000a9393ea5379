"""A context and its completion are tokenized together, and nothing of either is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.evaluate.encoding import Text, Unscorable, encode, joint, rows_before, scored_bytes
from curate.gpt.vocabulary import Vocabulary
from curate.tokens import load

GPT2 = load.load("gpt2")
FULL = Vocabulary(np.arange(GPT2.vocabulary), GPT2.eot)
texts = st.text(st.sampled_from("abc xyz.,\n'é語😀 "), max_size=12)


@given(texts, texts)
def test_the_ids_of_both_texts_are_those_of_the_whole_and_the_context_lies_before_the_completion(context, completion):
    ids, start = joint(GPT2, context, completion)
    assert ids.tolist() == GPT2.ordinary(context + completion).tolist()
    before = GPT2.ordinary(context.rstrip()).tolist()
    assert ids[:start].tolist() == before[:start]
    assert start == len(before) or start == len(ids) or ids[start] != before[start]


def test_blanks_at_the_end_of_the_context_go_to_the_completion():
    ids, start = joint(GPT2, "The sea was ", "calm")
    assert [GPT2.decode([number]) for number in ids[start:]] == [" calm"]
    assert joint(GPT2, "The sea was", " calm")[1] == start


def test_a_token_over_the_border_belongs_to_the_completion():
    ids, start = joint(GPT2, "The light", "house")
    assert [GPT2.decode([number]) for number in ids] == ["The", " lighthouse"]
    assert start == 1


def test_a_text_starts_with_end_of_text_and_states_what_is_scored():
    text = encode(GPT2, FULL, "The sea was", " calm", 8)
    assert text.rows[0] == GPT2.eot
    assert (text.start, text.scored, text.cut) == (4, 1, 0)
    alone = encode(GPT2, FULL, "", "The sea", 8)
    assert (alone.rows.tolist(), alone.start) == ([GPT2.eot, *GPT2.ordinary("The sea")], 1)


@given(st.integers(1, 6), st.integers(1, 30))
def test_a_long_context_is_cut_from_the_left_and_counted(window, words):
    text = encode(GPT2, FULL, " sea" * words, " calm", window)
    whole = [GPT2.eot, *GPT2.ordinary(" sea" * words + " calm")]
    assert text.rows.tolist() == whole[-window - 1 :]
    assert text.cut == len(whole) - len(text.rows)
    assert text.scored == 1


def test_a_completion_that_no_window_holds_is_refused_with_its_length():
    refused = encode(GPT2, FULL, "The", " sea" * 5, 4)
    assert refused == Unscorable("length", "5 tokens, and the context holds 4")
    assert isinstance(encode(GPT2, FULL, "The", " sea" * 4, 4), Text)


@pytest.mark.parametrize(("context", "completion"), [("The tide", " was"), ("The", " tide was")])
def test_a_token_without_a_row_is_named_wherever_it_stands(context, completion):
    compact = Vocabulary(np.union1d(GPT2.ordinary("The was"), GPT2.eot), GPT2.eot)
    assert encode(GPT2, compact, context, completion, 8) == Unscorable("token", " tide")


def test_rows_of_a_compact_vocabulary_are_those_of_the_ids():
    compact = Vocabulary(np.union1d(GPT2.ordinary("The tide was"), GPT2.eot), GPT2.eot)
    text = encode(GPT2, compact, "The tide", " was", 8)
    assert compact.decode(text.rows.tolist()) == [GPT2.eot, *GPT2.ordinary("The tide was").tolist()]
    assert rows_before(GPT2, compact, "The tide ") == text.rows[:-1].tolist()


@pytest.mark.parametrize(("completion", "size"), [(" calm", 4), ("calm", 4), (" 語", 3), ("  ", 2)])
def test_bytes_are_those_without_the_blanks_before(completion, size):
    assert scored_bytes(completion) == size
