"""Runs of what was kept, the noise that decisions allow for, and what is claimed in the end."""

from __future__ import annotations

import contextlib
import random
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from laboratory import FILES, TRAIN, Laboratory, noisy, put, setting

from deep_loop.core.event import Confirmed, Warned
from deep_loop.core.experiment import (
    AFTER,
    JUDGED,
    Disturbed,
    Experiment,
    Keep,
    Measured,
    Role,
    claimed,
    judged,
    measured,
    value,
)
from deep_loop.core.readout import Patterns
from deep_loop.core.rules import Rules
from deep_loop.loop.lab import Holdout
from deep_loop.ports import Brief, Exit, Job
from deep_loop.testing.doubles import Death, Edit, Fuse, Recorder

SIGMA = 0.01
RULES = Rules(planned=8, reference_runs=3, final_runs=5, control_interval=3)


def seeded(job: Job, *, drift: float = 0.0) -> Exit | str:
    """The program with normal noise that its seed decides, on a machine that drifts by the run."""
    ran = int(job.id.rpartition("-")[2])
    return noisy(job, random.Random(5 * int(job.env["DEEP_LOOP_SEED"])).gauss(0, SIGMA) + drift * ran)


def steps(*changes: dict[str, float]) -> Callable[[Brief], Edit | None]:
    """One change after the other, then harmless ones that do nothing."""
    return lambda brief: setting(
        brief, **(changes[brief.ask.id - 2] if brief.ask.id - 2 < len(changes) else {"D": 1 + brief.ask.id * 1e-9})
    )


def roles(experiment: Experiment) -> list[str]:
    return [m.role for m in experiment.measurements]


def seeds(experiment: Experiment, *wanted: Role) -> list[int]:
    return [m.seed for m in experiment.measurements if m.role in wanted]


def test_the_life_of_an_incumbent(tmp_path: Path) -> None:
    """First run, fresh ones, runs after the keep, controls, final runs: the claim rests on the last ones only."""
    heard = Recorder()
    lab = Laboratory(tmp_path / "lab", edits=steps({"A": 0.5}), program=seeded, rules=RULES)
    lab.study(4, observers=[heard]).run()
    baseline, kept = lab.ledger().closed()[:2]
    assert roles(baseline) == ["first", "fresh", "fresh", *["reference"] * roles(baseline).count("reference")]
    assert isinstance(kept.decision, Keep)
    order = roles(kept)
    assert order[:2] == ["first", "fresh"]
    assert order.count("control") == 1
    assert order[-5:] == ["final"] * 5
    assert len({m.seed for m in kept.measurements}) == len(kept.measurements)
    final = claimed(kept, RULES)
    assert final is not None
    assert final.label == "final"
    assert final.value == pytest.approx(statistics.fmean(measured(kept, "final")))
    assert abs(final.value - 3.5) < 4 * SIGMA / 5**0.5
    told = heard.heard(Confirmed)
    assert [(event.record.number, event.standing.label) for event in told] == [(1, "confirmed"), (1, "final")]
    assert told[0].before == pytest.approx(value(baseline), abs=2 * SIGMA)
    lab.check()


def test_what_is_held_against_an_incumbent_runs_on_its_seeds(tmp_path: Path) -> None:
    """A candidate's runs have the seeds of the incumbent's; once it is kept, it gets new ones that nobody has had."""
    lab = Laboratory(tmp_path / "lab", edits=steps({"A": 0.5}), program=seeded, rules=RULES)
    lab.study(4).run()
    baseline, kept, *later = lab.ledger().closed()
    row, own = seeds(baseline, *JUDGED, *AFTER), seeds(kept, *AFTER)
    assert {*seeds(kept, *JUDGED)} & {*row}
    assert not {*own} & {*row, *seeds(kept, *JUDGED)}
    assert later
    for candidate in later:
        assert seeds(candidate, "first")[0] in own
    assert len({seeds(candidate, "first")[0] for candidate in later}) > 1  # they begin in turn


