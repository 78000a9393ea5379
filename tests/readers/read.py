"""Runs in .venv-readers: `read.py READER PATH… FILE` reads with one library and saves what it read as .npz.

`tokens` are all tokens, `starts` where the documents begin (where the reader knows them), `ids` and `urls` likewise.
"""

import sys
from pathlib import Path

import numpy as np


def megatron(*prefixes: str) -> dict:
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    documents = []
    for prefix in prefixes:
        dataset = IndexedDataset(prefix)
        assert list(dataset.document_indices) == list(range(len(dataset) + 1))
        documents += [dataset[number].copy() for number in range(len(dataset))]  # its maps close with it
    return joined(documents)


def datatrove(folder: str) -> dict:
    """Each file as one window, for the positions in documents; then the folder of each source in windows of 33."""
    from datatrove.utils.dataset import DatatroveFileDataset, DatatroveFolderDataset

    documents = []
    for file in sorted(Path(folder).rglob("*.ds")):
        whole = DatatroveFileDataset(str(file), file.stat().st_size // 2 - 1, return_positions=True)[0]
        starts = np.flatnonzero(whole["positions"].numpy() == 0)
        documents += np.split(whole["input_ids"].numpy(), starts[1:])
    parts = []
    for source in sorted(Path(folder).iterdir()):  # its pattern does not go into folders
        windows = DatatroveFolderDataset(str(source), 32, filename_pattern="*.ds")
        parts += [windows[number]["input_ids"].numpy() for number in range(len(windows))]
    return joined(documents) | {"windows": np.stack(parts)}


def litdata(*folders: str) -> dict:
    """Token by token, and in blocks of 129."""
    from litdata import StreamingDataset, TokensLoader

    arrays = {}
    for name, block in (("tokens", 1), ("blocks", 129)):
        readers = [StreamingDataset(folder, item_loader=TokensLoader(block_size=block)) for folder in folders]
        arrays[name] = np.concatenate([np.asarray(part) for reader in readers for part in reader])
    return arrays


def datasets(folder: str) -> dict:
    """The files by a pattern, then what the card names: both configurations, both splits."""
    from datasets import load_dataset

    readings = {
        "files": load_dataset("parquet", data_files=f"{folder}/train/*/*.parquet", split="train"),
        "default": load_dataset(folder, "default", split="train"),
        "validation": load_dataset(folder, split="validation"),
        "web": load_dataset(folder, "web", split="train"),
    }
    return {f"{name} {key}": value for name, dataset in readings.items() for key, value in rows(dataset).items()}


def croissant(*files: str) -> dict:
    import mlcroissant

    records = []
    for file in files:
        dataset = mlcroissant.Dataset(file)
        assert not dataset.metadata.issues.errors, dataset.metadata.issues.report()
        records += dataset.records("documents")
    columns = {"urls": np.array([row["documents/url"].decode() for row in records])}
    return columns | {name: np.array([row[f"documents/{name}"] for row in records]) for name in ("tokens", "offset")}


def rows(dataset) -> dict:
    arrays = joined([np.array(ids) for ids in dataset["input_ids"]])
    return arrays | {"ids": np.array(dataset["id"]), "urls": np.array(dataset["url"])}


def joined(documents: list) -> dict:
    ends = np.cumsum([len(document) for document in documents])
    return {"tokens": np.concatenate(documents), "starts": np.concatenate([[0], ends[:-1]])}


if __name__ == "__main__":
    reader, *paths, target = sys.argv[1:]
    np.savez(target, **globals()[reader](*paths))
