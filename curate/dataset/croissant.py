"""Describes a dataset as MLCommons Croissant 1.1 (JSON-LD): its files with their digests, and a row per document.

Paths are relative to the folder of `croissant.json`; the rows are described only where it lies in the output or above.
https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
"""

import posixpath
from pathlib import Path
from typing import Any

from curate import storage
from curate.dataset.forms import Dataset, Files
from curate.storage.writing import as_json

TERMS = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject fileSet format"
    " includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace"
    " samplingRate separator source subField transform"
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
} | {term: f"cr:{term}" for term in TERMS.split()}

MEDIA = {
    "bin": ("application/octet-stream", "the ids of a shard, headerless; end-of-text follows each document"),
    "idx": ("application/octet-stream", "Megatron's index of the shard"),
    "meta.parquet": ("application/x-parquet", "one row per document of the shard"),
}
FIELDS = {
    "url": ("sc:URL", "The document's address."),
    "source": ("sc:Text", "The recipe's source that it came from."),
    "quality": ("sc:Float", "The classifier's score, where there is one."),
    "bytes": ("sc:Integer", "Bytes of its text in UTF-8."),
    "tokens": ("sc:Integer", "Its tokens, end-of-text included."),
    "cluster_size": ("sc:Integer", "The documents for which deduplication kept it, itself among them."),
    "offset": ("sc:Integer", "The number in its shard of its first token."),
}


def files(dataset: Dataset) -> Files:
    """Yields the one file, `croissant.json`."""
    content = as_json(describe(dataset))

    def write(draft: Path) -> None:
        draft.write_bytes(content)

    yield "croissant.json", write


def describe(dataset: Dataset) -> dict[str, Any]:
    """Returns the JSON-LD of a dataset."""
    contract = dataset.contract
    tokens = sum(piece.shard.tokens for piece in dataset.pieces)
    description: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": contract["name"],
        "description": f"{tokens:,} tokens for training language models,"
        f" made by curate {contract['versions']['curate']} from the recipe {contract['name']!r}:"
        f" ids of the {contract['tokenizer']['name']} tokenizer, type"
        f" {contract['dtype']}. The manifest holds the recipe, the mixture and each stage's counts.",
        "distribution": _file_objects(dataset),
    }
    if dataset.license:
        description["license"] = dataset.license
    inside = {piece.shard.path.removesuffix(piece.name) for piece in dataset.pieces}  # of the folder of the manifest
    shards = storage.relative(dataset.out / "".join(inside), dataset.dest)
    if not storage.is_remote(shards) and not shards.startswith(".."):  # a set of files cannot name what lies elsewhere
        description["distribution"].append(_row_files(shards, dataset.splits))
        description["recordSet"] = [_record_set()]
    return description


def _file_objects(dataset: Dataset) -> list[dict[str, Any]]:
    """Returns an entry for each file of the shards."""
    stated = {
        (split, shard["path"]): shard["files"]
        for source in dataset.contract["sources"]
        for split, part in source["splits"].items()
        for shard in part["shards"]
    }
    return [
        {
            "@type": "cr:FileObject",
            "@id": f"{piece.name}.{suffix}",
            "name": f"{piece.name}.{suffix}",
            "description": text,
            "contentUrl": storage.relative(piece.beside(suffix), dataset.dest),
            "contentSize": f"{stated[piece.split, piece.shard.path][suffix]['bytes']} B",
            "encodingFormat": media,
            "sha256": stated[piece.split, piece.shard.path][suffix]["sha256"],
        }
        for piece in dataset.pieces
        for suffix, (media, text) in MEDIA.items()
    ]


def _row_files(shards: str, splits: tuple[str, ...]) -> dict[str, Any]:
    """Returns the set of the `.meta.parquet` below the folder `shards`."""
    return {
        "@type": "cr:FileSet",
        "@id": "documents-parquet",
        "name": "documents-parquet",
        "description": "Of all shards, one row per document.",
        "encodingFormat": MEDIA["meta.parquet"][0],
        "includes": [posixpath.normpath(posixpath.join(shards, split, "*", "*.meta.parquet")) for split in splits],
    }


def _record_set() -> dict[str, Any]:
    """Returns the columns of these files."""
    return {
        "@type": "cr:RecordSet",
        "@id": "documents",
        "name": "documents",
        "description": "The documents; the tokens of each lie in its shard from `offset` on.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"documents/{name}",
                "name": f"documents/{name}",
                "description": text,
                "dataType": kind,
                "source": {"fileSet": {"@id": "documents-parquet"}, "extract": {"column": name}},
            }
            for name, (kind, text) in FIELDS.items()
        ],
    }
