"""Log-probabilities against brute force: one text at a time, through the whole model, in 64-bit floats."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the model needs torch: pip install '.[train]'")

from curate.evaluate.encoding import Text  # noqa: E402
from curate.evaluate.likelihood import log_probabilities  # noqa: E402
from curate.gpt.model import GPT  # noqa: E402
from curate.gpt.shapes import Shape  # noqa: E402

SHAPE = Shape(layers=3, heads=2, width=8, context=12, vocabulary=9)
SHAPES = (SHAPE, replace(SHAPE, pattern=("dense", "banded"), band=3), replace(SHAPE, pattern=("banded",), band=2))


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def model(shape: Shape = SHAPE) -> GPT:
    torch.manual_seed(0)
    gpt = GPT(shape).double()
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.4)
    return gpt.eval()


MODELS = [model(shape) for shape in SHAPES]


def brute(gpt: GPT, text: Text) -> tuple[list[float], list[bool]]:
    """Predicts each token from all before it, in a pass of its own."""
    nats, greedy = [], []
    for place in range(text.start, len(text.rows)):
        with torch.no_grad():
            logits = gpt(torch.from_numpy(text.rows[None, :place]))[0][0, -1]
        shares = (logits - logits.max()).exp()
        nats.append(float((shares / shares.sum()).log()[text.rows[place]]))
        greedy.append(int(logits.argmax()) == text.rows[place])
    return nats, greedy


@st.composite
def groups(draw):
    """Groups of texts that share a beginning of any length, none too."""
    token = st.integers(0, SHAPE.vocabulary - 1)
    made = []
    for _ in range(draw(st.integers(1, 4))):
        beginning = draw(st.lists(token, min_size=1, max_size=8))
        group = []
        for _ in range(draw(st.integers(1, 3))):
            rows = beginning + draw(st.lists(token, max_size=SHAPE.context + 1 - len(beginning)))
            group.append(Text(rows=np.array(rows), start=draw(st.integers(1, len(rows)))))
        made.append(group)
    return made


@settings(max_examples=60)
@given(groups(), st.sampled_from(MODELS), st.sampled_from([1, 20, 10_000]))
def test_a_batch_of_any_size_gives_what_brute_force_gives(made, gpt, batch_tokens):
    for group, scores in zip(made, log_probabilities(gpt, made, batch_tokens=batch_tokens), strict=True):
        assert len(scores) == len(group)
        for text, score in zip(group, scores, strict=True):
            nats, greedy = brute(gpt, text)
            np.testing.assert_allclose(score.nats, nats, rtol=0, atol=1e-10)
            assert score.greedy.tolist() == greedy


@settings(max_examples=30)
@given(groups(), st.randoms(use_true_random=False), st.sampled_from(MODELS))
def test_the_order_of_groups_and_of_their_texts_changes_nothing(made, random, gpt):
    order = [(number, random.sample(range(len(group)), len(group))) for number, group in enumerate(made)]
    random.shuffle(order)
    straight = log_probabilities(gpt, made, batch_tokens=30)
    mixed = log_probabilities(gpt, [[made[number][place] for place in inner] for number, inner in order])
    for (number, inner), scores in zip(order, mixed, strict=True):
        for place, score in zip(inner, scores, strict=True):
            np.testing.assert_allclose(score.nats, straight[number][place].nats, rtol=0, atol=1e-10)


def test_a_likelihood_by_hand():
    """Of two tokens and weights of zeros but the embedding's, logits are those of the norm's bias."""
    gpt = GPT(Shape(layers=1, heads=1, width=2, context=4, vocabulary=3)).double()
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.zero_()
        gpt.wte.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]))
        gpt.ln_f.bias.copy_(torch.tensor([1.0, 1.0]))  # so the logits are 0, 1 and 2 everywhere
    [[score]] = log_probabilities(gpt, [[Text(rows=np.array([0, 1, 2, 2]), start=2)]])
    total = np.log(1 + np.e + np.e**2)
    np.testing.assert_allclose(score.nats, [2 - total, 2 - total], atol=1e-12)
    assert score.greedy.tolist() == [True, True]
    [[score]] = log_probabilities(gpt, [[Text(rows=np.array([0, 1, 2, 2]), start=1)]])
    np.testing.assert_allclose(score.nats, [1 - total, 2 - total, 2 - total], atol=1e-12)
    assert score.greedy.tolist() == [False, True, True]


def test_the_shared_beginning_is_computed_once():
    """A group of many completions costs their tokens, not their beginnings."""
    gpt, rows = model(), []
    gpt.h[0].mlp.register_forward_hook(lambda _module, given, _made: rows.append(given[0].shape[:2].numel()))
    beginning = [0, 1, 2, 3, 4, 5, 6, 7]
    texts = [Text(rows=np.array([*beginning, token, token]), start=8) for token in range(9)]
    log_probabilities(gpt, [texts])
    assert sum(rows) == 7 + 9 * 2


def test_a_text_that_does_not_fit_the_context_is_refused():
    with pytest.raises(ValueError, match="14 tokens, scored from 1 on, do not fit 12"):
        log_probabilities(MODELS[0], [[Text(rows=np.zeros(14, np.int64), start=1)]])
