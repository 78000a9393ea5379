"""Writes a tokenizer as transformers loads it; one of tiktoken's as a `tokenizer.json` that makes the same ids.

tiktoken states a rank for each token; the other library states pairs of tokens, in the order in which they are merged.
A token is only ever made of the last two parts of its own bytes, so one pair for each token is enough. Tokens that no
merge makes are taken whole by both (`ignore_merges`). Names of special tokens make their ids, as in GPT-2's tokenizer.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from curate.errors import SettingsError
from curate.storage.writing import as_json
from curate.tokens.bpe import encoding_of
from curate.tokens.byte_lengths import LETTERS
from curate.tokens.tokenizer import FILE, Tokenizer

# Those whose patterns `_onig` rewrites; the ids of their ranks were compared with those of the file.
NAMES = ("gpt2", "r50k_base", "p50k_base", "p50k_edit", "cl100k_base", "o200k_base", "o200k_harmony")

Ranks = Mapping[bytes, int]


@lru_cache(maxsize=2)
def tokenizer_json(name: str) -> bytes | None:
    """Returns the content of a tokenizer.json for the encoding of this name; None where it might not be exact."""
    if name not in NAMES:
        return None
    encoding = encoding_of(name)
    return of_ranks(encoding._mergeable_ranks, encoding._special_tokens, encoding._pat_str)


def files_of(tokenizer: Tokenizer, file: bytes | None, context: int) -> dict[str, bytes]:
    """Returns the files of a tokenizer for transformers by name; none where a tokenizer.json might not be exact.

    file: the content of its own tokenizer.json, where it has one; context: the most tokens of a text.
    """
    content = tokenizer_json(tokenizer.name) if file is None else without_additions(file)
    if content is None:
        return {}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokenizer.eot_token,
        "eos_token": tokenizer.eot_token,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
    }
    return {FILE: content, "tokenizer_config.json": as_json(config)}


def check_same(folder: Path, tokenizer: Tokenizer, file: bytes | None) -> None:
    """Raises SettingsError where a folder of transformers states other ids than a tokenizer; file: as in `files_of`."""
    ours = tokenizer_json(tokenizer.name) if file is None else file
    path = next((folder / name for name in (FILE, "vocab.json") if (folder / name).is_file()), None)
    if path is None or ours is None:
        return
    try:
        content = path.read_bytes()
        theirs = {*(_numbers(content) if path.name == FILE else json.loads(content)).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SettingsError(f"{path}: not the vocabulary of a tokenizer: {type(error).__name__}") from None
    differ = sorted(theirs ^ {*_numbers(ours).items()}, key=str)
    if differ:
        raise SettingsError(
            f"{path}: other ids than those of the dataset's tokenizer, such as that of {differ[0][0]!r}"
        )


def _numbers(content: bytes) -> dict[str, int]:
    """Returns the ids that a tokenizer.json states, by token."""
    table = json.loads(content)
    tokens = table["model"]["vocab"]
    numbers = tokens if isinstance(tokens, dict) else {token: number for number, (token, _) in enumerate(tokens)}
    return numbers | {token["content"]: token["id"] for token in table.get("added_tokens", ())}


def without_additions(content: bytes) -> bytes:
    """Returns a tokenizer.json without what cuts a text, fills it up or adds special tokens to it."""
    table = json.loads(content)
    processor = table.get("post_processor") or {}
    parts = processor.get("processors", [processor])
    table |= {"truncation": None, "padding": None}
    if any(part.get("type") != "ByteLevel" for part in parts):
        table["post_processor"] = None
    return content if table == json.loads(content) else json.dumps(table, ensure_ascii=False).encode()


def of_ranks(ranks: Ranks, specials: Mapping[str, int], pattern: str) -> bytes:
    """Returns the content of a tokenizer.json for the ranks, special tokens and pattern of an encoding."""
    bytewise = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": _onig(pattern)}, "behavior": "Isolated", "invert": False}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": text, **flags} for text, number in specials.items()],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytewise]},
        "post_processor": None,
        "decoder": bytewise,
        "model": _model(ranks, specials),
    }
    return json.dumps(content, ensure_ascii=False).encode()


def _model(ranks: Ranks, specials: Mapping[str, int]) -> dict[str, Any]:
    pairs = sorted((ranks[left + right], left, right) for left, right in _pairs(ranks))
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": True,
        "vocab": {_spelled(token): rank for token, rank in ranks.items()} | dict(specials),
        "merges": [f"{_spelled(left)} {_spelled(right)}" for _, left, right in pairs],
    }


def _pairs(ranks: Ranks) -> Iterator[tuple[bytes, bytes]]:
    """Yields the two parts of each token that merges make."""
    for token in ranks:
        parts = [token[place : place + 1] for place in range(len(token))]
        while len(parts) > 2:
            choices = [(ranks.get(left + right), place) for place, (left, right) in enumerate(pairwise(parts))]
            possible = [(rank, place) for rank, place in choices if rank is not None]
            if not possible:
                break
            place = min(possible)[1]
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        if len(parts) == 2:
            yield parts[0], parts[1]


def _spelled(token: bytes) -> str:
    """Returns bytes as the characters that stand for them in GPT-2's vocabulary."""
    return "".join(LETTERS[byte] for byte in token)


def _onig(pattern: str) -> str:
    """Returns a pattern of tiktoken's in the other engine's syntax.

    There `$` also matches before a line end, and a plus after `{1,3}` repeats it.
    """
    return pattern.replace("$", r"\z").replace("}+", "}")
