"""Libraries that no one here wrote read documents exported as text, and the configurations that a card names."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-readers" / "bin" / "python"
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
# The columns of a document that are of no row, or are columns of their own in every form.
NOT_METADATA = {"id", "text", "source", "url", "timestamp", "metadata"}
# Rows of each source have other columns, so that a reader which takes the first rows for all of them fails.
SOURCES = {
    "default": lambda number: {"license": "mit", "stars": number, "timestamp": f"2024-04-{number + 1:02d}T10:00:00Z"},
    "Web": lambda number: {"url": f"http://web.example/{number}", "license": None, "tags": ["a", number], "title": "A"},
    "web": lambda _number: {},
    "all": lambda number: {"stars": str(number), "nested": {"é": 0.5}, "id": f"all-{number}", "quality": 0.25},
    "__init": lambda number: {"id": number, "language": "en"},
}

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the readers are not here: make readers")


@pytest.fixture(scope="module")
def out(curate, tmp_path_factory) -> Path:
    """Returns a run over rows of the user's own, whose sources have names that a card must not take as they are."""
    folder = tmp_path_factory.mktemp("texts")
    recipe = ['name = "own"', "[filter]", "rules = []", "[dedup]", "near = false", "[pack]", "valid_fraction = 0.2"]
    for place, (source, more) in enumerate(SOURCES.items()):
        rows = [{"text": f"{STORY} {place} {number}"} | more(number) for number in range(20)]
        (folder / f"{source}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
        recipe += [f"[sources.{source}]", f'inputs = ["{source}.jsonl"]']
    (folder / "own.toml").write_text("\n".join(recipe))
    done = curate("run", folder / "own.toml", "-o", folder / "out")
    assert done.code == 0, done.err
    return folder / "out"


@pytest.fixture
def exported(curate, out, tmp_path):
    """Returns the folder of an export of the run, in files of a few documents."""

    def export(form: str, *options: object, name: str = "") -> Path:
        done = curate("export", form, out, "-o", tmp_path / (name or form), *options)
        assert done.code == 0, done.err
        return tmp_path / (name or form)

    return export


@pytest.fixture
def read(tmp_path):
    """Returns a function that runs a reader in its own environment and returns what it reads."""

    def run(reader: str, *paths: object) -> dict[str, np.ndarray]:
        arguments = [PYTHON, ROOT / "tests" / "readers" / "read.py", reader, *paths, tmp_path / "read.npz"]
        offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": ""}
        done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, env=os.environ | offline)
        assert done.returncode == 0, done.stderr[-3000:]
        return dict(np.load(tmp_path / "read.npz"))

    return run


def in_shards(out: Path, split: str) -> set[bytes]:
    """Returns the ids of the documents of a split's shards."""
    paths = (out / "shards" / split).rglob("*.meta.parquet")
    return {document_id for path in paths for document_id in pq.read_table(path)["id"].to_pylist()}


def expected(out: Path, split: str) -> list[dict]:
    """Returns the rows of the documents of a split, in order, as the stages hold them."""
    wanted, rows = in_shards(out, split), []
    for part in sorted((out / "filter").glob("part-*.parquet")):
        decisions = pq.read_table(out / "dedup" / part.name, columns=["kept", "cluster_size"]).to_pylist()
        for row, decision in zip(pq.read_table(part).to_pylist(), decisions, strict=True):
            row["cluster_size"] = decision["cluster_size"]
            if decision["kept"] and row["id"] in wanted:
                wanted.discard(row["id"])
                own = json.loads(row["metadata"] or "{}")
                more = {name: value for name, value in row.items() if name not in NOT_METADATA} | own
                columns = {name: row[name] for name in ("text", "source", "url")}
                rows.append({"id": row["id"].hex(), **columns, "created": row["timestamp"], "metadata": more})
    assert rows
    assert not wanted
    return [plain(row) for row in rows]


def plain(row: dict) -> dict:
    """Returns a row without nulls, its times as datetimes, so that rows compare."""
    created = row["created"]
    if isinstance(created, str):
        created = datetime.fromisoformat(created) if created else None
    created = created and created.replace(tzinfo=created.tzinfo or UTC)
    metadata = {name: value for name, value in row["metadata"].items() if value is not None}
    return row | {"created": created, "metadata": metadata}


def folded(row: dict) -> dict:
    """Returns a row whose columns of a table, or from datatrove, are moved to where `expected` has them."""
    metadata = row.pop("metadata")
    metadata = json.loads(metadata) if isinstance(metadata, str) else metadata
    columns = {**row, **{name: metadata.pop(name) for name in ("source", "url", "created") if name not in row}}
    fixed = {name: columns.pop(name) for name in ("id", "text", "source", "url", "created")}
    for theirs in ("file_path", "provenance"):  # which datatrove and dolma add
        metadata.pop(theirs, None)
    return plain(fixed | {"metadata": columns | metadata})


def rows(lines: np.ndarray) -> list[dict]:
    return [folded(json.loads(str(line))) for line in lines]


FEW = ("--max-rows", 7)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("split", ["train", "valid"])
def test_datatrove_reads_every_document_with_all_that_is_known_of_it(form, split, out, exported, read):
    arrays = read("datatrove_texts", form, exported(form, *FEW) / split)
    assert rows(arrays["rows"]) == expected(out, split)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_datasets_reads_every_document_of_all_files_though_their_metadata_differ(form, out, exported, read):
    files = sorted(exported(form, *FEW).glob("*/part-*"))
    assert len(files) > 10
    arrays = read("datasets_texts", form, *files)
    assert rows(arrays["rows"]) == [*expected(out, "train"), *expected(out, "valid")]


@pytest.mark.parametrize("compression", ["zst", "gz", "none"])
def test_dolma_reads_every_document_by_its_specification_and_by_its_mixer(compression, out, exported, read, tmp_path):
    files = sorted(exported("jsonl", "--compression", compression, *FEW).glob("train/part-*"))
    arrays = read("dolma_texts", tmp_path / "dolma", *files)
    wanted = expected(out, "train")
    urls = {row["id"]: row["url"] for row in wanted}
    decoded = [json.loads(str(line)) for line in arrays["rows"]]  # its specification has no url
    names = ("id", "text", "source", "created", "metadata")
    assert [folded({name: row[name] for name in names} | {"url": urls[row["id"]]}) for row in decoded] == wanted
    assert sorted(rows(arrays["mixed"]), key=lambda row: row["id"]) == sorted(wanted, key=lambda row: row["id"])


def test_each_configuration_of_a_card_has_its_own_source_and_default_has_all(out, exported, read):
    """`load_dataset` returned 20 of 100 documents where a source was called default."""
    exported("hf", name="hub")
    hub = exported("datacard", name="hub")
    configs = {"default": "source-default", "Web": "Web", "web": "source-web", "all": "source-all", "__init": "__init"}
    arrays = read("card", hub, "default", *configs.values())
    assert sorted(arrays["names"].tolist()) == sorted(["default", *configs.values()])
    own = {row["id"]: row["source"] for row in expected(out, "train")}
    assert set(arrays["default ids"].tolist()) == own.keys()
    for source, config in configs.items():
        assert set(arrays[f"{config} ids"].tolist()) == {name for name, origin in own.items() if origin == source}
