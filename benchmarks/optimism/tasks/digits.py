"""Handwritten digits, 8 by 8 pixels: a network of one hidden layer, by stochastic gradient descent with momentum."""

import math
from itertools import pairwise

import numpy as np
import prepare

BUDGET_SAMPLES = 3000  # that are learnt from in a run, with repetition

HIDDEN_SIZE = 24  # units of the hidden layer
ACTIVATION = "tanh"  # of the hidden layer  # choices: tanh, relu
INIT_SCALE = 1.0  # spread of the first weights, in units of 1/sqrt(inputs)
BATCH_SIZE = 32  # samples in a step  # range: 8..128
LEARNING_RATE = 0.3  # step size at the start
FINAL_LR_FRAC = 0.5  # of it at the end; in between it falls in a line
MOMENTUM = 0.5  # what the mean of the gradient keeps in a step
WEIGHT_DECAY = 0.01  # share of a weight lost in a step, times the step size
LABEL_SMOOTHING = 0.02  # of a target's probability, given to all classes  # range: 0.0..0.3


def hidden(x):
    """What the hidden layer makes of features, and its slope there."""
    z = x @ weights[0] + biases[0]
    return (np.tanh(z), 1 - np.tanh(z) ** 2) if ACTIVATION == "tanh" else (np.maximum(z, 0), z > 0)


def predict(x):
    logits = hidden(x)[0] @ weights[1] + biases[1]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


data = prepare.Data("digits")
rng = np.random.default_rng(prepare.seed())
sizes = (data.x.shape[1], HIDDEN_SIZE, data.classes)
weights = [rng.standard_normal((n, m)) * INIT_SCALE / math.sqrt(n) for n, m in pairwise(sizes)]
biases = [np.zeros(m) for m in sizes[1:]]
parameters = [*weights, *biases]
velocities = [np.zeros_like(parameter) for parameter in parameters]
targets = (1 - LABEL_SMOOTHING) * np.eye(data.classes)[data.y] + LABEL_SMOOTHING / data.classes

steps = BUDGET_SAMPLES // BATCH_SIZE
for step in range(steps):
    if step % max(steps // 6, 1) == 0:
        data.progress(step / steps, predict)
    batch = rng.integers(len(data.y), size=BATCH_SIZE)
    a, slope = hidden(data.x[batch])
    error = (predict(data.x[batch]) - targets[batch]) / BATCH_SIZE
    back = error @ weights[1].T * slope
    gradients = [data.x[batch].T @ back, a.T @ error, back.sum(axis=0), error.sum(axis=0)]
    rate = LEARNING_RATE * (1 + (FINAL_LR_FRAC - 1) * step / steps)
    for parameter, velocity, gradient in zip(parameters, velocities, gradients, strict=True):
        velocity *= MOMENTUM
        velocity -= rate * gradient
        parameter *= 1 - rate * WEIGHT_DECAY
        parameter += velocity

data.finish(predict)
