"""The address by lists of domains and words, as RefinedWeb uses them (Penedo et al. 2023, arXiv:2306.01116, G.1).

The order and the number of soft words are DCLM's (mlfoundations/dclm, dclm_baseline_refinedweb.yaml) and datatrove's:
domains with their sub-domains; strict words anywhere in an address, "-" and "." ignored; hard words, one of which is
enough; soft words, of which two different ones are. The lists are yours: an entry is a word, or "@" and a file with one
entry a line, "#" before a remark. A word of an address is a run of ASCII letters and digits; case does not count.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from curate.errors import SettingsError
from curate.filters.urls import canonical_domain, suffixes
from curate.records import Document, Reason

WORD = re.compile(r"[a-z0-9]+")
HOST = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]+)")
LISTS = ("domains", "strict_words", "hard_words", "soft_words")


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlLists:
    """Lists of domains and of words of addresses (RefinedWeb, arXiv:2306.01116, G.1); an entry "@FILE" is a file's."""

    domains: tuple[str, ...] = ()  # refused, each with all its sub-domains
    strict_words: tuple[str, ...] = ()  # refused anywhere in an address, also inside of words
    hard_words: tuple[str, ...] = ()  # refused as words of an address
    soft_words: tuple[str, ...] = ()  # refused from `min_soft_words` different ones on
    min_soft_words: int = 2

    @property
    def files(self) -> tuple[str, ...]:
        """Returns the paths of the files that the lists name."""
        return files_of(entry for name in LISTS for entry in getattr(self, name))


class Lists(NamedTuple):
    """The entries of the lists, ready to be looked up."""

    domains: frozenset[str]
    strict: re.Pattern[str] | None
    hard: frozenset[str]
    soft: frozenset[str]


def judge_url_lists(document: Document, rules: UrlLists) -> Reason | None:
    """Returns why the document's address is refused, or None; one without an address passes."""
    if not document.url:
        return None
    lists = _lists(rules)
    url = document.url.lower()
    if host := HOST.match(url):
        for suffix in suffixes(_canonical(host[1])):
            if suffix in lists.domains:
                return Reason("url_lists.domain", detail=suffix)
    if lists.strict and (strict := lists.strict.search(url.replace("-", "").replace(".", ""))):
        return Reason("url_lists.strict_word", detail=strict[0])
    words = set(WORD.findall(url))
    if hard := words & lists.hard:
        return Reason("url_lists.hard_word", detail=min(hard))
    if len(soft := words & lists.soft) >= rules.min_soft_words:
        return Reason("url_lists.soft_words", len(soft), rules.min_soft_words, " ".join(sorted(soft)))
    return None


def file_digests(rules: UrlLists) -> dict[str, str]:
    """Returns the sha256 of each file of the lists under "@" and its path; SettingsError where one cannot be read."""
    _lists(rules)
    return {f"@{path}": file_digest(path, "url_lists") for path in rules.files}


def files_of(entries: Iterable[str]) -> tuple[str, ...]:
    """Returns the paths of the files that the entries of a list name as "@FILE", each once."""
    return tuple(dict.fromkeys(entry[1:] for entry in entries if entry.startswith("@")))


def listed(entries: Iterable[str], rule: str) -> list[str]:
    """Returns the entries of a rule's list with those of its files ("@FILE") in their place, a line each.

    SettingsError where a file cannot be read.
    """
    rows: list[str] = []
    for entry in entries:
        text = _content(entry[1:], rule).decode("utf-8", "replace") if entry.startswith("@") else entry
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        rows += filter(None, lines)
    return rows


def file_digest(path: str, rule: str = "rules") -> str:
    """Returns the sha256 of a file of a rule's list."""
    return hashlib.sha256(_content(path, rule)).hexdigest()


def _content(path: str, rule: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"filter.{rule}: @{path}: {error.strerror}") from None


@lru_cache(maxsize=16)
def _lists(rules: UrlLists) -> Lists:
    """Returns the lists, read once for a value of the settings."""
    domains, strict, hard, soft = (listed(getattr(rules, name), "url_lists") for name in LISTS)
    bare = sorted({word.lower().replace("-", "").replace(".", "") for word in strict})
    return Lists(
        frozenset(map(_canonical, domains)),
        re.compile("|".join(map(re.escape, bare))) if bare else None,
        frozenset(word.lower() for word in hard),
        frozenset(word.lower() for word in soft),
    )


@lru_cache(maxsize=100_000)
def _canonical(host: str) -> str:
    try:
        return canonical_domain(host)
    except ValueError:
        return host.strip(".").lower()
