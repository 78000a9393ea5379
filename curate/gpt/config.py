"""The recipe's [train] table."""

import math
from dataclasses import dataclass

from curate.errors import SettingsError
from curate.gpt.shapes import PATTERNS, Preset, Shape
from curate.settings import Table, check

MICRO_BATCH = 8  # windows in memory at a time, for the models of the papers
CHOICES = {
    "device": ("auto", "cpu", "cuda", "mps"),
    "precision": ("auto", "fp32", "bf16"),
    "compile": ("auto", "on", "off"),
    "parallel": ("ddp", "fsdp"),
}
WARMUP_TOKENS, DECAY_TOKENS, RECIPE_TOKENS = 375_000_000, 260_000_000_000, 300_000_000_000  # GPT-3, appendix B
RAMP_START = 16 * 2048  # tokens of the first step: the paper's 32k
STEPS = 200  # of a run that states no length
LONGEST_WARMUP = 100_000  # tokens, where the settings do not say
LENGTHS = ("steps", "tokens", "epochs")
MOST_THREADS = 1024
FROM_ZERO = (
    *("decay_tokens", "ramp_tokens", "recipe_tokens", "horizon", "batch_start", "checkpoint_tokens"),
    *("weight_decay", "clip", "valid_windows", "sample_tokens", "band", "micro_batch"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """The shape of a model of GPT-2's or GPT-3's family, and how it is trained."""

    layers: int = 4  # transformer blocks
    heads: int = 4  # of attention, in each layer
    width: int = 128  # numbers of a token's vector, a multiple of heads
    context: int = 128  # tokens of a window
    attention: str = "dense"  # of the layers: dense, gpt-neo (dense and banded in turn), gpt-oss (banded and dense)
    band: int = 0  # positions that one of a banded layer attends to, itself included; 0: those of `attention`
    query_bias: bool = True  # False: attention has no bias but the output's, so that GPT-Neo can hold the weights
    batch: int = 16  # windows of a step
    micro_batch: int = 0  # windows that are in memory at a time; 0: all of the step
    batch_start: int = 0  # windows of the first step, where the batch grows; 0: `batch`
    ramp_tokens: int = 0  # tokens in which the batch grows from `batch_start` to `batch`
    init: str = ""  # a folder of transformers whose weights training begins with; "" draws them
    steps: int | None = None  # of the run; give this or `tokens` or `epochs`, or none of them: 200 steps
    tokens: int | None = None  # of the run
    epochs: float | None = None  # of the run: passes over as many tokens as the dataset holds
    learning_rate: float = 3e-3  # the highest, at the end of the warm-up
    warmup_tokens: int | None = None  # tokens in which the learning rate rises; None: a quarter of a short run
    decay_tokens: int = 0  # tokens after which it has fallen to a tenth, along a cosine; 0: those of the run
    recipe_tokens: int = 0  # the length of run for which warm-up, decay and ramp are stated; 0: they are not scaled
    horizon: float = 0.0  # scales these three; 0: a run that is shorter than `recipe_tokens` scales them to its length
    weight_decay: float = 0.1  # of AdamW, on weights and embeddings
    clip: float = 1.0  # the highest norm of a step's gradient; 0 leaves gradients as they are
    vocabulary: str = "compact"  # "compact" keeps only the ids that occur, "full" all of the tokenizer's
    valid_windows: int = 64  # held-out windows that the loss is measured on, of all sources; 0: all that there are
    log_every: int = 10  # steps between two lines of the log
    tensorboard: bool = False  # whether the log is written for TensorBoard too
    checkpoint_tokens: int = 0  # tokens between two checkpoints, with the held-out loss; 0: an eighth of the run
    keep_checkpoints: int = 2  # the newest that are kept, beside the one with the lowest held-out loss
    sample_tokens: int = 60  # tokens of the text that the trained model writes
    seed: int = 0
    threads: int = 1  # of torch; two threads that wait for one free core are many times slower than one
    device: str = "auto"  # cpu, cuda or mps; auto: cuda, else mps, else cpu
    precision: str = "auto"  # fp32 or bf16; auto: bf16 where the GPU has it, or where a probe shows that a CPU gains
    compile: str = "auto"  # on or off; auto: on CUDA only
    parallel: str = "ddp"  # of several processes: ddp, in which each holds the whole model, or fsdp, a share of it

    def __post_init__(self) -> None:
        check(self.vocabulary in ("compact", "full"), f"vocabulary is compact or full, got {self.vocabulary!r}")
        check(not self.init or self.vocabulary == "full", 'init needs vocabulary="full", as the weights have all ids')
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            check(value in choices, f"{name} is {', '.join(choices[:-1])} or {choices[-1]}, got {value!r}")
        check(self.heads >= 1 and self.width % self.heads == 0, f"width {self.width} / heads {self.heads} is not whole")
        check(self.attention in PATTERNS, f"attention is {', '.join(PATTERNS)}, got {self.attention!r}")
        for name in ("layers", "context", "batch", "log_every", "threads", "keep_checkpoints"):
            check(getattr(self, name) >= 1, f"{name} is at least 1, got {getattr(self, name)}")
        check(self.threads <= MOST_THREADS, f"threads is at most {MOST_THREADS}, got {self.threads}")
        given = [name for name in LENGTHS if getattr(self, name) is not None]
        check(len(given) <= 1, f"a run has one length, got {' and '.join(given)}")
        for name in given:
            check(0 < getattr(self, name) < math.inf, f"{name} is a number above 0, got {getattr(self, name)}")
        check(self.batch_start <= self.batch, f"batch_start {self.batch_start} is at most batch {self.batch}")
        grows = "a batch that grows has both batch_start and ramp_tokens"
        if self.decay_tokens:
            lengths = f"got {self.decay_tokens} and {self.warmup_tokens}"
            check(self.decay_tokens > (self.warmup_tokens or 0), f"decay_tokens is above warmup_tokens, {lengths}")
        check((self.batch_start > 0) == (self.ramp_tokens > 0), f"{grows}, got {self.batch_start}, {self.ramp_tokens}")
        check(0 < self.learning_rate < math.inf, f"learning_rate is a number above 0, got {self.learning_rate}")
        for name in (*FROM_ZERO, *(("warmup_tokens",) if self.warmup_tokens is not None else ())):
            value = getattr(self, name)
            check(0 <= value < math.inf, f"{name} is a number from 0 on, got {value}")
        check(0 <= self.seed < 2**64, f"seed lies in 0..2^64-1, got {self.seed}")

    @property
    def at_once(self) -> int:
        """Returns the windows that are in memory at a time."""
        return min(self.micro_batch or self.batch, self.batch)

    def shape(self, vocabulary: int) -> Shape:
        """Returns the shape of the model, for a vocabulary of this size."""
        pattern, band = PATTERNS[self.attention]
        return Shape(
            layers=self.layers,
            heads=self.heads,
            width=self.width,
            context=self.context,
            vocabulary=vocabulary,
            pattern=pattern,
            band=self.band or band,
            query_bias=self.query_bias,
        )


def settings_of(preset: Preset) -> Table:
    """Returns the settings that make a model of `shapes.PRESETS`: its sizes, its batch and its learning rate.

    The papers' models have GPT-3's course too, which is stated for 300B tokens; GPT-2's paper prints none.
    """
    shape = preset.shape
    table: Table = {
        **sizes_of(shape),
        "batch": preset.batch_tokens // shape.context,
        "micro_batch": min(MICRO_BATCH, preset.batch_tokens // shape.context),
        "learning_rate": preset.learning_rate,
    }
    if preset.printed:
        table |= {"warmup_tokens": WARMUP_TOKENS, "decay_tokens": DECAY_TOKENS, "recipe_tokens": RECIPE_TOKENS}
    if preset.ramp_tokens:
        table |= {"batch_start": RAMP_START // shape.context, "ramp_tokens": preset.ramp_tokens}
    return table


def sizes_of(shape: Shape) -> Table:
    """Returns the settings that make a shape; SettingsError where no setting has its attention."""
    attention = next((name for name, (pattern, _) in PATTERNS.items() if pattern == shape.pattern), None)
    if attention is None:
        raise SettingsError(
            f"no setting has layers of {', '.join(shape.pattern)} in turn; there is {', '.join(PATTERNS)}"
        )
    sizes = {name: getattr(shape, name) for name in ("layers", "heads", "width", "context", "band", "query_bias")}
    return {"attention": attention, **sizes}


def with_sizes(table: Table, shape: Shape) -> Table:
    """Returns settings with the sizes of a shape; SettingsError, which names it, where one is given otherwise."""
    sizes = sizes_of(shape)
    for name, value in sizes.items():
        given = table.get(name, value)
        if name == "band" and given == 0:
            given = PATTERNS[sizes["attention"]][1]
        if given != value:
            raise SettingsError(f"{name} is {given}, but {value} in the weights of {table['init']}; set {name}={value}")
    return {**table, **sizes}
