"""The kinds of change that one makes to the training of a neural network.

A kind says what sort of idea an experiment tries, so that the outer tier can tell which sorts pay. It is told from the
change itself (`core.sort`), by the names of what it touches; where those say nothing, from what its proposer says. A
task that is no training of a network brings kinds of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

OTHER = "other"  # a change whose kind nobody knows
SIMPLER = "simplification"  # code that went and nothing that came: no name tells it

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
    SIMPLER,
    OTHER,
)

# A pattern is one or more words that must all stand in the name. Patterns of more words win over those of
# fewer (WEIGHT_DECAY over DECAY); among equals the kind further up wins (WARMUP over LR, LR over EMBEDDING).
# Context length and window count as attention: both say how far back the model looks.
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("schedule", "WARMUP WARMDOWN COOLDOWN SCHEDULE SCHEDULER ANNEAL ANNEALING COSINE RAMP RESTART DECAY PLATEAU"),
    ("schedule", "FINAL+LR FINAL+LEARNING MIN+LR MIN+LEARNING END+LR LR+FLOOR"),
    ("learning-rate", "LR LRS LEARNING STEP+SIZE"),
    ("regularization", "WEIGHT+DECAY WD DROPOUT DROPPATH DROP+PATH LABEL+SMOOTHING SMOOTHING L1 L2 PENALTY LOSS"),
    ("init", "INIT INITIALIZATION INITIALISATION INIT+EMBEDDING KAIMING XAVIER ORTHOGONAL"),
    ("optimizer", "OPTIMIZER OPTIMISER OPTIM BETA MOMENTUM EPS EPSILON ADAM ADAMW MUON SGD LION NESTEROV"),
    ("optimizer", "RMSPROP ADAGRAD ADAFACTOR SOAP SHAMPOO"),
    ("optimizer", "CLIP CLIPPING GRAD+NORM GRADIENT+NORM EMA EMA+DECAY SWA NS+STEP"),
    ("norm-residual", "BATCH+NORM LAYER+NORM NORM RMSNORM LAYERNORM RESIDUAL RESID SKIP LAYERSCALE GATE NORM+EPS"),
    ("batch", "BATCH MICROBATCH BATCHSIZE ACCUM ACCUMULATION"),
    ("attention", "ATTENTION ATTN WINDOW CONTEXT SEQ SEQUENCE+LENGTH BLOCK+SIZE ROPE ROTARY QK KV HEAD LOOKBACK"),
    ("activation", "ACTIVATION ACT NONLINEARITY GELU RELU SILU SWISH SWIGLU GLU TANH SOFTCAP"),
    ("depth-width", "HEAD+DIM HEAD+SIZE MODEL+DIM D+MODEL N+EMBD MLP+RATIO MLP+HIDDEN"),
    ("depth-width", "DEPTH LAYER WIDTH HIDDEN ASPECT DIM FFN FF MLP EXPANSION CHANNEL UNIT"),
    ("embedding", "EMBEDDING EMBED EMBD UNEMBEDDING VOCAB TIE TIED TOKENIZER EMBEDDING+DIM EMBED+DIM"),
    ("precision-systems", "DTYPE PRECISION BF16 FP16 FP8 FP32 COMPILE FUSED WORKER THREAD DEVICE KERNEL PREFETCH"),
    ("precision-systems", "BFLOAT16 FLOAT16 HALF AUTOCAST AMP TF32 CUDA CUDNN CHANNELS+LAST"),
    ("precision-systems", "CHECKPOINTING QUANTIZE QUANT"),
    ("data", "DATA DATASET SHUFFLE SAMPLE SAMPLING AUGMENT AUGMENTATION CURRICULUM PACKING MIX MIXTURE CROP STRIDE"),
)

FIRST = 12  # words of a text that tell a kind: what comes later is mostly about something else

_WORD = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z][a-z]+\d*|[a-z]+\d*|\d+")


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Taxonomy:
    """Kinds of change, and the names by which each is known."""

    kinds: tuple[str, ...]  # `OTHER` is the last
    rules: tuple[tuple[str, frozenset[str]], ...]  # a kind, and words that a name of it holds

    def kind_of(self, name: str) -> str:
        """The kind of a change that moves what has this name, by its words; `OTHER` where none is known.

        `EMBEDDING_LR`, `embeddingLr` and `embedding_lr` are the same name; plurals and trailing numbers do not
        matter (`ADAM_BETAS`, `BETA1`).
        """
        return _kind_of(self, name)

    def told_by(self, text: str) -> str:
        """The kind that a text names first; `OTHER` where it names none."""
        words = re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text)[:FIRST]
        if words and (together := self.kind_of("_".join(words[:3]))) != OTHER:
            return together
        return next((known for word in words if (known := self.kind_of(word)) != OTHER), OTHER)


@lru_cache(maxsize=8192)
def _kind_of(taxonomy: Taxonomy, name: str) -> str:
    words = {form for word in _WORD.findall(name) for form in _forms(word.upper())}
    kind, size = OTHER, 0
    for candidate, pattern in taxonomy.rules:
        if len(pattern) > size and pattern <= words:
            kind, size = candidate, len(pattern)
    return kind


def own(kinds: Mapping[str, Sequence[str]]) -> Taxonomy:
    """A task's own kinds, each with the words that tell it, several joined by `+`; `NEURAL` where there are none."""
    if not kinds:
        return NEURAL
    rules = ((kind, pattern) for kind, patterns in kinds.items() for pattern in patterns)
    named = tuple(kind for kind in kinds if kind != OTHER)
    return Taxonomy((*named, OTHER), tuple((kind, frozenset(pattern.upper().split("+"))) for kind, pattern in rules))


def _forms(word: str) -> tuple[str, ...]:
    """The word as it stands, without its number, and without its plural."""
    bare = word.rstrip("0123456789")
    return word, bare, bare.removesuffix("S")


NEURAL = Taxonomy(
    KINDS, tuple((kind, frozenset(pattern.split("+"))) for kind, line in _PATTERNS for pattern in line.split())
)


def kind_of(constant: str) -> str:
    """The kind of a constant in the training of a neural network."""
    return NEURAL.kind_of(constant)
