"""Windows of tokens, mixed over a manifest's sources by weight: (B, T + 1) with inputs [:, :-1], targets [:, 1:].

Sample i is a function of the manifest, the split, the context, the seed and i alone. So the stream is the same for each
batch size, micro-batch, world size and number of workers; the number of samples seen is all that a run resumes from.

A source's shards, end to end and closed to a ring, are cut into windows anew each epoch, from a start of that epoch;
each window comes once per epoch. Neighbouring windows share one token, so each token but fewer than T is a target once.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.loader.lineage import Place, places
from curate.loader.sampler import GOLDEN, Blend, Keys, Whole, integer_weights, mix, permuted
from curate.loader.streams import SourceShards, Stream, Tokens, manifest_file, read_sources
from curate.records import keyed_hash
from curate.storage.cache import Check

PLAN = 2048  # samples whose placement is worked out at a time
PLANS = 4  # blocks of PLAN samples whose placement is kept


@dataclass(frozen=True, slots=True)
class Placement:
    """The windows of a block of samples, one array element a sample."""

    sources: Whole  # number of the source
    epochs: Whole  # number of the source's epoch
    starts: Whole  # number in the source of the window's first token
    shards: Whole  # number of the shard of that token
    offsets: Whole  # number in that shard of that token
    whole: NDArray[np.bool_]  # the whole window lies in that shard


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProgress:
    """The share of one source in a number of samples."""

    source: str
    samples: int
    tokens: int
    epochs: float  # exact, as it counts windows


class Loader:
    """The samples of one split, in the order that the module states.

    manifest: its path or address, or that of the folder which holds it.
    left_out: sources of this split too short for one window; the others' weights take over their share.
    batch: samples of a step in `batch_at` and `locate`; it does not change the order of samples.
    """

    def __init__(
        self,
        manifest: Path | str,
        *,
        split: str = "train",
        context: int,
        batch: int = 1,
        seed: int,
        check: Check = "once",
    ) -> None:
        if context < 1 or batch < 1 or not 0 <= seed < 2**64:
            given = f"context {context}, batch {batch}, seed {seed}"
            raise ValueError(f"context and batch are at least 1 and seed lies in 0..2^64-1, got {given}")
        manifest = manifest_file(manifest)
        self.manifest, self.split, self.context, self.batch, self.seed = manifest, split, context, batch, seed
        sources = read_sources(manifest, split)
        self.sources = tuple(source for source in sources if source.tokens > context and source.weight)
        self.left_out = tuple(source.name for source in sources if source.tokens <= context and source.weight)
        if not self.sources:
            listed = ", ".join(f"{source.name} ({source.tokens} tokens, weight {source.weight})" for source in sources)
            raise ValueError(
                f"{manifest}: split {split!r} has no source with a weight above 0 and the {context + 1} tokens"
                f" of one window: {listed or 'no sources'}; lower the context or add text"
            )
        self.blend = Blend(integer_weights([source.weight for source in self.sources]))
        self._stream = Stream([shard for source in self.sources for shard in source.shards], check)
        self._sizes = np.array([source.tokens for source in self.sources], np.int64)
        self._begins = np.cumsum(self._sizes) - self._sizes
        self._windows = self._sizes // context
        hashes = [keyed_hash(seed, "loader", source.name.encode()) for source in self.sources]
        self._keys: Keys = np.array([int.from_bytes(digest) for digest in hashes], np.uint64)
        self._plans: dict[int, Placement] = {}

    def windows(self, source: int) -> int:
        """Returns the number of windows in an epoch of a source."""
        return int(self._windows[source])

    def samples(self, first: int, count: int, out: Tokens | None = None) -> Tokens:
        """Returns samples first .. first + count - 1, shape (count, T + 1), written into `out` where it is given."""
        out = np.empty((count, self.context + 1), np.int64) if out is None else out
        if first < 0 or out.shape != (count, self.context + 1):
            raise ValueError(f"need a first sample from 0 on and room for {count} windows, got {first}, {out.shape}")
        done = 0
        while done < count:
            block, skip = divmod(first + done, PLAN)
            number = min(PLAN - skip, count - done)
            self._fill(out[done : done + number], self._plan(block), skip)
            done += number
        return out

    def batch_at(self, number: int, out: Tokens | None = None) -> Tokens:
        """Returns batch `number` (from 0), shape (B, T + 1); it is the same whichever batches were read before."""
        return self.samples(number * self.batch, self.batch, out)

    def part(self, first: int, count: int, rank: int, world: int) -> Tokens:
        """Returns the rows of `samples(first, count)` of one of `world` ranks: runs as even as can be, in order."""
        low, high = _part(count, rank, world)
        return self.samples(first + low, high - low)

    def sources_of(self, first: int, count: int, rank: int = 0, world: int = 1) -> Whole:
        """Returns the numbers, in `sources`, of those that the rows of `part` come from; reads none of them."""
        low, high = _part(count, rank, world)
        return self.blend.plan(first + low, high - low)[0]

    def batches(self, seen: int = 0, *, rank: int = 0, world: int = 1) -> Iterator[Tokens]:
        """Yields batches without end after `seen` samples; each rank gets its part of every batch."""
        while True:
            yield self.part(seen, self.batch, rank, world)
            seen += self.batch

    def _fill(self, out: Tokens, plan: Placement, skip: int) -> None:
        """Copies one window into each row of `out`, from sample `skip` of the block on; the only loop per sample."""
        chosen = slice(skip, skip + len(out))
        width, shard_of = self.context + 1, self._stream.shard
        columns = [column[chosen].tolist() for column in (plan.shards, plan.offsets, plan.whole)]
        for row, shard, offset, inside in zip(out, *columns, strict=True):
            if inside:
                row[:] = shard_of(shard)[offset : offset + width]
        for at in np.flatnonzero(~plan.whole[chosen]).tolist():
            pieces = self._pieces(int(plan.sources[skip + at]), int(plan.starts[skip + at]))
            out[at] = np.concatenate([shard_of(shard)[offset : offset + size] for shard, offset, size in pieces])

    def _pieces(self, source: int, start: int) -> list[tuple[int, int, int]]:
        """Returns a window as (shard, offset, tokens), which go over the ends of shards and of the source."""
        begin, size = int(self._begins[source]), int(self._sizes[source])
        first = min(self.context + 1, size - start)
        return self._stream.pieces(begin + start, first) + self._stream.pieces(begin, self.context + 1 - first)

    def _plan(self, block: int) -> Placement:
        """Returns the placement of a block of PLAN samples; the last PLANS of them are kept."""
        if block not in self._plans:
            while len(self._plans) >= PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[block] = self._placement(*self.blend.plan(block * PLAN, PLAN))
        return self._plans[block]

    def _placement(self, sources: Whole, ordinals: Whole) -> Placement:
        """Returns the windows of samples by the source of each and its number among that source's samples."""
        windows, sizes = self._windows[sources], self._sizes[sources]
        epochs = ordinals // windows
        keys = mix(self._keys[sources] + epochs.astype(np.uint64) * GOLDEN)
        turns = (mix(keys) % sizes.astype(np.uint64)).astype(np.int64)
        starts = (turns + permuted(ordinals - epochs * windows, windows, keys) * self.context) % sizes
        tokens = starts + self._begins[sources]
        shards = np.searchsorted(self._stream.ends, tokens, side="right")
        offsets = tokens - (self._stream.ends - self._stream.sizes)[shards]
        whole = offsets + self.context + 1 <= self._stream.sizes[shards]
        return Placement(sources, epochs, starts, shards, offsets, whole)

    def seen(self, samples: int) -> tuple[SourceProgress, ...]:
        """Returns what the first `samples` samples take from each source; reads none of them."""
        return tuple(
            SourceProgress(
                source=source.name, samples=count, tokens=count * self.context, epochs=count / self.windows(k)
            )
            for k, (source, count) in enumerate(zip(self.sources, self.blend.counts(samples), strict=True))
        )

    def locate(self, step: int, row: int) -> tuple[Place, ...]:
        """Returns the documents of row `row` of batch `step` (both from 0), in the order of the window's tokens."""
        if step < 0 or not 0 <= row < self.batch:
            raise ValueError(f"need a step from 0 on and a row below {self.batch}, got step {step}, row {row}")
        block, at = divmod(step * self.batch + row, PLAN)
        plan = self._plan(block)
        pieces = self._pieces(int(plan.sources[at]), int(plan.starts[at]))
        return tuple(places([(self._stream.shards[shard], offset, size) for shard, offset, size in pieces]))

    def stream_settings(self) -> dict[str, Any]:
        """Returns all values that the samples and their order depend on, as plain values."""
        settings = {"split": self.split, "context": self.context, "seed": self.seed}
        return settings | {"sources": [_source_settings(source) for source in self.sources]}

    def fingerprint(self) -> str:
        """Returns the sha256 of `stream_settings` in hex."""
        return hashlib.sha256(json.dumps(self.stream_settings(), sort_keys=True).encode()).hexdigest()

    def state(self, samples: int) -> dict[str, Any]:
        """Returns what a checkpoint holds, as plain values: the samples seen, and the settings of their stream."""
        return {"samples": samples, "fingerprint": self.fingerprint(), **self.stream_settings()}

    def resume(self, state: Mapping[str, Any]) -> int:
        """Returns the samples seen in a checkpoint; raises ValueError, which names what has changed since."""
        own = self.state(0)
        for name in ("split", "context", "seed", "sources", "fingerprint"):
            if state.get(name) != own[name]:
                change = _difference(name, state.get(name), own[name])
                raise ValueError(f"{self.manifest}: this would not go on with the checkpoint's samples: {change}")
        samples = state.get("samples")
        if not isinstance(samples, int) or samples < 0:
            raise ValueError(f"a checkpoint's samples are a number from 0 on, got {samples!r}")
        return samples


