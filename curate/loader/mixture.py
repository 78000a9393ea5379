"""Shares the training tokens out among the sources: presets, and a cap on how often a source is seen.

Shares are exact (fractions): they add up to 1, and no source passes the cap. What a capped source cannot give is shared
out among the others in the proportion of their weights, until none is above the cap.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError
from curate.settings import check

COMPUTED = ("recipe", "size", "uniform", "temperature", "unimax", "quality")
EPOCHS = 4.0  # Muennighoff et al. 2023, arXiv:2305.16264: up to four epochs are about as good as new text
CAPPED = ("unimax", "quality")  # the presets that have the cap of EPOCHS unless another is given
PARTS = 10**9  # a share that is not a preset's own weight is written as a whole number of these parts
# FineWeb2's first weights: how often it repeats a document, by the least size of its cluster (github.com/huggingface/
# fineweb-2, "Deduplication").
REPETITIONS = {"1": 1.0, "2": 2.0, "3": 3.0, "5": 5.0, "100": 8.0, "1000": 1.0}
SCALES = {"": 0, "K": 3, "M": 6, "B": 9, "T": 12}  # powers of ten


def presets() -> tuple[str, ...]:
    """Returns the names of all presets."""
    return (*COMPUTED, *published())


def published() -> dict[str, dict[str, Any]]:
    """Returns the mixtures of papers by name: weights or epochs of each source, and the place in the paper."""
    text = (resources.files("curate.manifests") / "mixtures.json").read_text(encoding="utf-8")
    mixtures: dict[str, dict[str, Any]] = json.loads(text)
    return mixtures


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The shares of the sources in the training tokens.

    Presets: recipe (the sources' own weights); size (each seen equally often); uniform; temperature (tokens to the
    power 1 / temperature, as T5, arXiv:1910.10683); unimax (uniform under a cap, arXiv:2304.09151); gpt3 and
    gpt3-epochs (the two readings of Table 2.2 of arXiv:2005.14165); quality (epochs in proportion to mean quality to
    the power quality_power, under a cap).
    """

    tokens: int | None = None  # training tokens for which epochs are stated; None: as many as the sources have
    preset: str = "recipe"  # how the weights are made, see the presets; "recipe" takes the sources' own
    max_epochs: float | None = None  # how often a source is seen at most; None: 4 for unimax and quality, else no cap
    temperature: float = 2.0  # of the preset temperature; no unit
    quality_power: float = 2.0  # exponent of the preset quality; no unit
    quality: Mapping[str, float] = field(
        default_factory=dict
    )  # mean quality (0 to 1) of a source, instead of its scores
    rehydrate: bool = False  # whether a document counts as often as `repetitions` says of its cluster size
    repetitions: Mapping[str, float] = field(
        default_factory=lambda: dict(REPETITIONS)
    )  # how often a document counts, by the least cluster size

    def __post_init__(self) -> None:
        check(self.tokens is None or self.tokens > 0, f"tokens is above 0, got {self.tokens}")
        check(self.preset in presets(), f"preset is one of {', '.join(presets())}, got {self.preset!r}")
        check(
            self.max_epochs is None or 0 < self.max_epochs < math.inf, f"max_epochs is above 0, got {self.max_epochs}"
        )
        check(0 < self.temperature < math.inf, f"temperature is a number above 0, got {self.temperature}")
        check(0 <= self.quality_power < math.inf, f"quality_power is a number from 0 on, got {self.quality_power}")
        for name, value in self.quality.items():
            check(0 <= value <= 1, f"quality lies in [0, 1], got {value} for {name!r}")
        for size, value in self.repetitions.items():
            check(
                bool(re.fullmatch("[1-9][0-9]{0,17}", size)),
                f"repetitions are by cluster size, a whole number such as 100, from 1 on, got {size!r}",
            )
            check(0 < value < math.inf, f"repetitions are numbers above 0, got {value} for {size!r}")
        check("1" in self.repetitions, "repetitions say how often a document without duplicates counts: 1 = 1")

    @property
    def cap(self) -> float | None:
        """Returns the cap that holds, in epochs, or None."""
        return EPOCHS if self.max_epochs is None and self.preset in CAPPED else self.max_epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A source as input of the mixture."""

    name: str
    tokens: int  # of its split "train"
    of: str = ""  # the source that this is a quality bucket of, else its own name or ''
    weight: Fraction = Fraction(1)  # in the recipe, of the undivided source
    quality: float | None = None  # the mean of its documents, 0 to 1
    repeated: Fraction | None = None  # its tokens with each document counted as often as its cluster size says

    @property
    def counted(self) -> Fraction:
        """Returns the tokens by which it is weighed."""
        return Fraction(self.tokens) if self.repeated is None else self.repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """A source's weight, share and epochs in the mixture."""

    name: str
    tokens: int  # of its split "train"
    quality: float | None  # the mean of its documents, 0 to 1
    weight: int | float  # relative to the others'
    share: float  # of the training tokens, 0 to 1
    epochs: float | None  # how often it is seen; None without train tokens
    capped: bool  # it would be seen more often without the cap


