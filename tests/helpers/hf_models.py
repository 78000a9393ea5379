"""Small models of transformers and of ours, far from their first weights, and what the two say of the same ids."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the model needs torch: pip install '.[train]'")
transformers = pytest.importorskip("transformers", reason="needs transformers: pip install '.[dev]'")

from curate.gpt.checkpoint import Saved  # noqa: E402
from curate.gpt.model import GPT  # noqa: E402
from curate.gpt.shapes import Shape  # noqa: E402
from curate.gpt.vocabulary import Vocabulary  # noqa: E402
from curate.tokens import load  # noqa: E402
from curate.tokens.tokenizer import Tokenizer  # noqa: E402

GPT2 = {"vocab_size": 211, "n_positions": 24, "n_embd": 24, "n_layer": 3, "n_head": 3}
GPT2 |= {"bos_token_id": 0, "eos_token_id": 0}
GPT_NEO = {"vocab_size": 211, "max_position_embeddings": 24, "hidden_size": 24, "num_layers": 4, "num_heads": 3}
GPT_NEO |= {"window_size": 5, "attention_types": [[["global", "local"], 2]], "bos_token_id": 0, "eos_token_id": 0}


def perturbed(model: Any, seed: int = 0, size: float = 0.3) -> Any:
    """Changes every weight, those of the norms and the biases too, so that none is at its first value."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * size)
    return model.eval()


def gpt2(folder: Path, saving: dict[str, Any] | None = None, **config: Any) -> Any:
    """Saves a GPT-2 of transformers to a folder, and returns it."""
    torch.manual_seed(0)
    return _saved(folder, transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2 | config)), saving or {})


def gpt_neo(folder: Path, **config: Any) -> Any:
    """Saves a GPT-Neo of transformers to a folder, and returns it."""
    torch.manual_seed(0)
    return _saved(folder, transformers.GPTNeoForCausalLM(transformers.GPTNeoConfig(**GPT_NEO | config)), {})


def _saved(folder: Path, model: Any, saving: dict[str, Any]) -> Any:
    perturbed(model).save_pretrained(folder, **saving)
    return model


def read(folder: Path) -> Any:
    """Returns the model that transformers reads from a folder; fails where it misses or drops a tensor."""
    model, loading = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(loading.values()), loading
    return model.eval()


def trained(shape: Shape, tokenizer: Tokenizer | None = None, ids: np.ndarray | None = None) -> Saved:
    """Returns a model of ours as `checkpoint.load` does, with weights that no training made."""
    torch.manual_seed(0)
    tokenizer = tokenizer or load.load("gpt2")
    ids = np.arange(tokenizer.vocabulary) if ids is None else ids
    manifest = {"name": "stories", "sha256": "0" * 64, "tokenizer": tokenizer.stated()}
    record = {"manifest": manifest, "tokens": 1000, "bits_per_byte": 1.5, "fingerprint": "f", "settings": {}}
    return Saved(
        model=perturbed(GPT(shape)),
        vocabulary=Vocabulary(ids, tokenizer.eot),
        tokenizer=tokenizer,
        tokenizer_file=None,
        record=record,
    )


def ids_of(vocabulary: int, rows: int = 3, columns: int = 24) -> Any:
    return torch.randint(vocabulary, (rows, columns), generator=torch.Generator().manual_seed(1))


def difference(ours: GPT, theirs: Any, ids: Any) -> float:
    """Returns the largest difference between the logits of the two."""
    with torch.no_grad():
        return float((ours(ids)[0] - theirs(ids).logits).abs().max())
