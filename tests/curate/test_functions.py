"""Extractors and scorers of the user's: the examples of the pages as printed, the stages' keys, and what cannot run."""

import importlib
import json
import re
import shlex
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate import functions, recipe
from curate.errors import SettingsError
from curate.extract import sandbox
from curate.pipelines import plans
from curate.pipelines.stages import extract, score
from curate.pipelines.stages.given import Given

ROOT = Path(__file__).parents[2]
SECTIONS = {
    "texts": ("curate/extract/README.md", "An extractor of your own"),
    "scores": ("curate/quality/README.md", "A scorer of your own"),
}
EXTRACTOR, SCORER = "mypackage.texts:paragraphs", "mypackage.scores:commas"
SENTENCE = (
    "The keeper and the children of the village have been to the sea, and they said that it was cold to be there."
)
PAGE = f"<html><body><p>Menu</p><div>no paragraph</div><p>{SENTENCE} {SENTENCE}</p><p>Log in</p></body></html>"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder from which Python imports the examples of the pages; what was imported is forgotten."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in SECTIONS:
        path = tmp_path / "mypackage" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(re.findall(rf"```python\n# mypackage/{name}\.py\n(.*?)```", section(name), re.DOTALL)[0])
    forget()
    yield tmp_path
    forget()


def section(name):
    page, title = SECTIONS[name]
    return (ROOT / page).read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def command(name):
    [line] = re.findall(r"```sh\n(curate [^\n]*)\n```", section(name))
    return shlex.split(line)[1:]


def forget():
    for name in [name for name in sys.modules if name.partition(".")[0] == "mypackage"]:
        del sys.modules[name]
    functions.forget()
    importlib.invalidate_caches()
    sandbox.shared().close()


def test_an_extractor_of_the_page_extracts_by_the_command_of_the_page(folder, call):
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + PAGE.encode()
    head = "WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: http://a/\r\nWARC-Date: 2020-01-02T12:00:00Z\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    (folder / "pages.warc").write_bytes(head.encode() + block + b"\r\n\r\n")
    done = call(*command("texts"), cwd=folder)
    assert done.code == 0, done.err
    [row] = pq.read_table(folder / "extracted" / "part-00000.parquet").to_pylist()
    assert (row["text"], row["extractor"]) == (f"{SENTENCE} {SENTENCE}", EXTRACTOR)


@pytest.mark.parametrize("keep", ["all", "fraction"])
def test_a_scorer_of_the_page_scores_by_the_command_of_the_page(folder, call, keep):
    rows = [{"text": text} for text in ("one two, three four, five six seven eight nine ten", "none", "a, b, c, d,")]
    (folder / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = call(*command("scores"), "--set", f"score.keep={keep}", "--set", "score.fraction=1.0", cwd=folder)
    assert done.code == 0, done.err
    kept = pq.read_table(folder / "scored" / "part-00000.parquet", columns=["quality"])["quality"].to_pylist()
    assert kept == [0.0, 0.0, 0.0]  # 2 commas in 10 words are twice the best
    assert not (folder / "scored" / "model.bin").exists()
    done = call(*command("scores"), "--set", "score.own.best=0.2", "--replace", cwd=folder)
    kept = pq.read_table(folder / "scored" / "part-00000.parquet", columns=["quality"])["quality"].to_pylist()
    assert kept == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("stage", "name", "chosen", "changed"),
    [
        (extract, "texts", (f"extract.extractor={EXTRACTOR}",), "extract.own.min_chars=3"),
        (score, "scores", (f"score.scorer={SCORER}",), "score.own.best=0.3"),
    ],
)
def test_the_source_and_the_settings_are_in_the_key(folder, stage, name, chosen, changed):
    def key(*more):
        return stage.plan(recipe.load("documents", (*chosen, *more)), folder / "out", Given()).key

    first = key()
    assert key() == first
    assert key(changed) != first
    path = folder / "mypackage" / f"{name}.py"
    path.write_text(path.read_text() + "\n# changed\n")
    forget()
    assert key() != first


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 2", "score.scorer: wrong:rate returns 2 for"),
        ("return None", "score.scorer: wrong:rate returns None for"),
        ("return 1 / 0", "score.scorer: wrong:rate fails on"),
    ],
)
def test_a_scorer_that_fails_is_named_with_its_document(folder, call, body, message):
    (folder / "wrong.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass S:\n    n: int = 1\n\n"
        f"def rate(document, settings: S):\n    {body}\n"
    )
    (folder / "in.jsonl").write_text('{"text": "one"}\n')
    done = call("score", "in.jsonl", "-o", "out", "--set", "score.scorer=wrong:rate", cwd=folder)
    sys.modules.pop("wrong", None)
    assert done.code == 1
    assert message in done.err


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (("extract.extractor=absent:a",), "extract.extractor: absent:a cannot be imported"),
        (
            ("score.scorer=mypackage.scores:none",),
            "score.scorer: mypackage.scores:none: mypackage.scores has no function",
        ),
        ((f"score.scorer={EXTRACTOR}",), "takes 3 parameters; a scorer takes (document, settings)"),
        ((f"extract.extractor={EXTRACTOR}", "extract.own.chars=3"), "extract.own.chars: unknown setting 'chars'"),
        (
            (f"extract.extractor={EXTRACTOR}", "extract.format=markdown"),
            "an extractor of your own writes its text itself",
        ),
        (("extract.own.min_chars=3",), "own holds the settings of an extractor of your own, and there is none"),
        (("score.scorer=fast",), "scorer is a path as package.module:function, got 'fast'"),
        ((f"score.scorer={SCORER}", "score.model=edited"), "give either a scorer, or what makes a model"),
    ],
)
def test_what_cannot_run_is_refused_before_any_work(folder, assignments, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        plans.check_model_files(recipe.load("documents", assignments), None)


def test_without_a_function_of_the_user_s_the_keys_are_as_before(tmp_path):
    plain = recipe.load("webtext")
    assert {"own", "digests"}.isdisjoint(extract.plan(plain, tmp_path, Given()).settings["extract"])
    assert "digests" not in extract.plan(plain, tmp_path, Given()).settings
    assert {"own", "scorer"}.isdisjoint(score.plan(plain, tmp_path / "score", Given()).settings["score"])