def test_the_table_keeps_what_the_decision_was_made_on(tmp_path: Path) -> None:
    """Runs made later change the claim, not the row."""
    lab = Laboratory(tmp_path / "lab", edits=steps({"A": 0.5}), program=seeded, rules=RULES)
    lab.study(2).run()
    kept = lab.ledger().record(1)
    row = (lab.root / "results.tsv").read_text().splitlines()[2].split("\t")
    assert row[1] == f"{statistics.fmean(judged(kept)):.6f}" != f"{value(kept):.6f}"


def test_useless_changes_are_not_kept(tmp_path: Path) -> None:
    """Eight that do nothing, and not one is kept: the branch ends where it began."""
    lab = Laboratory(tmp_path / "lab", edits=steps(), program=seeded, rules=replace(RULES, false_keeps=0.01))
    lab.study(8).run()
    assert [status for _, status in lab.told()[1:]] == ["discard"] * 8
    assert lab.at("HEAD", "train.py") + "\n" == TRAIN


def test_an_exact_metric_needs_no_upkeep(tmp_path: Path) -> None:
    """Two runs of a baseline and of a keep, none at the end; a keep stands at once."""
    heard = Recorder()
    lab = Laboratory(tmp_path / "lab", edits=steps({"A": 0.5}), rules=RULES)
    lab.study(4, observers=[heard]).run()
    assert [roles(e) for e in lab.ledger().closed()] == [["first", "fresh"]] * 2 + [["first"]] * 3
    assert [event.standing.label for event in heard.heard(Confirmed)] == ["confirmed"]


def test_a_drift_is_seen_and_told(tmp_path: Path) -> None:
    """The controls of a machine that gets slower and slower say so, and nothing is kept or lost for it."""
    heard = Recorder()
    lab = Laboratory(tmp_path / "lab", edits=steps(), program=lambda job: seeded(job, drift=SIGMA), rules=RULES)
    lab.study(15, observers=[heard]).run()
    assert any("the machine has drifted" in event.text for event in heard.heard(Warned))
    assert {status for _, status in lab.told()[1:]} == {"discard"}


def test_a_simplification_is_kept(tmp_path: Path) -> None:
    """Less code with the same metric becomes the incumbent, and says what it was kept for."""
    long = TRAIN.replace("print(", "E = [A]\nfor one in E:\n    E = one\n\nprint(")
    simpler = Edit("simpler", {"train.py": TRAIN})
    lab = Laboratory(tmp_path / "lab", edits=lambda _: simpler, files={**FILES, "train.py": long})
    lab.study(1).run()
    decision = lab.ledger().record(1).decision
    assert isinstance(decision, Keep)
    assert decision.simplification
    assert lab.at("HEAD", "train.py") + "\n" == TRAIN


def test_held_out_data_are_for_what_was_kept(tmp_path: Path) -> None:
    """Each keep is measured on them once; the value counts for nothing, and nobody who proposes hears of it."""
    lab = Laboratory(
        tmp_path / "lab",
        edits=steps({"A": 0.5}, {"B": 2.0}, {"C": 0.9}),
        holdout=Holdout("python train.py", Patterns(r"^val_bpb:\s+(\S+)")),
    )
    lab.study(4).run()
    closed = lab.ledger().closed()
    assert [roles(e).count("holdout") for e in closed] == [1, 1, 0, 1, 0]
    assert all("holdout" not in roles(e) for brief in lab.proposer.asked for e in brief.history)
    lab.study(4).run()
    assert [roles(e).count("holdout") for e in lab.ledger().closed()] == [1, 1, 0, 1, 0]


def test_a_run_that_was_disturbed_is_made_again(tmp_path: Path) -> None:
    """With the same seed, twice at most; then it counts as it is."""
    loads = {"uid-5": 4.0, "uid-6": 4.0, "uid-7": 4.0, "uid-8": 4.0}

    def busy(job: Job) -> Exit:
        said = noisy(job, 0.0)
        assert isinstance(said, str)
        return Exit(0, 1.0, said, load=loads.get(job.id, 0.2))

    lab = Laboratory(tmp_path / "lab", edits=steps({"A": 1.5}, {"A": 1.6}, {"A": 1.7}), program=busy)
    lab.study(3).run()
    runs = lab.ledger().record(3).measurements
    assert [type(m.outcome) for m in runs] == [Disturbed, Disturbed, Measured]
    assert len({m.seed for m in runs}) == 1


