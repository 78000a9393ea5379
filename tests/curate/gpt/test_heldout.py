"""Held-out windows, the exact bytes of their targets, and the ids that occur."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st
from small_sets import write

torch = pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")

from curate.gpt.devices import Group, choose  # noqa: E402
from curate.gpt.heldout import Validation, held_out, validate  # noqa: E402
from curate.gpt.model import GPT  # noqa: E402
from curate.gpt.shapes import Shape  # noqa: E402
from curate.gpt.vocabulary import NO_TOKEN, Vocabulary, occurring_ids, read_vocabulary  # noqa: E402
from curate.tokens import bpe  # noqa: E402

GPT2 = bpe.named("gpt2")
TEXTS = {
    "a": ["The keeper of the light walked to the harbour.", "Zwölf Boxkämpfer 🥊 jagen", ""],
    "b": ["日本語の文章。", "x = f(y)\n\n    return x"],
}


def ids(texts):
    return np.concatenate([GPT2.encode(text) for text in texts]).tolist()


def starts(sources):
    return [window for source in sources for window in source.windows[:, 0].tolist()]


def test_held_out_windows_predict_every_token_but_the_first_once_and_in_order(tmp_path):
    manifest = write(
        tmp_path, {"a": (1, {"valid": [range(20), range(20, 50)]}), "b": (1, {"valid": [[5]]}), "c": (1, {})}
    )
    (source,) = held_out(manifest, 16, 100)
    assert source.windows.shape == (4, 17)
    assert source.windows[:, 1:][source.windows[:, 1:] != NO_TOKEN].tolist() == list(range(1, 50))
    assert (source.source, source.targets, source.available, source.bytes) == ("a", 49, 4, None)


def test_held_out_windows_are_shared_out_by_weight_and_limited(tmp_path):
    sources = {"a": (0.75, {"valid": [range(500)]}), "b": (0.25, {"valid": [range(1000, 1500)]})}
    windows = held_out(write(tmp_path, sources), 16, 8)
    assert starts(windows) == [0, 16, 32, 48, 64, 80, 1000, 1016]
    assert [source.available for source in windows] == [32, 32]
    assert len(starts(held_out(tmp_path / "manifest.json", 16, 0))) == 64


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 90)), min_size=1, max_size=6), st.integers(0, 100))
@limited(max_examples=40, deadline=None)
def test_every_source_gives_a_window_and_all_give_what_is_asked_for_or_all_that_they_have(
    tmp_path_factory, drawn, limit
):
    sources = {
        f"s{number}": (weight, {"valid": [range(16 * windows + 1)]}) for number, (weight, windows) in enumerate(drawn)
    }
    counts = [len(source.windows) for source in held_out(write(tmp_path_factory.mktemp("set"), sources), 16, limit)]
    available = [windows for _, windows in drawn]
    assert all(1 <= count <= most for count, most in zip(counts, available, strict=True))
    wanted = min(limit, sum(available)) if limit else sum(available)
    assert wanted <= sum(counts) < wanted + len(drawn)


def test_a_source_with_few_windows_leaves_its_share_to_the_others(tmp_path):
    sources = {"a": (9, {"valid": [range(17)]}), "b": (1, {"valid": [range(500)]})}
    assert [len(source.windows) for source in held_out(write(tmp_path, sources), 16, 10)] == [1, 9]


def test_without_held_out_text_there_are_no_windows_and_a_line_says_so(tmp_path):
    sources = held_out(write(tmp_path, {"a": (1, {"train": [range(500)]})}), 16, 8)
    assert sources == ()
    assert Validation(sources, ()).notes(8) == [
        "split valid has 0 windows for measuring the loss on held-out text, not 8; pack.valid_tokens gives it more"
    ]
    assert Validation(sources, ()).notes(0) == ["split valid has 0 windows for measuring the loss on held-out text"]


@pytest.mark.parametrize("context", [1, 3, 16, 1000])
def test_the_bytes_of_a_source_s_targets_are_those_of_its_text_less_the_first_token_s(tmp_path, context):
    manifest = write(tmp_path, {name: (1, {"valid": [ids(texts)]}) for name, texts in TEXTS.items()})
    for source in held_out(manifest, context, 0, GPT2.byte_lengths()):
        text = "".join(TEXTS[source.source])
        first = GPT2.ordinary(text)[:1].tolist()
        assert source.bytes == len(text.encode()) - int(GPT2.byte_lengths()[first].sum())


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1), st.integers(1, 40))
@limited(max_examples=30, deadline=None)
def test_the_bytes_of_all_targets_and_of_the_first_token_are_those_of_the_texts(tmp_path_factory, texts, context):
    tokens = ids(texts)
    manifest = write(tmp_path_factory.mktemp("set"), {"a": (1, {"valid": [tokens]})})
    counted = sum(source.bytes for source in held_out(manifest, context, 0, GPT2.byte_lengths()))
    first = int(GPT2.byte_lengths()[tokens[0]]) if len(tokens) > 1 else 0
    assert counted + first == (len("".join(texts).encode()) if len(tokens) > 1 else 0)


def test_the_loss_and_the_bits_per_byte_of_each_source_are_those_of_its_targets_one_by_one(tmp_path):
    manifest = write(tmp_path, {name: (1, {"valid": [ids(texts)]}) for name, texts in TEXTS.items()})
    vocabulary, lengths = read_vocabulary(manifest, "compact"), GPT2.byte_lengths()
    validation = Validation.of(held_out(manifest, 8, 0, lengths), vocabulary)
    torch.manual_seed(1)
    model = GPT(Shape(layers=1, heads=2, width=16, context=8, vocabulary=len(vocabulary.ids)))
    losses = validate(model, validation, 3, Group(choose(model.shape, device="cpu")))
    nats, sizes = {}, {}
    for name, texts in TEXTS.items():
        rows = torch.from_numpy(vocabulary.encode(np.array(ids(texts))))
        nats[name] = 0.0
        for at in range(1, len(rows)):
            start = (at - 1) // 8 * 8
            with torch.no_grad():
                logits = model(rows[None, start:at])[0][0, -1]
            nats[name] -= logits.double().log_softmax(0)[rows[at]].item()
        assert losses[name] == pytest.approx(nats[name] / (len(rows) - 1), rel=1e-5)
        sizes[name] = int(lengths[ids(texts)[1:]].sum())
        assert validation.bits_by_source(losses)[name] == pytest.approx(nats[name] / math.log(2) / sizes[name])
    assert validation.bits_per_byte(losses) == pytest.approx(sum(nats.values()) / math.log(2) / sum(sizes.values()))
    assert validation.mean(losses) == pytest.approx(sum(nats.values()) / sum(s.targets for s in validation.sources))


def test_without_the_bytes_of_ids_there_are_no_bits_per_byte_and_a_line_says_why(tmp_path):
    manifest = write(tmp_path, {"a": (1, {"valid": [range(33)]})})
    validation = Validation.of(held_out(manifest, 16, 0), Vocabulary(np.arange(50257), 50256))
    assert validation.bits_per_byte({"a": 1.0}) is None
    assert validation.bits_by_source({"a": 1.0}) == {}
    assert validation.notes(2) == ["no bits per byte: the bytes of this tokenizer's ids depend on their neighbours"]


def test_ids_that_occur_are_those_of_both_splits(tmp_path):
    manifest = write(tmp_path, {"a": (1, {"train": [[5, 9, 50256], []], "valid": [[7, 5]]})})
    assert occurring_ids(manifest).tolist() == [5, 7, 9, 50256]


@pytest.mark.parametrize(("dtype", "wrong"), [("<u2", 50300), ("<u4", 100_300)])
def test_an_id_beyond_the_tokenizer_is_named_with_its_file(tmp_path, dtype, wrong):
    manifest = write(tmp_path, {"a": (1, {"train": [[5], [wrong]]})}, dtype=dtype)
    with pytest.raises(ValueError, match=rf"part-00001-of-00002\.bin: holds token {wrong}"):
        occurring_ids(manifest)
