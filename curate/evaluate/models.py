"""The models that are evaluated: of a run's folder, of a checkpoint, or of a folder of Hugging Face's transformers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curate.errors import SettingsError, UserError
from curate.gpt import result
from curate.gpt.vocabulary import Vocabulary
from curate.storage.writing import sha256_of
from curate.tokens import load as tokenizers
from curate.tokens.tokenizer import FILE, Tokenizer

if TYPE_CHECKING:
    from curate.gpt.model import GPT

CONFIG, GENERATION, TOKENIZER_CONFIG = "config.json", "generation_config.json", "tokenizer_config.json"
PRECISIONS = ("fp32", "fp64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model with its tokenizer."""

    name: str  # in tables and figures
    gpt: "GPT"
    vocabulary: Vocabulary
    tokenizer: Tokenizer
    facts: Mapping[str, Any]  # for the result: shape, parameters, sha256 of the weights and of the dataset's manifest

    @property
    def window(self) -> int:
        """Returns how many tokens the model reads at most."""
        return self.gpt.shape.context


def is_place(path: Path) -> bool:
    """Returns whether a path names a model: a folder of a run or of transformers, or a checkpoint."""
    if path.is_dir():
        return any((path / name).exists() for name in (result.RECORD, result.CHECKPOINTS, CONFIG))
    return path.is_file() and path.suffix == ".safetensors"


def names(places: Sequence[Path]) -> list[str]:
    """Returns a short name for each model: that of its folder, or the whole path where two have one name."""
    short = [path.resolve().name.removesuffix(".safetensors") for path in places]
    return [str(path) if short.count(name) > 1 else name for path, name in zip(places, short, strict=True)]


def load(
    place: Path, name: str = "", *, tokenizer: str | None = None, precision: str = "fp32", device: str = "cpu"
) -> Model:
    """Returns the model of a place, computing in fp32 or fp64 on a device.

    tokenizer: for a folder of transformers without a tokenizer.json, the name of an encoding or a file.
    Raises UserError, which names what is missing.
    """
    if precision not in PRECISIONS:
        raise SettingsError(f"precision is {precision}; it is one of {', '.join(PRECISIONS)}")
    if (place / CONFIG).is_file() and not (place / result.RECORD).exists():
        model = _of_transformers(place, tokenizer)
    elif tokenizer:
        raise SettingsError(f"{place}: a model of curate has its tokenizer; leave --tokenizer {tokenizer} out")
    else:
        model = _of_run(place)
    from curate.gpt.devices import device_of

    gpt = model.gpt.to(device_of(device)).eval()
    if precision == "fp64":
        gpt = gpt.double()
    name = name or names([place])[0]
    return replace(model, name=name, gpt=gpt, facts={"name": name, "precision": precision, **model.facts})


def _of_run(place: Path) -> Model:
    from curate.gpt import checkpoint

    if place.is_dir() and not (place / result.RECORD).exists():
        newest = checkpoint.newest(place)
        if newest is None:
            raise UserError(f"{place}: holds no trained model (no {result.RECORD}, no whole checkpoint, no {CONFIG})")
        place = newest.path
    saved = checkpoint.load(place)
    weights = place / result.WEIGHTS if place.is_dir() else place
    manifest = saved.record.get("manifest")
    stated = {"manifest": manifest["name"], "manifest_sha256": manifest["sha256"]} if manifest else {}
    facts = _facts(place, saved.model, {weights.name: sha256_of(weights)})
    return Model(
        name="", gpt=saved.model, vocabulary=saved.vocabulary, tokenizer=saved.tokenizer, facts={**facts, **stated}
    )


def _of_transformers(folder: Path, named: str | None) -> Model:
    """Returns the model of a folder of transformers, without the ids that its generation config suppresses."""
    from curate.gpt import hf

    tokenizer = _tokenizer(folder, named)
    gpt = hf.load(folder)
    suppressed = _table(folder / GENERATION).get("suppress_tokens") or []
    ids = np.setdiff1d(np.arange(gpt.shape.vocabulary), np.array(suppressed, np.int64))
    if tokenizer.eot not in ids:
        raise SettingsError(f"{folder}: its embedding has no row for end-of-text, which is {tokenizer.eot}")
    facts = _facts(folder, gpt, hf.digests(folder))
    if len(ids) < gpt.shape.vocabulary:
        gpt.wte.weight.data = gpt.wte.weight.data[ids]
        gpt.shape = replace(gpt.shape, vocabulary=len(ids))
    return Model(name="", gpt=gpt, vocabulary=Vocabulary(ids, tokenizer.eot), tokenizer=tokenizer, facts=facts)


def _tokenizer(folder: Path, named: str | None) -> Tokenizer:
    """Returns the tokenizer of a folder of transformers; its end-of-text is the one that its config names."""
    if named:
        return tokenizers.load(named)
    if not (folder / FILE).is_file():
        raise SettingsError(f"{folder}: holds no {FILE}; give --tokenizer, such as gpt2 or the path of a {FILE}")
    eot = _table(folder / TOKENIZER_CONFIG).get("eos_token")
    return tokenizers.load(str(folder / FILE), eot["content"] if isinstance(eot, dict) else eot)


def _table(path: Path) -> dict[str, Any]:
    """Returns the table of a file of JSON, an empty one where there is none."""
    if not path.is_file():
        return {}
    try:
        table = json.loads(path.read_bytes())
    except ValueError as error:
        raise SettingsError(f"{path}: not JSON: {str(error)[:80]}") from None
    return table if isinstance(table, dict) else {}


def _facts(place: Path, gpt: "GPT", weights: Mapping[str, str]) -> dict[str, Any]:
    shape = gpt.shape
    counted = {"parameters": shape.parameters, "context": shape.context}
    return {"path": str(place), "shape": asdict(shape), **counted, "weights_sha256": dict(weights)}
