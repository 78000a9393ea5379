"""Bits per byte: every token once, by brute force, by source and domain; and what a context gives."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_tokenizers import byte_level
from small_sets import write, write_meta

torch = pytest.importorskip("torch", reason="the model needs torch: pip install '.[train]'")

from curate.errors import SettingsError  # noqa: E402
from curate.evaluate import incontext  # noqa: E402
from curate.evaluate.models import Model  # noqa: E402
from curate.evaluate.perplexity import measure, windows  # noqa: E402
from curate.gpt.model import GPT  # noqa: E402
from curate.gpt.shapes import Shape  # noqa: E402
from curate.gpt.vocabulary import Vocabulary  # noqa: E402
from curate.tokens import load  # noqa: E402

GPT2 = load.load("gpt2")
STORY = "The keeper of the light walked to the harbour"
LONG = " ".join([STORY] * 3)


def small(context: int = 8, ids=None) -> Model:
    """A model of all tokens of the story, in 64-bit floats."""
    torch.manual_seed(2)
    ids = np.unique([*GPT2.ordinary(STORY), *GPT2.ordinary(" " + STORY), GPT2.eot]) if ids is None else ids
    gpt = GPT(Shape(layers=1, heads=2, width=8, context=context, vocabulary=len(ids))).double()
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.5)
    return Model(name="small", gpt=gpt.eval(), vocabulary=Vocabulary(ids, GPT2.eot), tokenizer=GPT2, facts={})


def brute(model: Model, text: str, stride: int) -> float:
    """The bits of a text and its end, each token from the window that the stride gives it."""
    rows = model.vocabulary.encode(np.array([GPT2.eot, *GPT2.ordinary(text), GPT2.eot]))
    bits = 0.0
    for place in range(1, len(rows)):
        # The window that scores this token: the first ends after `window` tokens, each other one `stride` further.
        end = model.window + max(0, math.ceil((place - model.window) / stride)) * stride
        begin = max(0, min(end, len(rows) - 1) - model.window)
        with torch.no_grad():
            logits = model.gpt(torch.from_numpy(rows[None, begin:place]))[0][0, -1]
        bits -= float(logits.log_softmax(-1)[rows[place]]) / math.log(2)
    return bits


@given(st.integers(1, 40), st.integers(1, 9), st.data())
def test_every_token_is_scored_once_after_as_many_as_the_stride_leaves(count, window, data):
    stride = data.draw(st.integers(1, window))
    rows = np.arange(count)
    done = []
    for text in windows(rows, window, stride):
        assert len(text.rows) <= window + 1
        for place in range(text.start, len(text.rows)):
            done.append(int(text.rows[place]))
            assert place >= min(done[-1], window - stride + 1 if text.rows[0] else 1)
    assert done == list(range(1, count))


@pytest.mark.parametrize("stride", [1, 3, 8])
def test_the_bits_of_a_text_are_those_of_brute_force(tmp_path, stride):
    (tmp_path / "a.txt").write_text(LONG)
    model = small()
    made = measure(model, tmp_path / "a.txt", seed=0, stride=stride)
    assert made.whole.bytes == len(LONG)
    assert made.whole.bits_per_byte.value * len(LONG) == pytest.approx(brute(model, LONG, stride), abs=1e-9)


def test_rows_are_measured_by_source_and_domain_and_those_with_a_missing_token_are_counted(tmp_path):
    rows = [
        {"text": STORY, "url": "https://A.example/1", "source": "one"},
        {"text": LONG, "url": "https://b.example/2", "source": "one"},
        {"text": STORY, "url": "https://a.example/3", "source": "two"},
        {"text": "zebra", "url": "https://b.example/4", "source": "two"},
        {"text": ""},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = small()
    made = measure(model, tmp_path / "a.jsonl", seed=0)
    one, two = brute(model, STORY, 4), brute(model, LONG, 4)
    sizes = len(STORY), len(LONG)
    assert dict(made.left_out) == {"documents": 1, "bytes": 5}
    assert [(part.name, part.documents, part.bytes) for part in made.domains] == [
        ("b.example", 1, sizes[1]),
        ("a.example", 2, 2 * sizes[0]),
    ]
    assert made.domains[0].bits_per_byte.value == pytest.approx(two / sizes[1])
    assert made.sources[0].bits_per_byte.value == pytest.approx((one + two) / sum(sizes))
    assert made.whole.bits_per_byte.value == pytest.approx((2 * one + two) / (2 * sizes[0] + sizes[1]))


def shards(folder, texts, *, sizes=None, changes=None):
    """A manifest whose held-out shard of the source `web` holds these texts."""
    documents = [[*map(int, GPT2.ordinary(text)), GPT2.eot] for text in texts]
    manifest = write(folder, {"web": (1, {"valid": [[token for one in documents for token in one]]})}, changes)
    lengths = [len(one) for one in documents]
    write_meta(folder / "shards/valid/web/part-00000-of-00001.meta.parquet", "web.example", lengths, sizes=sizes)
    return manifest


def test_held_out_shards_have_the_bits_of_their_texts_and_the_bytes_that_they_state(tmp_path):
    model = small()
    made = measure(model, shards(tmp_path, [STORY, LONG]), seed=0)
    size = 3 * sum(len(GPT2.ordinary(text)) + 1 for text in (STORY, LONG))  # as small_sets states them
    assert (made.whole.documents, made.whole.bytes) == (2, size)
    assert made.whole.bits_per_byte.value * size == pytest.approx(brute(model, STORY, 4) + brute(model, LONG, 4))
    assert [part.name for part in made.domains] == ["web.example"]


def other(path) -> Model:
    """A model of another tokenizer, a byte-level one of its own, that has rows for all ids."""
    tokenizer = load.load(str(byte_level(path)))
    model = small(16, np.arange(tokenizer.vocabulary))
    return replace(model, tokenizer=tokenizer, vocabulary=Vocabulary(np.arange(tokenizer.vocabulary), tokenizer.eot))


def test_shards_of_another_tokenizer_are_decoded_and_have_the_bits_of_their_texts(tmp_path):
    texts = [STORY, "Zwölf Boxkämpfer: " + LONG]
    manifest = shards(tmp_path, texts, sizes=[len(text.encode()) for text in texts])
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    model = other(tmp_path / "own.json")
    made, expected = measure(model, manifest, seed=0), measure(model, tmp_path / "a.jsonl", seed=0)
    assert (made.decoded, expected.decoded) == ("gpt2", None)
    assert made.whole == expected.whole
    assert made.whole.tokens == sum(len(model.tokenizer.ordinary(text)) + 1 for text in texts)


def test_shards_whose_ids_do_not_give_back_their_texts_are_refused(tmp_path):
    manifest = shards(tmp_path, [STORY], sizes=[len(STORY) + 1])  # as of a tokenizer that drops a blank
    reason = (
        f"a document of {len(STORY) + 1} bytes has {len(STORY)} where its ids are decoded, so its tokenizer does not"
    )
    with pytest.raises(SettingsError, match=reason):
        measure(other(tmp_path / "own.json"), manifest, seed=0)


def test_without_held_out_text_there_is_nothing_to_measure(tmp_path):
    manifest = write(tmp_path, {"web": (1, {"train": [[1, 2]]})})
    with pytest.raises(SettingsError, match="split valid holds no document"):
        measure(small(), manifest, seed=0)


def test_a_text_of_unknown_tokens_alone_says_so(tmp_path):
    (tmp_path / "a.txt").write_text("zebra")
    with pytest.raises(SettingsError, match="but 1 with tokens that the model has no row for"):
        measure(small(), tmp_path / "a.txt", seed=0)


class Copying(torch.nn.Module):
    """Predicts the token that followed the last occurrence of the current one; without one, all alike."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, self.h, self.ln_f = shape, [], torch.nn.Identity()
        size = shape.vocabulary
        self.wte, self.wpe = torch.nn.Embedding(size, size), torch.nn.Embedding(shape.context, size)
        with torch.no_grad():
            self.wte.weight.copy_(torch.eye(size))
            self.wpe.weight.zero_()
        self.h.append(self.copied)

    def copied(self, x):
        rows = x.argmax(-1)
        out = torch.zeros_like(x)
        for text in range(len(rows)):
            after = {}
            for place, row in enumerate(rows[text].tolist()):
                if place:
                    after[int(rows[text, place - 1])] = row
                if row in after:
                    out[text, place, after[row]] = 5.0
        return out


