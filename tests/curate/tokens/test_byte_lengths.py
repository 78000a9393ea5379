"""The bytes of an id: their sum is the size of the text, or they are not given."""

import json

import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st
from own_tokenizers import STORY, byte_level, gemma, llama, unigram, word_level

from curate.tokens import bpe, load

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(STORY) | st.text("▁ <0xF>thexy</s>|eos")


def loaded(path, **changes):
    """The tokenizer of a file, in which these parts are changed."""
    if changes:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return load.load(str(path))


@given(TEXTS | st.sampled_from(["<|endoftext|>", "a <|endoftext|> b"]))
@limited(deadline=None)
def test_the_bytes_of_gpt2_s_ids_sum_to_those_of_the_text(text):
    tokenizer = bpe.named("gpt2")
    assert tokenizer.byte_lengths()[tokenizer.encode(text)].sum() == len(text.encode())


def test_every_id_of_gpt2_has_the_bytes_of_its_token_and_end_of_text_has_none():
    lengths = bpe.named("gpt2").byte_lengths()
    assert lengths.shape == (bpe.VOCABULARY,)
    assert lengths[bpe.END_OF_TEXT] == 0
    assert lengths[:256].tolist() == [1] * 256
    assert [lengths[number] for number in bpe.named("gpt2").ordinary(" harbour ß")] == [8, 2, 1]
    assert (lengths[: bpe.END_OF_TEXT] >= 1).all()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizers")
    splitters = [{"type": "Digits", "individual_digits": True}]
    splitters.append({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True})
    (folder / "nested").mkdir()
    nested = byte_level(folder / "nested" / "tokenizer.json")
    return [
        loaded(byte_level(folder / "bytes.json")),
        loaded(nested, pre_tokenizer={"type": "Sequence", "pretokenizers": splitters}),
        loaded(gemma(folder / "gemma.json")),
        loaded(gemma(folder / "never.json", scheme="never")),
    ]


@given(TEXTS)
@limited(deadline=None)
def test_the_bytes_of_a_file_s_ids_sum_to_those_of_the_text_that_they_decode_to(files, text):
    for tokenizer in files:
        ids = tokenizer.encode(text)
        assert tokenizer.byte_lengths()[tokenizer.eot] == 0
        assert tokenizer.byte_lengths()[ids].sum() == len(tokenizer.decode(ids[:-1].tolist()).encode())
        if "▁" not in text:  # which some files read as a blank
            assert tokenizer.byte_lengths()[ids].sum() == len(text.encode())


def test_a_token_that_was_added_has_its_own_bytes_and_a_special_one_none(files):
    tokenizer = files[2]
    (number, *_) = tokenizer.ordinary("yyy").tolist()
    assert (tokenizer.byte_lengths()[number], tokenizer.vocabulary - 1) == (3, number)


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


@pytest.mark.parametrize(
    "make",
    [
        lambda path: loaded(llama(path)),  # a blank before each text
        lambda path: loaded(gemma(path, scheme="first")),
        lambda path: loaded(unigram(path)),  # no bytes for what it does not know
        lambda path: loaded(word_level(path, ["a"], specials=["</s>"])),
        lambda path: loaded(byte_level(path), pre_tokenizer=BYTE_LEVEL),
        lambda path: loaded(byte_level(path), normalizer={"type": "Lowercase"}),
        lambda path: loaded(byte_level(path), decoder=None, pre_tokenizer=None),
        lambda path: loaded(gemma(path), normalizer={"type": "Replace", "pattern": {"String": "x"}, "content": "▁"}),
    ],
)
def test_where_neighbours_or_rules_change_the_bytes_none_are_given(make, tmp_path):
    assert make(tmp_path / "tokenizer.json").byte_lengths() is None


@pytest.mark.parametrize("name", ["lstrip", "rstrip"])
def test_a_token_that_takes_the_blanks_beside_it_has_no_bytes_of_its_own(name, tmp_path):
    path = gemma(tmp_path / "tokenizer.json")
    added = json.loads(path.read_text())["added_tokens"]
    assert loaded(path, added_tokens=[token | {name: not token["special"]} for token in added]).byte_lengths() is None
