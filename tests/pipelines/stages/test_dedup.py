"""Dedup on the in-process runner: who is kept does not depend on files, and every loss has a winner."""

import json
import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.dedup import minhash
from curate.dedup.clusters import components, make_node, node_id, star
from curate.dedup.config import Dedup
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.run import run
from curate.recipe import from_table
from curate.records import document_id
from curate.settings import Where

pytestmark = pytest.mark.processes

WORDS = [f"{first}{last}" for first in ("ba", "do", "ki", "lu", "me", "no", "ra", "su") for last in "bdfgklmnprst"]


def prose(seed: int, words: int = 120) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def edited(text: str, seed: int, edits: int) -> str:
    words = text.split()
    for place in random.Random(f"edit {seed}").sample(range(len(words)), edits):
        words[place] = f"edit{seed}x{place}"
    return " ".join(words)


def corpus() -> list[dict]:
    """Twelve clusters: exact copies, near copies, chains of small edits; and texts like no other."""
    texts = []
    for cluster in range(12):
        text = prose(cluster)
        texts.append(text)
        for copy in range(cluster % 4):
            if cluster % 3 == 0:
                texts.append(text.upper() if copy else f"  {text}\n")
            elif cluster % 3 == 1:
                texts.append(edited(text, copy, 2))
            else:
                text = edited(text, copy, 3)
                texts.append(text)
    texts += [prose(1000 + single) for single in range(20)]
    texts += ["two words", "two words", "other words"]
    return [{"url": f"http://site.example/{number}", "text": text} for number, text in enumerate(texts)]


