"""The numbers of a sample, taken to the whole input: stage by stage, each from what the one before it leaves."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from curate import storage
from curate.inputs.columns import USER_FORMS
from curate.pipelines import plans
from curate.pipelines.estimation import costs
from curate.pipelines.estimation.listing import Listing
from curate.pipelines.estimation.places import Sample
from curate.pipelines.estimation.trial import PartCost, StageTrial, Trial
from curate.pipelines.estimation.weights import Floats, Number, Weights
from curate.recipe import Recipe
from curate.stage.kinds import KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEstimate:
    """The cost of one stage."""

    stage: str
    parts: Number  # of pack: shards
    read: Number  # documents; of extract: pages
    kept: Number
    cpu_s: Number
    parts_s: Number  # of it in the parts, as the closing record of the stage counts it
    wall_s: float
    processes: int  # that make the parts
    bytes_in: Number
    bytes_out: Number
    bytes_shuffled: int
    memory: int  # bytes at the peak: of one process, or of all together where they hold a shuffle
    requests: int  # to the store, if the output lies on one


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The cost of a run."""

    recipe: str
    workers: int
    files: int
    parts_exact: bool  # False: the number of parts was estimated too
    sampled: int  # pages or rows
    places: int
    bytes_in: Number
    documents: Number  # in the shards
    tokens: Number
    shards: Number
    disk: Number  # bytes
    cpu_s: Number
    wall_s: float
    memory: int
    requests: int
    stages: tuple[StageEstimate, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flow:
    """The output of a stage, which the next one reads."""

    size: Floats  # bytes of files
    text: float  # bytes of text; 0 where it is not known yet
    documents: Floats
    tokens: Floats
    stage: StageTrial | None = None  # the stage itself, where its parts hold documents


class Projection:
    """The numbers of one sample."""

    def __init__(
        self, recipe: Recipe, inputs: Listing, sample: Sample, tried: Trial, workers: int, unique: float | None
    ) -> None:
        self.recipe, self.inputs, self.sample, self.tried = recipe, inputs, sample, tried
        self.workers, self.unique = workers, unique
        self.weights = Weights(inputs, sample)
        self.waiting = False  # whether a stage has left worker processes that wait for work
        self.factor = 1.0  # of all that comes behind dedup, where the user knows what it keeps

    def estimate(self) -> Estimate:
        """Returns the estimate of the run."""
        nothing: Floats = np.zeros_like(self.weights.input)
        flow = _Flow(size=self.weights.input, text=0.0, documents=nothing, tokens=nothing)
        stages: list[StageEstimate] = []
        cpu, disk = nothing + costs.FIRST_S + self.tried.closing_s, nothing
        for tried in self.tried.stages:
            work = self._packed if tried.stage == "pack" else self._mapped
            stage, seconds, flow = work(tried, flow)
            stages.append(stage)
            cpu, disk = cpu + seconds, disk + flow.size + tried.beside_bytes
        last = stages[-1]
        return Estimate(
            recipe=self.recipe.name,
            workers=self.workers,
            files=self.inputs.files,
            parts_exact=self.inputs.exact,
            sampled=sum(part.read for part in self._parts(self.tried.stages[0])),
            places=len(self.sample.places),
            bytes_in=Number.of(self.weights.input),
            documents=last.kept,
            tokens=Number.of(flow.tokens),
            shards=last.parts if last.stage == "pack" else Number.of(0.0),
            disk=Number.of(disk),
            cpu_s=Number.of(cpu),
            wall_s=costs.FIRST_S + self.tried.closing_s + sum(stage.wall_s for stage in stages),
            memory=max(stage.memory for stage in stages),
            requests=sum(stage.requests for stage in stages),
            stages=tuple(stages),
            notes=tuple(self._notes()),
        )

    def _stage(self, name: str) -> StageTrial:
        """Returns the stage of this name of the sample."""
        return next(tried for tried in self.tried.stages if tried.stage == name)

    def _parts(self, tried: StageTrial) -> list[PartCost]:
        """Returns what the part of each place took."""
        return [tried.parts[place.item.number] for place in self.sample.places]

    def _total(self, tried: StageTrial, value: Callable[[PartCost], float]) -> Floats:
        """Returns the sum over the input of what a part gives."""
        return self.factor * self.weights.total([value(part) for part in self._parts(tried)])

    def _mapped(self, tried: StageTrial, before: _Flow) -> tuple[StageEstimate, Floats, _Flow]:
        """Returns what a stage takes whose parts are those of the inputs, its CPU seconds, and what it leaves."""
        fixed, parts = self._fixed(tried, before), self.inputs.parts
        work, start = self._work(tried, fixed)
        start += tried.start_s
        read = self._total(tried, lambda part: part.read)
        left = self._left(tried, before, read)
        count = self._processes(tried.stage, float(before.size[0]))
        made = work + fixed * parts
        work = made + costs.shuffle_seconds(tried.stage, self.recipe, float(read[0]), before.text)
        driver = self._driver(tried, parts)
        seconds: Floats = work + driver + count * start + (count * costs.WORKER_S if count > 1 else 0.0)
        need = costs.need(tried.stage, self.recipe, round(read[0]), before.text, count)
        stage = StageEstimate(
            stage=tried.stage,
            parts=Number.of(float(parts)),
            read=Number.of(read),
            kept=Number.of(left.documents),
            cpu_s=Number.of(seconds),
            parts_s=Number.of(made + count * (start - tried.start_s)),
            wall_s=driver + start + costs.OPENING_S * (count > 1) + self._wall(float(work[0]), count),
            processes=count,
            bytes_in=Number.of(before.size),
            bytes_out=Number.of(left.size + tried.beside_bytes),
            bytes_shuffled=need.shuffled if need else 0,
            memory=max(self.tried.memory, need.memory if need else 0),
            requests=costs.requests(tried.stage, parts, float(before.size[0]), reads=self._reads_store(tried)),
        )
        return stage, seconds, left

    def _left(self, tried: StageTrial, before: _Flow, read: Floats) -> _Flow:
        """Returns what a stage leaves to the next one; read: documents."""
        fixed = tried.records + median(tried.parts[item.number].files for item in self.sample.idle)
        written = self._total(tried, lambda part: part.written) + fixed * self.inputs.parts
        kept, text = self._total(tried, lambda part: part.kept), self._total(tried, lambda part: part.text)
        if tried.stage == "dedup" and self.unique is not None:
            self.factor = float(self.unique * read[0] / kept[0])
            kept, text = self.factor * kept, self.factor * text
        return _Flow(
            size=written,
            text=float(text[0]) if tried.stage != "tokenize" else before.text,
            documents=kept,
            tokens=self._total(tried, lambda part: part.tokens),
            stage=before.stage if tried.stage == "dedup" else tried,  # decisions hold no text
        )

    def _fixed(self, tried: StageTrial, before: _Flow) -> float:
        """Returns the CPU seconds of a part beside those of its documents.

        A part of nothing costs less than one of a row. The line through the means of the short parts and of the others
        meets no text where a part of rows does; for pages, whose costs differ too much for that and are large beside
        it, a part of nothing tells.
        """
        idle = self._idle(tried)
        if before.stage is None and any(item.form not in USER_FORMS for item in self.inputs.items):
            return idle
        parts, sizes = self._parts(tried), self._sizes(before)
        groups: list[tuple[float, float]] = []
        for short in (True, False):
            chosen = [
                number
                for number, place in enumerate(self.sample.places)
                if number and place.short is short and parts[number].read
            ]
            if len(chosen) < 2:
                return idle
            seconds = float(np.mean([parts[number].seconds for number in chosen]))
            groups.append((float(sizes[chosen].mean()), seconds))
        (small, low), (large, high) = groups
        if large <= small:
            return idle
        return float(np.clip(low - small * (high - low) / (large - small), idle, max(idle, low)))

    def _idle(self, tried: StageTrial) -> float:
        """Returns the CPU seconds of a part of nothing."""
        return median(tried.parts[item.number].seconds for item in self.sample.idle)

    def _sizes(self, before: _Flow) -> Floats:
        """Returns the bytes that the part of each place reads."""
        if before.stage is None:
            return self.weights.bytes
        return np.array([part.text for part in self._parts(before.stage)], np.float64)

    def _driver(self, tried: StageTrial, parts: float) -> float:
        """Returns the CPU seconds of the launching process, which has fewer or more parts than the sample had."""
        own = tried.beside - costs.driver_seconds(tried.stage, len(tried.parts))
        return max(0.0, own) + costs.driver_seconds(tried.stage, parts)

    def _work(self, tried: StageTrial, fixed: float) -> tuple[Floats, float]:
        """Returns the CPU seconds that grow with the input, and those in which a process warms up.

        fixed: the seconds of a part beside those of its documents. The first place warmed up, so what its pages took is
        what those of the others did.
        """
        idle = self._idle(tried)
        own = np.array([part.seconds - (fixed if part.read else idle) for part in self._parts(tried)])
        if len(own) == 1:
            return self.factor * self.weights.total(own), 0.0
        sizes = self.weights.bytes
        expected = sizes[0] * own[1:].sum() / sizes[1:].sum()
        start = max(0.0, float(own[0] - expected))
        own[0] = expected
        return self.factor * self.weights.total(own), start

    def _processes(self, stage: str, size: float) -> int:
        """Returns how many processes make the parts of a stage, which stay for the next; size: bytes that it reads."""
        count = costs.processes(stage, size, self.workers, waiting=self.waiting)
        self.waiting = self.waiting or count > 1
        return count

    def _wall(self, seconds: float, count: int) -> float:
        """Returns how long processes take for so much work in parts of the inputs' sizes."""
        return seconds / count * costs.stretch(self.inputs.piece_sizes, count)

    def _reads_store(self, tried: StageTrial) -> bool:
        """Returns whether a stage reads from a store, if the output lies on one."""
        return tried.stage != self.recipe.stages[0] or any(storage.is_remote(item.uri) for item in self.inputs.items)

    def _packed(self, tried: StageTrial, before: _Flow) -> tuple[StageEstimate, Floats, _Flow]:
        """Returns what pack takes, its CPU seconds, and what it leaves."""
        outputs = tried.record.outputs
        beside = sum(file.bytes for name, file in outputs.items() if not name.endswith(".bin"))
        packed = sum(file.bytes for name, file in outputs.items() if name.endswith(".bin"))
        width = packed / sum(part.tokens for part in self._parts(self._stage("tokenize")))
        shards, size = self._shards(tried, before), width * before.tokens
        written = size + before.documents * beside / max(1, tried.record.counts.kept) + shards * tried.records
        count = self._processes("pack", float(size[0]))
        rate = KINDS["pack"].bytes_per_second
        work: Floats = shards * median(part.seconds for part in tried.parts.values()) + size / rate
        driver = self._driver(tried, float(shards[0]))
        seconds: Floats = work + driver + (count * costs.WORKER_S if count > 1 else 0.0)
        whole = float(work[0]) / count * costs.stretch([1.0] * max(1, round(shards[0])), count)
        number = Number.of(shards)
        stage = StageEstimate(
            stage="pack",
            parts=number,
            read=Number.of(before.documents),
            kept=Number.of(before.documents),
            cpu_s=Number.of(seconds),
            parts_s=Number.of(work),
            wall_s=driver + costs.OPENING_S * (count > 1) + whole,
            processes=count,
            bytes_in=Number.of(before.size),
            bytes_out=Number.of(written),
            bytes_shuffled=0,
            memory=self.tried.memory,
            requests=costs.requests(
                "pack", self.inputs.parts, float(before.size[0]), reads=True, shards=round(number.value)
            ),
        )
        return stage, seconds, _Flow(size=written, text=0.0, documents=before.documents, tokens=before.tokens)

    def _shards(self, tried: StageTrial, before: _Flow) -> Floats:
        """Returns how many shards there are: those of each source, split and bucket are cut by themselves.

        A shard ends before the document that is too long for it, so that about half of one is left free.
        """
        pack, parts = self.recipe.pack, self._parts(self._stage("tokenize"))
        shards: Floats = np.zeros_like(before.size)
        for source in self.inputs.sizes:
            tokens = self.factor * self.weights.of_source(source, [part.tokens for part in parts])
            documents = self.factor * self.weights.of_source(source, [part.kept for part in parts])
            mean = tokens / np.maximum(documents, 1)
            room = np.maximum(mean, pack.max_tokens - mean / 2)
            valid = np.maximum(pack.valid_fraction * tokens, np.minimum(pack.valid_tokens, tokens / 2))
            for share in _buckets(tried, source):
                for split in (share * (tokens - valid), share * valid):
                    shards += np.where(split > mean / 2, np.ceil(split / room), 0.0)
        return shards

    def _notes(self) -> list[str]:
        """Returns what the numbers leave out."""
        notes = []
        if self.unique is None:
            notes.append(
                "copies that lie apart are in no sample: dedup keeps what it kept of the sample at most, and less "
                "remains for the stages behind it; --unique SHARE states what it keeps"
            )
        if not self.inputs.exact:
            notes.append("only some of the indexes were read; the others are taken to select as much")
        if len(self.tried.stages) < len(self.recipe.stages):
            notes.append(
                f"{self.tried.stages[-1].stage} kept nothing of the sample, so no stage behind it was measured"
            )
        if self.recipe.train:
            notes.append("the model is not in it: curate scale OUT --plan states what training takes")
        notes += [warning.message for warning in plans.left_out(self.recipe)]
        return notes


def _buckets(tried: StageTrial, source: str) -> list[float]:
    """Returns the shares of a source's tokens that its buckets hold in the sample, by the folders of its shards."""
    sizes = Counter[str]()
    for item in tried.record.items:
        if item.source == source:
            sizes[item.name.split("/")[1]] += item.size
    return [size / sizes.total() for size in sizes.values()]
