"""Fits the logarithm of a sum of power laws: log y = log of the sum over k of exp(design[k] @ theta).

With one term this is a straight line in logarithms, with two a power law above a floor, with three Chinchilla's form
(Hoffmann et al. 2022, arXiv:2203.15556, section D.2), with Huber's loss of the residuals. Levenberg and Marquardt's
steps, for many fits at once.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HUBER = 1e-3  # of a residual in log loss, from which on its loss grows linearly; Hoffmann et al.
STEPS = 400
SETTLED = 1e-9  # of the objective, relative; a fit that gains less than this in a step is done
DAMPING, MOST_DAMPING = 1e-3, 1e9
LARGEST = 60.0  # of a parameter, so that no exponential overflows


def predicted(design: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """Returns log y (S, n) and its gradient (S, n, p); design: (K, n, p), theta: (S, p)."""
    terms = np.einsum("knp,sp->skn", design, theta)
    highest = terms.max(axis=1, keepdims=True)
    weights = np.exp(terms - highest)
    total = weights.sum(axis=1, keepdims=True)
    value = (highest + np.log(total))[:, 0]
    return value, np.einsum("skn,knp->snp", weights / total, design)


def huber(residuals: Floats) -> Floats:
    """Returns the sum of Huber's loss over the last axis."""
    size = np.abs(residuals)
    total: Floats = np.where(size <= HUBER, residuals**2 / 2, HUBER * (size - HUBER / 2)).sum(axis=-1)
    return total


def solve(design: Floats, y: Floats, starts: Floats) -> tuple[Floats, Floats]:
    """Returns the fits (S, p) that begin at these starts, and the objective of each; y: log y (S, n) or (n,)."""
    y = np.broadcast_to(y, (len(starts), design.shape[1]))
    theta, objective = starts.copy(), huber(y - predicted(design, starts)[0])
    damping = np.full(len(theta), DAMPING)
    left = np.arange(len(theta))  # fits that are not done
    for _ in range(STEPS):
        tried = _tried(design, y[left], theta[left], damping[left])
        before, after = objective[left], huber(y[left] - predicted(design, tried)[0])
        better = after < before
        theta[left[better]], objective[left[better]] = tried[better], after[better]
        damping[left] = np.where(better, damping[left] / 3, damping[left] * 4)
        gained = np.where(better, before - after, 0)
        left = left[(gained > SETTLED * before) | (~better & (damping[left] < MOST_DAMPING))]
        if not len(left):
            break
    return theta, objective


def _tried(design: Floats, y: Floats, theta: Floats, damping: Floats) -> Floats:
    """Returns where a step of Levenberg and Marquardt leads, with residuals weighted as Huber's loss has them."""
    value, gradient = predicted(design, theta)
    residuals = y - value
    weights = np.minimum(1, HUBER / np.maximum(np.abs(residuals), 1e-300))
    weighted = gradient * weights[..., None]
    normal = weighted.transpose(0, 2, 1) @ gradient
    diagonal = np.einsum("spp->sp", normal)
    diagonal += np.maximum(damping[:, None] * diagonal, 1e-12)
    step = np.linalg.solve(normal, weighted.transpose(0, 2, 1) @ residuals[..., None])[..., 0]
    return np.clip(theta + step, -LARGEST, LARGEST)


def best(design: Floats, y: Floats, starts: Floats) -> Floats:
    """Returns the best of the fits (p,) from a grid of starts (S, p)."""
    fits, objectives = solve(design, y, starts)
    chosen: Floats = fits[np.argmin(objectives)]
    return chosen


def grid(*values: tuple[float, ...]) -> Floats:
    """Returns all combinations of these values, one to a row."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*values, indexing="ij")], axis=1).astype(float)
