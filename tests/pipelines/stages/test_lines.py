"""The stage lines: what others have too is cut, by any files and workers alike; nothing else of a text changes."""

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.errors import SettingsError
from curate.inspection import history, report, verify
from curate.pipelines import run, verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.stages import estimate
from curate.recipe import from_table
from curate.settings import Where

pytestmark = pytest.mark.processes
NAMES = ("Anna", "Boris", "Clara", "Daoud", "Erika", "Femi", "Goran", "Hanna", "Imani", "Jonas")
NOTICE = "Our shop ships on Mondays. Parcels take two days. Write to us with questions."


def prose(seed: object, sentences: int = 8) -> str:
    draws = random.Random(f"prose {seed}")
    return " ".join(
        f"{draws.choice(NAMES)} walked {draws.randrange(1, 10**6)} steps to the harbour." for _ in range(sentences)
    )


def corpus() -> list[dict]:
    """A shop with a menu on every page, a notice on pages of two hosts, a page that quotes another, pages apart."""
    shop = [
        {"url": f"http://shop.example/{number}", "text": f"Home\n\n{prose(number)}\n\n{NOTICE}\n\nAll rights reserved"}
        for number in range(12)
    ]
    quoting = {"url": "http://news.example/quote", "text": f"{prose('own')}\n\n{prose(3)}\n\n{prose('more')}"}
    empty = {"url": "http://copy.example/4", "text": f"{prose(4)}\nShort."}
    apart = [
        {"url": f"http://site{number}.example/", "text": f"Home\n\n{prose(('apart', number))}"} for number in range(6)
    ]
    return [*shop, quoting, empty, *apart]


