"""The fixed half of the task: the data and its split, the budget, the evaluation. Nobody edits this file.

`train.py` owns everything else. Run this file by itself (`python prepare.py`) to see what it reads.

The data are the source files of Python's own standard library: about 9 MB of text that every machine
with Python has. Values of different Python versions are therefore close, but not comparable.
"""

import hashlib
import json
import math
import os
import resource
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_started = time.perf_counter()
_channel = os.environ.pop("DEEP_LOOP_RESULT", None)  # taken out of the way of whoever imports this file

# The budget is CPU seconds of one thread, so linear algebra gets one thread. This has to happen before
# NumPy is imported, by anyone: import this module first.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np

TIME_BUDGET = 2.0  # CPU seconds of training, without loading and evaluation
VOCABULARY = 256  # a token is a byte
MAX_CONTEXT = 512  # bytes before the first one that is evaluated: no model may look further back
MAX_PARAMETERS = 8_000_000  # more than the budget could ever train, and the evaluation would take minutes
MAX_MEMORY = 2 * 2**30  # bytes of address space; beyond it an allocation fails with a MemoryError

EVAL_STRETCHES = 64  # runs of consecutive bytes, spread evenly over the validation text
EVAL_STRETCH_BYTES = 512
EVAL_BATCH = 2048  # predictions at once; bounds the memory of the evaluation
VALIDATION_SHARE = 0.08  # of the files
HOLDOUT_SHARE = 0.04  # of the files: for what is kept, and never to choose by

# Left out because a distribution may leave them out, or because they hold tables and not source.
SKIPPED_FOLDERS = frozenset(
    "__pycache__ site-packages dist-packages lib-dynload test tests idle_test idlelib tkinter turtledemo "
    "lib2to3 distutils ensurepip pydoc_data".split()
)
SKIPPED_PREFIXES = ("_sysconfigdata", "sitecustomize", "usercustomize", "turtle")

if sys.platform == "linux":
    _soft, _hard = resource.getrlimit(resource.RLIMIT_AS)
    if _soft == resource.RLIM_INFINITY or _soft > MAX_MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, _hard))


# --- data --------------------------------------------------------------------------------------


def sources() -> Iterator[tuple[str, Path]]:
    """The files in use: name relative to the standard library, and path. In no particular order."""
    root = sysconfig.get_paths()["stdlib"]
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith("config-")]
        for name in names:
            if name.endswith(".py") and not name.startswith(SKIPPED_PREFIXES):
                path = Path(folder, name)
                yield path.relative_to(root).as_posix(), path


def side(name: str) -> str:
    """Which text a file belongs to. Its name alone decides, so a file never changes sides."""
    place = hashlib.sha256(name.encode()).digest()[0] / 256
    if place < VALIDATION_SHARE:
        return "validation"
    return "holdout" if place < VALIDATION_SHARE + HOLDOUT_SHARE else "training"


def load() -> tuple[np.ndarray, np.ndarray]:
    """The training and the validation text: two read-only uint8 vectors, in the order of the files' names.

    With `DEEP_LOOP_HOLDOUT` the held-out text stands in for the validation text. No model learns from either.
    """
    texts: dict[str, list[bytes]] = {"training": [], "validation": [], "holdout": []}
    for name, path in sorted(sources()):
        texts[side(name)].append(path.read_bytes())
    sides = ("training", "holdout" if os.environ.get("DEEP_LOOP_HOLDOUT") else "validation")
    training, validation = (np.frombuffer(b"".join(texts[part]), np.uint8) for part in sides)
    if len(training) < 1_000_000 or len(validation) < 100_000:
        sys.exit(f"FAIL: too little Python source under {sysconfig.get_paths()['stdlib']}; is the library there?")
    return training, validation


# --- budget ------------------------------------------------------------------------------------


def seed() -> int:
    """The seed of all randomness in one run: `DEEP_LOOP_SEED`, else 0."""
    return int(os.environ.get("DEEP_LOOP_SEED", "0"))


