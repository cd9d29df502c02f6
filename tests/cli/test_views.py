"""What the read models say of a study whose every number is known."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from planted_study import START, TAG, Owner, Planted, small

from deep_loop.core.experiment import Interrupted
from deep_loop.core.metric import Direction
from deep_loop.errors import LedgerError, WorkspaceError
from deep_loop.views import choose, look


def test_an_overview_counts_and_compares(tmp_path: Path) -> None:
    """Baselines are not counted; the incumbent is the last keep; gains are against the baseline."""
    small(tmp_path)
    with look(tmp_path) as lens:
        seen = lens.overview(None)
    assert (seen.tag, seen.branch, seen.state, seen.pid) == (TAG, f"deep-loop/{TAG}", "stopped", None)
    assert (seen.experiments, seen.limit) == (3, 24)
    assert (seen.keeps, seen.discards, seen.crashes) == (1, 1, 1)
    assert seen.baseline == 2.5
    assert seen.incumbent and (seen.incumbent.experiment, seen.incumbent.value, seen.incumbent.runs) == (1, 2.4, 2)
    assert seen.gain == pytest.approx(0.1) and seen.relative_gain == pytest.approx(0.04)
    assert [row.experiment for row in seen.latest] == [3, 2, 1, 0]
    assert (seen.strategy, seen.next_meta) == (1, 12)
    assert seen.elapsed == pytest.approx(40)
    assert seen.running == () and seen.seconds_left is None


def test_a_metric_that_grows_gains_upwards(tmp_path: Path) -> None:
    """Where higher is better, a higher value is a positive gain."""
    study = Planted(tmp_path, direction=Direction.MAXIMIZE)
    study.baseline(0.5)
    study.keep("WIDTH 64 -> 96", 0.6)
    with look(tmp_path) as lens:
        assert lens.overview(None).gain == pytest.approx(0.1)
        assert lens.history()[1].relative_gain == pytest.approx(0.2)


def test_a_study_that_has_only_begun_is_a_valid_view(tmp_path: Path) -> None:
    """Nothing is divided by zero, and nothing is invented, while nothing is decided."""
    Planted(tmp_path)
    with look(tmp_path) as lens:
        seen = lens.overview(Owner(since=START))
    assert (seen.experiments, seen.baseline, seen.incumbent, seen.gain, seen.per_hour) == (0, None, None, None, None)
    assert seen.seconds_left == 24 * 2  # 24 experiments at the task's own budget of 2 s


def test_what_runs_is_read_from_its_log(tmp_path: Path) -> None:
    """A run without an outcome shows its latest progress line, in the words of its purpose."""
    study = small(tmp_path)
    study.clock.now = time.time() - 3
    number = study.open("WIDTH 96 -> 128")
    _, log = study.start(number)
    log.write_text("step 00001 (10.0%) | loss: 5.0\nstep 00012 (45.5%) | loss: 2.75\n")
    with look(tmp_path) as lens:
        seen = lens.overview(Owner())
        assert lens.overview(None).running == ()  # no harness: it does not run, whatever the ledger says
    (run,) = seen.running
    assert (run.experiment, run.title, run.purpose, run.slot) == (number, "WIDTH 96 -> 128", "first run", "cpu0")
    assert (run.percent, run.loss, run.expected) == (45.5, 2.75, 4.0)
    assert 3 <= run.seconds < 60
    assert seen.state == "running" and seen.pid == 4321


def test_each_run_says_what_it_is_for(tmp_path: Path) -> None:
    """A second run of a change confirms it; a run for another experiment says for which."""
    study = small(tmp_path)
    number = study.open("WIDTH 96 -> 128")
    study.measure(number, 2.3, seed=1)
    study.start(number, seed=2)
    study.ledger.start(1, 7, number, "cpu1", ".deep-loop/logs/none.log", "reference")
    with look(tmp_path) as lens:
        purposes = {run.experiment: run.purpose for run in lens.overview(Owner()).running}
    assert purposes == {number: "confirmation on a fresh seed", 1: f"measured again, to judge experiment {number}"}


def test_a_paused_harness_is_shown_as_such_and_its_limits_count(tmp_path: Path) -> None:
    """The harness knows the flags that it was started with; they win over the file."""
    small(tmp_path)
    with look(tmp_path) as lens:
        seen = lens.overview(Owner(paused=True, max_experiments=6, meta_interval=4))
        other = lens.overview(Owner(tag="another"))
    assert (seen.state, seen.limit, seen.next_meta) == ("paused", 6, 4)
    assert (other.state, other.limit) == ("stopped", 24)


def test_the_time_left_comes_from_the_pace(tmp_path: Path) -> None:
    """An experiment every ten seconds leaves ten seconds for each that is still to come."""
    study = Planted(tmp_path)
    study.baseline(2.5)
    for place in range(5):
        study.discard(f"try {place}", 2.6)
    with look(tmp_path) as lens:
        seen = lens.overview(Owner(since=START, max_experiments=9))
    assert seen.per_hour == pytest.approx(360)
    assert seen.seconds_left == pytest.approx(40)


def test_history_lists_closed_lines_then_open_ones(tmp_path: Path) -> None:
    """Every experiment is there once, with its value, its gain over its own base and its decision."""
    study = small(tmp_path)
    study.open("\x1b[31mHEADS\t4 -> 8\n")
    with look(tmp_path) as lens:
        rows = lens.history()
    assert [(row.experiment, row.status) for row in rows] == [
        (0, "keep"),
        (1, "keep"),
        (2, "discard"),
        (3, "crash"),
        (4, "open"),
    ]
    assert rows[0].gain is None and rows[1].gain == pytest.approx(0.1) and rows[2].gain == pytest.approx(-0.05)
    assert rows[3].value is None and rows[3].reason == "ValueError: no such width"
    assert rows[4].title == "HEADS 4 -> 8"
    assert rows[1].seconds == 8 and rows[1].memory_mb == 100


def test_one_experiment_in_full(tmp_path: Path) -> None:
    """Its runs with their seeds, its diff from git, and the end of its log."""
    study = small(tmp_path)
    study.clock.now += 1
    with look(tmp_path) as lens:
        kept, crashed = lens.experiment(1), lens.experiment(3)
        with pytest.raises(LedgerError, match="no line 99"):
            lens.experiment(99)
    assert [(run.seed, run.outcome, run.value) for run in kept.runs] == [(1, "measured", 2.4), (2, "measured", 2.4)]
    assert "-WIDTH = 64" in kept.diff and "+WIDTH = 'WIDTH 64 -> 96'" in kept.diff
    assert crashed.runs[0].reason == crashed.log_tail.splitlines()[-1] == "ValueError: no such width"
    assert crashed.diff == ""


def test_an_interrupted_run_is_not_a_result(tmp_path: Path) -> None:
    """It is listed as what it is and counts nowhere."""
    study = small(tmp_path)
    number = study.open("WIDTH 96 -> 128")
    run, _ = study.start(number)
    study.ledger.end(run, Interrupted("the harness stopped it", 1.5))
    with look(tmp_path) as lens:
        row = lens.history()[-1]
    assert (row.status, row.runs, row.value, row.seconds) == ("open", 0, None, 1.5)


def test_choose_prefers_the_tag_then_the_running_study_then_the_latest(tmp_path: Path) -> None:
    """And says which studies there are where there is none of that name."""
    with pytest.raises(WorkspaceError, match="no study in") as none:
        choose(tmp_path, None)
    assert "deep-loop run" in none.value.hint
    Planted(tmp_path, tag="one")
    Planted(tmp_path, tag="two")
    assert choose(tmp_path, None).tag == "two"
    assert choose(tmp_path, None, Owner(tag="one")).tag == "one"
    assert choose(tmp_path, "two", Owner(tag="one")).tag == "two"
    with pytest.raises(WorkspaceError, match="no study 'three'") as unknown:
        choose(tmp_path, "three")
    assert "one, two" in unknown.value.hint


def test_a_look_reads_on(tmp_path: Path) -> None:
    """The same lens sees what was recorded since its last look."""
    study = small(tmp_path)
    with look(tmp_path) as lens:
        before = lens.overview(None).experiments
        study.discard("one more", 2.6)
        assert lens.overview(None).experiments == before + 1


def test_a_file_is_read_as_the_study_branch_has_it(tmp_path: Path) -> None:
    """Whatever the checkout holds now; None where the branch has no such file."""
    small(tmp_path)
    (tmp_path / "program.md").write_text("edited, not committed\n")
    with look(tmp_path) as lens:
        assert lens.read("program.md") == "# Aim\n\nA better model.\n"
        assert lens.read("next-hypotheses.md") is None
