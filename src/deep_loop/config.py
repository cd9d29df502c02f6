"""`deep-loop.toml`, read into typed settings.

Every setting has its one default here, and a description from which `reference()` writes the
manual. A key that is not known, a value of the wrong kind and a regular expression that does not
compile are errors of one line that name the key, its table and what to do.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from deep_loop.core import form
from deep_loop.core.form import Misfit, Rule
from deep_loop.core.metric import Direction
from deep_loop.core.metric import Metric as CoreMetric
from deep_loop.core.readout import PROGRESS
from deep_loop.errors import ConfigError, WorkspaceError

FILE = "deep-loop.toml"
PROPOSERS = ("tuner",)  # the proposers of this version, in the order of "auto"


def _inside(text: str) -> bool:
    path = PurePosixPath(text)
    return bool(text.strip()) and not path.is_absolute() and not text.startswith("~") and ".." not in path.parts


def _is_expression(text: str) -> bool:
    try:
        re.compile(text, re.MULTILINE)  # as readers apply it
    except re.error as problem:
        raise ValueError(problem) from problem
    return True


Text = Annotated[str, Rule("must not be empty", str.strip)]
Word = Annotated[str, Rule("must be one word: it is the title of a column", re.compile(r"\S+").fullmatch)]
Variable = Annotated[str, Rule("must be the name of an environment variable", re.compile(r"[A-Za-z_]\w*").fullmatch)]
Whole = Annotated[int, Rule("should be greater than or equal to 0", lambda number: number >= 0)]
Count = Annotated[int, Rule("should be greater than or equal to 1", lambda number: number >= 1)]
Size = Annotated[float, Rule("should be greater than or equal to 0", lambda number: number >= 0)]
Positive = Annotated[float, Rule("should be greater than 0", lambda number: number > 0)]
RelativePath = Annotated[str, Rule("must be a path inside the workspace, relative to it", _inside)]
RelativePaths = Annotated[tuple[RelativePath, ...], Rule("must name at least one", bool)]
Expression = Annotated[str, Rule("is not a regular expression", _is_expression)]
Number = Annotated[
    Expression,
    Rule(
        "needs exactly one group (…), around the number; write (?:…) for any other",
        lambda text: re.compile(text).groups == 1,
    ),
]
Progress = Annotated[
    Expression,
    Rule(
        "needs a group named (?P<percent>…) or (?P<loss>…)",
        lambda text: {"percent", "loss"} & re.compile(text).groupindex.keys(),
    ),
]
Proposer = Annotated[
    str, Rule(f"names no proposer of this version; known: {', '.join(PROPOSERS)}", lambda name: name in PROPOSERS)
]
Proposers = Annotated[tuple[Proposer, ...], Rule("must name at least one", bool)]


def _key(description: str, default: Any = dataclasses.MISSING, *, words: str | None = None) -> Any:
    """A setting: what it means, its default, and, where the value alone says too little, that default in words."""
    return field(default=default, metadata={"description": description, "words": words})


@dataclass(frozen=True)
class Metric:
    """The one number that the task is judged by; the harness reads it from the run's log."""

    name: Word = _key("Its name: the title of its column in `results.tsv`.", "val_bpb")
    direction: Literal["minimize", "maximize"] = _key("Which way is better.", "minimize")
    pattern: Number = _key(
        "Regular expression (`^` and `$` match at every line) whose one group is the number; the last match counts.",
        "",
        words=r"`^NAME:\s+(\S+)` with the metric's name",
    )

    def __post_init__(self) -> None:
        if not self.pattern:
            object.__setattr__(self, "pattern", rf"^{re.escape(self.name)}:\s+(\S+)")


@dataclass(frozen=True)
class Memory:
    """Peak memory, for the record; a run that does not print it is none the worse."""

    pattern: Number = _key("Regular expression whose one group is the number.", r"^peak_vram_mb:\s+(\S+)")
    unit: Literal["B", "KB", "MB", "GB"] = _key("The unit of that number; a step is 1024.", "MB")


