"""Signals beside documents, all reasons, and limits that are applied again: what a full run of them would write."""

import json

import pyarrow.parquet as pq
import pytest

from curate.errors import SettingsError
from curate.inspection.verify import faults
from curate.pipelines import reapply, verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.stage.record import read_stage

ENGINE = Engine(target=EngineOptions(workers=1))
RULES = (
    "url",
    "language",
    "gopher_quality",
    "gopher_repetition",
    "fineweb",
    "compression",
    "characters",
)
CHOSEN = (f"filter.rules={json.dumps(RULES)}", "filter.gopher_quality.min_words=10", "filter.signals=true")
PROSE = "The ferry left the old harbor at noon, and nobody on the deck said a word to the captain of the ship."
LETTER = """We reached the village before the rain, although two of the mules had lost their shoes on the rocky path.
My host, a retired schoolmaster, gave us bread, olives and a soup of beans that I will not forget.
After supper he showed me a map which his grandfather had drawn: every spring, chapel and ruined mill stood there.
Some of these places nobody visits any longer; others became pasture when the young families moved to the coast.
I asked him why he never published it, and he laughed.
"Who would buy a map of things that have gone?" he said, folding the sheet along its worn creases.
On the next morning we climbed to the pass with a shepherd called Matteo, whose dog herded us as if we were sheep.
Clouds hid the summit until noon. Then, quite suddenly, the whole valley lay open beneath our boots."""
TEXTS = (
    LETTER,
    "\n".join(f"{PROSE} {number}" for number in range(9)),
    "Home | About | Contact",
    "Der Leuchtturm steht am Meer, und das Wasser ist kalt und klar wie im Winter.\n" * 3,
    PROSE,
    "\n".join(["Menu", "Log in", "Cart", *[PROSE, "It was warm. " * 9]]),
    "# # # ... ... ... 1 2 3 4 5 6 7 8 9 10 11 12",
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signals")
    rows = [{"text": text, "url": f"http://a.example/{number}"} for number, text in enumerate(TEXTS)]
    rows.insert(3, {"url": "http://a.example/none", "text": None})
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return (str(folder / "in.jsonl"),)


@pytest.fixture(scope="module")
def measured(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured") / "out"
    verbs.run("filter", inputs, folder, None, CHOSEN, ENGINE, "web")
    return folder


def table(folder, kind):
    return pq.read_table(folder / f"{kind}-00000.parquet")


def parts(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


def test_kept_and_rejected_documents_carry_what_every_rule_measures(measured):
    kept, rejected = table(measured, "part"), table(measured, "rejected")
    assert len(kept) == 2
    assert len(rejected) == len(TEXTS) - 1
    names = {"gopher_quality.stop_words", "gopher_repetition.top_2_gram", "fineweb.newlines", "language.score"}
    assert names | {"compression.repetitive", "characters.special"} <= {*kept.column_names}
    assert [name for name in rejected.column_names if "." in name] == [n for n in kept.column_names if "." in n]
    row = next(row for row in rejected.to_pylist() if row["reason"] == "language.other")
    assert row["language.code"] == "de"
    assert row["gopher_quality.too_few_words"] == len(TEXTS[3].split())
    assert not [*faults(measured)]


def test_signals_change_no_verdict(measured, inputs, tmp_path):
    verbs.run("filter", inputs, tmp_path / "out", None, CHOSEN[:2], ENGINE, "web")
    for kind in ("part", "rejected"):
        plain = table(tmp_path / "out", kind)
        assert table(measured, kind).select(plain.column_names).equals(plain)
        assert not [name for name in plain.column_names if "." in name]
    assert read_stage(tmp_path / "out").counts == read_stage(measured).counts


def test_limits_that_are_applied_again_write_the_bytes_of_a_full_run(measured, inputs, tmp_path):
    changed = ("filter.gopher_quality.min_words=30", "filter.language.allowed=['en', 'de']", "filter.all_reasons=true")
    full = verbs.run("filter", inputs, tmp_path / "full", None, (*CHOSEN, *changed), ENGINE, "web")
    again = reapply.run((str(measured),), tmp_path / "again", None, changed, ENGINE)
    assert parts(tmp_path / "again") == parts(tmp_path / "full")
    assert (again.key, again.counts) == (full.key, full.counts)
    assert full.counts.reasons != read_stage(measured).counts.reasons


def test_every_rule_that_would_reject_stands_in_the_row_and_in_the_counts(measured, tmp_path, call):
    done = call("filter", measured, "-o", tmp_path / "out", "--reapply", "--all-reasons", "--workers", 1)
    assert done.code == 0, done.err
    counts = read_stage(tmp_path / "out").counts
    rows = table(tmp_path / "out", "rejected").to_pylist()
    assert all(row["reason"] in row["reasons"] for row in rows if row["reasons"])
    names = [name for row in rows for name in row["reasons"] or ()]
    assert counts.notes == {f"all reasons: {name}": names.count(name) for name in sorted({*names})}
    assert counts.reasons == read_stage(measured).counts.reasons
    assert max(len(row["reasons"] or ()) for row in rows) > 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("filter.gopher_quality.stop_words=['und']", "filter.gopher_quality.stop_words = ('und',) where ('the', "),
        ("filter.gopher_quality.variant=dolma", "filter.gopher_quality.variant = 'dolma' where 'paper' was measured"),
        ("filter.compression.min_chars=1", "filter.compression.min_chars = 1 where 500 was measured"),
        ("filter.rules=['c4', 'gopher_quality']", "c4 changes texts, and so what is measured of them"),
        ("filter.rules=['a.b:c']", "a.b:c cannot be imported"),
        ("filter.rules=['gopher_quality']", "filter.rules has language in another place, and rules behind it may"),
        ("seed=1", "--set seed=1: --reapply reads filter and score alone"),
    ],
)
def test_what_cannot_be_applied_again_is_refused_in_one_line(measured, tmp_path, call, changed, message):
    done = call("filter", measured, "-o", tmp_path / "out", "--reapply", "--set", changed)
    assert done.code == 2
    assert message in done.error
    assert not (tmp_path / "out").exists()


def test_documents_without_signals_are_refused(inputs, tmp_path):
    verbs.run("filter", inputs, tmp_path / "plain", None, CHOSEN[1:2], ENGINE, "web")
    with pytest.raises(SettingsError, match=r"--reapply: the documents were filtered without filter\.signals = true"):
        reapply.run((str(tmp_path / "plain"),), tmp_path / "out", None, (), ENGINE)


def test_the_filter_of_a_source_stays_its_own_where_limits_are_applied_again(inputs, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'name = "own"\n[filter]\nrules = ["language", "gopher_quality"]\nsignals = true\nall_reasons = true\n'
        "per_language = false\n[sources.web]\ninputs = []\n"
        "[sources.web.filter]\nall_reasons = false\nper_language = true\n"
    )
    full = verbs.run("filter", inputs, tmp_path / "full", str(recipe), (), ENGINE, "web")
    again = reapply.run((str(tmp_path / "full"),), tmp_path / "again", None, (), ENGINE)
    assert parts(tmp_path / "again") == parts(tmp_path / "full")
    assert (again.key, again.counts) == (full.key, full.counts)
