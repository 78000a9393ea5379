"""From a recipe to the plan of each of its stages; inputs and models are checked before any work."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

from curate import errors
from curate.inputs import apart
from curate.inputs.columns import Taken, Warn, resolved, unheard
from curate.inputs.digests import Digests, Doing, unseen
from curate.inputs.forms import form_of
from curate.inputs.items import MINIWEB, files, source_items, stage_items
from curate.pipelines import outlook
from curate.pipelines.engines.engine import Engine, wiring
from curate.pipelines.engines.warnings import Warned
from curate.pipelines.stages.given import Given, quiet
from curate.recipe import Recipe
from curate.stage.kinds import KINDS, WHOLES
from curate.stage.plan import Item, Plan, stage_folder
from curate.tokens import load
from curate.tokens.config import is_tokenizer_file


def miniweb_folder(out: Path) -> Path:
    """Returns where a run keeps the mini-web that its `miniweb:` inputs name."""
    return out / "miniweb"


def build_miniweb(recipe: Recipe, out: Path) -> None:
    """Writes the mini-web into a run's folder, if an input names it and this version has not written it there."""
    score = recipe.score
    patterns = [pattern for source in recipe.sources.values() for pattern in source.inputs]
    patterns += [*score.positive, *score.negative] if score else []
    if not any(pattern.startswith(MINIWEB) for pattern in patterns):
        return
    from curate import miniweb

    if not miniweb.is_built(miniweb_folder(out)):
        miniweb.build(miniweb_folder(out))


def open_digests(out: Path, doing: Doing = unseen) -> Digests:
    """Reads the digests of inputs that an earlier run has stored in the output; doing: shows that more are read."""
    return Digests(out / "inputs.json", ours=miniweb_folder(out), doing=doing)


def planned(
    stage: str,
    recipe: Recipe,
    out: Path,
    digests: Digests,
    say: Callable[[str], None] = quiet,
    warn: Warn = unheard,
) -> Plan:
    """Returns the plan of any stage of a run, or of a first half; the stages before it must be closed."""
    folder = stage_folder(out, stage)
    plan: Plan = wiring(stage).plan(recipe, folder, given(stage, recipe, out, digests, say, warn))
    return plan


def given(
    stage: str,
    recipe: Recipe,
    out: Path,
    digests: Digests,
    say: Callable[[str], None] = quiet,
    warn: Warn = unheard,
) -> Given:
    """Returns what a stage of a run is planned from: input files for the first, else the parts of the stage before."""
    shared = Given(digests=digests, miniweb=miniweb_folder(out), say=say)
    whole = WHOLES.get(stage, stage)
    if whole == recipe.stages[0]:
        return replace(shared, items=_source_items(recipe, out, digests, warn))
    previous = stage_folder(out, recipe.stages[recipe.stages.index(whole) - 1])
    if KINDS[stage].takes == "tokens":
        return replace(shared, previous=previous)
    return replace(shared, items=stage_items(previous, stage_folder(out, stage)))


def _source_items(recipe: Recipe, out: Path, digests: Digests, warn: Warn) -> list[Item]:
    """Returns the input files of every source; the mini-web is written first if an input names it."""
    build_miniweb(recipe, out)
    items = source_items(given_inputs(recipe), digests, miniweb=miniweb_folder(out), base=recipe.commoncrawl)
    owned = [replace(item, form="owned") if item.form == "documents" else item for item in items]
    return resolved(owned, taken(recipe), warn)


def taken(recipe: Recipe) -> dict[str, Taken]:
    """Returns what each source takes of the user's rows."""
    return {name: Taken(columns=source.columns, keep=source.keep_columns) for name, source in recipe.sources.items()}


def own_items(recipe: Recipe, digests: Digests, warn: Warn) -> list[Item]:
    """Returns the input files of every source, those of the mini-web aside."""
    inputs = {
        name: tuple(pattern for pattern in patterns if not pattern.startswith(MINIWEB))
        for name, patterns in given_inputs(recipe).items()
    }
    named = {name: patterns for name, patterns in inputs.items() if patterns}
    items = source_items(named, digests, base=recipe.commoncrawl) if named else []
    return resolved(items, taken(recipe), warn)


