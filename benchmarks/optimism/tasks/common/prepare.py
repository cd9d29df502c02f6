"""The fixed half of the task: the data, how they are split, the evaluation. Nobody edits this file.

`DEEP_LOOP_SEED` decides which samples train and which validate, so runs that differ in their seed alone differ as
much as they would on another sample of the same size. The test samples are the same for every seed, and are looked at
only where `ALSO_TEST` asks for it, which no study does.
"""

import os
import sys
from collections.abc import Callable

import numpy as np
import sklearn.datasets

TEST_SHARE = 0.3  # of all samples
VALIDATION_SHARE = 0.4  # of the others

Predict = Callable[[np.ndarray], np.ndarray]  # features [n, d] -> class probabilities [n, k], or numbers [n]


def seed() -> int:
    """The seed of all randomness in one run: `DEEP_LOOP_SEED`, else 0."""
    return int(os.environ.get("DEEP_LOOP_SEED", "0"))


class Data:
    """One of scikit-learn's own data sets, its features scaled to mean 0 and deviation 1 by the training samples.

    `x` and `y` hold what may be trained on: [n, d] and [n].
    """

    def __init__(self, name: str) -> None:
        features, targets = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
        self.classes = len(np.unique(targets)) if targets.dtype.kind == "i" else 0
        order = np.random.default_rng(0).permutation(len(targets))
        test, pool = np.split(order, [round(TEST_SHARE * len(order))])
        np.random.default_rng([seed(), 1]).shuffle(pool)
        validation, training = np.split(pool, [round(VALIDATION_SHARE * len(pool))])
        mean, deviation = features[training].mean(axis=0), features[training].std(axis=0) + 1e-6
        scaled = np.clip((features - mean) / deviation, -5, 5)
        self.x, self.y = scaled[training], targets[training]
        self._validation = scaled[validation], targets[validation]
        self._test = scaled[test], targets[test]

    def progress(self, share: float, predict: Predict) -> None:
        """Print how far the run is and the loss of its model by now; the harness may stop a hopeless one."""
        print(
            f"step {round(1000 * share):05d} ({100 * share:.1f}%) | loss: {self._loss(predict, self._validation):.6f}"
        )

    def finish(self, predict: Predict) -> None:
        """Print the closing block that the harness reads. A loss that is no number ends the run with status 1."""
        loss = self._loss(predict, self._validation)
        if not np.isfinite(loss):
            sys.exit(f"FAIL: the loss is {loss}")
        print(f"---\nval_loss: {loss:.6f}")
        if os.environ.get("ALSO_TEST"):
            print(f"test_loss: {self._loss(predict, self._test):.6f}")

    def _loss(self, predict: Predict, split: tuple[np.ndarray, np.ndarray]) -> float:
        """Mean log loss in nats for classes, root mean squared error for numbers."""
        features, targets = split
        predicted = predict(features)
        if not np.isfinite(predicted).all():
            return float("nan")
        if self.classes:
            return float(-np.log(np.maximum(predicted[np.arange(len(targets)), targets], 1e-9)).mean())
        return float(np.sqrt(np.mean((predicted - targets) ** 2)))
