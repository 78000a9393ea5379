"""The stage decontaminate: a quotation costs itself and not its article, a list of items is dropped, phrases stay."""

import json
import random

import pyarrow.parquet as pq
import pytest

from curate.evaluate.examples import text_lines
from curate.inputs.rows import numbered_rows

pytestmark = pytest.mark.processes

RANDOM = random.Random(20)
VOCABULARY = [f"w{number}" for number in range(5000)]
ALPHABET = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima")
QUOTE = " ".join(f"{word}{number}" for number in (1, 2) for word in ALPHABET)[: -len(" lima2")]  # 23 words
PHRASE = "all rights reserved this material may not be published broadcast rewritten or redistributed without a permit"
RECIPE = """
name = "clean"
[sources.web]
inputs = ["{folder}/in-*.jsonl"]
[filter]
rules = []
[dedup]
near = false
[pack]
valid_fraction = 0
[decontaminate.sets.own]
files = ["own.jsonl"]
fields = ["question", "answer"]
[decontaminate.sets.other]
files = ["other.jsonl"]
fields = ["text"]
"""


def prose(words: int) -> str:
    return " ".join(RANDOM.choices(VOCABULARY, k=words))


ITEMS = [{"question": prose(16), "answer": prose(2)} for _ in range(40)]
PAGES = {
    "article": f"{prose(3000)} Quote: “{QUOTE.title().replace(' ', ', ')}!” {prose(3000)}",
    "list": "\n".join(f"{number}. {item['question']} {item['answer']}" for number, item in enumerate(ITEMS)),
    "scattered": " ".join(f"{prose(130)} {item['question']}" for item in ITEMS[:11]) + " " + prose(130),
    "untouched": prose(300),
    **{f"common/{number}": f"{prose(200)} {PHRASE}" for number in range(11)},
    **{f"rare/{number}": f"{prose(200)} {ITEMS[30]['question']} {prose(200)}" for number in range(9)},
}