def write(folder: Path, files: list[list[dict]]) -> list[str]:
    folder.mkdir(parents=True)
    for number, rows in enumerate(files):
        (folder / f"in-{number:02d}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [str(path) for path in sorted(folder.glob("*.jsonl"))]


def dedup(folder: Path, files: list[list[dict]], *settings: str) -> list[dict]:
    """The decisions over these files, in order."""
    names = write(folder / "in", files)
    record = verbs.run(
        "dedup", tuple(names), folder / "out", None, settings, Engine(target=EngineOptions(workers=1)), "web"
    )
    assert record.counts.read == record.counts.kept + record.counts.rejected
    parts = sorted((folder / "out").glob("part-*.parquet"))
    assert len(parts) == len(files)
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def kept(decisions: list[dict]) -> set[str]:
    return {row["url"] for row in decisions if row["kept"]}


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> list[dict]:
    return dedup(tmp_path_factory.mktemp("reference"), [corpus()])


@pytest.mark.parametrize("seed", range(4))
def test_who_is_kept_does_not_depend_on_how_documents_lie_in_files(seed, reference, tmp_path):
    rows = corpus()
    random.Random(seed).shuffle(rows)
    files: list[list[dict]] = [[] for _ in range(1 + 2 * seed)]
    for row in rows:
        files[random.Random(row["url"] + str(seed)).randrange(len(files))].append(row)
    decisions = dedup(tmp_path, files)
    assert kept(decisions) == kept(reference)
    similarity = {row["url"]: (row["kind"], row["winner"], row["similarity"]) for row in reference}
    assert {row["url"]: (row["kind"], row["winner"], row["similarity"]) for row in decisions} == similarity


def test_decisions_are_those_of_a_plain_loop_over_the_clusters_of_union_find(reference):
    settings, rows = Dedup(), corpus()
    texts, ids = [row["text"] for row in rows], [row["id"] for row in reference]
    nodes = [make_node(0, identity, 0, row) for row, identity in enumerate(ids)]
    sets = {node: {*minhash.shingles(text, settings.shingle).tolist()} for node, text in zip(nodes, texts, strict=True)}
    values = {node: minhash.signature(text, settings) for node, text in zip(nodes, texts, strict=True)}
    buckets: dict[bytes, list[bytes]] = {}
    for node in nodes:
        for key in minhash.band_keys(values[node], settings) if values[node] is not None else ():
            buckets.setdefault(key, []).append(node)
    same = {node: minhash.text_hash(text) for node, text in zip(nodes, texts, strict=True)}
    edges = [
        edge
        for bucket in buckets.values()
        for edge in star(bucket)
        if np.mean(values[edge[0]] == values[edge[1]]) >= settings.linking
    ]
    edges += [(one, other) for one in nodes for other in nodes if one < other and same[one] == same[other]]
    label, kept, lost = components(edges), set(), {}
    for node in sorted(nodes):
        similar = [
            other
            for other in sorted(kept)
            if label.get(other, other) == label.get(node, node)
            and (same[other] == same[node] or jaccard(sets[other], sets[node]) >= settings.similarity)
        ]
        if similar:
            lost[node_id(node)] = node_id(similar[0])
        else:
            kept.add(node)
    assert {row["id"]: row["winner"] for row in reference if not row["kept"]} == lost
    assert lost
    assert kept_sizes(reference) == {winner: [*lost.values()].count(winner) + 1 for winner in lost.values()}


def jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / max(1, len(one | other))


def kept_sizes(decisions: list[dict]) -> dict[bytes, int]:
    """The sizes of clusters of more than one document, by winner; that of every other kept document is 1."""
    assert all((row["cluster_size"] is None) == (not row["kept"]) for row in decisions)
    return {row["id"]: row["cluster_size"] for row in decisions if row["kept"] and row["cluster_size"] > 1}


def windows() -> list[dict]:
    """Sixty texts of 1,000 words, of which each begins 40 words after the one before."""
    words = prose(7, 4000).split()
    texts = [" ".join(words[40 * number : 40 * number + 1000]) for number in range(60)]
    return [{"url": f"http://slide.example/{number}", "text": text} for number, text in enumerate(texts)]


@pytest.mark.parametrize("limit", [0.7, 0.9])
def test_of_windows_that_slide_over_a_text_none_goes_that_no_kept_one_resembles(limit, tmp_path):
    rows = windows()
    decisions = dedup(tmp_path, [rows[:20], rows[20:]], f"dedup.similarity={limit}")
    assert_each_removal_holds(decisions, {row["url"]: row["text"] for row in rows}, limit)
    assert len(kept(decisions)) < 60


def assert_each_removal_holds(decisions: list[dict], text_of: dict[str, str], limit: float) -> None:
    """The document that a removed one names is kept, and as similar as the decision says."""
    url_of = {row["id"]: row["url"] for row in decisions if row["kept"]}
    for row in decisions:
        if not row["kept"]:
            pair = (minhash.shingles(text_of[url], 5) for url in (row["url"], url_of[row["winner"]]))
            similarity = jaccard(*({*hashes.tolist()} for hashes in pair))
            assert row["similarity"] == pytest.approx(similarity)
            assert similarity >= limit


def test_by_signature_the_estimate_decides(tmp_path):
    rows = windows()
    decisions = dedup(tmp_path, [rows], "dedup.verify=signature")
    places = {row["similarity"] * 112 for row in decisions if not row["kept"]}
    assert places
    assert all(share == pytest.approx(round(share)) and share >= 84 for share in places)


@pytest.mark.parametrize(("keep", "first"), [("longest", 3), ("newest", 2), ("oldest", 0), ("hash", None)])
def test_the_recipe_says_which_of_a_source_is_kept_of_near_and_of_exact_duplicates(keep, first, tmp_path):
    near = [prose(3), prose(3) + " one", prose(3) + " two words", prose(3) + " three words more"]
    exact = [" " * pad + prose(4) for pad in (0, 1, 2, 3)]
    rows = [
        {"url": f"http://{kind}.example/{place}", "text": text, "timestamp": f"2020-01-0{1 + place % 3}T00:00:00Z"}
        for kind, texts in (("near", near), ("exact", exact))
        for place, text in enumerate(texts)
    ]
    decisions = dedup(tmp_path, [rows[::2], rows[1::2]], f'dedup.keep=["{keep}"]')
    least = min(row["id"] for row in decisions if "near" in row["url"])
    winners = [
        row["url"] if first is not None else row["id"] for row in decisions if row["kept"] and "near" in row["url"]
    ]
    assert winners == ([f"http://near.example/{first}"] if first is not None else [least])
    assert sum(row["kept"] for row in decisions) == 2


def test_documents_that_lack_what_they_are_ranked_by_come_last(tmp_path):
    rows = [{"url": f"http://a.example/{number}", "text": prose(3)} for number in range(6)]
    rows[4]["quality"], rows[5]["quality"] = 0.25, 0.75
    decisions = dedup(tmp_path, [rows], 'dedup.keep=["quality", "hash"]')
    assert kept(decisions) == {"http://a.example/5"}
    assert [row["cluster_size"] for row in decisions if row["kept"]] == [6]


def test_exact_and_near_losses_say_so_and_name_a_winner_that_is_kept(reference):
    survivors = {row["id"] for row in reference if row["kept"]}
    lost = [row for row in reference if not row["kept"]]
    assert {row["kind"] for row in lost} == {"exact", "near"}
    assert all(row["winner"] in survivors for row in lost)
    assert all(row["similarity"] == 1.0 for row in lost if row["kind"] == "exact")
    singles = [row for row in reference if row["cluster"] is None]
    assert len(singles) >= 20
    assert all(row["kept"] and row["winner"] is None for row in singles)


def test_a_text_shorter_than_a_shingle_has_exact_duplicates_only(reference):
    short = [row for row, document in zip(reference, corpus(), strict=True) if len(document["text"].split()) == 2]
    assert [row["kind"] for row in short].count("exact") == 1
    assert sum(row["kept"] for row in short) == 2


def test_without_near_only_exact_copies_are_dropped(tmp_path, reference):
    decisions = dedup(tmp_path, [corpus()], "dedup.near=false")
    assert {row["kind"] for row in decisions} == {None, "exact"}
    exact = {row["url"] for row in reference if row["kind"] == "exact"}
    assert exact <= {row["url"] for row in decisions if not row["kept"]}


def test_without_exact_the_same_text_still_meets_in_its_bands(tmp_path, reference):
    decisions = dedup(tmp_path, [corpus()], "dedup.exact=false")
    long = {row["url"] for row in corpus() if len(row["text"].split()) > 2}
    assert kept(decisions) & long == kept(reference) & long


def test_an_empty_file_is_a_part_without_decisions(tmp_path):
    decisions = dedup(tmp_path, [corpus()[:3], [], corpus()[3:6]])
    assert len(decisions) == 6


def test_a_malformed_row_is_counted_once_and_the_rest_is_decided(tmp_path):
    names = write(tmp_path / "in", [corpus()[:4]])
    Path(names[0]).write_text(Path(names[0]).read_text() + '{"no text": 1}\n')
    record = verbs.run(
        "dedup", tuple(names), tmp_path / "out", None, (), Engine(target=EngineOptions(workers=1)), "web"
    )
    imported = json.loads((tmp_path / "out" / "documents" / "stage.json").read_text())
    assert imported["counts"]["read"] == 5
    assert imported["counts"]["rejected"] == 1
    assert record.counts.read == 4


def test_the_earlier_source_wins_whatever_the_ids(tmp_path):
    text = [prose(number) for number in range(12)]
    good = [{"url": f"http://good.example/{number}", "text": passage} for number, passage in enumerate(text)]
    copies = [{"url": f"http://copy.example/{number}", "text": passage} for number, passage in enumerate(text)]
    write(tmp_path / "good", [good])
    write(tmp_path / "copy", [copies])
    for first, second in (("good", "copy"), ("copy", "good")):
        sources = {name: {"inputs": [str(tmp_path / name)]} for name in (first, second)}
        table = {"name": f"{first}-first", "sources": sources, "filter": {"rules": []}, "pack": {"valid_fraction": 0.0}}
        out = tmp_path / f"out-{first}"
        run(from_table(table, Where("test", "")), out, Engine(target=EngineOptions(workers=1)))
        rows = [row for part in sorted((out / "dedup").glob("part-*")) for row in pq.read_table(part).to_pylist()]
        assert {row["url"].split(".")[0] for row in rows if row["kept"]} == {f"http://{first}"}


def test_the_same_capture_read_twice_is_kept_once(tmp_path):
    rows = corpus()[:1]
    decisions = dedup(tmp_path, [rows, rows])
    assert [row["kept"] for row in decisions] == [True, False]
    assert decisions[0]["id"] == decisions[1]["id"] == document_id(rows[0]["url"], None, rows[0]["text"].encode())
