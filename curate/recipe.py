"""Holds the recipe: every value that decides which tokens come out, as frozen dataclasses with the papers' defaults."""

import difflib
import glob
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from curate import settings, storage
from curate.commoncrawl import names
from curate.commoncrawl.selection import Select
from curate.crawl.config import Crawl
from curate.decontaminate.config import Decontaminate
from curate.dedup.config import Dedup, Lines
from curate.errors import SettingsError
from curate.extract.config import Extract
from curate.filters.rules import Filter, list_files, outside_digests, with_variants
from curate.gpt.config import Train
from curate.inputs.columns import Columns
from curate.links.config import Links, with_preset
from curate.loader.mixture import Mixture
from curate.quality.config import SHIPPED, Score
from curate.settings import Table, Where, check
from curate.stage.kinds import KINDS, STAGES
from curate.tokens.config import Pack, Tokenize, is_tokenizer_file

PATH_KEYS: tuple[tuple[str, ...], ...] = (  # the settings that may hold a path, beside the inputs of sources
    ("commoncrawl",),
    ("dedup", "index"),
    ("extract", "quality_model"),
    ("score", "model"),
    ("score", "positive"),
    ("score", "negative"),
    ("tokenize", "encoding"),
    ("train", "init"),
)
ANYWHERE = ("miniweb:", names.PREFIX)  # what begins so is no path

MOST_SOURCES = 256
SIMILAR = 0.8  # difflib's ratio from which on the name of a source counts as another's misspelt one


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One origin of documents.

    An earlier source wins over a later one when both hold the same document.
    """

    inputs: tuple[str, ...] = ()  # globs, files, folders, or names of crawls
    columns: Columns = Columns()  # which column of the user's own rows holds what
    keep_columns: tuple[str, ...] | None = None  # the other columns that become metadata; None: all
    select: Select | None = None  # which captures are taken, for inputs that are indexes of crawls
    weight: float = 1.0  # the share of training tokens, relative to the other sources' weights
    filter: Filter = Filter()  # the recipe's own filter with this source's values on top

    def __post_init__(self) -> None:
        check(0 <= self.weight < math.inf, f"weight is a number from 0 on, got {self.weight}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The settings of a dataset, from its sources to its shards; a stage whose table is None is not run."""

    name: str  # an output folder belongs to the recipe of this name
    seed: int = 0  # of every random draw
    commoncrawl: str = names.BASE  # the folder or URL under which the files of crawls lie
    sources: Mapping[str, Source] = field(default_factory=dict)
    links: Links | None = None
    crawl: Crawl | None = None
    extract: Extract = Extract()
    filter: Filter = Filter()
    dedup: Dedup = Dedup()
    lines: Lines | None = None
    score: Score | None = None
    decontaminate: Decontaminate | None = None
    tokenize: Tokenize = Tokenize()
    pack: Pack = Pack()
    mixture: Mixture = Mixture()
    train: Train | None = None

    def __post_init__(self) -> None:
        for name in self.sources:
            check(is_source_name(name), f"source {name!r} is not a plain name")
        check(len(self.sources) <= MOST_SOURCES, f"at most {MOST_SOURCES} sources, got {len(self.sources)}")
        references = [("score.only", name) for name in (self.score.only if self.score else ())]
        references += [("mixture.quality", name) for name in self.mixture.quality]
        references += [("dedup.priority", name) for name in self.dedup.priority]
        references += [("dedup.max_removed", name) for name in self.dedup.max_removed]
        for setting, name in references:
            check(name in self.sources, f"{setting} names {name!r}; the sources are {', '.join(self.sources)}")

    @property
    def stages(self) -> tuple[str, ...]:
        """Returns the names of the stages that this recipe runs, in order."""
        return tuple(stage for stage in STAGES if not KINDS[stage].optional or getattr(self, stage) is not None)

    def outside_rules(self) -> dict[str, str]:
        """Returns the digests of what filter rules read beside settings; SettingsError where a rule cannot run here."""
        return outside_digests((self.filter, *(source.filter for source in self.sources.values())))

    def list_files(self) -> tuple[tuple[str, str], ...]:
        """Returns the files of lists that filter rules read: the rule, and the path."""
        filters = (self.filter, *(source.filter for source in self.sources.values()))
        return tuple(file for chosen in filters for file in list_files(chosen))

    def outside_functions(self) -> None:
        """Raises SettingsError where an extractor or a scorer of the user's cannot run here."""
        self.extract.outside_digests()
        if self.score:
            self.score.outside_digests()

    def alarms(self, stage: str) -> dict[str, Any]:
        """Returns the settings of a stage that only warn, by name."""
        if stage == "filter":
            shares = {name: source.filter.kept_share for name, source in self.sources.items()}
            return {"kept_share": {"": self.filter.kept_share, **shares}}
        return self.dedup.alarms if stage == "dedup" else {}

    @property
    def spares(self) -> bool:
        """True if a filter spares documents that the quality model rates high."""
        return any(chosen.spare.rules for chosen in (self.filter, *(s.filter for s in self.sources.values())))


