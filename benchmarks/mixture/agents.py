"""Scripted agents of known quality, in the place of models: what they know is written here."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.optimism.methods import spelled
from benchmarks.optimism.task import Program, Task, program
from deep_loop.adapters.proposers.tuner_space import Axis, element
from deep_loop.core.experiment import Change, Idea
from deep_loop.core.taxonomy import kind_of
from deep_loop.knobs import evaluate, parse
from deep_loop.ports import Answer, Brief, Objection

# Settings that long searches of the benchmark `optimism` have ended with: what somebody who knows the task would try.
KNOWN: Mapping[str, Mapping[str, str]] = {
    "digits": {
        "HIDDEN_SIZE": "309",
        "ACTIVATION": '"relu"',
        "INIT_SCALE": "0.881",
        "LEARNING_RATE": "0.424",
        "WEIGHT_DECAY": "0.00841",
        "LABEL_SMOOTHING": "0.0",
    },
    "wine": {
        "LENGTH_SCALE": "3.49",
        "LINEAR_WEIGHT": "0.8",
        "BATCH_SIZE": "32",
        "LEARNING_RATE": "0.0623",
        "L2_PENALTY": "0.00154",
    },
    "tiny_lm": {
        "CONTEXT_LENGTH": "6",
        "EMBEDDING_SIZE": "32",
        "HIDDEN_SIZE": "128",
        "OUTPUT_INIT_SCALE": "0.181",
        "LEARNING_RATE": "5.3e-3",
        "EMBEDDING_LR": "9.64e-3",
    },
}


@dataclass(frozen=True)
class Scripted:
    """Knows where one constant should go, with the chance `knowledge`; else it moves one at random, and far."""

    task: Task
    knowledge: float
    name: str
    anywhere: bool = True

    def propose(self, brief: Brief, checkout: Path) -> Answer:
        """Move one constant that does not stand where it should; nothing where all do."""
        chance = random.Random(brief.seed)
        text = brief.files["train.py"]
        layout = parse(text)
        now = {knob.name: knob for knob in layout.knobs}
        left = [name for name, to in KNOWN[self.task.name].items() if evaluate(to) != now[name].value]
        if chance.random() < self.knowledge and left:
            name = chance.choice(left)
            moved = {name: KNOWN[self.task.name][name]}
        else:
            moved = self._anything(chance)
        (checkout / "train.py").write_text(layout.fill(moved), encoding="utf-8")
        changes = tuple(Change(name, now[name].source, to) for name, to in moved.items())
        title = ", ".join(f"{change.name} {change.before} -> {change.after}" for change in changes)
        return Answer(Idea(title, kind_of(changes[0].name), "scripted", changes=changes))

    def mend(self, brief: Brief, checkout: Path, objection: Objection) -> Answer:
        """It has no second thoughts."""
        return Answer()

    def stop(self) -> None:
        """It is never at it for long."""

    def _anything(self, chance: random.Random) -> Mapping[str, str]:
        """One constant at a uniform place of its whole range, away from where the program was shipped."""
        whole = program(self.task)
        dimension = chance.choice(whole.space)
        if isinstance(dimension, Axis):
            at = chance.uniform(dimension.low, dimension.high)
            at = float(round(at)) if dimension.grid else at
        else:
            at = float(chance.randrange(len(dimension.sources)))
        return spelled(whole, {**_shipped(whole), dimension.name: at}) or self._anything(chance)


def _shipped(whole: Program) -> dict[str, float]:
    """Where the shipped program stands in its space."""
    found = {each.name: each.coordinate(element(whole.knobs[each.key].value, each.place)) for each in whole.space}
    return {name: at for name, at in found.items() if at is not None}
