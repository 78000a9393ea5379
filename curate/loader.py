"""Batches of token windows, mixed over a manifest's sources by weight.

`Loader.batch_at(number)` is a function of the manifest, the seed and `number` alone, so a run resumes from one integer.
Each source is walked without replacement: every window once per epoch, in an order and with an offset of that epoch.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.records import keyed_hash

FORMAT, VERSION, DTYPE = "curate.manifest", 1, "<u2"
TOKEN_BYTES = 2
NO_TOKEN = -100  # fills the end of a short window; torch's cross-entropy leaves these targets out

Tokens = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A headerless file of little-endian uint16 tokens, as its manifest states it; `bytes` is its text in UTF-8."""

    file: Path
    tokens: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source's shards of one split, in manifest order; `weight` is its exact share relative to the others."""

    name: str
    weight: Fraction
    shards: tuple[Shard, ...]

    @property
    def tokens(self) -> int:
        """Tokens of all shards."""
        return sum(shard.tokens for shard in self.shards)

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of the text of all shards."""
        return sum(shard.bytes for shard in self.shards)


@dataclass(slots=True)
class _Epoch:
    """One walk over a source: where its first window starts, and the order of its windows."""

    number: int
    phase: int
    order: Tokens


class Stream:
    """A source's shards read as one sequence of tokens; files are mapped when first read."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = [shard for shard in shards if shard.tokens]  # an empty file cannot be mapped
        self.ends = np.cumsum([shard.tokens for shard in self.shards], dtype=np.int64)
        self._maps: dict[int, NDArray[np.uint16]] = {}

    def __len__(self) -> int:
        return int(self.ends[-1]) if self.shards else 0

    def shard(self, number: int) -> NDArray[np.uint16]:
        """The tokens of one shard, mapped rather than read."""
        if number not in self._maps:
            self._maps[number] = np.memmap(self.shards[number].file, dtype=DTYPE, mode="r").view(np.ndarray)
        return self._maps[number]

    def read(self, start: int, count: int) -> Tokens:
        """Tokens start .. start + count - 1, fewer where the stream ends."""
        tokens = np.empty(max(0, min(count, len(self) - start)), np.int64)
        number, done = int(np.searchsorted(self.ends, start, side="right")), 0
        while done < len(tokens):
            offset = start + done - int(self.ends[number]) + self.shards[number].tokens
            piece = self.shard(number)[offset : offset + len(tokens) - done]
            tokens[done : done + len(piece)] = piece
            number, done = number + 1, done + len(piece)
        return tokens


