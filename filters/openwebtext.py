"""OpenWebText's rule (Gokaslan and Cohen 2019): documents of fewer than 128 tokens of GPT-2 are left out."""

from collections.abc import Iterator
from dataclasses import dataclass

from curate.filters.judged import Measure, first_broken
from curate.records import Document, Reason
from curate.tokens.bpe import gpt2

CHARS_PER_TOKEN = 16  # of the beginning that is counted first; most texts have enough tokens there


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWebText:
    """OpenWebText's least length (Gokaslan and Cohen 2019, skylion007.github.io/OpenWebTextCorpus)."""

    min_tokens: int = 128  # GPT-2's


def judge_openwebtext(document: Document, rules: OpenWebText) -> Reason | None:
    """Returns the reason if the document's text has too few tokens, or None."""
    return first_broken("openwebtext", openwebtext_values(document, rules, False))


def openwebtext_values(document: Document, rules: OpenWebText, full: bool) -> Iterator[Measure]:
    """Yields the number of a text's tokens; where not in full, of its beginning if that has enough."""
    text = document.text
    beginning = text if full else text[: CHARS_PER_TOKEN * rules.min_tokens]
    for piece in dict.fromkeys((beginning, text)):
        count = len(gpt2().encode_ordinary(piece))
        if count > rules.min_tokens:
            break  # the last token of a piece may be another where the text goes on
    yield Measure("too_short", count, low=rules.min_tokens)
