"""A Hugging Face tokenizer.json: round trips, one end-of-text at the end whatever the text says, clear refusals."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st
from own_tokenizers import LARGE, STORY, byte_level, llama, unigram, word_level

from curate.errors import SettingsError
from curate.tokens import load

NAMES = ["<|endoftext|>", "<|im_start|>", "</s>", "<pad>", "<unk>", "<|endoftext", "|>"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return load.load(str(byte_level(tmp_path_factory.mktemp("small") / "tokenizer.json")))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return load.load(str(byte_level(tmp_path_factory.mktemp("large") / "tokenizer.json", entries=LARGE)))


@pytest.fixture(scope="module")
def among_words(tmp_path_factory):
    return load.load(str(unigram(tmp_path_factory.mktemp("unigram") / "tokenizer.json")))


def test_the_vocabulary_decides_how_many_bytes_an_id_has(small, large):
    assert (small.dtype, small.vocabulary) == ("<u2", small.eot + 2)
    assert (large.dtype, large.eot, large.vocabulary) == ("<u4", LARGE, LARGE + 2)
    assert large.encode("a").dtype == np.dtype("<u4")
    assert large.encode("a")[-1] == LARGE > 2**16


@pytest.mark.parametrize(("entries", "dtype"), [(2**16 - 2, "<u2"), (2**16 - 1, "<u4")])
def test_65536_entries_fit_into_two_bytes_and_one_more_does_not(entries, dtype, tmp_path):
    tokenizer = load.load(str(byte_level(tmp_path / "tokenizer.json", entries=entries)))
    assert (tokenizer.vocabulary, tokenizer.dtype) == (entries + 2, dtype)


@given(TEXTS | st.sampled_from(STORY))
@limited(deadline=None)
def test_a_text_survives_its_ids(small, large, text):
    for tokenizer in (small, large):
        assert tokenizer.decode(tokenizer.encode(text)[:-1].tolist()) == text


@given(st.text(), st.sampled_from(NAMES), st.text())
@limited(deadline=None)
def test_end_of_text_is_last_and_only_last_even_if_the_text_names_it(small, large, among_words, before, name, after):
    for tokenizer in (small, large, among_words):
        ids = tokenizer.encode(before + name + after)
        assert ids[-1] == tokenizer.eot
        assert tokenizer.eot not in ids[:-1]
        assert ids.max() < tokenizer.vocabulary


def test_the_names_of_special_tokens_are_plain_text(small):
    text = "a <|endoftext|> b <|im_start|> c"
    ids = small.encode(text)
    assert ids[:-1].max() < small.eot
    assert small.decode(ids[:-1].tolist()) == text


def test_special_tokens_among_a_model_s_words_are_spelled_out(among_words):
    assert among_words.eot_token == "</s>"
    ids = among_words.encode("the</s>the<pad>")
    assert not {0, 1} & set(ids[:-1].tolist())
    assert among_words.decode(ids[:-1].tolist()).replace(" ", "") == "the</s>the<pad>"


@pytest.mark.parametrize("text", ["x</s>y", "</s>", "x </s> y", "the</s></s>the", "a<s>b<unk>", "\nthe</s>\n"])
def test_a_special_token_s_name_inside_a_word_is_spelled_without_blanks(text, tmp_path):
    tokenizer = load.load(str(llama(tmp_path / "tokenizer.json")))
    ids = tokenizer.encode(text)[:-1].tolist()
    assert tokenizer.eot not in ids
    assert tokenizer.decode(ids) == text


def test_what_a_model_does_not_know_stays_its_unknown_token(among_words):
    assert among_words.encode("日")[:-1].tolist().count(2) == 1


def test_nothing_is_truncated_though_the_file_says_so(among_words):
    assert len(among_words.encode(STORY[0])) > 50


def test_half_a_surrogate_pair_is_a_replacement_character(small):
    assert small.decode(small.encode("a\ud800b")[:-1].tolist()) == "a\ufffdb"


@pytest.mark.parametrize("name", ["<|end_of_text|>", "</s>", "<eos>", "<｜end▁of▁sentence｜>"])
def test_the_usual_ends_of_text_are_found(name, tmp_path):
    assert load.load(str(byte_level(tmp_path / "tokenizer.json", eot=name))).eot_token == name


def test_end_of_text_can_be_named(tmp_path):
    path = str(byte_level(tmp_path / "tokenizer.json"))
    assert load.load(path, "<|im_start|>").eot == load.load(path).eot + 1


def test_a_tokenizer_without_an_end_of_text_is_refused_with_its_special_tokens(tmp_path):
    path = str(byte_level(tmp_path / "tokenizer.json", eot="[STOP]"))
    with pytest.raises(SettingsError, match=r"^tokenize.eot: .*has none of the usual ends of text.*\[STOP\], <\|im_st"):
        load.load(path)
    with pytest.raises(SettingsError, match=r"^tokenize.eot: .* has no token '<none>'; .*are \[STOP\], <\|im_start"):
        load.load(path, "<none>")
    assert load.load(path, "[STOP]").eot_token == "[STOP]"


def test_an_end_of_text_that_is_made_of_other_text_is_refused(tmp_path):
    path = word_level(tmp_path / "tokenizer.json", ["a", "</s>"], specials=["</s>"], unknown="</s>")
    with pytest.raises(SettingsError, match="makes '</s>' of other text too"):
        load.load(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read it: No such file"),
        (b"", "not a tokenizer of Hugging Face's"),
        (b"{}", "not a tokenizer of Hugging Face's"),
        (b"\xff\xfe", "not a tokenizer of Hugging Face's"),
        (b'{"model": {"type": "BPE"}}', "not a tokenizer of Hugging Face's"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_one_line_that_names_it(content, message, tmp_path):
    if content is not None:
        (tmp_path / "own.json").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"^tokenize.encoding: .*own\.json: {message}") as error:
        load.load(str(tmp_path / "own.json"))
    assert len(str(error.value).splitlines()) == 1


def test_without_the_library_the_mend_is_named(tmp_path, monkeypatch):
    path = byte_level(tmp_path / "tokenizer.json")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(SettingsError, match=r"pip install '\.\[tokenizers\]'"):
        load.load(str(path))


def test_another_file_than_the_stated_one_is_refused(tmp_path):
    stated = load.load(str(byte_level(tmp_path / "tokenizer.json"))).stated()
    assert load.of(stated, tmp_path).stated() == stated
    word_level(tmp_path / "tokenizer.json", ["a"], specials=["<|endoftext|>"])
    with pytest.raises(SettingsError, match=r"tokenizer\.json: its vocabulary is \d+ here, but \d+ is stated"):
        load.of(stated, tmp_path)
