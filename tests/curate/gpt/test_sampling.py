"""Sampling with a cache equals recomputation; laws of what is drawn; a text comes in whole characters."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the model needs torch: pip install '.[train]'")

import own_tokenizers  # noqa: E402
from hf_models import gpt2, trained  # noqa: E402

from curate.errors import UserError  # noqa: E402
from curate.gpt import hf, sampling  # noqa: E402
from curate.gpt.model import GPT  # noqa: E402
from curate.gpt.sampling import Sampling, draw, encode, nucleus, texts, write  # noqa: E402
from curate.gpt.shapes import PATTERNS, Shape  # noqa: E402
from curate.gpt.vocabulary import Vocabulary  # noqa: E402
from curate.tokens import bpe, tokenizer_json  # noqa: E402

SHAPE = Shape(layers=3, heads=2, width=32, context=16, vocabulary=50, band=3)
KINDS = [kinds for kinds, _ in PATTERNS.values()]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def perturbed(shape: Shape) -> GPT:
    """A model far from its start, whose logits tell tokens and positions apart."""
    torch.manual_seed(0)
    model = GPT(shape).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


def recomputed(model: GPT, prompt: list[int], chosen: Sampling) -> list[int]:
    """Draws every token from the logits of its whole window: what `write` does, without a cache."""
    context, generator = model.shape.context, torch.Generator().manual_seed(chosen.seed)
    tokens, begin = list(prompt), max(0, len(prompt) - context)
    for _ in range(chosen.tokens):
        if len(tokens) - begin > context:
            begin = len(tokens) - max(1, context // 2)
        with torch.no_grad():
            logits = model(torch.tensor([tokens[begin:]]))[0][0, -1]
        tokens.append(draw(logits, chosen, generator))
    return tokens[len(prompt) :]


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("first", [1, 2, 5, 15])
def test_logits_from_a_cache_equal_those_of_the_whole_window(kinds, first):
    model = perturbed(replace(SHAPE, pattern=kinds))
    tokens = torch.randint(50, (2, 16), generator=torch.Generator().manual_seed(1))
    caches = model.caches()
    with torch.no_grad():
        expected = model(tokens)[0]
        assert (model.following(tokens[:, :first], caches) - expected[:, first - 1]).abs().max() < 1e-12
        for at in range(first, 16):
            assert (model.following(tokens[:, at : at + 1], caches) - expected[:, at]).abs().max() < 1e-12


@pytest.mark.parametrize("kinds", KINDS)
def test_a_banded_layer_keeps_its_band_alone(kinds):
    model = perturbed(replace(SHAPE, pattern=kinds))
    caches = model.caches()
    rows = torch.zeros(1, 2, 1, 16, dtype=torch.float64)
    with torch.no_grad():
        model.following(torch.zeros(1, 9, dtype=torch.int64), caches)
    kept = [cache.add(rows, rows)[0].shape[2] for cache in caches]
    assert kept == [3 if model.shape.attention(layer) == "banded" else 10 for layer in range(3)]


def test_a_cache_takes_one_token_at_a_time_and_no_more_than_the_context():
    model = perturbed(SHAPE)
    caches = model.caches()
    with torch.no_grad():
        model.following(torch.zeros(1, 3, dtype=torch.int64), caches)
        with pytest.raises(ValueError, match="read 3 tokens takes one at a time, got 2"):
            model.following(torch.zeros(1, 2, dtype=torch.int64), caches)
        for _ in range(13):
            model.following(torch.zeros(1, 1, dtype=torch.int64), caches)
        with pytest.raises(ValueError, match="17 tokens do not fit a context of 16"):
            model.following(torch.zeros(1, 1, dtype=torch.int64), caches)


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("context", [1, 2, 7, 16])
@pytest.mark.parametrize("length", [1, 6, 16, 17, 40])
def test_tokens_equal_those_of_recomputation_within_the_context_and_beyond(kinds, context, length):
    model = perturbed(replace(SHAPE, pattern=kinds, context=context))
    prompt = torch.randint(50, (length,), generator=torch.Generator().manual_seed(2)).tolist()
    for chosen in (Sampling(tokens=40, seed=3), Sampling(tokens=40, temperature=0)):
        assert [*write(model, prompt, chosen)] == recomputed(model, prompt, chosen)


def test_the_same_seed_gives_the_same_tokens_and_another_one_others():
    model, prompt = perturbed(SHAPE), [1, 2]
    runs = [[*write(model, prompt, Sampling(tokens=30, seed=seed, temperature=2))] for seed in (5, 5, 6)]
    assert runs[0] == runs[1] != runs[2]


def test_the_token_that_stops_a_text_is_not_part_of_it():
    model, prompt = perturbed(SHAPE), [1, 2]
    tokens = [*write(model, prompt, Sampling(tokens=30))]
    assert [*write(model, prompt, Sampling(tokens=30), stop=tokens[9])] == tokens[: tokens.index(tokens[9])]


def test_temperature_0_and_top_1_and_a_small_top_p_take_the_likeliest_token():
    model, prompt = perturbed(SHAPE), [1, 2]
    greedy = [*write(model, prompt, Sampling(tokens=20, temperature=0))]
    assert greedy == [*write(model, prompt, Sampling(tokens=20, top_k=1))]
    assert greedy == [*write(model, prompt, Sampling(tokens=20, top_k=0, top_p=1e-9))]


weights = st.lists(st.integers(0, 20), min_size=1, max_size=30).filter(any)


@given(weights, st.floats(0.001, 1))
@example([10, 14, 13, 13, 13, 14, 15, 15, 19], 0.5)  # four of them are one half, up to the rounding of their sum
def test_the_nucleus_is_the_smallest_set_that_has_the_probability(counts, top_p):
    shares = torch.tensor(counts, dtype=torch.float64) / sum(counts)
    cut = nucleus(shares, top_p)
    kept = cut > 0
    assert torch.equal(cut[kept], shares[kept])
    assert float(cut.sum()) >= top_p - 1e-12
    assert float(cut.sum() - cut[kept].min()) < top_p + 1e-12
    dropped = shares[~kept]
    assert not len(dropped) or dropped.max() <= cut[kept].min()


@given(weights, st.integers(1, 40), st.floats(0.1, 5), st.integers(0, 2**32))
def test_a_drawn_token_is_one_of_the_top_k_and_has_a_probability(counts, top_k, temperature, seed):
    logits = torch.tensor([math.log(count) if count else -math.inf for count in counts])
    chosen = Sampling(top_k=top_k, temperature=temperature)
    token = draw(logits, chosen, torch.Generator().manual_seed(seed))
    assert counts[token] > 0
    assert sum(count > counts[token] for count in counts) < top_k


def test_tokens_are_drawn_as_often_as_their_probabilities_say():
    shares, generator = [0.5, 0.3, 0.15, 0.05], torch.Generator().manual_seed(0)
    logits = torch.tensor(shares).log() + 7
    for chosen, expected in {
        Sampling(temperature=1): shares,
        Sampling(temperature=1, top_k=2): [0.625, 0.375, 0, 0],
        Sampling(temperature=1, top_k=0, top_p=0.9): [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0],
        Sampling(temperature=0.5, top_k=3): [x**2 / (0.25 + 0.09 + 0.0225) for x in shares[:3]] + [0],
    }.items():
        drawn = np.bincount([draw(logits, chosen, generator) for _ in range(4000)], minlength=4) / 4000
        assert np.abs(drawn - expected).max() < 0.03, chosen


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"tokens": 0}, r"^tokens is at least 1, got 0"),
        ({"temperature": -1.0}, r"^temperature is a number from 0 on, got -1"),
        ({"temperature": math.nan}, r"^temperature is a number from 0 on, got nan"),
        ({"top_k": -1}, r"^top_k is a number from 0 on, got -1"),
        ({"top_p": 0.0}, r"^top_p is above 0 and at most 1, got 0"),
        ({"top_p": 1.5}, r"^top_p is above 0 and at most 1, got 1.5"),
        ({"seed": -1}, r"^seed lies in 0\.\.2\^64-1, got -1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**setting)


ids_of_gpt2 = st.lists(st.integers(0, 50255), max_size=30)


@given(ids_of_gpt2)
def test_pieces_of_a_text_together_are_the_text(ids):
    assert "".join(texts(iter(ids), bpe.decode)) == bpe.decode(ids)


@given(st.text(max_size=20))
def test_pieces_of_a_text_hold_no_half_characters(text):
    given_text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    # GPT-2 has an id for each byte, and these are the ids that cut all characters
    ids = [bpe.gpt2().encode_single_token(bytes([byte])) for byte in given_text.encode()]
    assert [*texts(iter(ids), bpe.decode)] == [*given_text.replace("\ufffd", "")] or "\ufffd" in given_text
    assert "".join(texts(iter(ids), bpe.decode)) == given_text


def test_a_piece_comes_as_soon_as_it_is_whole():
    ids = bpe.encode("One café 🙂 more").tolist()[:-1]
    taken: list[int] = []
    pieces = texts((taken.append(number) or number for number in ids), bpe.decode)
    shown = ""
    for piece in pieces:
        shown += piece
        assert shown == bpe.decode(taken)
    assert len(taken) == len(ids)


@pytest.mark.parametrize("make", [own_tokenizers.byte_level, own_tokenizers.unigram, own_tokenizers.llama])
def test_pieces_are_the_text_with_a_tokenizer_of_any_kind(make, tmp_path):
    tokenizer = tokenizer_json.load(str(make(tmp_path / "tokenizer.json")))
    for text in [*own_tokenizers.STORY, "the  xyß🙂 the\n\nthe"]:
        ids = tokenizer.ordinary(text).tolist()
        pieces = [*texts(iter(ids), tokenizer.decode)]
        assert "".join(pieces) == tokenizer.decode(ids)
        assert "\ufffd" not in "".join(pieces[:-1])


def test_a_prompt_is_encoded_in_the_models_rows_and_an_empty_one_begins_a_document():
    story, tokenizer = "The keeper of the light", bpe.named("gpt2")
    ids = tokenizer.encode(story)
    vocabulary = Vocabulary(np.unique(ids).astype(np.int64), tokenizer.eot)
    assert vocabulary.decode(encode(story, tokenizer, vocabulary)) == ids[:-1].tolist()
    assert vocabulary.decode(encode("", tokenizer, vocabulary)) == [tokenizer.eot]
    with pytest.raises(
        UserError, match=r"^the prompt's ' dark' is a token that the model's dataset does not hold; .*full"
    ):
        encode("The keeper of the dark", tokenizer, vocabulary)


def test_an_exported_model_writes_what_the_run_writes(tmp_path):
    """Its vocabulary is the full one, in which only what was trained may be drawn."""
    ids = np.unique(np.concatenate([bpe.encode(text) for text in own_tokenizers.STORY])).astype(np.int64)
    saved = trained(replace(SHAPE, vocabulary=len(ids)), ids=ids)
    hf.export(saved, tmp_path)
    opened = sampling.open_model(tmp_path)
    assert torch.equal(opened.model.wte.weight, saved.model.wte.weight)
    rows = [encode("The keeper", model.tokenizer, model.vocabulary) for model in (saved, opened)]
    chosen = Sampling(tokens=40, temperature=2)
    texts_of = ["".join(sampling.pieces(model, rows[0], chosen)) for model in (saved, opened)]
    assert rows[0] == rows[1]
    assert texts_of[0] == texts_of[1] == sampling.sample(saved, rows[0], chosen)["text"]


def test_a_folder_of_transformers_without_a_tokenizer_is_refused(tmp_path):
    gpt2(tmp_path)
    with pytest.raises(UserError, match=r"holds no tokenizer\.json, and 211 ids are not GPT-2's 50257$"):
        sampling.open_model(tmp_path)


def test_a_cached_model_draws_what_that_of_transformers_finds_likeliest(tmp_path):
    theirs = gpt2(tmp_path)
    prompt = torch.randint(211, (1, 5), generator=torch.Generator().manual_seed(1))
    expected = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=19, do_sample=False, eos_token_id=-1
    )
    tokens = write(hf.load(tmp_path).eval(), prompt[0].tolist(), Sampling(tokens=19, temperature=0))
    assert [*tokens] == expected[0, 5:].tolist()
