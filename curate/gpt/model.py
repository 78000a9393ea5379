"""GPT-2 exactly (Radford et al. 2019; openai/gpt-2 `src/model.py`), and GPT-3: tokens (B, T) to logits (B, T, V).

Pre-norm blocks and a final norm, biases everywhere, tanh GELU, norms with eps 1e-5, learned positions, a head tied to
the token embedding, no dropout. Submodules carry the released checkpoints' names (`h.0.attn.c_attn`, ...). GPT-3 is the
same, except that its attention is dense and locally banded in turn (`shapes.PATTERNS`).
"""

# torch is optional, so mypy takes its classes as Any
# mypy: allow-subclassing-any

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from curate.gpt.attention import banded, dense
from curate.gpt.shapes import Shape

INIT_STD = 0.02
NORM_EPS = 1e-5


class Attention(nn.Module):
    """Causal self-attention, (B, T, d) to (B, T, d).

    Without `query_bias`, queries, keys and values have no bias. Only the query's changes what a model can express: a
    bias of the keys cancels in the softmax, and one of the values adds a constant, as the output's bias does.
    """

    def __init__(self, shape: Shape, layer: int) -> None:
        super().__init__()
        self.heads = shape.heads
        self.band = shape.band if shape.attention(layer) == "banded" else None
        self.c_attn = nn.Linear(shape.width, 3 * shape.attention_width, bias=shape.query_bias)
        self.c_proj = nn.Linear(shape.attention_width, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        """Mixes each position with those before it."""
        batch, time, _ = x.shape
        stacked = self.c_attn(x).view(batch, time, 3, self.heads, -1)
        query, key, value = stacked.permute(2, 0, 3, 1, 4)  # each (B, heads, T, d / heads)
        mixed = dense(query, key, value) if self.band is None else banded(query, key, value, self.band)
        projected: Tensor = self.c_proj(mixed.transpose(1, 2).reshape(batch, time, -1))
        return projected


class MLP(nn.Module):
    """Two layers with four times the width between them, (B, T, d) to (B, T, d)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.c_fc = nn.Linear(shape.width, 4 * shape.width)
        self.c_proj = nn.Linear(4 * shape.width, shape.width)

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

    def forward(self, x: Tensor) -> Tensor:
        """Transforms (B, T, d) to (B, T, d)."""
        x = x + self.attn(self.ln_1(x))
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
        time = tokens.shape[1]
        if time > self.shape.context:
            raise ValueError(f"{time} tokens do not fit a context of {self.shape.context}")
        x = self.wte(tokens) + self.wpe(torch.arange(time, device=tokens.device))
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    def generate(
        self,
        tokens: Tensor,
        count: int,
        *,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
    ) -> Tensor:
        """Returns tokens (B, T) and `count` sampled ones after them, (B, T + count); temperature 0 takes the likeliest.

        Recomputes the context for every token: O(count * T^2).
        """
        for _ in range(count):
            with torch.no_grad():
                logits = self(tokens[:, -self.shape.context :])[0][:, -1].float()
            if temperature == 0:
                following = logits.argmax(-1, keepdim=True)
            else:
                if top_k is not None:
                    least = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
                    logits = logits.masked_fill(logits < least, -math.inf)
                following = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            tokens = torch.cat((tokens, following), dim=1)
        return tokens