def mix(sources: Sequence[Given], chosen: Mixture) -> tuple[Portion, ...]:
    """Returns the portion of every source, in order; raises SettingsError where the preset cannot be followed."""
    weights = [Fraction(0)] * len(sources)
    if sources:
        weights = _weights(sources, chosen)
        if not any(weights):
            raise SettingsError("every source with documents has weight 0; give one of them a weight")
    sizes = [source.tokens for source in sources]
    budget = chosen.tokens or sum(sizes)
    taken, capped = share_out(weights, sizes, budget, chosen.cap)
    whole = sum(taken) or 1
    own = not capped and all(weight == Fraction(str(float(weight))) for weight in weights)
    written = [_number(weight) for weight in weights] if own else _whole_parts([part / whole for part in taken], capped)
    return tuple(
        Portion(
            name=source.name,
            tokens=source.tokens,
            quality=source.quality,
            weight=written[k],
            share=float(taken[k] / whole),
            epochs=round(float(taken[k] / whole * budget / source.tokens), 4) if source.tokens else None,
            capped=k in capped,
        )
        for k, source in enumerate(sources)
    )


def share_out(
    weights: Sequence[Fraction], sizes: Sequence[int], budget: int, cap: float | None
) -> tuple[list[Fraction], set[int]]:
    """Returns the tokens that each source gives of a budget, none more than cap times its size, and who is capped.

    Without a budget the weights themselves. The total is exactly the budget; raises SettingsError where the cap is too
    low for it.
    """
    if not budget or cap is None:
        total = sum(weights) or 1
        return [weight * (budget or total) / total for weight in weights], set()
    most = [Fraction(str(cap)) * size for size in sizes]
    room = sum(limit for limit, weight in zip(most, weights, strict=True) if weight)
    if room < budget:
        raise SettingsError(
            f"{budget:,} tokens are more than {cap:g} epochs of every source with a weight give, which is"
            f" {int(room):,}; lower mixture.tokens (--tokens) or raise mixture.max_epochs (--max-epochs)"
        )
    taken, capped = [Fraction(0)] * len(weights), set[int]()
    left = Fraction(budget)
    while left:
        free = [k for k, weight in enumerate(weights) if weight and k not in capped]
        total = sum((weights[k] for k in free), Fraction(0))
        over = [k for k in free if weights[k] * left >= most[k] * total]
        for k in over or free:
            taken[k] = most[k] if over else weights[k] * left / total
        capped |= set(over)
        left = budget - sum((taken[k] for k in capped), Fraction(0)) if over else Fraction(0)
    return taken, capped


