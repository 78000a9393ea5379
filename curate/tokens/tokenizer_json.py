"""Makes a tokenizer of a Hugging Face `tokenizer.json`; names of special tokens are plain text, and none is added."""

import hashlib
import json
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate import storage
from curate.errors import SettingsError, install
from curate.tokens import byte_lengths
from curate.tokens.tokenizer import FILE, Tokenizer, whole

# The tokens that end a document, of which a tokenizer's first is taken: GPT-2's, Llama 3's, Llama 2's and T5's,
# Gemma's, DeepSeek's.
ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "[EOS]", "<｜end▁of▁sentence｜>")
RARE = "\U0001f9ff\u0378\ue000\u2fa1\x00"  # characters that a tokenizer without bytes does not know

LEADS = ("\n", ".", "a", "e", "0")  # one that a tokenizer does not join with what follows shows the ids inside a word

Ids = npt.NDArray[np.uint32]


def load(path: str, eot: str | None = None) -> Tokenizer:
    """Returns the tokenizer of a file; raises SettingsError where it cannot be used."""
    if not storage.is_remote(path):
        storage.check_file(Path(path), "tokenize.encoding")
    try:
        return _tokenizer(path, storage.path(path).read_bytes(), eot)
    except OSError as error:
        raise SettingsError(f"tokenize.encoding: {path}: cannot read it: {error.strerror or error}") from None


@lru_cache(maxsize=2)
def _tokenizer(path: str, content: bytes, eot: str | None) -> Tokenizer:
    codec = _codec(path, content)
    added = codec.get_added_tokens_decoder()
    specials = {token.content: number for number, token in added.items() if token.special}
    eot_token = eot or next((name for name in ENDS if codec.token_to_id(name) is not None), None)
    number = codec.token_to_id(eot_token) if eot_token else None
    if eot_token is None or number is None:
        lacks = f"has no token {eot!r}" if eot else "has none of the usual ends of text; name one"
        raise SettingsError(f"tokenize.eot: {path} {lacks}; its special tokens are {', '.join(specials) or 'none'}")
    unknown = _unknown_token(content)
    plain = {} if unknown == eot_token else {number: _spelled_ids(codec, eot_token)}
    if number in plain.get(number, ()) or number in _encoded(codec, RARE):
        raise SettingsError(f"tokenize.eot: {path} makes {eot_token!r} of other text too; name another token")
    for name, special in specials.items():
        if name in (eot_token, unknown):
            continue
        spelled = _spelled_ids(codec, name)
        if special not in spelled:
            plain[special] = spelled

    def ordinary(text: str) -> Ids:
        try:
            return _spelled_out(_encoded(codec, text), plain)
        except (UnicodeEncodeError, TypeError):  # half a surrogate pair
            return _spelled_out(_encoded(codec, whole(text)), plain)

    vocabulary = max(codec.get_vocab(with_added_tokens=True).values()) + 1
    return Tokenizer(
        name=FILE,
        vocabulary=vocabulary,
        eot=number,
        eot_token=eot_token,
        sha256={FILE: hashlib.sha256(content).hexdigest()},
        ordinary=ordinary,
        decode=lambda ids: str(codec.decode(ids, skip_special_tokens=False)),
        byte_lengths=partial(_byte_lengths, content, vocabulary, number),
        library="tokenizers",
    )


def _byte_lengths(content: bytes, vocabulary: int, eot: int) -> npt.NDArray[np.int64] | None:
    """Returns the bytes that each id of a file stands for, 0 for end-of-text; None where neighbours change them."""
    lengths = byte_lengths.of_file(content, vocabulary)
    if lengths is not None:
        lengths[eot] = 0
    return lengths


def _codec(path: str, content: bytes) -> Any:
    """Returns the library's tokenizer of a file's content."""
    try:
        from tokenizers import Tokenizer as Codec
    except ImportError:
        mend = install(["tokenizers"])
        raise SettingsError(f"tokenize.encoding: {path} needs tokenizers, which is not installed: {mend}") from None
    try:
        codec = Codec.from_str(content.decode())
    except Exception as error:  # the library raises no narrower one
        cause = str(error).splitlines()[0][:200]
        raise SettingsError(f"tokenize.encoding: {path}: not a tokenizer of Hugging Face's: {cause}") from None
    codec.no_truncation()
    codec.no_padding()
    codec.encode_special_tokens = True  # the library's word for: as plain text
    return codec


def _unknown_token(content: bytes) -> str | None:
    """Returns the token that the model makes of text that it does not know, or None where it has no such token."""
    model = json.loads(content)["model"]
    number = model.get("unk_id")
    if isinstance(number, int):
        return str(model["vocab"][number][0])
    token = model.get("unk_token")
    return None if token is None else str(token)


def _encoded(codec: Any, text: str) -> Ids:
    return np.array(codec.encode(text, add_special_tokens=False).ids, np.uint32)


def _spelled_ids(codec: Any, name: str) -> Ids:
    """Returns the ids of a special token's name as plain text; in two parts, as the model may have it as one word."""
    return np.concatenate([_inner_ids(codec, name[:1]), _inner_ids(codec, name[1:])])


def _inner_ids(codec: Any, text: str) -> Ids:
    """Returns the ids of a text inside a word, as some tokenizers put a blank before all that they encode."""
    for lead in LEADS:
        before, both = _encoded(codec, lead), _encoded(codec, lead + text)
        size = len(before)
        if both[:size].tolist() == before.tolist() and _decoded(codec, both) == _decoded(codec, before) + text:
            return both[size:]
    return _encoded(codec, text)


def _decoded(codec: Any, ids: Ids) -> str:
    return str(codec.decode(ids.tolist(), skip_special_tokens=False))


def _spelled_out(ids: Ids, plain: dict[int, Ids]) -> Ids:
    """Returns the ids with those of special tokens, which came of their names in the text, spelled out."""
    specials = np.flatnonzero(np.isin(ids, list(plain)))
    if not len(specials):
        return ids
    pieces, start = [], 0
    for index in specials.tolist():
        pieces += [ids[start:index], plain[int(ids[index])]]
        start = index + 1
    return np.concatenate([*pieces, ids[start:]])
