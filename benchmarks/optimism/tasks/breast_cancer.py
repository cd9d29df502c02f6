"""Breast cancer, 30 measures of a cell: boosted trees, each on a part of the samples and of the measures."""

import numpy as np
import prepare
from sklearn.tree import DecisionTreeRegressor

BUDGET_TREES = 10

LEARNING_RATE = 0.15  # share of a tree's answer that is added
MAX_DEPTH = 2  # questions that a tree asks in a row  # range: 1..6
MIN_LEAF = 4  # samples that a leaf holds at least  # range: 1..40
SUBSAMPLE = 0.5  # share of the samples that a tree sees  # range: 0.1..1
FEATURE_SHARE = 0.3  # share of the measures that a split considers  # range: 0.03..1
SHRINKAGE = 1.0  # added to a leaf's curvature: larger answers less boldly
PRIOR_WEIGHT = 1.0  # how much of the classes' odds is known before the first tree  # range: 0..1


def logit(x):
    total = np.full(len(x), start)
    for tree, answers in forest:
        total += LEARNING_RATE * answers[tree.apply(x)]
    return total


def predict(x):
    odds = 1 / (1 + np.exp(-np.clip(logit(x), -30, 30)))
    return np.stack([1 - odds, odds], axis=1)


data = prepare.Data("breast_cancer")
rng = np.random.default_rng(prepare.seed())
forest: list = []  # of trees, each with the answers of its leaves
share = data.y.mean()
start = PRIOR_WEIGHT * np.log(share / (1 - share))

for number in range(BUDGET_TREES):
    if number % 2 == 0:
        data.progress(number / BUDGET_TREES, predict)
    chosen = rng.permutation(len(data.y))[: max(round(SUBSAMPLE * len(data.y)), 2)]
    x, odds = data.x[chosen], predict(data.x[chosen])[:, 1]
    gradient, curvature = data.y[chosen] - odds, odds * (1 - odds)
    tree = DecisionTreeRegressor(
        max_depth=MAX_DEPTH,
        min_samples_leaf=MIN_LEAF,
        max_features=FEATURE_SHARE,
        random_state=int(rng.integers(2**31)),
    ).fit(x, gradient)
    leaves = tree.apply(x)
    count = tree.tree_.node_count
    answers = np.bincount(leaves, gradient, count) / (np.bincount(leaves, curvature, count) + SHRINKAGE)
    forest.append((tree, answers))

data.finish(predict)
