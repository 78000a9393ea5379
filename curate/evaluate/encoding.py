"""Text as rows of a model's embedding: end-of-text, a context and a completion of it, which are tokenized together."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from curate.gpt.vocabulary import Vocabulary
from curate.loader.streams import Tokens
from curate.tokens.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text for a model, of which the last tokens are scored."""

    rows: Tokens  # of the embedding
    start: int  # the number of the first token that is scored, at least 1
    cut: int = 0  # tokens that were cut from the left

    @property
    def scored(self) -> int:
        """Returns the number of tokens that are scored."""
        return len(self.rows) - self.start


@dataclass(frozen=True, slots=True)
class Unscorable:
    """A text that a model gives no likelihood to."""

    reason: str  # a key of REASONS
    detail: str


# Each with its mend.
REASONS = {
    "token": ("a token that its embedding has no row for", 'train with vocabulary = "full" to have one for each'),
    "length": ("a completion that is longer than its context", "train with a longer context"),
}


def joint(tokenizer: Tokenizer, context: str, completion: str) -> tuple[Tokens, int]:
    """Returns the ids of a context with its completion, and the number of the first one that the completion changes.

    Blanks at the end of the context go to the completion, as words are tokenized with the blank before them. A token
    that spans the border belongs to the completion, and so does what the context alone would have in its place.
    """
    kept = context.rstrip()
    whole = np.asarray(tokenizer.ordinary(context + completion), np.int64)
    before = _ids(tokenizer.ordinary, kept)
    size = min(len(whole), len(before))
    differs = np.flatnonzero(whole[:size] != before[:size])
    return whole, int(differs[0]) if len(differs) else size


@lru_cache(maxsize=16)
def _ids(ordinary: Callable[[str], Any], text: str) -> Tokens:
    """Returns the ids of a text; those of a context stay for the other completions of its item."""
    return np.asarray(ordinary(text), np.int64)


def scored_bytes(completion: str) -> int:
    """Returns the bytes of a completion in UTF-8, without the blanks before it."""
    return len((completion.lstrip() or completion).encode("utf-8", "replace"))


def encode(
    tokenizer: Tokenizer, vocabulary: Vocabulary, context: str, completion: str, window: int
) -> Text | Unscorable:
    """Returns a text that starts with end-of-text and fits a window, cut from the left where it is longer."""
    ids, start = joint(tokenizer, context, completion)
    return placed(tokenizer, vocabulary, np.concatenate(([vocabulary.eot], ids)), start + 1, window)


def lacking(tokenizer: Tokenizer, vocabulary: Vocabulary, ids: Tokens) -> Unscorable | None:
    """Returns the first token that has no row; None where all have one."""
    rows = np.minimum(np.searchsorted(vocabulary.ids, ids), len(vocabulary.ids) - 1)
    without = ids[vocabulary.ids[rows] != ids]
    return Unscorable("token", tokenizer.decode([int(without[0])])) if len(without) else None


def placed(tokenizer: Tokenizer, vocabulary: Vocabulary, ids: Tokens, start: int, window: int) -> Text | Unscorable:
    """Returns ids as a text that fits a window, which predicts one token more than it reads."""
    if (lack := lacking(tokenizer, vocabulary, ids)) is not None:
        return lack
    if len(ids) - start > window:
        return Unscorable("length", f"{len(ids) - start} tokens, and the context holds {window}")
    cut = max(0, len(ids) - window - 1)
    return Text(rows=vocabulary.encode(ids[cut:]), start=start - cut, cut=cut)


def rows_before(tokenizer: Tokenizer, vocabulary: Vocabulary, context: str) -> list[int]:
    """Returns end-of-text and a context without the blanks at its end, as text to write on from."""
    ids = np.concatenate(([vocabulary.eot], np.asarray(tokenizer.ordinary(context.rstrip()), np.int64)))
    rows: list[int] = vocabulary.encode(ids).tolist()
    return rows
