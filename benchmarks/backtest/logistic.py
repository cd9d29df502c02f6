"""Logistic regression with a penalty, by Newton's method. For fitting only: the product needs no library to predict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
STEPS = 100
CLOSE = 1e-9


def fit(
    x: Vector, kept: Vector, penalty: Vector, weights: Vector | None = None, offset: Vector | None = None
) -> Vector:
    """The coefficients that maximise the weighted log-likelihood less half of penalty times their squares.

    `x` has a row a case and a column a coefficient; `kept` holds 0 and 1; `offset` is added to the log-odds. Ridge
    estimators in logistic regression: le Cessie and van Houwelingen, Applied Statistics 41 (1992) 191-201, section 2.
    """
    weights = np.ones(len(kept)) if weights is None else weights
    offset = np.zeros(len(kept)) if offset is None else offset
    found = np.zeros(x.shape[1])
    for _ in range(STEPS):
        chance = expit(x @ found + offset)
        slope = x.T @ (weights * (kept - chance)) - penalty * found
        curve = (x * (weights * chance * (1 - chance))[:, None]).T @ x + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curve, slope)
        found += step
        if float(np.abs(step).max(initial=0.0)) < CLOSE:
            break
    return found


def expit(odds: Vector) -> Vector:
    """1 / (1 + exp(-odds)), bounded away from 0 and 1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))))
