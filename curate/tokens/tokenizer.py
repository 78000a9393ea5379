"""Tokenizer, the one type for tokenizers of all libraries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

EOT_TOKEN = "<|endoftext|>"
FOLDER = "tokenize"  # of the tokenize stage in an output
FILE = "tokenizer.json"  # a Hugging Face tokenizer, as a tokenize stage keeps it beside its parts

Stated = dict[str, Any]  # what a stage or a manifest states of a tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """Encodes text as ids, and decodes them; end-of-text follows each document and is never made from text."""

    name: str  # of tiktoken's encoding, or FILE
    vocabulary: int  # one more than the largest id
    eot: int  # the id of end-of-text
    eot_token: str
    sha256: Mapping[str, str]  # of the files that decide the ids, by name
    ordinary: Callable[[str], npt.NDArray[np.uint32]]  # the ids of a text; names of special tokens are plain text in it
    decode: Callable[[list[int]], str]  # the text of ids, with replacement characters where bytes are cut
    # The bytes of UTF-8 that each id stands for, 0 for special tokens; None where neighbours change them.
    byte_lengths: Callable[[], npt.NDArray[np.int64] | None]
    library: str = ""  # the distribution, beside those always installed, that decides the ids

    @property
    def dtype(self) -> str:
        """Returns the type that ids have in files."""
        return "<u2" if self.vocabulary <= 2**16 else "<u4"

    def encode(self, text: str) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
        """Returns the ids of a document in the type of the files, end-of-text last."""
        ordinary = self.ordinary(text)
        ids = np.empty(len(ordinary) + 1, self.dtype)
        ids[:-1], ids[-1] = ordinary, self.eot
        return ids

    def stated(self) -> Stated:
        """Returns what a stage and a manifest state of the tokenizer, as plain values."""
        names = ("name", "vocabulary", "eot", "eot_token", "dtype", "sha256", "library")
        return {name: getattr(self, name) for name in names} | {"sha256": dict(self.sha256)}


def whole(text: str) -> str:
    """Returns the text with a replacement character for each half of a surrogate pair that stands alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
