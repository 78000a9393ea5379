"""Makes the manifest of shards that the verb `pack` wrote, without a run of a recipe.

It lies in the folder of the shards. Its sources are those of the shards; its stages are those that can be followed
back from them, as far as their folders still hold what was read; its recipe has the settings that their records state.
"""

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curate import recipe as recipes
from curate import settings, storage
from curate.dataset import manifest
from curate.errors import SettingsError, UserError
from curate.inputs.items import stage_items
from curate.loader.mixture import Mixture
from curate.recipe import MOST_SOURCES, Recipe, is_source_name
from curate.settings import Where
from curate.stage.kinds import KINDS
from curate.stage.plan import json_digest
from curate.stage.record import StageRecord, read_stage
from curate.tokens import load
from curate.tokens.rows import CLUSTER_SIZE
from curate.tokens.tokenizer import EOT_TOKEN

NAME = "documents"  # of the recipe, where the user names none
HERE = "."  # the folder of the shards
Stages = dict[str, StageRecord]  # by their folders as seen from the shards, in the order of a run; pack comes last


def write(out: Path, recipe: Recipe | None) -> None:
    """Writes the manifest of a folder of shards.

    recipe: the one that the user named, whose weights and mixture hold; None: each source is seen equally often.
    """
    manifest.write(make(out, recipe), out)


def make(out: Path, recipe: Recipe | None) -> dict[str, Any]:
    """Returns the manifest of a folder of shards; recipe: as in `write`."""
    stages = lineage(out)
    chosen = completed(recipe or Recipe(name=NAME, mixture=Mixture(preset="size")), stages)
    tokens = storage.relative(tokens_of(out, stages[HERE]), out)
    return manifest.made(chosen, out, stages, shards=HERE, tokens=tokens)


def faults(out: Path, contract: dict[str, Any]) -> Iterator[str]:
    """Yields the fields of such a manifest that are not what its own recipe and the records of the stages give.

    A stage before pack is compared where its folder is still there.
    """
    path = out / "manifest.json"
    chosen = manifest.recipe_of(contract)
    tokens = posixpath.dirname(contract["tokenizer"].get("file", ""))
    pack = read_stage(out)
    expected = manifest.made(chosen, out, {HERE: pack}, shards=HERE, tokens=tokens)
    own = expected.pop("stages")[0]
    for stage in contract["stages"]:
        try:
            record = read_stage(storage.join(out, stage["path"]).parent)
        except SettingsError:
            record = None  # its folder was removed or moved, which the shards do not need
        if record and stage != manifest.stage_entry(posixpath.dirname(stage["path"]), record):
            yield f"{path}: 'stages': {stage['path']} is not the record that these shards were made by"
    if own not in contract["stages"]:
        yield f"{path}: 'stages': it does not name {own['path']}"
    versions = {**expected.pop("versions"), **contract["versions"], **_recorded(contract, pack)}
    for name, value in (expected | {"versions": versions}).items():
        if contract[name] != value:
            yield f"{path}: {name!r} is not what its recipe and stage.json give"


def _recorded(contract: dict[str, Any], pack: StageRecord) -> dict[str, str]:
    """Returns the versions that pack has recorded, of the libraries that the manifest names."""
    return {name: version for name, version in pack.versions.items() if name in contract["versions"]}


def lineage(out: Path) -> Stages:
    """Returns the stages behind a folder of shards, as far as their folders hold what was read."""
    pack = read_stage(out)
    stages: Stages = {HERE: pack}
    tokens = tokens_of(out, pack)
    try:
        record = read_stage(tokens)
    except UserError:
        return stages
    parts = [output.sha256 for name, output in record.outputs.items() if name.startswith("part-")]
    if {item.digest for item in pack.items} == {json_digest(parts)}:
        stages[storage.relative(tokens, out)] = record
        _follow(tokens, record, out, stages)
    order = {stage: number for number, stage in enumerate(KINDS)}
    return dict(sorted(stages.items(), key=lambda pair: (order[pair[1].stage], pair[0])))


def _follow(folder: Path, record: StageRecord, out: Path, stages: Stages) -> None:
    """Adds the stages whose parts a stage has read, and those before them."""
    items = [item for item in record.items if item.form in ("part", "decided")]
    for before in dict.fromkeys(posixpath.dirname(item.uri) for item in items):
        at = storage.join(folder, before)
        digests = {item.digest for item in items if posixpath.dirname(item.uri) == before}
        try:
            earlier = read_stage(at)
            same = digests <= {item.digest for item in stage_items(at, folder)}
        except (UserError, OSError):
            continue
        place = storage.relative(at, out)
        if same and place not in stages:
            stages[place] = earlier
            _follow(at, earlier, out, stages)


def completed(recipe: Recipe, stages: Stages) -> Recipe:
    """Returns the recipe with the settings that the records state, and with the sources of the shards."""
    table = settings.parse_toml(recipes.to_toml(recipe), "the recipe")
    pack = stages[HERE].settings
    tokenizer = load.stated_in(pack)
    table["tokenize"] = {"encoding": tokenizer["name"]}
    if tokenizer["eot_token"] != EOT_TOKEN:
        table["tokenize"]["eot"] = tokenizer["eot_token"]
    by_cluster = pack.get("by") == CLUSTER_SIZE
    table["pack"]["buckets"] = [] if by_cluster else pack["buckets"]
    table["pack"]["clusters"] = [int(edge) for edge in pack["buckets"]] if by_cluster else []
    table["pack"]["valid_tokens"] = pack.get("valid", {}).get("tokens", 0)
    sources = table.setdefault("sources", {})
    new = sorted({cut["source"] for cut in pack["cuts"] if is_source_name(cut["source"])} - sources.keys())
    sources |= {name: {} for name in new[: MOST_SOURCES - len(sources)]}
    for stage in ("extract", "filter", "dedup", "lines", "score", "decontaminate", "tokenize"):
        own = [record.settings for record in stages.values() if record.stage == stage]
        if len(own) == 1:
            _enter(table, stage, own[0])
    return recipes.from_table(table, Where("the records of the stages", ""))


def _enter(table: settings.Table, stage: str, stated: dict[str, Any]) -> None:
    """Puts the settings that a stage states into the tables of a recipe."""
    if stage == "tokenize":
        table["seed"], table["pack"]["valid_fraction"] = stated["seed"], stated["valid_fraction"]
    elif stage == "filter":
        table["filter"] = stated["default"]
        for name, own in stated["sources"].items():
            if name in table["sources"]:
                table["sources"][name]["filter"] = own
    else:
        table[stage] = stated[stage]


def tokens_of(out: Path, pack: StageRecord) -> Path:
    """Returns the folder of the tokens that shards were made of."""
    return storage.join(out, posixpath.dirname(pack.settings["parts"][0]))
