"""A study made of plain values, for the tuner's tests: experiments without processes, git or a ledger."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deep_loop import knobs
from deep_loop.adapters.proposers.tuner_space import Axis, Options, element, space
from deep_loop.core.experiment import (
    BASELINE,
    Closing,
    Crash,
    Crashed,
    Discard,
    Experiment,
    Idea,
    Keep,
    Measured,
    Outcome,
    Proposal,
    Pruned,
    is_keep,
    values,
)
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.metric import Metric
from deep_loop.core.record import Ask, Attempt, Measurement, Record, Refusal
from deep_loop.core.seed import derive
from deep_loop.core.strategy import Strategy
from deep_loop.core.taxonomy import KINDS
from deep_loop.ports import Brief, Proposer, Terms

METRIC = Metric("val_bpb")
PROGRAM = '''"""A model with constants of every form."""
CONTEXT = 12            # bytes
WIDTH = 2**7            # units
HEAD_DIM = 64           # numbers in a head
ACTIVATION = "relu"     # choices: relu, gelu, tanh
PATTERN = "SSSL"
INIT_SCALE = 1.0
EMBEDDING_LR = 1e-2     # peak step size
MATRIX_LR = 4e-3
ADAM_BETAS = (0.9, 0.99)  # memory of mean and square
WEIGHT_DECAY = 0.05
GRAD_CLIP = 1.0
WARMUP_RATIO = 0.0      # share of the budget
WARMDOWN_RATIO = 0.5
SEED = 1

print(CONTEXT * WIDTH)
'''


def judge(outcomes: Sequence[Outcome], beaten: Sequence[float]) -> Closing:
    """A rule as plain as can be: what proposes does not depend on how it is decided."""
    if not all(isinstance(outcome, Measured) for outcome in outcomes):
        return Discard("stopped") if any(isinstance(outcome, Pruned) for outcome in outcomes) else Crash("failed")
    gains = [METRIC.gain(o.value, sum(beaten) / len(beaten)) for o in outcomes if isinstance(o, Measured) and beaten]
    return Keep("better", min(gains, default=0.0)) if all(gain > 0 for gain in gains) else Discard("worse")


@dataclass
class Study:
    """Experiments on one program, closed one after the other."""

    program: str = PROGRAM
    history: list[Experiment] = field(default_factory=list)
    pending: list[Proposal] = field(default_factory=list)
    refusals: list[Refusal[Proposal]] = field(default_factory=list)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    incumbent: int = 0

    def __post_init__(self) -> None:
        self.files["c0"] = {"train.py": self.program}
        if not self.history:
            self.close(
                Idea("baseline", BASELINE, ""), self.files["c0"], [Measured(2.5, 3), Measured(2.5, 3)], parent=None
            )

    @property
    def base(self) -> str:
        return f"c{self.incumbent}"

    def close(
        self, idea: Idea, files: dict[str, str], outcomes: Sequence[Outcome], *, parent: int | None, by: str = "tuner"
    ) -> Experiment:
        """Add one closed experiment; a keep becomes the incumbent. It is kept where every run beats that."""
        number = len(self.history)
        base = f"c{parent}" if parent is not None else "c0"
        beaten = () if parent is None else values(self.history[self.incumbent])
        decision = judge(outcomes, beaten)
        runs = tuple(
            Measurement(
                100 * number + i,
                number,
                0,
                100 * number + i,
                number,
                "fresh" if i else "first",
                "",
                "cpu0",
                "log",
                0,
                1,
                run,
            )
            for i, run in enumerate(outcomes)
        )
        proposal = Proposal(idea, by, base, parent, f"c{number}", f"f{number}")
        ask = Ask(number + 1, by, number, 0)
        record: Experiment = Record(
            number, ask, proposal, number > 0, 0, (Attempt(0, f"c{number}", 0),), runs, decision, 1, number
        )
        self.files[f"c{number}"] = files
        self.history.append(record)
        if is_keep(record):
            self.incumbent = number
        return record

    def turn(self, knob_values: dict[str, str], *outcomes: Outcome, idea: Idea | None = None) -> Experiment:
        """Close an experiment that sets these knobs on the incumbent."""
        files = {"train.py": knobs.rewrite(self.files[self.base]["train.py"], knob_values)}
        return self.close(
            idea or Idea(str(knob_values), "other", ""), files, outcomes, parent=self.incumbent, by="agent"
        )

    def brief(
        self,
        ask: int | None = None,
        hypotheses: Sequence[Hypothesis] = (),
        strategy: Strategy | None = None,
        seed: int = 0,
    ) -> Brief:
        """What a proposer is told now."""
        ask = ask or len(self.history) + 1
        return Brief(
            ask=Ask(ask, "tuner", len(self.history), 0),
            seed=derive(seed, "propose", ask),
            metric=METRIC,
            base=self.base,
            parent=self.incumbent,
            files=self.files[self.base],
            program="",
            strategy=strategy or Strategy(),
            hypotheses=tuple(hypotheses),
            history=tuple(self.history),
            pending=tuple(self.pending),
            refusals=tuple(self.refusals),
            files_at=self.files.__getitem__,
            terms=Terms("python train.py", ["train.py"], [], 2.0, 9.0, KINDS),
        )


def ask(proposer: Proposer, brief: Brief, folder: Path) -> tuple[Idea | None, dict[str, str]]:
    """One proposal: the idea, and the files that it leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in brief.files.items():
        (folder / path).write_bytes(text.encode())
    idea = proposer.propose(brief, folder).idea
    return idea, {path: (folder / path).read_bytes().decode() for path in brief.files}


