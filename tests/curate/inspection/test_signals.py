"""Histograms of signals: all documents are counted, limits have the names of their settings, pages show both kinds."""

import json
import re
import shutil
import subprocess
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import DamageError
from curate.filters.fineweb import FineWeb
from curate.filters.rules import MEASURES, SIGNALS, Filter
from curate.inspection import report, signals
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions

ENGINE = Engine(target=EngineOptions(workers=1))
SENTENCE = "The ferry left the old harbor at noon, and nobody on the deck said a word to the captain of the ship."
TEXTS = [f"{SENTENCE} {number} " * (number % 7 + 1) for number in range(30)] + ["Home | Log in"] * 5 + ["Das Meer."]
SET = ('filter.rules=["gopher_quality", "compression"]', "filter.gopher_quality.min_words=30")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Returns the outputs of a filter with signals, and of one without, with their reports."""
    folder = tmp_path_factory.mktemp("signals")
    (folder / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    for name, more in (("with", ("filter.signals=true",)), ("without", ())):
        verbs.run("filter", (str(folder / "in.jsonl"),), folder / name, None, (*SET, *more), ENGINE, "web")
        report.write(folder / name)
    return folder


def pictures(page):
    """Returns the pictures of a page by the signal that each label names first."""
    elements = [ElementTree.fromstring(text) for text in re.findall(r"<svg .*?</svg>", page, re.DOTALL)]
    return {element.get("aria-label").partition(":")[0]: element for element in elements}


def test_every_document_is_in_a_bin_or_without_a_value_and_limits_have_their_names(folders):
    drawn = signals.histograms(folders / "with")
    rows = {row.signal: row for row in drawn.rows}
    for kind, begin in signals.KINDS.items():
        table = pq.read_table(folders / "with" / f"{begin}-00000.parquet")
        assert drawn.documents[kind] == len(table) > 0
        assert {*rows} == {name for name in table.column_names if "." in name}
        for name, row in rows.items():
            values = table[name].drop_null().to_numpy()
            assert len(table) - len(values) == row.without[kind]
            assert row.counts[kind] == (*np.histogram(values, (-np.inf, *row.edges, np.inf))[0],)
    assert rows["compression.random"].without["rejected"] > 0
    assert rows["gopher_quality.stop_words"].limits == (signals.Limit(name="min_stop_words", value=2),)
    assert rows["gopher_quality.stop_words"].edges == tuple(range(len(rows["gopher_quality.stop_words"].edges)))
    assert [(limit.name, limit.value) for limit in rows["gopher_quality.mean_word_length"].limits] == [
        ("min_mean_word_length", 3),
        ("max_mean_word_length", 10),
    ]
    assert rows["gopher_quality.too_many_words"].is_logarithmic


def test_the_report_draws_both_kinds_and_the_limits_in_words(folders):
    page = (folders / "with" / "report.html").read_text()
    picture = pictures(page)["gopher_quality.too_few_words"]
    assert picture.get("aria-label").endswith(", min_words 30")
    titles = [(bar.get("class"), bar[0].text) for bar in picture.iter("rect")]
    totals = Counter()
    for kind, title in titles:
        number, word = title.rpartition(": ")[2].split()
        assert word == kind
        totals[kind] += int(number)
    assert totals == signals.histograms(folders / "with").documents
    line = next(line for line in picture.iter("line") if line.get("class") == "limit")
    assert line[0].text == "min_words 30"
    assert all(0 <= float(line.get("x1")) <= 460 for drawn in pictures(page).values() for line in drawn.iter("line"))
    for bar in picture.iter("rect"):
        if bar[0].text.startswith("below "):
            assert float(bar.get("x")) + float(bar.get("width")) <= float(line.get("x1"))


def test_a_report_without_signals_shows_nothing_of_them(folders):
    page = (folders / "without" / "report.html").read_text()
    assert signals.histograms(folders / "without") is None
    assert "<svg" not in page
    assert "<h2>Signals" not in page
    assert ".signals" not in page


def test_a_browser_reads_the_histograms(folders, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no chromium here: apt-get install chromium")
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options = [*quiet.split(), "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path}"]
    address = f"file://{folders / 'with' / 'report.html'}"
    shown = subprocess.run([browser, *options, "--dump-dom", address], capture_output=True, text=True)
    assert pictures(shown.stdout).keys() == {row.signal for row in signals.histograms(folders / "with").rows}


def test_a_damaged_part_is_an_error_of_one_line(folders, tmp_path):
    copy = shutil.copytree(folders / "with", tmp_path / "copy")
    for name in ("part-00000.parquet", "rejected-00000.parquet"):
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
        with pytest.raises(DamageError, match=f"{name}: its content is not what its receipt states"):
            signals.histograms(copy)
        (copy / name).write_bytes(content)


def test_limits_name_settings_of_every_rule_and_the_sources_that_differ():
    rules = (*MEASURES, *SIGNALS, "language")
    limits = signals.limits_of({"web": Filter(rules=rules, signals=True)})
    names = {limit.name for bounds in limits.values() for limit in bounds}
    assert {"min_stop_words", "max_top_ngram_chars", "max_ratio", "max_chars", "max_removed_words"} <= names
    assert names - {"at least"} <= {name for name in names if name.startswith(("min_", "max_"))}
    assert "fineweb.newlines" not in limits
    strict = Filter(rules=("fineweb",), signals=True, fineweb=FineWeb(max_short_lines=0.5))
    pair = {"books": Filter(rules=("fineweb",), signals=True), "web": strict}
    assert signals.limits_of(pair)["fineweb.short_lines"] == (
        signals.Limit(name="max_short_lines of books", value=0.67),
        signals.Limit(name="max_short_lines of web", value=0.5),
    )


@given(
    st.lists(st.floats(allow_nan=True, width=32), max_size=9),
    st.lists(st.floats(-1e6, 1e6), max_size=2),
)
def test_edges_rise_and_the_limits_are_within(values, limits):
    chosen = signals.Range()
    chosen.add(np.array(values, float))
    edges, _ = chosen.edges(limits)
    assert 1 <= len(edges) - 1 <= signals.BINS
    assert np.all(np.diff(edges) > 0)
    assert all(edges[0] <= limit <= edges[-1] for limit in limits)
