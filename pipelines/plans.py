"""From a recipe to the plan of each stage: its settings as tables, its items, its folder."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from curate import settings, storage
from curate.commoncrawl.indexes import numbered, pieces, resolved
from curate.dataset.manifest import stage_folder
from curate.extract import quick_gate
from curate.extract.config import Extraction, gates_of
from curate.inputs.items import MINIWEB, Digests, files, moved, source_items, stage_items
from curate.quality import model_file, scores
from curate.quality.classifier import Cut
from curate.recipe import Recipe, Score
from curate.settings import Table
from curate.stage.parts import write_bytes
from curate.stage.plan import Item
from curate.stage.record import Plan, digest, read_stage
from curate.tokens import bpe
from curate.tokens.packing import cuts_settings, plan_cuts

HALVES = {"sign": "dedup", "rate": "score"}  # the first half of a stage, which another half follows


def miniweb_folder(out: Path) -> Path:
    """Where a run keeps the mini-web that its `miniweb:` inputs name."""
    return out / "miniweb"


def open_digests(out: Path) -> Digests:
    """What a run remembers of its inputs."""
    return Digests(out / "inputs.json", ours=miniweb_folder(out))


def signatures_folder(out: Path) -> Path:
    """Where dedup's first half lies: inside the second's folder."""
    return half_folder(out, "sign")


def half_folder(out: Path, stage: str) -> Path:
    """Where a stage of a run, or the first half of one, lies."""
    within = {"sign": "signatures", "rate": "scores"}
    return stage_folder(out, HALVES[stage]) / within[stage] if stage in HALVES else stage_folder(out, stage)


def planned(stage: str, recipe: Recipe, out: Path, digests: Digests) -> Plan:
    """The plan of any stage of a run, the stages before being closed; "sign" is dedup's first half, "rate" score's."""
    if stage == "extract":
        return extract(recipe, out, digests)
    named = HALVES.get(stage, stage)
    folder, previous = (stage_folder(out, each) for each in (named, recipe.stages[recipe.stages.index(named) - 1]))
    if stage == "pack":
        return plan_pack(recipe, folder, previous)
    items = next_items(previous, folder)
    if stage == "sign":
        return plan_sign(recipe, signatures_folder(out), moved(items, folder, signatures_folder(out)))
    if stage == "dedup":
        return plan_dedup(recipe, folder, items, signatures_folder(out))
    if named == "score":
        planner = plan_rate if stage == "rate" else plan_score
        return planner(recipe, folder, items, digests, miniweb_folder(out))
    return {"filter": plan_filter, "tokenize": plan_tokenize}[stage](recipe, folder, items)


def given_inputs(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """The inputs of the sources that have some; SettingsError where none has."""
    inputs = {name: source.inputs for name, source in recipe.sources.items() if source.inputs}
    if recipe.sources and not inputs:
        name = next(iter(recipe.sources))
        mend = f"name files with --set 'sources.{name}.inputs=[\"FILE\"]'"
        raise settings.SettingsError(f"sources.{name}.inputs: no source has inputs; {mend}")
    return inputs


def check_model_files(recipe: Recipe, out: Path | None) -> None:
    """SettingsError where a later stage's model or tokenizer is missing; of the mini-web's if there is an out."""
    tokenizer_of(recipe)
    if score := recipe.score:
        for pattern in (
            *((score.model,) if score.model and not score.is_default else ()),
            *score.positive,
            *score.negative,
        ):
            if out or not pattern.startswith(MINIWEB):
                files(pattern, miniweb=miniweb_folder(out) if out else None)


def quiet(_line: str) -> None:
    """Tell nobody."""


def extract(recipe: Recipe, out: Path, digests: Digests, say: Callable[[str], None] = quiet) -> Plan:
    """The plan over the input files of every source; say: told of work that takes its time."""
    found = source_items(given_inputs(recipe), digests, miniweb=miniweb_folder(out), base=recipe.commoncrawl)
    items = [replace(item, form="owned") if item.form == "documents" else item for item in found]
    return plan_extract(recipe, stage_folder(out, "extract"), items, say)


def plan_extract(recipe: Recipe, folder: Path, items: list[Item], say: Callable[[str], None] = quiet) -> Plan:
    """The plan of extract over these items: what indexes select is looked up first, large files are cut."""
    selects = {name: source.select for name, source in recipe.sources.items()}
    whole = resolved(items, folder, selects, recipe.commoncrawl, say)
    items = numbered([piece for item in whole for piece in pieces(item, recipe.extract.split_bytes)])
    attached = tuple(sorted({item.uri for item in items if item.form == "pointers"}))
    model = quick_gate.identified(recipe.extract.quality_model)
    gates = {name: gates_of(source.filter, model) for name, source in recipe.sources.items()}
    asked = Extraction(extract=recipe.extract, default=gates_of(recipe.filter, model), sources=gates)
    return Plan(
        stage="extract",
        folder=folder,
        settings=settings.to_table(asked),
        items=tuple(items),
        alone=recipe.extract.payload_duplicates == "keep",
        attached=attached,
    )


def plan_filter(recipe: Recipe, folder: Path, items: list[Item]) -> Plan:
    """The plan of filter: the recipe's rules, and each source's own."""
    sources = {name: settings.to_table(source.filter) for name, source in recipe.sources.items()}
    table = {"default": settings.to_table(recipe.filter), "sources": sources}
    return Plan(stage="filter", folder=folder, settings=table, items=tuple(items))


def plan_sign(recipe: Recipe, folder: Path, items: list[Item]) -> Plan:
    """The plan of dedup's first half; only what decides a signature is in its key."""
    dedup = settings.to_table(recipe.dedup)
    table = {name: dedup[name] for name in ("near", "bands", "rows", "shingle")}
    return Plan(stage="sign", folder=folder, settings={"dedup": table}, items=tuple(items))


