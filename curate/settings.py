"""Reads TOML tables strictly into frozen dataclasses and writes them back; errors name the key and the line.

The dataclasses themselves stand in the `config.py` of each subject and in `curate.recipe`.
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
KEYS = re.compile(r"\s*((?:\"[^\"]*\"|'[^']*'|[\w\-.\s])+?)\s*=")  # the dotted key that a line of TOML assigns
Table = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Where:
    """The origin of a table, for messages."""

    origin: str  # the name of a file or an option
    text: str  # the TOML text, or '' where there is none to point into

    def error(self, path: tuple[str, ...], message: str) -> SettingsError:
        """Returns the error at this path, with the line that writes it if the text has one."""
        line = line_of(self.text, path)
        start = f"{self.origin}, line {line}" if line else self.origin
        return SettingsError(f"{start}: {'.'.join(path)}: {message}" if path else f"{start}: {message}")


def check(claim: bool, message: str) -> None:
    """Raises ValueError with this message unless the claim holds."""
    if not claim:
        raise ValueError(message)


def parse_toml(text: str, origin: str) -> Table:
    """Returns the tables of a TOML text; raises SettingsError with the line where it is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{origin}: not TOML: {error}") from None


def parse_assignment(text: str) -> tuple[tuple[str, ...], Any]:
    """Splits one `--set PATH=VALUE` into the path's keys and the value, read as TOML or else as a plain string.

    >>> parse_assignment("sources.web.weight=0.5")
    (('sources', 'web', 'weight'), 0.5)
    """
    path, equals, value = text.partition("=")
    keys = _key_parts(path)
    if not equals or not all(keys):
        raise SettingsError(f"--set {text}: expected PATH=VALUE, such as filter.language.min_score=0.5")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        if value.lstrip()[:1] in tuple("[{\"'"):
            raise SettingsError(f"--set {text}: {value} is not a TOML value") from None
        parsed = value
    return keys, parsed


def build(kind: type[T], table: Table, *, path: tuple[str, ...] = (), where: Where | None = None) -> T:
    """Builds a frozen dataclass from a table; raises SettingsError at an unknown key, a wrong type or a refused value.

    path: the keys that lead to the table, for messages.
    """
    where = where or Where("settings", "")
    if not isinstance(table, dict):
        raise where.error(path, f"expected a table, got {table!r}")
    hints = get_type_hints(kind)
    for key in table:
        if key not in hints:
            similar = difflib.get_close_matches(key, hints, n=1, cutoff=0.5)
            mend = f"did you mean {similar[0]!r}?" if similar else f"known here: {', '.join(hints)}"
            raise where.error((*path, key), f"unknown setting {key!r}; {mend}")
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name not in table and field.default is field.default_factory is dataclasses.MISSING:
            raise where.error(path, f"the setting {field.name!r} is missing")
    values = {key: _value_of(hints[key], value, (*path, key), where) for key, value in table.items()}
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        if isinstance(error, SettingsError):
            raise
        raise where.error(path, str(error)) from None


def to_toml(value: Any) -> str:
    """Returns the canonical TOML text of a dataclass or of tables."""
    return tomli_w.dumps(to_table(value))


def to_table(value: Any) -> Any:
    """Returns the table of a dataclass, ready for TOML: tuples as lists, None left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {name: to_table(inner) for name, inner in pairs if inner is not None}
    if isinstance(value, Mapping):
        return {key: to_table(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [to_table(element) for element in value]
    return value


def assign(table: Table, path: tuple[str, ...], value: Any) -> Table:
    """Returns a copy of the table in which the value at this path is replaced; missing tables are made."""
    key, *rest = path
    inner = table.get(key, {})
    if rest and not isinstance(inner, dict):
        raise SettingsError(f"--set {'.'.join(path)}: {key} holds a value, not a table")
    return {**table, key: assign(inner, tuple(rest), value) if rest else value}


def merge(base: Table, over: Table) -> Table:
    """Returns the base table with the other's values on top, table by table."""
    merged = dict(base)
    for key, value in over.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def difference(base: Table, over: Table) -> Table:
    """Returns the table that turns the base into the other: `merge(base, difference(base, over)) == over`."""
    changed: Table = {}
    for key, value in over.items():
        inner = base.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            inner_changes = difference(inner, value)
            if inner_changes:
                changed[key] = inner_changes
        elif key not in base or inner != value:
            changed[key] = value
    return changed


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """Returns the 1-based line of a TOML text that writes the key of this path; None if no line does."""
    table: tuple[str, ...] = ()
    if not path:
        return None
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^\[\]]+)\]+\s*(?:#.*)?$", line):
            table = _key_parts(header[1])
            if table[: len(path)] == path:
                return number
        elif (key := re.match(KEYS, line)) and (table + _key_parts(key[1]))[: len(path)] == path:
            return number
    return None


def _key_parts(keys: str) -> tuple[str, ...]:
    """Returns the parts of a dotted key, '' for a missing one; a dot within quotes does not separate."""
    parts = re.split(r"\.(?=(?:[^\"']|\"[^\"]*\"|'[^']*')*$)", keys)
    return tuple(part.strip().strip("\"'") for part in parts)


def _value_of(hint: Any, value: Any, path: tuple[str, ...], where: Where) -> Any:
    """Returns the value as its type hint asks for it; raises SettingsError where it is of another type."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(hint) if option is not type(None)]
        option = next((option for option in options if type(value) is option), options[0])
        return _value_of(option, value, path, where)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, path=path, where=where)
    if origin is tuple:
        if not isinstance(value, list):
            raise where.error(path, f"expected a list, got {value!r}")
        return tuple(_value_of(get_args(hint)[0], element, path, where) for element in value)
    if origin is Mapping:
        if not isinstance(value, dict):
            raise where.error(path, f"expected a table, got {value!r}")
        return {key: _value_of(get_args(hint)[1], inner, (*path, key), where) for key, inner in value.items()}
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint or value != value:  # a nan would pass every limit
        names = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}
        raise where.error(path, f"expected {names.get(hint, hint)}, got {value!r}")
    return value