@dataclass(frozen=True)
class Surface:
    """A made-up task: each knob has its own optimum; six are worth 1 to 2.5 %, the others nearly nothing."""

    seed: int
    noise: float = 0.002  # standard deviation of a run, as a fraction of the metric

    def run(self, text: str, seed: int) -> Outcome:
        gain = self.gain(text)
        if gain < -0.6:
            return Crashed("the loss is not finite", 1)
        return Measured(2.5 * (1 - gain) * (1 + random.Random(seed).gauss(0, self.noise)), 3)

    def gain(self, text: str) -> float:
        """The true gain over PROGRAM, as a fraction of the metric: a quadratic in each knob's own coordinate."""
        chance, total = random.Random(self.seed), 0.0
        start, now = ({knob.name: knob for knob in knobs.read(source)} for source in (PROGRAM, text))
        dimensions = list(space(start, start))
        chance.shuffle(dimensions)
        for place, dimension in enumerate(dimensions):
            at = dimension.coordinate(element(now[dimension.key].value, dimension.place))
            was = dimension.coordinate(element(start[dimension.key].value, dimension.place))
            assert at is not None and was is not None
            best = chance.uniform(0.01, 0.025) if place < 6 else chance.uniform(0, 0.004)
            offset = chance.choice([-1, 1]) * (chance.uniform(0.5, 1.2) if place < 6 else chance.uniform(0.2, 0.6))
            match dimension:
                case Options():
                    total += best * (at == 2) - best * (at == 1)
                case Axis(low=low, high=high, radius=radius):
                    inside = low <= was + offset * radius <= high
                    z = (at - was) / (radius if inside else -radius)
                    total += best * (1 - ((z - offset) / offset) ** 2)
        assert math.isfinite(total)
        return total


def run_study(proposer: Proposer, surface: Surface, experiments: int, folder: Path, seed: int = 0) -> float:
    """A whole study under the real rule of keeping; returns the true gain of its last incumbent."""
    study = Study()
    for number in range(1, experiments + 1):
        idea, files = ask(proposer, study.brief(seed=seed), folder)
        assert idea is not None
        runs = [surface.run(files["train.py"], derive(seed, "run", number, index)) for index in range(2)]
        beaten = values(study.history[study.incumbent])
        promising = isinstance(judge(runs[:1], beaten), Keep)
        study.close(idea, files, runs if promising else runs[:1], parent=study.incumbent)
    return surface.gain(study.files[study.base]["train.py"])


def moved(idea: Idea | None) -> dict[str, str]:
    """The constants that an idea moves, with their new source text."""
    assert idea is not None
    return {change.name: change.after for change in idea.changes}
