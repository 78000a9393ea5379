"""A trained tokenizer: its size and last id, any text survives it, the order of texts is nothing to it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_tokenizers import STORY

from curate.errors import SettingsError, UserError
from curate.tokens import bpe_training, load

TEXTS = [
    *STORY,
    "Größe, naïve 日本語 — the keeper's keepers kept the keep.\n\n\tdef keep(self):\n        return 12345\n",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "tokenizer.json"
    path.write_bytes(bpe_training.train(TEXTS, 300))
    return load.load(str(path))


def test_a_trained_tokenizer_has_the_size_asked_for_and_end_of_text_last(trained):
    assert (trained.vocabulary, trained.eot, trained.eot_token) == (300, 299, "<|endoftext|>")
    assert trained.byte_lengths().sum() > 300  # every byte, and longer ones


@given(st.text())
def test_any_text_survives_it_and_no_text_makes_its_end(trained, text):
    ids = trained.encode(text)
    assert trained.decode(ids[:-1].tolist()) == text.encode("utf-8", "replace").decode()
    assert trained.eot not in ids[:-1].tolist()


def test_the_first_merge_is_the_most_frequent_pair():
    model = json.loads(bpe_training.train(["xy xy xy ab ab"], 258))["model"]
    assert [[*merge] for merge in model["merges"]] == [["x", "y"]]


@given(st.permutations(TEXTS))
def test_the_order_of_texts_is_nothing_to_it(texts):
    assert bpe_training.train(texts, 280) == bpe_training.train(TEXTS, 280)


@pytest.mark.parametrize("vocabulary", [0, 256, 2**20 + 1])
def test_a_size_that_no_tokenizer_has_is_refused(vocabulary):
    with pytest.raises(SettingsError, match=f"vocabulary lies in 257..1048576, got {vocabulary}"):
        bpe_training.check_size(vocabulary)


def test_texts_that_are_too_few_for_the_size_are_refused():
    with pytest.raises(UserError, match="these texts suffice for 258 ids, not for 4,096"):
        bpe_training.train(["ab"], 4096)
