"""A small real corpus and its recipe: the mini-web, and, where they are here, real pages and real near-duplicates."""

import io
import json
from itertools import islice
from pathlib import Path

PAGES = 40  # of each file
FILES = 3
VERSIONS = 60
SETS = {  # rows of evaluation sets; the corpus holds passages of some
    "canals": [
        {
            "question": "What promised investors were they? Investors in the Brindle and Coldharbour Navigation were "
            "promised a waterway from the slate quarries to the sea. They received one from the slate quarries to",
            "answer": "a field belonging to a Mr Josiah Crake",
        },
        {
            "question": "How did Thaddeus Moule, who was self-taught, go about it?",
            "answer": "He could not abide drawings, and surveyed by walking about with a saucer of milk on a tripod.",
        },
        {"question": "A question that no page of the corpus holds, with words enough to be a gram?", "answer": "none"},
    ],
    "phrases": [
        {"text": "How to bend a small flame twenty miles"},  # more than two pages hold it: a common phrase
        {"text": "have entered into an agreement for the provision of the Controller Services"},
    ],
    "scripts": [{"text": "海は青く、空も青い。港には古い船が並び、子どもたちが石段に座って本を読んでいる。"}],
}

RECIPE = """name = "conformance"

[sources.articles]
inputs = ["miniweb:articles-*.warc.gz"]
weight = 0.6

[sources.web]
inputs = ["miniweb:web-*.warc.gz"]
weight = 0.4
{more}
[filter.language]
allowed = ["en"]

[dedup]
url = true
keep = ["longest"]
containment = 0.6

[lines]
furniture = true
host_documents = 5
substrings = true

[score]
positive = ["miniweb:labels-positive.jsonl"]
negative = ["miniweb:labels-negative.jsonl"]
keep = "pareto"
dim = 16
epochs = 25
learning_rate = 0.5

[decontaminate]
max_documents = 2

[decontaminate.sets.canals]
files = ["set-canals.jsonl"]
fields = ["question", "answer"]

[decontaminate.sets.phrases]
files = ["set-phrases.jsonl"]
fields = ["text"]

[decontaminate.sets.scripts]
files = ["set-scripts.jsonl"]
fields = ["text"]

[pack]
valid_fraction = 0.15
max_tokens = 20000
"""
SOURCE = """
[sources.{name}]
inputs = ["{inputs}"]
weight = 0.1
"""


def write(folder: Path, data: Path) -> Path:
    """Write the recipe and what it reads into the folder; the recipe's path."""
    pages = sorted((data / "web").glob("*.warc.gz"))[:FILES]
    for number, source in enumerate(pages):
        head(source, folder / f"pages-{number}.warc.gz")
    terms = data / "neardup" / "terms-of-service-versions.ndjson.zst"
    if terms.exists():
        versions(terms, folder / "terms.jsonl")
    for name, rows in SETS.items():
        (folder / f"set-{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sources = (("pages", "pages-*.warc.gz", bool(pages)), ("terms", "terms.jsonl", terms.exists()))
    more = "".join(SOURCE.format(name=name, inputs=inputs) for name, inputs, here in sources if here)
    recipe = folder / "conformance.toml"
    recipe.write_text(RECIPE.format(more=more))
    return recipe


def head(source: Path, target: Path) -> None:
    """The first pages of a WARC file."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.warcwriter import WARCWriter

    with source.open("rb") as file, target.open("wb") as output:
        writer = WARCWriter(output, gzip=True)
        for record in islice(ArchiveIterator(file), PAGES):
            writer.write_record(record)


def versions(source: Path, target: Path) -> None:
    """The first versions of terms of service as a user's documents."""
    import zstandard

    with source.open("rb") as file, target.open("w") as output:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        for row in map(json.loads, islice(lines, VERSIONS)):
            url = f"http://terms.example/{row['doc']}/{row['version']}"
            output.write(json.dumps({"text": row["text"], "url": url}) + "\n")
