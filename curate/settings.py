"""Strict settings: TOML tables into frozen dataclasses and back, with errors that name the key, the line and the mend.

Knows nothing of recipes; `curate.recipe` holds the dataclasses.
"""

import dataclasses
import difflib
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import tomli_w

from curate.errors import SettingsError

T = TypeVar("T")
KEYS = re.compile(r"\s*((?:\"[^\"]*\"|'[^']*'|[\w\-.\s])+?)\s*=")
Table = dict[str, Any]


def check(claim: bool, message: str) -> None:
    """ValueError with this message unless the claim holds."""
    if not claim:
        raise ValueError(message)


def parse_toml(text: str, origin: str) -> Table:
    """The tables of a TOML text; SettingsError with the line where it is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{origin}: not TOML: {error}") from None


def parse_assignment(text: str) -> tuple[tuple[str, ...], Any]:
    """One `--set PATH=VALUE`: the path's parts and the value read as TOML, or as a plain string where it is not.

    >>> parse_assignment("sources.web.weight=0.5")
    (('sources', 'web', 'weight'), 0.5)
    """
    path, equals, value = text.partition("=")
    keys = _parts(path)
    if not equals or not all(keys):
        raise SettingsError(f"--set {text}: expected PATH=VALUE, such as filter.language.min_score=0.5")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        if value.lstrip()[:1] in tuple("[{\"'"):
            raise SettingsError(f"--set {text}: {value} is not a TOML value") from None
        parsed = value
    return keys, parsed


def assign(table: Table, path: tuple[str, ...], value: Any) -> Table:
    """A copy of the table with one value replaced, deep tables included."""
    key, *rest = path
    inner = table.get(key, {})
    if rest and not isinstance(inner, dict):
        raise SettingsError(f"--set {'.'.join(path)}: {key} holds a value, not a table")
    return {**table, key: assign(inner, tuple(rest), value) if rest else value}


def merge(base: Table, over: Table) -> Table:
    """The base table with the other's values on top, table by table."""
    merged = dict(base)
    for key, value in over.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def difference(base: Table, over: Table) -> Table:
    """What must be merged into the base to make the other: `merge(base, difference(base, over)) == over`."""
    changed: Table = {}
    for key, value in over.items():
        inner = base.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            if deeper := difference(inner, value):
                changed[key] = deeper
        elif key not in base or inner != value:
            changed[key] = value
    return changed


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """The 1-based line of a TOML text where the key of this path is written, or None if it comes from elsewhere."""
    table: tuple[str, ...] = ()
    if not path:
        return None
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^\[\]]+)\]+\s*(?:#.*)?$", line):
            table = _parts(header[1])
            if table[: len(path)] == path:
                return number
        elif (key := re.match(KEYS, line)) and (table + _parts(key[1]))[: len(path)] == path:
            return number
    return None


def _parts(keys: str) -> tuple[str, ...]:
    """The parts of a dotted key, '' where one is missing; a dot in quotes parts nothing."""
    found = re.split(r"\.(?=(?:[^\"']|\"[^\"]*\"|'[^']*')*$)", keys)
    return tuple(part.strip().strip("\"'") for part in found)


def build(kind: type[T], table: Table, *, path: tuple[str, ...] = (), where: "Where | None" = None) -> T:
    """A frozen dataclass from a table; SettingsError at an unknown key, a wrong type or a refused value."""
    where = where or Where("settings", "")
    if not isinstance(table, dict):
        raise where.error(path, f"expected a table, got {table!r}")
    hints = get_type_hints(kind)
    for key in table:
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1, cutoff=0.5)
            mend = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(hints)}"
            raise where.error((*path, key), f"unknown setting {key!r}; {mend}")
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name not in table and field.default is field.default_factory is dataclasses.MISSING:
            raise where.error(path, f"the setting {field.name!r} is missing")
    values = {key: _value(hints[key], value, (*path, key), where) for key, value in table.items()}
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        if isinstance(error, SettingsError):
            raise
        raise where.error(path, str(error)) from None


@dataclasses.dataclass(frozen=True, slots=True)
class Where:
    """The origin of a table (a file's name and its text), for messages."""

    origin: str
    text: str

    def error(self, path: tuple[str, ...], message: str) -> SettingsError:
        """An error at this path, with the line where the text has it."""
        line = line_of(self.text, path)
        place = f"{self.origin}, line {line}" if line else self.origin
        return SettingsError(f"{place}: {'.'.join(path)}: {message}" if path else f"{place}: {message}")


def _value(hint: Any, value: Any, path: tuple[str, ...], where: Where) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(hint) if option is not type(None)]
        return _value(options[0], value, path, where)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, path=path, where=where)
    if origin is tuple:
        if not isinstance(value, list):
            raise where.error(path, f"expected a list, got {value!r}")
        return tuple(_value(get_args(hint)[0], each, path, where) for each in value)
    if origin is Mapping:
        if not isinstance(value, dict):
            raise where.error(path, f"expected a table, got {value!r}")
        return {key: _value(get_args(hint)[1], each, (*path, key), where) for key, each in value.items()}
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint or value != value:  # a nan would pass every limit
        names = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}
        raise where.error(path, f"expected {names.get(hint, hint)}, got {value!r}")
    return value


def to_table(value: Any) -> Any:
    """The table of a dataclass, ready for TOML: tuples as lists, None left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {name: to_table(each) for name, each in pairs if each is not None}
    if isinstance(value, Mapping):
        return {key: to_table(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [to_table(each) for each in value]
    return value


def to_toml(value: Any) -> str:
    """The canonical TOML text of a dataclass or of tables."""
    return tomli_w.dumps(to_table(value))
