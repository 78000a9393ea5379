"""Libraries that no one here wrote read the quickstart's shards, or an export of them: every token of every document.

`make readers` makes their environment, `.venv-readers`, and runs this.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.tokens.shards import read_index

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-readers" / "bin" / "python"
SOURCES = ("articles", "web")

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the readers are not here: make readers")


@dataclass(frozen=True)
class Shard:
    """Returns the content of a shard, by its `.bin`, `.idx` and `.meta.parquet`."""

    prefix: Path

    @property
    def tokens(self) -> np.ndarray:
        return np.fromfile(f"{self.prefix}.bin", "<u2").astype(np.int64)

    @property
    def starts(self) -> np.ndarray:
        return read_index(Path(f"{self.prefix}.idx")).pointers // 2

    def column(self, name: str) -> list:
        return pq.read_table(f"{self.prefix}.meta.parquet")[name].to_pylist()


@pytest.fixture(scope="module")
def out(curate, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("readers") / "out"
    done = curate("run", "quickstart", "-o", folder, "--no-train", "--set", "pack.max_tokens=4000")
    assert done.code == 0, done.err
    return folder


@pytest.fixture(scope="module")
def exported(curate, out):
    """The folder of an export of the run."""

    def export(name: str, folder: str = "") -> Path:
        dest = out.parent / (folder or name)
        done = curate("export", name, out, "-o", dest)
        assert done.code == 0, done.err
        return dest

    return export


@pytest.fixture
def read(tmp_path):
    """Returns the tokens that a reader reads, in its own environment."""

    def run(reader: str, *paths: object) -> dict:
        arguments = [PYTHON, ROOT / "tests" / "readers" / "read.py", reader, *paths, tmp_path / "found.npz"]
        offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": ""}
        done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, env=os.environ | offline)
        assert done.returncode == 0, done.stderr[-3000:]
        return dict(np.load(tmp_path / "found.npz"))

    return run


def shards(out: Path, split: str, *sources: str) -> list[Shard]:
    """The shards of sources, all if none is named, in the order of their names."""
    folders = [out / "shards" / split / source for source in sources or SOURCES]
    own = [Shard(path.with_suffix("")) for folder in folders for path in sorted(folder.glob("*.bin"))]
    assert len(own) >= len(folders) * (2 if split == "train" else 1)
    return own


def check(arrays: dict, own: list[Shard], name: str = "") -> None:
    """Every token of every document is that of the shards, end to end."""
    np.testing.assert_array_equal(arrays[f"{name}tokens"], np.concatenate([shard.tokens for shard in own]))
    begins = np.cumsum([0, *(len(shard.tokens) for shard in own)])
    starts = [shard.starts + begin for shard, begin in zip(own, begins, strict=False)]
    np.testing.assert_array_equal(arrays[f"{name}starts"], np.concatenate(starts))


def blocks(own: list[Shard], size: int) -> np.ndarray:
    """The shards in blocks of this many tokens, each without its tail."""
    return np.concatenate([shard.tokens[: len(shard.tokens) // size * size].reshape(-1, size) for shard in own])


def test_megatron_core_reads_the_shards_as_they_are(out, read):
    own = [*shards(out, "train"), *shards(out, "valid")]
    check(read("megatron", *(shard.prefix for shard in own)), own)


def test_datatrove_and_so_nanotron_reads_tokens_and_positions_in_documents(out, exported, read):
    arrays, own = read("datatrove", exported("nanotron") / "train"), shards(out, "train")
    check(arrays, own)
    np.testing.assert_array_equal(arrays["windows"], blocks(own, 33))


def test_litdata_s_tokens_loader_reads_every_token_and_every_block(out, exported, read):
    folder, own = exported("litdata") / "train", shards(out, "train")
    arrays = read("litdata", *(folder / source for source in SOURCES))
    np.testing.assert_array_equal(arrays["tokens"], np.concatenate([shard.tokens for shard in own]))
    np.testing.assert_array_equal(arrays["blocks"], blocks(own, 129).ravel())


def test_datasets_reads_one_row_per_document_from_files_and_through_the_card(out, exported, read):
    exported("datacard", "hub")
    arrays = read("datasets", exported("hf", "hub"))
    train = shards(out, "train")
    wanted = {"files": train, "default": train, "validation": shards(out, "valid"), "web": shards(out, "train", "web")}
    for name, own in wanted.items():
        check(arrays, own, f"{name} ")
        assert arrays[f"{name} urls"].tolist() == [url for shard in own for url in shard.column("url")]
        assert arrays[f"{name} ids"].tolist() == [
            document_id.hex() for shard in own for document_id in shard.column("id")
        ]


def test_mlcroissant_accepts_the_description_and_reads_a_row_per_document(curate, out, exported, read):
    described = [exported("croissant", "out"), exported("croissant", ".")]  # in the output, and above it
    arrays = read("croissant", *(folder / "croissant.json" for folder in described))
    rows = zip(*(arrays[name].tolist() for name in ("urls", "tokens", "offset")), strict=True)
    own = [*shards(out, "train"), *shards(out, "valid")]
    columns = ([value for shard in own for value in shard.column(name)] for name in ("url", "tokens", "offset"))
    assert sorted(rows) == sorted(2 * list(zip(*columns, strict=True)))
    assert curate("verify", out).code == 0
