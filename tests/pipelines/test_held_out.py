"""`pack.valid_tokens` in runs and verbs: shards, exports and checks agree; too little held-out text is a warning."""

import json
from io import StringIO
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from curate import recipe
from curate.dataset.export import TextOptions, export_texts
from curate.dataset.manifest import read
from curate.inspection.verify import faults
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.progress import Progress
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.engines.warnings import of_splits
from curate.pipelines.run import run, run_as_one_job

WORDS = "the keeper and the children have been to the sea and they said that it was cold to be there"


def written(folder, pack):
    """Returns a recipe of two sources of 40 documents, with this table [pack]."""
    for name in ("books", "web"):
        rows = [{"text": f"{name} {n} {WORDS}", "url": f"http://{name}/{n}"} for n in range(40)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "own.toml"
    path.write_text(
        'name = "own"\n[sources.books]\ninputs = ["books.jsonl"]\n[sources.web]\ninputs = ["web.jsonl"]\n'
        f"[filter]\nrules = []\n[dedup]\nnear = false\n[pack]\nmax_tokens = 200\n{pack}\n"
    )
    return path


def warned(path, out, way=run):
    """Returns the warnings of a run."""
    console = Console(file=StringIO(), width=400)
    way(recipe.load(str(path)), out, Engine(target=EngineOptions(workers=1), progress=Progress(console)))
    return [line for line in console.file.getvalue().splitlines() if line.startswith("warning: pack")]


def shards(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.bin"))}


def ids(out, split):
    tables = [pq.read_table(path) for path in (out / split).rglob("*.meta.parquet")]
    return {document.hex() for table in tables for document in table["id"].to_pylist()}


@pytest.mark.processes
def test_runs_verbs_and_exports_agree_on_what_is_held_out(tmp_path):
    path, out = written(tmp_path, "valid_tokens = 100"), tmp_path / "out"
    assert warned(path, out) == []
    assert not [*faults(out)]
    for source in read(out)["sources"]:
        assert 100 <= source["splits"]["valid"]["tokens"] < 140 < source["splits"]["train"]["tokens"]
    warned(path, tmp_path / "job", run_as_one_job)
    assert shards(tmp_path / "job" / "shards") == shards(out / "shards")
    engine = Engine(target=EngineOptions(workers=1))
    verbs.run("pack", (str(out / "tokenize"),), tmp_path / "packed", str(path), (), engine, "web")
    assert shards(tmp_path / "packed") == shards(out / "shards")
    assert not [*faults(tmp_path / "packed")]
    for folder in (out, tmp_path / "packed"):
        export_texts("jsonl", folder, tmp_path / f"texts-{folder.name}", TextOptions(compression="none"))
        for split in ("train", "valid"):
            (file,) = (tmp_path / f"texts-{folder.name}" / split).rglob("part-*")
            assert {json.loads(line)["id"] for line in file.open()} == ids(out / "shards", split)


@pytest.mark.processes
def test_too_little_held_out_text_is_a_warning_of_runs_and_of_the_verb(tmp_path):
    path, out = written(tmp_path, "valid_fraction = 0.000001"), tmp_path / "out"
    (warning,) = warned(path, out)
    assert "split valid holds 0 of the" in warning
    assert "tokens of source books and 0 of the" in warning
    assert warning.endswith("; pack.valid_tokens is how many tokens of each source it holds at least")
    assert warned(path, tmp_path / "job", run_as_one_job) == [warning]
    assert warned(path, out) == [warning]
    console = Console(file=StringIO(), width=400)
    engine = Engine(target=EngineOptions(workers=1), progress=Progress(console))
    verbs.run("pack", (str(out / "tokenize"),), tmp_path / "packed", None, (), engine, "web")
    assert warning in console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("tokens", "valid", "fraction", "asked", "warning"),
    [
        (226_120, 385, 0.005, 0, "385 of the 226,120 tokens of source web, so"),
        (100_000_000, 90_000, 0.005, 0, "90,000 of the 100,000,000 tokens of source web, so"),
        (100_000_000, 110_000, 0.005, 0, None),
        (10_000_000, 49_999, 0.005, 0, "49,999 of the 10,000,000 tokens of source web, so"),
        (10_000, 200, 0.15, 0, None),  # a fiftieth
        (10_000, 199, 0.15, 0, "199 of the 10,000 tokens of source web, so"),
        (10_000, 0, 0, 0, None),  # nobody asked for any
        (10_000, 4_000, 0, 6_000, "4,000 tokens of source web, below pack.valid_tokens 6,000: no more than half"),
    ],
)
def test_held_out_text_is_too_little_below_a_share_and_a_number(tokens, valid, fraction, asked, warning):
    cuts = [{"source": "web", "split": "valid", "tokens": valid}]
    cuts.append({"source": "web", "split": "train", "tokens": tokens - valid})
    record = SimpleNamespace(settings={"cuts": cuts} | ({"valid": {"tokens": asked}} if asked else {}))
    warnings = [message for message, _ in of_splits(record, fraction)]
    assert [warning in message for message in warnings] == ([True] if warning else [])
    assert [*of_splits(record, fraction, without={"web"})] == []


def test_a_warning_names_three_sources_and_counts_the_others():
    cuts = [{"source": f"s{number}", "split": "train", "tokens": 10} for number in range(5)]
    ((message, _),) = of_splits(SimpleNamespace(settings={"cuts": cuts}), 0.1)
    assert "tokens of source s2 and 2 more, so losses" in message