@dataclass(frozen=True)
class ProgressLines:
    """What a run prints while it goes on, for the live view."""

    pattern: Progress = _key(
        "Regular expression with the group `percent` (of the run, 0 to 100) or `loss`, or both.", PROGRESS
    )


@dataclass(frozen=True)
class Task:
    """The program that is improved, and how to run and read it."""

    run: Text = _key("Command of one run, for `sh`, started in a copy of the workspace.")
    editable: RelativePaths = _key("Files that a proposal may change; glob patterns too.")
    protected: tuple[RelativePath, ...] = _key("Files that must stay byte for byte as they are; glob patterns too.", ())
    metric: Metric = Metric()
    memory: Memory = Memory()
    progress: ProgressLines = ProgressLines()
    budget_seconds: Positive = _key("What the program gives itself for one run; tells the time left at first.", 300.0)
    timeout_seconds: Positive = _key(
        "Wall clock after which a run is killed with all its processes.", 0.0, words="2 × `budget_seconds` + 60"
    )
    gpus_per_run: Literal["auto"] | Whole = _key(
        'GPUs that one run gets; 0 runs on the CPU. "auto" is 1 where there is a GPU, else 0.', "auto"
    )
    prepare: Text | None = _key("Command run once per study, in the workspace, before its first experiment.", None)
    link: tuple[RelativePath, ...] = _key("Files or folders ignored by git that each run finds linked in its copy.", ())
    env: tuple[Variable, ...] = _key("Names of environment variables that are passed through to runs.", ())

    def __post_init__(self) -> None:
        if both := sorted(set(self.editable) & set(self.protected)):
            raise ValueError(f"`{both[0]}` is both editable and protected")
        if not self.timeout_seconds:
            object.__setattr__(self, "timeout_seconds", 2 * self.budget_seconds + 60)


@dataclass(frozen=True)
class Agents:
    """Who thinks."""

    proposers: Literal["auto"] | Proposers = _key(
        "Who proposes changes, in order of preference: `tuner` is a Bayesian tuner over upper-case constants.", "auto"
    )
    analyst: Literal["auto", "statistics"] = _key("Who does the meta-analysis.", "auto")

    def names(self) -> tuple[str, ...]:
        """The proposers to use, with "auto" spelled out."""
        return PROPOSERS if self.proposers == "auto" else self.proposers


@dataclass(frozen=True)
class Study:
    """How long a study goes on, and how it judges."""

    slots: Literal["auto"] | Count = _key(
        'Runs at the same time. "auto" is one per group of `gpus_per_run` GPUs, else one.', "auto"
    )
    meta_interval: Count = _key("Experiments between two meta-analyses.", 12)
    max_experiments: Count = _key("Experiments after which the study ends; baselines do not count.", 100)
    max_hours: Positive | None = _key("Hours after which the study ends.", None, words="no limit")
    min_gain: Size = _key("A gain that is not larger than this is none; in the metric's unit.", 0.0)
    repairs: Whole = _key("Times that a crashed change goes back to its proposer.", 2)
    seed: Whole = _key("Where all of the study's randomness comes from.", 0)
    significant: Positive = _key(
        "Relative gain that calls a meta-analysis at once while the noise is unknown; 0.01 is one per cent.", 0.01
    )
    prune_margin: Literal["off"] | Positive = _key(
        "A run whose loss is above the incumbent's at the same point by more than this fraction is stopped early; "
        '"off" lets every run end by itself.',
        0.5,
    )
    ahead: Whole = _key("Proposals that are thought of ahead of the slots.", 1)


@dataclass(frozen=True)
class Notify:
    """When to tell a person; lines go to `notify.log` in the workspace."""

    thresholds: tuple[float, ...] = _key(
        "Values of the metric, easiest first. Crossing one is a breakthrough; the last of two or more a major one.", ()
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
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
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"{FILE} is not valid TOML: {problem}", hint="put text in quotes") from problem
    _refuse_unknown(found)  # first: a key that is misspelled is often why a required one is missing
    try:
        settings: Settings = form.read(Settings, found)
    except Misfit as misfit:
        raise _explained(misfit) from None
    return settings


# --- errors in words -----------------------------------------------------------------------------


