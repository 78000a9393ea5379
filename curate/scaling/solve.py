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
SETTLED = 1e-13  # of the objective, relative; a fit that gains less than this in a step is done
DAMPING = 1e-3


def predicted(design: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """Returns log y (S, n) and its gradient (S, n, p); design: (K, n, p), theta: (S, p)."""
    terms = np.einsum("knp,sp->skn", design, theta)
    highest = terms.max(axis=1, keepdims=True)
    weights = np.exp(terms - highest)
    total = weights.sum(axis=1, keepdims=True)
    value = (highest + np.log(total))[:, 0]
    return value, np.einsum("skn,knp->snp", weights / total, design)


def huber(residuals: Floats, delta: float = HUBER) -> Floats:
    """Returns the sum of Huber's loss over the last axis."""
    size = np.abs(residuals)
    return np.where(size <= delta, residuals**2 / 2, delta * (size - delta / 2)).sum(axis=-1)


def solve(design: Floats, y: Floats, starts: Floats, delta: float = HUBER) -> tuple[Floats, Floats]:
    """Returns the fits (S, p) that begin at these starts, and the objective of each; y: log y (S, n) or (n,)."""
    theta, y = starts.copy(), np.broadcast_to(y, (len(starts), design.shape[1]))
    damping = np.full(len(theta), DAMPING)
    value, gradient = predicted(design, theta)
    objective = huber(y - value, delta)
    for _ in range(STEPS):
        residuals = y - value
        weights = np.minimum(1, delta / np.maximum(np.abs(residuals), 1e-300))
        weighted = gradient * weights[..., None]
        normal = np.einsum("snp,snq->spq", weighted, gradient)
        scale = np.maximum(np.einsum("spp->sp", normal), 1e-12)
        normal += np.einsum("s,sp,pq->spq", damping, scale, np.eye(scale.shape[1]))
        step = np.linalg.solve(normal, np.einsum("snp,sn->sp", weighted, residuals)[..., None])[..., 0]
        tried = np.clip(theta + step, -60, 60)
        tried_value, tried_gradient = predicted(design, tried)
        tried_objective = huber(y - tried_value, delta)
        better = tried_objective < objective
        gained = np.where(better, objective - tried_objective, 0)
        done = (gained <= SETTLED * objective) & (better | (damping > 1e9))
        theta, value = np.where(better[:, None], tried, theta), np.where(better[:, None], tried_value, value)
        gradient = np.where(better[:, None, None], tried_gradient, gradient)
        objective = np.where(better, tried_objective, objective)
        damping = np.clip(np.where(better, damping / 3, damping * 4), 1e-12, 1e10)
        if done.all():
            break
    return theta, objective


def best(design: Floats, y: Floats, starts: Floats, delta: float = HUBER) -> Floats:
    """Returns the best of the fits (p,) from a grid of starts (S, p)."""
    fits, objectives = solve(design, y, starts, delta)
    chosen: Floats = fits[np.argmin(objectives)]
    return chosen


def grid(*values: tuple[float, ...]) -> Floats:
    """Returns all combinations of these values, one to a row."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*values, indexing="ij")], axis=1).astype(float)
