"""What the names of columns tell: what a column is for, and which way a metric is better."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from deep_loop.core.metric import Direction
from deep_loop.foreign.lexicon import (
    BESIDE,
    COUNTED,
    COUNTERS,
    HELD_OUT,
    HINTED,
    NO_RUN,
    NOT_OWN,
    PRIMARY,
    SPEED,
    SURE,
)

Role = Literal["status", "description", "commit", "memory", "seconds"]

# The usual names first: where several columns would do, the one whose name stands further up is taken.
NAMES: Mapping[Role, tuple[str, ...]] = {
    "status": (
        "status", "decision", "result", "outcome", "verdict", "action", "state", "kept_or_discarded", "keep_discard",
        "disposition", "judgement", "judgment", "conclusion", "final_status", "kept", "keep", "accepted", "accept",
        "improved", "is_improvement", "improvement", "promoted", "merged", "success", "runner_decision", "suggestion",
        "label",
    ),
    "description": (
        "description", "desc", "experiment_description", "change_description", "changes", "change", "modification",
        "hypothesis", "idea", "title", "summary", "what", "what_changed", "change_summary", "experiment_name",
        "proposal", "experiment", "message", "commit_message", "notes", "note", "comment", "comments", "details",
        "explanation", "reasoning", "rationale", "text", "remarks", "mutation", "mutations", "config", "params", "tag",
        "name", "findings",
    ),
    "commit": (
        "commit", "commit_hash", "commit_sha", "commit_id", "git_commit", "git_sha", "git_hash", "sha", "hash",
        "revision", "rev", "head_commit", "candidate_commit", "result_commit", "solver_sha", "code_sha", "end_sha",
        "short_sha", "ref", "config_id",
    ),
    "memory": (),  # by words, below
    "seconds": (),
}  # fmt: skip
ROLES = NAMES.keys()


@dataclass(frozen=True, slots=True)
class Sense:
    """Which way a name says is better, and whether the name leaves no doubt."""

    direction: Direction
    sure: bool


def words(name: str) -> list[str]:
    """The words of a name, small: `valBpb`, `val_bpb (lower)` and `val-bpb` begin with the same two."""
    leaf = re.sub(r"[(\[].*", "", name)
    parted = re.sub(r"(?<=[a-zµμ0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", " ", leaf)
    return re.findall(r"[^\W_]+", parted.casefold())


def plain(name: str) -> str:
    """A name as it is compared: `Git SHA`, `git-sha` and `gitSha` are `git_sha`; of `metrics.loss` the whole."""
    return "_".join(words(name))


def leaf(name: str) -> str:
    """The last part of a nested name."""
    return name.rpartition(".")[2]


def rank(role: str, name: str) -> int | None:
    """How usual a name is for a role, 0 being the most; None where it is none for it."""
    match role:
        case "memory":
            return _rank_memory(words(leaf(name)))
        case "seconds":
            return _rank_seconds(words(leaf(name))) if "." not in name or name.startswith("metrics.") else None
        case "status" | "description" | "commit":
            known = NAMES[role]
            whole, last = plain(name), plain(leaf(name))
            if whole in known:
                return 2 * known.index(whole)
            if "." not in name or last not in known:
                return None
            return 2 * known.index(last) + (1 if role == "description" else 2 * len(known))
        case _:
            return None


def familiar(name: str) -> bool:
    """Whether logs commonly have a column of such a name, whatever it is for."""
    usual = any(rank(role, name) is not None for role in ROLES) or direction(name) is not None
    return usual or bool({*BESIDE, *PRIMARY}.intersection(words(leaf(name))))


def direction(name: str) -> Sense | None:
    """Which way is better, by the words of a name; None where they do not say."""
    found = words(leaf(name))
    if _is_rate(found):
        return Sense(Direction.MAXIMIZE, sure=True)
    if found[:1] == ["bits"] and "per" in found:  # bits per byte, per character, per dimension
        return Sense(Direction.MINIMIZE, sure=True)
    for sets, sure in ((SURE, True), (HINTED, False)):
        told = [way for word in found for way, known in sets.items() if word in known]
        told = told or [way for word in found for way, known in sets.items() if word.rstrip("0123456789") in known]
        if told and len(set(told)) == 1:
            return Sense(told[0], sure)
        if told:  # `error_score`, `accuracy_loss`: the last word is what it is
            return Sense(told[-1], sure=False)
    return None


def metric_score(name: str) -> float:
    """How likely a number of this name is what a log is about, from about -4 to 8."""
    found = words(leaf(name))
    text = "_".join(found)
    sense = direction(name)
    points = 2.0
    if text in PRIMARY:
        points = 6.5
    elif _is_rate(found):
        points = 4.5  # most often told beside what a study is about
    elif SPEED.intersection(found):
        points = 5.0
    elif sense is not None:
        points = 6.0 if sense.sure else 3.0
    elif HELD_OUT.intersection(found):
        points = 4.0
    if HELD_OUT.intersection(found):
        points += 1.0
    if text.endswith("_score"):
        points = max(points, 6.0)
    if "." in name:
        points -= 1.5
    if "best" in found:
        points -= 1.0
    points -= 2.5 * len(NOT_OWN.intersection(found))
    if text not in PRIMARY and not SPEED.intersection(found) and BESIDE.intersection(found):
        points -= 0.5 if sense is not None and sense.sure else 2.0
    if _rank_memory(found) is not None or _rank_seconds(found) is not None:
        points = min(points, 1.0)
    if found and found[-1] in COUNTERS:
        points = min(points, -2.0)
    return points


def memory_unit(name: str) -> str | None:
    """The unit that a memory column names: "GB" or "MB"; None where it names none."""
    found = words(leaf(name))
    if {"gb", "gib", "gigabytes"}.intersection(found):
        return "GB"
    return "MB" if {"mb", "mib", "megabytes"}.intersection(found) else None


def seconds_unit(name: str) -> float | None:
    """How many seconds one of a duration column is; None where it is none."""
    found = words(leaf(name))
    units = {"ms": 0.001, "s": 1.0, "sec": 1.0, "secs": 1.0, "seconds": 1.0, "minutes": 60.0, "min": 60.0, "mins": 60.0}
    return next((units[word] for word in reversed(found) if word in units), None)


def _rank_memory(found: list[str]) -> int | None:
    about = {"memory", "mem", "vram", "rss", "ram"}.intersection(found)
    if not about:
        return None
    return 0 if memory_unit("_".join(found)) else None


def _rank_seconds(found: list[str]) -> int | None:
    text = "_".join(found)
    if text in ("seconds", "duration_seconds", "wall_seconds", "wallclock_seconds", "elapsed_seconds", "wall_time_sec"):
        return 0
    about = {"time", "wall", "wallclock", "elapsed", "duration", "runtime", "training", "train"}.intersection(found)
    unit = seconds_unit(text)
    return 1 if about and unit is not None and not NO_RUN.intersection(found) else None


def _is_rate(found: list[str]) -> bool:
    """Whether a name counts something in a second: `tok_s`, `tokens_per_sec`, `qps`."""
    if "per" in found[:-1] and found[-1] in ("s", "sec", "second", "seconds", "min", "minute", "hour"):
        return True
    return len(found) > 1 and found[-1] in ("s", "sec") and found[-2] in COUNTED