def write(folder: Path, files: list[list[dict]]) -> tuple[str, ...]:
    folder.mkdir(parents=True)
    for number, rows in enumerate(files):
        (folder / f"in-{number:02d}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tuple(str(path) for path in sorted(folder.glob("*.jsonl")))


def cut(folder: Path, files: list[list[dict]], *settings: str, workers: int = 1) -> dict[str, str]:
    """The texts that remain, by address."""
    engine = Engine(target=EngineOptions(workers=workers))
    record = verbs.run("lines", write(folder / "in", files), folder / "out", None, settings, engine, "web")
    assert record.counts.read == record.counts.kept + record.counts.rejected == sum(map(len, files))
    assert [*verify.faults(folder / "out")] == []
    rows = [row for part in (folder / "out").glob("part-*.parquet") for row in pq.read_table(part).to_pylist()]
    assert record.counts.bytes_kept == sum(len(row["text"].encode()) for row in rows)
    return {row["url"]: row["text"] for row in rows}


BOTH = ("lines.furniture=true", "lines.host_documents=5", "lines.substrings=true", "lines.tokens=20")


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> dict[str, str]:
    return cut(tmp_path_factory.mktemp("reference"), [corpus()], *BOTH)


def test_furniture_goes_from_every_page_of_its_host_and_from_no_other(reference):
    assert all("Home" not in text and "rights" not in text for url, text in reference.items() if "shop" in url)
    for number in range(6):
        url = f"http://site{number}.example/"
        assert reference[url] == {row["url"]: row["text"] for row in corpus()}[url]


def test_a_span_stays_in_one_document(tmp_path):
    texts = cut(tmp_path, [corpus()])
    for span in (NOTICE, prose(3), prose(4)):
        assert sum(span in text for text in texts.values()) == 1
    assert all(prose(number).split(".")[0] in "\n".join(texts.values()) for number in range(12))


def test_a_document_that_stands_twice_is_cut_alike_both_times(tmp_path):
    texts = cut(tmp_path, [corpus(), corpus()[2:9]])  # verify finds no id of two texts
    assert all(prose(number) in texts[f"http://shop.example/{number}"] for number in (5, 6, 7))


def test_a_passage_is_cut_word_for_word_where_its_sentences_are_others(tmp_path):
    passage = " ".join(f"word{number}" for number in range(60))
    own = [f"{prose(('own', number), 12)} He wrote {passage} on day {number}." for number in range(3)]
    rows = [{"url": f"http://site{number}.example/", "text": text} for number, text in enumerate(own)]
    assert [*cut(tmp_path / "spans", [rows]).values()] == own
    texts = cut(tmp_path / "passages", [rows], "lines.spans=false", "lines.substrings=true")
    assert sum(text in own for text in texts.values()) == 1
    shared = f"steps to the harbour. He wrote {passage} on day "  # the words around the passage are the same too
    for number, text in enumerate(own):
        assert texts[f"http://site{number}.example/"] in (text, text.replace(shared, ""))


def test_a_document_of_which_too_little_is_left_is_rejected_with_the_number(tmp_path):
    texts = cut(tmp_path, [corpus()])
    copies = {"http://copy.example/4", "http://shop.example/4"}
    (url,) = copies - texts.keys()
    (row,) = history.of(tmp_path / "out", url)
    assert (row["reason"], row["threshold"]) == ("lines.min_chars", 200)
    assert 0 < row["value"] < 200


@pytest.mark.parametrize("seed", range(2))
def test_what_is_cut_depends_neither_on_files_nor_on_workers(seed, reference, tmp_path):
    rows = corpus()
    random.Random(seed).shuffle(rows)
    files = [rows[start :: 2 + seed] for start in range(2 + seed)]
    assert cut(tmp_path, files, *BOTH, workers=1 + seed) == reference


def test_a_recipe_with_the_table_cuts_behind_dedup_and_its_shards_hold_what_is_left(tmp_path):
    rows = corpus()
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    table = {
        "name": "cutting",
        "filter": {"rules": []},
        "dedup": {"near": False},
        "lines": {"furniture": True, "host_documents": 5, "substrings": True},
        "sources": {"web": {"inputs": [str(tmp_path / "in.jsonl")]}},
    }
    recipe = from_table(table, Where("test", ""))
    records = run.run(recipe, tmp_path / "out", Engine(target=EngineOptions(workers=1)))
    assert [*records] == ["extract", "filter", "dedup", "lines", "tokenize", "pack"]
    assert records["lines"].counts.read == records["dedup"].counts.kept == len(rows)
    assert records["lines"].counts.bytes_kept < records["lines"].counts.bytes_read
    assert records["tokenize"].counts.bytes_read == records["lines"].counts.bytes_kept
    assert [*verify.faults(tmp_path / "out")] == []
    (seen,) = (row for row in history.of(tmp_path / "out", "http://shop.example/7") if row["stage"] == "lines")
    assert seen["characters"] < seen["characters_before"] == len(rows[7]["text"])
    assert seen["changed"].startswith("Home")
    assert "characters became" in history.line(seen)
    assert_cuts_are_what_is_gone(tmp_path / "out", {row["url"]: row["text"] for row in rows})
    rejected = [
        row
        for row in rows
        if any(
            seen["stage"] == "lines" and seen["verdict"] == "rejected"
            for seen in history.of(tmp_path / "out", row["url"])
        )
    ]
    assert len(rejected) == records["lines"].counts.rejected >= 1
    report.write(tmp_path / "out")
    assert "lines.min_chars" in (tmp_path / "out" / "report.html").read_text()
    one_job = tmp_path / "one-job"
    run.run_as_one_job(recipe, one_job, Engine(target=EngineOptions(workers=1)))
    for name in ("lines/part-00000.parquet", "lines/rejected-00000.parquet", "lines/cut-00000.parquet"):
        assert (one_job / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def assert_cuts_are_what_is_gone(out: Path, text_of: dict[str, str]) -> None:
    """The words of a kept document are those before without what its cuts name; a rejected one has its cuts too."""
    left = {row["url"]: row["text"] for row in pq.read_table(out / "lines" / "part-00000.parquet").to_pylist()}
    rules = set()
    for url, text in text_of.items():
        [row] = (row for row in history.of(out, url) if row["stage"] == "lines")
        cuts = row.get("cuts", [])
        rules |= {cut["rule"] for cut in cuts}
        assert [cut["text"] for cut in cuts] == [text[cut["start"] : cut["stop"]] for cut in cuts]
        gone = {place for cut in cuts for place in range(cut["start"], cut["stop"])}
        rest = "".join(letter for place, letter in enumerate(text) if place not in gone)
        assert rest.split() == left.get(url, rest).split()
        assert url in left or cuts
    assert rules >= {"lines.furniture", "lines.spans"}


def test_settings_that_would_do_nothing_are_refused(tmp_path):
    for setting, message in (
        ("lines.spans=false", "nothing to do"),
        ("lines.tokens=9", "tokens is at least 10"),
        ("lines.sentences=0", "sentences is at least 1"),
        ("lines.host_share=0.0", "host_share lies in"),
        ("lines.min_chars=0", "min_chars is at least 1"),
    ):
        with pytest.raises(SettingsError, match=message):
            cut(tmp_path / setting, [corpus()], setting)


def test_more_than_fits_into_memory_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setenv(estimate.VARIABLE, "100000000")
    with pytest.raises(SettingsError, match=r"lines of 0\.00 GB of text takes about .* --runner spark"):
        cut(tmp_path, [corpus()])
    assert not [*(tmp_path / "out").glob("part-*")]
