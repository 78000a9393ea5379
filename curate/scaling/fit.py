"""Fits laws of loss against compute, with 95 % intervals by the bootstrap, and refuses to stretch them.

Points are the ends of runs, those of several seeds as one. The bootstrap adds residuals, drawn with replacement, to the
fitted losses, and fits anew: a straight line's interval is studentised, the others are percentiles of residuals that
are divided by one less their leverage. Both cover about as often as they say where noise is the same at all points,
which resampled points do not for so few. No interval knows of a law that is not the right one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from curate.errors import SettingsError
from curate.scaling.solve import Floats, best, grid, predicted, solve

REACH = 10.0  # times the compute of the largest run, beyond which nothing is predicted
LINE_POINTS, FLOOR_POINTS, CHINCHILLA_POINTS = 3, 6, 6  # that a fit needs at least
CHINCHILLA_RATIO = 1.9  # between the most and the fewest tokens per parameter of the runs
LEVEL = (2.5, 97.5)  # percentiles
STUDENT = {1: 12.706, 2: 4.303}  # the 97.5th percentile of Student's t, for the degrees of freedom of 3 and 4 points
LINES, CURVES = 2000, 400  # fits of a bootstrap
EXACT = 1e-9  # a residual in log loss below which a fit is exact

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """L = A C^-alpha, by least squares of log L on log C."""

    form: ClassVar[str] = "power"
    compute: Floats
    exponent: float  # alpha
    level: float  # log L at the mean of log C
    error: float  # the standard deviation of residuals, with n - 2 degrees of freedom
    replicates: tuple[Floats, Floats, Floats]  # exponent, level and error of each fit of the bootstrap
    residuals: Floats  # measured by fitted loss, less 1

    @property
    def factor(self) -> float:
        """Returns A, for C in FLOPs."""
        return float(np.exp(self.level + self.exponent * np.log(self.compute).mean()))

    def loss(self, compute: Floats) -> Floats:
        """Returns the loss at these FLOPs."""
        value: Floats = np.exp(self.level - self.exponent * self._from_mean(compute))
        return value

    def exponent_interval(self) -> Interval:
        """Returns the interval of alpha."""
        spread = 1 / np.sqrt(self._squares())
        low, high = self._interval(np.array([self.exponent]), self.replicates[0][:, None], np.array([spread]))
        return float(low[0]), float(high[0])

    def loss_interval(self, compute: Floats) -> tuple[Floats, Floats]:
        """Returns the interval of the fitted loss at these FLOPs."""
        x = self._from_mean(compute)
        spread = np.sqrt(1 / len(self.compute) + x**2 / self._squares())
        lines = self.replicates[1][:, None] - self.replicates[0][:, None] * x
        low, high = self._interval(self.level - self.exponent * x, lines, spread)
        return np.exp(low), np.exp(high)

    def record(self) -> dict[str, Any]:
        """Returns the fit as plain values."""
        parameters = {"A": self.factor, "alpha": self.exponent}
        return {"parameters": parameters, "intervals": {"alpha": self.exponent_interval()}} | _record(self)

    def _from_mean(self, compute: Floats) -> Floats:
        offset: Floats = np.log(compute) - np.log(self.compute).mean()
        return offset

    def _squares(self) -> float:
        return float((self._from_mean(self.compute) ** 2).sum())

    def _interval(self, value: Floats, replicates: Floats, spread: Floats) -> tuple[Floats, Floats]:
        """Returns the studentised interval; spread: the standard error of the value for residuals of 1."""
        freedom = len(self.compute) - 2
        if self.error < EXACT:
            return value, value
        if freedom in STUDENT:
            half = STUDENT[freedom] * self.error * spread
            return value - half, value + half
        errors = self.replicates[2]
        kept = errors > self.error * EXACT
        t = (replicates[kept] - value) / (errors[kept, None] * spread)
        low, high = np.percentile(t, LEVEL, axis=0)
        return value - high * self.error * spread, value - low * self.error * spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """L = E + A C^-alpha, or Chinchilla's L = E + A N^-alpha + B D^-beta, by Huber's loss of log L."""

    form: str  # floor or chinchilla
    names: tuple[str, ...]  # of theta, without the logarithm: E, A, alpha, B, beta
    theta: Floats
    replicates: Floats  # theta of each fit of the bootstrap (B, p)
    centre: Floats  # the means of the logarithms that the terms are of: C, or N and D
    residuals: Floats  # measured by fitted loss, less 1

    def loss(self, *amounts: Floats) -> Floats:
        """Returns the loss at these FLOPs, or at these parameters and tokens."""
        value: Floats = np.exp(predicted(self._design(*amounts), self.theta[None])[0][0])
        return value

    def loss_interval(self, *amounts: Floats) -> tuple[Floats, Floats]:
        """Returns the interval of the fitted loss there."""
        low, high = np.percentile(np.exp(predicted(self._design(*amounts), self.replicates)[0]), LEVEL, axis=0)
        return low, high

    def parameters(self, theta: Floats) -> dict[str, Floats]:
        """Returns the parameters of fits (…, p) by name."""
        values = {}
        for number, name in enumerate(self.names):
            if number == 0:
                values[name] = np.exp(theta[..., 0])
            elif number % 2:
                values[name] = np.exp(theta[..., number] + theta[..., number + 1] * self.centre[number // 2])
            else:
                values[name] = theta[..., number]
        return values

    def record(self) -> dict[str, Any]:
        """Returns the fit as plain values."""
        many = self.parameters(self.replicates)
        intervals = {name: tuple(np.percentile(many[name], LEVEL).tolist()) for name in self.names}
        parameters = {name: float(value) for name, value in self.parameters(self.theta).items()}
        return {"parameters": parameters, "intervals": intervals} | _record(self)

    def _design(self, *amounts: Floats) -> Floats:
        return _design([np.log(amount) - mean for amount, mean in zip(amounts, self.centre, strict=True)])


def _record(fit: Line | Curve) -> dict[str, Any]:
    return {"form": fit.form, "points": len(fit.residuals), "residuals": fit.residuals.tolist()}


def envelope(compute: Floats, loss: Floats) -> NDArray[np.bool_]:
    """Returns which points no other one beats, with at most its FLOPs and at most its loss.

    >>> envelope(np.array([1.0, 2.0, 3.0]), np.array([5.0, 6.0, 4.0])).tolist()
    [True, False, True]
    """
    order = np.lexsort((loss, compute))
    lowest = np.concatenate([[np.inf], np.minimum.accumulate(loss[order])[:-1]])
    kept = np.empty(len(loss), bool)
    kept[order] = loss[order] < lowest
    return kept


def fit_line(compute: Floats, loss: Floats, seed: int = 0) -> Line:
    """Returns the power law of these points; raises ValueError where fewer than three differ in compute."""
    _need(len(np.unique(compute)), LINE_POINTS, "a power law")
    x, y = np.log(compute) - np.log(compute).mean(), np.log(loss)
    exponent, level, error = (float(value[0]) for value in _lines(x, y[None]))
    fitted = level - exponent * x
    residuals = y - fitted
    leverage = 1 / len(x) + x**2 / (x**2).sum()
    spread = residuals / np.sqrt(np.maximum(1 - leverage, 1e-6))
    drawn = np.random.default_rng(seed).integers(0, len(x), (LINES, len(x)))
    return Line(
        compute=compute,
        exponent=exponent,
        level=level,
        error=error,
        replicates=_lines(x, fitted + (spread - spread.mean())[drawn]),
        residuals=np.expm1(residuals),
    )


def fit_floor(compute: Floats, loss: Floats, seed: int = 0) -> Curve:
    """Returns the power law above a floor; raises ValueError where fewer than six points differ in compute."""
    _need(len(np.unique(compute)), FLOOR_POINTS, "a floor")
    return _fit_curve("floor", ("E", "A", "alpha"), [compute], loss, seed)


def fit_chinchilla(parameters: Floats, tokens: Floats, loss: Floats, seed: int = 0) -> Curve:
    """Returns Chinchilla's form; ValueError for too few points, or where tokens per parameter are the same in all."""
    ratios = tokens / parameters
    if ratios.max() / ratios.min() < CHINCHILLA_RATIO:
        raise ValueError(
            f"all runs have about {ratios.mean():.3g} tokens per parameter, so Chinchilla's form cannot tell size from "
            "tokens; give several tokens_per_parameter, such as [10, 20, 40]"
        )
    _need(len({*zip(parameters.tolist(), tokens.tolist(), strict=True)}), CHINCHILLA_POINTS, "Chinchilla's form")
    return _fit_curve("chinchilla", ("E", "A", "alpha", "B", "beta"), [parameters, tokens], loss, seed)


