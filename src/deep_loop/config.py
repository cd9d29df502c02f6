"""`deep-loop.toml`, read into typed settings.

Every setting has its one default here, and a description from which `reference()` writes the
manual. A key that is not known, a value of the wrong kind and a regular expression that does not
compile are errors of one line that name the key, its table and what to do.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import NoneType
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.config import JsonDict
from pydantic_core import ErrorDetails

from deep_loop.core.metric import Direction
from deep_loop.core.metric import Metric as CoreMetric
from deep_loop.core.readout import PROGRESS
from deep_loop.errors import ConfigError, WorkspaceError

FILE = "deep-loop.toml"
PROPOSERS = ("tuner",)  # the proposers of this version, in the order of "auto"


def _rule(complaint: str, holds: Callable[[Any], object]) -> AfterValidator:
    """A condition on a value, with what to say where it does not hold."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise ValueError(complaint)
        return value

    return AfterValidator(check)


def _inside(text: str) -> bool:
    path = PurePosixPath(text)
    return bool(text.strip()) and not path.is_absolute() and not text.startswith("~") and ".." not in path.parts


def _expression(text: str) -> str:
    """A regular expression; readers apply it with `re.MULTILINE`."""
    try:
        re.compile(text, re.MULTILINE)
    except re.error as problem:
        raise ValueError(f"is not a regular expression: {problem}") from problem
    return text


Text = Annotated[str, _rule("must not be empty", str.strip)]
Word = Annotated[str, _rule("must be one word: it is the title of a column", re.compile(r"\S+").fullmatch)]
Variable = Annotated[str, _rule("must be the name of an environment variable", re.compile(r"[A-Za-z_]\w*").fullmatch)]
Whole = Annotated[int, Field(ge=0)]
RelativePath = Annotated[str, _rule("must be a path inside the workspace, relative to it", _inside)]
RelativePaths = Annotated[tuple[RelativePath, ...], _rule("must name at least one", bool)]
Number = Annotated[
    str,
    AfterValidator(_expression),
    _rule(
        "needs exactly one group (…), around the number; write (?:…) for any other",
        lambda text: re.compile(text).groups == 1,
    ),
]
Progress = Annotated[
    str,
    AfterValidator(_expression),
    _rule(
        "needs a group named (?P<percent>…) or (?P<loss>…)",
        lambda text: {"percent", "loss"} & re.compile(text).groupindex.keys(),
    ),
]
Proposer = Annotated[
    str, _rule(f"names no proposer of this version; known: {', '.join(PROPOSERS)}", lambda name: name in PROPOSERS)
]
Proposers = Annotated[tuple[Proposer, ...], _rule("must name at least one", bool)]


def _key(description: str, default: Any = ..., *, words: str | None = None, **constraints: Any) -> Any:
    """A setting: what it means, its default, and, where the value alone says too little, that default in words."""
    extra: JsonDict = {} if words is None else {"words": words}
    if callable(default):
        return Field(default_factory=default, description=description, json_schema_extra=extra, **constraints)
    return Field(default, description=description, json_schema_extra=extra, **constraints)


class Table(BaseModel):
    """A table of the file: frozen, no unknown key, no value quietly turned into another kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Metric(Table):
    """The one number that the task is judged by; the harness reads it from the run's log."""

    name: Word = _key("Its name: the title of its column in `results.tsv`.", "val_bpb")
    direction: Literal["minimize", "maximize"] = _key("Which way is better.", "minimize")
    pattern: Number = _key(
        "Regular expression (`^` and `$` match at every line) whose one group is the number; the last match counts.",
        lambda data: rf"^{re.escape(data.get('name', 'metric'))}:\s+(\S+)",
        words=r"`^NAME:\s+(\S+)` with the metric's name",
    )
    bound: float | None = _key(
        "A value that nobody believes to be bettered: what looks better is held until confirmed with clean caches.",
        None,
        words="none",
    )


class Memory(Table):
    """Peak memory, for the record; a run that does not print it is none the worse."""

    pattern: Number = _key("Regular expression whose one group is the number.", r"^peak_vram_mb:\s+(\S+)")
    unit: Literal["B", "KB", "MB", "GB"] = _key("The unit of that number; a step is 1024.", "MB")


class ProgressLines(Table):
    """What a run prints while it goes on, for the live view."""

    pattern: Progress = _key(
        "Regular expression with the group `percent` (of the run, 0 to 100) or `loss`, or both.", PROGRESS
    )


