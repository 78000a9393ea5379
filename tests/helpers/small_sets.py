"""Small data sets for the tests of what reads shards: a manifest and its files, from the tokens that they hold."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.tokens.shards import META


def write(
    folder: Path, sources: dict, changes: dict | None = None, *, dtype: str = "<u2", digests: bool = False
) -> Path:
    """A manifest of {name: (weight, {split: [tokens of each shard]})}; every token stands for three bytes."""
    tables = []
    for name, (weight, splits) in sources.items():
        stated = {}
        for split, shards in splits.items():
            stated[split] = {"shards": []}
            for number, tokens in enumerate(shards):
                path = f"shards/{split}/{name}/part-{number:05d}-of-{len(shards):05d}"
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                content = np.asarray(tokens, dtype).tobytes()
                (folder / f"{path}.bin").write_bytes(content)
                shard = {"path": path, "tokens": len(tokens), "bytes": 3 * len(tokens)}
                if digests:
                    shard["files"] = {"bin": {"sha256": hashlib.sha256(content).hexdigest()}}
                stated[split]["shards"].append(shard)
        tables.append({"name": name, "weight": weight, "splits": stated})
    manifest = {"format": "curate.manifest", "version": 1, "name": "test", "dtype": dtype, "sources": tables}
    manifest["tokenizer"] = {"name": "gpt2", "vocabulary": 50257, "eot": 50256}
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest | (changes or {})))
    return path


def write_meta(
    path: Path,
    source: str,
    lengths: list[int],
    quality: float | None = 0.5,
    sizes: list[int] | None = None,
    clusters: list[int] | None = None,
) -> None:
    """The `.meta.parquet` of documents of these lengths and sizes; the first URL ends in the shard's name and 0."""
    ends = np.cumsum(lengths)
    rows = {
        "id": [bytes([number]) * 16 for number in range(len(lengths))],
        "url": [f"http://{source}/{path.name.split('.')[0]}/{number}" for number in range(len(lengths))],
        "source": [source] * len(lengths),
        "bucket": [None] * len(lengths),
        "quality": [quality] * len(lengths),
        "bytes": sizes or [3 * length for length in lengths],
        "tokens": lengths,
        "offset": (ends - lengths).tolist(),
        "given_id": [None] * len(lengths),
        "cluster_size": clusters or [None] * len(lengths),
    }
    pq.write_table(pa.table(rows, schema=META), path)