def test_a_model_that_copies_has_induction_and_one_that_guesses_has_none():
    ids = np.arange(100)
    vocabulary = Vocabulary(ids, 99)
    copying = Copying(Shape(layers=1, heads=1, width=100, context=40, vocabulary=100)).double()
    model = Model(name="copying", gpt=copying, vocabulary=vocabulary, tokenizer=GPT2, facts={})
    made = incontext.induction(model, seed=0, strings=20)
    assert made.tokens == 20
    assert made.second.value < made.first.value - 1
    assert not made.at_chance
    guessing = GPT(Shape(layers=1, heads=1, width=8, context=40, vocabulary=100)).double()
    with torch.no_grad():
        for parameter in guessing.parameters():
            parameter.zero_()
    flat = incontext.induction(
        Model(name="flat", gpt=guessing, vocabulary=vocabulary, tokenizer=GPT2, facts={}), seed=0, strings=20
    )
    assert flat.first.value == pytest.approx(math.log(100))
    assert flat.difference.value == pytest.approx(0, abs=1e-12)


def test_the_loss_late_in_a_window_is_compared_with_that_early_and_the_places_are_stated(tmp_path):
    ids = np.arange(60)
    manifest = write(
        tmp_path,
        {"web": (1, {"valid": [np.random.default_rng(0).integers(0, 59, 400).tolist()]})},
        {"tokenizer": GPT2.stated()},
    )
    torch.manual_seed(0)
    gpt = GPT(Shape(layers=1, heads=2, width=8, context=120, vocabulary=60)).double()
    model = Model(name="m", gpt=gpt, vocabulary=Vocabulary(ids, 59), tokenizer=GPT2, facts={})
    made = incontext.positions(model, manifest, seed=0)
    assert (made.windows, made.early, made.late) == (3, 12, 120)  # a tenth, as 50 is of 500
    assert made.difference.value == pytest.approx(made.late_loss.value - made.early_loss.value)
    losses = []
    tokens = torch.from_numpy(np.fromfile(next(tmp_path.rglob("*.bin")), "<u2").astype(np.int64))
    for rows in (tokens[:121], tokens[120:241], tokens[240:361]):
        with torch.no_grad():
            nats = -gpt(rows[None, :-1])[0][0].log_softmax(-1).gather(1, rows[1:, None])[:, 0].numpy()
        losses.append((nats[2:12].mean(), nats[110:].mean()))
    early, late = np.mean(losses, 0)
    assert (made.early_loss.value, made.late_loss.value) == (pytest.approx(early), pytest.approx(late))


def test_a_context_too_short_for_two_places_is_refused(tmp_path):
    gpt = GPT(Shape(layers=1, heads=2, width=8, context=19, vocabulary=60))
    model = Model(name="short", gpt=gpt, vocabulary=Vocabulary(np.arange(60), 59), tokenizer=GPT2, facts={})
    with pytest.raises(SettingsError, match="short: a context of 19 tokens is too short to compare two places in it"):
        incontext.positions(model, tmp_path / "manifest.json", seed=0)
