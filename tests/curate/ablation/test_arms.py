"""Arms that a recipe makes of pages, and documents as they are; a judge by the recipe of an arm; equal tokens."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from archives import by_warcio, response

pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")

from curate.ablation import arms, judges, run
from curate.ablation.config import Ablation, load
from curate.errors import SettingsError
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions

RAW = [
    'extract.extractor="visible"',
    "extract.language_gate=0",
    "filter.rules=[]",
    "dedup.exact=false",
    "dedup.near=false",
    "pack.valid_fraction=0.0",
]
SETTINGS = """seeds = [0]
[train]
context = 16
batch = 2
[arms.raw]
recipe = "webtext"
inputs = ["train.warc.gz"]
set = {raw}
[arms.theirs]
documents = ["theirs.jsonl.gz"]
[judges.raw]
arm = "raw"
inputs = ["unseen.warc.gz"]
least_documents = 1
least_bytes = 10
"""


def page(number: int) -> bytes:
    prose = " ".join(f"The {word}{number} of the harbour is as old as the light." for word in ("boat", "rope", "bell"))
    menu = "<nav><ul><li>Home</li><li>About</li></ul></nav>"
    return f"<html><body>{menu}<article><h1>Page {number}</h1><p>{prose}</p></article></body></html>".encode()


def warc(path: Path, hosts: dict[str, range]) -> None:
    pages = [response(f"http://{host}/{number}", page(number)) for host, own in hosts.items() for number in own]
    path.write_bytes(by_warcio(*pages))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> run.Prepared:
    """Pages of two hosts, and of a third that the judge alone has; equal documents, and empty lines of a crawl."""
    folder = tmp_path_factory.mktemp("arms")
    warc(folder / "train.warc.gz", {"a.test": range(6), "b.test": range(6, 9)})
    warc(folder / "unseen.warc.gz", {"www.b.test": range(9, 11), "c.test": range(11, 15), "d.test": range(2)})
    import gzip

    rows = [{"text": "x y z"}] * 3 + [{"text": f"Noise {number} " * 8, "url": "http://e.test/"} for number in range(9)]
    (folder / "theirs.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    (folder / "arms.toml").write_text(SETTINGS.format(raw=json.dumps(RAW)))
    ablation = load(folder / "arms.toml", ("baseline=raw",))
    return run.prepare(ablation, folder / "out", Engine(target=EngineOptions(workers=1)), replacing=False)


@pytest.mark.processes
def test_a_raw_arm_has_all_pages_with_their_menus(prepared):
    texts = [document.text for document in prepared.data["raw"].texts()]
    assert len(texts) == prepared.data["raw"].documents == 9
    assert all(text.startswith("- Home\n- About\n\nPage ") for text in texts)


@pytest.mark.processes
def test_documents_are_taken_as_they_are(prepared):
    texts = sorted(document.text for document in prepared.data["theirs"].texts())
    assert texts == sorted(["x y z"] * 3 + [f"Noise {number} " * 8 for number in range(9)])


@pytest.mark.processes
def test_a_judge_of_pages_keeps_those_of_hosts_and_texts_that_no_arm_has(prepared):
    fixed = prepared.judges["raw"]
    assert (fixed.documents, fixed.left_out) == (4, {"host": 2, "words": 2, "limit": 0, "unread": 0})
    rows = [json.loads(line) for line in fixed.file(prepared.runs[0].manifest.parents[2]).read_text().splitlines()]
    assert sorted(row["text"].split("\n")[3] for row in rows) == [f"Page {number}" for number in range(11, 15)]
    assert {row["host"] for row in rows} == {"c.test"}


@pytest.mark.processes
def test_all_runs_have_as_many_tokens_as_the_smallest_arm_in_whole_steps(prepared):
    step = 2 * 16
    there = {name: arms.tokens_at(prepared.ablation, own, 1.0) for name, own in prepared.data.items()}
    tokens = {one.settings.tokens for one in prepared.runs}
    assert tokens == {min(there.values()) // step * step}
    for name, own in prepared.data.items():
        assert own.tokens - 16 < there[name] + 16 <= own.tokens + 16
    twice = replace(prepared.ablation, epochs=2.0)
    assert arms.tokens_of(twice, prepared.data) == 2 * min(there.values()) // step * step


@pytest.mark.processes
def test_a_judge_without_limits_can_be_cut_by_documents_and_by_bytes(prepared):
    texts = [judges.Text(text=f"{number} " * 10) for number in range(10)]
    judge = prepared.ablation.judges["raw"]
    few = judges.drawn_within(texts, replace(judge, limit=3))
    assert len(few) == 3
    assert {text.text for text in few} < {text.text for text in judges.drawn_within(texts, replace(judge, limit=5))}
    assert sum(len(text.text) for text in judges.drawn_within(texts, replace(judge, limit_bytes=75))) == 60


def ablation_of(manifest: Path, *others: Path) -> Ablation:
    from curate.ablation.config import Arm, Judge

    made = {f"arm{number}": Arm(manifest=str(path)) for number, path in enumerate((manifest, *others))}
    return Ablation(name="x", arms=made, judges={"text": Judge(documents=("a",))}, baseline="arm0")


def test_a_source_is_seen_no_more_often_than_stated(several_shards):
    """Its books have three times the weight of its pages, and hardly more text."""
    ablation = ablation_of(several_shards, several_shards)
    data = {name: arms.data_of(name, arm, Path()) for name, arm in ablation.arms.items()}
    settings = ablation.train
    small = replace(ablation, train=replace(settings, context=8, batch=2))
    from curate.loader import Loader

    tokens = arms.tokens_of(small, data)
    loader = Loader(several_shards / "manifest.json", context=8, batch=2, seed=0)
    assert 0.8 < max(seen.epochs for seen in loader.seen(tokens // 8)) <= 1
    with pytest.raises(
        SettingsError, match=r"arm arm0: .* tokens are more than it has in 1 epochs .*; lower tokens to"
    ):
        arms.tokens_of(replace(small, tokens=tokens + 16), data)
