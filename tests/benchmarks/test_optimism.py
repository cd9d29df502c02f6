"""The benchmark `optimism`: its tasks, its methods, the study that it runs, and how it counts."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.optimism import fork
from benchmarks.optimism.figures import TARGETS, bound, result
from benchmarks.optimism.methods import METHODS, Trial, Winner, winner, within
from benchmarks.optimism.ours import Interval, share
from benchmarks.optimism.repeat import OURS, Entry, Order, Worth, entries
from benchmarks.optimism.store import Store, digest
from benchmarks.optimism.task import TASKS, TINY_LM, Task, program
from benchmarks.optimism.trainer import Seen, Trainer
from deep_loop.adapters.proposers.tuner_space import Axis, element
from deep_loop.knobs import evaluate

WINE = next(task for task in TASKS if task.name == "wine")
DIGITS = next(task for task in TASKS if task.name == "digits")
SMALL = [task for task in TASKS if task.name != TINY_LM]


@pytest.fixture(scope="module", autouse=True)
def _forks() -> Iterator[None]:
    """One fork server for the module, with the threads of linear algebra held as in the benchmark."""
    with pytest.MonkeyPatch.context() as patch:
        for name, number in fork.THREADS.items():
            patch.setenv(name, number)
        fork.prepare()
        yield


# --- the tasks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("task", SMALL, ids=lambda task: task.name)
def test_a_task_repeats_itself_by_its_seed_alone(task: Task, tmp_path: Path) -> None:
    """The same seed gives the same value, another one another; the test value stays unseen unless asked for."""
    trainer = Trainer(task, tmp_path / "task")
    first, again, other = trainer.run({}, 1), trainer.run({}, 1, test=True), trainer.run({}, 2)
    assert first.value is not None and first.value == again.value != other.value
    assert first.test is None and again.test is not None
    assert 3 <= len(first.curve) <= 12 and first.curve[-1][0] < 100


def test_the_language_model_is_tested_on_other_files(tmp_path: Path) -> None:
    """It has half the template's budget; a test value comes only where asked for, and does not move the other."""
    folder, log = tmp_path / "task", tmp_path / "log"
    next(task for task in TASKS if task.name == TINY_LM).lay_out(folder)
    assert "TIME_BUDGET = 1.0 " in (folder / "prepare.py").read_text()
    env = {"DEEP_LOOP_STEPS": "2", "DEEP_LOOP_SEED": "1"}
    plain, asked = (fork.run(folder, log, {**env, **more}, 120).text for more in ({}, {"ALSO_TEST": "1"}))
    (value,) = re.findall(r"^val_bpb: +(\S+)$", plain, re.MULTILINE)
    assert re.findall(r"^val_bpb: +(\S+)$", asked, re.MULTILINE) == [value]
    (test,) = re.findall(r"^test_bpb: +(\S+)$", asked, re.MULTILINE)
    assert test != value and "test_bpb" not in plain


# --- one run -------------------------------------------------------------------------------------


def test_a_run_ends_as_a_process_would(tmp_path: Path) -> None:
    """Its folder, its variables and its exit status are its own; an exception is a traceback and status 1."""
    (tmp_path / "helper.py").write_text("NAME = 'helper'\n")
    log = tmp_path / "log"
    (tmp_path / "train.py").write_text("import helper, os, sys\nprint(helper.NAME, os.environ['X'])\nsys.exit(3)\n")
    ended = fork.run(tmp_path, log, {"X": "1"}, 60)
    assert (ended.code, ended.text, ended.timed_out, ended.interrupted) == (3, "helper 1\n", False, False)
    (tmp_path / "train.py").write_text("raise ValueError('no such layer')\n")
    ended = fork.run(tmp_path, log, {}, 60)
    assert ended.code == 1 and "ValueError: no such layer" in ended.text


def test_a_run_is_killed_when_it_is_late_or_to_stop(tmp_path: Path) -> None:
    """Past its time it counts as timed out, told to stop as interrupted; what it printed is kept."""
    (tmp_path / "train.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(600)\n")
    late = fork.run(tmp_path, tmp_path / "log", {}, 1.0)
    assert late.timed_out and late.code is None and not late.interrupted
    stop = threading.Event()
    stop.set()
    stopped = fork.run(tmp_path, tmp_path / "log", {}, 600, stop)
    assert stopped.interrupted and stopped.code is None and not stopped.timed_out


# --- the methods ---------------------------------------------------------------------------------


