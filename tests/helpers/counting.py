"""A dataset of a language that counts, small enough that a model learns it in seconds."""

import json
from pathlib import Path

import numpy as np


def spell(ids: list[int]) -> str:
    return " ".join(map(str, ids))


def text(documents: int, seed: int) -> np.ndarray:
    """Documents of a language that counts upwards from a random number, modulo 40, in steps of 1000 ids."""
    starts = np.random.default_rng(seed).integers(40, size=documents)
    return np.concatenate([[*((start + np.arange(19)) % 40 * 1000), 50256] for start in starts])


def write(folder: Path, *, valid: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    tables = []
    for number, (name, weight) in enumerate({"articles": 0.7, "reference": 0.3}.items()):
        splits = {}
        for split, documents in {"train": 60, "valid": 4 if valid else 0}.items():
            if documents:
                tokens = text(documents, 2 * number + (split == "valid"))
                tokens.astype("<u2").tofile(folder / f"{split}-{name}.bin")
                splits[split] = {
                    "shards": [{"path": f"{split}-{name}", "tokens": len(tokens), "bytes": 4 * len(tokens)}]
                }
        tables.append({"name": name, "weight": weight, "splits": splits})
    manifest = {"format": "curate.manifest", "version": 1, "name": "counting", "dtype": "<u2", "sources": tables}
    manifest["tokenizer"] = {"name": "gpt2", "vocabulary": 50257, "eot": 50256}
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return path
