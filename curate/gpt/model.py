"""GPT-2 exactly (Radford et al. 2019; openai/gpt-2 `src/model.py`), and GPT-3: tokens (B, T) to logits (B, T, V).

Pre-norm blocks and a final norm, biases everywhere, tanh GELU, norms with eps 1e-5, learned positions, a head tied to
the token embedding, no dropout. Submodules carry the released checkpoints' names (`h.0.attn.c_attn`, ...). GPT-3 is the
same, except that its attention is dense and locally banded in turn (`shapes.PATTERNS`).
"""

# torch is optional, so mypy takes its classes as Any
# mypy: allow-subclassing-any

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from curate.gpt.attention import Cache, banded, dense
from curate.gpt.shapes import NORM_EPS, Shape

INIT_STD = 0.02
HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class OneDNN(torch.autograd.Function):
    """A linear layer of 32-bit floats by oneDNN, forward and backward.

    torch takes MKL for these, which leaves AVX-512 unused on AMD's processors: oneDNN is twice as fast there.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Returns x (..., K) times the transposed weight (N, K), plus the bias (N)."""
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients of x, the weight and the bias."""
        x, weight = ctx.saved_tensors
        rows, inputs = gradient.flatten(0, -2), x.flatten(0, -2)
        of_x = _product(gradient, weight.t()) if ctx.needs_input_grad[0] else None
        of_bias = rows.sum(0) if ctx.needs_input_grad[2] else None
        if len(weight) > weight.shape[1]:  # the same numbers; the longer side is faster as columns
            return of_x, _product(inputs.t(), rows.t()).t(), of_bias
        return of_x, _product(rows.t(), inputs.t()), of_bias


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Returns x (..., K) times the transposed weight (N, K) by oneDNN."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Returns what `F.linear` does, in the way that is quickest for this device and precision."""
    if x.device.type != "cpu" or not x.dtype == weight.dtype == torch.float32 or not HAS_ONEDNN:
        return F.linear(x, weight, bias)
    if torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        return F.linear(x, weight, bias)
    product: Tensor = OneDNN.apply(x, weight, bias)
    return product


class Linear(nn.Linear):
    """A layer of `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """Transforms (..., K) to (..., N)."""
        return linear(x, self.weight, self.bias)


class Attention(nn.Module):
    """Causal self-attention, (B, T, d) to (B, T, d).

    Without `query_bias`, queries, keys and values have no bias. Only the query's changes what a model can express: a
    bias of the keys cancels in the softmax, and one of the values adds a constant, as the output's bias does.
    """

    def __init__(self, shape: Shape, layer: int) -> None:
        super().__init__()
        self.heads = shape.heads
        self.band = shape.band if shape.attention(layer) == "banded" else None
        self.c_attn = Linear(shape.width, 3 * shape.attention_width, bias=shape.query_bias)
        self.c_proj = Linear(shape.attention_width, shape.width)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Mixes each position with those before it, which a cache adds to; then T is 1, unless the cache is empty."""
        batch, time, _ = x.shape
        stacked = self.c_attn(x).view(batch, time, 3, self.heads, -1)
        query, key, value = stacked.permute(2, 0, 3, 1, 4)  # each (B, heads, T, d / heads)
        if cache and cache.read:
            mixed = F.scaled_dot_product_attention(query, *cache.add(key, value))
        else:
            mixed = dense(query, key, value) if self.band is None else banded(query, key, value, self.band)
            if cache:
                cache.add(key, value)
        projected: Tensor = self.c_proj(mixed.transpose(1, 2).reshape(batch, time, -1))
        return projected


class MLP(nn.Module):
    """Two layers with four times the width between them, (B, T, d) to (B, T, d)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.c_fc = Linear(shape.width, 4 * shape.width)
        self.c_proj = Linear(4 * shape.width, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        """Transforms each position by itself; the exact erf GELU would miss GPT-2's logits by 5e-4."""
        projected: Tensor = self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))
        return projected


class Block(nn.Module):
    """Attention, then MLP, each normed before and added after."""

    def __init__(self, shape: Shape, layer: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(shape.width, eps=NORM_EPS)
        self.attn = Attention(shape, layer)
        self.ln_2 = nn.LayerNorm(shape.width, eps=NORM_EPS)
        self.mlp = MLP(shape)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Transforms (B, T, d) to (B, T, d)."""
        x = x + self.attn(self.ln_1(x), cache)
        x = x + self.mlp(self.ln_2(x))
        return x


class GPT(nn.Module):
    """The language model; its initial weights come from torch's global generator."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.wte = nn.Embedding(shape.vocabulary, shape.width)
        self.wpe = nn.Embedding(shape.context, shape.width)
        self.h = nn.ModuleList(Block(shape, layer) for layer in range(shape.layers))
        self.ln_f = nn.LayerNorm(shape.width, eps=NORM_EPS)
        self._initialise()

    def _initialise(self) -> None:
        """Draws weights with std 0.02; the 2L projections into the residual stream shrink by sqrt(2L), as in GPT-2."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, std=INIT_STD / math.sqrt(2 * self.shape.layers))
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, std=INIT_STD)  # the norms' weights stay 1

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits (B, T, V) for tokens (B, T), and the mean loss in nats over the targets (B, T) that are not -100."""
        logits = linear(self._transformed(tokens), self.wte.weight)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    def caches(self) -> list[Cache]:
        """Returns an empty cache for each layer."""
        shape = self.shape
        banded = [shape.attention(layer) == "banded" for layer in range(shape.layers)]
        return [Cache(min(shape.band, shape.context) if narrow else shape.context) for narrow in banded]

    def following(self, tokens: Tensor, caches: list[Cache]) -> Tensor:
        """Returns the logits (B, V) of what follows tokens (B, T), which stand behind those that the caches have read.

        T is 1, unless the caches are empty.
        """
        return linear(self._transformed(tokens, caches)[:, -1], self.wte.weight)

    def _transformed(self, tokens: Tensor, caches: list[Cache] | None = None) -> Tensor:
        """Returns the normed output of the last block, (B, T, d)."""
        begin = caches[0].read if caches else 0
        end = begin + tokens.shape[1]
        if begin and tokens.shape[1] != 1:
            raise ValueError(f"a cache that has read {begin} tokens takes one at a time, got {tokens.shape[1]}")
        if end > self.shape.context:
            raise ValueError(f"{end} tokens do not fit a context of {self.shape.context}")
        x = self.wte(tokens) + self.wpe(torch.arange(begin, end, device=tokens.device))
        for layer, block in enumerate(self.h):
            x = block(x, caches[layer] if caches else None)
        normed: Tensor = self.ln_f(x)
        return normed
