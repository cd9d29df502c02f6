"""Italian wines, 13 chemical measures: a softmax regression on them and on random features, by Adam."""

import numpy as np
import prepare

BUDGET_STEPS = 60

FEATURES = 40  # random ones: cosines of random directions
LENGTH_SCALE = 6.0  # how far apart two wines are that share no cosine
LINEAR_WEIGHT = 0.4  # of the measures themselves, beside the cosines
BATCH_SIZE = 16  # samples in a step  # range: 4..80
LEARNING_RATE = 0.025  # step size
ADAM_BETAS = (0.9, 0.99)  # what the means of the gradient and of its square keep in a step
L2_PENALTY = 0.003  # on the weights
INPUT_NOISE = 0.1  # deviation of what is added to the measures in training


def represent(x):
    cosines = np.sqrt(2 / FEATURES) * np.cos(x @ directions / LENGTH_SCALE + phases)
    return np.hstack([LINEAR_WEIGHT * x, cosines, np.ones((len(x), 1))])


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def predict(x):
    return softmax(represent(x) @ weights)


data = prepare.Data("wine")
rng = np.random.default_rng(prepare.seed())
inputs = data.x.shape[1]
directions, phases = rng.standard_normal((inputs, FEATURES)), rng.uniform(0, 2 * np.pi, FEATURES)
weights = np.zeros((inputs + FEATURES + 1, data.classes))
mean, square = np.zeros_like(weights), np.zeros_like(weights)
beta1, beta2 = ADAM_BETAS

for step in range(BUDGET_STEPS):
    if step % 10 == 0:
        data.progress(step / BUDGET_STEPS, predict)
    batch = rng.integers(len(data.y), size=BATCH_SIZE)
    x = represent(data.x[batch] + INPUT_NOISE * rng.standard_normal((BATCH_SIZE, inputs)))
    gradient = x.T @ (softmax(x @ weights) - np.eye(data.classes)[data.y[batch]]) / BATCH_SIZE + L2_PENALTY * weights
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient**2
    unbiased = np.sqrt(square / (1 - beta2 ** (step + 1))) + 1e-8
    weights -= LEARNING_RATE * mean / (1 - beta1 ** (step + 1)) / unbiased

data.finish(predict)
