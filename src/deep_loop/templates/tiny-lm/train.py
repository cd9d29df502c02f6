"""A byte-level neural language model in NumPy. This file is the experiment: change anything in it.

The model is Bengio et al.'s (2003): the last bytes are embedded, laid side by side, and sent through hidden
layers to the logits of the next byte. It learns by AdamW under the budget that `prepare.py` sets.
"""

import math
import sys

import prepare  # first: it holds NumPy to one thread
import numpy as np

# Model
CONTEXT_LENGTH = 10  # bytes that the model sees before the one that it predicts  # range: 1..64
EMBEDDING_SIZE = 16  # numbers that stand for one byte of the context
HIDDEN_SIZE = 256  # units in each hidden layer
LAYERS = 1  # hidden layers; those after the first add to their input  # range: 1..6
ACTIVATION = "relu"  # what a hidden unit makes of its input  # choices: relu, silu, tanh
INIT_SCALE = 1.0  # spread of the first hidden weights, in units of 1/sqrt(inputs)
OUTPUT_INIT_SCALE = 0.1  # the same for the output layer: small, so that training starts from even odds

# Optimizer (AdamW: Loshchilov and Hutter, 2019)
BATCH_SIZE = 2**7  # predictions per step
LEARNING_RATE = 4e-3  # peak step size of the weights and biases
EMBEDDING_LR = 5e-3  # peak step size of the embedding
ADAM_BETAS = (0.9, 0.99)  # what the means of the gradient and of its square keep per step
ADAM_EPSILON = 1e-8  # added to the root of the mean square, in the gradient's unit (nats per unit of weight)
WEIGHT_DECAY = 0.1  # share of a weight lost per step, times the step size; not for embedding and biases
GRAD_CLIP = 1.0  # length beyond which a gradient is shortened, in nats per unit of weight

# Schedule of the step size
WARMUP_FRAC = 0.05  # share of the budget in which it rises from zero to its peak
WARMDOWN_FRAC = 0.7  # share of the budget, at the end, in which it falls
FINAL_LR_FRAC = 0.0  # where it falls to, as a share of the peak


def sigmoid(z):
    return 0.5 + 0.5 * np.tanh(0.5 * z)  # overflows nowhere


activations = {  # name: (value from the input z, slope from the input z and the value a)
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: z > 0),
    "silu": (lambda z: z * sigmoid(z), lambda z, a: (s := sigmoid(z)) + a * (1 - s)),
    "tanh": (np.tanh, lambda z, a: 1 - np.square(a)),
}