def is_source_name(name: str) -> bool:
    """Returns whether a recipe may call a source so."""
    return name.isidentifier() or name.replace("-", "_").isidentifier()


def load(
    name: str, assignments: tuple[str, ...] = (), *, files: tuple[str, ...] = (), folder: Path | None = None
) -> Recipe:
    """Loads a recipe by bundled name or TOML path, with `--set` assignments on top; raises SettingsError on a fault.

    Relative input paths of a file are taken from the file's folder, those of a bundled recipe from `folder` or else
    the working folder, those of an assignment from the working folder. files: in place of the inputs of the only
    source, or each as NAME=FILE of the source that it names; from the working folder too.
    """
    if name.endswith(".toml") or "/" in name:
        path = storage.path(name)
        storage.need(path)
        origin, folder, text = name, path.parent, _file_text(path, name)
    elif name in bundled_names():
        origin = f"recipe {name}"
        text = (resources.files("curate.manifests") / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise SettingsError(
            f"no recipe is called {name!r}; bundled are {', '.join(bundled_names())}, or give a .toml file"
        )
    table = with_absolute_paths(settings.parse_toml(text, origin), folder or Path())
    own = table.get("sources", {})
    for assignment in assignments:
        keys, value = settings.parse_assignment(assignment)
        if keys[0] == "sources" and keys[1:] and isinstance(own, dict):
            check_source(keys[1], [*own], f"--set {assignment}")
        table = settings.merge(table, with_absolute_paths(settings.assign({}, keys, value), Path()))
    for source, inputs in _by_source(files, table.get("sources", {})).items():
        given = settings.assign({}, ("sources", source, "inputs"), inputs)
        table = settings.merge(table, with_absolute_paths(given, Path()))
    return from_table(table, Where(origin, text))


def bundled_names() -> list[str]:
    """Returns the names of the recipes that ship with the package."""
    files = resources.files("curate.manifests").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def from_table(table: Table, where: Where) -> Recipe:
    """Builds a recipe from its tables; each source's filter is the recipe's own with the source's values on top."""
    table = _with_shared_filter(table)
    links = table.get("links")
    if isinstance(links, dict):
        table = {**table, "links": with_preset(links)}
    return settings.build(Recipe, table, where=where)


def to_toml(recipe: Recipe) -> str:
    """Returns the recipe as TOML for `load`, with all defaults; of a source's filter only its own values."""
    table = settings.to_table(recipe)
    for source in table["sources"].values():
        source["filter"] = settings.difference(table["filter"], source["filter"])
        if not source["filter"]:
            del source["filter"]
    return settings.to_toml(table)


def in_all_languages(recipe: Recipe) -> Recipe:
    """Returns the recipe for all languages: no filter, and so no gate before it, asks for a language."""
    sources = {
        name: replace(source, filter=_without_languages(source.filter)) for name, source in recipe.sources.items()
    }
    return replace(recipe, filter=_without_languages(recipe.filter), sources=sources)


def with_absolute_paths(table: Table, folder: Path) -> Table:
    """Returns the tables with every input path made absolute from this folder; URIs stay."""
    for keys, value in [*_paths(table)]:
        if isinstance(value, str):
            table = settings.assign(table, keys, absolute(value, folder))
        elif isinstance(value, list):
            table = settings.assign(table, keys, [absolute(path, folder) for path in value])
    return table


def path_settings(recipe: Recipe) -> list[tuple[tuple[str, ...], str]]:
    """Returns every setting that names a file, a folder or a URL, by its keys, with a row for each of its values.

    The mini-web and crawls by name, which every machine can get, are left out.
    """
    rows = []
    for keys, value in _paths(settings.to_table(recipe)):
        paths = [value] if isinstance(value, str) else value or []
        rows += [(keys, path) for path in paths if not path.startswith(ANYWHERE)]
    return rows


def _paths(table: Table) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields the settings of the tables that may hold a path, by their keys, unless the value is a name."""
    settings_keys = [*PATH_KEYS]
    sources = table.get("sources")
    if isinstance(sources, dict):
        settings_keys += [("sources", name, "inputs") for name in sources]
    decontaminate = table.get("decontaminate")
    if isinstance(decontaminate, dict) and isinstance(sets := decontaminate.get("sets"), dict):
        settings_keys += [("decontaminate", "sets", name, "files") for name in sets]
    for keys in settings_keys:
        value: Any = table
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if not _is_name(keys, value):
            yield keys, value


def check_source(name: str, names: list[str], origin: str) -> None:
    """Raises SettingsError where a source is not among these names but is spelt much like one of them.

    Names that differ in digits alone (cc-2020, cc-2021) are sources of their own.
    """
    if name in names or any(_without_digits(name) == _without_digits(other) for other in names):
        return
    transposed = [other for other in names if sorted(other) == sorted(name)]
    similar = transposed or difflib.get_close_matches(name, names, n=1, cutoff=SIMILAR)
    if similar:
        mend = (
            f"did you mean {similar[0]!r}? A new source of this name needs its table [sources.{name}] in a recipe file"
        )
        raise SettingsError(f"{origin}: the recipe has no source {name!r}; {mend}")


def _without_digits(name: str) -> str:
    return re.sub(r"\d", "", name)


def _by_source(files: tuple[str, ...], sources: Any) -> dict[str, list[str]]:
    """Returns the files of each source; raises SettingsError where one names no source, or could be of several."""
    names = [*sources] if isinstance(sources, dict) else []
    inputs: dict[str, list[str]] = {}
    for file in files:
        name, equals, path = file.partition("=")
        if not equals or not is_source_name(name) or (not storage.is_remote(file) and storage.glob(file)):
            name, path = "", file
        if not names:
            raise SettingsError(f"{file}: the recipe has no source that could read it; add a [sources.NAME] table")
        if name and name not in names:
            raise SettingsError(f"{file}: no source is called {name!r}; the recipe has {', '.join(names)}")
        if not name and len(names) > 1:
            raise SettingsError(
                f"{file}: the recipe has the sources {', '.join(names)}; name one, as in {names[0]}=FILE"
            )
        if not path:
            raise SettingsError(f"{file}: name a file behind the =")
        inputs.setdefault(name or names[0], []).append(path)
    return inputs


def _file_text(path: Path, name: str) -> str:
    if not storage.is_remote(path):
        storage.check_file(path)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or error
        raise SettingsError(f"{name}: cannot read this recipe: {cause}") from None


def _with_shared_filter(table: Table) -> Table:
    """Returns the tables with the recipe's filter under each source's own; tables of a wrong type stay as they are."""
    shared = table.get("filter", {})
    sources = table.get("sources", {})
    if not isinstance(sources, dict) or not isinstance(shared, dict):
        return table
    merged = {
        name: settings.merge({"filter": shared}, source) for name, source in sources.items() if isinstance(source, dict)
    }
    for source in merged.values():
        source["filter"] = with_variants(source["filter"])
    # The recipe's own is built first, so that no source is blamed for its faults.
    first = {"filter": with_variants(shared)} if "filter" in table else {}
    return {**first, **table, **first, "sources": {**sources, **merged}}


def _without_languages(rules: Filter) -> Filter:
    return replace(rules, language=replace(rules.language, allowed=()))


def _is_name(keys: tuple[str, ...], value: Any) -> bool:
    """Returns True where the value is no path: a model that ships, no weights, no index, an encoding of tiktoken."""
    if keys == ("score", "model"):
        return value in ("default", *SHIPPED)
    if (*keys, value) in (("train", "init", ""), ("dedup", "index", "")):
        return True
    return keys == ("tokenize", "encoding") and isinstance(value, str) and not is_tokenizer_file(value)


def absolute(path: Any, folder: Path) -> Any:
    """Returns a path of a setting, made absolute from a folder; what is no path of this machine stays as it is."""
    if not isinstance(path, str) or "://" in path or path.startswith(ANYWHERE):
        return path
    if storage.is_remote(folder):
        return str(storage.join(folder, path))
    base = str(folder.absolute())
    return str(Path(glob.escape(base) if glob.has_magic(path) else base) / path)
