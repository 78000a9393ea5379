"""One step of training: gradients over micro-batches, and AdamW."""

from typing import Any

import torch
from torch import Tensor, nn

from curate.gpt.config import Train
from curate.gpt.model import GPT

BETAS = (0.9, 0.95)  # GPT-3, appendix B; AdamW's eps is 1e-8 there, as it is torch's default


def make_optimizer(model: GPT, settings: Train) -> torch.optim.AdamW:
    """Returns AdamW in which weights and embeddings decay, and biases and norms do not."""
    decayed = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=BETAS, fused=True)


def backward(model: GPT, batch: Tensor, size: int) -> float:
    """Adds the gradients of a batch (B, T + 1), `size` windows at a time; returns its mean loss in nats."""
    total = 0.0
    for windows in batch.split(size):
        loss = model(windows[:, :-1], windows[:, 1:])[1] * (len(windows) / len(batch))
        loss.backward()
        total += loss.item()
    return total


def update(model: GPT, optimizer: torch.optim.AdamW, rate: float, clip: float) -> None:
    """Changes the weights by their gradients, cut to a norm of `clip` unless that is 0, and clears the gradients."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    if clip:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad()
