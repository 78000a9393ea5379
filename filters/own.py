"""Rules of the user's own: functions that a recipe names as "package.module:function" (curate/functions.py).

A rule takes a document and its settings, a dataclass, and returns None to keep the document, or why it rejects it: a
`Reason`, or a word that names the reason.
"""

from collections.abc import Mapping
from typing import Any

from curate.errors import SettingsError
from curate.filters.judged import Judged, Outcome
from curate.functions import Door, function_name, is_path
from curate.records import Document, Reason

Tables = Mapping[str, Mapping[str, Any]]
DOOR = Door(setting="filter.rules", kind="a rule", takes=("document", "settings"))
is_own = is_path
source_digest = DOOR.source_digest


def judge_own(rule: str, document: Document, tables: Tables) -> Outcome:
    """Returns what a rule of the user's says of a document; RuntimeError names the document on which it fails."""
    name = function_name(rule)
    own = DOOR.loaded(rule, tables.get(name, {}), ("filter", "own", name))
    try:
        answer = own.function(document, own.settings)
    except Exception as error:
        place = document.url or document.id.hex()
        raise RuntimeError(f"filter.rules: {rule} fails on {place}: {type(error).__name__}: {error}") from error
    if answer is None or isinstance(answer, Judged):
        return answer
    if isinstance(answer, Reason) and isinstance(answer.rule, str):
        return answer._replace(rule=_full(own.name, answer.rule))
    if isinstance(answer, str) and answer:
        return Reason(_full(own.name, answer))
    raise RuntimeError(f"filter.rules: {rule} returns {answer!r}; return a Reason, a word or None")


def checked(rules: tuple[str, ...], tables: Tables) -> dict[str, str]:
    """Returns the digests of the sources of the user's rules among these; SettingsError where one cannot run."""
    own = [rule for rule in dict.fromkeys(rules) if is_own(rule)]
    names = [function_name(rule) for rule in own]
    for rule, name in zip(own, names, strict=True):
        if names.count(name) > 1:
            raise SettingsError(f"filter.rules: two rules are called {name}; give the function of {rule} another name")
        DOOR.loaded(rule, tables.get(name, {}), ("filter", "own", name))
    return {rule: source_digest(rule) for rule in own}


def _full(name: str, reason: str) -> str:
    return reason if reason == name or reason.startswith(f"{name}.") else f"{name}.{reason}"
