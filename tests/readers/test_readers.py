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

from curate.shards import read_index

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-readers" / "bin" / "python"
SOURCES = ("articles", "web")

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the readers are not here: make readers")


@dataclass(frozen=True)
class Shard:
    """What a shard holds, by its `.bin`, `.idx` and `.meta.parquet`."""

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
    """What a reader reads, in its own environment."""

    def run(reader: str, *paths: object) -> dict:
        arguments = [PYTHON, ROOT / "tests" / "readers" / "read.py", reader, *paths, tmp_path / "found.npz"]
        offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": ""}
        done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, env=os.environ | offline)
        assert done.returncode == 0, done.stderr[-3000:]
        return dict(np.load(tmp_path / "found.npz"))

    return run


def shards(out: Path, split: str, source: str) -> list[Shard]:
    found = [Shard(path.with_suffix("")) for path in sorted((out / "shards" / split / source).glob("*.bin"))]
    assert found
    assert split == "valid" or len(found) > 1
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_megatron_core_reads_the_shards_as_they_are(source, out, read):
    for shard in shards(out, "train", source):
        found = read("megatron", shard.prefix)
        np.testing.assert_array_equal(found["tokens"], shard.tokens)
        np.testing.assert_array_equal(found["starts"], shard.starts)


@pytest.mark.parametrize("source", SOURCES)
def test_datatrove_and_so_nanotron_reads_tokens_and_positions_in_documents(source, out, exported, read):
    folder = exported("nanotron") / "train" / source
    own = shards(out, "train", source)
    for shard in own:
        found = read("datatrove", folder, folder / f"{shard.prefix.name}.ds")
        np.testing.assert_array_equal(found["tokens"], shard.tokens)
        np.testing.assert_array_equal(found["starts"], shard.starts)
    windows = [shard.tokens[: len(shard.tokens) // 33 * 33].reshape(-1, 33) for shard in own]
    np.testing.assert_array_equal(found["windows"], np.concatenate(windows))


@pytest.mark.parametrize("source", SOURCES)
def test_litdata_s_tokens_loader_reads_every_block(source, out, exported, read):
    folder = exported("litdata") / "train" / source
    for block in (1, 129):
        found = read("litdata", folder, block)
        each = [shard.tokens[: len(shard.tokens) // block * block] for shard in shards(out, "train", source)]
        np.testing.assert_array_equal(found["tokens"], np.concatenate(each))


def test_datasets_reads_one_row_per_document_from_files_and_through_the_card(out, exported, read):
    folder = exported("hf", "hub")
    exported("datacard", "hub")
    every = [shard for source in SOURCES for shard in shards(out, "train", source)]
    of_web, of_valid = shards(out, "train", "web"), [each for name in SOURCES for each in shards(out, "valid", name)]
    readings = [
        (read("datasets_files", folder / "train" / "*" / "*.parquet"), every),
        (read("datasets_card", folder, "default", "train"), every),
        (read("datasets_card", folder, "default", "validation"), of_valid),
        (read("datasets_card", folder, "web", "train"), of_web),
    ]
    for found, own in readings:
        np.testing.assert_array_equal(found["tokens"], np.concatenate([shard.tokens for shard in own]))
        lengths = np.concatenate([np.diff(shard.starts, append=len(shard.tokens)) for shard in own])
        np.testing.assert_array_equal(np.diff(found["starts"], append=len(found["tokens"])), lengths)
        assert found["urls"].tolist() == [url for shard in own for url in shard.column("url")]
        assert found["ids"].tolist() == [name.hex() for shard in own for name in shard.column("id")]


def test_mlcroissant_accepts_the_description_and_reads_a_row_per_document(curate, out, exported, read):
    described = [exported("croissant", "out"), exported("croissant", ".")]  # in the output, and above it
    own = [shard for split in ("train", "valid") for source in SOURCES for shard in shards(out, split, source)]
    wanted = sorted(zip(*[sum((shard.column(name) for shard in own), []) for name in ("url", "tokens", "offset")]))  # noqa: B905, RUF017
    for folder in described:
        found = read("croissant", folder / "croissant.json")
        rows = zip(*(found[name].tolist() for name in ("urls", "tokens", "offset")), strict=True)
        assert sorted(rows) == wanted
    assert curate("verify", out).code == 0
