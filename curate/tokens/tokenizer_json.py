"""A Hugging Face `tokenizer.json` as a tokenizer: the names of special tokens are plain text, none is added."""

import hashlib
import json
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from curate import storage
from curate.errors import SettingsError
from curate.tokens.tokenizer import FILE, Tokenizer, whole

# What ends a document, the first that a tokenizer has: GPT-2's, Llama 3's, Llama 2's and T5's, Gemma's, DeepSeek's.
ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "[EOS]", "<｜end▁of▁sentence｜>")
RARE = "\U0001f9ff\u0378\ue000\u2fa1\x00"  # characters that a tokenizer without bytes does not know

Ids = npt.NDArray[np.uint32]


def load(path: str, eot: str | None = None) -> Tokenizer:
    """The tokenizer of a file; SettingsError in one line where it cannot be used."""
    try:
        return _made(path, storage.path(path).read_bytes(), eot)
    except OSError as error:
        raise SettingsError(f"tokenize.encoding: {path}: cannot read it: {error.strerror or error}") from None


@lru_cache(maxsize=2)
def _made(path: str, content: bytes, eot: str | None) -> Tokenizer:
    codec = _codec(path, content)
    specials = {each.content: number for number, each in codec.get_added_tokens_decoder().items() if each.special}
    eot_token = eot or next((name for name in ENDS if codec.token_to_id(name) is not None), None)
    number = codec.token_to_id(eot_token) if eot_token else None
    if eot_token is None or number is None:
        lacks = f"has no token {eot!r}" if eot else "has none of the usual ends of text; name one"
        raise SettingsError(f"tokenize.eot: {path} {lacks}; its special tokens are {', '.join(specials) or 'none'}")
    unknown = _unknown(content)
    plain = {} if unknown == eot_token else {number: _spelled(codec, eot_token)}
    if number in plain.get(number, ()) or number in _encoded(codec, RARE):
        raise SettingsError(f"tokenize.eot: {path} makes {eot_token!r} of other text too; name another token")
    for name, special in specials.items():
        if name not in (eot_token, unknown) and special not in (spelled := _spelled(codec, name)):
            plain[special] = spelled

    def ordinary(text: str) -> Ids:
        try:
            return _without(_encoded(codec, text), plain)
        except (UnicodeEncodeError, TypeError):  # half a surrogate pair
            return _without(_encoded(codec, whole(text)), plain)

    return Tokenizer(
        name=FILE,
        vocabulary=max(codec.get_vocab(with_added_tokens=True).values()) + 1,
        eot=number,
        eot_token=eot_token,
        sha256={FILE: hashlib.sha256(content).hexdigest()},
        ordinary=ordinary,
        decode=lambda ids: str(codec.decode(ids, skip_special_tokens=False)),
        library="tokenizers",
    )


def _codec(path: str, content: bytes) -> Any:
    """The library's tokenizer of a file's content."""
    try:
        from tokenizers import Tokenizer as Codec
    except ImportError:
        mend = "pip install 'curate-corpus[tokenizers]'"
        raise SettingsError(f"tokenize.encoding: {path} needs tokenizers, which is not installed: {mend}") from None
    try:
        codec = Codec.from_str(content.decode())
    except Exception as error:  # the library raises no narrower one
        cause = str(error).splitlines()[0][:200]
        raise SettingsError(f"tokenize.encoding: {path}: not a tokenizer of Hugging Face's: {cause}") from None
    codec.no_truncation()
    codec.no_padding()
    codec.encode_special_tokens = True  # as plain text, it means
    return codec


def _unknown(content: bytes) -> str | None:
    """The token that the model makes of what it does not know."""
    model = json.loads(content)["model"]
    if isinstance(place := model.get("unk_id"), int):
        return str(model["vocab"][place][0])
    found = model.get("unk_token")
    return None if found is None else str(found)


def _encoded(codec: Any, text: str) -> Ids:
    return np.array(codec.encode(text, add_special_tokens=False).ids, np.uint32)


def _spelled(codec: Any, name: str) -> Ids:
    """The name of a special token as plain text, also where the model has it among its words: in two parts."""
    return np.concatenate([_encoded(codec, name[:1]), _encoded(codec, name[1:])])


def _without(ids: Ids, plain: dict[int, Ids]) -> Ids:
    """The ids with special tokens that came of their names spelled out."""
    found = np.flatnonzero(np.isin(ids, list(plain)))
    if not len(found):
        return ids
    pieces, start = [], 0
    for place in found.tolist():
        pieces += [ids[start:place], plain[int(ids[place])]]
        start = place + 1
    return np.concatenate([*pieces, ids[start:]])
