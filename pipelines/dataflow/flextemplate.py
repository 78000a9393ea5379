"""The Flex Template's `metadata.json`, generated from a recipe's settings; and its parameters back to assignments.

Every plain setting is an optional parameter of its dotted path with underscores, so `dedup.similarity` is
`dedup_similarity`; a list is written with commas. What a table of sources needs has parameters of its own.
"""

import inspect
import re
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter; path: the setting that it assigns, empty where the launcher reads it. kind: str, int, float, bool.

    many: a list of the kind, with commas.
    """

    name: str
    label: str
    help: str
    path: tuple[str, ...] = ()
    kind: type = str
    many: bool = False
    optional: bool = True
    type: str = "TEXT"
    regex: str = ""


OWN = (
    Parameter(
        name="recipe",
        label="Recipe",
        help="A bundled recipe (quickstart, webtext, gpt3) or gs://BUCKET/FILE.toml",
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
        regex=r"^[\w-]+=[^=;]+(;[\w-]+=[^=;]+)*;?$",
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


def parameters() -> tuple[Parameter, ...]:
    """Every parameter of the template."""
    return (*OWN, *_settings(Recipe, (), "A value of the whole recipe."))


def _settings(table: Any, above: tuple[str, ...], about: str) -> Iterator[Parameter]:
    """The plain settings of a dataclass and of those inside it."""
    hints = get_type_hints(table)
    for field in fields(table):
        hint, path = hints[field.name], (*above, field.name)
        if not above and field.name in LEFT_OUT:
            continue
        if get_origin(hint) in (Union, UnionType):
            hint = next(each for each in get_args(hint) if each is not type(None))
        if is_dataclass(hint):
            yield from _settings(hint, path, inspect.getdoc(hint) or "")
        elif get_origin(hint) is not Mapping:
            yield _setting(path, hint, field, about)


def _setting(path: tuple[str, ...], hint: Any, field: Any, about: str) -> Parameter:
    many = get_origin(hint) is tuple
    kind: type = get_args(hint)[0] if many else hint
    default = (
        "" if field.default in (MISSING, None) else f" Left out: the recipe's own, else {_written(field.default)}."
    )
    return Parameter(
        name="_".join(path),
        label=".".join(path),
        help=_told(field.name, about) + (" A list, with commas." if many else "") + default,
        path=path,
        kind=kind,
        many=many,
        type="TEXT" if many else TYPES.get(kind, "TEXT"),
        regex="" if many else REGEXES.get(kind, ""),
    )


def _told(name: str, about: str) -> str:
    """What a docstring says of a setting, as `name: …`, else its first sentence."""
    text = " ".join(about.split())
    if found := re.search(rf"(?:^|[.] ){name}: (.+?[.])(?= [a-z_]+: |$| [A-Z])", text):
        return found[1][0].upper() + found[1][1:]
    return re.split(r"(?<=[.]) (?=[A-Z])", text)[0]


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value[:8])) + (",…" if len(value) > 8 else "") or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def metadata() -> dict[str, Any]:
    """What `gcloud dataflow flex-template build --metadata-file` reads."""
    return {"name": NAME, "description": DESCRIPTION, "parameters": [_described(each) for each in parameters()]}


def _described(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": parameter.name,
        "label": parameter.label,
        "helpText": parameter.help,
        "isOptional": parameter.optional,
        "paramType": parameter.type,
    }
    return found | ({"regexes": [parameter.regex]} if parameter.regex else {})


def assignments(given: Mapping[str, str]) -> tuple[str, ...]:
    """The `--set` assignments of these parameters; SettingsError where a value cannot be one."""
    found = []
    for each in (part.strip() for part in given.get("sources", "").split(";")):
        if each:
            name, equals, patterns = each.partition("=")
            if not equals or not patterns:
                raise SettingsError(f"sources: {each}: expected NAME=GLOB[,GLOB…]")
            found.append(f"sources.{name}.inputs={_list(patterns, str)}")
    for parameter in parameters():
        if parameter.path and parameter.name in given:
            value = given[parameter.name]
            written = _list(value, parameter.kind) if parameter.many else _one(value, parameter.kind)
            found.append(f"{'.'.join(parameter.path)}={written}")
    return (*found, *(part.strip() for part in given.get("set", "").split(";") if part.strip()))


def _one(value: str, kind: type) -> str:
    if kind is not str:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _list(value: str, kind: type) -> str:
    return f"[{', '.join(_one(each.strip(), kind) for each in value.split(',') if each.strip())}]"
