"""The shard: headerless little-endian uint16 `.bin`, Megatron `.idx`, one row per document in `.meta.parquet`.

Documents end with end-of-text and are never cut. The index is Megatron's MMIDIDX version 1 (dtype code 8, uint16), with
one sequence and one document per document, so nanoGPT's memmap and Megatron-core read the files as they are.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MAGIC = b"MMIDIDX\0\0"
VERSION = 1
DTYPE_CODE = 8  # uint16 in Megatron's table
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
    ]
)


def write_index(path: Path, lengths: npt.NDArray[np.int32]) -> None:
    """Write the `.idx` of documents with these numbers of tokens."""
    pointers = np.zeros(len(lengths), dtype="<i8")
    np.cumsum(lengths[:-1], dtype="<i8", out=pointers[1:])
    with path.open("wb") as file:
        file.write(HEADER.pack(MAGIC, VERSION, DTYPE_CODE, len(lengths), len(lengths) + 1))
        file.write(lengths.astype("<i4").tobytes())
        file.write((pointers * 2).tobytes())
        file.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())


@dataclass(frozen=True, slots=True)
class Index:
    """What an `.idx` says: tokens per document, byte offset of each in the `.bin`."""

    lengths: npt.NDArray[np.int32]
    pointers: npt.NDArray[np.int64]


def read_index(path: Path) -> Index:
    """Read an `.idx`; ValueError naming the file where it is none or is cut."""
    content = path.read_bytes()
    if len(content) < HEADER.size:
        raise ValueError(f"{path}: too short for a Megatron index")
    magic, version, code, sequences, documents = HEADER.unpack_from(content)
    if magic != MAGIC or version != VERSION or code != DTYPE_CODE:
        raise ValueError(f"{path}: not a Megatron index of uint16 tokens")
    if documents != sequences + 1 or len(content) != HEADER.size + 12 * sequences + 8 * documents:
        raise ValueError(f"{path}: {len(content)} bytes do not fit {sequences} documents")
    lengths = np.frombuffer(content, "<i4", sequences, HEADER.size)
    pointers = np.frombuffer(content, "<i8", sequences, HEADER.size + 4 * sequences)
    return Index(lengths, pointers)
