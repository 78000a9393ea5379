"""Scores of items by a model whose likelihoods are computed here one text at a time, in 64-bit floats."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the model needs torch: pip install '.[train]'")

from curate.evaluate.measures import gain, result  # noqa: E402
from curate.evaluate.models import Model  # noqa: E402
from curate.evaluate.score import Likelihood, Scored, Scores, score, with_answers, written  # noqa: E402
from curate.evaluate.tasks import Item  # noqa: E402
from curate.gpt.model import GPT  # noqa: E402
from curate.gpt.shapes import Shape  # noqa: E402
from curate.gpt.vocabulary import Vocabulary  # noqa: E402
from curate.tokens import load  # noqa: E402

GPT2 = load.load("gpt2")
STORY = "The keeper of the light walked to the harbour and the tide was low. Answer: yes no\n 1 2"
IDS = np.unique(np.concatenate([GPT2.ordinary(STORY), GPT2.ordinary("Answer:"), [GPT2.eot]]))
WORDS = [" keeper", " light", " harbour", " tide", " the", " and the tide"]


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(context: int = 24) -> Model:
    torch.manual_seed(1)
    gpt = GPT(Shape(layers=2, heads=2, width=8, context=context, vocabulary=len(IDS))).double()
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.5)
    return Model(name="small", gpt=gpt.eval(), vocabulary=Vocabulary(IDS, GPT2.eot), tokenizer=GPT2, facts={})


SMALL = small()


def item(context: str, *choices: str, gold: int = 0, number: int = 0, **more) -> Item:
    return Item(number=number, context=context, choices=choices, gold=gold, unconditional="Answer:", **more)


def brute(model: Model, context: str, completion: str) -> tuple[float, bool]:
    """The log-probability of a completion, token by token, and whether each is the likeliest."""
    before = [GPT2.eot, *GPT2.ordinary(context)]
    ids = [GPT2.eot, *GPT2.ordinary(context + completion)]
    nats, greedy = 0.0, True
    for place in range(len(before), len(ids)):
        rows = torch.from_numpy(model.vocabulary.encode(np.array([ids[:place]])))
        with torch.no_grad():
            logits = model.gpt(rows)[0][0, -1].numpy()
        row = int(model.vocabulary.encode(np.array(ids[place])))
        nats += logits[row] - math.log(np.exp(logits).sum())
        greedy &= int(logits.argmax()) == row
    return nats, greedy


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=4, unique=True),
)
def test_the_likelihood_of_each_choice_is_that_of_brute_force(context, choices):
    context = "The" + "".join(context)
    scores = score(SMALL, [item(context, *choices)], unconditional=True)
    for likelihood, neutral, choice in zip(
        scores.items[0].completions, scores.items[0].unconditional, choices, strict=True
    ):
        nats, greedy = brute(SMALL, context, choice)
        assert likelihood.nats == pytest.approx(nats, abs=1e-10)
        assert likelihood.greedy == greedy
        assert likelihood.tokens == len(GPT2.ordinary(choice))
        assert neutral.nats == pytest.approx(brute(SMALL, "Answer:", choice)[0], abs=1e-10)


def test_partial_evaluation_compares_one_completion_after_several_contexts():
    contexts = ("The keeper", "The harbour")
    [scored] = score(SMALL, [item(contexts[1], " was low", " was low", gold=1, contexts=contexts)]).items
    for likelihood, context in zip(scored.completions, contexts, strict=True):
        assert likelihood.nats == pytest.approx(brute(SMALL, context, " was low")[0], abs=1e-10)


@settings(max_examples=20)
@given(st.permutations(range(6)), st.sampled_from([1, 40, 4096]))
def test_neither_the_order_of_items_nor_the_batch_changes_a_score(order, batch_tokens):
    items = [item("The" + word, *WORDS[:3], number=number) for number, word in enumerate(WORDS)]
    straight = {scored.number: scored for scored in score(SMALL, items).items}
    for scored in score(SMALL, [items[number] for number in order], batch_tokens=batch_tokens).items:
        for one, other in zip(scored.completions, straight[scored.number].completions, strict=True):
            assert one.nats == pytest.approx(other.nats, abs=1e-10)


def test_an_item_with_a_token_that_has_no_row_is_left_out_whole_and_counted():
    items = [item("The keeper", " light", " moon", number=0), item("The keeper", " light", " tide", number=1)]
    scores = score(SMALL, items)
    assert [scored.number for scored in scores.items] == [1]
    assert (scores.left_out, scores.example) == ({"token": 1}, " moon")


def test_an_item_whose_completion_no_window_holds_is_left_out_and_one_with_a_long_context_is_cut():
    tiny = small(4)
    scores = score(tiny, [item("The", " the" * 5, number=0), item("The" + " the" * 9, " tide", " light", number=1)])
    assert scores.left_out == {"length": 1}
    # 11 tokens with end-of-text and the completion's one, of which 5 fit: 4 are read and 1 is predicted.
    assert [one.cut for one in scores.items[0].completions] == [7, 7]


def likelihood(nats: float, tokens: int = 1, size: int = 1, greedy: bool = False) -> Likelihood:
    return Likelihood(nats=nats, tokens=tokens, bytes=size, greedy=greedy, cut=0)


def test_normalisations_by_hand():
    one, other = likelihood(-6, tokens=3, size=12), likelihood(-4, tokens=1, size=2)
    scored = Scored(0, 0, (one, other), (likelihood(-9), likelihood(-5)))
    assert scored.values("sum") == [-6, -4]
    assert scored.values("per_token") == [-2, -4]
    assert scored.values("per_byte") == [-0.5, -2]
    assert scored.values("unconditional") == [3, 1]
    assert [scored.share_right(way) for way in ("sum", "per_token", "per_byte", "unconditional")] == [0, 1, 1, 1]


@given(st.lists(st.integers(-3, 0), min_size=1, max_size=5), st.data())
def test_equal_choices_share_the_point(nats, data):
    shares = [Scored(0, gold, tuple(map(likelihood, nats))).share_right("sum") for gold in range(len(nats))]
    assert sum(shares) == pytest.approx(1)
    assert all(share == 0 or value == max(nats) for share, value in zip(shares, nats, strict=True))


def test_the_numbers_of_a_task_by_hand():
    right, wrong = (likelihood(-1, size=4), likelihood(-2)), (likelihood(-3, size=4), likelihood(-2))
    scores = Scores([Scored(0, 0, right), Scored(1, 0, wrong), Scored(2, 0, right), Scored(3, 0, wrong)], {"token": 2})
    numbers = result(
        scores,
        model="m",
        task="t",
        form="choice",
        shots=1,
        demonstrations=1,
        normalise="sum",
        chance=0.5,
        seed=0,
    )
    assert (numbers.items, numbers.left_out, numbers.normalise) == (4, {"token": 2}, "sum")
    assert numbers.reported.value == 0.5
    assert numbers.at_chance
    assert numbers.gold_nats.value == -2
    assert numbers.gold_bits_per_byte.value == pytest.approx(8 / 16 / math.log(2))
    assert set(numbers.accuracy) == {"sum", "per_token", "per_byte"}


def test_a_gain_is_that_of_the_items_that_both_have():
    """Items 0 and 2 save one and three nats over 4 and 8 bytes; item 1 has no likelihood with demonstrations."""
    zero = Scores(
        [Scored(n, 0, (likelihood(nats, size=size),)) for n, nats, size in ((0, -5, 4), (1, -9, 4), (2, -7, 8))]
    )
    few = Scores([Scored(n, 0, (likelihood(nats, size=size),)) for n, nats, size in ((2, -4, 8), (0, -4, 4))])
    made = gain(few, zero, 0, "t")
    assert (made.value, made.items) == (pytest.approx(4 / 12 / math.log(2)), 2)
    assert (made.low, made.high) == (pytest.approx(1 / 4 / math.log(2)), pytest.approx(3 / 8 / math.log(2)))
    assert gain(Scores([]), zero, 0, "t") is None


def test_a_task_without_items_has_no_numbers():
    numbers = result(
        Scores([]), model="m", task="t", form="cloze", shots=0, demonstrations=0, normalise="sum", chance=0.0, seed=0
    )
    assert (numbers.accuracy, numbers.reported, numbers.at_chance, numbers.gold_nats) == ({}, None, None, None)


def taught(text: str) -> Model:
    """A model that writes a text by heart after any start of it."""
    torch.manual_seed(0)
    gpt = GPT(Shape(layers=2, heads=2, width=32, context=24, vocabulary=len(IDS)))
    rows = torch.from_numpy(SMALL.vocabulary.encode(np.array([[GPT2.eot, *GPT2.ordinary(text), GPT2.eot]])))
    optimizer = torch.optim.Adam(gpt.parameters(), 1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        gpt(rows[:, :-1], rows[:, 1:])[1].backward()
        optimizer.step()
    return replace(SMALL, gpt=gpt.eval())


def test_a_free_answer_is_what_greedy_decoding_writes_up_to_the_stop():
    model = taught("The tide was low.\n The keeper walked")
    assert written(model, "The tide", "was low.", "\n") == ("was low.", True)
    assert written(model, "The tide ", " was low. ", "\n") == ("was low.", True)
    assert written(model, "The tide", "was", "\n") == ("was low", False)
    assert written(model, "The tide", "was low. The", "\n") == ("was low.", False)
    assert written(model, "The tide", "yes", "\n") == ("was", False)
    assert written(model, "The tide was low.\n The keeper", "walked", "\n") == ("walked", True)  # end-of-text ends it


def test_free_form_counts_exact_matches_and_greedy_tokens():
    model = taught("The tide was low.\n The keeper walked")
    items = [item("The tide", " was low.", number=0), item("The tide", " was", number=1)]
    scores = with_answers(model, score(model, items), items, "\n")
    numbers = result(
        scores, model="m", task="t", form="generate", shots=0, demonstrations=0, normalise="sum", chance=0.0, seed=0
    )
    assert (numbers.normalise, numbers.reported.value) == ("exact_match", 0.5)
    assert numbers.accuracy["greedy"].value == 1.0
