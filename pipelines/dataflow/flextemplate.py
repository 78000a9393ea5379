"""Generates the Flex Template's `metadata.json` from a recipe's settings, and turns its parameters into assignments.

Every plain setting is an optional parameter of its dotted path with underscores, so `dedup.similarity` is
`dedup_similarity`; a list is written with commas, and a table of values as NAME=VALUE with commas. The inputs of
sources and `--set` have parameters of their own.
"""

import ast
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from curate.errors import SettingsError
from curate.recipe import Recipe

NAME = "curate"
DESCRIPTION = "Make language-model training data: a recipe's stages, from crawled pages to token shards, as one job."
LEFT_OUT = ("name", "sources", "train")  # the recipe's own name; tables with parameters of their own; not a stage
REGEXES = {int: r"^-?[0-9]+$", float: r"^-?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?$", bool: r"^(true|false)$"}
TYPES = {int: "NUMBER", float: "NUMBER", bool: "BOOLEAN"}
GS = r"^gs:\/\/[^\n\r]+$"
LISTED = 8  # values of a long list that a help text shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the template."""

    name: str
    label: str
    help: str
    path: tuple[str, ...] = ()  # the setting that it assigns; empty if the launcher reads it
    kind: type = str  # of the value, or of each value of a list or table: str, int, float or bool
    many: bool = False  # whether it is a list, with commas
    named: bool = False  # whether it is a table of values, NAME=VALUE with commas
    optional: bool = True
    type: str = "TEXT"  # TEXT, NUMBER or BOOLEAN
    regex: str = ""  # the whole value matches it; '' for any value


OWN = (
    Parameter(
        name="recipe",
        label="Recipe",
        help="A bundled recipe (quickstart, webtext, gpt3, documents) or gs://BUCKET/FILE.toml",
        optional=False,
        regex=r"^[^\n\r]+$",
    ),
    Parameter(
        name="out",
        label="Output folder",
        help="Where the dataset is written, such as gs://BUCKET/FOLDER; a folder that holds a run is resumed.",
        optional=False,
        regex=GS,  # no folder type: Dataflow would want it to be there
    ),
    Parameter(
        name="sources",
        label="Inputs of the sources",
        help="NAME=GLOB[,GLOB…] of each source, with semicolons between, such as web=gs://BUCKET/crawl/*.warc.gz",
        regex=r"^[\w-]+=[^;]+(;[\w-]+=[^;]+)*;?$",
    ),
    Parameter(
        name="set",
        label="Further settings",
        help="PATH=VALUE as after --set, with semicolons between, such as sources.web.weight=0.4",
    ),
    Parameter(
        name="sdk_container_image",
        label="Worker image",
        help="The image that workers run: this template's own, by its full name and tag.",
        optional=False,
        regex=r"^[^\s]+$",
    ),
)


def metadata() -> dict[str, Any]:
    """Returns what `gcloud dataflow flex-template build --metadata-file` reads."""
    return {"name": NAME, "description": DESCRIPTION, "parameters": [_metadata_row(row) for row in parameters()]}


def parameters() -> tuple[Parameter, ...]:
    """Returns every parameter of the template."""
    return (*OWN, *_setting_parameters(Recipe, ()))


