"""The log-probabilities that a model gives to tokens, exactly, in batches of like lengths.

Texts of a group share their first tokens, such as the demonstrations before each of several completions; these are
computed once for the group. What follows attends to the keys and values of them and to its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from curate.evaluate.encoding import Text
from curate.gpt.attention import banded, dense
from curate.gpt.model import GPT, Attention, linear

BATCH_TOKENS = 4096  # of the texts of a batch, padding included
LOGITS = 1 << 24  # in memory at a time


@dataclass(frozen=True, slots=True)
class Scores:
    """The log-likelihoods that a model gives to the scored tokens of a text."""

    nats: npt.NDArray[np.float64]  # log-probability of each token after all before it
    greedy: npt.NDArray[np.bool_]  # whether each one is the likeliest there; of equally likely ones the first


@dataclass(frozen=True, slots=True)
class _Group:
    number: int
    texts: tuple[Text, ...]
    shared: int  # tokens at the beginning that all texts have, and that no scored token is predicted from

    @property
    def rest(self) -> int:
        return max(len(text.rows) - 1 - self.shared for text in self.texts)


def log_probabilities(
    gpt: GPT, groups: Sequence[Sequence[Text]], *, batch_tokens: int = BATCH_TOKENS
) -> list[list[Scores]]:
    """Returns the scores of each text of each group, in their order, whatever the batches."""
    for text in (text for group in groups for text in group):
        if not 1 <= text.start <= len(text.rows) <= gpt.shape.context + 1:
            raise ValueError(f"{len(text.rows)} tokens, scored from {text.start} on, do not fit {gpt.shape.context}")
    made = [_Group(number, tuple(group), _shared(group)) for number, group in enumerate(groups) if group]
    made.sort(key=lambda group: (group.shared, group.rest))
    results: list[list[Scores]] = [[] for _ in groups]
    for batch in _batches(made, batch_tokens):
        scores = iter(_scores(gpt, batch))
        for group in batch:
            results[group.number] = [next(scores) for _ in group.texts]
    return results


def _shared(texts: Sequence[Text]) -> int:
    """Returns how many first tokens all texts share, of those before the last one that predicts nothing scored."""
    size = min(text.start for text in texts) - 1
    first = texts[0].rows[:size]
    for text in texts[1:]:
        differs = np.flatnonzero(text.rows[:size] != first)
        if len(differs):
            size = int(differs[0])
            first = first[:size]
    return size


def _batches(groups: Sequence[_Group], batch_tokens: int) -> Iterator[list[_Group]]:
    """Yields groups, in order, in batches of at most so many tokens, or of one group; all share tokens or none does."""
    batch: list[_Group] = []
    rows = rest = 0
    for group in groups:
        longest = max(rest, group.rest)
        size = (len(batch) + 1) * group.shared + (rows + len(group.texts)) * longest
        if batch and (size > batch_tokens or (not batch[0].shared and group.shared)):
            yield batch
            batch, rows, longest = [], 0, group.rest
        batch.append(group)
        rows, rest = rows + len(group.texts), longest
    if batch:
        yield batch


def _scores(gpt: GPT, batch: Sequence[_Group]) -> Iterator[Scores]:
    """Yields the scores of the texts of a batch, group by group."""
    device = gpt.wte.weight.device
    before = _padded([group.texts[0].rows[: group.shared] for group in batch])
    pairs = [(number, group, text) for number, group in enumerate(batch) for text in group.texts]
    after = _padded([text.rows[group.shared : -1] for _, group, text in pairs], least=1)
    owner = torch.tensor([number for number, _, _ in pairs], device=device)
    sizes = torch.tensor([group.shared for group in batch], device=device)
    places = [(text.start - 1 - group.shared, len(text.rows) - 1 - group.shared) for _, group, text in pairs]
    with torch.inference_mode():
        hidden = _transformed(gpt, before.to(device), after.to(device), owner, sizes)
        scored = torch.cat([hidden[row, first:last] for row, (first, last) in enumerate(places)])
        targets = np.concatenate([text.rows[text.start :] for _, _, text in pairs])
        nats, greedy = _of_targets(gpt, scored, torch.from_numpy(targets).to(device))
    ends = np.cumsum([last - first for first, last in places])[:-1]
    yield from map(Scores, np.split(nats, ends), np.split(greedy, ends))


def _padded(rows: Sequence[npt.NDArray[np.int64]], least: int = 0) -> Tensor:
    """Returns rows of unequal lengths as one table, filled up behind them, of at least so many columns."""
    table = np.zeros((len(rows), max([least, *map(len, rows)])), np.int64)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return torch.from_numpy(table)


def _of_targets(gpt: GPT, hidden: Tensor, targets: Tensor) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Returns the log-probability of each target after its hidden state (N, d), and whether it is the likeliest."""
    nats, greedy = np.empty(len(targets)), np.empty(len(targets), bool)
    size = max(1, LOGITS // gpt.shape.vocabulary)
    for start in range(0, len(targets), size):
        part = slice(start, start + size)
        logits = linear(hidden[part], gpt.wte.weight).double()
        nats[part] = logits.log_softmax(-1).gather(1, targets[part, None])[:, 0].cpu().numpy()
        greedy[part] = (logits.argmax(-1) == targets[part]).cpu().numpy()
    return nats, greedy


def _transformed(gpt: GPT, before: Tensor, after: Tensor, owner: Tensor, sizes: Tensor) -> Tensor:
    """Returns the normed output (R, S, d) of the last block for texts `after` (R, S), each behind its own beginning.

    before: the beginnings (B, P), of which sizes (B) tokens count. owner: the number of each text's beginning (R).
    """
    here = sizes[owner][:, None] + torch.arange(after.shape[1], device=after.device)
    x = gpt.wte(after) + gpt.wpe(here.clamp(max=gpt.shape.context - 1))  # what lies behind is padding
    if not before.shape[1]:
        for block in gpt.h:
            x = block(x)
        return _normed(gpt, x)
    past = gpt.wte(before) + gpt.wpe(torch.arange(before.shape[1], device=before.device))
    back, is_there = _distances(here, before.shape[1], sizes[owner])
    for block in gpt.h:
        query, key, value = _heads(block.attn, block.ln_1(x))
        shared = _heads(block.attn, block.ln_1(past))
        mask = is_there if block.attn.band is None else is_there & (back < block.attn.band)
        keys, values = (torch.cat((old[owner], new), 2) for old, new in zip(shared[1:], (key, value), strict=True))
        mixed = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask[:, None])
        x = x + _joined(block.attn, mixed)
        x = x + block.mlp(block.ln_2(x))
        band = block.attn.band
        past = past + _joined(block.attn, dense(*shared) if band is None else banded(*shared, band))
        past = past + block.mlp(block.ln_2(past))
    return _normed(gpt, x)


def _distances(here: Tensor, size: int, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Returns how far each key lies behind each query (R, S, P + S), and whether the query sees it in a dense layer."""
    first = torch.arange(size, device=here.device).expand(len(here), -1)
    keys = torch.cat((first, here), 1)
    padding = torch.cat((first >= sizes[:, None], torch.zeros_like(here, dtype=torch.bool)), 1)
    back = here[:, :, None] - keys[:, None]
    return back, (back >= 0) & ~padding[:, None]


def _heads(attention: Attention, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns queries, keys and values (B, heads, T, d / heads) of a normed input (B, T, d)."""
    query, key, value = attention.c_attn(x).view(*x.shape[:2], 3, attention.heads, -1).permute(2, 0, 3, 1, 4)
    return query, key, value


def _joined(attention: Attention, mixed: Tensor) -> Tensor:
    """Returns what an attention adds (B, T, d), of its mixed values (B, heads, T, d / heads)."""
    added: Tensor = attention.c_proj(mixed.transpose(1, 2).flatten(2))
    return added


def _normed(gpt: GPT, x: Tensor) -> Tensor:
    normed: Tensor = gpt.ln_f(x)
    return normed
