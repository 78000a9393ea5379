"""One step of training: gradients over micro-batches, and AdamW."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from curate.gpt.config import Train
from curate.gpt.devices import Alone
from curate.gpt.model import GPT

BETAS = (0.9, 0.95)  # GPT-3, appendix B; AdamW's eps is 1e-8 there, as it is torch's default


class Interrupted(Exception):
    """A step was broken off; the weights are as they were before it."""


def make_optimizer(model: GPT, settings: Train) -> torch.optim.AdamW:
    """Returns AdamW in which weights and embeddings decay, and biases and norms do not."""
    decayed = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=BETAS, fused=True)


def backward(
    model: nn.Module,
    windows: Tensor,
    count: int,
    size: int,
    group: Alone,
    stop: Callable[[], bool] = lambda: False,
) -> float:
    """Adds the gradients of a batch of `count` windows; returns its mean loss in nats.

    windows: those of this process (n, T + 1), computed `size` at a time. A process that has fewer than others computes
    one that counts as nothing, as gradients are shared out by all at the same time. Clears the gradients and raises
    Interrupted once `stop` returns True.
    """
    rounds, losses = group.rounds(count, size), []
    for number in range(rounds):
        rows = windows[number * size : (number + 1) * size]
        share = len(rows) / count
        if not len(rows):
            rows = windows.new_zeros(1, windows.shape[1])
        with group.syncs(model, last=number == rounds - 1):
            with group.hardware.autocast():
                loss = model(rows[:, :-1], rows[:, 1:])[1] * share
            (loss * group.size).backward()  # several processes take the mean of their gradients
        losses.append(loss.detach())
        if stop():
            model.zero_grad()
            raise Interrupted
    return group.total(sum(torch.stack(losses).tolist()))[0]


def update(model: GPT, optimizer: torch.optim.AdamW, rate: float, clip: float) -> None:
    """Changes the weights by their gradients, cut to a norm of `clip` unless that is 0, and clears the gradients."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    if clip:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad()
