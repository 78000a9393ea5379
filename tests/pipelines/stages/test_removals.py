"""The record of what dedup removed: its sample is judged by the texts, and it is there whenever the stage is done."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.dedup import minhash
from curate.inspection import history, report
from curate.intervals import share
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.stage.record import StageRecord
from curate.storage.writing import sealed, unsealed

pytestmark = pytest.mark.processes

LIMIT = 0.9


def rows() -> list[dict]:
    """Sixty windows that slide over a text, on two hosts; their similarities lie close together."""
    words = [f"w{number * 7919 % 1009}x{number % 31}" for number in range(4000)]
    texts = [" ".join(words[20 * number : 20 * number + 600]) for number in range(60)]
    hosts = ["www.one.example", "two.example", "one.example"]
    return [{"url": f"http://{hosts[number % 3]}/{number}", "text": text} for number, text in enumerate(texts)]


def dedup(folder: Path, files: list[list[dict]]) -> StageRecord:
    folder.mkdir()
    for number, own in enumerate(files):
        (folder / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own))
    return decided(folder)


def decided(folder: Path) -> StageRecord:
    names = tuple(str(path) for path in sorted(folder.glob("*.jsonl")))
    settings = (f"dedup.similarity={LIMIT}", "dedup.verify=signature")
    return verbs.run("dedup", names, folder / "out", None, settings, Engine(target=EngineOptions(workers=1)), "web")


def removals(folder: Path) -> dict:
    return unsealed((folder / "out" / "removals.json").read_bytes())


def decisions(folder: Path) -> list[dict]:
    return [row for part in sorted((folder / "out").glob("part-*.parquet")) for row in pq.read_table(part).to_pylist()]


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("removals") / "in"
    dedup(folder, [rows()[:25], rows()[25:]])
    return folder


def test_the_sample_is_judged_by_the_texts_where_the_estimate_has_erred(out):
    text_of = {row["url"]: row["text"] for row in rows()}
    url_of = {row["id"]: row["url"] for row in decisions(out)}
    similarities = []
    for row in decisions(out):
        if row["kind"] == "near":
            pair = ({*minhash.shingles(text_of[url_of[name]], 5).tolist()} for name in (row["id"], row["winner"]))
            one, other = pair
            similarities.append(len(one & other) / len(one | other))
    right = share(sum(value >= LIMIT for value in similarities), len(similarities))
    record = removals(out)
    assert 0 < right.number < right.of
    assert record["sample"] == {name: getattr(right, name) for name in ("number", "of", "share", "low", "high")}
    assert (record["near"], record["without_winner"]) == (right.of, 0)
    assert [pair["right"] for pair in record["pairs"]] == sorted(pair["right"] for pair in record["pairs"])
    assert {pair["similarity"] for pair in record["pairs"]} <= {*similarities}


def test_hosts_are_counted_without_www(out):
    lost = [row["url"].split("/")[2].removeprefix("www.") for row in decisions(out) if not row["kept"]]
    worst = sorted(((lost.count(host), host) for host in {*lost}), reverse=True)
    assert [(row["removed"], row["host"]) for row in removals(out)["hosts"]] == worst
    assert {row["host"]: row["read"] for row in removals(out)["hosts"]} == {"one.example": 40, "two.example": 20}


def test_the_sample_does_not_depend_on_how_documents_lie_in_files(out, tmp_path):
    dedup(tmp_path / "other", [rows()[40:], rows()[:7], rows()[7:40]])

    def without_places(record: dict) -> dict:
        pairs = [{name: pair[name] for name in pair if "place" not in name} for pair in record["pairs"]]
        return {**record, "pairs": pairs, "key": ""}

    assert without_places(removals(tmp_path / "other")) == without_places(removals(out))


def test_the_record_of_another_plan_is_replaced_where_only_it_is_lacking(out, tmp_path):
    shutil.copytree(out, tmp_path / "in")
    path = tmp_path / "in" / "out" / "removals.json"
    right = path.read_bytes()
    path.write_bytes(sealed({**unsealed(right), "key": "of another", "near": 7}))
    (path.parent / "stage.json").unlink()
    assert "removals.json" in decided(tmp_path / "in").outputs
    assert path.read_bytes() == right


def test_why_shows_how_a_removed_document_differs_and_the_report_has_pairs_of_the_sample(out, call):
    text_of = {row["url"]: row["text"] for row in rows()}
    lost = next(row for row in decisions(out) if row["kind"] == "near")
    winner = next(row["url"] for row in decisions(out) if row["id"] == lost["winner"])
    answer = history.of(out / "out", lost["url"])[-1]
    pieces = [piece for passage in answer["differences"] for piece in passage]
    assert answer["kept_url"] == winner
    assert {mark for mark, _ in pieces} >= {"-", "+"}
    for mark, text in pieces:
        assert mark not in "=-" or text in text_of[lost["url"]] + " "
        assert mark not in "=+" or text in text_of[winner] + " "
    lines = call("why", out / "out", lost["url"]).out.splitlines()
    assert [line for line in lines if "[-" in line and winner in line]
    page = report.write(out / "out").read_text()
    assert page.count("<summary>near duplicate, similarity") == report.PAIRS
    assert page.count("<del>") > report.PAIRS
    assert page.count("<ins>") > report.PAIRS
