"""Functions of the user's own, which a recipe names as "package.module:function"; they are imported where they run.

A door is one setting that takes such a name: it states the parameters of the function, the last of which is its
settings, a dataclass that is built from a table of the recipe.
"""

import hashlib
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from curate import settings
from curate.errors import SettingsError


def is_path(name: str) -> bool:
    """Returns whether a name is the path of a function.

    >>> is_path("language"), is_path("mypackage.rules:my_rule")
    (False, True)
    """
    module, colon, function = name.partition(":")
    return bool(colon) and function.isidentifier() and all(part.isidentifier() for part in module.split("."))


def function_name(path: str) -> str:
    """Returns the name of the function in a path."""
    return path.partition(":")[2]


class Own(NamedTuple):
    """A function that is ready to be called."""

    name: str
    function: Callable[..., Any]
    settings: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A setting that names functions of the user's."""

    setting: str  # such as "filter.rules"
    kind: str  # of such a function, such as "a rule"
    takes: tuple[str, ...]  # the names of its parameters

    def loaded(self, path: str, table: Mapping[str, Any], keys: tuple[str, ...]) -> Own:
        """Imports a function and builds its settings; SettingsError where either does not fit.

        keys: those that lead to the table in the recipe, for messages.
        """
        return _loaded(self, path, json.dumps(table, sort_keys=True), keys)

    def source_digest(self, path: str) -> str:
        """Returns the sha256 of the file of a function's module; SettingsError where it has none."""
        file = inspect.getsourcefile(self._function(path))
        if not file or not Path(file).is_file():
            raise SettingsError(f"{self.setting}: {path} has no source file, whose digest the stage's key needs")
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()

    def check_source(self, path: str, digest: str) -> None:
        """Raises RuntimeError where a function has another source here than where the stage was planned."""
        if self.source_digest(path) != digest:
            raise RuntimeError(f"{self.setting}: {path} has another source here than where the stage was planned")

    def _function(self, path: str) -> Callable[..., Any]:
        module_name, _, name = path.partition(":")
        try:
            module = _module(module_name)
        except ImportError as error:
            mend = "install its package, or run in the folder that holds it"
            raise SettingsError(f"{self.setting}: {path} cannot be imported: {error}; {mend}") from error
        function = getattr(module, name, None)
        if not inspect.isfunction(function):
            raise SettingsError(f"{self.setting}: {path}: {module_name} has no function {name}")
        return function

    def _settings_hint(self, path: str, function: Callable[..., Any]) -> Any:
        """Returns the dataclass of a function's settings, which its last parameter names."""
        parameters = [*inspect.signature(function).parameters]
        mend = f"{self.kind} takes ({', '.join(self.takes)}), with a dataclass as the hint of settings"
        if len(parameters) != len(self.takes):
            raise SettingsError(f"{self.setting}: {path} takes {len(parameters)} parameters; {mend}")
        try:
            hint = get_type_hints(function).get(parameters[-1])
        except NameError as error:
            raise SettingsError(f"{self.setting}: {path}: {error}; {mend}") from error
        if not is_dataclass(hint):
            raise SettingsError(f"{self.setting}: {path}: the hint of {parameters[-1]} is {hint!r}; {mend}")
        return hint


@lru_cache(maxsize=256)
def _loaded(door: Door, path: str, table: str, keys: tuple[str, ...]) -> Own:
    function = door._function(path)
    hint = door._settings_hint(path, function)
    return Own(function_name(path), function, settings.build(hint, json.loads(table), path=keys))


def forget() -> None:
    """Forgets the functions that were loaded, so that they are looked for again."""
    _loaded.cache_clear()


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