class Model:
    """All parameters lie in one vector, their gradients in another; the names are views into them."""

    def __init__(self, rng):
        if min(EMBEDDING_SIZE, HIDDEN_SIZE, LAYERS, BATCH_SIZE) < 1:
            raise ValueError("EMBEDDING_SIZE, HIDDEN_SIZE, LAYERS and BATCH_SIZE are at least 1")
        shapes = {"embedding": (prepare.VOCABULARY, EMBEDDING_SIZE)}
        inputs = CONTEXT_LENGTH * EMBEDDING_SIZE
        for layer in range(LAYERS):
            shapes |= {f"w{layer}": (inputs, HIDDEN_SIZE), f"b{layer}": (HIDDEN_SIZE,)}
            inputs = HIDDEN_SIZE
        shapes |= {"w_out": (inputs, prepare.VOCABULARY), "b_out": (prepare.VOCABULARY,)}
        self.size = sum(math.prod(shape) for shape in shapes.values())
        prepare.check_size(CONTEXT_LENGTH, self.size)
        self.shapes = shapes
        self.weights, self.gradient = np.zeros((2, self.size), np.float32)
        self.w, self.g = self.views(self.weights), self.views(self.gradient)
        for name, w in self.w.items():
            if w.ndim == 2:
                scale = {"embedding": len(w) ** 0.5, "w_out": OUTPUT_INIT_SCALE}.get(name, INIT_SCALE)
                w[:] = rng.standard_normal(w.shape) * scale * len(w) ** -0.5
        self.value, self.slope = activations[ACTIVATION]

    def views(self, vector):
        """The parts of a vector of parameters, by name and in their shapes."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()])
        parts = np.split(vector, ends[:-1])
        return {name: part.reshape(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def forward(self, context):
        """Logits [n, 256] for contexts [n, CONTEXT_LENGTH], and what the way back needs: (x, z, a) per layer."""
        w, trace = self.w, []
        x = np.take(w["embedding"], context, axis=0).reshape(len(context), -1)
        for layer in range(LAYERS):
            z = x @ w[f"w{layer}"] + w[f"b{layer}"]
            a = self.value(z)
            trace.append((x, z, a))
            x = x + a if layer else a
        return x @ w["w_out"] + w["b_out"], x, trace

    def learn(self, context, target):
        """Set the gradient of the mean loss on one batch; return that loss in nats per byte."""
        w, g, rows = self.w, self.g, np.arange(len(target))
        logits, x, trace = self.forward(context)
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        total = odds.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(total[:, 0]) - logits[rows, target])

        d = odds / total  # the loss's slope at the logits: probability, less one at the target
        d[rows, target] -= 1
        d /= len(target)
        g["w_out"][:], g["b_out"][:] = x.T @ d, d.sum(axis=0)
        d = d @ w["w_out"].T
        for layer in reversed(range(LAYERS)):
            x, z, a = trace[layer]
            dz = d * self.slope(z, a)
            g[f"w{layer}"][:], g[f"b{layer}"][:] = x.T @ dz, dz.sum(axis=0)
            d = dz @ w[f"w{layer}"].T + (d if layer else 0)
        scatter(g["embedding"], context.ravel(), d.reshape(-1, EMBEDDING_SIZE))
        return float(loss)


def scatter(table, index, rows):
    """table[k] = sum of the rows whose index is k. Sorting first is four times as fast as np.add.at."""
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.diff(ordered.astype(np.int16), prepend=-1))
    table[:] = 0
    table[ordered[starts]] = np.add.reduceat(rows[order], starts)


class AdamW:
    """Adam with decoupled weight decay, in place on the model's one vector."""

    def __init__(self, model):
        self.model = model
        self.mean, self.square, self.room = np.zeros((3, model.size), np.float32)
        self.rate = np.full(model.size, LEARNING_RATE, np.float32)
        self.decay = np.zeros(model.size, np.float32)
        model.views(self.rate)["embedding"][:] = EMBEDDING_LR
        for name, part in model.views(self.decay).items():
            part[:] = WEIGHT_DECAY * LEARNING_RATE if name.startswith("w") else 0
        self.steps = 0

    def step(self, multiplier):
        """Move the weights once; `multiplier` scales the step size."""
        beta1, beta2 = ADAM_BETAS
        weights, gradient, room = self.model.weights, self.model.gradient, self.room
        gradient *= min(1.0, GRAD_CLIP / (math.sqrt(gradient @ gradient) + 1e-12))
        self.steps += 1
        self.mean *= beta1
        self.mean += np.multiply(gradient, 1 - beta1, out=room)
        self.square *= beta2
        np.square(gradient, out=gradient)
        self.square += np.multiply(gradient, 1 - beta2, out=room)

        np.sqrt(np.divide(self.square, 1 - beta2**self.steps, out=room), out=room)
        room += ADAM_EPSILON
        np.divide(self.mean, room, out=room)
        room *= self.rate
        weights *= np.subtract(1, np.multiply(self.decay, multiplier, out=gradient), out=gradient)
        weights -= np.multiply(room, multiplier / (1 - beta1**self.steps), out=room)


def multiplier_at(progress):
    """The step size as a share of its peak, when a share `progress` of the budget is spent."""
    up = min(1.0, progress / WARMUP_FRAC) if WARMUP_FRAC > 0 else 1.0
    down = min(1.0, (1 - progress) / WARMDOWN_FRAC) if WARMDOWN_FRAC > 0 else 1.0
    return up * (FINAL_LR_FRAC + (1 - FINAL_LR_FRAC) * down)


training, validation = prepare.load()
rng = np.random.default_rng(prepare.seed())
model = Model(rng)
optimizer = AdamW(model)
budget = prepare.Budget()
step, smooth, reported = 0, 0.0, 0.0
while (progress := budget.progress(step)) < 1:
    places = rng.integers(CONTEXT_LENGTH, len(training), BATCH_SIZE)
    window = training[places[:, None] + np.arange(-CONTEXT_LENGTH, 1)]
    loss = model.learn(window[:, :-1], window[:, -1])
    if not loss < 100:  # false for NaN too
        sys.exit(f"FAIL: the loss is {loss} nats per byte at step {step}")
    optimizer.step(multiplier_at(progress))
    step += 1
    smooth = 0.98 * smooth + 0.02 * loss
    if progress >= reported:  # 20 lines a run; the loss is in bits per byte, as val_bpb is
        bits = smooth / (1 - 0.98**step) / math.log(2)
        multiplier = multiplier_at(progress)
        print(f"step {step:05d} ({100 * progress:.1f}%) | loss: {bits:.6f} | lrm: {multiplier:.2f}", flush=True)
        reported += 0.05

seconds = budget.seconds()
val_bpb = prepare.evaluate_bpb(lambda context: model.forward(context)[0], validation, CONTEXT_LENGTH)
prepare.print_summary(val_bpb=val_bpb, budget_seconds=seconds, steps=step, parameters=model.size)