def assignments(values: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the `--set` assignments of these parameters; raises SettingsError if a source has no pattern."""
    lines = []
    for source in _split(values.get("sources", "")):
        name, _, patterns = source.partition("=")
        if not patterns:
            raise SettingsError(f"sources: {source}: expected NAME=GLOB[,GLOB…]")
        lines.append(f"sources.{name}.inputs={_toml_list(patterns, str)}")
    for parameter in parameters():
        if parameter.path and parameter.name in values:
            lines.append(f"{'.'.join(parameter.path)}={_toml(parameter, values[parameter.name])}")
    return (*lines, *_split(values.get("set", "")))


def _metadata_row(parameter: Parameter) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": parameter.name,
        "label": parameter.label,
        "helpText": parameter.help,
        "isOptional": parameter.optional,
        "paramType": parameter.type,
    }
    return row | ({"regexes": [parameter.regex]} if parameter.regex else {})


def _setting_parameters(table: Any, above: tuple[str, ...]) -> Iterator[Parameter]:
    """Yields the parameters of the plain settings of a dataclass and of those inside it."""
    hints, helps = get_type_hints(table), _helps(table)
    for field in fields(table):
        hint, path = hints[field.name], (*above, field.name)
        if not above and field.name in LEFT_OUT:
            continue
        if get_origin(hint) in (Union, UnionType):
            hint = next(choice for choice in get_args(hint) if choice is not type(None))
        if is_dataclass(hint):
            yield from _setting_parameters(hint, path)
        elif get_origin(hint) is not Mapping or not is_dataclass(get_args(hint)[1]):
            default = field.default if field.default_factory is MISSING else field.default_factory()
            yield _setting_parameter(path, hint, default, helps[field.name])


def _setting_parameter(path: tuple[str, ...], hint: Any, default: Any, text: str) -> Parameter:
    many, named = get_origin(hint) is tuple, get_origin(hint) is Mapping
    kind: type = get_args(hint)[1 if named else 0] if many or named else hint
    if many:
        text += " A list, with commas."
    if named:
        text += " NAME=VALUE for each, with commas; it takes the place of the whole table."
    if default not in (MISSING, None):
        text += f" Left out: the recipe's own, else {_shown(default) or 'empty'}."
    return Parameter(
        name="_".join(path),
        label=".".join(path),
        help=text,
        path=path,
        kind=kind,
        many=many,
        named=named,
        type="TEXT" if many or named else TYPES.get(kind, "TEXT"),
        regex="" if many or named else REGEXES.get(kind, ""),
    )


def _helps(table: Any) -> dict[str, str]:
    """Returns the help text of each setting of a dataclass: its entry `name: …` in the docstring, else its comment.

    A setting that has neither gets the docstring's first sentence.
    """
    docstring = "A value of the whole recipe." if table is Recipe else " ".join((inspect.getdoc(table) or "").split())
    first = re.split(r"(?<=[.]) (?=[A-Z]|[a-z_]+: )", docstring)[0]
    comments = _comments(table)
    helps = {}
    for field in fields(table):
        entry = re.search(rf"(?:^|[.] ){field.name}: (.+?[.])(?= [a-z_]+: |$| [A-Z])", docstring)
        text = entry[1] if entry else comments.get(field.name, first)
        helps[field.name] = text[0].upper() + text[1:]
    return helps


def _comments(table: type) -> dict[str, str]:
    """Returns the comments that the source of a dataclass has on the lines of its fields, as sentences by field."""
    comments = {}
    for parent in reversed(table.__mro__):
        if not is_dataclass(parent):
            continue
        source = textwrap.dedent(inspect.getsource(parent))
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        by_line = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
        definition = ast.parse(source).body[0]
        assert isinstance(definition, ast.ClassDef)
        for node in definition.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                if text := " ".join(by_line[line] for line in lines if line in by_line):
                    comments[node.target.id] = text if text.endswith(".") else f"{text}."
    return comments


def _shown(value: Any) -> str:
    """Returns a default as a help text shows it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value[:LISTED])) + (",…" if len(value) > LISTED else "") or "none"
    if isinstance(value, Mapping):
        return ",".join(f"{name}={one}" for name, one in value.items()) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _split(value: str) -> list[str]:
    """Returns the parts of a value with semicolons between, without the empty ones."""
    return [part.strip() for part in value.split(";") if part.strip()]


def _toml(parameter: Parameter, value: str) -> str:
    """Returns the value of a parameter as `--set` takes it."""
    if parameter.named:
        return _toml_table(parameter.name, value, parameter.kind)
    return _toml_list(value, parameter.kind) if parameter.many else _toml_value(value, parameter.kind)


def _toml_value(value: str, kind: type) -> str:
    if kind is not str:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _toml_list(value: str, kind: type) -> str:
    return f"[{', '.join(_toml_value(part.strip(), kind) for part in value.split(',') if part.strip())}]"


def _toml_table(parameter: str, value: str, kind: type) -> str:
    """Returns a table of values; raises SettingsError if one has no name."""
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    for name, sign, one in pairs:
        if not (name.strip() and sign and one.strip()):
            raise SettingsError(f"{parameter}: {name}{sign}{one}: expected NAME=VALUE[,NAME=VALUE…]")
    written = (f"{_toml_value(name.strip(), str)} = {_toml_value(one.strip(), kind)}" for name, _, one in pairs)
    return f"{{{', '.join(written)}}}"
