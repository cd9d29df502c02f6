"""Diabetes a year on, from 10 measures: a network of one hidden layer averaged over its own path, by plain descent."""

import numpy as np
import prepare

BUDGET_STEPS = 120

HIDDEN_SIZE = 16  # units of the hidden layer
INIT_SCALE = 1.0  # spread of the first weights, in units of 1/sqrt(inputs)
BATCH_SIZE = 16  # samples in a step  # range: 4..128
LEARNING_RATE = 0.01  # step size
OUTPUT_LR = 0.01  # step size of the output layer
WEIGHT_DECAY = 0.01  # share of a weight lost in a step, times the step size
INPUT_NOISE = 0.1  # deviation of what is added to the measures in training
GRAD_CLIP = 1.0  # size beyond which a sample's error is cut, in deviations of the target
AVERAGED_FRACTION = 0.2  # of the steps, at the end, whose weights are averaged  # range: 0.02..1


def run(x, weights):
    """The hidden layer's values and the answer, in deviations of the target."""
    a = np.tanh(x @ weights["w"] + weights["b"])
    return a, a @ weights["v"] + weights["c"]


def predict(x):
    return centre + deviation * run(x, average if averaged else weights)[1]


data = prepare.Data("diabetes")
rng = np.random.default_rng(prepare.seed())
inputs = data.x.shape[1]
centre, deviation = data.y.mean(), data.y.std()
targets = (data.y - centre) / deviation
weights = {
    "w": rng.standard_normal((inputs, HIDDEN_SIZE)) * INIT_SCALE / np.sqrt(inputs),
    "b": np.zeros(HIDDEN_SIZE),
    "v": rng.standard_normal(HIDDEN_SIZE) * INIT_SCALE / np.sqrt(HIDDEN_SIZE),
    "c": np.zeros(()),
}
average, averaged = {name: np.zeros_like(weight) for name, weight in weights.items()}, 0

for step in range(BUDGET_STEPS):
    if step % 20 == 0:
        data.progress(step / BUDGET_STEPS, predict)
    batch = rng.integers(len(targets), size=BATCH_SIZE)
    x = data.x[batch] + INPUT_NOISE * rng.standard_normal((BATCH_SIZE, inputs))
    a, answer = run(x, weights)
    error = np.clip(answer - targets[batch], -GRAD_CLIP, GRAD_CLIP) / BATCH_SIZE
    back = np.outer(error, weights["v"]) * (1 - a**2)
    gradients = {"w": x.T @ back, "b": back.sum(axis=0), "v": a.T @ error, "c": error.sum()}
    for name, gradient in gradients.items():
        rate = OUTPUT_LR if name in "vc" else LEARNING_RATE
        weights[name] = weights[name] * (1 - rate * WEIGHT_DECAY) - rate * gradient
    if step >= (1 - AVERAGED_FRACTION) * BUDGET_STEPS:
        averaged += 1
        for name, weight in weights.items():
            average[name] += (weight - average[name]) / averaged

data.finish(predict)
