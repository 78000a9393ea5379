"""Checkpoints of a run, one file each, and the model that a run has made.

A checkpoint is a safetensors file: weights, AdamW's two means, the state of the random generator, and, in its header,
the run's state as JSON and a seal. It is written under a temporary name, flushed and renamed, so a run that is killed
at any moment leaves whole checkpoints only. Where weights are sharded, the shards lie in a folder beside it, which is
whole once the file is there.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from curate import storage
from curate.errors import UserError
from curate.gpt import result
from curate.gpt.devices import Group
from curate.gpt.model import GPT
from curate.gpt.shapes import Shape
from curate.gpt.vocabulary import Vocabulary
from curate.loader.streams import Tokens
from curate.storage import together
from curate.storage.tensors import SEAL, is_sealed, metadata, seal
from curate.storage.writing import BLANK, replacing, sha256_of
from curate.tokens import load as tokenizers
from curate.tokens.tokenizer import FILE, Tokenizer

FORMAT = "curate.checkpoint/1"
NAME = re.compile(r"step-(\d{8})\.safetensors")
MEANS = ("exp_avg", "exp_avg_sq")  # AdamW's, of the gradient and of its square
SHARDS = "shards"  # in the state: the sha256 of each file of the shards
RANDOM = "random"  # the state of torch's generator
VOCABULARY = "vocabulary"  # the dataset's id of each row of the embedding


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint on disk, whose tensors are as they were written."""

    path: Path
    state: Mapping[str, Any]  # as `save` was given it


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A model that was trained, and what it is used with."""

    model: GPT  # on the CPU, in 32-bit floats
    vocabulary: Vocabulary
    tokenizer: Tokenizer
    tokenizer_file: bytes | None  # the content of tokenizer.json, where the tokenizer is such a file
    record: Mapping[str, Any]  # the content of train.json, or the state in a checkpoint


def path_of(out: Path, step: int) -> Path:
    """Returns the file of the checkpoint after a step."""
    return out / result.CHECKPOINTS / f"step-{step:08d}.safetensors"


def paths(out: Path) -> list[Path]:
    """Returns the checkpoints of a run's folder, the oldest first."""
    folder = out / result.CHECKPOINTS
    return sorted(path for path in folder.glob("step-*") if NAME.fullmatch(path.name)) if folder.is_dir() else []


def shards_of(path: Path) -> Path:
    """Returns the folder of a checkpoint's shards."""
    return path.with_suffix(".shards")


def save(
    path: Path,
    model: GPT,
    optimizer: torch.optim.AdamW,
    state: Mapping[str, Any],
    kept: Mapping[str, Tensor],
    group: Group,
) -> None:
    """Writes a checkpoint whole or not at all; kept: tensors that go with the model, such as its vocabulary."""
    weights = dict(_tensors(model, optimizer))
    if group.rank == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # of this step, in a run that went on from one before
    shards = group.write_shards(shards_of(path), weights)
    if group.rank:
        return
    if shards is not None:
        state, weights = {**state, SHARDS: shards}, {}
    tensors = {**kept, **weights, RANDOM: torch.get_rng_state()}
    stated = {"format": FORMAT, SEAL: BLANK.decode(), "state": json.dumps(state)}
    with replacing(path) as draft:
        write_tensors(draft, tensors, stated)
        seal(draft)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes a safetensors file that others may read as far as any new file; the library would keep it to its owner."""
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={**metadata})
    except SafetensorError as error:  # the library states the system's number in its text only
        if not (number := re.search(r"os error (\d+)", str(error))):
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
    path.chmod(mode)


def finite(model: GPT | None, rate: float) -> GPT | None:
    """Returns the model; raises ValueError where a weight is no finite number, as after a learning rate too high."""
    for name, weight in model.named_parameters() if model else ():
        if not bool(torch.isfinite(weight).all()):
            raise ValueError(f"after the last step {name} holds no finite number; lower learning_rate {rate}")
    return model


def newest(out: Path, say: Callable[[str], None] = lambda line: None) -> Checkpoint | None:
    """Returns the newest checkpoint that is whole, None where there is none; one that is damaged is passed over.

    say: called with a line for each of these.
    """
    for path in reversed(paths(out)):
        if whole := _whole(path):
            return whole
        say(f"{path}: damaged; passed over")
    return None


def restore(checkpoint: Checkpoint, model: GPT, optimizer: torch.optim.AdamW, group: Group) -> None:
    """Gives the model, the optimiser and torch's random generator what the checkpoint holds."""
    tensors = load_file(checkpoint.path)
    if SHARDS in checkpoint.state:
        tensors |= _shards(checkpoint.path, model, ("model", *MEANS))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(group.placed(tensors[f"model.{name}"], parameter))
            optimizer.state[parameter] = {
                "step": torch.tensor(float(checkpoint.state["step"]), device=parameter.device),
                **{mean: group.placed(tensors[f"{mean}.{name}"], parameter) for mean in MEANS},
            }
    torch.set_rng_state(tensors[RANDOM])


def prune(out: Path, keep: int, losses: Mapping[int, float]) -> None:
    """Removes all checkpoints but the newest and, of those whose held-out loss is given by step, the best."""
    there = {int(NAME.fullmatch(path.name)[1]): path for path in paths(out)}  # type: ignore[index]
    best = min(there.keys() & losses.keys(), key=lambda step: (losses[step], step), default=None)
    for step in sorted(there)[:-keep]:
        if step != best:
            _remove(there[step])