def check_reach(compute: float, smallest: float, largest: float) -> None:
    """Raises SettingsError where FLOPs lie more than ten times beyond those of the runs."""
    if smallest / REACH <= compute <= largest * REACH:
        return
    above = compute > largest
    times, run = (compute / largest, largest) if above else (smallest / compute, smallest)
    words = ("above the largest", "larger") if above else ("below the smallest", "smaller")
    raise SettingsError(
        f"{compute:.3g} FLOPs are {times:,.0f} times {words[0]} run ({run:.3g}); a fit says nothing beyond {REACH:g} "
        f"times, so train a {words[1]} ladder"
    )


def _lines(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Returns exponent, level and standard deviation of residuals of straight lines; x: from its mean, y: (B, n)."""
    level = y.mean(axis=1)
    exponent = -(y @ x) / (x**2).sum()
    squares = ((y - level[:, None] + exponent[:, None] * x) ** 2).sum(axis=1)
    return exponent, level, np.sqrt(squares / max(1, len(x) - 2))


def _fit_curve(form: str, names: tuple[str, ...], amounts: Sequence[Floats], loss: Floats, seed: int) -> Curve:
    centre = np.array([np.log(amount).mean() for amount in amounts])
    design = _design([np.log(amount) - mean for amount, mean in zip(amounts, centre, strict=True)])
    y = np.log(loss)
    terms = ((y.min() - 2.5, y.min() - 0.5), (0.1, 0.4, 0.9))
    starts = grid((y.min() - 3, y.min() - 0.7, y.min() - 0.05), *(terms * len(amounts)))
    theta = best(design, y, starts)
    value, gradient = predicted(design, theta[None])
    residuals, slopes = y - value[0], gradient[0]
    leverage = np.einsum("np,pq,nq->n", slopes, np.linalg.pinv(slopes.T @ slopes), slopes)
    spread = residuals / np.maximum(1 - leverage, 0.1)
    drawn = np.random.default_rng(seed).integers(0, len(y), (CURVES, len(y)))
    losses = value[0] + (spread - spread.mean())[drawn]
    replicates, _ = solve(design, losses, np.repeat(theta[None], CURVES, axis=0))
    return Curve(
        form=form, names=names, theta=theta, replicates=replicates, centre=centre, residuals=np.expm1(residuals)
    )


def _design(logs: Sequence[Floats]) -> Floats:
    """Returns the design (K, n, p) of a floor and of one term for each logarithm, taken from its mean."""
    design = np.zeros((1 + len(logs), len(logs[0]), 1 + 2 * len(logs)))
    design[0, :, 0] = 1
    for number, log in enumerate(logs, start=1):
        design[number, :, 2 * number - 1] = 1
        design[number, :, 2 * number] = -log
    return design


def _need(points: int, least: int, what: str) -> None:
    if points < least:
        raise ValueError(f"{points} point{'s' * (points != 1)}; {what} needs {least}")
