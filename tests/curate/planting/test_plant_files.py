"""A planted corpus is written whole, the same for the same seed, and read by the readers of every stage."""

import gzip
import json

import pytest

from curate.errors import DamageError, SettingsError
from curate.inputs.digests import Digests
from curate.inputs.documents import read_documents
from curate.inputs.items import named_items
from curate.planting import files
from curate.planting.config import Planting
from curate.planting.files import Request
from curate.stage.plan import Plan
from curate.storage import together
from curate.storage.writing import sha256_of

SENTENCES = ["The river rose over its banks in the night of day {}.", "Nobody woke before the mill {} was gone.", "{}"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of clean documents in two forms, one of them with a long document."""
    folder = tmp_path_factory.mktemp("clean")
    rows = [{"text": "\n".join(s.format(n) * 3 for s in SENTENCES), "url": f"https://a.example/{n}"} for n in range(60)]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    (folder / "book.txt").write_text("\n\n".join(f"Chapter {n}. " + "It went on and on. " * 10 for n in range(40)))
    return folder


@pytest.fixture(scope="module")
def planted(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "plant"
    request = Request(documents=(str(folder / "a.jsonl"), str(folder / "book.txt")))
    return out, files.make(request, Planting(max_words=200, held_out=0.1), out)


def contents(out):
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_the_inputs(folder, planted, tmp_path):
    settings = Planting(max_words=200, held_out=0.1)
    files.make(Request(documents=(str(folder / "book.txt"), str(folder / "a.jsonl"))), settings, tmp_path / "other")
    assert contents(tmp_path / "other") == contents(planted[0])
    files.make(Request(documents=(str(folder),)), Planting(max_words=200, held_out=0.1, seed=3), tmp_path / "seed")
    assert contents(tmp_path / "seed")["planted-00000.jsonl.gz"] != contents(planted[0])["planted-00000.jsonl.gz"]


def test_the_stages_read_the_ids_that_the_truth_states(planted):
    out, record = planted
    items = named_items((str(out / "planted-*.jsonl.gz"),), out, Digests(), "web")
    plan = Plan(stage="filter", folder=out, settings={}, items=tuple(items))
    read = {document.id.hex(): document.given_id for item in items for document in read_documents(plan, item)}
    truth = files.read_truth(out)
    assert read == {one.row: one.id for one in truth}
    assert len(read) == record["planted"]["documents"]


def test_long_documents_are_cut_and_equal_ones_are_taken_once(planted):
    _, record = planted
    assert record["clean"]["repeated"] == 1
    assert record["clean"]["whole"] == 62
    assert record["clean"]["documents"] + record["held_out"]["documents"] > 62


def test_held_out_documents_are_in_neither_corpus(planted):
    out, record = planted
    apart = files.read_texts(out, "heldout")
    assert len(apart) == record["held_out"]["documents"] == 7
    assert not apart.keys() & files.read_texts(out, "clean").keys()
    assert not {*apart.values()} & {*files.read_texts(out, "planted").values()}


def test_a_finished_corpus_is_replaced_only_on_request_and_never_a_file_of_the_user(folder, tmp_path):
    out, request = tmp_path / "plant", Request(documents=(str(folder / "a.jsonl"),))
    files.make(request, Planting(held_out=0.5), out)
    with pytest.raises(SettingsError, match="give --replace"):
        files.make(request, Planting(), out)
    (out / "curated.toml").write_text("a file of the user's")
    files.make(request, Planting(), out, replace=True)
    assert sorted(contents(out)) == [
        "clean-00000.jsonl.gz",
        "curated.toml",
        "plant.json",
        "planted-00000.jsonl.gz",
        "truth.jsonl.gz",
    ]
    (out / "planted-00001.jsonl.gz").write_bytes(b"the user's")
    with pytest.raises(SettingsError, match="not written by curate"):
        files.make(request, Planting(), out, replace=True)


def test_items_of_the_users_are_planted(folder, tmp_path):
    (tmp_path / "items.jsonl").write_text('{"context": "Paris lies in", "answer": "France"}\n{"text": "Rome: Italy"}\n')
    request = Request(documents=(str(folder / "a.jsonl"),), leaks_from=(str(tmp_path / "items.jsonl"),))
    record = files.make(request, Planting(), tmp_path / "plant")
    assert record["leaked_items"] == {"items.jsonl": 2}
    (source,) = record["inputs"]["leaks_from"]
    assert source["files"] == [{"name": "items.jsonl", "digest": sha256_of(tmp_path / "items.jsonl")}]
    leaked = [one for one in files.read_truth(tmp_path / "plant") if one.defect == "leak"]
    assert {text for one in leaked for text in one.added} == {"Paris lies in France", "Rome: Italy"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"question": "x"}\n', "row 1: an item has the columns text, or context and answer; this row has question"),
        ("\n", "holds no item"),
        ("[1]\n", "row 1: an item has the columns"),
    ],
)
def test_items_that_cannot_be_read_are_named(folder, tmp_path, content, message):
    (tmp_path / "items.jsonl").write_text(content)
    request = Request(documents=(str(folder),), leaks_from=(str(tmp_path / "items.jsonl"),))
    with pytest.raises(SettingsError, match=message):
        files.make(request, Planting(), tmp_path / "plant")
    assert not (tmp_path / "plant").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"documents": ()}, "no documents are named"),
        ({"documents": ("missing.jsonl",)}, "missing.jsonl: no such input file"),
        ({"leaks_from": ("nosuchtask",)}, "no task is called 'nosuchtask'"),
        ({"leaks_from": ("lambada",)}, "lambada reads files: name their folder with --data"),
        ({"leaks_from": ("nosuch.jsonl",)}, "no such file of items"),
        ({"others": ("nosuch.txt",)}, "no such input file"),
    ],
)
def test_inputs_that_cannot_be_read_are_refused_before_anything_is_written(folder, tmp_path, changed, message):
    request = Request(**{"documents": (str(folder),), **changed})
    with pytest.raises(SettingsError, match=message):
        files.make(request, Planting(), tmp_path / "plant")
    assert not (tmp_path / "plant").exists()


def test_a_folder_without_a_whole_planted_corpus_is_refused(folder, tmp_path):
    with pytest.raises(SettingsError, match="holds no planted corpus"):
        files.read_record(tmp_path)
    out = tmp_path / "plant"
    files.make(Request(documents=(str(folder),)), Planting(), out)
    assert files.read_record(out) == together.read(out / files.RECORD)
    with gzip.open(out / files.TRUTH, "wt") as file:
        file.write("{}\n")
    with pytest.raises(DamageError, match="cannot be read"):
        files.read_truth(out)
    (out / files.TRUTH).unlink()
    with pytest.raises(SettingsError, match="missing or changed"):
        files.read_record(out)
