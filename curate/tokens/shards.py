"""The files of a shard: headerless little-endian `.bin`, Megatron `.idx`, one row per document in `.meta.parquet`.

Ids are uint16, or uint32 where the vocabulary is larger than 65,536. Documents end with end-of-text and are never cut.
The index is Megatron's MMIDIDX version 1, with one sequence and one document per document, so nanoGPT's memmap and
Megatron-core read the files as they are.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MAGIC = b"MMIDIDX\0\0"
VERSION = 1
DTYPE_CODES = {"<u2": 8, "<u4": 4}  # Megatron's table has no uint32; int32 has the same bytes, as no id is so large
HEADER = struct.Struct("<9sQBQQ")
SUFFIXES = ("bin", "idx", "meta.parquet")

META = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("bucket", pa.int16()),
        pa.field("quality", pa.float32()),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("given_id", pa.string()),
        pa.field("cluster_size", pa.int64()),
    ]
)


def write_index(path: Path, lengths: npt.NDArray[np.int32], dtype: str = "<u2") -> None:
    """Writes the `.idx` of documents with these numbers of tokens of this type."""
    pointers = np.zeros(len(lengths), dtype="<i8")
    np.cumsum(lengths[:-1], dtype="<i8", out=pointers[1:])
    with path.open("wb") as file:
        file.write(HEADER.pack(MAGIC, VERSION, DTYPE_CODES[dtype], len(lengths), len(lengths) + 1))
        file.write(lengths.astype("<i4").tobytes())
        file.write((pointers * np.dtype(dtype).itemsize).tobytes())
        file.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())


@dataclass(frozen=True, slots=True)
class Index:
    """The content of an `.idx`."""

    lengths: npt.NDArray[np.int32]  # tokens of each document
    pointers: npt.NDArray[np.int64]  # offset of each document in the `.bin`, in bytes
    dtype: str  # of the tokens in the `.bin`


def read_index(path: Path) -> Index:
    """Reads an `.idx`; raises ValueError, which names the file, where it is none or is cut."""
    content = path.read_bytes()
    if len(content) < HEADER.size:
        raise ValueError(f"{path}: too short for a Megatron index")
    magic, version, code, sequences, documents = HEADER.unpack_from(content)
    dtype = next((name for name, number in DTYPE_CODES.items() if number == code), None)
    if magic != MAGIC or version != VERSION or dtype is None:
        raise ValueError(f"{path}: not a Megatron index of uint16 or int32 tokens")
    if documents != sequences + 1 or len(content) != HEADER.size + 12 * sequences + 8 * documents:
        raise ValueError(f"{path}: {len(content)} bytes do not fit {sequences} documents")
    lengths = np.frombuffer(content, "<i4", sequences, HEADER.size)
    pointers = np.frombuffer(content, "<i8", sequences, HEADER.size + 4 * sequences)
    return Index(lengths, pointers, dtype)
