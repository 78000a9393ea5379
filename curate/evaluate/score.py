"""The likelihood that a model gives to each completion of each item, and the numbers that follow from it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from curate.evaluate.encoding import Text, Unscorable, encode, rows_before, scored_bytes
from curate.evaluate.likelihood import BATCH_TOKENS, log_probabilities
from curate.evaluate.likelihood import Scores as TokenScores
from curate.evaluate.models import Model
from curate.gpt import sampling
from curate.gpt.sampling import Sampling

if TYPE_CHECKING:
    from curate.evaluate.tasks import Item

SIZES = {"sum": None, "per_token": "tokens", "per_byte": "bytes"}  # by which a likelihood is divided
SPARE_TOKENS = 4  # that a free answer may have beside one for each byte: blanks and the stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """The log-likelihood that a model gives to a completion behind its context."""

    nats: float  # log-probability of all its tokens
    tokens: int
    bytes: int  # of the completion in UTF-8, without the blanks before it
    greedy: bool  # whether greedy decoding gives it
    cut: int  # tokens of the context that did not fit the window


@dataclass(frozen=True, slots=True)
class Scored:
    """An item whose completions have likelihoods."""

    number: int
    gold: int  # the number of the right completion
    completions: tuple[Likelihood, ...]
    unconditional: tuple[Likelihood, ...] = ()  # of the same completions after the task's neutral context
    answer: str | None = None  # of free form: what greedy decoding wrote
    right: bool | None = None  # of free form: whether that is the answer

    @property
    def best(self) -> Likelihood:
        """Returns the likelihood of the right completion."""
        return self.completions[self.gold]

    def values(self, normalisation: str) -> list[float]:
        """Returns what the completions are compared by."""
        if normalisation == "unconditional":
            return [one.nats - other.nats for one, other in zip(self.completions, self.unconditional, strict=True)]
        size = SIZES[normalisation]
        return [one.nats / max(1, getattr(one, size)) if size else one.nats for one in self.completions]

    def share_right(self, normalisation: str) -> float:
        """Returns 1 where the right completion is the likeliest, 0 where it is not, a share where several are."""
        values = self.values(normalisation)
        likeliest = [number for number, value in enumerate(values) if value == max(values)]
        return 1 / len(likeliest) if self.gold in likeliest else 0.0


@dataclass(frozen=True, slots=True)
class Scores:
    """The items of a task, scored."""

    items: list[Scored]
    left_out: Mapping[str, int] = field(default_factory=dict)  # items by the reason why they have no likelihood
    example: str = ""  # what is at fault in the first of these


def score(
    model: Model, items: "Sequence[Item]", *, unconditional: bool = False, batch_tokens: int = BATCH_TOKENS
) -> Scores:
    """Returns the likelihoods of all completions of items; an item of which one has none is left out and counted.

    unconditional: those after each item's neutral context too. batch_tokens: changes the speed only.
    """
    left_out: Counter[str] = Counter()
    example = ""
    kept: list[Item] = []
    groups: list[list[Text]] = []
    for item in items:
        outcome = _texts(model, item, unconditional=unconditional)
        if isinstance(outcome, Unscorable):
            left_out[outcome.reason] += 1
            example = example or outcome.detail
        else:
            kept.append(item)
            groups += outcome
    made = log_probabilities(model.gpt, groups, batch_tokens=batch_tokens)
    sides = 2 if unconditional else 1
    scored = []
    for number, item in enumerate(kept):
        own = slice(number * sides, (number + 1) * sides)
        pairs = zip(groups[own], made[own], strict=True)
        sets = [tuple(map(_likelihood, item.choices, texts, scores)) for texts, scores in pairs]
        scored.append(Scored(item.number, item.gold, sets[0], sets[1] if unconditional else ()))
    return Scores(scored, dict(left_out), example)


def _texts(model: Model, item: "Item", *, unconditional: bool) -> list[list[Text]] | Unscorable:
    """Returns the texts of an item's completions, behind their contexts and, if wanted, behind the neutral one."""
    neutral = [(item.unconditional, completion) for completion in item.choices]
    groups = []
    for pairs in (item.pairs, neutral) if unconditional else (item.pairs,):
        group = []
        for context, completion in pairs:
            text = encode(model.tokenizer, model.vocabulary, context, completion, model.window)
            if isinstance(text, Unscorable):
                return text
            group.append(text)
        groups.append(group)
    return groups


def _likelihood(completion: str, text: Text, scores: TokenScores) -> Likelihood:
    return Likelihood(
        nats=float(scores.nats.sum()),
        tokens=text.scored,
        bytes=scored_bytes(completion),
        greedy=bool(scores.greedy.all()),
        cut=text.cut,
    )


def with_answers(model: Model, scores: Scores, items: "Sequence[Item]", stop: str) -> Scores:
    """Returns the scores of free-form items with what greedy decoding writes, and whether that is the answer."""
    by_number = {item.number: item for item in items}
    answered = []
    for scored in scores.items:
        item = by_number[scored.number]
        answer, right = written(model, item.context, item.choices[item.gold], stop)
        answered.append(replace(scored, answer=answer, right=right))
    return replace(scores, items=answered)


def written(model: Model, context: str, answer: str, stop: str) -> tuple[str, bool]:
    """Returns what greedy decoding writes up to the stop, and whether it is the answer; blanks around do not count.

    Decoding ends early where the text cannot become the answer any more. The model has rows for the context's tokens.
    """
    wanted, text = answer.strip(), ""
    most = len(wanted.encode("utf-8", "replace")) + SPARE_TOKENS
    prompt = rows_before(model.tokenizer, model.vocabulary, context)
    end = int(model.vocabulary.encode(np.array(model.vocabulary.eot)))
    rows = sampling.write(model.gpt, prompt, Sampling(tokens=most, temperature=0, top_k=0), end)
    for piece in sampling.texts((model.vocabulary.decode([row])[0] for row in rows), model.tokenizer.decode):
        text += piece
        if stop in text:
            text = text.partition(stop)[0]
            break
        if not wanted.startswith(text.strip()):
            break
    return text.strip(), text.strip() == wanted
