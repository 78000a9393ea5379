"""Dedup against an index removes of new documents what a run over old and new ones would, and touches no old one."""

import hashlib
import json
import random
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.dedup import minhash
from curate.dedup.config import Dedup
from curate.dedup.index import overview
from curate.dedup.index.generations import read_index
from curate.errors import SettingsError
from curate.inspection import history, verify
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.engines.warnings import of_record
from curate.stage.record import read_stage

pytestmark = pytest.mark.processes
WORDS = [f"{first}{last}" for first in ("ba", "do", "ki", "lu", "me", "no", "ra", "su") for last in "bdfgklmnprst"]
RECIPE = (
    'name = "crawls"\n[sources.a]\n[sources.b]\n[sources.c]\n'
    '[dedup]\nurl = true\nrounds = 3\nkeep = ["longest", "hash"]\n'
)
COUNT = 60


def crawl(name: str, seed: int) -> list[dict]:
    """Documents of which many are versions of texts that other crawls have too, some under an address of theirs."""
    draw, rows = random.Random(seed), []
    for number in range(COUNT):
        text = random.Random(draw.randrange(25)).choices(WORDS, k=90)
        for _ in range(draw.choice((0, 0, 1, 2, 4, 8))):
            text[draw.randrange(len(text))] = f"edit{draw.randrange(40)}"
        address = f"http://shared.example/{draw.randrange(30)}" if draw.random() < 0.3 else f"http://{name}/{number}"
        rows.append({"url": address, "text": " ".join(text), "source": name})
    return rows


CRAWLS = {name: crawl(name, seed) for seed, name in enumerate("abc")}
ONE = EngineOptions(workers=1)
PROCESSES = EngineOptions(workers=2, beam=("--direct_running_mode=multi_processing",))


def dedup(folder: Path, files: list[list[dict]], *rules: str, target: EngineOptions = ONE) -> list[dict]:
    """The decisions over these files, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.jsonl" for number in range(len(files))]
    for path, rows in zip(paths, files, strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE)
    verbs.run("dedup", tuple(map(str, paths)), folder / "out", str(recipe), rules, Engine(target=target), "a")
    parts = sorted((folder / "out").glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def losses(rows: list[dict]) -> list[tuple]:
    """Returns the decision of each document."""
    return [(row["id"], row["kept"], row["kind"], row["winner"], row["similarity"]) for row in rows]


def digests(folder: Path) -> dict[str, str]:
    """The files of a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@dataclass(frozen=True)
class Runs:
    """A run over three crawls, and three runs that add them to an index, one after another."""

    folder: Path
    whole: list[dict]
    added: dict[str, list[dict]]
    states: dict[str, dict[str, str]]  # the files of the index behind each of them

    @property
    def setting(self) -> str:
        return f'dedup.index="{self.folder / "index"}"'


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Runs:
    folder = tmp_path_factory.mktemp("index")
    result = Runs(folder, dedup(folder / "whole", [*CRAWLS.values()]), {}, {})
    for name, rows in CRAWLS.items():
        files, target = ([rows[:23], rows[23:]], PROCESSES) if name == "b" else ([rows], ONE)
        result.added[name] = dedup(folder / name, files, result.setting, target=target)
        result.states[name] = digests(folder / "index")
    return result


def test_each_crawl_loses_against_the_index_what_it_loses_in_a_run_over_all(runs):
    assert losses([row for rows in runs.added.values() for row in rows]) == losses(runs.whole)
    against = [row["kind"] for rows in runs.added.values() for row in rows if row["winner_generation"]]
    assert {*against} == {"url", "exact", "near"}
    assert min(map(against.count, against)) >= 5