def integer_weights(weights: Sequence[Fraction]) -> tuple[int, ...]:
    """The smallest whole numbers in the same proportion; never floats, so 0.1 is a tenth.

    >>> integer_weights([Fraction("0.7"), Fraction("0.3"), Fraction(0)])
    (7, 3, 0)
    """
    scale = math.lcm(*(weight.denominator for weight in weights))
    scaled = [int(weight * scale) for weight in weights]
    common = math.gcd(*scaled) or 1
    return tuple(weight // common for weight in scaled)


def counts(m: int, weights: tuple[int, ...]) -> tuple[int, ...]:
    """How many of the first m samples each source gives: sums to m, and m + 1 adds one to exactly one source.

    A recursive whole-number split. As the largest weight goes first, each of K counts stays within the larger of 1 and
    1 + 1/2 + ... + 1/(K - 1) of its exact share; in any other order it would drift further.

    >>> counts(10, (7, 3))
    (7, 3)
    """
    left, total = m, sum(weights)
    if m < 0 or total <= 0 or min(weights) < 0:
        raise ValueError(f"need m >= 0 and weights >= 0 that are not all 0, got m = {m} and {weights}")
    taken = [0] * len(weights)
    for k in sorted(range(len(weights)), key=lambda k: -weights[k]):
        if total == 0:
            break  # only weights of 0 are left
        rest = left * (total - weights[k]) // total
        taken[k], left, total = left - rest, rest, total - weights[k]
    return tuple(taken)


def read_manifest(manifest: Path) -> dict[str, Any]:
    """The manifest's JSON; ValueError naming the file where it is not a manifest that this version reads."""
    try:
        table = json.loads(manifest.read_bytes())
    except OSError as error:
        raise ValueError(f"{manifest}: cannot read this manifest: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{manifest}: not JSON: {error}") from error
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise ValueError(f"{manifest}: not a {FORMAT}")
    if table.get("version") != VERSION or table.get("dtype") != DTYPE:
        stated = f"version {table.get('version')} and dtype {table.get('dtype')}"
        raise ValueError(f"{manifest}: this reads version {VERSION} and dtype {DTYPE}, not {stated}")
    return table


def read_sources(manifest: Path, split: str) -> tuple[Source, ...]:
    """Every source of the manifest with its shards of this split; ValueError naming a shard that is not as stated."""
    try:
        sources = tuple(_source(table, split, manifest.parent) for table in read_manifest(manifest)["sources"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{manifest}: malformed manifest: {error!r}") from error
    for shard in (shard for source in sources for shard in source.shards):
        _verify(shard, manifest)
    return sources


def _source(table: Mapping[str, Any], split: str, folder: Path) -> Source:
    weight = Fraction(str(table["weight"]))
    if weight < 0:
        raise ValueError(f"{folder}: source {table['name']} has weight {weight}; weights are at least 0")
    shards = tuple(
        Shard(file=folder / f"{shard['path']}.bin", tokens=int(shard["tokens"]), bytes=int(shard.get("bytes", 0)))
        for shard in table["splits"].get(split, {}).get("shards", ())
    )
    return Source(name=table["name"], weight=weight, shards=shards)


def _verify(shard: Shard, manifest: Path) -> None:
    """Size only; digests are checked when a manifest is verified."""
    if not shard.file.is_file():
        raise ValueError(f"{shard.file}: no such shard, named by {manifest}")
    size, stated = shard.file.stat().st_size, shard.tokens * TOKEN_BYTES
    if size != stated:
        raise ValueError(f"{shard.file}: {size} bytes, but {manifest} states {shard.tokens} tokens ({stated} bytes)")


class Loader:
    """Batches (B, T + 1) of one split: inputs are [:, :-1], targets [:, 1:].

    Neighbouring windows share one token, so each token but a stream's edges is a target once per epoch.
    left_out: sources of this split too short for one window; the others' weights take over their share.
    """

    def __init__(self, manifest: Path, *, split: str = "train", context: int, batch: int, seed: int) -> None:
        if context < 1 or batch < 1 or not 0 <= seed < 2**64:
            raise ValueError(
                f"need context and batch of at least 1 and a seed in 0..2^64-1, got {context}, {batch}, {seed}"
            )
        self.split, self.context, self.batch, self.seed = split, context, batch, seed
        self._manifest = manifest.read_bytes() if manifest.is_file() else b""
        sources = read_sources(manifest, split)
        self.sources = tuple(source for source in sources if source.tokens > context and source.weight)
        self.left_out = tuple(source.name for source in sources if source.tokens <= context and source.weight)
        if not self.sources:
            found = ", ".join(f"{source.name} ({source.tokens} tokens, weight {source.weight})" for source in sources)
            raise ValueError(
                f"{manifest}: split {split!r} has no source with a weight above 0 and the {context + 1} tokens"
                f" of one window: {found or 'no sources'}; lower the context or add text"
            )
        self.weights = integer_weights([source.weight for source in self.sources])
        self._streams = [Stream(source.shards) for source in self.sources]
        self._epochs: dict[int, _Epoch] = {}

    def windows(self, source: int) -> int:
        """Windows in an epoch of a source: as many as fit behind any offset below T, and at least one."""
        return max(1, len(self._streams[source]) // self.context - 1)

    def batch_at(self, number: int) -> Tokens:
        """Batch `number` (from 0), shape (B, T + 1); the same whichever batches were read before."""
        first = number * self.batch
        before, after = counts(first, self.weights), counts(first + self.batch, self.weights)
        rows = [self._window(k, at) for k in range(len(self.sources)) for at in range(before[k], after[k])]
        order = np.random.Generator(np.random.Philox(key=np.array([self.seed, number], np.uint64)))
        return np.stack(rows)[order.permutation(self.batch)]

    def _window(self, source: int, ordinal: int) -> Tokens:
        epoch, at = divmod(ordinal, self.windows(source))
        if source not in self._epochs or self._epochs[source].number != epoch:
            self._epochs[source] = self._epoch(source, epoch)
        walk = self._epochs[source]
        return self._streams[source].read(walk.phase + int(walk.order[at]) * self.context, self.context + 1)

    def _epoch(self, source: int, number: int) -> _Epoch:
        key = keyed_hash(self.seed, "loader", f"{self.sources[source].name}\0{number}".encode(), 16)
        generator = np.random.Generator(np.random.Philox(key=int.from_bytes(key)))
        count = self.windows(source)
        phases = min(self.context, len(self._streams[source]) - count * self.context)
        return _Epoch(number, int(generator.integers(phases)), generator.permutation(count))

    def fingerprint(self) -> str:
        """The hex sha256 of what decides the batches: manifest bytes, split, seed, context, batch."""
        digest = hashlib.sha256(self._manifest)
        digest.update(f"\0{self.split}\0{self.seed}\0{self.context}\0{self.batch}".encode())
        return digest.hexdigest()


def held_out(manifest: Path, context: int, limit: int) -> tuple[Tokens, float | None]:
    """At most `limit` windows (N, T + 1) of split "valid", and the bytes of text that their targets stand for.

    Each source gives its first windows, none left out, as many as its weight asks; NO_TOKEN fills up the last one.
    Bytes are by each source's own bytes per token; None where the manifest states none.
    """
    sources = [source for source in read_sources(manifest, "valid") if source.weight and source.tokens > 1]
    weights = integer_weights([source.weight for source in sources])
    shares = counts(limit, weights) if sources else ()
    windows = [np.empty((0, context + 1), np.int64)]
    size = 0.0
    for source, share in zip(sources, shares, strict=True):
        windows.append(_ordered_windows(source, context, share))
        size += float((windows[-1][:, 1:] != NO_TOKEN).sum()) * source.bytes / source.tokens
    return np.concatenate(windows), size if all(source.bytes for source in sources) else None


def _ordered_windows(source: Source, context: int, limit: int) -> Tokens:
    stream = Stream(source.shards)
    windows = np.full((min(limit, math.ceil((len(stream) - 1) / context)), context + 1), NO_TOKEN, np.int64)
    for row, window in enumerate(windows):
        tokens = stream.read(row * context, context + 1)
        window[: len(tokens)] = tokens
    return windows


def occurring_ids(manifest: Path, splits: Sequence[str] = ("train", "valid")) -> Tokens:
    """The sorted ids in every shard of these splits, read whole; ValueError on one beyond the tokenizer's."""
    vocabulary = read_manifest(manifest)["tokenizer"]["vocabulary"]
    occurs = np.zeros(2**16, bool)
    for source in (source for split in splits for source in read_sources(manifest, split)):
        stream = Stream(source.shards)
        for number, shard in enumerate(stream.shards):
            occurs[stream.shard(number)] = True
            if occurs[vocabulary:].any():
                largest = np.flatnonzero(occurs)[-1]
                raise ValueError(f"{shard.file}: holds token {largest}; the tokenizer's ids end at {vocabulary - 1}")
    return np.flatnonzero(occurs)