class Hill:
    """Stands for a program: the loss is how far the settings are from the shipped ones; notes what it was asked."""

    def __init__(self, task: Task) -> None:
        self.program = program(task)
        self.asked: list[dict[str, str]] = []

    def __call__(self, setting: dict[str, str]) -> Seen:
        self.asked.append(setting)
        loss = 0.0
        for dimension in self.program.space:
            knob = self.program.knobs[dimension.key]
            value = evaluate(setting.get(dimension.key, knob.source))
            here = dimension.coordinate(element(value, dimension.place))
            before = dimension.coordinate(element(knob.value, dimension.place))
            assert here is not None and before is not None
            if isinstance(dimension, Axis):
                assert dimension.low - 0.5 <= here <= dimension.high + 0.5
            loss += abs(here - before)
        return Seen(loss, None, ((0.0, 9.0), (25.0, loss), (75.0, loss)))


@pytest.mark.parametrize("task", [WINE, DIGITS], ids=lambda task: task.name)
@pytest.mark.parametrize("name", METHODS)
def test_a_method_begins_at_the_shipped_setting_and_repeats_itself(name: str, task: Task) -> None:
    """The first trial is the program as it is, the others lie in the space, and the seed decides them all."""
    played = [list(islice(METHODS[name](hill.program, hill, seed), 25)) for seed in (1, 1, 2) for hill in [Hill(task)]]
    assert played[0] == played[1] != played[2]
    first, *others = played[0]
    assert first == Trial({}, 0.0) and all(trial.setting for trial in others[:3])
    assert winner(played[0]) == Winner({}, 0.0)


def test_greedy_search_builds_on_what_looked_better() -> None:
    """A move is kept only if its run beats the best so far, and every trial is one move away from it."""
    hill = Hill(WINE)
    values = iter([5.0, 6.0, 4.0, 4.5, 3.0, 3.5])
    trials = list(islice(METHODS["greedy"](hill.program, lambda _: Seen(next(values), None, ()), 3), 6))
    best: dict[str, str] = {}
    lowest = 5.0
    for trial in trials[1:]:
        moved = {name for name in {*trial.setting, *best} if trial.setting.get(name) != best.get(name)}
        assert len(moved) <= 1
        if trial.value is not None and trial.value < lowest:
            best, lowest = dict(trial.setting), trial.value
    assert len(best) >= 1 and lowest == 3.0


def test_a_pruned_run_costs_what_it_ran() -> None:
    """A run that is worse than the median at a quarter of its way costs a quarter, and can win nothing."""
    losses = iter([1.0, 1.1, 1.2, 1.3, 1.4, 9.0, 0.5])

    def look(_: object) -> Seen:
        loss = next(losses)
        return Seen(loss, None, ((0.0, 50.0), (25.0, loss), (75.0, loss)))

    trials = list(islice(METHODS["tpe_pruned"](program(WINE), look, 1), 7))
    assert [trial.cost for trial in trials] == [1, 1, 1, 1, 1, 0.25, 1]
    assert trials[5].value is None and winner(trials) == Winner(trials[6].setting, 0.5)
    assert len(within(trials, 6.25)) == 7 and len(within(trials, 6.24)) == 6 and len(within(trials, 5)) == 5


def test_our_own_hopeless_runs_cost_no_more_than_others() -> None:
    """A run costs the share after which its log was hopeless, and one that never was costs a whole run."""
    log = "".join(f"step {10 * place} ({25.0 * place}%) | loss: {place}\n" for place in range(4)) + "---\nval_loss: 1\n"
    assert share(log, lambda text: "worse" if "loss: 2" in text else None) == 0.5
    assert share(log, lambda _: None) == share(log, None) == share("", lambda _: "no") == 1.0


# --- a whole repeat ------------------------------------------------------------------------------


def test_a_repeat_gives_every_method_the_runs_of_ours_and_is_found_again(tmp_path: Path) -> None:
    """All methods enter with one budget and one baseline; done again, everything comes from the store, unchanged."""
    order = Order(replace(WINE, experiments=2, fresh=2), 1, tmp_path)
    found = entries(order)
    assert [entry.method for entry in found] == [OURS, *METHODS]
    assert len({entry.runs for entry in found}) == 1 and found[0].runs >= 3
    assert len({entry.baseline for entry in found}) == 1
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert entries(order) == found
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept


