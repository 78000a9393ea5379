"""The value that every kind of tokenizer makes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

EOT_TOKEN = "<|endoftext|>"
FOLDER = "tokenize"
FILE = "tokenizer.json"  # a Hugging Face tokenizer, as a tokenize stage keeps it beside its parts

Stated = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """How text becomes ids; end-of-text, `eot`, follows each document and is never made from text.

    ordinary: the ids of a text, in which the names of special tokens are plain text. decode: the text of ids, with
    replacement characters where bytes are cut. library: the distribution beside ours that decides the ids.
    """

    name: str
    vocabulary: int
    eot: int
    eot_token: str
    sha256: Mapping[str, str]
    ordinary: Callable[[str], npt.NDArray[np.uint32]]
    decode: Callable[[list[int]], str]
    library: str = ""

    @property
    def dtype(self) -> str:
        """The ids' type in files."""
        return "<u2" if self.vocabulary <= 2**16 else "<u4"

    def encode(self, text: str) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
        """The ids of a document in the files' type, end-of-text last."""
        ordinary = self.ordinary(text)
        ids = np.empty(len(ordinary) + 1, self.dtype)
        ids[:-1], ids[-1] = ordinary, self.eot
        return ids

    def stated(self) -> Stated:
        """What a stage and a manifest say of it, as plain values."""
        names = ("name", "vocabulary", "eot", "eot_token", "dtype", "sha256", "library")
        return {name: getattr(self, name) for name in names} | {"sha256": dict(self.sha256)}


def whole(text: str) -> str:
    """The text with a replacement character for each half of a surrogate pair that stands alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
