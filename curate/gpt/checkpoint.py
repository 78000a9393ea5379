"""Reads a model that was trained: its weights, its vocabulary, its tokenizer and its record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file

from curate.errors import UserError
from curate.gpt import result
from curate.gpt.model import GPT
from curate.gpt.shapes import Shape
from curate.gpt.vocabulary import Vocabulary
from curate.storage import together
from curate.tokens import load as tokenizers
from curate.tokens.tokenizer import Tokenizer

WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A model that was trained, and what it is used with."""

    model: GPT  # on the CPU, in 32-bit floats
    vocabulary: Vocabulary
    tokenizer: Tokenizer
    record: Mapping[str, Any]  # the content of train.json


def load(folder: Path) -> Saved:
    """Returns the model of a finished run; raises UserError, which names what is missing or not as it was written."""
    try:
        record = result.read(folder)
    except OSError as error:
        raise UserError(f"{folder}: holds no trained model: {error.strerror or error} ({result.RECORD})") from error
    except ValueError as error:
        raise UserError(f"{folder / result.RECORD}: {error}; train the model anew") from error
    if not together.whole(folder / result.RECORD, record):
        raise UserError(f"{folder}: a file of the model is missing or of another size; train it anew")
    model = GPT(Shape(**record["shape"]))
    try:
        model.load_state_dict(load_file(folder / WEIGHTS))
        ids = json.loads((folder / "vocabulary.json").read_bytes())
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise UserError(f"{folder}: not the weights of this model: {' '.join(str(error).split())}") from error
    tokenizer = tokenizers.of(record["manifest"]["tokenizer"], folder)
    return Saved(
        model=model.eval(), vocabulary=Vocabulary(np.array(ids), tokenizer.eot), tokenizer=tokenizer, record=record
    )