def _refuse_unknown(found: Mapping[str, Any]) -> None:
    """Raise ConfigError for the first key, in any table, that is no setting."""
    for path, table in _walk(Settings, ()):
        inside: Any = found
        for name in path:
            inside = inside.get(name) if isinstance(inside, dict) else None
        for key in inside if isinstance(inside, dict) else ():
            if key not in _keys(table):
                raise ConfigError(f"{FILE}: unknown key `{key}` {_where(path)}", hint=_nearest(key, table))


def _explained(misfit: Misfit) -> ConfigError:
    """What does not fit, as one line and a hint."""
    table: type = Settings
    path: list[str] = []
    place = [str(part) for part in misfit.path]
    while place and place[0] in _tables(table):
        table = _tables(table)[place[0]]
        path.append(place.pop(0))
    if not place:  # a whole table: missing, no table at all, or at odds with itself
        outer, name = _where(tuple(path[:-1])), path[-1]
        if misfit.missing:
            return ConfigError(f"{FILE}: the table [{name}] is missing", hint=_needs(table))
        if not isinstance(misfit.found, dict):
            return ConfigError(f"{FILE}: `{name}` {outer} must be a table", hint=_needs(table))
        return ConfigError(f"{FILE}: in [{'.'.join(path)}] {misfit.problem}", hint=_needs(table))
    key, where = place[0], _where(tuple(path))
    meaning = _keys(table)[key].metadata["description"]
    if misfit.missing:
        return ConfigError(f"{FILE}: `{key}` is missing {where}", hint=f"`{key}`: {meaning}")
    return ConfigError(
        f"{FILE}: `{key}` {where}: {form.shown(misfit.found)} {misfit.problem}",
        hint=f"`{key}`: {meaning} Expected: {_kind(get_type_hints(table)[key])}.",
    )


def _where(path: tuple[str, ...]) -> str:
    return f"in [{'.'.join(path)}]" if path else "at the top level"


def _keys(table: type) -> Mapping[str, dataclasses.Field[Any]]:
    """The settings of a table, inner tables included, in the file's order."""
    return {key.name: key for key in dataclasses.fields(table)}


def _tables(table: type) -> Mapping[str, type]:
    """The keys of a table that are tables themselves."""
    kinds = get_type_hints(table).items()
    return {name: kind for name, kind in kinds if isinstance(kind, type) and dataclasses.is_dataclass(kind)}


def _walk(table: type, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type]]:
    """A table and all tables in it, each with its path, in the file's order."""
    yield path, table
    for name, inner in _tables(table).items():
        yield from _walk(inner, (*path, name))


def _is_required(key: dataclasses.Field[Any]) -> bool:
    return key.default is dataclasses.MISSING


def _needs(table: type) -> str:
    required = [f"`{name}`" for name, key in _keys(table).items() if _is_required(key)]
    return f"it needs {' and '.join(required)}" if required else f"its keys: {', '.join(_keys(table))}"


def _nearest(key: str, table: type) -> str:
    """What an unknown key of a table was meant to be: a key of that table, or one of another."""
    if elsewhere := [path for path, other in _walk(Settings, ()) if path and key in _keys(other)]:
        return f"`{key}` belongs in [{'.'.join(elsewhere[0])}]"
    names = list(_keys(table))
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"known keys there: {', '.join(names)}"


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
    for path, table in _walk(Settings, ()):
        lines += ["", *_section(table, path)]
    return "\n".join(lines) + "\n"


def _section(table: type, path: tuple[str, ...]) -> list[str]:
    """The lines of one table's section."""
    title = f"`[{'.'.join(path)}]`" if path else "The top level"
    lines = [f"## {title}", "", (table.__doc__ or "").strip(), ""]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    kinds = get_type_hints(table)
    for name, key in _keys(table).items():
        if name in _tables(table):
            continue
        default = key.metadata["words"] or ("**required**" if _is_required(key) else _toml(key.default))
        cells = (f"`{name}`", _kind(kinds[name]), default, key.metadata["description"])
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
    return {str: "text", int: "whole number", float: "number"}[annotation]
