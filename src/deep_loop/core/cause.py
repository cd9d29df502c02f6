"""What a crash is put down to: the last line of its traceback, without what differs between two of one cause."""

from __future__ import annotations

import re

from deep_loop.core.experiment import Crashed, Experiment, outcomes

LONGEST = 160  # characters of a cause

_ERROR = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning)\b.*$")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:~|\.{1,2})?(?:[\\/][\w.+@-]+){2,}|[\w.-]+\.(?:py|so|cu|txt|json|pt|bin|npy)\b")
_NUMBER = re.compile(r"(?<![A-Za-z_])[-+]?\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?")


def cause(experiment: Experiment) -> str:
    """The cause of an experiment that crashed: from its log's end, else from the decision's reason."""
    ends = [outcome.tail for outcome in outcomes(experiment) if isinstance(outcome, Crashed)]
    reason = experiment.decision.reason if experiment.decision else ""
    return masked(last_error(ends[-1]) or reason if ends else reason)


def last_error(log: str) -> str:
    """The last line that names an error, as Python ends a traceback; empty where none does."""
    lines = (line.strip() for line in reversed(log.splitlines()))
    return next((line for line in lines if _ERROR.match(line)), "")


def masked(line: str) -> str:
    """A line with addresses, paths and numbers replaced by signs that are always the same, on one line and bounded."""
    text = _ADDRESS.sub("ADDRESS", " ".join(line.split())[: 4 * LONGEST])
    return _NUMBER.sub("#", _PATH.sub("PATH", text))[:LONGEST]
