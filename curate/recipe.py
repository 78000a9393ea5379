"""The recipe: every value that decides which tokens come out, as frozen dataclasses with the papers' defaults."""

import glob
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from curate import settings, storage
from curate.commoncrawl import names
from curate.commoncrawl.selection import Select
from curate.crawl.config import Crawl
from curate.dedup.config import Dedup
from curate.errors import SettingsError
from curate.extract.config import Extract
from curate.filters.rules import Filter
from curate.gpt.config import Train
from curate.links.config import Links, with_preset
from curate.loader.mixture import Mixture
from curate.quality.config import Score
from curate.settings import Table, Where, check
from curate.stage.kinds import STAGES
from curate.tokens.config import Pack, Tokenize, is_tokenizer_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One origin of documents: its inputs (globs or files), its share of the training tokens, its own filter.

    weight: the share of training tokens relative to the other sources' weights. An earlier source wins over a later
    one when both hold the same document. select: what is taken of the inputs that are indexes of crawls.
    """

    inputs: tuple[str, ...] = ()
    select: Select | None = None
    weight: float = 1.0
    filter: Filter = Filter()

    def __post_init__(self) -> None:
        check(0 <= self.weight < math.inf, f"weight is a number from 0 on, got {self.weight}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A dataset from its sources to its shards; `name` marks the output folder as this recipe's.

    commoncrawl: the folder or URL under which the files of crawls lie; it decides nothing but that.
    """

    name: str
    seed: int = 0
    commoncrawl: str = names.BASE
    sources: Mapping[str, Source] = field(default_factory=dict)
    links: Links | None = None
    crawl: Crawl | None = None
    extract: Extract = Extract()
    filter: Filter = Filter()
    dedup: Dedup = Dedup()
    score: Score | None = None
    tokenize: Tokenize = Tokenize()
    pack: Pack = Pack()
    mixture: Mixture = Mixture()
    train: Train | None = None

    def __post_init__(self) -> None:
        for name in self.sources:
            check(name.isidentifier() or name.replace("-", "_").isidentifier(), f"source {name!r} is not a plain name")
        check(len(self.sources) <= 256, f"at most 256 sources, got {len(self.sources)}")
        named = [("score.only", name) for name in (self.score.only if self.score else ())]
        for setting, name in named + [("mixture.quality", name) for name in self.mixture.quality]:
            check(name in self.sources, f"{setting} names {name!r}; the sources are {', '.join(self.sources)}")

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that this recipe runs, in order."""
        return tuple(stage for stage in STAGES if stage != "score" or self.score)


def bundled() -> list[str]:
    """The names of the recipes that ship with the package."""
    files = resources.files("curate.manifests").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def to_toml(recipe: Recipe) -> str:
    """The recipe with every default as TOML that `load` reads back; of a source's filter only what is its own."""
    table = settings.to_table(recipe)
    for source in table["sources"].values():
        source["filter"] = settings.difference(table["filter"], source["filter"])
        if not source["filter"]:
            del source["filter"]
    return settings.to_toml(table)


def load(name: str, assignments: tuple[str, ...] = (), *, folder: Path | None = None) -> Recipe:
    """A recipe by bundled name or TOML path, with `--set` assignments on top; SettingsError where it cannot be used.

    Relative input paths of a file are taken from the file's folder, those of an assignment from the working folder.
    """
    if name.endswith(".toml") or "/" in name:
        path = storage.path(name)
        storage.need(path)
        origin, folder = name, path.parent
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            cause = getattr(error, "strerror", None) or error
            raise SettingsError(f"{name}: cannot read this recipe: {cause}") from None
    elif name in bundled():
        origin = f"recipe {name}"
        text = (resources.files("curate.manifests") / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise SettingsError(f"no recipe is called {name!r}; bundled are {', '.join(bundled())}, or give a .toml file")
    table = anchored(settings.parse_toml(text, origin), folder or Path())
    for assignment in assignments:
        keys, value = settings.parse_assignment(assignment)
        table = settings.merge(table, anchored(settings.assign({}, keys, value), Path()))
    return from_table(table, Where(origin, text))


def from_table(table: Table, where: Where) -> Recipe:
    """A recipe from its tables; each source's filter is the recipe's own with the source's values on top."""
    shared = table.get("filter", {})
    sources = table.get("sources", {})
    if isinstance(sources, dict) and isinstance(shared, dict):
        merged = {
            name: settings.merge({"filter": shared}, source)
            for name, source in sources.items()
            if isinstance(source, dict)
        }
        first = {"filter": shared} if "filter" in table else {}  # so that its faults are not told of a source
        table = {**first, **table, "sources": {**sources, **merged}}
    if isinstance(links := table.get("links"), dict):
        table = {**table, "links": with_preset(links)}
    return settings.build(Recipe, table, where=where)


def in_all_languages(recipe: Recipe) -> Recipe:
    """The recipe without a word about languages: no source's filter, and no gate before it, asks for one."""
    sources = {name: replace(source, filter=_in_all(source.filter)) for name, source in recipe.sources.items()}
    return replace(recipe, filter=_in_all(recipe.filter), sources=sources)


def _in_all(rules: Filter) -> Filter:
    return replace(rules, language=replace(rules.language, allowed=()))


PATH_KEYS: tuple[tuple[str, ...], ...] = (
    ("commoncrawl",),
    ("extract", "quality_model"),
    ("score", "model"),
    ("score", "positive"),
    ("score", "negative"),
    ("tokenize", "encoding"),
)


def anchored(table: Table, folder: Path) -> Table:
    """The tables with every input path made absolute from this folder; URIs stay."""
    paths = [*PATH_KEYS]
    if isinstance(sources := table.get("sources"), dict):
        paths += [("sources", name, "inputs") for name in sources]
    for path in paths:
        found: Any = table
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if _is_name(path, found):
            continue
        if isinstance(found, str):
            table = settings.assign(table, path, _absolute(found, folder))
        elif isinstance(found, list):
            table = settings.assign(table, path, [_absolute(each, folder) for each in found])
    return table


def _is_name(path: tuple[str, ...], value: Any) -> bool:
    """Is what may be a path the name of something that the package knows?"""
    if path == ("score", "model"):
        return bool(value == "default")
    return path == ("tokenize", "encoding") and isinstance(value, str) and not is_tokenizer_file(value)


def _absolute(path: Any, folder: Path) -> Any:
    if not isinstance(path, str) or "://" in path or path.startswith(("miniweb:", names.PREFIX)):
        return path
    if storage.is_remote(folder):
        return str(storage.join(folder, path))
    base = str(folder.absolute())
    return str(Path(glob.escape(base) if glob.has_magic(path) else base) / path)
