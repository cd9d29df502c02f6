"""The settings themselves, as tables of pydantic.

Every setting has its one default here, and a description from which `config.manual` writes the manual.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deep_loop.config.agents import Agents
from deep_loop.config.fields import (
    Dollars,
    Number,
    Progress,
    RelativePath,
    RelativePaths,
    Table,
    Text,
    Variable,
    Whole,
    Word,
    key,
    table,
)
from deep_loop.config.notify import Notify
from deep_loop.core.metric import Direction
from deep_loop.core.metric import Metric as CoreMetric
from deep_loop.core.readout import PROGRESS

FILE = "deep-loop.toml"


class Metric(Table):
    """The one number that the task is judged by; the harness reads it from the run's log."""

    name: Word = key("Its name: the title of its column in `results.tsv`.", "val_bpb")
    direction: Literal["minimize", "maximize"] = key("Which way is better.", "minimize")
    pattern: Number = key(
        "Regular expression (`^` and `$` match at every line) whose one group is the number; the last match counts.",
        lambda data: rf"^{re.escape(data.get('name', 'metric'))}:\s+(\S+)",
        words=r"`^NAME:\s+(\S+)` with the metric's name",
    )
    bound: float | None = key(
        "A value that nobody believes to be bettered: what looks better is held until confirmed with clean caches.",
        None,
        words="none",
    )


class Memory(Table):
    """Peak memory, for the record; a run that does not print it is none the worse."""

    pattern: Number = key("Regular expression whose one group is the number.", r"^peak_vram_mb:\s+(\S+)")
    unit: Literal["B", "KB", "MB", "GB"] = key("The unit of that number; a step is 1024.", "MB")


class ProgressLines(Table):
    """What a run prints while it goes on, for the live view."""

    pattern: Progress = key(
        "Regular expression with the group `percent` (of the run, 0 to 100) or `loss`, or both.", PROGRESS
    )


class Holdout(Table):
    """Data that no experiment is chosen by: what is kept is run on them too, for people to see and nobody else.

    Neither proposers nor analysts hear of it. Without `run` there is no such data.
    """

    run: Text | None = key(
        "Command that trains and evaluates on the held-out data, in a folder of a kept commit's own.", None
    )
    pattern: Number | None = key(
        "Regular expression for the metric in that run's log.", None, words="as in `[task.metric]`"
    )
    files: tuple[RelativePath, ...] = key(
        "Files and folders of the workspace with the held-out data; glob patterns too. Only that run finds them.",
        (),
    )


class Task(Table):
    """The program that is improved, and how to run and read it."""

    run: Text = key("Command of one run, for `sh`, started in a copy of the workspace.")
    editable: RelativePaths = key("Files that a proposal may change; glob patterns too.")
    protected: tuple[RelativePath, ...] = key("Files that must stay byte for byte as they are; glob patterns too.", ())
    metric: Metric = table()
    result: Literal["auto", "channel"] = key(
        'Where the metric is taken from. The evaluator may append a line like `{"val_bpb": 1.234}` to the file that '
        '`DEEP_LOOP_RESULT` names; "auto" reads the log where it did not, "channel" calls that a crash.',
        "auto",
    )
    seed_cmd: Text | None = key(
        "Command to run instead of `run`, with `{seed}` where the run's seed goes: for a program that does not read "
        "`DEEP_LOOP_SEED`.",
        None,
    )
    holdout: Holdout = table()
    memory: Memory = table()
    progress: ProgressLines = table()
    budget_seconds: float = key("What the program gives itself for one run; tells the time left at first.", 300.0, gt=0)
    timeout_seconds: float = key(
        "Wall clock after which a run is killed with all its processes.",
        lambda data: 2 * data.get("budget_seconds", 300.0) + 60,
        words="2 × `budget_seconds` + 60",
        gt=0,
    )
    kinds: dict[Text, tuple[Text, ...]] = key(
        "The task's own kinds of change, instead of those of training a network: each with the words in names that "
        'tell it, several joined by `+`, such as `depth = ["layers", "max+depth"]`.',
        {},
        words="batch, learning-rate, schedule, … ([kinds](../design/outer-tier.md#kinds))",
    )
    gpus_per_run: Literal["auto"] | Whole = key(
        'GPUs that one run gets; 0 runs on the CPU. "auto" is 1 where there is a GPU, else 0.', "auto"
    )
    prepare: Text | None = key("Command run once per study, in the workspace, before its first experiment.", None)
    link: tuple[RelativePath, ...] = key("Files or folders ignored by git that each run finds linked in its copy.", ())
    env: tuple[Variable, ...] = key("Names of environment variables that are passed through to runs.", ())
    network: bool = key("Whether runs may use the network; `prepare` always may.", False)
    read: tuple[Text, ...] = key(
        "Places outside of the workspace, or in your home, that runs may read (data, models); `prepare` writes them.",
        (),
    )
    caches: tuple[Text, ...] = key(
        "Places that runs may write and find again, such as `~/.triton`; empty where an implausible gain is audited.",
        (),
    )
    memory_gb: float | None = key(
        "Memory of a run, with all its processes; one that takes more is killed.",
        None,
        words="nine tenths of the machine's",
        gt=0,
    )
    processes: int = key("Processes of a run at one time; one that has more is killed.", 4096, ge=1)
    disk_gb: float | None = key(
        "What a run may write in its folders; one that writes more is killed.",
        None,
        words="half of what is free at the start",
        gt=0,
    )
    open_files: int = key("Files that each process of a run may have open.", 65536, ge=64)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if both := sorted(set(self.editable) & set(self.protected)):
            raise ValueError(f"`{both[0]}` is both editable and protected")
        if both := sorted(set(self.editable) & set(self.holdout.files)):
            raise ValueError(f"`{both[0]}` is both editable and held out")
        if self.seed_cmd is not None and "{seed}" not in self.seed_cmd:
            raise ValueError("`seed_cmd` has no place for the seed: write {seed} there")
        if self.holdout.run is None and (self.holdout.files or self.holdout.pattern):
            raise ValueError("`holdout` says nothing of how to `run` it")
        return self


