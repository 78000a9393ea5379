"""Runs in .venv-readers: `read.py READER PATH… FILE` reads with one library and saves what it read as .npz.

`tokens` are all tokens, `starts` where the documents begin (where the reader knows them), `ids` and `urls` likewise.
"""

import sys
from pathlib import Path

import numpy as np


def megatron(prefix: str) -> dict:
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    dataset = IndexedDataset(prefix)
    documents = [dataset[number] for number in range(len(dataset))]
    assert list(dataset.document_indices) == list(range(len(dataset) + 1))
    return joined(documents)


def datatrove(folder: str, file: str) -> dict:
    """The file as one window, for its positions in documents; then the folder in windows of 33 tokens."""
    from datatrove.utils.dataset import DatatroveFileDataset, DatatroveFolderDataset

    size = Path(file).stat().st_size // 2
    whole = DatatroveFileDataset(file, size - 1, return_positions=True)[0]
    starts = np.flatnonzero(whole["positions"].numpy() == 0)
    windows = DatatroveFolderDataset(folder, 32, filename_pattern="*.ds")
    parts = [windows[number]["input_ids"].numpy() for number in range(len(windows))]
    return {"tokens": whole["input_ids"].numpy(), "starts": starts, "windows": np.stack(parts)}


def litdata(folder: str, block: str) -> dict:
    from litdata import StreamingDataset, TokensLoader

    dataset = StreamingDataset(folder, item_loader=TokensLoader(block_size=int(block)), shuffle=False)
    return {"tokens": np.concatenate([np.asarray(each) for each in dataset])}


def datasets_files(pattern: str) -> dict:
    from datasets import load_dataset

    return rows(load_dataset("parquet", data_files={"train": pattern}, split="train"))


def datasets_card(folder: str, config: str, split: str) -> dict:
    from datasets import load_dataset

    return rows(load_dataset(folder, config, split=split))


def croissant(file: str) -> dict:
    import mlcroissant

    dataset = mlcroissant.Dataset(file)
    assert not dataset.metadata.issues.errors, dataset.metadata.issues.report()
    found = list(dataset.records("documents"))
    told = {"urls": np.array([row["documents/url"].decode() for row in found])}
    return told | {name: np.array([row[f"documents/{name}"] for row in found]) for name in ("tokens", "offset")}


def rows(dataset) -> dict:
    found = joined([np.array(each) for each in dataset["input_ids"]])
    return found | {"ids": np.array(dataset["id"]), "urls": np.array(dataset["url"])}


def joined(documents: list) -> dict:
    ends = np.cumsum([len(each) for each in documents])
    return {"tokens": np.concatenate(documents), "starts": np.concatenate([[0], ends[:-1]])}


if __name__ == "__main__":
    reader, *paths, target = sys.argv[1:]
    np.savez(target, **globals()[reader](*paths))
