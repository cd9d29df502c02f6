#!/usr/bin/env python3
"""Hand over to deep-loop: `python orchestrate.py --tag exp1 | --status | --meta-only | --dry-run`."""

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def hand_over(command: str) -> None:
    """Become `deep-loop COMMAND` of the environment beside this file, or of the PATH, with our own arguments."""
    own = HERE / ".venv" / "bin" / "deep-loop"
    program = str(own) if own.is_file() else shutil.which("deep-loop")
    if program is None:
        sys.exit("deep-loop is not installed here\n\nhint: ./setup.sh")
    os.execv(program, [program, command, "--home", str(HERE), *sys.argv[1:]])


if __name__ == "__main__":
    hand_over("orchestrate")
