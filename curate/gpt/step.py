"""One step of training: gradients over micro-batches, and AdamW."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from curate.gpt.config import Train
from curate.gpt.devices import Group
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
    group: Group,
    stop: Callable[[], bool] = lambda: False,
    by_window: list[float] | None = None,
) -> float:
    """Adds the gradients of a batch of `count` windows; returns its mean loss in nats.

    windows: those of this process (n, T + 1), computed `size` at a time. A process that has fewer than others computes
    one that counts as nothing, as gradients are shared out by all at the same time. Clears the gradients and raises
    Interrupted once `stop` returns True. by_window: is given the mean loss of each window of this process.
    """
    rounds, losses = group.rounds(count, size), []
    for number in range(rounds):
        rows = windows[number * size : (number + 1) * size]
        share = len(rows) / count
        if not len(rows):
            rows = windows.new_zeros(1, windows.shape[1])
        with group.syncs(model, last=number == rounds - 1):
            with group.hardware.autocast():
                logits, mean = model(rows[:, :-1], rows[:, 1:])
                loss = mean * share
            (loss * group.size).backward()  # several processes take the mean of their gradients
        losses.append(loss.detach())
        if by_window is not None and share:
            by_window += window_losses(logits.detach(), rows[:, 1:])
        if stop():
            model.zero_grad()
            raise Interrupted
    return group.total(sum(torch.stack(losses).tolist()))[0]


def window_losses(logits: Tensor, targets: Tensor) -> list[float]:
    """Returns the mean loss in nats of each window, for logits (B, T, V), one window after another to save memory."""
    losses = [F.cross_entropy(own.float(), target) for own, target in zip(logits, targets, strict=True)]
    return [float(loss) for loss in torch.stack(losses).tolist()]


def update(model: GPT, optimizer: torch.optim.AdamW, rate: float, clip: float) -> float | None:
    """Changes the weights by their gradients, cut to a norm of `clip` unless that is 0, and clears the gradients.

    Returns the norm before it was cut.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate
    norm = nn.utils.clip_grad_norm_(model.parameters(), clip) if clip else None
    optimizer.step()
    optimizer.zero_grad()
    if norm is None:
        return None
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)  # FSDP2's is in shards
