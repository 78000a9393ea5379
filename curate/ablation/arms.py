"""The datasets of arms: those that are there, and those that a recipe makes; their tokenizer, tokens and documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate import recipe as recipes
from curate.ablation.config import Ablation, Arm
from curate.dataset import manifest as manifests
from curate.errors import SettingsError
from curate.evaluate.perplexity import Document, of_shard
from curate.loader import Loader
from curate.loader.streams import manifest_file, read_sources
from curate.recipe import Recipe
from curate.storage.writing import sha256_of
from curate.tokens import load
from curate.tokens.tokenizer import FILE, FOLDER, Stated, Tokenizer

if TYPE_CHECKING:
    from curate.pipelines.engines.engine import Engine

MADE = "arms"  # the folder of the datasets that recipes make, in that of an ablation
AS_THEY_ARE = ("filter.rules=[]", "dedup.exact=false", "dedup.near=false", "pack.valid_fraction=0.0")
SAME = ("name", "vocabulary", "eot", "sha256")  # by which tokenizers are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """The dataset of an arm."""

    name: str  # of the arm
    manifest: Path
    sha256: str  # of the manifest
    tokenizer: Stated
    documents: int  # that are trained on
    tokens: int  # of these
    bytes: int

    def texts(self) -> Iterator[Document]:
        """Yields the documents that are trained on, as texts."""
        return documents_of(self.manifest, ("train",))


def documents_of(manifest: Path, splits: tuple[str, ...]) -> Iterator[Document]:
    """Yields the documents of splits of a dataset, as texts made of their tokens."""
    tokenizer = tokenizer_of(manifest)
    for split in splits:
        for source in read_sources(manifest, split):
            for shard in source.shards:
                yield from of_shard(shard, source.name, tokenizer)


def tokenizer_of(manifest: Path) -> Tokenizer:
    """Returns the tokenizer of a dataset."""
    return load.of(load.stated_in(manifests.read(manifest)), manifest.parent / FOLDER)


def recipe_of(arm: Any, encoding: str, *, sets: tuple[str, ...] = (), inputs: tuple[str, ...] = ()) -> Recipe:
    """Returns the recipe of an arm or of a judge, with the tokenizer of all arms."""
    if arm.documents:
        made = recipes.load("documents", (*AS_THEY_ARE, *arm.set), files=arm.documents)
    else:
        made = recipes.load(arm.recipe, (*arm.set, *sets), files=inputs or arm.inputs)
    return replace(made, tokenize=replace(made.tokenize, encoding=encoding), train=None)


def encoding_of(ablation: Ablation) -> str:
    """Returns the name or the file of the tokenizer of all arms; SettingsError where an arm's manifest has another.

    It is the one that the settings name, else that of the first arm whose manifest is there, else GPT-2's.
    """
    there = {name: manifest_file(Path(arm.manifest)) for name, arm in ablation.arms.items() if arm.manifest}
    encoding = ablation.encoding
    if encoding is None and there:
        first = next(iter(there.values()))
        name = load.stated_in(manifests.read(first))["name"]
        encoding = str((first.parent / FOLDER / FILE).absolute()) if name == FILE else name
    encoding = encoding or "gpt2"
    expected = load.load(encoding).stated()
    for name, manifest in there.items():
        check_tokenizer(load.stated_in(manifests.read(manifest)), expected, f"arm {name}: {manifest}")
    return encoding


def check_tokenizer(stated: Mapping[str, Any], expected: Mapping[str, Any], where: str) -> None:
    """Raises SettingsError where a dataset has another tokenizer than all arms have."""
    other = [key for key in SAME if stated.get(key, expected.get(key)) != expected.get(key)]
    if other:
        names = f"its tokenizer is {stated['name']} ({stated['vocabulary']:,} ids), not {expected['name']}"
        mend = "tokenize it as the others, or set encoding"
        raise SettingsError(f"{where}: {names} ({expected['vocabulary']:,} ids); {mend}")


def make(ablation: Ablation, out: Path, encoding: str, engine: "Engine", *, replacing: bool) -> dict[str, Data]:
    """Runs the recipes of arms whose datasets are not done, and returns the datasets of all arms by name."""
    loaded = {name: recipe_of(arm, encoding) for name, arm in ablation.arms.items() if arm.manifest is None}
    data = {}
    for name, arm in ablation.arms.items():
        if name in loaded:
            engine.progress.say(f"arm       {name}: recipe {loaded[name].name}")
            run_recipe(loaded[name], out / MADE / name, engine, replacing=replacing)
        data[name] = data_of(name, arm, out)
    expected = load.load(encoding).stated()
    for name, own in data.items():
        check_tokenizer(own.tokenizer, expected, f"arm {name}: {own.manifest}")
    return data


def run_recipe(recipe: Recipe, folder: Path, engine: "Engine", *, replacing: bool) -> Path:
    """Runs or resumes a recipe, and returns its manifest; says how much of its inputs could not be read."""
    from curate.pipelines import run as pipelines

    records = pipelines.run(recipe, folder, engine, may_replace=replacing)
    failed = sum(record.counts.failed for record in records.values())
    if failed:
        engine.progress.say(f"warning   {folder}: {failed} dead letters, which are not in the data")
    return folder / "manifest.json"


def data_of(name: str, arm: Arm, out: Path) -> Data:
    """Returns the dataset of an arm, which is done."""
    manifest = manifest_file(Path(arm.manifest)) if arm.manifest else out / MADE / name / "manifest.json"
    contract = manifests.read(manifest)
    splits = [source["splits"].get("train", {}) for source in contract["sources"]]
    sources = read_sources(manifest, "train")
    return Data(
        name=name,
        manifest=manifest,
        sha256=sha256_of(manifest),
        tokenizer=load.stated_in(contract),
        documents=sum(split.get("documents", 0) for split in splits),
        tokens=sum(source.tokens for source in sources),
        bytes=sum(source.bytes for source in sources),
    )


def tokens_at(ablation: Ablation, data: Data, epochs: float) -> int:
    """Returns how many tokens a run may see until it has seen a source of an arm so often, in whole windows."""
    settings = ablation.train
    try:
        loader = Loader(data.manifest, context=settings.context, batch=settings.batch, seed=0)
    except ValueError as error:
        raise SettingsError(f"arm {data.name}: {error}") from None
    weights = [source.weight for source in loader.sources]
    windows = [loader.windows(number) for number in range(len(weights))]
    most = int(min(epochs * own * float(sum(weights) / weight) for own, weight in zip(windows, weights, strict=True)))
    while most and any(seen.epochs > epochs for seen in loader.seen(most)):
        most -= 1  # shares are whole windows, so that a source may be one ahead
    return most * settings.context


def tokens_of(ablation: Ablation, data: Mapping[str, Data]) -> int:
    """Returns the tokens of each run, a whole number of steps; SettingsError where an arm has too few.

    As many as the settings state, or else as many as every arm has in `epochs`.
    """
    step = ablation.train.batch * ablation.train.context
    there = {name: tokens_at(ablation, own, ablation.epochs) for name, own in data.items()}
    smallest = min(there, key=there.__getitem__)
    if there[smallest] < step:
        mend = "lower train.batch or train.context"
        raise SettingsError(f"arm {smallest}: {there[smallest]:,} tokens are less than a step of {step:,}; {mend}")
    if ablation.tokens is None:
        return there[smallest] // step * step
    tokens = -(-ablation.tokens // step) * step
    if tokens > there[smallest]:
        mend = f"lower tokens to {there[smallest] // step * step:,}, or raise epochs"
        lack = f"{tokens:,} tokens are more than it has in {ablation.epochs:g} epochs"
        raise SettingsError(f"arm {smallest}: {lack} ({there[smallest]:,}); {mend}")
    return tokens