class Study(Table):
    """How long a study goes on, and how it judges."""

    slots: Literal["auto"] | Annotated[int, Field(ge=1)] = key(
        'Runs at the same time. "auto" is one per group of `gpus_per_run` GPUs, else one.', "auto"
    )
    meta_interval: int = key("Experiments between two meta-analyses.", 12, ge=1)
    lessons: bool = key(
        "Whether agents are told in a few lines what other studies of this workspace found, without `--learn-from`. "
        "Without, studies that are to be compared know nothing of each other.",
        True,
    )
    probation: bool = key(
        "Whether a new strategy is tried beside the one before it, proposals being assigned at random, and dropped "
        "where it is worse; else all follow the latest.",
        True,
    )
    max_experiments: int = key("Experiments after which the study ends; baselines do not count.", 100, ge=1)
    max_hours: float | None = key("Hours after which the study ends.", None, words="no limit", gt=0)
    max_cost_usd: Dollars = key(
        "Dollars for models, over all of the study's sittings; then it ends in good order.", 45.0
    )
    max_tokens: int | None = key("Tokens of models, in and out, likewise.", None, words="no limit", ge=1)
    max_slot_hours: float | None = key(
        "Hours of GPUs, or of shares of the CPU, likewise; two slots use two an hour.", None, words="no limit", gt=0
    )
    pivot_after: int = key("Experiments without a keep, after which agents are asked for a bold change.", 15, ge=1)
    min_gain: float = key("A gain that is not larger than this is none; in the metric's unit.", 0.0, ge=0)
    false_keeps: float = key(
        "False keeps that a study of `max_experiments` may expect, at most. More finds small gains sooner; "
        "`make bench NAME=null_study` prints what each choice costs.",
        0.5,
        gt=0,
    )
    baseline_runs: int = key("Runs of the code as it stands, before anything is proposed.", 3, ge=2)
    reference_runs: int = key(
        "Runs of a new incumbent, made after it was kept; from then on its value counts as confirmed.", 4, ge=1
    )
    control_interval: int = key(
        "Experiments between two runs of the incumbent that show how the machine drifts.", 20, ge=1
    )
    final_runs: int = key("Runs of the incumbent at the study's end, for the value that is claimed.", 8, ge=0)
    simpler: Literal["off"] | Annotated[float, Field(gt=0)] = key(
        "Clearly simpler code is kept where its metric is not worse by this many times the noise of one run; "
        '"off" keeps gains only.',
        1.0,
    )
    max_load: Literal["off"] | Annotated[float, Field(gt=0)] = key(
        "Cores that others may keep busy during a run beyond what is usual in the study; a run that had more is made "
        'again. "off" takes every run as it is.',
        1.0,
    )
    repairs: int = key("Times that a crashed change goes back to its proposer.", 2, ge=0)
    prune_margin: Literal["off"] | Annotated[float, Field(gt=0)] = key(
        "A run whose loss is above the incumbent's at the same point by more than this fraction is stopped early; "
        '"off" lets every run end by itself.',
        0.5,
    )
    seed: int = key("Where all of the study's randomness comes from.", 0, ge=0)
    significant: float = key(
        "Relative gain that calls a meta-analysis at once while the noise is unknown; 0.01 is one per cent.", 0.01, gt=0
    )
    ahead: int = key("Proposals that are thought of ahead of the slots.", 1, ge=0)
    sandbox: Literal["auto", "bubblewrap", "landlock", "off"] = key(
        'What keeps runs in their place. "auto" is the best that the machine has; `deep-loop doctor` tells what holds.',
        "auto",
    )
    keep_awake: bool = key("Whether the system is asked not to sleep while the study runs.", True)


class Settings(Table):
    """The whole file."""

    mode: Literal["ml"] = key('What kind of study: "ml" improves a program by its metric.', "ml")
    task: Task
    agents: Agents = table()
    study: Study = table()
    notify: Notify = table()

    @property
    def metric(self) -> CoreMetric:
        """The task's metric as the rules know it."""
        return CoreMetric(self.task.metric.name, Direction(self.task.metric.direction))
