"""The recipe's [train] table."""

import math
from dataclasses import dataclass

from curate.settings import check


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """The shape of a small GPT-2 and how it is trained."""

    layers: int = 4  # transformer blocks
    heads: int = 4  # of attention, in each layer
    width: int = 128  # numbers of a token's vector, a multiple of heads
    context: int = 128  # tokens of a window
    batch: int = 16  # windows of a step
    steps: int = 200
    learning_rate: float = 3e-3  # the highest, at the end of the warm-up
    warmup: int = 50  # steps in which the learning rate rises
    weight_decay: float = 0.1  # of AdamW, on weights and embeddings
    clip: float = 1.0  # the highest norm of a step's gradient; 0 leaves gradients as they are
    vocabulary: str = "compact"  # "compact" keeps only the ids that occur, "full" all of the tokenizer's
    valid_batches: int = 8  # batches of held-out windows
    log_every: int = 10  # steps between two lines of loss.csv
    sample_tokens: int = 60  # tokens of the text that the trained model writes
    seed: int = 0
    threads: int = 1  # of torch; two threads that wait for one free core are many times slower than one

    def __post_init__(self) -> None:
        check(self.vocabulary in ("compact", "full"), f"vocabulary is compact or full, got {self.vocabulary!r}")
        check(self.heads >= 1 and self.width % self.heads == 0, f"width {self.width} / heads {self.heads} is not whole")
        check(self.layers >= 1 and self.context >= 1 and self.batch >= 1, "layers, context and batch are at least 1")
        check(self.steps >= 1 and self.log_every >= 1, "steps and log_every are at least 1")
        check(self.threads >= 1, f"threads is at least 1, got {self.threads}")
        check(0 < self.learning_rate < math.inf, f"learning_rate is a number above 0, got {self.learning_rate}")
        for name in ("warmup", "weight_decay", "clip", "valid_batches", "sample_tokens"):
            value = getattr(self, name)
            check(0 <= value < math.inf, f"{name} is a number from 0 on, got {value}")
        check(0 <= self.seed < 2**64, f"seed lies in 0..2^64-1, got {self.seed}")
