"""Values out of Arrow columns, as plain Python: no value of a column can make another one unreadable.

A string that is not UTF-8 comes with lone surrogates (`surrogateescape`), a time that Python's datetime cannot hold in
words, so that nobody takes its number for one of another unit. The labels of a Hugging Face data set (`ClassLabel`)
come as their names.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
EPOCH = datetime(1970, 1, 1)
Feature = Any  # of the schema's metadata: tables and lists that follow the nesting of a column


def features_of(schema: pa.Schema) -> dict[str, Feature]:
    """Returns what Hugging Face states of the columns that hold labels, by their names; of the others nothing."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in features.items() if '"ClassLabel"' in json.dumps(feature)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def values_of(column: pa.Array, feature: Feature = None) -> list[Any]:
    """Returns the values of a column; feature: what `features_of` says of it."""
    values: list[Any]
    try:
        values = [_value(scalar) for scalar in column] if _needs_care(column.type) else column.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):  # such as UnicodeDecodeError
        values = [_value(scalar) for scalar in column]
    return [_named(value, feature) for value in values] if feature else values


def _needs_care(kind: pa.DataType) -> bool:
    """Returns True for a type whose values Arrow converts in ways that depend on what else is installed."""
    if isinstance(kind, pa.BaseExtensionType) or pa.types.is_timestamp(kind) or pa.types.is_map(kind):
        return True
    if pa.types.is_dictionary(kind):
        return _needs_care(kind.value_type)
    return any(_needs_care(kind.field(number).type) for number in range(kind.num_fields))


def _value(scalar: Any) -> Any:
    """Returns a scalar as plain Python, and what is within it."""
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if isinstance(kind, pa.BaseExtensionType) or pa.types.is_dictionary(kind):
        return _value(scalar.value)
    if pa.types.is_timestamp(kind):
        return _moment(scalar.value, kind)
    if pa.types.is_struct(kind):
        return {kind.field(number).name: _value(scalar[number]) for number in range(kind.num_fields)}
    if pa.types.is_map(kind):
        return {_value(entry[0]): _value(entry[1]) for entry in scalar.values}
    if hasattr(scalar, "values"):  # lists of every kind
        return [_value(part) for part in scalar.values]
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes().decode("utf-8", "surrogateescape")
    except (ValueError, OverflowError):  # a day or a span that Python cannot hold
        return f"{scalar.value} {'days since 1970' if kind == pa.date32() else kind}"


def _moment(value: int, kind: pa.TimestampType) -> datetime | str:
    """Returns a time, in UTC where its type names a zone; words where a datetime cannot hold it."""
    per_second = PER_SECOND[kind.unit]
    try:
        moment = EPOCH + timedelta(microseconds=value * 10**6 // per_second)
    except OverflowError:
        return f"{value // per_second} seconds since 1970"
    return moment.replace(tzinfo=UTC) if kind.tz else moment


def _named(value: Any, feature: Feature) -> Any:
    """Returns a value with the names of its labels in place of their numbers; -1 stands for no label."""
    if value is None:
        return None
    if isinstance(feature, list) and isinstance(value, list):
        return [_named(part, feature[0]) for part in value]
    if not isinstance(feature, dict):
        return value
    if feature.get("_type") == "ClassLabel":
        names = feature.get("names") or []
        if value == -1:
            return None
        return names[value] if isinstance(value, int) and 0 <= value < len(names) else value
    if isinstance(feature.get("_type"), str) and "feature" in feature:  # a list, which may be stored as one per field
        inner = feature["feature"]
        if isinstance(value, dict) and isinstance(inner, dict):
            return {name: _named(parts, [inner.get(name)]) for name, parts in value.items()}
        return [_named(part, inner) for part in value] if isinstance(value, list) else value
    if isinstance(value, dict):
        return {name: _named(part, feature.get(name)) for name, part in value.items()}
    return value
