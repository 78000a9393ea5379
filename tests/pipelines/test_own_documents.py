"""Documents of one's own in four forms become shards by one command, and text again; no row is lost unseen."""

import bz2
import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from curate.dataset.text_files import KNOWN

pytestmark = pytest.mark.processes

TOPICS = ("the harbour", "a violin", "old maps", "winter barley", "tidal mills", "printing type", "copper roofs")
CLASSES = ["news", "essay"]
RECIPE = """
name = "own"
[sources.table]
[sources.notes]
[sources.wiki]
[sources.hub]
[filter]
rules = ["gopher_quality"]
[filter.gopher_quality]
min_words = 5
[pack]
valid_fraction = 0.0
"""


def prose(number):
    topic, other = TOPICS[number % len(TOPICS)], TOPICS[(number * 3 + 1) % len(TOPICS)]
    return (
        f"Letter {number} is about {topic}. It was written to the keeper of the archive, who had asked for "
        f"{number + 3} pages on {other} and that they be of use to those who work with {topic}."
    )


def write_table(folder):
    """Writes 12 rows of CSV, one of them with a field too many."""
    with (folder / "letters.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["id", "text", "licence"])
        for number in range(12):
            writer.writerow([f"letter-{number}", prose(number), "CC0"] + (["more"] if number == 7 else []))


def write_notes(folder):
    (folder / "notes" / "deep").mkdir(parents=True)
    for number in range(12, 18):
        inside = "deep/" if number % 2 else ""
        (folder / "notes" / f"{inside}{number}.{'md' if number % 3 else 'txt'}").write_text(
            f"# Note\n\n{prose(number)}\n"
        )
    (folder / "notes" / "empty.txt").write_text("")


def write_dump(folder):
    """Writes 4 articles and a redirect."""
    pages = [
        f"'''Article {number}''' {prose(number)}<ref>note</ref>\n\n[[Category:Letters]]" for number in range(20, 24)
    ]
    written = [
        f"<page><title>Article {number}</title><ns>0</ns><id>{number}</id><revision><timestamp>2024-05-06T07:08:09Z"
        f"</timestamp><text>{page.replace('<', '&lt;')}</text></revision></page>"
        for number, page in enumerate(pages, start=20)
    ]
    written.append("<page><title>X</title><ns>0</ns><id>9</id><redirect title='Y'/><revision><text/></revision></page>")
    head = "<mediawiki><siteinfo><base>https://en.wikipedia.org/wiki/Main_Page</base></siteinfo>"
    content = f"{head}{''.join(written)}</mediawiki>".encode()
    (folder / "enwiki-pages-articles1.xml-p1p99.bz2").write_bytes(
        bz2.compress(content[:500]) + bz2.compress(content[500:])
    )


def write_hub(folder):
    """Writes two shards as the Hub's converter writes them: a label as a number, a list and a struct."""
    features = {"label": {"names": CLASSES, "_type": "ClassLabel"}}
    schema = pa.schema(
        [
            ("text", pa.large_string()),
            ("label", pa.int64()),
            ("tags", pa.list_(pa.string())),
            ("meta", pa.struct([("stars", pa.int32())])),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    (folder / "hub").mkdir()
    for shard in range(2):
        rows = [
            {"text": prose(30 + number), "label": number % 2, "tags": ["a", "b"], "meta": {"stars": number}}
            for number in range(4 * shard, 4 * shard + 4)
        ]
        path = folder / "hub" / f"train-{shard:05d}-of-00002.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    for write in (write_table, write_notes, write_dump, write_hub):
        write(folder)
    (folder / "own.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def finished(call, folder):
    files = ["table=letters.csv", "notes=notes/**/*.*", "wiki=enwiki*.bz2", "hub=hub"]
    done = call("run", "own.toml", *files, "-o", "out", "--no-train", cwd=folder)
    assert done.code == 1, done.err  # a row of CSV and an empty text are dead letters
    return folder / "out"


@pytest.fixture(scope="module")
def documents(finished):
    return [row for path in sorted((finished / "filter").glob("part-*")) for row in pq.read_table(path).to_pylist()]


def test_each_form_reaches_its_shards(finished, documents):
    manifest = json.loads((finished / "manifest.json").read_text())
    sizes = {source["name"]: source["splits"]["train"]["documents"] for source in manifest["sources"]}
    assert sizes == {"table": 11, "notes": 6, "wiki": 4, "hub": 8}
    texts = sorted(row["text"] for row in documents if row["source"] in ("table", "hub"))
    assert texts == sorted(prose(number) for number in [*range(7), *range(8, 12), *range(30, 38)])


def test_an_article_and_a_note_bring_their_names(documents):
    articles = [row for row in documents if row["source"] == "wiki"]
    assert articles[0]["title"] == "Article 20"
    assert articles[0]["url"] == "https://en.wikipedia.org/wiki/Article_20"
    assert articles[0]["given_id"] == "20"
    assert articles[0]["timestamp"].isoformat() == "2024-05-06T07:08:09+00:00"
    assert articles[0]["text"] == f"Article 20 {prose(20)}"
    notes = {row["given_id"] for row in documents if row["source"] == "notes"}
    assert notes == {"12.txt", "deep/13.md", "14.md", "deep/15.txt", "16.md", "deep/17.md"}


def test_every_lost_row_is_a_dead_letter(finished):
    failed = [
        row for path in sorted((finished / "extract").glob("failed-*")) for row in pq.read_table(path).to_pylist()
    ]
    assert [(row["file"], row["offset"], row["error"], row["message"]) for row in failed] == [
        ("letters.csv", 9, "malformed", "4 fields; the first row names 3 columns"),
        ("empty.txt", 1, "unreadable", "the file is empty"),
    ]


def test_verify_finds_no_fault(call, finished):
    assert call("verify", finished).code == 0


def test_the_bundled_recipe_takes_all_of_it_as_one_source(call, folder):
    files = ["letters.csv", "notes/*.md", "enwiki*.bz2", "hub/*.parquet"]
    done = call("run", "documents", *files, "-o", "bundled", "--no-train", "--set", "pack.valid_fraction=0", cwd=folder)
    assert done.code == 1, done.err
    (source,) = json.loads((folder / "bundled" / "manifest.json").read_text())["sources"]
    assert (source["name"], source["splits"]["train"]["documents"]) == ("documents", 11 + 2 + 4 + 8)


def test_a_file_of_no_known_form_is_refused_before_any_work(call, folder):
    (folder / "a.docx").write_bytes(b"PK")
    done = call("filter", "a.docx", "-o", "refused", cwd=folder)
    assert done.code == 2
    assert "a.docx: neither a stage folder nor a file of documents; these end in .jsonl .ndjson .json" in done.error
    assert not (folder / "refused" / "plan.json").exists()


@pytest.mark.parametrize(("form", "pattern"), [("jsonl", "train/*.jsonl.zst"), ("parquet", "train/*.parquet")])
def test_all_of_it_comes_back_out_as_text_with_its_metadata_and_in_again(call, folder, finished, form, pattern):
    done = call("export", form, "out", "-o", form, "--max-rows", 5, cwd=folder)
    assert done.code == 0, done.err
    exported = [row for path in sorted((folder / form).glob(pattern)) for row in exported_rows(path)]
    shards = (finished / "shards").rglob("*.meta.parquet")
    assert {row["id"] for row in exported} == {
        id_.hex() for path in shards for id_ in pq.read_table(path)["id"].to_pylist()
    }
    by_source = {name: [row for row in exported if row["source"] == name] for name in ("table", "notes", "wiki", "hub")}
    assert [(row["given_id"], row["text"], row["metadata"]) for row in by_source["table"]] == [
        (f"letter-{number}", prose(number), {"licence": "CC0"}) for number in range(12) if number != 7
    ]
    assert {row["given_id"] for row in by_source["notes"]} >= {"12.txt", "deep/13.md"}
    article = by_source["wiki"][0]
    assert (article["title"], article["given_id"], article["url"]) == (
        "Article 20",
        "20",
        "https://en.wikipedia.org/wiki/Article_20",
    )
    assert str(article["created"])[:10] == "2024-05-06"
    assert [(row["text"], row["metadata"]) for row in by_source["hub"]] == [
        (prose(30 + number), {"label": CLASSES[number % 2], "tags": ["a", "b"], "meta": {"stars": number}})
        for number in range(8)
    ]
    back = f"{form}-back"
    done = call("filter", f"{form}/{pattern}", "-o", back, "--set", "filter.rules=[]", "--workers", 1, cwd=folder)
    assert done.code == 0, done.err
    parts = sorted((folder / back).glob("part-*"))
    read = {row["text"]: row for path in parts for row in pq.read_table(path).to_pylist()}
    texts = [row for path in sorted((finished / "filter").glob("part-*")) for row in pq.read_table(path).to_pylist()]
    assert len(read) == len(texts)
    for row in texts:
        again = read[row["text"]]
        for name in ("source", "url", "timestamp", "given_id", "title"):
            assert again[name] == row[name], (name, row)
        assert json.loads(again["metadata"] or "{}") == json.loads(row["metadata"] or "{}")


def exported_rows(path):
    """Returns the rows of a file of an export, with what is known of each document beside the user's own columns."""
    if path.suffix == ".parquet":
        rows = [row | {"metadata": json.loads(row["metadata"])} for row in pq.read_table(path).to_pylist()]
    else:
        with zstd.open(path, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
    for row in rows:
        columns = {name: row["metadata"].pop(name, None) for name in KNOWN}
        row |= {name: value for name, value in columns.items() if row.get(name) is None}
    return rows
