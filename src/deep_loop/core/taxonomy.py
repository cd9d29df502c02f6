"""The kinds of change that one makes to the training of a neural network.

A kind says what sort of idea an experiment tries, so that the outer tier can tell which sorts pay.
Proposers that move named constants get the kind from the name (`kind_of`); others say it themselves.
"""

from __future__ import annotations

import re

KINDS = (
    "batch",
    "learning-rate",
    "schedule",
    "optimizer",
    "depth-width",
    "attention",
    "activation",
    "norm-residual",
    "init",
    "embedding",
    "regularization",
    "data",
    "precision-systems",
    "simplification",
    "other",
)

# A pattern is one or more words that must all stand in the name. Patterns of more words win over those of
# fewer (WEIGHT_DECAY over DECAY); among equals the kind further up wins (WARMUP over LR, LR over EMBEDDING).
# Context length and window count as attention: both say how far back the model looks.
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("schedule", "WARMUP WARMDOWN COOLDOWN SCHEDULE SCHEDULER ANNEAL ANNEALING COSINE RAMP RESTART DECAY PLATEAU"),
    ("schedule", "FINAL+LR FINAL+LEARNING MIN+LR MIN+LEARNING END+LR LR+FLOOR"),
    ("learning-rate", "LR LRS LEARNING STEP+SIZE"),
    ("regularization", "WEIGHT+DECAY WD DROPOUT DROPPATH DROP+PATH LABEL+SMOOTHING SMOOTHING L1 L2 PENALTY LOSS"),
    ("init", "INIT INITIALIZATION INITIALISATION INIT+EMBEDDING"),
    ("optimizer", "OPTIMIZER OPTIMISER OPTIM BETA MOMENTUM EPS EPSILON ADAM ADAMW MUON SGD LION NESTEROV"),
    ("optimizer", "CLIP CLIPPING GRAD+NORM GRADIENT+NORM EMA EMA+DECAY SWA NS+STEP"),
    ("norm-residual", "BATCH+NORM LAYER+NORM NORM RMSNORM LAYERNORM RESIDUAL RESID SKIP LAYERSCALE GATE NORM+EPS"),
    ("batch", "BATCH MICROBATCH BATCHSIZE ACCUM ACCUMULATION"),
    ("attention", "ATTENTION ATTN WINDOW CONTEXT SEQ SEQUENCE+LENGTH BLOCK+SIZE ROPE ROTARY QK KV HEAD LOOKBACK"),
    ("activation", "ACTIVATION ACT NONLINEARITY GELU RELU SILU SWISH SWIGLU GLU TANH SOFTCAP"),
    ("depth-width", "HEAD+DIM HEAD+SIZE MODEL+DIM D+MODEL N+EMBD MLP+RATIO MLP+HIDDEN"),
    ("depth-width", "DEPTH LAYER WIDTH HIDDEN ASPECT DIM FFN FF MLP EXPANSION CHANNEL UNIT"),
    ("embedding", "EMBEDDING EMBED EMBD UNEMBEDDING VOCAB TIE TIED TOKENIZER EMBEDDING+DIM EMBED+DIM"),
    ("precision-systems", "DTYPE PRECISION BF16 FP16 FP8 FP32 COMPILE FUSED WORKER THREAD DEVICE KERNEL PREFETCH"),
    ("precision-systems", "CHECKPOINTING QUANTIZE QUANT"),
    ("data", "DATA DATASET SHUFFLE SAMPLE SAMPLING AUGMENT AUGMENTATION CURRICULUM PACKING MIX MIXTURE CROP STRIDE"),
)
_RULES = tuple((kind, frozenset(pattern.split("+"))) for kind, line in _PATTERNS for pattern in line.split())

_WORD = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z][a-z]+\d*|[a-z]+\d*|\d+")


def kind_of(constant: str) -> str:
    """The kind of change that moving this constant is, by the words of its name; `other` where none is known.

    `EMBEDDING_LR`, `embeddingLr` and `embedding_lr` are the same name; plurals and trailing numbers do not
    matter (`ADAM_BETAS`, `BETA1`).
    """
    words = {form for word in _WORD.findall(constant) for form in _forms(word.upper())}
    kind, size = "other", 0
    for candidate, pattern in _RULES:
        if len(pattern) > size and pattern <= words:
            kind, size = candidate, len(pattern)
    return kind


def _forms(word: str) -> tuple[str, ...]:
    """The word as it stands, without its number, and without its plural."""
    bare = word.rstrip("0123456789")
    return word, bare, bare.removesuffix("S")
