"""Loads a tokenizer by its name, by its file, or by what a stage or a manifest states of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.errors import SettingsError
from curate.tokens.bpe import named
from curate.tokens.config import is_tokenizer_file
from curate.tokens.tokenizer import FILE, Stated, Tokenizer


def load(encoding: str, eot: str | None = None) -> Tokenizer:
    """Returns the tokenizer of a name or a file; raises SettingsError where there is none."""
    if not is_tokenizer_file(encoding):
        return named(encoding, eot)
    from curate.tokens import tokenizer_json

    return tokenizer_json.load(encoding, eot)


def stated_in(settings: Mapping[str, Any]) -> Stated:
    """Returns what the settings of a stage, or a manifest, state of the tokenizer; GPT-2's where they state nothing."""
    return settings.get("tokenizer") or named("gpt2").stated()


def of(stated: Stated, folder: Path) -> Tokenizer:
    """Returns the tokenizer that a stage or a manifest states; folder: that of the tokenize stage, which keeps a file.

    Raises SettingsError where it cannot be loaded, or where the one loaded here differs from the one stated.
    """
    name = stated["name"]
    tokenizer = load(str(folder / FILE) if name == FILE else name, stated.get("eot_token"))
    here = tokenizer.stated()
    for key in ("vocabulary", "eot", "sha256"):
        if stated.get(key, here[key]) != here[key]:
            raise SettingsError(f"tokenizer {name}: its {key} is {here[key]} here, but {stated[key]} is stated")
    return tokenizer
