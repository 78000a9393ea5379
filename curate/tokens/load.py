"""A tokenizer by its name, its file, or what a stage or a manifest states."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.errors import SettingsError
from curate.tokens.bpe import named
from curate.tokens.config import is_tokenizer_file
from curate.tokens.tokenizer import FILE, Stated, Tokenizer


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
