"""One run of a workspace's `train.py`, as the harness would make it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

TIMEOUT = 120  # seconds; many times what a run of the template takes


def value(folder: Path, seed: int) -> float | None:
    """The val_bpb of `python train.py` in `folder` under its own budget; None where it crashed or timed out."""
    environment = {name: text for name, text in os.environ.items() if name != "DEEP_LOOP_STEPS"}
    environment |= {"DEEP_LOOP_SEED": str(seed), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "train.py"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return None
    found = re.findall(r"^val_bpb:\s+(\S+)", done.stdout, re.MULTILINE)
    return float(found[-1]) if done.returncode == 0 and found else None
