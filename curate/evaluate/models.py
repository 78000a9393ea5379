"""The models that are evaluated: of a run's folder, of a checkpoint, or of a folder of Hugging Face's transformers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.errors import SettingsError
from curate.gpt import result
from curate.gpt.config import CHOICES
from curate.gpt.vocabulary import Vocabulary
from curate.storage.writing import sha256_of
from curate.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    from curate.gpt.model import GPT

CONFIG = "config.json"  # of transformers
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
        run = result.folder_of(path)
        return any(file.exists() for file in (run / result.RECORD, run / result.CHECKPOINTS, path / CONFIG))
    return path.is_file() and path.suffix == ".safetensors"


def names(places: Sequence[Path]) -> list[str]:
    """Returns a short name for each model: that of its folder, or the whole path where two have one name."""
    short = [path.resolve().name.removesuffix(".safetensors") for path in places]
    return [str(path) if short.count(name) > 1 else name for path, name in zip(places, short, strict=True)]


def load(place: Path, name: str = "", *, precision: str = "fp32", device: str = "cpu") -> Model:
    """Returns the model of a place, computing in fp32 or fp64 on a device; UserError where there is none.

    name: in tables, that of its folder by default.
    """
    from curate.gpt import sampling
    from curate.gpt.devices import device_of

    for key, value, possible in (("precision", precision, PRECISIONS), ("device", device, CHOICES["device"])):
        if value not in possible:
            raise SettingsError(f"{key} is {value}; it is one of {', '.join(possible)}")
    where = device_of(device)
    if precision == "fp64" and where.type == "mps":
        raise SettingsError("device mps computes no fp64; give --device cpu")
    files = _weights(place)
    saved = sampling.open_model(place)
    facts = {
        "name": name or names([place])[0],
        "path": str(place),
        "precision": precision,
        "device": where.type,
        "shape": asdict(saved.model.shape),
        "parameters": saved.model.shape.parameters,
        "weights_sha256": {path.name: sha256_of(path) for path in files},
    }
    if manifest := saved.record.get("manifest"):
        facts |= {"manifest": manifest["name"], "manifest_sha256": manifest["sha256"]}
    gpt = saved.model.to(where).eval()
    return Model(
        name=facts["name"],
        gpt=gpt.double() if precision == "fp64" else gpt,
        vocabulary=saved.vocabulary,
        tokenizer=saved.tokenizer,
        facts=facts,
    )


def _weights(place: Path) -> list[Path]:
    """Returns the files that hold the weights which are loaded of a place."""
    from curate.gpt import checkpoint

    if place.is_file():
        return [place]
    if (place / CONFIG).exists() and not (place / result.RECORD).exists():
        return sorted(place.glob("*.safetensors"))
    folder = result.folder_of(place)
    if (folder / result.RECORD).exists():
        return [folder / result.WEIGHTS]
    newest = checkpoint.newest(folder)
    return [newest.path] if newest else []