class Holdout(Table):
    """Data that no experiment is chosen by: what is kept is run on them too, for people to see and nobody else.

    Neither proposers nor analysts hear of it. Without `run` there is no such data.
    """

    run: Text | None = _key(
        "Command that trains and evaluates on the held-out data, in a folder of a kept commit's own.", None
    )
    pattern: Number | None = _key(
        "Regular expression for the metric in that run's log.", None, words="as in `[task.metric]`"
    )
    files: tuple[RelativePath, ...] = _key(
        "Files and folders of the workspace with the held-out data; glob patterns too. Only that run finds them.",
        (),
    )


class Task(Table):
    """The program that is improved, and how to run and read it."""

    run: Text = _key("Command of one run, for `sh`, started in a copy of the workspace.")
    editable: RelativePaths = _key("Files that a proposal may change; glob patterns too.")
    protected: tuple[RelativePath, ...] = _key("Files that must stay byte for byte as they are; glob patterns too.", ())
    metric: Metric = Metric()
    result: Literal["auto", "channel"] = _key(
        'Where the metric is taken from. The evaluator may append a line like `{"val_bpb": 1.234}` to the file that '
        '`DEEP_LOOP_RESULT` names; "auto" reads the log where it did not, "channel" calls that a crash.',
        "auto",
    )
    seed_cmd: Text | None = _key(
        "Command to run instead of `run`, with `{seed}` where the run's seed goes: for a program that does not read "
        "`DEEP_LOOP_SEED`.",
        None,
    )
    holdout: Holdout = Holdout()
    memory: Memory = Memory()
    progress: ProgressLines = ProgressLines()
    budget_seconds: float = _key(
        "What the program gives itself for one run; tells the time left at first.", 300.0, gt=0
    )
    timeout_seconds: float = _key(
        "Wall clock after which a run is killed with all its processes.",
        lambda data: 2 * data.get("budget_seconds", 300.0) + 60,
        words="2 × `budget_seconds` + 60",
        gt=0,
    )
    gpus_per_run: Literal["auto"] | Whole = _key(
        'GPUs that one run gets; 0 runs on the CPU. "auto" is 1 where there is a GPU, else 0.', "auto"
    )
    prepare: Text | None = _key("Command run once per study, in the workspace, before its first experiment.", None)
    link: tuple[RelativePath, ...] = _key("Files or folders ignored by git that each run finds linked in its copy.", ())
    env: tuple[Variable, ...] = _key("Names of environment variables that are passed through to runs.", ())
    network: bool = _key("Whether runs may use the network; `prepare` always may.", False)
    read: tuple[Text, ...] = _key(
        "Places outside of the workspace, or in your home, that runs may read (data, models); `prepare` writes them.",
        (),
    )
    caches: tuple[Text, ...] = _key(
        "Places that runs may write and find again, such as `~/.triton`; empty where an implausible gain is audited.",
        (),
    )
    memory_gb: float | None = _key(
        "Memory of a run, with all its processes; one that takes more is killed.",
        None,
        words="nine tenths of the machine's",
        gt=0,
    )
    processes: int = _key("Processes of a run at one time; one that has more is killed.", 4096, ge=1)
    disk_gb: float | None = _key(
        "What a run may write in its folders; one that writes more is killed.",
        None,
        words="half of what is free at the start",
        gt=0,
    )
    open_files: int = _key("Files that each process of a run may have open.", 65536, ge=64)

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


class Agents(Table):
    """Who thinks."""

    proposers: Literal["auto"] | Proposers = _key(
        "Who proposes changes, in order of preference: `tuner` is a Bayesian tuner over upper-case constants.", "auto"
    )

    def names(self) -> tuple[str, ...]:
        """The proposers to use, with "auto" spelled out."""
        return PROPOSERS if self.proposers == "auto" else self.proposers


