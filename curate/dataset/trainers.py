"""Writes the shards in the forms of trainers: llm.c, litdata, nanotron, OLMo-core's raw memmap, Hugging Face's Parquet.

nanoGPT and Megatron read the shards as they are.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.dataset.forms import Dataset, Files, Piece, Write, link
from curate.errors import UserError
from curate.storage.writing import as_json

LLMC = (20240520, 1)  # magic and version in llm.c's headers of uint16
LLMC_BYTES = 2**31  # llm.c seeks by a C int
LITDATA = {"<u2": "no_header_tensor:20", "<u4": "no_header_numpy:6"}  # litdata's numbers of torch.uint16, numpy.uint32
LITDATA_BYTES = 2**32  # litdata's offsets are uint32
ROWS = 1024  # documents in memory at a time, and in a row group


def llmc(dataset: Dataset) -> Files:
    """Yields llm.c's shards: 256 int32 (magic, version, tokens), then the tokens, end-of-text before each document."""
    if dataset.dtype != "<u2":
        raise UserError(f"llmc: llm.c's loader reads uint16, and this dataset's ids are {dataset.dtype}")
    for piece in dataset.pieces:
        _check_size("llmc", piece, LLMC_BYTES)
        yield f"{piece.name}.bin", _llmc(piece, dataset.eot)


def _llmc(piece: Piece, eot: int) -> Write:
    def write(draft: Path) -> None:
        source = piece.tokens()
        header = np.zeros(256, "<i4")
        header[:3] = (*LLMC, piece.shard.tokens)
        with source.open("rb") as tokens, draft.open("wb") as file:
            file.write(header.tobytes())
            file.write(np.array([eot], "<u2").tobytes())
            shutil.copyfileobj(tokens, file, 1 << 20)
            file.truncate(file.tell() - 2)  # the last end-of-text, which now stands at the start

    return write


def litdata(dataset: Dataset) -> Files:
    """Yields litdata's chunks for its TokensLoader, a folder with an `index.json` per split and source."""
    chunks: dict[str, list[dict[str, Any]]] = {}
    for piece in dataset.pieces:
        folder, _, name = f"{piece.name}.bin".rpartition("/")
        size = 12 + piece.shard.tokens * np.dtype(dataset.dtype).itemsize
        _check_size("litdata", piece, LITDATA_BYTES)
        chunk = {"chunk_bytes": size, "chunk_size": 1, "dim": piece.shard.tokens, "filename": name}
        chunks.setdefault(folder, []).append(chunk)
        yield f"{piece.name}.bin", _litdata(piece, size)
    loader: dict[str, Any] = {
        "chunk_bytes": None,
        "chunk_size": None,
        "compression": None,
        "encryption": None,
        "data_spec": None,
    }
    loader |= {"data_format": [LITDATA[dataset.dtype]], "item_loader": "TokensLoader"}
    for folder, own in chunks.items():
        yield f"{folder}/index.json", _json({"chunks": own, "config": loader})


def _litdata(piece: Piece, size: int) -> Write:
    def write(draft: Path) -> None:
        source = piece.tokens()
        with source.open("rb") as tokens, draft.open("wb") as file:
            file.write(np.array([1, 12, size], "<u4").tobytes())  # one item, its start and its end
            shutil.copyfileobj(tokens, file, 1 << 20)

    return write


def nanotron(dataset: Dataset) -> Files:
    """Yields datatrove's `.ds`, the shard as it is, and `.ds.index`, the end of each document in tokens."""
    for piece in dataset.pieces:
        yield f"{piece.name}.ds", link(piece)
        yield f"{piece.name}.ds.index", _ends(piece)


def _ends(piece: Piece) -> Write:
    def write(draft: Path) -> None:
        draft.write_bytes(piece.ends().astype("<u8").tobytes())

    return write


def npy(dataset: Dataset) -> Files:
    """Yields OLMo-core's `.npy`, which has no header in spite of its name: the shard as it is."""
    for piece in dataset.pieces:
        yield f"{piece.name}.npy", link(piece)


def hf(dataset: Dataset) -> Files:
    """Yields Parquet for `datasets`: one row per document, with its ids as a list."""
    for piece in dataset.pieces:
        yield f"{piece.name}.parquet", _parquet(piece)


def _parquet(piece: Piece) -> Write:
    number = pa.uint16() if piece.shard.dtype == "<u2" else pa.uint32()
    schema = pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("url", pa.string(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("quality", pa.float32()),
            pa.field("input_ids", pa.list_(number), nullable=False),
        ]
    )

    def write(draft: Path) -> None:
        with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
            for rows in _document_rows(piece, schema):
                writer.write_table(rows)

    return write


def _document_rows(piece: Piece, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yields the documents of a shard, ROWS at a time; raises ValueError where `.meta.parquet` and `.idx` disagree."""
    tokens = np.memmap(piece.tokens(), dtype=piece.shard.dtype, mode="r")
    bounds = np.concatenate([[0], piece.ends().astype(np.int64)])
    done = 0
    with storage.local(piece.beside("meta.parquet")) as path:
        for batch in pq.ParquetFile(path).iter_batches(ROWS, columns=["id", "url", "source", "quality", "offset"]):
            own = bounds[done : done + len(batch) + 1]
            if len(own) != len(batch) + 1 or not np.array_equal(own[:-1], batch["offset"].to_numpy()):
                raise ValueError(f"{piece.beside('meta.parquet')}: its documents are not those of the .idx")
            ids = pa.array(np.asarray(tokens[own[0] : own[-1]]))
            lists = pa.ListArray.from_arrays(pa.array((own - own[0]).astype(np.int32)), ids)
            hex_ids = pa.array([document_id.hex() for document_id in batch["id"].to_pylist()])
            columns = [hex_ids, batch["url"], batch["source"], batch["quality"], lists]
            yield pa.table(columns, schema=schema)
            done += len(batch)
    if done != len(bounds) - 1:
        raise ValueError(f"{piece.beside('meta.parquet')}: its documents are not those of the .idx")


def _json(value: dict[str, Any]) -> Write:
    def write(draft: Path) -> None:
        draft.write_bytes(as_json(value))

    return write


def _check_size(name: str, piece: Piece, limit: int) -> None:
    """Raises UserError where a shard has too many bytes for a form, whose limit this is."""
    size = piece.shard.tokens * np.dtype(piece.shard.dtype).itemsize + 1024
    if size >= limit:
        raise UserError(
            f"{name}: {piece.name} would have {size} bytes, and its reader takes less than {limit};"
            " pack it anew with a lower pack.max_tokens"
        )


FORMS: dict[str, Callable[[Dataset], Files]] = {
    "hf": hf,
    "llmc": llmc,
    "litdata": litdata,
    "nanotron": nanotron,
    "npy": npy,
}
