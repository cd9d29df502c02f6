"""What is optimised: real programs, each with its constants, and folders to run them in.

The programs under `tasks` share one `prepare.py`, settings and problem statement, in `tasks/common`. The fifth is
the package's own template `tiny-lm`, held to one CPU second.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.optimism.store import digest
from deep_loop import config
from deep_loop.adapters.proposers.tuner_space import Dimension, space
from deep_loop.adapters.workspace.template import create, shipped
from deep_loop.config import Settings
from deep_loop.knobs import Knob, Layout, parse

HERE = Path(__file__).with_name("tasks")
TINY_LM = "tiny_lm"
# What is otherwise than in the template: half the time, and no runs on held-out data, which other methods have none of.
_CHANGES = (
    ("prepare.py", r"^TIME_BUDGET = 2\.0\b", "TIME_BUDGET = 1.0"),
    ("deep-loop.toml", r"^\[task\.holdout\]\n(?:.+\n)*", ""),
)
_TEST = '''

_evaluate = evaluate_bpb


def evaluate_bpb(predict: Callable[[np.ndarray], np.ndarray], validation: np.ndarray, context_length: int) -> float:
    """As above; the held-out files too, where `ALSO_TEST` asks for them, which no study does."""
    bpb = _evaluate(predict, validation, context_length)
    if os.environ.get("ALSO_TEST"):
        held_out = b"".join(path.read_bytes() for name, path in sorted(sources()) if side(name) == "holdout")
        print(f"test_bpb: {_evaluate(predict, np.frombuffer(held_out, np.uint8), context_length):.6f}")
    return bpb
'''


@dataclass(frozen=True, slots=True)
class Task:
    """One program to optimise; a lower metric is better in all of them."""

    name: str
    experiments: int = 40  # of one of our studies; the other methods get as many runs as that comes to
    fresh: int = 30  # runs that a true value is the mean of

    def lay_out(self, folder: Path) -> None:
        """Put the task's files into a new folder."""
        if self.name != TINY_LM:
            shutil.copytree(HERE / "common", folder)
            shutil.copy(HERE / f"{self.name}.py", folder / "train.py")
            return
        with as_file(shipped() / "tiny-lm") as template:
            shutil.copytree(template, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for name, pattern, text in _CHANGES:
            changed, times = re.subn(pattern, text, (folder / name).read_text("utf-8"), flags=re.MULTILINE)
            if times != 1:
                raise RuntimeError(f"the template tiny-lm no longer has {pattern!r} in {name}")
            (folder / name).write_text(changed, encoding="utf-8")
        with (folder / "prepare.py").open("a", encoding="utf-8") as file:
            file.write(_TEST)

    def workspace(self, root: Path) -> None:
        """Make a workspace of it, as `deep-loop init` would."""
        with TemporaryDirectory() as scratch:
            self.lay_out(Path(scratch, self.name))
            create(root, self.name, Path(scratch))


TASKS = (
    Task("digits"),
    Task("breast_cancer"),
    Task("wine"),
    Task("diabetes"),
    Task(TINY_LM, experiments=16, fresh=8),  # a run takes forty times as long as the others'
)


@dataclass(frozen=True, slots=True)
class Program:
    """A task's program, taken apart: its constants span the space that every method searches."""

    settings: Settings
    layout: Layout
    knobs: Mapping[str, Knob]
    space: tuple[Dimension, ...]
    digest: str  # of all its files


@cache
def program(task: Task) -> Program:
    """Take the task's program apart; the space is the one that the tuner makes of the same constants."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch, task.name)
        task.lay_out(folder)
        layout = parse((folder / "train.py").read_text(encoding="utf-8"))
        knobs = {knob.name: knob for knob in layout.knobs}
        return Program(config.load(folder), layout, knobs, space(knobs, knobs), digest(folder))
