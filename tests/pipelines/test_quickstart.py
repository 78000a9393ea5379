"""The demo is a test that can fail: what happens to every page of the mini-web is known beforehand."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.tokens import bpe

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def finished(quickstart) -> Path:
    return quickstart


@pytest.fixture(scope="module")
def fate(finished) -> dict[str, str]:
    """Per URL the stage that rejected it, or "kept"."""
    fates = {}
    for stage in ("extract", "filter", "dedup", "score"):
        for path in sorted((finished / stage).glob("rejected-*.parquet")):
            fates |= {row["url"]: f"{stage} {row['reason']}" for row in pq.read_table(path).to_pylist()}
    for path in finished.glob("shards/*/*/*.meta.parquet"):
        fates |= {row["url"]: "kept" for row in pq.read_table(path).to_pylist()}
    return fates


def test_every_page_of_the_mini_web_ends_as_its_truth_says(finished, fate):
    truth = [json.loads(line) for line in (finished / "miniweb" / "truth.jsonl").read_text().splitlines()]
    assert len(truth) >= 150
    assert {row["url"] for row in truth} == fate.keys()
    wrong = []
    for row in truth:
        kept = fate[row["url"]] == "kept"
        right = row["expect"] == "either" or kept == (row["expect"] == "keep")
        if right and row["stage"] and not kept and row["expect"] == "reject":
            right = fate[row["url"]].startswith(row["stage"])
        if not right:
            wrong.append((row["url"], row["expect"], row["why"], fate[row["url"]]))
    assert wrong == []


def test_verify_finds_no_fault_and_inspect_prints_the_same_numbers(call, finished, fate):
    assert call("verify", finished).code == 0
    summary = json.loads(call("inspect", finished, "--json").out)
    extract, pack = summary["stages"][0], summary["stages"][-1]
    assert extract["read"] == len(fate)
    assert pack["kept"] == sum(1 for end in fate.values() if end == "kept")
    assert [source["name"] for source in summary["sources"]] == ["articles", "web"]
    near = sum(1 for end in fate.values() if end == "dedup dedup.near")
    assert {summary["removals"]["near"], summary["removals"]["sample"]["number"]} == {near}
    printed = call("inspect", finished).out
    assert f"dedup.near: of {near} removals {near} were drawn and judged anew by their texts" in printed
    assert "hosts that lost most documents to dedup" in printed


def test_why_tells_a_documents_stages_and_its_place_in_a_shard(call, finished, fate):
    url = next(url for url, end in sorted(fate.items()) if end == "kept")
    rows = json.loads(call("why", finished, url, "--json").out)
    assert [row["stage"] for row in rows] == ["extract", "filter", "dedup", "score", "tokenize", "pack"]
    place = rows[-1]
    assert place["cluster_size"] == rows[2]["cluster_size"] == rows[3]["cluster_size"] >= 1
    shard = finished / "shards" / place["file"].removeprefix("shards/").replace(".meta.parquet", ".bin")
    ids = np.memmap(shard, dtype="<u2", mode="r")[place["offset"] : place["offset"] + place["tokens"]]
    parts = sorted((finished / "score").glob("part-*.parquet"))
    text = pq.read_table(parts, filters=[("url", "==", url)])["text"][0].as_py()
    assert bpe.decode(ids[:-1].tolist()) == text
    url = next(url for url, end in sorted(fate.items()) if end.startswith("score"))
    answer = call("why", finished, url)
    assert "score.threshold" in answer.out


def test_the_report_is_one_file_that_asks_nothing_of_the_network(finished):
    page = (finished / "report.html").read_text()
    assert "Funnel" in page
    assert "gopher_quality.stop_words" in page
    assert "near removals" in page
    assert "host that lost most documents" in page
    assert "<script" not in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_a_browser_shows_the_funnel_and_the_documents(finished, fate, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no chromium here: apt-get install chromium")
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options = [
        *quiet.split(),
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path}",
        "--dump-dom",
    ]
    shown = subprocess.run([browser, *options, f"file://{finished / 'report.html'}"], capture_output=True, text=True)
    stages = re.findall(r'<tr class="stage"><td>(\w+)</td>', shown.stdout)
    assert stages == ["extract", "filter", "dedup", "score", "tokenize", "pack"]
    assert sum(url in shown.stdout for url, end in fate.items() if end == "kept") >= 5


def test_markup_in_a_title_or_text_does_not_become_markup_of_the_report(call, tmp_path):
    hostile = "<script>alert(1)</script> the man and the dog have been with us of late."
    texts = [f"{hostile} {number} {'word and the other of it. ' * 3}" for number in range(3)]
    rows = [{"text": text, "url": f"http://x.example/{number}"} for number, text in enumerate(texts)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[sources.own]\ninputs = ["in.jsonl"]\n[filter]\nrules = ["gopher_quality"]\n'
        "[filter.gopher_quality]\nmin_words = 5\n[dedup]\nnear = false\n[pack]\nvalid_fraction = 0\n"
    )
    done = call("run", tmp_path / "own.toml", "-o", tmp_path / "out")
    assert done.code == 0, done.err
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_trace_leads_from_a_token_to_the_document_that_holds_it(call, finished):
    shard = next(finished.glob("shards/train/web/*.meta.parquet"))
    meta = pq.read_table(shard).to_pylist()
    name = str(shard.relative_to(finished)).removesuffix(".meta.parquet")
    for row in meta[:2] + meta[-1:]:
        for token in (row["offset"], row["offset"] + row["tokens"] - 1):
            rows = json.loads(call("trace", finished, "--shard", name, "--token", token, "--json").out)
            assert {step["id"] for step in rows} == {row["id"].hex()}
            assert rows[0]["stage"] == "extract"
    end = meta[-1]["offset"] + meta[-1]["tokens"]
    assert f"tokens are 0 to {end - 1}" in call("trace", finished, "--shard", name, "--token", end).error
