"""Causal attention, dense and locally banded (Child et al. 2019; GPT-3), over queries, keys, values (B, heads, T, d).

A position of a banded layer attends to the last `band` positions, itself included.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_MADE: dict[tuple[int, int, str], tuple[Any, Any]] = {}  # by `make_flex`

SHORT = 512  # positions up to which bf16 on a CPU takes `dense_short`, which is twice as fast there as torch's blocks


class Cache:
    """Keys and values (B, heads, T, d) of the last positions that a layer has read, at most `most` of them, as a ring.

    Their order is no matter: attention sums over them, and where they stand is in the embeddings.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.read = 0  # positions
        self._rows: tuple[Tensor, Tensor] | None = None

    def add(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Reads further positions, and returns the keys and the values that are kept."""
        if self._rows is None:
            size = (*key.shape[:2], self.most, key.shape[-1])
            self._rows = key.new_empty(size), value.new_empty(size)
        end = self.read + key.shape[-2]
        first = max(self.read, end - self.most)
        places = torch.arange(first, end, device=key.device) % self.most
        for rows, new in zip(self._rows, (key, value), strict=True):
            rows[:, :, places] = new[:, :, first - end :]
        self.read = end
        keys, values = (rows[:, :, : min(end, self.most)] for rows in self._rows)
        return keys, values


def dense(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Mixes each position with all positions before it and itself."""
    if _is_slow_in_blocks(query) and query.shape[-2] <= SHORT:
        return dense_short(query, key, value)
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def dense_short(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Mixes by the definition, with the T x T shares of each head in memory."""
    sees = torch.ones(query.shape[-2], query.shape[-2], dtype=torch.bool).tril()[None]
    return _by_definition(query.flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1), sees).view(query.shape)


def _is_slow_in_blocks(query: Tensor) -> bool:
    """Returns whether torch's attention in blocks takes more than twice the time of the definition."""
    return bool(query.device.type == "cpu" and query.dtype == torch.bfloat16)


def _by_definition(query: Tensor, key: Tensor, value: Tensor, sees: Tensor) -> Tensor:
    """Mixes rows (N, T, d) over the keys (N, K, d) that they see (N or 1, T, K); softmax sums in 32-bit floats."""
    hidden = torch.zeros(sees.shape, dtype=query.dtype).masked_fill(~sees, -math.inf)
    with torch.autocast("cpu", enabled=False):  # it would keep the shares in 32-bit floats
        shares = torch.baddbmm(hidden, query, key.transpose(-1, -2), alpha=query.shape[-1] ** -0.5).softmax(-1)
        return shares @ value


def banded(query: Tensor, key: Tensor, value: Tensor, band: int) -> Tensor:
    """Mixes each position with the last `band` positions, in the way that is quickest for this length and device."""
    time = query.shape[-2]
    if time <= band:
        return dense(query, key, value)
    if query.is_cuda:
        return banded_flex(query, key, value, band)
    # Two blocks of keys cost 2 * band * T, a mask T * T, dense attention half of that.
    blocks = time >= 4 * band or _is_slow_in_blocks(query)
    return (banded_blocks if blocks else banded_masked)(query, key, value, band)


def banded_masked(query: Tensor, key: Tensor, value: Tensor, band: int) -> Tensor:
    """Mixes by a mask of T x T, the definition of the band; no work is saved."""
    position = torch.arange(query.shape[-2], device=query.device)
    back = position[:, None] - position
    return F.scaled_dot_product_attention(query, key, value, attn_mask=(back >= 0) & (back < band))


def banded_blocks(query: Tensor, key: Tensor, value: Tensor, band: int) -> Tensor:
    """Mixes block by block: a block of `band` queries sees its own keys and those of the block before."""
    batch, heads, time, width = query.shape
    number = -(-time // band)
    query, key, value = (F.pad(rows, (0, 0, 0, number * band - time)) for rows in (query, key, value))
    blocks = query.reshape(batch * heads, number, band, width)
    keys, values = (_with_block_before(rows.reshape(batch * heads, number, band, width)) for rows in (key, value))
    mask = _block_mask(number, band, query.device)
    if _is_slow_in_blocks(query):
        flat = blocks.flatten(0, 1), keys.flatten(0, 1), values.flatten(0, 1)
        mixed = _by_definition(*flat, mask.repeat(batch * heads, 1, 1))
    else:
        mixed = F.scaled_dot_product_attention(blocks, keys, values, attn_mask=mask)
    return mixed.reshape(batch, heads, number * band, width)[:, :, :time]


def banded_flex(query: Tensor, key: Tensor, value: Tensor, band: int) -> Tensor:
    """Mixes by torch's flex_attention, compiled, which skips the blocks outside the band; on CUDA."""
    size = (query.shape[-2], band, str(query.device))
    flex, mask = _MADE[size] if size in _MADE else make_flex(*size)
    mixed: Tensor = flex(query, key, value, block_mask=mask)
    return mixed


def _with_block_before(rows: Tensor) -> Tensor:
    """Returns the rows of each block behind those of the block before, (B * heads, N, 2 * band, d)."""
    return torch.cat((F.pad(rows, (0, 0, 0, 0, 1, 0))[:, :-1], rows), dim=2)


def _block_mask(number: int, band: int, device: torch.device) -> Tensor:
    """Returns which of its 2 * band keys a query of each block sees (N, band, 2 * band); the first has none before."""
    back = torch.arange(band, device=device)[:, None] + band - torch.arange(2 * band, device=device)
    mask = ((back >= 0) & (back < band)).repeat(number, 1, 1)
    mask[0, :, :band] = False
    return mask


def make_flex(time: int, band: int, device: str) -> tuple[Any, Any]:
    """Returns flex_attention, compiled, and its mask of blocks, which all layers share.

    Both are made once. A model that is compiled needs them made before; else it makes the mask at every call.
    """
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    def sees(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        back = query - key
        return (back >= 0) & (back < band)

    if (time, band, device) not in _MADE:
        mask = create_block_mask(sees, None, None, time, time, device=device)
        _MADE[time, band, device] = torch.compile(flex_attention, dynamic=False), mask
    return _MADE[time, band, device]