class Budget:
    """How long training lasts: TIME_BUDGET CPU seconds from now.

    `DEEP_LOOP_STEPS` sets a number of steps instead, so that the same seed gives the same result to the last
    digit. Its values cannot be compared with those of a time budget.
    """

    def __init__(self) -> None:
        self.steps = int(os.environ.get("DEEP_LOOP_STEPS", "0"))
        self.start = time.process_time()

    def progress(self, step: int) -> float:
        """The fraction that is spent before `step` (counted from 0). Training ends at 1."""
        return step / self.steps if self.steps else self.seconds() / TIME_BUDGET

    def seconds(self) -> float:
        """CPU seconds since training began."""
        return time.process_time() - self.start


def check_size(context_length: int, parameters: int) -> None:
    """Raise ValueError for a model that cannot be trained or evaluated in reasonable time."""
    if not 1 <= context_length <= MAX_CONTEXT:
        raise ValueError(f"a context of {context_length} bytes is not within 1..{MAX_CONTEXT}")
    if parameters > MAX_PARAMETERS:
        raise ValueError(f"{parameters:,} parameters are more than the {MAX_PARAMETERS:,} allowed")


# --- evaluation --------------------------------------------------------------------------------


def evaluate_bpb(predict: Callable[[np.ndarray], np.ndarray], validation: np.ndarray, context_length: int) -> float:
    """Bits per byte on the validation text: lower is better, and 8 is knowing nothing.

    `predict` maps contexts (uint8, [n, context_length], the latest byte last) to logits ([n, 256]). Every model
    is asked for the same bytes, whatever its context length. NaN if a logit is not finite. What comes out is reported
    at once, and the harness takes no second, different value: a run evaluates the one model that it ends with.
    """
    starts = np.linspace(MAX_CONTEXT, len(validation) - EVAL_STRETCH_BYTES, EVAL_STRETCHES).astype(np.int64)
    places = (starts[:, None] + np.arange(EVAL_STRETCH_BYTES)).ravel()
    nats = 0.0
    for batch in np.split(places, range(EVAL_BATCH, len(places), EVAL_BATCH)):
        logits = predict(validation[batch[:, None] + np.arange(-context_length, 0)]).astype(np.float64)
        peak = logits.max(axis=1)
        chosen = logits[np.arange(len(batch)), validation[batch]]
        nats += float((np.log(np.exp(logits - peak[:, None]).sum(axis=1)) + peak - chosen).sum())
    val_bpb = nats / math.log(2) / len(places)
    report(val_bpb=val_bpb)
    return val_bpb


def report(**numbers: float) -> None:
    """Append the numbers to the harness's own channel, where there is one: what is printed anybody could print."""
    if _channel:
        with Path(_channel).open("a", encoding="utf-8") as file:
            file.write(json.dumps(numbers) + "\n")


# --- summary -----------------------------------------------------------------------------------


def peak_memory_mb() -> float:
    """The most resident memory that this process has had, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held before this program began
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def print_summary(*, val_bpb: float, budget_seconds: float, steps: int, parameters: int) -> None:
    """The closing block, which has to say what was reported. A value that is no number ends the run with status 1."""
    if not math.isfinite(val_bpb):
        sys.exit(f"FAIL: val_bpb is {val_bpb}")
    print("---")
    print(f"val_bpb:          {val_bpb:.6f}")
    print(f"training_seconds: {budget_seconds:.1f}")
    print(f"total_seconds:    {time.perf_counter() - _started:.1f}")
    print(f"peak_vram_mb:     {peak_memory_mb():.1f}")
    print(f"num_steps:        {steps}")
    print(f"num_params_M:     {parameters / 1e6:.3f}")


if __name__ == "__main__":
    names = [name for name, _ in sources()]
    shown = "holdout" if os.environ.get("DEEP_LOOP_HOLDOUT") else "validation"
    for part, text in zip(("training", shown), load(), strict=True):
        files = sum(side(name) == part for name in names)
        digest = hashlib.sha256(text.tobytes()).hexdigest()[:12]
        print(f"{part + ':':<12}{len(text):>10,} bytes in {files:>4} files, sha256 {digest}")
