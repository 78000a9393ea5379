"""Rules of the user's own: functions that a recipe names as "package.module:function", imported where they run.

A rule takes a document and its settings, a dataclass, and returns None to keep the document, or why it rejects it: a
`Reason`, or a word that names the reason.
"""

import hashlib
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from curate import settings
from curate.errors import SettingsError
from curate.filters.judged import Judged, Outcome
from curate.records import Document, Reason

Tables = Mapping[str, Mapping[str, Any]]


class OwnRule(NamedTuple):
    """A rule that is ready to judge."""

    name: str  # of the function, with which its reasons begin
    function: Callable[[Document, Any], Any]
    settings: Any


def is_own(rule: str) -> bool:
    """Returns whether a name of `filter.rules` is a path to a function.

    >>> is_own("language"), is_own("mypackage.rules:my_rule")
    (False, True)
    """
    module, colon, function = rule.partition(":")
    return bool(colon) and function.isidentifier() and all(part.isidentifier() for part in module.split("."))


def judge_own(rule: str, document: Document, tables: Tables) -> Outcome:
    """Returns what a rule of the user's says of a document; RuntimeError names the document on which it fails."""
    own = loaded(rule, json.dumps(tables.get(function_name(rule), {}), sort_keys=True))
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


def function_name(rule: str) -> str:
    """Returns the name of the function in the path of a rule, under which its settings stand in [filter.own]."""
    return rule.partition(":")[2]


@lru_cache(maxsize=256)
def loaded(rule: str, table: str) -> OwnRule:
    """Imports a rule and builds its settings from a table in JSON; SettingsError where either does not fit."""
    function = _function(rule)
    name = function_name(rule)
    hints = _settings_hints(rule, function)
    return OwnRule(name, function, settings.build(hints, json.loads(table), path=("filter", "own", name)))


def source_digest(rule: str) -> str:
    """Returns the sha256 of the file of a rule's module."""
    path = inspect.getsourcefile(_function(rule))
    if not path or not Path(path).is_file():
        raise SettingsError(f"filter.rules: {rule} has no source file, whose digest the stage's key needs")
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def checked(rules: tuple[str, ...], tables: Tables) -> dict[str, str]:
    """Returns the digests of the sources of the user's rules among these; SettingsError where one cannot run."""
    own = [rule for rule in dict.fromkeys(rules) if is_own(rule)]
    names = [function_name(rule) for rule in own]
    for rule, name in zip(own, names, strict=True):
        if names.count(name) > 1:
            raise SettingsError(f"filter.rules: two rules are called {name}; give the function of {rule} another name")
        loaded(rule, json.dumps(tables.get(name, {}), sort_keys=True))
    return {rule: source_digest(rule) for rule in own}


def _function(rule: str) -> Callable[[Document, Any], Any]:
    module_name, _, name = rule.partition(":")
    try:
        module = _module(module_name)
    except ImportError as error:
        mend = "install its package, or run in the folder that holds it"
        raise SettingsError(f"filter.rules: {rule} cannot be imported: {error}; {mend}") from error
    function = getattr(module, name, None)
    if not inspect.isfunction(function):
        raise SettingsError(f"filter.rules: {rule}: {module_name} has no function {name}")
    return function


def _module(name: str) -> Any:
    """Imports a module, also from the working folder, as `python -m` does."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        here = str(Path.cwd())
        if error.name != name.partition(".")[0] or here in sys.path:
            raise
        sys.path.append(here)
        importlib.invalidate_caches()
        return importlib.import_module(name)


def _settings_hints(rule: str, function: Callable[[Document, Any], Any]) -> Any:
    """Returns the dataclass of a rule's settings, which its second parameter names."""
    parameters = [*inspect.signature(function).parameters]
    mend = "a rule takes (document, settings), with a dataclass as the hint of settings"
    if len(parameters) != 2:
        raise SettingsError(f"filter.rules: {rule} takes {len(parameters)} parameters; {mend}")
    try:
        hint = get_type_hints(function).get(parameters[1])
    except NameError as error:
        raise SettingsError(f"filter.rules: {rule}: {error}; {mend}") from error
    if not is_dataclass(hint):
        raise SettingsError(f"filter.rules: {rule}: the hint of {parameters[1]} is {hint!r}; {mend}")
    return hint


def _full(name: str, reason: str) -> str:
    return reason if reason == name or reason.startswith(f"{name}.") else f"{name}.{reason}"