def test_results_are_found_by_all_that_they_depend_on(tmp_path: Path) -> None:
    """A stored result is not made again; another name or dependence is another result; half a file is none."""
    store = Store(tmp_path)
    trials = [Trial({"A": "1"}, 0.1), Trial({}, None, 0.25)]
    assert store.get("a", [1, "x"], list[Trial], lambda: trials) == trials
    assert store.get("a", [1, "x"], list[Trial], lambda: pytest.fail("made again")) == trials
    assert store.get("a", [1, "y"], int, lambda: 2) == 2 and store.get("b", [1, "x"], int, lambda: 3) == 3
    (only,) = tmp_path.glob("b-*.json")
    only.rename(only.with_suffix(".77"))  # as a kill between writing and renaming leaves it
    assert store.get("b", [1, "x"], int, lambda: 4) == 4


def test_a_digest_tells_files_apart(tmp_path: Path) -> None:
    """Bytes, names and places count; what Python caches does not."""
    (tmp_path / "a.py").write_text("1")
    first = digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert digest(tmp_path) == first
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert digest(tmp_path) != first


# --- the figures ---------------------------------------------------------------------------------


def entry(task: str, method: str, gain: float, *, optimism: float = 0.0, size: float = 1.0) -> Entry:
    """A method that gains so much over a shipped value of 10, times the task's size."""
    true = size * (10 - gain)
    claimed, interval = true - size * optimism, Interval(true - 0.1, true + 0.1) if method == OURS else None
    return Entry(task, method, claimed, Worth(true, true, 0), Worth(10 * size, 10 * size, 0), 60, interval)


def planted(ours: dict[str, list[float]], *, optimism: float = 0.0) -> list[Entry]:
    """Ours with these gains by task; the others gain 1, greedy a half; a task is ten times as large as another."""
    sizes = dict(zip(ours, (1.0, 10.0), strict=False))
    found = [
        entry(task, OURS, gain, optimism=optimism, size=sizes[task]) for task, gains in ours.items() for gain in gains
    ]
    return found + [
        entry(task, method, 0.5 if method == "greedy" else 1.0, size=sizes[task])
        for task, gains in ours.items()
        for method in METHODS
        for _ in gains
    ]


def test_tasks_count_alike_whatever_their_unit() -> None:
    """Scores are gains on each task's own scale; ours against the best other and against greedy search."""
    figures = result(planted({"a": [1.0, 1.0], "b": [2.0, 2.0]}), TARGETS).figures
    assert figures["gain_of_best_percent"] == pytest.approx(100 * ((1 + 1) / 2) / ((1 + 0.5) / 2), abs=0.01)
    assert figures["bound_of_best_percent"] == figures["gain_of_best_percent"]  # no spread, no doubt
    assert figures["over_greedy_percent"] == pytest.approx(100 * (1.0 - 0.375) / 0.75, abs=0.01)
    assert figures["gain_percent_ours"] == 15 and figures["gain_percent_greedy"] == 5


def test_a_claim_that_is_too_good_is_told_and_so_is_one_too_bad() -> None:
    """Optimism is a share of the shipped value, by its size; as a share of the gain it keeps its sign."""
    for optimism in (0.4, -0.4):
        figures = result(planted({"a": [1.0, 1.0]}, optimism=optimism), TARGETS).figures
        assert figures["optimism_percent"] == pytest.approx(4)
        assert figures["optimism_of_gain_percent"] == pytest.approx(100 * optimism)
        assert figures["claimed_too_good_percent_ours"] == pytest.approx(10 * optimism)
        assert figures["claimed_too_good_percent_random"] == 0


def test_where_nobody_gains_there_are_figures_all_the_same() -> None:
    """A gain of nothing against methods that lose is no division by nothing, and not below them."""
    figures = result(
        [entry("a", method, 0.0 if method == OURS else -1.0) for method in (OURS, *METHODS)] * 2, {}
    ).figures
    assert figures["gain_of_best_percent"] == 0 and figures["over_greedy_percent"] > 0


def test_the_bound_is_that_of_a_stratified_mean() -> None:
    """With one stratum it is the ordinary t bound; a second without spread halves its error."""
    alone = bound([[1.0, 2.0, 3.0, 4.0]])
    assert alone == pytest.approx(2.5 - 2.353363 * 1.290994 / 2, abs=1e-5)
    assert bound([[1.0, 2.0, 3.0, 4.0], [2.5, 2.5, 2.5, 2.5]]) == pytest.approx(2.5 - 1.943180 * 1.290994 / 4, abs=1e-5)


def test_no_target_is_met_by_ours_when_it_gains_less() -> None:
    """Where ours gains 94 per cent of the best with no spread, or as little as greedy, the targets say so."""
    figures = result(planted({"a": [0.94, 0.94]}), TARGETS).figures
    assert figures["bound_of_best_percent"] == pytest.approx(94)
    assert result(planted({"a": [0.5, 0.5]}), TARGETS).figures["over_greedy_percent"] == 0