def _part(count: int, rank: int, world: int) -> tuple[int, int]:
    """Returns where the rows of a rank begin and end among `count`."""
    if not 0 <= rank < world:
        raise ValueError(f"need a rank below the world size, got {rank} of {world}")
    return rank * count // world, (rank + 1) * count // world


def _source_settings(source: SourceShards) -> dict[str, Any]:
    """Returns the values of a source that its samples depend on; its shards as one digest."""
    digest = hashlib.sha256()
    for shard in source.shards:
        digest.update(f"{shard.path}\0{shard.dtype}\0{shard.tokens}\0{shard.sha256}\0".encode())
    return {"name": source.name, "weight": str(source.weight), "tokens": source.tokens, "shards": digest.hexdigest()}


def _difference(name: str, then: Any, now: Any) -> str:
    """Returns a sentence on how a value of a checkpoint differs from this loader's."""
    if name != "sources" or not isinstance(then, list):
        return f"{name} was {then!r} and is {now!r}"
    before = {source.get("name"): source for source in then}
    for source in now:
        old = before.get(source["name"], {})
        for key, value in source.items():
            if old.get(key) != value:
                return f"source {source['name']} has {key} {value!r}, which was {old.get(key)!r}"
    return f"the sources were {', '.join(map(str, before))}"
