"""Text that a model writes: tokens drawn one at a time, with the keys and values of those before in a cache.

A model has no position beyond its context. Where that is full, the last half of it is encoded anew from the first
position on, and writing goes on from there; of a longer prompt, the last tokens that fit are read.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from curate.errors import UserError
from curate.gpt import checkpoint, hf
from curate.gpt.checkpoint import Saved
from curate.gpt.model import GPT
from curate.gpt.result import RECORD, folder_of
from curate.gpt.vocabulary import Vocabulary
from curate.settings import check
from curate.tokens import load as tokenizers
from curate.tokens.bpe import VOCABULARY
from curate.tokens.tokenizer import FILE, Tokenizer

CUT = "\ufffd"  # what a tokenizer's decode gives for the bytes of half a character


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """The rule by which tokens are drawn: first by temperature, then among the top_k, then among the top_p."""

    tokens: int = 200  # at most
    temperature: float = 0.8  # 1 is the model's own distribution, 0 always takes the likeliest token
    top_k: int = 40  # draw from so many of the likeliest tokens; 0: from all
    top_p: float = 1.0  # draw from the fewest tokens that have this probability together (Holtzman et al. 2020)
    seed: int = 0

    def __post_init__(self) -> None:
        check(self.tokens >= 1, f"tokens is at least 1, got {self.tokens}")
        check(0 <= self.temperature < math.inf, f"temperature is a number from 0 on, got {self.temperature}")
        check(self.top_k >= 0, f"top_k is a number from 0 on, got {self.top_k}")
        check(0 < self.top_p <= 1, f"top_p is above 0 and at most 1, got {self.top_p}")
        check(0 <= self.seed < 2**64, f"seed lies in 0..2^64-1, got {self.seed}")


def encode(text: str, tokenizer: Tokenizer, vocabulary: Vocabulary) -> list[int]:
    """Returns the rows of the embedding of a prompt, those of end-of-text for an empty one, which begins a document.

    Raises UserError where the model has no row for a token.
    """
    ids = np.asarray(tokenizer.ordinary(text), np.int64) if text else np.array([vocabulary.eot])
    lacking = ids[~np.isin(ids, vocabulary.ids)]
    if len(lacking):
        piece = tokenizer.decode([int(lacking[0])])
        mend = 'write the prompt without it, or train with vocabulary = "full"'
        raise UserError(f"the prompt's {piece!r} is a token that the model's dataset does not hold; {mend}")
    rows: list[int] = vocabulary.encode(ids).tolist()
    return rows


def write(model: GPT, prompt: Sequence[int], chosen: Sampling, stop: int | None = None) -> Iterator[int]:
    """Yields the tokens that follow a prompt of at least one, all as rows of the embedding; `stop` ends it, unyielded.

    The same model, prompt and settings give the same tokens.
    """
    context, generator = model.shape.context, torch.Generator().manual_seed(chosen.seed)
    device = model.wte.weight.device
    text, unread, caches = [*prompt], [*prompt[-context:]], model.caches()
    for _ in range(chosen.tokens):
        if caches[0].read + len(unread) > context:
            unread, caches = text[-max(1, context // 2) :], model.caches()
        with torch.no_grad():
            logits = model.following(torch.tensor([unread], device=device), caches)[0]
        row = draw(logits, chosen, generator)
        if row == stop:
            return
        yield row
        text.append(row)
        unread = [row]


def pieces(saved: Saved, prompt: Sequence[int], chosen: Sampling) -> Iterator[str]:
    """Yields the text that a model writes behind a prompt, of rows of the embedding, until it ends the document."""
    rows = write(saved.model, prompt, chosen, stop=_end(saved))
    return texts((int(saved.vocabulary.ids[row]) for row in rows), saved.tokenizer.decode)


def sample(saved: Saved, prompt: Sequence[int], chosen: Sampling) -> dict[str, Any]:
    """Returns the text that `pieces` yields, its tokens, and whether the model ended it, as plain values."""
    rows = [*write(saved.model, prompt, chosen, stop=_end(saved))]
    text = saved.tokenizer.decode(saved.vocabulary.decode(rows))
    return {"seed": chosen.seed, "text": text, "tokens": len(rows), "ended": len(rows) < chosen.tokens}


def _end(saved: Saved) -> int:
    """Returns the row of end-of-text."""
    return int(saved.vocabulary.encode(np.array([saved.vocabulary.eot]))[0])


def draw(logits: Tensor, chosen: Sampling, generator: torch.Generator) -> int:
    """Returns a token drawn by its logits (V,)."""
    logits = logits.to("cpu", torch.float64)
    if chosen.temperature == 0:
        return int(logits.argmax())
    logits = (logits - logits.max()) / chosen.temperature
    if 0 < chosen.top_k < len(logits):
        logits = logits.masked_fill(~_likeliest(logits, chosen.top_k), -math.inf)
    shares = nucleus(logits.softmax(-1), chosen.top_p)
    return int(torch.multinomial(shares, 1, generator=generator))


def nucleus(shares: Tensor, top_p: float) -> Tensor:
    """Returns probabilities (V,) with 0 for all but the fewest that are `top_p` together; of equal ones the first."""
    if top_p == 1:
        return shares
    ordered, order = shares.sort(descending=True, stable=True)
    short = int((ordered.cumsum(0) < top_p).sum())  # the likeliest that do not reach it yet
    kept = torch.zeros_like(shares, dtype=torch.bool)
    kept[order[: short + 1]] = True
    return shares.where(kept, torch.zeros_like(shares))


def _likeliest(logits: Tensor, count: int) -> Tensor:
    """Returns which logits (V,) are the `count` highest; of equal ones the first."""
    kept = torch.zeros_like(logits, dtype=torch.bool)
    kept[logits.argsort(descending=True, stable=True)[:count]] = True
    return kept


def texts(ids: Iterable[int], decode: Callable[[list[int]], str]) -> Iterator[str]:
    """Yields the text of ids piece by piece, a character that several ids make only once it is whole.

    The pieces together are `decode` of all ids.
    """
    kept: list[int] = []  # ids from the last but one point on at which the text was whole
    shown, whole = 0, 0  # characters of their text that have been yielded; the number of ids up to the last such point
    for number in ids:
        kept.append(number)
        text = decode(kept)
        ready = len(text.rstrip(CUT)) if text.endswith(CUT) else len(text)
        if ready > shown:
            yield text[shown:ready]
            shown = ready
        if text and not text.endswith(CUT):
            kept, whole = kept[whole:], len(kept) - whole
            shown = len(decode(kept))
    if kept and len(text := decode(kept)) > shown:
        yield text[shown:]


def open_model(folder: Path) -> Saved:
    """Returns the model of a training run, of a whole run that trained one, or of a folder of transformers'.

    Raises UserError where there is none, and where a folder of transformers' has no tokenizer.
    """
    if (folder / RECORD).exists() or not (folder / hf.CONFIG).exists():
        return checkpoint.load(folder_of(folder))
    model = hf.load(folder).eval()
    if (folder / FILE).exists():
        tokenizer = tokenizers.load(str(folder / FILE))
    elif model.shape.vocabulary == VOCABULARY:
        tokenizer = tokenizers.load("gpt2")
    else:
        raise UserError(f"{folder}: holds no {FILE}, and {model.shape.vocabulary} ids are not GPT-2's {VOCABULARY}")
    ids = np.arange(min(model.shape.vocabulary, tokenizer.vocabulary))
    ids = np.setdiff1d(ids, _suppressed(folder / "generation_config.json"))
    model.wte = nn.Embedding.from_pretrained(model.wte.weight.detach()[torch.from_numpy(ids)])
    model.shape = replace(model.shape, vocabulary=len(ids))
    content = (folder / FILE).read_bytes() if tokenizer.name == FILE else None
    return Saved(
        model=model,
        vocabulary=Vocabulary(ids, tokenizer.eot),
        tokenizer=tokenizer,
        record={},
        tokenizer_file=content,
    )


def _suppressed(file: Path) -> list[int]:
    """Returns the ids that transformers never draws; an export of ours lists those that were not trained."""
    try:
        ids = json.loads(file.read_bytes()).get("suppress_tokens") or []
        return [int(number) for number in ids]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: not transformers' settings of generation: {' '.join(str(error).split())}") from error