def plan_dedup(recipe: Recipe, folder: Path, items: list[Item], signatures: Path) -> Plan:
    """The plan of dedup's second half, over finished signatures; every part depends on all items."""
    paths = [storage.relative(signatures / f"part-{item.number:05d}.parquet", folder) for item in items]
    table = {"dedup": settings.to_table(recipe.dedup), "sources": list(recipe.sources), "signatures": paths}
    return Plan(stage="dedup", folder=folder, settings=table, items=tuple(items), alone=False)


def plan_rate(recipe: Recipe, folder: Path, items: list[Item], digests: Digests, miniweb: Path | None) -> Plan:
    """The plan of score's first half, from the items and the folder of the whole; the model is made first."""
    table, inside = _model(recipe, folder, digests, miniweb), folder / "scores"
    table["score"] = {"label": table["score"]["label"]}
    table["model"] = storage.relative(folder / model_file.MODEL, inside)
    return Plan(stage="rate", folder=inside, settings=table, items=tuple(moved(items, folder, inside)))


def plan_score(recipe: Recipe, folder: Path, items: list[Item], digests: Digests, miniweb: Path | None) -> Plan:
    """The plan of score; the model is made first, as its digest is in the key; "rate" is done if the rule needs it."""
    rules = recipe.score or Score()
    table = _model(recipe, folder, digests, miniweb) | {"seed": recipe.seed}
    if rules.keep == "fraction":
        parts = [folder / "scores" / f"part-{item.number:05d}.parquet" for item in items]
        found = scores.cut(parts, rules.fraction, rules.only, recipe.seed)
        cut = asdict(found or Cut(score=0.0, draw=2**64 - 1))
        table |= {"cut": cut, "scores": [storage.relative(part, folder) for part in parts]}
    attached = (model_file.MODEL, model_file.CARD)
    return Plan(stage="score", folder=folder, settings=table, items=tuple(items), attached=attached)


def _model(recipe: Recipe, folder: Path, digests: Digests, miniweb: Path | None) -> Table:
    plain, sha256 = model_file.prepare(recipe.score or Score(), folder, digests, miniweb=miniweb)
    return {"score": settings.to_table(plain), "model": model_file.MODEL, "model_sha256": sha256}


def plan_tokenize(recipe: Recipe, folder: Path, items: list[Item]) -> Plan:
    """The plan of tokenize: the split and the global order are drawn here, so the seed is in the key."""
    tokenizer = tokenizer_of(recipe)
    table = {"tokenizer": tokenizer.stated(), "seed": recipe.seed, "valid_fraction": recipe.pack.valid_fraction}
    if tokenizer.name != bpe.FILE:
        return Plan(stage="tokenize", folder=folder, settings=table, items=tuple(items))
    content = storage.path(recipe.tokenize.encoding).read_bytes()
    if storage.contents([folder / bpe.FILE]) != [content]:
        storage.make_folder(folder)
        write_bytes(folder / bpe.FILE, content)
    return Plan(stage="tokenize", folder=folder, settings=table, items=tuple(items), attached=(bpe.FILE,))


def tokenizer_of(recipe: Recipe) -> bpe.Tokenizer:
    """The recipe's tokenizer, ready for work; SettingsError where there is none."""
    return bpe.load(recipe.tokenize.encoding, recipe.tokenize.eot)


def plan_pack(recipe: Recipe, folder: Path, tokenized: Path) -> Plan:
    """The plan of pack: the cuts of the global order, one item per shard."""
    record = read_stage(tokenized)
    if record.stage != "tokenize":
        raise settings.SettingsError(f"{tokenized}: the output of {record.stage}; pack reads that of tokenize")
    names = [name for name in record.outputs if name.startswith("part-")]
    cuts = plan_cuts([tokenized / name for name in names], recipe.pack.max_tokens, recipe.pack.buckets)
    tokenizer = bpe.stated_in(record.settings)
    width = np.dtype(tokenizer["dtype"]).itemsize
    inputs = digest([record.outputs[name].sha256 for name in names])
    items = tuple(
        Item(
            number=number,
            name=cut.path,
            uri="",
            form="shard",
            sha256=inputs,
            bytes=width * cut.tokens,
            source=cut.source,
        )
        for number, cut in enumerate(cuts)
    )
    sources = [storage.relative(tokenized / name, folder) for name in names]
    table = cuts_settings(cuts, sources, recipe.pack.buckets, tokenizer)
    return Plan(stage="pack", folder=folder, settings=table, items=items)


def next_items(previous: Path, folder: Path) -> list[Item]:
    """The parts that the stage before has left, as the next one's items."""
    return stage_items(previous, folder)
