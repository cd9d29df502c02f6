"""From the log and the exit of one run to its outcome.

The harness reads the metric here, and nowhere else: no number that an agent reports counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from signal import SIGKILL, Signals
from typing import Literal

from deep_loop.core import channel
from deep_loop.core.channel import ChannelError
from deep_loop.core.experiment import Breached, Crashed, Interrupted, Measured, Outcome, Pruned, TimedOut
from deep_loop.core.metric import Metric

PROGRESS = r"step\s+\d+ \((?P<percent>[\d.]+)%\) \| loss: (?P<loss>\S+)"  # autoresearch's progress line

TAIL_LINES = 40
TAIL_CHARS = 8_000
REASON_CHARS = 200
MAX_NUMBERS = 64  # of a summary block: more is no summary
MAX_POINTS = 100  # of a curve; a longer one is thinned

Point = tuple[float, float]  # per cent of the run, loss there

Unit = Literal["B", "KB", "MB", "GB"]
_MEGABYTES: dict[Unit, float] = {"B": 2.0**-20, "KB": 2.0**-10, "MB": 1.0, "GB": 2.0**10}  # powers of 1024

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # OSC: titles, links
    r"|\x1b[ -/]*[0-Z\\^-~]"  # the short ones; never the two openers above
)
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
del _CONTROLS[ord("\n")], _CONTROLS[ord("\t")]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_RULE = re.compile(r"^-{3,}[ \t]*$", re.MULTILINE)
_SUMMARY = re.compile(r"^[ \t]*([A-Za-z_]\w*):[ \t]+(\S+)[ \t]*$", re.MULTILINE | re.ASCII)
_TRACEBACK = re.compile(r"^(?P<prefix>.*?)Traceback \(most recent call last\):$", re.MULTILINE)
_OUT_OF_MEMORY = re.compile(
    r"\bout of memory\b|\bMemoryError\b|\bOutOfMemoryError\b|\bbad_alloc\b|Cannot allocate memory", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a job ended."""

    code: int | None  # -n: killed by signal n; None: the executor killed it, or it never started
    seconds: float  # wall clock
    text: str  # the log, at most the executor's cap, undecodable bytes replaced
    timed_out: bool = False
    interrupted: bool = False  # the harness stopped it: `stop()`, or the supervisor lost the harness
    pruned: bool = False  # stopped early because its job called it hopeless
    problem: str | None = None  # the executor itself failed (no such folder, disk full)
    load: float | None = None  # cores that others kept busy meanwhile, on average; None where it is not known
    channel: str | None = None  # what the evaluator wrote to its own channel; None where it wrote nothing
    confined: bool = False  # a sandbox kept it from writing anywhere but where it may


@dataclass(frozen=True, slots=True)
class Patterns:
    """Where a task's program prints what. Regular expressions, matched with `^` and `$` at line ends."""

    metric: str  # group 1 is the number
    memory: str | None = None  # group 1 is the number, in `memory_unit`
    memory_unit: Unit = "MB"
    progress: str | None = PROGRESS  # groups named `percent` and `loss`, either may be missing
    channel_only: bool = False  # a printed metric counts for nothing: it has to come by the evaluator's channel


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run says it is. At least one of the two is there."""

    percent: float | None  # in [0, 100]
    loss: float | None  # finite


def readout(
    exit: Exit,
    metric: Metric,
    patterns: Patterns,
    *,
    timeout_seconds: float,
    hopeless: Callable[[str], str | None] | None = None,
) -> Outcome:
    """What one run came to.

    The metric counts only where the program exited with 0. It is what the evaluator's channel says
    (`core.channel`), else the last match of its pattern in the log. One that is missing, unreadable or not finite is
    a crash with its reason, never a number; a channel that cannot be read, or that says something else than the log,
    is a breach.
    """
    if exit.interrupted:
        return Interrupted(exit.problem or "the harness stopped it", exit.seconds)
    if exit.timed_out:
        return TimedOut(timeout_seconds, exit.seconds)
    if hopeless is not None and (given_up := hopeless(exit.text)) is not None:
        return Pruned(given_up, exit.seconds)
    if exit.pruned:
        return Pruned("stopped early", exit.seconds)
    text = plain(exit.text)
    failure = _failure(exit, text)
    try:
        reported = channel.read(exit.channel or "", metric.name) if failure is None else channel.Reported(None)
        value = failure or _metric(patterns, metric.name, text, reported.value)
    except ChannelError as breach:
        return Breached(_one_line(str(breach)), exit.seconds)
    if isinstance(value, str):
        return Crashed(_one_line(value), exit.seconds, tail(text))
    return Measured(
        value=value,
        seconds=exit.seconds,
        memory_mb=_memory(patterns, text),
        numbers=dict(islice({**dict(_summary(patterns, text)), **reported.numbers}.items(), MAX_NUMBERS)),
        curve=tuple(point for point in curve(text, patterns.progress) if math.isfinite(point[1])),
        load=exit.load,
    )


def curve(text: str, pattern: str | None = PROGRESS) -> tuple[Point, ...]:
    """The loss along a run, by rising per cent, at most `MAX_POINTS` points; a loss that is not finite is infinite.

    Lines that do not name both, or go back, are left out.
    """
    points: list[Point] = []
    for match in re.finditer(pattern, plain(text), re.MULTILINE) if pattern else ():
        groups = match.groupdict()
        percent, printed = number(groups.get("percent")), groups.get("loss") or ""
        loss = math.inf if _NOT_FINITE.fullmatch(printed) else number(printed)
        if percent is not None and loss is not None and (not points or percent > points[-1][0]):
            points.append((percent, loss))
    return tuple(points[:: -(-len(points) // MAX_POINTS) or 1])


def progress(text: str, pattern: str | None = PROGRESS) -> Progress | None:
    """The last progress line of a log, or of a log's end; None where it has none that says anything."""
    match = _last(pattern, plain(text)) if pattern else None
    if match is None:
        return None
    groups = match.groupdict()
    percent, loss = number(groups.get("percent")), number(groups.get("loss"))
    if percent is None and loss is None:
        return None
    return Progress(None if percent is None else min(max(percent, 0.0), 100.0), loss)


