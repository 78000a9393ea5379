"""The bytes of text that each id of a Hugging Face tokenizer stands for, where its neighbours do not change them.

That is so for models over bytes and for models with a fallback to bytes, unless a blank is put before each text, or
their file asks for anything that is not named here. The text is meant as the tokenizer normalizes it (NFC, if at all).
"""

import json
import re
from typing import Any

import numpy as np
import numpy.typing as npt

Lengths = npt.NDArray[np.int64]

BLANK = "▁"  # stands for a blank in SentencePiece's words
BYTE = re.compile(r"<0x[0-9A-F]{2}>")
BYTES = frozenset(f"<0x{byte:02X}>" for byte in range(256))
# What GPT-2's vocabulary writes for each byte: printable ones stand for themselves, the others are written as the
# characters from U+0100 on.
PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
LETTERS = {byte: chr(byte) for byte in PRINTABLE}
LETTERS |= {byte: chr(0x100 + number) for number, byte in enumerate(sorted({*range(0x100)} - {*PRINTABLE}))}
ALPHABET = frozenset(LETTERS.values())


def of_file(content: bytes, vocabulary: int) -> Lengths | None:
    """Returns the bytes that each id of a tokenizer.json stands for, 0 for special tokens; None where that varies."""
    table = json.loads(content)
    model = table["model"]
    words = _words(model)
    added = table.get("added_tokens") or []
    if any(model.get(name) for name in ("continuing_subword_prefix", "end_of_word_suffix")) or _strips(added):
        return None
    if _is_over_bytes(table, words):
        sizes = {number: _size_over_bytes(word) for word, number in words.items()}
    elif _is_with_fallback(table, words):
        sizes = {number: _size_with_fallback(word) for word, number in words.items()}
    else:
        return None
    sizes |= {token["id"]: 0 if token["special"] else len(token["content"].encode()) for token in added}
    lengths = np.zeros(vocabulary, np.int64)
    lengths[[*sizes]] = [*sizes.values()]
    return lengths


def _words(model: dict[str, Any]) -> dict[str, int]:
    """Returns the model's words with their ids."""
    words = model["vocab"]
    return words if isinstance(words, dict) else {word: number for number, (word, _) in enumerate(words)}


def _strips(added: list[dict[str, Any]]) -> bool:
    """Returns whether a token takes the blanks beside it too."""
    return any(not token["special"] and (token.get("lstrip") or token.get("rstrip")) for token in added)


def _is_over_bytes(table: dict[str, Any], words: dict[str, int]) -> bool:
    """Returns whether a text is cut into GPT-2's letters for bytes, and these are joined again."""
    splitters, decoders, normalizers = (_steps(table.get(name)) for name in ("pre_tokenizer", "decoder", "normalizer"))
    letters = [step for step in splitters if step["type"] == "ByteLevel"]
    return (
        table["model"]["type"] == "BPE"
        and words.keys() >= ALPHABET
        and len(letters) == 1
        and not letters[0].get("add_prefix_space")
        and _are(splitters, "ByteLevel", "Split", "Digits", "Punctuation")
        and _are(decoders, "ByteLevel")
        and _are(normalizers, "NFC")
    )


def _is_with_fallback(table: dict[str, Any], words: dict[str, int]) -> bool:
    """Returns whether words are cut out of a text that differs in its blanks alone, and bytes fill the gaps."""
    splitters, decoders, normalizers = (_steps(table.get(name)) for name in ("pre_tokenizer", "decoder", "normalizer"))
    never = all(step.get("prepend_scheme") == "never" for step in splitters + decoders if step["type"] == "Metaspace")
    return (
        table["model"]["type"] in ("BPE", "Unigram")
        and bool(table["model"].get("byte_fallback"))
        and words.keys() >= BYTES
        and never
        and _are(splitters, "Metaspace", "Split", "Digits")
        and _are(decoders, "Replace", "ByteFallback", "Fuse", "Metaspace")
        and _are(normalizers, "NFC", "Replace")
        and all(_is_of_blanks(step, " ", BLANK) for step in normalizers)
        and all(_is_of_blanks(step, BLANK, " ") for step in decoders)
        and any(step["type"] == "ByteFallback" for step in decoders)
    )


def _steps(step: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Returns the steps of a sequence, or the only one."""
    if step is None:
        return []
    if step["type"] != "Sequence":
        return [step]
    inner = next(value for name, value in step.items() if name != "type")
    return [leaf for part in inner for leaf in _steps(part)]


def _are(steps: list[dict[str, Any]], *types: str) -> bool:
    """Returns whether each step is of one of these types, and drops nothing."""
    return all(step["type"] in types and step.get("behavior") != "Removed" for step in steps)


def _is_of_blanks(step: dict[str, Any], old: str, new: str) -> bool:
    """Returns whether a replacement, if it is one, writes blanks as SentencePiece does, or back."""
    return step["type"] != "Replace" or (step["pattern"], step["content"]) == ({"String": old}, new)


def _size_over_bytes(word: str) -> int:
    return len(word) if ALPHABET.issuperset(word) else len(word.encode())


def _size_with_fallback(word: str) -> int:
    return 1 if BYTE.fullmatch(word) else len(word.replace(BLANK, " ").encode())
