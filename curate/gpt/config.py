"""The recipe's [train] table."""

from dataclasses import dataclass

from curate.settings import check


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """One small GPT-2-shaped model; vocabulary "compact" keeps only the ids that occur, "full" them all."""

    layers: int = 4
    heads: int = 4
    width: int = 128
    context: int = 128
    batch: int = 16
    steps: int = 200
    learning_rate: float = 3e-3
    warmup: int = 50
    weight_decay: float = 0.1
    clip: float = 1.0
    vocabulary: str = "compact"
    valid_batches: int = 8
    log_every: int = 10
    sample_tokens: int = 60
    seed: int = 0
    threads: int = 1  # two threads that wait for one free core are many times slower than one

    def __post_init__(self) -> None:
        check(self.vocabulary in ("compact", "full"), f"vocabulary is compact or full, got {self.vocabulary!r}")
        check(self.heads >= 1 and self.width % self.heads == 0, f"width {self.width} / heads {self.heads} is not whole")
        check(self.layers >= 1 and self.context >= 1 and self.batch >= 1, "layers, context and batch are at least 1")
        check(self.steps >= 1 and self.log_every >= 1, "steps and log_every are at least 1")
        check(self.threads >= 1, f"threads is at least 1, got {self.threads}")