def lines(rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("in")
    (folder / "own.jsonl").write_text(lines([*ITEMS, {"question": QUOTE, "answer": PHRASE}]))
    (folder / "hidden.jsonl").write_text(
        lines([{"text": prose(20), "answer": answer} for answer in (-1, "", None, [])])
    )
    hidden = {
        "premise": "It rained.",
        "question": "effect",
        "choice1": "I got wet.",
        "choice2": "I slept.",
        "label": -1,
    }
    (folder / "copa.jsonl").write_text(lines([hidden]))
    (folder / "other.jsonl").write_text(lines([{"text": prose(20)}, {"text": "too short"}]))
    pages = [{"url": f"http://a.example/{name}", "text": text} for name, text in PAGES.items()]
    for part in range(3):
        (folder / f"in-{part}.jsonl").write_text(lines(pages[part::3]))
    (folder / "recipe.toml").write_text(RECIPE.format(folder=folder))
    return folder


@pytest.fixture(scope="module")
def run(call, folder, tmp_path_factory):
    """A finished run."""
    out = tmp_path_factory.mktemp("out") / "run"
    done = call("run", folder / "recipe.toml", "-o", out, "--workers", 1)
    assert done.code == 0, done.err
    return out


def rows(folder, kind="part"):
    """The rows of all parts, by the name of the page."""
    tables = [pq.read_table(path).to_pylist() for path in sorted(folder.glob(f"{kind}-*.parquet"))]
    return {row["url"].removeprefix("http://a.example/"): row for part in tables for row in part}


def stored(out):
    """Every file that decides or records what the run holds."""
    names = [path for path in out.rglob("*") if path.suffix in (".parquet", ".bin", ".idx", ".jsonl")]
    names += [out / "manifest.json", out / "decontaminate" / "contamination.json"]
    return {str(path.relative_to(out)): path.read_bytes() for path in names}


def test_a_quotation_of_23_words_costs_itself_and_200_characters_on_each_side(run):
    row, text = rows(run / "decontaminate")["article"], PAGES["article"]
    start = text.index("Alpha1")
    stop = text.index("!”")
    assert row["text"] == f"{text[: start - 200].strip()}\n\n{text[stop + 200 :].strip()}"
    assert "decontaminate:sets=own decontaminate:pieces=2 decontaminate:removed=" in row["flags"]


def test_a_list_of_items_and_a_page_in_more_than_ten_pieces_are_dropped_with_their_reasons(run):
    gone = rows(run / "decontaminate", "rejected")
    assert gone.keys() == {"list", "scattered"}
    reasons = {name: (row["reason"], row["value"], row["threshold"], row["detail"]) for name, row in gone.items()}
    assert reasons["scattered"] == ("decontaminate.pieces", 12.0, 10.0, "of own")
    assert reasons["list"] == ("decontaminate.short", 0.0, 200.0, "of own")


def test_a_phrase_of_more_than_ten_documents_stays_and_one_of_ten_is_cut(run):
    kept = rows(run / "decontaminate")
    assert all(kept[name]["text"] == PAGES[name] and not kept[name]["flags"] for name in PAGES if "common" in name)
    assert all(ITEMS[30]["question"] not in kept[name]["text"] for name in PAGES if "rare" in name)
    assert kept["untouched"]["text"] == PAGES["untouched"]


def test_what_is_cut_is_what_is_tokenized_exported_counted_and_verified(run, call, tmp_path):
    verified = call("verify", run)
    assert verified.code == 0, verified.out
    kept = rows(run / "decontaminate")
    assert call("export", "jsonl", run, "-o", tmp_path / "export").code == 0
    exported = [row for path in tmp_path.rglob("*.jsonl*") for _, row in numbered_rows(path)]
    assert {row["url"].rpartition("example/")[2]: row["text"] for row in exported} == {
        name: row["text"] for name, row in kept.items()
    }
    meta = {row["url"]: row["bytes"] for path in run.rglob("*.meta.parquet") for row in pq.read_table(path).to_pylist()}
    assert meta == {row["url"]: len(row["text"].encode()) for row in kept.values()}
    counts = json.loads((run / "decontaminate" / "stage.json").read_text())["counts"]
    assert counts["bytes_read"] == sum(len(text.encode()) for text in PAGES.values())
    assert counts["bytes_kept"] == sum(meta.values())
    assert counts["notes"]["documents cut"] == 10


def test_why_inspect_and_report_tell_what_was_done(run, call):
    why = call("why", run, "http://a.example/article").out
    assert "decontaminate:pieces=2" in why
    assert "decontaminate.pieces 12 (limit 10) of own" in call("why", run, "http://a.example/scattered").out
    inspected = json.loads(call("inspect", run, "--json").out)["evaluation_sets"]
    own, other = inspected
    assert (own["name"], own["ngram"], own["items"], own["dirty"]) == ("own", 13, 41, 41)
    assert (own["documents"], own["leaking"]) == (23, 12)
    assert (other["items"], other["short"], other["dirty"], other["documents"]) == (2, 1, 0, 0)
    assert call("report", run).code == 0
    page = (run / "report.html").read_text()
    assert "Evaluation sets" in page
    assert "11 documents (common phrase): " in page
    assert "broadcast rewritten or redistributed" in page


def test_every_item_is_in_the_list_of_clean_and_dirty_ones(run):
    listed = [json.loads(line) for line in (run / "decontaminate" / "clean.jsonl").read_text().splitlines()]
    assert [(row["set"], row["item"]) for row in listed] == [
        *(("own", number) for number in range(41)),
        ("other", 0),
        ("other", 1),
    ]
    assert {row["verdict"] for row in listed[:41]} == {"dirty"}
    assert [row["documents"] for row in listed[:41]] == [2] * 11 + [1] * 19 + [10] + [1] * 9 + [11]
    assert [row["remaining"] for row in listed[:41]] == [False] * 40 + [True]
    assert [(row["verdict"], row["short"]) for row in listed[41:]] == [("clean", False), ("clean", True)]


@pytest.mark.parametrize("ways", [("--workers", 2), ("--one-job", "--workers", 1)], ids=["two-workers", "one-job"])
def test_the_bytes_are_the_same_with_two_workers_and_as_one_job(run, call, folder, tmp_path, ways):
    done = call("run", folder / "recipe.toml", "-o", tmp_path / "run", *ways)
    assert done.code == 0, done.err
    assert stored(tmp_path / "run") == stored(run)


def test_the_order_of_the_documents_changes_nothing(run, call, folder, tmp_path):
    pages = [{"url": f"http://a.example/{name}", "text": text} for name, text in reversed(PAGES.items())]
    (tmp_path / "all.jsonl").write_text(lines(pages))
    done = call("decontaminate", tmp_path / "all.jsonl", "-o", tmp_path / "out", "--recipe", folder / "recipe.toml")
    assert done.code == 0, done.err
    chosen = ("id", "text", "flags")
    ours, theirs = (
        {name: [row[column] for column in chosen] for name, row in rows(out).items()}
        for out in (run / "decontaminate", tmp_path / "out")
    )
    assert ours == theirs
    for name in ("clean.jsonl", "contamination.json", "ignored.bin"):
        assert (tmp_path / "out" / name).read_bytes() == (run / "decontaminate" / name).read_bytes()


@pytest.mark.parametrize(("action", "kept"), [("drop", len(PAGES) - 12), ("mark", len(PAGES))])
def test_documents_are_dropped_or_marked_by_choice(call, folder, tmp_path, action, kept):
    done = call(
        *("decontaminate", *sorted(folder.glob("in-*.jsonl")), "-o", tmp_path, "--recipe", folder / "recipe.toml"),
        *("--set", f"decontaminate.action={action}"),
    )
    assert done.code == 0, done.err
    own = rows(tmp_path)
    assert len(own) == kept
    assert all(row["text"] == PAGES[name] for name, row in own.items())
    marked = {name: row["flags"] for name, row in own.items() if row["flags"]}
    assert len(marked) == (12 if action == "mark" else 0)
    if action == "mark":
        assert "decontaminate:pieces=12 " in marked["scattered"]
        left = [json.loads(line)["remaining"] for line in (tmp_path / "clean.jsonl").read_text().splitlines()]
        assert left == [True] * 41 + [False] * 2
    else:
        assert {row["reason"] for row in rows(tmp_path, "rejected").values()} == {"decontaminate.match"}


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        ((), "decontaminate: no evaluation set is named"),
        (('decontaminate.sets.own.files=["no.jsonl"]', 'decontaminate.sets.own.fields=["text"]'), "no such input file"),
        (('decontaminate.sets.own.files=["own.jsonl"]',), "give either fields"),
        (
            ('decontaminate.sets.own.files=["own.jsonl"]', 'decontaminate.sets.own.fields=["text"]'),
            "row 1: has no field 'text'; its fields are question, answer",
        ),
        (
            ('decontaminate.sets.own.files=["hidden.jsonl"]', 'decontaminate.sets.own.fields=["text", "answer"]'),
            "the field 'answer' is empty or -1 in every row, as in test splits whose answers are hidden; name the",
        ),
        (
            ('decontaminate.sets.own.files=["copa.jsonl"]', "decontaminate.sets.own.task=copa"),
            "copa.jsonl, row 1: states no right answer, as in test splits whose answers are hidden; name the",
        ),
    ],
)
def test_bad_sets_end_in_one_line_before_any_work(call, folder, tmp_path, assignments, message):
    options = [word for assignment in assignments for word in ("--set", assignment)]
    done = call("decontaminate", "in-0.jsonl", "-o", tmp_path / "out", *options, cwd=folder)
    assert done.code == 2
    assert message in done.error
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_whole_book_is_matched(call, data, tmp_path):
    text = "\n".join(text_lines(data("text") / "gutenberg-972.txt.zst")) * 3
    quote = " ".join(f"{word}{number}" for number in (7, 8) for word in ALPHABET)
    middle = len(text) // 2
    (tmp_path / "book.jsonl").write_text(json.dumps({"text": f"{text[:middle]} {quote} {text[middle:]}"}) + "\n")
    (tmp_path / "own.jsonl").write_text(json.dumps({"text": quote}) + "\n")
    done = call(
        *("decontaminate", "book.jsonl", "-o", "out"),
        *("--set", 'decontaminate.sets.own.files=["own.jsonl"]', "--set", 'decontaminate.sets.own.fields=["text"]'),
        cwd=tmp_path,
    )
    assert done.code == 0, done.err
    (row,) = pq.read_table(tmp_path / "out" / "part-00000.parquet").to_pylist()
    assert quote not in row["text"]
    assert len(text) - 450 < len(row["text"]) < len(text)
