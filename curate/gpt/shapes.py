"""The sizes of models: Shape, and every model of the GPT-2 and GPT-3 papers by name, with what the papers print of it.

GPT-2: Radford et al. 2019, Table 2. GPT-3: Brown et al. 2020 (arXiv:2005.14165), Tables 2.1 and D.1.
"""

from dataclasses import dataclass, replace
from typing import Literal

from curate.errors import SettingsError

NORM_EPS = 1e-5  # of every norm

# The attention of the layers, repeated, and the keys that a banded layer sees. GPT-3's paper gives neither the width of
# the band nor which layers have one; these are the two readings that others have published.
PATTERNS: dict[str, tuple[tuple[str, ...], int]] = {
    "dense": (("dense",), 256),
    "gpt-neo": (("dense", "banded"), 256),
    "gpt-oss": (("banded", "dense"), 128),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of a model."""

    layers: int
    heads: int  # of attention, in each layer
    width: int  # numbers of a token's vector
    context: int = 1024  # tokens; the default is GPT-2's
    vocabulary: int = 50257  # ids; the default is GPT-2's
    inner: int = 0  # numbers of all heads of a layer together; 0: as many as the width
    pattern: tuple[str, ...] = ("dense",)  # the attention of the layers, repeated: dense or banded
    band: int = 256  # positions that one of a banded layer attends to, itself included
    query_bias: bool = True  # False: attention has no bias but the output's, as in GPT-Neo

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", tuple(self.pattern))
        if min(self.layers, self.heads, self.width, self.context, self.vocabulary, self.band) < 1:
            raise ValueError(f"every size is at least 1, got {self}")
        if self.attention_width % self.heads:
            name = "inner" if self.inner else "width"
            size = f"{name} {self.attention_width} and {self.heads} heads"
            raise ValueError(f"{name} is a multiple of heads, got {size}")
        if not self.pattern or not {*self.pattern} <= {"dense", "banded"}:
            raise ValueError(f"a pattern is made of dense and banded, got {self.pattern}")

    @property
    def attention_width(self) -> int:
        """Returns the width of all heads of a layer together."""
        return self.inner or self.width

    @property
    def parameters(self) -> int:
        """Returns the trainable numbers: the tied embedding, positions, blocks, the final norm.

        A block of width d and inner width a has 4 a d + 3 a + d in attention (4 a d + d without `query_bias`),
        8 d^2 + 5 d in the MLP, 4 d in norms.
        """
        width, inner = self.width, self.attention_width
        block = 4 * inner * width + 3 * inner * self.query_bias + 8 * width**2 + 10 * width
        return (self.vocabulary + self.context + 2) * width + self.layers * block

    def attention(self, layer: int) -> str:
        """Returns the attention of a layer (from 0): dense or banded."""
        return self.pattern[layer % len(self.pattern)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A model of a paper, or a small one of its family: its shape, its batch, its learning rate, and its misprints."""

    family: Literal["gpt2", "gpt3"]
    shape: Shape
    batch_tokens: int  # of a step, after the ramp of GPT-3's
    learning_rate: float  # the highest
    ramp_tokens: int = 0  # tokens in which the batch grows; 0: it does not
    printed: str = ""  # the size that the paper prints, in millions
    literal: Shape | None = None  # by the paper's printed sizes, where these are not the ones of `shape`
    misprint: str = ""  # what is printed, and why it cannot be meant


def _gpt2(layers: int, width: int, heads: int, learning_rate: float, printed: str) -> Preset:
    """Returns a model of GPT-2; its paper prints no heads (the released files do) and no learning rates.

    The rates are those of GPT-3 for the nearest size. The sizes that the paper prints count the 40,478 ids of GPT-1.
    """
    shape = Shape(layers=layers, width=width, heads=heads)
    return Preset(family="gpt2", shape=shape, batch_tokens=512 * 1024, learning_rate=learning_rate, printed=printed)


def _gpt3(layers: int, width: int, heads: int, sequences: int, learning_rate: float, printed: str) -> Preset:
    """Returns a model of GPT-3; the printed size is Table D.1's, and a batch is so many sequences of 2,048 tokens.

    The batch grows over 4B to 12B tokens, "depending on the model size": here in proportion to the batch.
    """
    pattern, band = PATTERNS["gpt-neo"]
    shape = Shape(layers=layers, width=width, heads=heads, context=2048, pattern=pattern, band=band)
    return Preset(
        family="gpt3",
        shape=shape,
        batch_tokens=sequences * 2048,
        learning_rate=learning_rate,
        ramp_tokens=4_000_000_000 + 8_000_000_000 * (sequences - 256) // (1536 - 256),
        printed=printed,
    )


def _presets() -> dict[str, Preset]:
    xl = _gpt3(24, 2048, 16, 512, 2.0e-4, "1320")
    large = _gpt3(40, 5120, 40, 1024, 1.0e-4, "12850")
    tiny = Shape(layers=4, heads=4, width=128, context=128)
    banded = replace(tiny, context=256, pattern=("dense", "banded"), band=32)
    return {
        "gpt2": _gpt2(12, 768, 12, 6.0e-4, "117"),
        "gpt2-medium": _gpt2(24, 1024, 16, 3.0e-4, "345"),
        "gpt2-large": _gpt2(36, 1280, 20, 2.5e-4, "762"),
        "gpt2-xl": _gpt2(48, 1600, 25, 2.0e-4, "1542"),
        "gpt3-small": _gpt3(12, 768, 12, 256, 6.0e-4, "125"),
        "gpt3-medium": _gpt3(24, 1024, 16, 256, 3.0e-4, "356"),
        "gpt3-large": _gpt3(24, 1536, 16, 256, 2.5e-4, "760"),
        "gpt3-xl": replace(
            xl,
            literal=replace(xl.shape, heads=24, inner=24 * 128),
            misprint="Table 2.1 prints 24 heads of 128, which make 3072 and not 2048; Table D.1's size is that of 16",
        ),
        "gpt3-2.7b": _gpt3(32, 2560, 32, 512, 1.6e-4, "2650"),
        "gpt3-6.7b": _gpt3(32, 4096, 32, 1024, 1.2e-4, "6660"),
        "gpt3-13b": replace(
            large,
            misprint="Table 2.1 prints a width of 5140, which 40 heads of 128 do not make; Table D.1's size is 5120's",
        ),
        "gpt3-175b": _gpt3(96, 12288, 96, 1536, 0.6e-4, "174600"),
        "tiny-gpt2": Preset(family="gpt2", shape=tiny, batch_tokens=16 * 128, learning_rate=3e-3),
        "tiny-gpt3": Preset(family="gpt3", shape=banded, batch_tokens=8 * 256, learning_rate=3e-3),
    }


PRESETS = _presets()


def preset(name: str, *, literal: bool = False) -> Preset:
    """Returns a model by its name; SettingsError where there is none, or where its printed sizes make no model.

    literal: with the sizes that the paper prints, where they are misprints.
    """
    if name not in PRESETS:
        raise SettingsError(f"no model is called {name!r}; there are {', '.join(PRESETS)}")
    chosen = PRESETS[name]
    if not literal or not chosen.misprint:
        return chosen
    if chosen.literal is None:
        raise SettingsError(f"{name}: no model has the printed sizes: {chosen.misprint}")
    return replace(chosen, shape=chosen.literal)