def test_a_program_that_takes_no_seed_is_said_to(tmp_path: Path) -> None:
    """What is kept of it is marked: its runs may all have drawn the same numbers."""
    taking = {**FILES, "prepare.py": 'import os\n\nSEED = os.environ.get("DEEP_LOOP_SEED")\n'}
    for name, files, seeded in (("without", FILES, False), ("with", taking, True)):
        lab = Laboratory(tmp_path / name, edits=steps({"A": 0.5}), files=files)
        lab.study(1).run()
        decision = lab.ledger().record(1).decision
        assert isinstance(decision, Keep)
        assert decision.seeded == seeded == ("seed-unverified" not in decision.reason)


def test_another_machine_measures_the_incumbent_anew(tmp_path: Path) -> None:
    """Runs of different machines are not compared: the next sitting begins with references of its own."""
    lab = Laboratory(tmp_path / "lab", edits=steps({"A": 0.5}), program=seeded, rules=RULES, machine="one")
    lab.study(2).run()
    lab.machine = "two"
    lab.study(3).run()
    kept = lab.ledger().record(1)
    assert [m.role for m in kept.measurements if m.machine == "two"][:3] == ["reference"] * 3
    assert put(TRAIN, A=0.5) == lab.at("HEAD", "train.py") + "\n"


@pytest.mark.parametrize("program", [seeded, lambda job: noisy(job, 0.0)], ids=["noisy", "exact"])
@pytest.mark.parametrize("runs", range(2, 9))
def test_an_experiment_that_goes_on_elsewhere_begins_anew(
    tmp_path: Path, program: Callable[[Job], Exit | str], runs: int
) -> None:
    """Killed after any run, baseline's included: what was measured on another machine counts for no comparison."""

    def mortal(job: Job) -> Exit | str:
        if lab.machine == "one" and int(job.id.rpartition("-")[2]) > runs:
            raise Death
        return program(job)

    lab = Laboratory(tmp_path / "lab", edits=steps({"A": 0.5}), program=mortal, rules=RULES, machine="one")
    with contextlib.suppress(Death):
        lab.study(2).run()
    lab.machine = "two"
    lab.study(2).run()
    kept = lab.ledger().record(1)
    assert isinstance(kept.decision, Keep)
    judged_here = [m.role for m in kept.measurements if m.machine == "two" and m.role in JUDGED]
    assert judged_here[:2] in ([], ["first", "fresh"])
    lab.check()


def test_deaths_change_nothing_in_a_noisy_study(tmp_path: Path) -> None:
    """Killed again and again, over first runs, tests and upkeep, it takes the same runs and the same decisions."""

    def lab(name: str) -> Laboratory:
        return Laboratory(tmp_path / name, edits=steps({"A": 0.98}, {"B": 0.985}), program=seeded, rules=RULES)

    undisturbed, killed = lab("undisturbed"), lab("killed")
    undisturbed.study(6).run()
    ended, lives = None, 0
    while ended is None:
        lives += 1
        try:
            ended = killed.study(6, fuse=Fuse(19 + lives % 8)).run()
        except Death:
            assert lives < 200, "it never arrives"
    assert lives > 5
    assert killed.account() == undisturbed.account()
    killed.check()


def test_a_run_is_hopeless_beside_the_incumbents_on_its_own_seed(tmp_path: Path) -> None:
    """How high a curve lies may be the seed's doing: that says nothing about the change."""
    order: dict[str, int] = {}

    def rising(job: Job) -> Exit | str:
        loss = order.setdefault(job.env["DEEP_LOOP_SEED"], len(order) + 1)
        return f"step 1 (50.0%) | loss: {loss}\n{seeded(job)}"

    lab = Laboratory(
        tmp_path / "lab", edits=steps({"A": 0.5}), program=rising, rules=replace(RULES, final_runs=0), prune_margin=0.01
    )
    lab.study(1).run()
    assert isinstance(lab.ledger().record(1).decision, Keep)
    lab.check()