def test_a_loss_against_the_index_names_address_source_and_generation_of_the_kept_document(runs):
    source_of = {row["id"]: "abc"[place // COUNT] for place, row in enumerate(runs.whole)}
    url_of = {row["id"]: row["url"] for row in runs.whole}
    for name, rows in runs.added.items():
        for row in rows:
            own = row["winner"] is None or source_of[row["winner"]] == name
            expected = (None,) * 3 if own else (url_of[row["winner"]], source_of[row["winner"]])
            assert (row["winner_url"], row["winner_source"], row["winner_generation"])[: len(expected)] == expected
            assert own or row["winner_generation"] == "abc".index(source_of[row["winner"]]) + 1


def test_why_names_the_document_of_the_index(runs):
    row = next(row for row in runs.added["c"] if row["winner_generation"] == 2)
    lines = [history.line(verdict) for verdict in history.of(runs.folder / "c" / "out", row["id"].hex())]
    where = f"({row['winner_url']}, source b, in generation 2 of the index, without its text)"
    assert any(row["winner"].hex() in line and where in line for line in lines)
    assert [*verify.faults(runs.folder / "c" / "out")] == []
    assert json.loads((runs.folder / "c" / "out" / "removals.json").read_bytes())["without_winner"] == 0


def test_no_file_of_an_earlier_generation_changes(runs):
    assert runs.states["a"].items() < runs.states["b"].items() < runs.states["c"].items()
    index = read_index(runs.folder / "index")
    kept = [sum(row["kept"] for row in rows) for rows in runs.added.values()]
    assert [generation.counts["kept"] for generation in index.generations] == kept
    assert [dict(generation.sources) for generation in index.generations] == [
        {name: number} for name, number in zip("abc", kept, strict=True)
    ]
    assert [*overview.faults(runs.folder / "index")] == []


def test_the_same_addition_again_changes_nothing(runs):
    rows = CRAWLS["b"]
    assert dedup(runs.folder / "b", [rows[:23], rows[23:]], runs.setting) == runs.added["b"]
    assert digests(runs.folder / "index") == runs.states["c"]


def test_an_addition_that_was_stopped_leaves_the_index_as_before_and_is_ended_by_the_same_command(runs):
    index = runs.folder / "index"
    last = read_index(index).generations[-1]
    for name in ("generation.json", "bands-003-00000.parquet"):
        (last.folder / name).unlink()
    shutil.rmtree(runs.folder / "c" / "out")
    assert len(read_index(index).generations) == 2
    assert overview.summary(index)["unfinished"] == [last.folder.name]
    assert dedup(runs.folder / "c", [CRAWLS["c"]], runs.setting) == runs.added["c"]
    assert digests(index) == runs.states["c"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (("dedup.similarity=0.8",), "made with dedup.similarity = 0.75, this run has 0.8"),
        (('dedup.normalise="none"',), 'made with dedup.normalise = "text-1", this run has "none"'),
        (("dedup.url=false",), "made with dedup.url = true, this run has false"),
    ],
)
def test_an_index_of_other_settings_is_refused_with_the_setting(rules, words, runs, tmp_path):
    with pytest.raises(SettingsError, match=words):
        dedup(tmp_path, [CRAWLS["a"][:9]], runs.setting, *rules)
    assert not (tmp_path / "out").exists()
    assert digests(runs.folder / "index") == runs.states["c"]


def test_a_file_is_refused_as_an_index_before_any_work(tmp_path):
    (tmp_path / "index").write_text("words")
    with pytest.raises(SettingsError, match="is a file; name a folder for the index"):
        dedup(tmp_path, [CRAWLS["a"][:9]], f'dedup.index="{tmp_path / "index"}"')
    assert not (tmp_path / "out").exists()


def test_inputs_that_the_index_holds_are_refused_in_another_run(runs, tmp_path):
    with pytest.raises(SettingsError, match=r"generation 1 of the index .* holds these documents already"):
        dedup(tmp_path, [[{"url": "http://d/", "text": "new", "source": "a"}], CRAWLS["a"]], runs.setting)


def test_documents_that_are_all_in_the_index_add_an_empty_generation(runs, tmp_path):
    index = shutil.copytree(runs.folder / "index", tmp_path / "index")
    rows = dedup(tmp_path, [CRAWLS["a"][:9], CRAWLS["b"]], f'dedup.index="{index}"', "dedup.rounds=4")
    assert not [row for row in rows if row["kept"]]
    record = read_stage(tmp_path / "out")
    repeated = record.counts.notes["in the index already"]
    assert repeated > 9
    messages = [warned.message for warned in of_record(record, tmp_path / "out", {})]
    assert f"dedup: {repeated} of its {len(rows)} documents are in the index already, and go" in messages
    few = replace(record, counts=replace(record.counts, notes={"in the index already": len(rows) // 2}))
    assert not [warned for warned in of_record(few, tmp_path / "out", {}) if "in the index" in warned.message]
    last = read_index(index).generations[-1]
    assert (last.number, last.files, last.counts["kept"]) == (4, {}, 0)


def test_a_changed_index_is_refused(runs, tmp_path):
    copy = shutil.copytree(runs.folder / "index", tmp_path / "index")
    record = read_index(copy).generations[0].folder / "generation.json"
    record.write_bytes(record.read_bytes().replace(b'"similarity": 0.75', b'"similarity": 0.76'))
    with pytest.raises(SettingsError, match="changed since it was written"):
        read_index(copy)
    shutil.rmtree(record.parent)
    with pytest.raises(SettingsError, match="does not follow on the generation before it"):
        read_index(copy)


def test_documents_lose_against_either_of_two_indexes_made_one(runs, tmp_path):
    alone = dedup(tmp_path / "b", [CRAWLS["b"]], f'dedup.index="{tmp_path / "second"}"')
    first = tmp_path / "first"
    shutil.copytree(read_index(runs.folder / "index").generations[0].folder, first / "00001-0123456789abcdef")
    merged = overview.merge(first, tmp_path / "second", tmp_path / "both")
    texts = {name: {row["text"] for row in rows} for name, rows in CRAWLS.items()}
    assert 0 < merged.texts <= len(texts["a"] & texts["b"])
    signed = {text: minhash.signature(text, Dedup()) for text in texts["a"] | texts["b"]}
    similar = {
        row["id"]
        for row, document in zip(alone, CRAWLS["b"], strict=True)
        if row["kept"] and any((signed[document["text"]] == signed[text]).mean() >= 0.75 for text in texts["a"])
    }
    assert 0.8 * len(similar) <= merged.similar <= len(similar)
    rows = dedup(tmp_path / "c", [CRAWLS["c"]], f'dedup.index="{tmp_path / "both"}"')
    assert [*overview.faults(tmp_path / "both")] == []
    kept = [{row["id"] for row in decisions if row["kept"]} for decisions in (runs.added["a"], alone)]
    against = [row for row in rows if row["winner_generation"]]
    assert {(row["kind"], row["winner_generation"]) for row in against} == {
        (kind, generation) for kind in ("url", "exact", "near") for generation in (1, 2)
    }
    assert all(row["winner"] in kept[row["winner_generation"] - 1] for row in against if row["kind"] != "url")
    assert not {row["url"] for row in rows if row["kept"]} & {row["url"] for name in "ab" for row in CRAWLS[name]}
    texts_of = dict(zip((row["id"] for row in rows), (row["text"] for row in CRAWLS["c"]), strict=True))
    assert not {texts_of[row["id"]] for row in rows if row["kept"]} & (texts["a"] | texts["b"])
    with pytest.raises(SettingsError, match="is generation 1 of"):
        overview.merge(first, tmp_path / "both", tmp_path / "again")


def test_the_command_prints_what_an_index_holds(runs, call):
    index = runs.folder / "index"
    printed = call("index", index, "--check")
    assert printed.code == 0
    kept = [sum(row["kept"] for row in rows) for rows in runs.added.values()]
    for number, (name, count) in enumerate(zip("abc", kept, strict=True), start=1):
        assert f"generation {number}: {count} of {COUNT} documents kept ({name} {count})" in printed.out
    assert 'normalise = "text-1", rows = 8, shingle = 5, similarity = 0.75, url = true' in printed.out
    table = json.loads(call("index", index, "--json").out)
    assert [row["kept"] for row in table["generations"]] == kept
    assert sum(row["bytes"] for row in table["generations"]) == sum(
        path.stat().st_size for path in index.rglob("*.parquet")
    )


def test_the_command_says_what_is_wrong(runs, call, tmp_path):
    index = shutil.copytree(runs.folder / "index", tmp_path / "index")
    documents = read_index(index).generations[0].folder / "documents-00000.parquet"
    content = bytearray(documents.read_bytes())
    content[100] ^= 1
    documents.write_bytes(content)
    printed = call("index", index, "--check")
    assert (printed.code, f"{documents}: another sha256 than recorded" in printed.out) == (1, True)
    for words, message in (
        ((index, runs.folder / "index"), "give all three"),
        ((tmp_path,), "not an index of dedup"),
        ((index, runs.folder / "index", "-o", tmp_path / "both"), "is generation 1 of"),
        ((index, runs.folder / "index", "-o", index / "both"), "lies in the input"),
    ):
        refused = call("index", *words)
        assert (refused.code, message in refused.error, refused.error.count("\n")) == (2, True, 0)