class Study(Table):
    """How long a study goes on, and how it judges."""

    slots: Literal["auto"] | Annotated[int, Field(ge=1)] = _key(
        'Runs at the same time. "auto" is one per group of `gpus_per_run` GPUs, else one.', "auto"
    )
    meta_interval: int = _key("Experiments between two meta-analyses.", 12, ge=1)
    max_experiments: int = _key("Experiments after which the study ends; baselines do not count.", 100, ge=1)
    max_hours: float | None = _key("Hours after which the study ends.", None, words="no limit", gt=0)
    min_gain: float = _key("A gain that is not larger than this is none; in the metric's unit.", 0.0, ge=0)
    false_keeps: float = _key(
        "False keeps that a study of `max_experiments` may expect, at most. More finds small gains sooner; "
        "`make bench NAME=null_study` prints what each choice costs.",
        0.5,
        gt=0,
    )
    baseline_runs: int = _key("Runs of the code as it stands, before anything is proposed.", 3, ge=2)
    reference_runs: int = _key(
        "Runs of a new incumbent, made after it was kept; from then on its value counts as confirmed.", 4, ge=1
    )
    control_interval: int = _key(
        "Experiments between two runs of the incumbent that show how the machine drifts.", 20, ge=1
    )
    final_runs: int = _key("Runs of the incumbent at the study's end, for the value that is claimed.", 8, ge=0)
    simpler: Literal["off"] | Annotated[float, Field(gt=0)] = _key(
        "Clearly simpler code is kept where its metric is not worse by this many times the noise of one run; "
        '"off" keeps gains only.',
        1.0,
    )
    max_load: Literal["off"] | Annotated[float, Field(gt=0)] = _key(
        "Cores that others may keep busy during a run beyond what is usual in the study; a run that had more is made "
        'again. "off" takes every run as it is.',
        1.0,
    )
    repairs: int = _key("Times that a crashed change goes back to its proposer.", 2, ge=0)
    prune_margin: Literal["off"] | Annotated[float, Field(gt=0)] = _key(
        "A run whose loss is above the incumbent's at the same point by more than this fraction is stopped early; "
        '"off" lets every run end by itself.',
        0.5,
    )
    seed: int = _key("Where all of the study's randomness comes from.", 0, ge=0)
    significant: float = _key(
        "Relative gain that calls a meta-analysis at once while the noise is unknown; 0.01 is one per cent.", 0.01, gt=0
    )
    ahead: int = _key("Proposals that are thought of ahead of the slots.", 1, ge=0)
    sandbox: Literal["auto", "bubblewrap", "landlock", "off"] = _key(
        'What keeps runs in their place. "auto" is the best that the machine has; `deep-loop doctor` tells what holds.',
        "auto",
    )
    keep_awake: bool = _key("Whether the system is asked not to sleep while the study runs.", True)


class Notify(Table):
    """When to tell a person; lines go to `notify.log` in the workspace."""

    thresholds: tuple[float, ...] = _key(
        "Values of the metric, easiest first. Crossing one is a breakthrough; the last of two or more a major one.", ()
    )


class Settings(Table):
    """The whole file."""

    mode: Literal["ml"] = _key('What kind of study: "ml" improves a program by its metric.', "ml")
    task: Task
    agents: Agents = Agents()
    study: Study = Study()
    notify: Notify = Notify()

    @property
    def metric(self) -> CoreMetric:
        """The task's metric as the rules know it."""
        return CoreMetric(self.task.metric.name, Direction(self.task.metric.direction))


# --- loading -------------------------------------------------------------------------------------


def find(start: Path) -> Path | None:
    """The nearest folder, from `start` upwards, that holds a `deep-loop.toml`."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / FILE).is_file()), None)


def load(root: Path) -> Settings:
    """The settings of the workspace at `root`.

    Raises WorkspaceError where it has no `deep-loop.toml`, and ConfigError where the file says
    something impossible.
    """
    try:
        text = (root / FILE).read_text(encoding="utf-8")
    except FileNotFoundError as problem:
        hint = "make a workspace with `deep-loop init`, or name one with --workspace"
        raise WorkspaceError(f"no {FILE} in {root}", hint=hint) from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{FILE} cannot be read: {problem}", hint="it must be a readable file in UTF-8") from problem
    return parse(text)


def parse(text: str) -> Settings:
    """The settings that a file's text asks for; raises ConfigError."""
    try:
        return Settings.model_validate(_frozen(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"{FILE} is not valid TOML: {problem}", hint="put text in quotes") from problem
    except ValidationError as problem:
        raise _explained(min(problem.errors(), key=_rank)) from None


def _frozen(value: Any) -> Any:
    """TOML's lists as tuples, all the way down, so that strict models take them."""
    match value:
        case list():
            return tuple(_frozen(item) for item in value)
        case dict():
            return {key: _frozen(item) for key, item in value.items()}
    return value


# --- errors in words -----------------------------------------------------------------------------


def _rank(error: ErrorDetails) -> int:
    """Which of several findings to tell: the lowest.

    An unknown key is often why a required one is missing. Where a value may be "auto" or something
    else, what is wrong with the something else says more than that it is not "auto". A default that is worked out from
    other keys is missing wherever one of those is wrong.
    """
    ranks = {"extra_forbidden": 0, "value_error": 1, "literal_error": 3, "default_factory_not_called": 4}
    return ranks.get(error["type"], 2)


def _explained(error: ErrorDetails) -> ConfigError:
    """One of pydantic's findings as one line and a hint."""
    model: type[Table] = Settings
    path: list[str] = []
    place = [str(part) for part in error["loc"]]
    while len(place) > 1 and place[0] in _tables(model):
        model = _tables(model)[place[0]]
        path.append(place.pop(0))
    key = place[0]
    where = f"in [{'.'.join(path)}]" if path else "at the top level"
    inner = _tables(model).get(key)
    own = error["type"] == "value_error"
    complaint = str(error["ctx"]["error"]) if own else error["msg"].removeprefix("Input ")
    match error["type"]:
        case "extra_forbidden":
            return ConfigError(f"{FILE}: unknown key `{key}` {where}", hint=_nearest(key, model))
        case "missing" if inner is not None:
            return ConfigError(f"{FILE}: the table [{key}] is missing", hint=_needs(inner))
        case "missing":
            return ConfigError(f"{FILE}: `{key}` is missing {where}", hint=f"`{key}`: {_meaning(model, key)}")
        case "value_error" if inner is not None:  # a rule over several keys of that table
            return ConfigError(f"{FILE}: in [{key}] {complaint}", hint=_needs(inner))
    if inner is not None:
        return ConfigError(f"{FILE}: `{key}` {where} must be a table", hint=_needs(inner))
    expected = "" if own else f" Expected: {_kind(model.model_fields[key].annotation)}."
    return ConfigError(
        f"{FILE}: `{key}` {where}: {_shown(error['input'])} {complaint}",
        hint=f"`{key}`: {_meaning(model, key)}{expected}",
    )


def _tables(model: type[Table]) -> Mapping[str, type[Table]]:
    """The keys of a table that are tables themselves."""
    return {
        name: field.annotation
        for name, field in model.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Table)
    }


