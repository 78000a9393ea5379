"""A small real corpus and its recipe: the mini-web, and, where they are here, real pages and real near-duplicates."""

import io
import json
from itertools import islice
from pathlib import Path

PAGES = 40  # of each file
FILES = 3
VERSIONS = 60

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