def plain(text: str) -> str:
    """The text without colours and control characters; a lone carriage return ends a line. Idempotent."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _ESCAPE.sub("", text).translate(_CONTROLS)


def tail(text: str) -> str:
    """The last lines of a plain text, bounded in lines and characters."""
    end = text.rstrip()[-TAIL_CHARS:]
    return "\n".join(end.split("\n")[-TAIL_LINES:])


def number(text: str | None) -> float | None:
    """A finite decimal number, as in `1.5`, `-3`, `1.234e-2`; None for anything else."""
    if text is None or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _last(pattern: str, text: str) -> re.Match[str] | None:
    """The pattern's last match."""
    last = None
    for match in re.finditer(pattern, text, re.MULTILINE):
        last = match
    return last


def _metric(patterns: Patterns, name: str, text: str, reported: float | None) -> float | str:
    """The metric, or why there is none. Raises ChannelError where log and channel (`reported`) disagree."""
    match = _last(patterns.metric, text)
    if reported is not None:
        if not math.isfinite(reported):
            return f"{name} is not finite: {reported}"
        if match is not None and channel.contradicts(match[1] or "", reported):
            raise ChannelError(f"two different values of {name}: {match[1]!r} is printed, {reported} reported")
        return reported
    if patterns.channel_only:
        return f"{name} did not come by the evaluator's result channel ({channel.VARIABLE})"
    if match is None:
        return f"printed no {name} (no line of the log matches its pattern)"
    value = number(match[1])
    if value is not None:
        return value
    printed = match[1] or ""
    unreadable = not (_NOT_FINITE.fullmatch(printed) or _NUMBER.fullmatch(printed))
    return f"{name} is not a number: {printed!r}" if unreadable else f"{name} is not finite: {printed}"


def _memory(patterns: Patterns, text: str) -> float | None:
    """The memory in MB (2^20 bytes), or None where it is missing or makes no sense."""
    match = _last(patterns.memory, text) if patterns.memory else None
    value = number(match[1]) if match else None
    return value * _MEGABYTES[patterns.memory_unit] if value is not None and value >= 0 else None


def _summary(patterns: Patterns, text: str) -> Iterator[tuple[str, float]]:
    """The `name: number` lines after the last `---` line, but for the metric and the memory."""
    rule = _last(_RULE.pattern, text)
    if rule is None:
        return
    known = [pattern for pattern in (patterns.metric, patterns.memory) if pattern]
    others = (
        (line[1], value)
        for line in _SUMMARY.finditer(text, rule.end())
        if (value := number(line[2])) is not None
        and not any(re.search(pattern, line[0], re.MULTILINE) for pattern in known)
    )
    yield from islice(others, MAX_NUMBERS)


def _failure(exit: Exit, text: str) -> str | None:
    """Why the program failed, in words; None where it exited with 0."""
    if exit.problem is not None:
        return exit.problem or "the executor failed"
    if exit.code == 0:
        return None
    end = text[-TAIL_CHARS:]  # a traceback further up was survived
    lines = [line for line in end.split("\n") if any(map(str.isalnum, line))]
    raised, killer = _raised(end), _signal(exit.code)
    for line in [raised] if raised and killer is None else lines[-5:]:
        if _OUT_OF_MEMORY.search(line):
            return f"out of memory: {line.strip()}"
    if killer is SIGKILL:
        return "killed by SIGKILL: most likely out of memory"
    if killer is not None:
        return f"killed by {killer.name}"
    last = lines[-1].strip(" \t|+-") if lines else "nothing was printed"
    return raised or f"exit code {exit.code}: {last}"


def _raised(text: str) -> str | None:
    """The exception of the last Python traceback, as in `ValueError: no such layer`.

    A prefix on every line, such as torchrun's `[rank0]: `, is taken off.
    """
    headers = list(_TRACEBACK.finditer(text))
    if not headers:
        return None
    prefix = headers[-1]["prefix"]
    for line in text[headers[-1].end() :].split("\n"):
        body = line.removeprefix(prefix)
        if line.startswith(prefix) and body and not body[0].isspace():
            return body.strip()
    return None


def _signal(code: int | None) -> Signals | None:
    """The signal behind an exit code: -n, or 128 + n where a shell reports it."""
    if code is None or 0 <= code <= 128:
        return None
    try:
        return Signals(-code if code < 0 else code - 128)
    except ValueError:
        return None


def _one_line(reason: str) -> str:
    """The reason on one line, bounded."""
    line = " ".join(reason.split())
    return line if len(line) <= REASON_CHARS else f"{line[: REASON_CHARS - 1]}…"
