"""Bits per byte of text, exactly: of held-out shards or of the user's own files, per source and per domain.

Each document is read after an end-of-text, in windows that slide by `stride` tokens; every token is predicted once,
after at least `window - stride` tokens where so many stand before it. Bytes are those of the documents' text in UTF-8;
the end-of-text behind it is predicted too, as it is a part of the code of the text, and has no bytes.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curate import storage
from curate.errors import SettingsError
from curate.evaluate import bootstrap
from curate.evaluate.bootstrap import Estimate
from curate.evaluate.encoding import Text
from curate.evaluate.likelihood import BATCH_TOKENS, log_probabilities
from curate.evaluate.measures import BITS
from curate.evaluate.models import Model
from curate.inputs.rows import numbered_rows
from curate.loader.streams import Shard, Tokens, manifest_file, read_manifest, read_sources
from curate.tokens import load as tokenizers
from curate.tokens.tokenizer import FOLDER, Tokenizer
from curate.web.urls import host_of

DOCUMENTS = 32  # scored at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document that is measured: its ids by the tokenizer of shards, or its text."""

    source: str
    domain: str  # the host of its URL; "" where it has none
    bytes: int  # of its text in UTF-8
    ids: Tokens | None = None
    text: str | None = None


Measured = tuple[Document, float, int]  # with its nats and its tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The bits per byte of the documents of a source or of a domain, or of all."""

    name: str
    documents: int
    bytes: int
    tokens: int
    bits_per_byte: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Perplexity:
    """The bits that a model needs for each byte of text."""

    model: str
    text: str  # the output or the file
    window: int
    stride: int
    decoded: str | None  # the tokenizer whose ids were decoded and encoded again; None where those are the model's
    left_out: Mapping[str, int]  # documents with a token that the model has no row for, and their bytes
    whole: Part
    sources: tuple[Part, ...]
    domains: tuple[Part, ...]  # the largest first


def is_output(place: Path) -> bool:
    """Returns whether a path names shards: a manifest, or the folder that holds one."""
    return place.is_dir() or manifest_file(place).name == "manifest.json"


