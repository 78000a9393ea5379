"""A stage that reads a changed part, receipt, model or input ends with the file's name, and writes nothing from it."""

import gzip
import json
import shutil
from itertools import cycle

import pytest

from curate import recipe
from curate.errors import DamageError
from curate.inspection.verify import faults
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.pipelines.stages import map_only
from curate.storage.patience import ChangedError

pytestmark = pytest.mark.processes

ENGINE = Engine(target=EngineOptions(workers=1))
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
RECIPE = """
name = "own"
[sources.web]
inputs = ["web.warc.gz"]
[sources.books]
inputs = ["books.jsonl"]
[filter]
rules = ["gopher_quality"]
[dedup]
rounds = 1
[score]
model = "default"
keep = "fraction"
fraction = 0.9
"""
# What is flipped, and the stage that reads it.
READ = {
    "extract/part-00000.parquet": "filter",
    "filter/part-00001.parquet": "dedup/signatures",
    "dedup/signatures/part-00000.parquet": "dedup",
    "dedup/part-00000.parquet": "score",
    "score/scores/part-00000.parquet": "score",
    "score/part-00001.parquet": "tokenize",
    "tokenize/part-00000.parquet": "shards",
}


def page(number):
    body = f"<title>T</title><p>{STORY} {STORY} Number {number}, he said, and the {number} of them went home.</p>" * 2
    block = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>{body}</html>".encode()
    head = f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: http://a/{number}\r\nWARC-Date: 2020-01-01T00:00:00Z"
    return (
        f"{head}\r\nContent-Type: application/http\r\nContent-Length: {len(block)}\r\n\r\n".encode()
        + block
        + b"\r\n\r\n"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Returns a recipe over a WARC file and documents, and its finished output."""
    made = tmp_path_factory.mktemp("run")
    (made / "web.warc.gz").write_bytes(b"".join(gzip.compress(page(number)) for number in range(9)))
    rows = [{"text": f"{STORY} It was said in letter {n}. " * 3, "url": f"http://b/{n}"} for n in range(9)]
    (made / "books.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (made / "own.toml").write_text(RECIPE)
    run(recipe.load(str(made / "own.toml")), made / "out", ENGINE)
    return made


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 4
    path.write_bytes(content)


def reopen(out, stage):
    """Removes the closing records and the receipts of a stage, or of its first half, so that a run makes it again."""
    (out / stage.partition("/")[0] / "stage.json").unlink()
    (out / stage / "stage.json").unlink(missing_ok=True)
    (out / stage / "receipts.json").unlink()


@pytest.mark.parametrize(("name", "place"), [*zip(READ, cycle([0.01, 0.5, 0.999]), strict=False)])
def test_a_flipped_bit_ends_the_stage_that_reads_it_and_its_removal_mends_it(name, place, folder, tmp_path):
    out = shutil.copytree(folder / "out", tmp_path / "out")
    shutil.copy(folder / "own.toml", tmp_path)
    whole = {path: path.read_bytes() for path in out.rglob("*.bin")}
    reopen(out, READ[name])
    flip(out / name, place)
    chosen = recipe.load(str(folder / "own.toml"))
    with pytest.raises(Exception, match="/".join(name.split("/")[-2:])) as raised:
        run(chosen, out, ENGINE)
    assert DamageError.__name__ in f"{type(raised.value).__name__} {raised.value}"
    assert not (out / READ[name] / "stage.json").exists()
    (out / name).unlink()
    run(chosen, out, ENGINE)
    assert {path: path.read_bytes() for path in out.rglob("*.bin")} == whole
    assert list(faults(out)) == []


@pytest.mark.parametrize(("name", "place"), [("filter/receipts.json", 0.5), ("tokenize/receipts.json", 0.999)])
def test_a_flipped_bit_in_the_receipts_of_a_closed_stage_makes_parts_anew_with_the_same_bytes(
    name, place, folder, tmp_path
):
    out = shutil.copytree(folder / "out", tmp_path / "out")
    shutil.copy(folder / "own.toml", tmp_path)
    whole = {path: path.read_bytes() for path in out.rglob("*.bin")}
    flip(out / name, place)
    assert any(line.startswith(f"{out / name}: ") for line in faults(out))
    run(recipe.load(str(folder / "own.toml")), out, ENGINE)
    assert {path: path.read_bytes() for path in out.rglob("*.bin")} == whole
    assert list(faults(out)) == []


@pytest.mark.parametrize("name", ["web.warc.gz", "books.jsonl"])
def test_an_input_that_is_changed_after_planning_is_an_error(name, folder, tmp_path, monkeypatch):
    for own in ("web.warc.gz", "books.jsonl", "own.toml"):
        shutil.copy(folder / own, tmp_path)
    numbers = map_only.part_numbers

    def changed_before_work(place):
        flip(tmp_path / name, 0.9)
        yield from numbers(place)

    monkeypatch.setattr(map_only, "part_numbers", changed_before_work)
    with pytest.raises(Exception, match=f"{name}: was changed after the stage was planned") as raised:
        run(recipe.load(str(tmp_path / "own.toml")), tmp_path / "out", ENGINE)
    assert ChangedError.__name__ in f"{type(raised.value).__name__} {raised.value}"
    assert not (tmp_path / "out" / "extract" / "stage.json").exists()
