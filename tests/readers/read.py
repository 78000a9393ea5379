"""Runs in .venv-readers: `read.py READER PATH… FILE` reads with one library and saves what it read as .npz.

`tokens` are all tokens, `starts` where the documents begin (where the reader knows them), `ids` and `urls` likewise.
"""

import json
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


def card(folder: str, *names: str) -> dict:
    """Returns the names of the configurations that the card states, and the ids that each of them loads."""
    from datasets import get_dataset_config_names, load_dataset

    ids = {f"{name} ids": np.array(load_dataset(folder, name, split="train")["id"]) for name in names}
    return ids | {"names": np.array(get_dataset_config_names(folder))}


def datatrove_texts(form: str, folder: str) -> dict:
    from datatrove.pipeline.readers import JsonlReader, ParquetReader

    reader = {"jsonl": JsonlReader, "parquet": ParquetReader}[form]
    documents = list(reader(folder).run())
    return as_lines({"id": doc.id, "text": doc.text, "metadata": doc.metadata} for doc in documents)


def datasets_texts(form: str, *files: str) -> dict:
    from datasets import load_dataset

    return as_lines(load_dataset({"jsonl": "json"}.get(form, form), data_files=list(files), split="train"))


def dolma_texts(folder: str, *files: str) -> dict:
    """Returns documents as dolma's specification decodes them, and as its mixer copies them.

    Its package would import all taggers, so the two modules are imported without it.
    """
    import gzip
    from importlib.util import find_spec
    from types import ModuleType

    package = ModuleType("dolma")
    package.__path__ = list(find_spec("dolma").submodule_search_locations)
    sys.modules["dolma"] = package
    import msgspec
    import smart_open
    from dolma.core.data_types import InputSpecWithMetadata
    from dolma.dolma import mixer_entrypoint

    decoder, decoded = msgspec.json.Decoder(InputSpecWithMetadata), []
    for file in files:
        with smart_open.open(file, "rt", encoding="utf-8") as lines:
            decoded += [msgspec.structs.asdict(decoder.decode(line)) for line in lines]
    output = {"path": f"{folder}/mixed", "max_size_in_bytes": 10**9}
    stream = {"name": "mixed", "documents": list(files), "attributes": [], "output": output}
    work = {"input": f"{folder}/in", "output": f"{folder}/out"}
    mixer_entrypoint(json.dumps({"streams": [stream], "work_dir": work, "processes": 1}))
    mixed = b"".join(gzip.decompress(path.read_bytes()) for path in sorted(Path(folder, "mixed").iterdir()))
    return as_lines(decoded) | as_lines(map(json.loads, mixed.splitlines()), "mixed")


def as_lines(rows, name: str = "rows") -> dict:
    return {name: np.array([json.dumps(row, default=str) for row in rows])}


def rows(dataset) -> dict:
    arrays = joined([np.array(ids) for ids in dataset["input_ids"]])
    return arrays | {"ids": np.array(dataset["id"]), "urls": np.array(dataset["url"])}


def joined(documents: list) -> dict:
    ends = np.cumsum([len(document) for document in documents])
    return {"tokens": np.concatenate(documents), "starts": np.concatenate([[0], ends[:-1]])}


if __name__ == "__main__":
    reader, *paths, target = sys.argv[1:]
    np.savez(target, **globals()[reader](*paths))
