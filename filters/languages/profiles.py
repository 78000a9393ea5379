"""The values of rules in other languages than English: stop words and limits, derived from reference texts.

`profiles.json` holds them by language, rule and setting; `tests/models/languages.py` derives them, and README.md beside
this file is its card. They stand in for Gopher's and FineWeb's published values, which are those of English text. A
value that differs from the published one is the user's, and stays.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

from curate.text import segmentation

RULES = ("gopher_quality", "gopher_repetition", "fineweb", "c4", "c4_fineweb")  # that have values by language
BY_WORDS = (*RULES, "refinedweb")  # that depend on the language; the last has no values
NAME = "languages"  # under which the digest of the profiles stands in a stage's settings

Profile = dict[str, dict[str, Any]]  # values by rule and setting


class Adapted(NamedTuple):
    """The settings of a rule for a language, and what of it is skipped for want of data."""

    rules: Any
    skipped: str = ""  # a note that the stage counts


def adapted(name: str, rules: Any, language: str | None) -> Adapted:
    """Returns a rule's settings with the values of a language where they are as published.

    A language without a profile has no stop words, and that rule is skipped.

    >>> from curate.filters.gopher import GopherQuality
    >>> adapted("gopher_quality", GopherQuality(), "de").rules.stop_words[:3]
    ('die', 'der', 'und')
    """
    if not language or language == "en" or name not in RULES:
        return Adapted(rules)
    return _adapted(name, rules, language)


@lru_cache(maxsize=1024)
def _adapted(name: str, rules: Any, language: str) -> Adapted:
    published = type(rules)()
    if rules.variant != published.variant:
        return Adapted(rules)  # a program's reading of the paper, which is of English
    if values := profiles().get(language):
        return Adapted(replace(rules, **_open(rules, published, values.get(name, {}))))
    if name == "gopher_quality" and rules.min_stop_words and rules.stop_words == published.stop_words:
        return Adapted(replace(rules, min_stop_words=0, stop_words=()), f"{name}.stop_words_skipped")
    return Adapted(rules)


def _open(rules: Any, published: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Returns those of the values whose settings are as published."""
    return {name: value for name, value in values.items() if getattr(rules, name) == getattr(published, name)}


@lru_cache(maxsize=1)
def profiles() -> dict[str, Profile]:
    """Returns all profiles by language, lists as tuples."""
    table: dict[str, Profile] = json.loads(_source())
    return {
        language: {rule: {name: _value(value) for name, value in values.items()} for rule, values in profile.items()}
        for language, profile in table.items()
    }


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@lru_cache(maxsize=1)
def digest() -> str:
    """Returns the digest of the profiles and of what cuts text into words, for a stage's key."""
    return hashlib.sha256(_source() + segmentation.version().encode()).hexdigest()


def _source() -> bytes:
    return (resources.files(__package__) / "profiles.json").read_bytes()


def meets_other_languages(rules: Iterable[str], allowed: Iterable[str]) -> bool:
    """Returns whether rules that depend on the language may meet documents in another one than English.

    >>> meets_other_languages(("language", "c4"), ("en",)), meets_other_languages(("c4", "language"), ("en",))
    (False, True)
    """
    names = [*rules]
    first = next((place for place, name in enumerate(names) if name in BY_WORDS), None)
    if first is None:
        return False
    return "language" not in names[:first] or {*allowed} != {"en"}
