"""From a recipe to the plan of each stage: its settings as tables, its items, its folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from curate import __version__, errors, miniweb, storage
from curate.inputs.digests import Digests
from curate.inputs.items import MINIWEB, files, moved, source_items, stage_items
from curate.pipelines.stages.dedup import plan_dedup, plan_sign
from curate.pipelines.stages.extract import plan_extract, quiet
from curate.pipelines.stages.filter import plan_filter
from curate.pipelines.stages.pack import plan_pack
from curate.pipelines.stages.score import plan_rate, plan_score
from curate.pipelines.stages.tokens import plan_tokenize, tokenizer_of
from curate.recipe import Recipe
from curate.stage.plan import Item, Plan, stage_folder

HALVES = {"sign": "dedup", "rate": "score"}  # the first half of a stage, which another half follows


def miniweb_folder(out: Path) -> Path:
    """Where a run keeps the mini-web that its `miniweb:` inputs name."""
    return out / "miniweb"


def build_miniweb(recipe: Recipe, out: Path) -> None:
    """Writes the mini-web into a run's folder, if an input names it and this version has not written it there."""
    score = recipe.score
    patterns = [pattern for source in recipe.sources.values() for pattern in source.inputs]
    patterns += [*score.positive, *score.negative] if score else []
    if not any(pattern.startswith(MINIWEB) for pattern in patterns):
        return
    folder = miniweb_folder(out)
    version = folder / "version"  # written last
    if not version.exists() or version.read_text() != __version__:
        storage.build(folder, miniweb.build)
        version.write_text(__version__)


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
        return first_stage(recipe, out, digests)
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
        raise errors.SettingsError(f"sources.{name}.inputs: no source has inputs; {mend}")
    return inputs


def check_model_files(recipe: Recipe, out: Path | None) -> None:
    """SettingsError where a later stage's model or tokenizer is missing; of the mini-web's if there is an out."""
    tokenizer_of(recipe)
    if out:
        build_miniweb(recipe, out)
    if score := recipe.score:
        for pattern in (
            *((score.model,) if score.model and not score.is_default else ()),
            *score.positive,
            *score.negative,
        ):
            if out or not pattern.startswith(MINIWEB):
                files(pattern, miniweb=miniweb_folder(out) if out else None)


def first_stage(recipe: Recipe, out: Path, digests: Digests, say: Callable[[str], None] = quiet) -> Plan:
    """The plan of extract over the input files of every source; say: told of work that takes its time."""
    build_miniweb(recipe, out)
    found = source_items(given_inputs(recipe), digests, miniweb=miniweb_folder(out), base=recipe.commoncrawl)
    items = [replace(item, form="owned") if item.form == "documents" else item for item in found]
    return plan_extract(recipe, stage_folder(out, "extract"), items, say)


def next_items(previous: Path, folder: Path) -> list[Item]:
    """The parts that the stage before has left, as the next one's items."""
    return stage_items(previous, folder)
