"""The recipe: every value that decides which tokens come out, as frozen dataclasses with the papers' defaults."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from itertools import pairwise
from pathlib import Path

from curate import settings, storage
from curate.anchors import anchored
from curate.commoncrawl import names
from curate.commoncrawl.selection import Select
from curate.crawl.config import Crawl
from curate.extract.config import Extract
from curate.filters.rules import Filter
from curate.links.config import Links, with_preset
from curate.loader.mixture import Mixture
from curate.settings import SettingsError, Table, Where, check

STAGES = ("extract", "filter", "dedup", "score", "tokenize", "pack")


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
class Dedup:
    """Exact text, then MinHash-LSH: 14 bands of 8 rows over 5-word shingles, as FineWeb (arXiv:2406.17557).

    similarity: a candidate pair counts as duplicates when its signatures agree in at least this share of places.
    rounds: of large-star, small-star (Kiveris et al. 2014); too few only keep a duplicate, never lose a document.
    """

    exact: bool = True
    near: bool = True
    bands: int = 14
    rows: int = 8
    shingle: int = 5
    similarity: float = 0.75
    rounds: int = 6

    def __post_init__(self) -> None:
        check(self.bands >= 1 and self.rows >= 1, f"need a band and a row, got {self.bands} x {self.rows}")
        check(self.bands <= 256, f"at most 256 bands, got {self.bands}")
        check(self.shingle >= 1, f"shingle is at least 1 word, got {self.shingle}")
        check(0 <= self.similarity <= 1, f"similarity lies in [0, 1], got {self.similarity}")
        check(self.rounds >= 1, f"rounds is at least 1, got {self.rounds}")

    def catch_probability(self, similarity: float) -> float:
        """The chance that two documents of this Jaccard similarity share a band: 1 - (1 - s^rows)^bands."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """fastText quality, and who is kept: all, by threshold, by fraction, by GPT-3's draw (arXiv:2005.14165, A).

    Give a model file, or documents of both kinds to train one on; without either, or with model "default", it is the
    English model that ships with the package. alpha 9 is GPT-3's. only: the sources that the keep rule judges, all
    where it is empty; the others are scored and kept, as GPT-3 did with everything but Common Crawl. fraction: of the
    judged documents, all together; those of equal score are drawn by their ids.
    """

    model: str | None = None
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    label: str = "positive"
    only: tuple[str, ...] = ()
    keep: str = "pareto"
    alpha: float = 9.0
    threshold: float = 0.5
    fraction: float = 0.1
    dim: int = 32
    epochs: int = 10
    learning_rate: float = 0.3
    word_ngrams: int = 2
    buckets: int = 100_000
    min_count: int = 1

    def __post_init__(self) -> None:
        known = ("all", "threshold", "fraction", "pareto")
        check(self.keep in known, f"keep is all, threshold, fraction or pareto, got {self.keep!r}")
        check(0 < self.fraction <= 1, f"fraction lies above 0 and up to 1, got {self.fraction}")
        check(0 < self.alpha < math.inf, f"alpha is a number above 0, got {self.alpha}")
        check(0 <= self.threshold <= 1, f"threshold lies in [0, 1], got {self.threshold}")
        least = min(self.dim, self.epochs, self.word_ngrams, self.buckets, self.min_count)
        check(least >= 1, f"dim, epochs, word_ngrams, buckets and min_count are at least 1, got {least}")
        check(0 < self.learning_rate < math.inf, f"learning_rate is a number above 0, got {self.learning_rate}")
        check(self.label.split() == [self.label], f"label is one word, got {self.label!r}")
        check(bool(self.positive) == bool(self.negative), "give both positive and negative, or neither")
        check(not (self.model and self.positive), "give either model, or both positive and negative")

    @property
    def is_default(self) -> bool:
        """Whether the model is the one that ships with the package."""
        return self.model == "default" or not (self.model or self.positive)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenize:
    """Text to ids. encoding: the name of one of tiktoken's, or the path of a Hugging Face tokenizer.json.

    eot: the token that ends every document; without it `<|endoftext|>`, or what a tokenizer.json has in its place.
    """

    encoding: str = "gpt2"
    eot: str | None = None

    def __post_init__(self) -> None:
        check(bool(self.encoding), "encoding is a name such as 'gpt2', or the path of a tokenizer.json")
        check(self.eot != "", "eot is a token of the tokenizer's, such as '</s>'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Shards: at most max_tokens each (llm.c's and FineWeb's 100M), documents never cut, a split drawn from the id.

    buckets: edges of quality, ascending; the documents between two of them are a source of their own in the mixture.
    """

    max_tokens: int = 100_000_000
    valid_fraction: float = 0.005
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check(1 <= self.max_tokens <= 2**29, f"max_tokens lies in 1..2^29 (1 GiB of uint16), got {self.max_tokens}")
        check(0 <= self.valid_fraction < 1, f"valid_fraction lies in [0, 1), got {self.valid_fraction}")
        rising = all(low < high for low, high in pairwise((0.0, *self.buckets, 1.0)))
        check(rising, f"buckets are edges between 0 and 1, ascending, got {list(self.buckets)}")
        check(len(self.buckets) < 100, f"at most 99 edges of buckets, got {len(self.buckets)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """One small GPT-2-shaped model; vocabulary "compact" keeps only the ids that occur, "full" them all."""

    layers: int = 4
    heads: int = 4
    width: int = 128
    context: int = 128
    batch: int = 16
    steps: int = 200
    learning_rate: float = 3e-3
    warmup: int = 50
    weight_decay: float = 0.1
    clip: float = 1.0
    vocabulary: str = "compact"
    valid_batches: int = 8
    log_every: int = 10
    sample_tokens: int = 60
    seed: int = 0
    threads: int = 1  # two threads that wait for one free core are many times slower than one

    def __post_init__(self) -> None:
        check(self.vocabulary in ("compact", "full"), f"vocabulary is compact or full, got {self.vocabulary!r}")
        check(self.heads >= 1 and self.width % self.heads == 0, f"width {self.width} / heads {self.heads} is not whole")
        check(self.layers >= 1 and self.context >= 1 and self.batch >= 1, "layers, context and batch are at least 1")
        check(self.steps >= 1 and self.log_every >= 1, "steps and log_every are at least 1")
        check(self.threads >= 1, f"threads is at least 1, got {self.threads}")


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
