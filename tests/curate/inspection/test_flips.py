"""A changed byte of any file of a finished output is found by `curate verify`, in a line that names the file."""

import json
import random
import shutil
from itertools import pairwise

import pytest
from flips import files, flipped, missed, named

from curate import recipe
from curate.dataset import manifest
from curate.errors import UserError
from curate.inspection import funnel, history, report
from curate.inspection.verify import faults
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run

ENGINE = Engine(target=EngineOptions(workers=1))
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
SEED = 14
RECIPE = """
name = "own"
[sources.books]
inputs = ["books.jsonl"]
[sources.web]
inputs = ["web.jsonl"]
[filter]
rules = ["gopher_quality"]
[dedup]
rounds = 1
[score]
model = "default"
keep = "fraction"
fraction = 0.9
[pack]
valid_fraction = 0.4
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Returns a run with a rejection, a failure, a duplicate, scores, two splits, and a report in it."""
    folder = tmp_path_factory.mktemp("run")
    for source in ("books", "web"):
        rows = [{"text": f"{STORY} {source} {number} " * 4, "url": f"http://{source}/{number}"} for number in range(9)]
        rows += [{"text": "too short"}, {"no": "text"}, rows[0] | {"url": f"http://{source}/copy"}]
        (folder / f"{source}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "own.toml").write_text(RECIPE)
    run(recipe.load(str(folder / "own.toml")), folder / "out", ENGINE)
    report.write(folder / "out")
    return folder / "out"


def unseen(out, path, contents):
    """Returns those of the contents of a file under which no fault names it."""
    before = path.read_bytes()
    wrong = []
    for label, content in contents:
        path.write_bytes(content)
        if not named(out, path):
            wrong.append((str(path), label))
    path.write_bytes(before)
    return wrong


def test_the_run_has_no_fault_and_something_of_every_kind(out):
    assert list(faults(out)) == []
    names = {path.name for path in files(out)}
    assert {"plan.json", "stage.json", "receipts.json", "model.bin", "model.json"} <= names
    assert {"inputs.json", "manifest.json", "report.html", "recipe.toml"} <= names


def test_fifty_two_flipped_bits_are_all_found(out):
    """At the start, a third, the middle and the end of a file of each of thirteen kinds."""
    kinds = (
        "recipe.toml", "inputs.json", "manifest.json", "report.html", "extract/plan.json", "filter/stage.json",
        "dedup/receipts.json", "filter/part-00000.parquet", "dedup/signatures/part-00001.parquet",
        "score/model.json", "score/scores/part-00000.parquet", "tokenize/part-00001.parquet",
    )  # fmt: skip
    shard = next(path for path in files(out) if path.suffix == ".bin")
    wrong = []
    for path in (*(out / name for name in kinds), shard):
        content = path.read_bytes()
        bits = (0, 8 * len(content) // 3, 4 * len(content) + 1, 8 * len(content) - 1)
        wrong += unseen(out, path, [(bit, flipped(content, bit)) for bit in bits])
    assert wrong == []


def test_a_random_bit_a_cut_or_an_appended_byte_of_every_file_is_found(out):
    assert missed(out, SEED) == []


def test_a_file_that_is_gone_is_found(out):
    for path in files(out):
        if path.name in ("report.html", "manifest.json"):
            continue  # one is not always there; without the other the run is not finished, which is told
        content = path.read_bytes()
        path.unlink()
        assert named(out, path), path
        path.write_bytes(content)


def test_two_files_of_the_same_kind_that_changed_places_are_found(out):
    kinds = {}
    for path in files(out):
        kinds.setdefault((path.suffix, path.name.split("-")[0]), []).append(path)
    for same in kinds.values():
        for left, right in pairwise(same):
            first, second = left.read_bytes(), right.read_bytes()
            if first != second:
                left.write_bytes(second)
                right.write_bytes(first)
                lines = list(faults(out))
                left.write_bytes(first)
                right.write_bytes(second)
                assert any(line.startswith((f"{left}: ", f"{right}: ")) for line in lines), (left, right)
    assert list(faults(out)) == []


def complaint(look):
    """Returns the message of a UserError, "" where there is none; any other error is a crash."""
    try:
        look()
    except UserError as error:
        return str(error)
    return ""


def test_a_record_with_a_flipped_bit_is_an_error_of_one_line_wherever_it_is_read(out, tmp_path):
    copy = shutil.copytree(out, tmp_path / "out")
    quick = (lambda: funnel.summary(copy), lambda: history.dead_letters(copy), lambda: manifest.read(copy))
    slow = (lambda: history.of(copy, "http://web/1"), lambda: report.write(copy), lambda: list(faults(copy)))
    draw = random.Random(SEED)
    records = [path for path in files(copy) if path.suffix == ".json"]
    for number in range(150):
        path = draw.choice(records)
        before = path.read_bytes()
        path.write_bytes(flipped(before, draw.randrange(8 * len(before))))
        for look in (*quick, slow[number % 3]) if number % 5 == 0 else quick:
            message = complaint(look)
            assert "\n" not in message
            assert not message or str(copy) in message
        path.write_bytes(before)


def test_every_changed_file_of_an_export_is_found(out, tmp_path):
    from curate.dataset.export import export

    dest = tmp_path / "exported"
    export("npy", out, dest)
    assert list(faults(dest)) == []
    assert missed(dest, SEED) == []