def _walk(model: type[Table], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type[Table]]]:
    """A table and all tables in it, each with its path, in the file's order."""
    yield path, model
    for name, inner in _tables(model).items():
        yield from _walk(inner, (*path, name))


def _meaning(model: type[Table], key: str) -> str:
    return model.model_fields[key].description or ""


def _needs(model: type[Table]) -> str:
    required = [f"`{name}`" for name, field in model.model_fields.items() if field.is_required()]
    return f"it needs {' and '.join(required)}" if required else f"its keys: {', '.join(model.model_fields)}"


def _nearest(key: str, model: type[Table]) -> str:
    """What an unknown key of a table was meant to be: a key of that table, or one of another."""
    if elsewhere := [path for path, table in _walk(Settings, ()) if path and key in table.model_fields]:
        return f"`{key}` belongs in [{'.'.join(elsewhere[0])}]"
    names = list(model.model_fields)
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"known keys there: {', '.join(names)}"


def _shown(value: object) -> str:
    """A value in a message: bounded, on one line."""
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."


# --- the manual ----------------------------------------------------------------------------------


def reference() -> str:
    """The reference of all settings, in Markdown; `docs/reference/settings.md` holds it."""
    lines = [
        "# Settings",
        "",
        f"`{FILE}` in the workspace's root. An unknown key is an error. This page is made from `deep_loop.config`:",
        "",
        "```sh",
        "python -c 'from deep_loop import config; print(config.reference(), end=\"\")' > docs/reference/settings.md",
        "```",
    ]
    for path, model in _walk(Settings, ()):
        lines += ["", *_section(model, path)]
    return "\n".join(lines) + "\n"


def _section(model: type[Table], path: tuple[str, ...]) -> list[str]:
    """The lines of one table's section."""
    title = f"`[{'.'.join(path)}]`" if path else "The top level"
    lines = [f"## {title}", "", (model.__doc__ or "").strip(), ""]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        if name in _tables(model):
            continue
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = str(extra.get("words") or ("**required**" if field.is_required() else _toml(field.default)))
        cells = (f"`{name}`", _kind(field.annotation), default, field.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _toml(value: object) -> str:
    """A default as it would be written in the file."""
    match value:
        case None:
            return "none"
        case str():
            return f"`'{value}'`" if "\\" in value else f'`"{value}"`'
        case tuple():
            return "`[]`"
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f"`{value:g}`"
    return f"`{value}`"


def _kind(annotation: Any) -> str:
    """What a value must be, in words."""
    arguments = [part for part in get_args(annotation) if part is not NoneType and part is not Ellipsis]
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f'`"{choice}"`' for choice in arguments)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if arguments:
        return " or ".join(_kind(part) for part in arguments)
    return {str: "text", bool: "`true` or `false`", int: "whole number", float: "number"}[annotation]
