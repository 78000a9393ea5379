"""OpenWebText's rule (Gokaslan and Cohen 2019): documents of fewer than 128 tokens of GPT-2 are left out."""

from dataclasses import dataclass

from curate.records import Document, Reason
from curate.tokens.bpe import gpt2

CHARS_PER_TOKEN = 16  # of the beginning that is counted first; most texts have enough tokens there


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWebText:
    """OpenWebText's least length (Gokaslan and Cohen 2019, skylion007.github.io/OpenWebTextCorpus)."""

    min_tokens: int = 128  # GPT-2's


def judge_openwebtext(document: Document, rules: OpenWebText) -> Reason | None:
    """Returns the reason if the document's text has too few tokens, or None."""
    text = document.text
    for piece in dict.fromkeys((text[: CHARS_PER_TOKEN * rules.min_tokens], text)):
        count = len(gpt2().encode_ordinary(piece))
        if count > rules.min_tokens or (piece == text and count == rules.min_tokens):
            return None  # the last token of a piece may be another where the text goes on
    return Reason("openwebtext.too_short", count, rules.min_tokens)
