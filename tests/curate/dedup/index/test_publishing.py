"""An index grows by whole additions, each once, one at a time, and never by what it holds already."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest
from index_additions import Shuffles, add, made, planned

from curate.dedup.config import Dedup
from curate.dedup.index import overview, publishing, tables
from curate.dedup.index.generations import read_index
from curate.errors import SettingsError, UserError
from curate.pipelines import plans
from curate.recipe import from_table
from curate.settings import Where

FIRST = [["one two three four five six seven", "eight nine ten eleven twelve thirteen"]]
SECOND = [["red orange yellow green blue indigo violet"]]


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """The files of a folder, with size and time of writing."""
    stats = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {str(path.relative_to(folder)): (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def publish(plan, counts) -> None:
    publishing.publish(plan, SimpleNamespace(counts=counts))


def test_an_addition_that_the_index_holds_is_made_again_without_a_file_of_the_index(tmp_path, monkeypatch):
    for number, texts in enumerate((FIRST, SECOND)):
        add(tmp_path, number, texts, {}, Shuffles(0))
    before = state(tmp_path / "index")
    monkeypatch.setattr(tables, "DOCUMENTS", 1)  # so that the bytes of the files would be others
    monkeypatch.setattr(tables.write, "__defaults__", (1,))
    shutil.rmtree(tmp_path / "run-0")
    assert add(tmp_path, 0, FIRST, {}, Shuffles(0)) == {}
    assert state(tmp_path / "index") == before
    assert len(read_index(tmp_path / "index").generations) == 2


def test_an_output_is_not_compared_with_what_it_has_kept_before(tmp_path):
    add(tmp_path, 0, FIRST, {}, Shuffles(0))
    more = [[*FIRST[0], *SECOND[0]]]  # as an earlier stage gives that was made again
    with pytest.raises(SettingsError, match=r"kept before, .* against themselves; remove .*00001.* name another index"):
        add(tmp_path, 0, more, {}, Shuffles(0))
    add(tmp_path, 1, SECOND, {}, Shuffles(0))
    with pytest.raises(SettingsError, match="against themselves; name another index"):
        add(tmp_path, 0, more, {}, Shuffles(0))
    for generation in read_index(tmp_path / "index").generations:
        shutil.rmtree(generation.folder)
    assert add(tmp_path, 0, more, {}, Shuffles(0)) == {}


def test_of_two_additions_to_a_store_one_is_told_to_run_again(tmp_path, monkeypatch):
    store = fsspec.filesystem("memory").store
    store.clear()
    rules = {"index": "memory://bucket/index"}
    runs = [planned(tmp_path, number, texts, rules) for number, texts in enumerate((FIRST, SECOND))]
    counts = [made(plan, Shuffles(0))[1] for plan in runs]
    generation = publishing._generation

    def while_another_adds(*arguments):
        with pytest.raises(UserError, match=r"\.claim: another run adds documents; run the same command again"):
            publish(runs[1], counts[1])
        return generation(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_generation", while_another_adds)
        publish(runs[0], counts[0])
    assert not [name for name in store if name.endswith(".claim")]
    with pytest.raises(UserError, match="another run has added documents meanwhile; run the same command again"):
        publish(runs[1], counts[1])
    plan = planned(tmp_path, 1, SECOND, rules)
    publish(plan, made(plan, Shuffles(0))[1])
    assert [
        generation.counts["kept"] for generation in read_index(publishing.location(Dedup(**rules))).generations
    ] == [2, 1]
    store.clear()


@pytest.mark.parametrize("remade", [False, True])
def test_the_key_of_a_run_is_that_of_the_content_of_its_index(remade, tmp_path):
    add(tmp_path, 0, FIRST, {}, Shuffles(0))
    plan = planned(tmp_path, 1, SECOND, {"index": str(tmp_path / "index")})
    other = tmp_path / "other"
    if remade:
        other.mkdir()
        other = Path(shutil.move(tmp_path / "index", other / "index"))
    assert (planned(tmp_path, 1, SECOND, {"index": str(other)}).key == plan.key) == remade


def test_an_unfit_index_is_refused_before_any_work(tmp_path):
    add(tmp_path, 0, FIRST, {}, Shuffles(0))
    (tmp_path / "file").write_text("words")
    for name, rules, message in (
        ("file", {}, "is a file; name a folder for the index"),
        ("run-0", {}, "holds 0.jsonl, and no index; name an index, or a new folder"),
        ("index", {"similarity": 0.8}, "made with dedup.similarity = 0.75, this run has 0.8"),
    ):
        table = {"name": "x", "sources": {"a": {}}, "dedup": rules | {"index": str(tmp_path / name)}}
        with pytest.raises(SettingsError, match=message):
            plans.check_model_files(from_table(table, Where("", "")), None)


def test_the_rest_of_an_addition_is_ended_by_its_command_unless_another_run_has_added(tmp_path):
    add(tmp_path, 0, FIRST, {}, Shuffles(0))
    for number in (1, 2):
        (tmp_path / "index" / f"{number:05d}-{'f' * 16}").mkdir()
    *_, overtaken, open_one = overview.lines(overview.summary(tmp_path / "index"))
    rest = "is the rest of an addition that was stopped"
    assert overtaken == f"unfinished: 00001-{'f' * 16} {rest}; another run has added since, so remove it"
    assert open_one == f"unfinished: 00002-{'f' * 16} {rest}; the same command ends it, or remove it"