def measure(model: Model, place: Path, *, seed: int, stride: int | None = None, limit: int | None = None) -> Perplexity:
    """Returns the bits per byte of the held-out documents of an output, or of a file of texts.

    stride: half a window if not stated. limit: the most documents of each source.
    """
    stride = stride or max(1, model.window // 2)
    if not 1 <= stride <= model.window:
        raise SettingsError(f"--stride {stride}: it lies in 1..{model.window}, the context of {model.name}")
    tokenizer = None
    if is_output(place):
        tokenizer = _other_tokenizer(manifest_file(place), model)
        documents = of_shards(manifest_file(place), tokenizer, limit)
    else:
        documents = of_file(place, limit)
    nats: list[Measured] = []
    left_out: Counter[str] = Counter(documents=0, bytes=0)
    while some := list(islice(documents, DOCUMENTS)):
        for document, outcome in zip(some, _measured(model, some, stride), strict=True):
            if outcome is None:
                left_out.update(documents=1, bytes=document.bytes)
            else:
                nats.append((document, *outcome))
    if not nats:
        lack = (
            f" but {left_out['documents']} with tokens that the model has no row for" if left_out["documents"] else ""
        )
        raise SettingsError(f"{place}: holds no document for {model.name}{lack}")
    return Perplexity(
        model=model.name,
        text=str(place),
        window=model.window,
        stride=stride,
        decoded=tokenizer.name if tokenizer else None,
        left_out=dict(left_out),
        whole=_part("all", nats, seed),
        sources=_parts(nats, seed, lambda document: document.source),
        domains=_parts(nats, seed, lambda document: document.domain),
    )


def windows(rows: Tokens, window: int, stride: int) -> Iterator[Text]:
    """Yields the windows of a document, whose first row is end-of-text; each other row is scored in one of them."""
    done = 1
    while done < len(rows):
        end = min(len(rows), done + (window if done == 1 else stride))
        begin = max(0, end - 1 - window)
        yield Text(rows=rows[begin:end], start=done - begin)
        done = end


def of_shards(manifest: Path, tokenizer: Tokenizer | None, limit: int | None) -> Iterator[Document]:
    """Yields the held-out documents of each source: their ids, or the texts that a tokenizer makes of these."""
    sources = [source for source in read_sources(manifest, "valid") if source.tokens]
    if not sources:
        raise SettingsError(
            f"{manifest}: split valid holds no document; set pack.valid_fraction, or name a file of text"
        )
    for source in sources:
        documents = (document for shard in source.shards for document in of_shard(shard, source.name, tokenizer))
        for document in islice(documents, limit):
            _check_text(document, manifest)
            yield document


def _check_text(document: Document, manifest: Path) -> None:
    """Raises SettingsError where the text that ids were decoded to is not as long as the one that was packed."""
    text = document.text
    if text is not None and (size := len(text.encode("utf-8", "replace"))) != document.bytes:
        raise SettingsError(
            f"{manifest}: a document of {document.bytes:,} bytes has {size:,} where its ids are decoded, so its "
            "tokenizer does not keep text whole; name a file of the texts in place of the shards"
        )


def _other_tokenizer(manifest: Path, model: Model) -> Tokenizer | None:
    """Returns the tokenizer of shards where it is not the model's."""
    contract = read_manifest(manifest)
    if same_ids(model, contract):
        return None
    return tokenizers.of(tokenizers.stated_in(contract), manifest.parent / FOLDER)


def same_ids(model: Model, contract: Mapping[str, Any]) -> bool:
    """Returns whether the ids of a manifest are those of a model's tokenizer."""
    here, there = model.tokenizer.stated(), tokenizers.stated_in(contract)
    return all(here[key] == there.get(key, here[key]) for key in ("name", "vocabulary", "eot", "sha256"))


def of_file(path: Path, limit: int | None) -> Iterator[Document]:
    """Yields the documents of a file: a text, or rows with a column `text`, and `url` and `source` where they are."""
    if not path.is_file():
        raise SettingsError(f"{path}: no such file, and no output with a manifest.json")
    texts = 0
    for number, row in numbered_rows(path):
        if limit is not None and texts >= limit:
            return
        if isinstance(row, Exception):
            raise SettingsError(f"{path}, row {number}: {row}")
        text = row.get("text") if isinstance(row, dict) else None
        if not isinstance(text, str):
            raise SettingsError(f"{path}, row {number}: has no column text with a text in it")
        if text:
            texts += 1
            yield _of_text(path, text, row)


def _of_text(path: Path, text: str, row: Mapping[str, Any]) -> Document:
    url, source = row.get("url"), row.get("source")
    return Document(
        source=source if isinstance(source, str) and source else path.name,
        domain=host_of(url) if isinstance(url, str) else "",
        bytes=len(text.encode("utf-8", "replace")),
        text=text,
    )


def of_shard(shard: Shard, source: str, tokenizer: Tokenizer | None) -> Iterator[Document]:
    """Yields the documents of a shard; a tokenizer that is given turns their ids to text."""
    meta = shard.file.with_name(shard.file.name.removesuffix(".bin") + ".meta.parquet")
    try:
        table = pq.read_table(storage.source(meta), columns=["url", "bytes", "tokens", "offset"], use_threads=False)
    except FileNotFoundError:
        raise SettingsError(f"{meta}: missing; it says where the documents of its shard begin") from None
    tokens = shard.open()
    for row in table.to_pylist():
        ids = tokens[row["offset"] : row["offset"] + row["tokens"] - 1].astype(np.int64)  # without end-of-text
        facts = {"source": source, "domain": host_of(row["url"]), "bytes": row["bytes"]}
        yield Document(**facts, **({"text": tokenizer.decode(ids.tolist())} if tokenizer else {"ids": ids}))


def _measured(model: Model, documents: Sequence[Document], stride: int) -> list[tuple[float, int] | None]:
    """Returns nats and tokens of each document; None where the model has no row for one of its tokens."""
    texts: list[list[Text] | None] = []
    for document in documents:
        ids = document.ids
        if ids is None:
            ids = np.asarray(model.tokenizer.ordinary(document.text or ""), np.int64)
        ids = np.concatenate(([model.vocabulary.eot], ids, [model.vocabulary.eot]))
        whole = np.isin(ids, model.vocabulary.ids).all()
        texts.append([*windows(model.vocabulary.encode(ids), model.window, stride)] if whole else None)
    groups = [[text] for some in texts for text in some or ()]
    scores = iter(log_probabilities(model.gpt, groups, batch_tokens=BATCH_TOKENS))
    measured: list[tuple[float, int] | None] = []
    for some in texts:
        if some is None:
            measured.append(None)
            continue
        nats = [-next(scores)[0].nats for _ in some]
        measured.append((float(sum(one.sum() for one in nats)), sum(map(len, nats))))
    return measured


def _parts(rows: Sequence[Measured], seed: int, name: Callable[[Document], str]) -> tuple[Part, ...]:
    """Returns the parts of documents that have a name, by their names, the largest first."""
    by_name: dict[str, list[Measured]] = defaultdict(list)
    for row in rows:
        if name(row[0]):
            by_name[name(row[0])].append(row)
    parts = [_part(key, some, seed) for key, some in by_name.items()]
    return tuple(sorted(parts, key=lambda part: (-part.bytes, part.name)))


def _part(name: str, rows: Sequence[Measured], seed: int) -> Part:
    sizes = [document.bytes for document, _, _ in rows]
    bits = [nats / BITS for _, nats, _ in rows]
    estimate = bootstrap.ratio(bits, sizes, seed, "perplexity")
    tokens = sum(tokens for _, _, tokens in rows)
    return Part(name=name, documents=len(rows), bytes=sum(sizes), tokens=tokens, bits_per_byte=estimate)