def mean_quality(metas: Sequence[Path]) -> float | None:
    """Returns the mean quality of the documents of shards by their tokens, to six digits; None where none is scored."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    total, tokens = 0.0, 0
    for path in metas:
        try:
            table = pq.read_table(storage.source(path), columns=["quality", "tokens"], use_threads=False)
            scored = table.filter(pc.invert(pc.is_null(table["quality"], nan_is_null=True)))
        except (OSError, ValueError, KeyError) as error:
            raise SettingsError(f"{path}: cannot read its documents' quality: {error}") from None
        weights = scored["tokens"].to_numpy().astype(float)
        total = math.fsum([total, *(scored["quality"].to_numpy().astype(float) * weights).tolist()])
        tokens += int(weights.sum())
    return round(total / tokens, 6) if tokens else None


def repeated_tokens(metas: Sequence[Path], repetitions: Mapping[str, float]) -> Fraction:
    """Returns the tokens of shards, each document counted as often as the repetitions say of its cluster size.

    Raises SettingsError where a document has no cluster size.
    """
    import numpy as np
    import pyarrow.parquet as pq

    rows = sorted((int(size), Fraction(str(value))) for size, value in repetitions.items())
    total = Fraction(0)
    for path in metas:
        try:
            table = pq.read_table(storage.source(path), columns=["cluster_size", "tokens"], use_threads=False)
            sizes, tokens = table["cluster_size"], table["tokens"].to_numpy().astype(np.int64)
        except (OSError, ValueError, KeyError):
            sizes = None
        if sizes is None or sizes.null_count:
            raise SettingsError(f"{path}: its documents have no cluster size; run dedup, or unset mixture.rehydrate")
        places = np.searchsorted([size for size, _ in rows], np.maximum(sizes.to_numpy(), 1), side="right") - 1
        sums = (int(tokens[places == place].sum()) for place in range(len(rows)))
        total += sum((number * value for number, (_, value) in zip(sums, rows, strict=True)), Fraction(0))
    return total


def count(text: str) -> int:
    """Returns a number of tokens as a user writes it; raises SettingsError where it is no number of them.

    >>> count("300B"), count("1.5M"), count("20_000")
    (300000000000, 1500000, 20000)
    """
    match = re.fullmatch(r"([0-9][0-9_]*(?:\.[0-9]+)?)([KMBT]?)", text.strip().upper())
    number = Fraction(match[1].replace("_", "")) * 10 ** SCALES[match[2]] if match else Fraction(0)
    if number < 1 or number.denominator != 1:
        raise SettingsError(f"{text}: not a number of tokens; say 300B, 1.5M or 20000")
    return int(number)


def _weights(sources: Sequence[Given], chosen: Mixture) -> list[Fraction]:
    """Returns a weight for each source; a bucket has its part, by tokens as counted, of the undivided source's.

    With the preset quality every bucket is weighed by itself.
    """
    if chosen.preset == "quality":
        return [Fraction(_mean_quality(source) ** chosen.quality_power) * source.counted for source in sources]
    wholes: dict[str, Given] = {}
    for source in sources:
        name = source.of or source.name
        before = wholes.get(name, Given(name=name, tokens=0))
        wholes[name] = Given(
            name=name,
            tokens=before.tokens + source.tokens,
            weight=source.weight,
            repeated=before.counted + source.counted,
        )
    weights = dict(zip(wholes, _whole_weights(list(wholes.values()), chosen), strict=True))
    members = Counter(source.of or source.name for source in sources)
    shares = []
    for source in sources:
        name = source.of or source.name
        whole = wholes[name].counted
        shares.append(weights[name] * (source.counted / whole if whole else Fraction(1, members[name])))
    return shares


def _whole_weights(sources: Sequence[Given], chosen: Mixture) -> list[Fraction]:
    """Returns the weights of undivided sources by the preset."""
    match chosen.preset:
        case "recipe":
            return [source.weight for source in sources]
        case "size":
            return [source.counted for source in sources]
        case "uniform" | "unimax":
            return [Fraction(1 if source.tokens else 0) for source in sources]
        case "temperature":
            return [Fraction(_number(source.counted) ** (1 / chosen.temperature)) for source in sources]
    table = published()[chosen.preset]
    stated: dict[str, str] = table.get("weights") or table["epochs"]
    for source in sources:
        if source.name not in stated:
            raise SettingsError(
                f"the preset {chosen.preset} has no source {source.name!r}; it has {', '.join(stated)}: name yours so,"
                " or choose another preset"
            )
    return [Fraction(stated[source.name]) * (1 if "weights" in table else source.counted) for source in sources]


def _mean_quality(source: Given) -> float:
    """Returns a source's mean quality; raises SettingsError where it has tokens and no scores."""
    if source.quality is None and source.tokens:
        raise SettingsError(
            f"source {source.name!r} has no quality scores; score it, or state one:"
            f" --set mixture.quality.{source.name}=0.8"
        )
    return source.quality or 0.0


def _number(weight: Fraction) -> int | float:
    return int(weight) if weight.denominator == 1 else float(weight)


def _whole_parts(shares: Sequence[Fraction], capped: set[int]) -> list[int]:
    """Returns shares as whole parts of PARTS, rounded down; what is left goes to those that are not capped, in turn.

    The largest remainder comes first. Where all are capped it goes to them.
    """
    parts = [int(share * PARTS) for share in shares]
    some = [k for k, share in enumerate(shares) if share]
    order = [k for k in some if k not in capped] or some
    order.sort(key=lambda k: (parts[k] - shares[k] * PARTS, k))
    for turn in range(PARTS - sum(parts) if order else 0):
        parts[order[turn % len(order)]] += 1
    return parts
