"""An experiment's commit, run again on fresh seeds and held against its record; nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from deep_loop.core.experiment import Experiment, Measured, Outcome, TimedOut, values
from deep_loop.core.readout import Exit
from deep_loop.core.reproduction import compare
from deep_loop.core.seed import derive
from deep_loop.loop import evidence
from deep_loop.loop.lab import Lab
from deep_loop.loop.trial import judge, lay_out

LISTEN_SECONDS = 1.0  # between two looks at what the executor has to say


@dataclass(frozen=True, slots=True)
class Reproduction:
    """An experiment's recorded values beside fresh ones."""

    number: int
    recorded: tuple[float, ...]
    fresh: tuple[float, ...]
    agrees: bool | None  # None where the noise is not known well enough to say
    words: str


def reproduce(lab: Lab, number: int, runs: int, mark: str, echo: Callable[[str], None]) -> Reproduction:
    """Run experiment `number` that many times, one after the other; `echo` hears of each, and of what it waits for.

    `mark` tells this reproduction from any other of the experiment. See `core.reproduction.compare` for when two
    sets of runs agree. Raises LedgerError where there is no such experiment.
    """
    experiment = lab.ledger.record(number)
    fresh: list[float] = []
    for index in range(runs):
        seed = derive(lab.seed, "reproduce", number, mark, index)
        outcome = _run(lab, experiment, f"reproduce-{number}-{mark}-{index}", seed, echo)
        if isinstance(outcome, Measured):
            fresh.append(outcome.value)
        echo(f"run {index + 1} of {runs}, seed {seed}: {_told(lab, outcome)}")
    recorded = values(experiment)
    agrees, words = compare(recorded, fresh, runs, evidence.noise(lab))
    return Reproduction(number, recorded, tuple(fresh), agrees, words)


def _run(lab: Lab, experiment: Experiment, name: str, seed: int, echo: Callable[[str], None]) -> Outcome:
    trial = lay_out(
        lab,
        experiment.commit,
        name,
        seed,
        log=f".deep-loop/logs/{lab.tag}/{name}.log",
        words=f"experiment {experiment.number}",
        id=f"{lab.uid}-{name}",
    )
    return judge(lab, trial, _heard(lab, lab.executor.start(trial.job, lab.executor.slots[0]), echo))


def _heard(lab: Lab, run: Future[Exit], echo: Callable[[str], None]) -> Exit:
    """Wait for a run, passing on meanwhile what the executor says, for instance that it waits for a device."""
    while True:
        ended = wait([run], LISTEN_SECONDS).done
        while lab.executor.notices:
            echo(lab.executor.notices.pop(0))
        if ended:
            return run.result()


def _told(lab: Lab, outcome: Outcome) -> str:
    match outcome:
        case Measured(value=value):
            return f"{lab.task.metric.name} {value:.6f}"
        case TimedOut(limit_seconds=limit):
            return f"timed out after {limit:g} s"
        case _:
            return outcome.reason