def remove_all(out: Path) -> None:
    """Removes every checkpoint of a run that begins anew."""
    for path in paths(out):
        _remove(path)


def sweep(out: Path) -> None:
    """Removes what writes that were killed have left in a run's folder, which this process has locked."""
    for folder in (out, out / result.CHECKPOINTS):
        for path in folder.glob(".*.curate.tmp"):
            if storage.is_draft(path.name):
                path.unlink(missing_ok=True)
    for shards in (out / result.CHECKPOINTS).glob("step-*.shards"):
        ours = all(path.suffix == ".distcp" or path.name.startswith(".metadata") for path in shards.iterdir())
        if ours and not shards.with_suffix(".safetensors").exists():
            shutil.rmtree(shards, ignore_errors=True)


def strangers(out: Path) -> Iterator[Path]:
    """Yields the files in the place of a checkpoint, or of their folder, that `save` has not written."""
    folder = out / result.CHECKPOINTS
    if folder.exists() and not folder.is_dir():
        yield folder
    yield from (path for path in paths(out) if _metadata(path) is None)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    shutil.rmtree(shards_of(path), ignore_errors=True)


def _shards(path: Path, model: nn.Module, kinds: Sequence[str]) -> dict[str, Tensor]:
    """Returns what the shards of a checkpoint hold for a model, sharded as it is, or whole."""
    from curate.gpt.distributed import read_shards

    tensors = {f"{kind}.{name}": torch.empty_like(one) for name, one in model.named_parameters() for kind in kinds}
    read_shards(shards_of(path), tensors)
    return tensors


def _tensors(model: GPT, optimizer: torch.optim.AdamW) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in model.named_parameters():
        yield f"model.{name}", parameter.detach()
        for mean in MEANS:
            yield f"{mean}.{name}", optimizer.state[parameter][mean]


def _metadata(path: Path) -> dict[str, str] | None:
    """Returns the metadata of a checkpoint; None where the file is none."""
    try:
        stated = metadata(path)
    except (OSError, ValueError):
        return None
    return stated if stated.get("format") == FORMAT else None


def _whole(path: Path) -> Checkpoint | None:
    """Returns a checkpoint whose bytes are as they were written; None where they are not."""
    stated = _metadata(path)
    if stated is None or not is_sealed(path):
        return None
    state = json.loads(stated["state"])
    files = {shards_of(path) / name: digest for name, digest in state.get(SHARDS, {}).items()}
    if not all(file.is_file() and sha256_of(file) == digest for file, digest in files.items()):
        return None
    return Checkpoint(path=path, state=state)


def load(place: Path) -> Saved:
    """Returns the model of a run's folder, or of a checkpoint; of a run that is not finished, that of its newest one.

    Raises UserError, which names what is missing or not as it was written.
    """
    if place.is_file() or not (place / result.RECORD).exists():
        chosen = _whole(place) if place.is_file() else newest(place)
        if chosen is None:
            raise UserError(f"{place}: holds no trained model (no {result.RECORD}, no whole checkpoint)")
        return _of_checkpoint(chosen)
    try:
        record = result.read(place)
    except ValueError as error:
        raise UserError(f"{place / result.RECORD}: {error}; train the model anew") from error
    if not together.whole(place / result.RECORD, record):
        raise UserError(f"{place}: a file of the model is missing or of another size; train it anew")
    for name in (result.WEIGHTS, "vocabulary.json"):
        if sha256_of(place / name) != record["files"][name]["sha256"]:
            raise UserError(f"{place / name}: changed since it was written; train the model anew")
    try:
        weights = load_file(place / result.WEIGHTS)
        ids = json.loads((place / "vocabulary.json").read_bytes())
    except (SafetensorError, ValueError) as error:
        raise UserError(f"{place}: not the weights of this model: {' '.join(str(error).split())}") from error
    tokenizer = tokenizers.of(record["manifest"]["tokenizer"], place)
    file = (place / FILE).read_bytes() if tokenizer.name == FILE else None
    return _saved(record, weights, np.array(ids), tokenizer, file)


def _of_checkpoint(chosen: Checkpoint) -> Saved:
    """Returns the model of a checkpoint; its record holds the run's state."""
    tensors = load_file(chosen.path)
    if SHARDS in chosen.state:
        tensors |= _shards(chosen.path, GPT(Shape(**chosen.state["shape"])), ("model",))
    weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    file = tensors[FILE].numpy().tobytes() if FILE in tensors else None
    with TemporaryDirectory(prefix="curate-") as folder:
        if file is not None:
            (Path(folder) / FILE).write_bytes(file)
        tokenizer = tokenizers.of(chosen.state["manifest"]["tokenizer"], Path(folder))
    return _saved(chosen.state, weights, tensors[VOCABULARY].numpy(), tokenizer, file)


def _saved(
    record: Mapping[str, Any], weights: Mapping[str, Tensor], ids: Tokens, tokenizer: Tokenizer, file: bytes | None
) -> Saved:
    model = GPT(Shape(**record["shape"]))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"the weights are not those of this shape: {' '.join(str(error).split())}") from error
    return Saved(
        model=model.eval(),
        vocabulary=Vocabulary(ids, tokenizer.eot),
        tokenizer=tokenizer,
        tokenizer_file=file,
        record=record,
    )
