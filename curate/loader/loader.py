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
from curate.loader.streams import SourceShards, Stream, Tokens, read_sources
from curate.records import keyed_hash
from curate.storage.cache import Check

PLAN = 2048  # samples whose places are worked out at a time
PLANS = 4  # and kept


@dataclass(frozen=True, slots=True)
class Placement:
    """Where samples lie: source and epoch, the first token in its source, and the shard and offset of that token.

    whole: does the window lie in that shard to its end?
    """

    sources: Whole
    epochs: Whole
    starts: Whole
    shards: Whole
    offsets: Whole
    whole: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProgress:
    """What a number of samples took from one source; `epochs` counts its windows, so it is exact."""

    source: str
    samples: int
    tokens: int
    epochs: float


class Loader:
    """The samples of one split; see the module for their order.

    left_out: sources of this split too short for one window; the others' weights take over their share.
    batch: how many samples `batch_at` and `locate` take to be a step; it does not change their order.
    """

    def __init__(
        self,
        manifest: Path,
        *,
        split: str = "train",
        context: int,
        batch: int = 1,
        seed: int,
        check: Check = "once",
    ) -> None:
        if context < 1 or batch < 1 or not 0 <= seed < 2**64:
            wrong = f"got {context}, {batch}, {seed}"
            raise ValueError(f"need context and batch of at least 1 and a seed in 0..2^64-1, {wrong}")
        self.manifest, self.split, self.context, self.batch, self.seed = manifest, split, context, batch, seed
        sources = read_sources(manifest, split)
        self.sources = tuple(source for source in sources if source.tokens > context and source.weight)
        self.left_out = tuple(source.name for source in sources if source.tokens <= context and source.weight)
        if not self.sources:
            found = ", ".join(f"{source.name} ({source.tokens} tokens, weight {source.weight})" for source in sources)
            raise ValueError(
                f"{manifest}: split {split!r} has no source with a weight above 0 and the {context + 1} tokens"
                f" of one window: {found or 'no sources'}; lower the context or add text"
            )
        self.blend = Blend(integer_weights([source.weight for source in self.sources]))
        self._stream = Stream([shard for source in self.sources for shard in source.shards], check)
        self._sizes = np.array([source.tokens for source in self.sources], np.int64)
        self._begins = np.cumsum(self._sizes) - self._sizes
        self._windows = self._sizes // context
        hashes = [keyed_hash(seed, "loader", source.name.encode()) for source in self.sources]
        self._keys: Keys = np.array([int.from_bytes(each) for each in hashes], np.uint64)
        self._plans: dict[int, Placement] = {}

    def windows(self, source: int) -> int:
        """Windows in an epoch of a source."""
        return int(self._windows[source])

    def samples(self, first: int, count: int, out: Tokens | None = None) -> Tokens:
        """Samples first .. first + count - 1, shape (count, T + 1), into `out` where it is given."""
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
        """Batch `number` (from 0), shape (B, T + 1); the same whichever batches were read before."""
        return self.samples(number * self.batch, self.batch, out)

    def part(self, first: int, count: int, rank: int, world: int) -> Tokens:
        """The rows of `samples(first, count)` that belong to one of `world` ranks: runs as even as can be, in order."""
        if not 0 <= rank < world:
            raise ValueError(f"need a rank below the world size, got {rank} of {world}")
        low, high = rank * count // world, (rank + 1) * count // world
        return self.samples(first + low, high - low)

    def batches(self, seen: int = 0, *, rank: int = 0, world: int = 1) -> Iterator[Tokens]:
        """Batch after batch without end, from a number of samples seen on; each rank gets its part of every batch."""
        while True:
            yield self.part(seen, self.batch, rank, world)
            seen += self.batch

    def _fill(self, out: Tokens, plan: Placement, skip: int) -> None:
        """Copy one window per row: the only loop per sample."""
        chosen, width, shard_of = slice(skip, skip + len(out)), self.context + 1, self._stream.shard
        shards, offsets, whole = (each[chosen].tolist() for each in (plan.shards, plan.offsets, plan.whole))
        for row, shard, offset, inside in zip(out, shards, offsets, whole, strict=True):
            if inside:
                row[:] = shard_of(shard)[offset : offset + width]
        for at in np.flatnonzero(~plan.whole[chosen]).tolist():
            pieces = self._pieces(int(plan.sources[skip + at]), int(plan.starts[skip + at]))
            out[at] = np.concatenate([shard_of(shard)[offset : offset + size] for shard, offset, size in pieces])

    def _pieces(self, source: int, start: int) -> list[tuple[int, int, int]]:
        """A window as (shard, offset, tokens), over the ends of shards and of the source."""
        begin, size = int(self._begins[source]), int(self._sizes[source])
        first = min(self.context + 1, size - start)
        return self._stream.pieces(begin + start, first) + self._stream.pieces(begin, self.context + 1 - first)

    def _plan(self, block: int) -> Placement:
        if block not in self._plans:
            while len(self._plans) >= PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[block] = self._planned(*self.blend.plan(block * PLAN, PLAN))
        return self._plans[block]

    def _planned(self, sources: Whole, ordinals: Whole) -> Placement:
        """From each sample's source and number in it to the place of its window."""
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
        """What the first `samples` samples take from each source, without reading any."""
        return tuple(
            SourceProgress(
                source=source.name, samples=count, tokens=count * self.context, epochs=count / self.windows(k)
            )
            for k, (source, count) in enumerate(zip(self.sources, self.blend.counts(samples), strict=True))
        )

    def locate(self, step: int, row: int) -> tuple[Place, ...]:
        """The documents behind row `row` of batch `step` (both from 0), in the order of the window's tokens."""
        if step < 0 or not 0 <= row < self.batch:
            raise ValueError(f"need a step from 0 on and a row below {self.batch}, got {step}, {row}")
        block, at = divmod(step * self.batch + row, PLAN)
        plan = self._plan(block)
        pieces = self._pieces(int(plan.sources[at]), int(plan.starts[at]))
        return tuple(places([(self._stream.shards[shard], offset, size) for shard, offset, size in pieces]))

    def identity(self) -> dict[str, Any]:
        """What decides the stream, as plain values; a manifest whose other words change keeps its stream."""
        settings = {"split": self.split, "context": self.context, "seed": self.seed}
        return settings | {"sources": [_identity(source) for source in self.sources]}

    def fingerprint(self) -> str:
        """The hex sha256 of `identity`."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()

    def state(self, samples: int) -> dict[str, Any]:
        """What a checkpoint holds, as plain values: the samples seen, and what they were samples of."""
        return {"samples": samples, "fingerprint": self.fingerprint(), **self.identity()}

    def resume(self, state: Mapping[str, Any]) -> int:
        """The samples seen in a checkpoint; ValueError naming what was not the same when it was written."""
        own = self.state(0)
        for name in ("split", "context", "seed", "sources", "fingerprint"):
            if state.get(name) != own[name]:
                told = _difference(name, state.get(name), own[name])
                raise ValueError(f"{self.manifest}: this would not go on with the checkpoint's samples: {told}")
        samples = state.get("samples")
        if not isinstance(samples, int) or samples < 0:
            raise ValueError(f"a checkpoint's samples are a number from 0 on, got {samples!r}")
        return samples


def _identity(source: SourceShards) -> dict[str, Any]:
    digest = hashlib.sha256()
    for shard in source.shards:
        digest.update(f"{shard.path}\0{shard.dtype}\0{shard.tokens}\0{shard.sha256}\0".encode())
    return {"name": source.name, "weight": str(source.weight), "tokens": source.tokens, "shards": digest.hexdigest()}


def _difference(name: str, then: Any, now: Any) -> str:
    if name != "sources" or not isinstance(then, list):
        return f"{name} was {then!r} and is {now!r}"
    before = {each.get("name"): each for each in then}
    for each in now:
        old = before.get(each["name"], {})
        for key, value in each.items():
            if old.get(key) != value:
                return f"source {each['name']} has {key} {value!r}, which was {old.get(key)!r}"
    return f"the sources were {', '.join(map(str, before))}"