def given_inputs(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """Returns the inputs of the sources that have some; SettingsError where none has."""
    inputs = {name: source.inputs for name, source in recipe.sources.items() if source.inputs}
    if recipe.sources and not inputs:
        name = next(iter(recipe.sources))
        mend = f"name files with --set 'sources.{name}.inputs=[\"FILE\"]'"
        raise errors.SettingsError(f"sources.{name}.inputs: no source has inputs; {mend}")
    return inputs


def untrained(recipe: Recipe) -> list[str]:
    """Returns the sources of weight 0, which give a model no windows."""
    return [name for name, source in recipe.sources.items() if not source.weight]


def started(engine: Engine, recipe: Recipe, out: Path) -> AbstractContextManager[Engine]:
    """Starts an engine for a run; local workers, which are forks, share the modules of its stages and its tokenizer."""

    def load_shared() -> None:
        for stage in recipe.stages:
            wiring(stage)
        load.load(recipe.tokenize.encoding, recipe.tokenize.eot)

    patterns = tuple(pattern for patterns in given_inputs(recipe).values() for pattern in patterns)
    folder = stage_folder(out, "extract")
    extracts = "extract" in recipe.stages and may_extract("extract", patterns, folder)
    is_small = engine.target.starts_server and outlook.is_small(patterns)
    return engine.started(load_shared, extracts=extracts, is_small=is_small)


def started_stage(engine: Engine, stage: str, inputs: tuple[str, ...], out: Path) -> AbstractContextManager[Engine]:
    """Starts an engine for a stage alone."""
    return engine.started(partial(wiring, stage), extracts=may_extract(stage, inputs, out))


def may_extract(stage: str, inputs: tuple[str, ...], folder: Path) -> bool:
    """Returns whether a stage may have pages to extract, as far as the names of its inputs and its folder tell."""
    return stage == "extract" and not all(map(form_of, inputs)) and not (folder / "stage.json").exists()


def left_out(recipe: Recipe) -> list[Warned]:
    """Returns a warning for each source that has no inputs; SettingsError where none has."""
    given = given_inputs(recipe)
    return [
        Warned(f"source {name}: no inputs, left out", f"sources.{name}.inputs names its files")
        for name in recipe.sources
        if name not in given
    ]


def check_apart(recipe: Recipe, out: Path) -> None:
    """Raises SettingsError where a file that a run reads lies in its output, or its output in what it reads."""
    beside = (pattern for stage in recipe.stages for pattern in beside_inputs(stage, recipe))
    inputs = (pattern for patterns in given_inputs(recipe).values() for pattern in patterns)
    apart.check_inputs([*inputs, *beside], out)


def beside_inputs(stage: str, recipe: Recipe) -> list[str]:
    """Returns what a stage reads beside its inputs: models, tokenizers, evaluation sets, an index of documents."""
    if stage == "dedup" and recipe.dedup.index:
        return [recipe.dedup.index]
    if (stage == "score" or (stage == "filter" and recipe.spares)) and (score := recipe.score):
        model = [score.model] if score.model and not score.shipped else []
        return [*model, *score.positive, *score.negative]
    if stage == "decontaminate" and recipe.decontaminate:
        return [file for evaluation in recipe.decontaminate.sets.values() for file in evaluation.files]
    if stage == "extract" and recipe.extract.quality_model:
        return [recipe.extract.quality_model]
    if stage == "tokenize" and is_tokenizer_file(recipe.tokenize.encoding):
        return [recipe.tokenize.encoding]
    return []


def check_keeper(recipe: Recipe) -> None:
    """Raises SettingsError where dedup is to compare qualities that no source of a run states."""
    if "quality" in recipe.dedup.keep and not any(source.columns.quality for source in recipe.sources.values()):
        raise errors.SettingsError(
            'dedup.keep: "quality" is not there yet, since score comes after dedup; name a column of your rows with '
            "sources.NAME.columns.quality, or run curate dedup on the output of curate score"
        )


def check_model_files(recipe: Recipe, out: Path | None) -> None:
    """Raises SettingsError where a later stage's model, tokenizer or evaluation set is missing, or its index unfit.

    out: the run's folder, into which the mini-web is written first; None leaves `miniweb:` inputs unchecked.
    """
    load.load(recipe.tokenize.encoding, recipe.tokenize.eot)
    check_keeper(recipe)
    recipe.outside_rules()
    recipe.outside_functions()
    if recipe.dedup.index:
        from curate.dedup.index import publishing

        publishing.check(recipe.dedup)
    if recipe.decontaminate:
        from curate.decontaminate import sets

        sets.check_files(recipe.decontaminate)
    if out:
        build_miniweb(recipe, out)
    if score := recipe.score:
        wiring("score").check(recipe)
        for pattern in (
            *((score.model,) if score.model and not score.shipped else ()),
            *score.positive,
            *score.negative,
        ):
            if out or not pattern.startswith(MINIWEB):
                files(pattern, miniweb=miniweb_folder(out) if out else None)
