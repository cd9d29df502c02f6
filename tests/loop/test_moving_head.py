"""The incumbent changes while proposals wait and runs go on."""

from __future__ import annotations

from pathlib import Path

from laboratory import Laboratory, setting, when

from deep_loop.testing.study_contract import Plan


def test_a_waiting_proposal_is_made_on_the_new_incumbent(tmp_path: Path) -> None:
    """Its change is re-applied where the head moved, and it is compared with what it was re-applied on."""
    steps = {2: {"A": 0.9}, 3: {"B": 0.9}, 4: {"C": 0.9}}
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, **steps[brief.ask.id]))
    lab.study(3).run()
    assert lab.told()[1:] == [("A = 0.9", "keep"), ("B = 0.9", "keep"), ("C = 0.9", "keep")]
    assert [e.proposal.parent for e in lab.ledger().closed()] == [None, 0, 1, 2]
    assert lab.at("HEAD", "train.py").startswith("A = 0.9\nB = 0.9\nC = 0.9\nD = 1.0\n")
    assert lab.subjects() == ["start", "A = 0.9", "B = 0.9", "C = 0.9"]
    lab.check()


def test_a_waiting_proposal_that_no_longer_fits_is_refused(tmp_path: Path) -> None:
    """Where the incumbent changed the same lines the proposal ends, with the reason and what it was."""
    steps = {2: {"A": 0.9}, 3: {"A": 0.8}, 4: {"B": 0.9}}
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, **steps.get(brief.ask.id, {"C": 2})))
    lab.study(2).run()
    assert lab.told()[1:] == [("A = 0.9", "keep"), ("B = 0.9", "keep")]
    (refusal,) = lab.ledger().refusals(9)
    assert refusal.reason == "does not apply to the new incumbent, experiment 1"
    assert refusal.proposal is not None
    assert refusal.proposal.idea.title == "A = 0.8"
    lab.check()


def test_a_win_on_an_old_base_brings_a_combination(tmp_path: Path) -> None:
    """It becomes the head's files as measured; what was kept meanwhile is tried on top of it, all of it."""
    steps = {2: {"A": 0.9}, 3: {"B": 0.5}, 4: {"C": 0.9}}
    slow = {"uid-3", "uid-4"}  # the first runs of experiments 1 and 2
    lab = Laboratory(
        tmp_path / "lab",
        Plan(slots=2, meta_interval=1000),
        edits=lambda brief: setting(brief, **steps.get(brief.ask.id, {"D": 1 + brief.ask.id / 10})),
        held=lambda job: job.id in slow,
    )
    study = lab.study(6)
    release = lab.executor.release
    when(lambda: any(w.ask.id == 4 and w.proposal for w in lab.ledger().waiting()), lambda: release("uid-3"))
    when(lambda: ("C = 0.9", "keep") in lab.told(), lambda: release("uid-4"))
    study.run()
    closed = {e.proposal.idea.title: e for e in lab.ledger().closed()}
    assert lab.told().index(("C = 0.9", "keep")) < lab.told().index(("B = 0.5", "keep"))
    assert closed["C = 0.9"].proposal.parent == 1
    assert closed["B = 0.5"].proposal.parent == 0
    kept = lab.at(closed["B = 0.5"].commit, "train.py")
    assert kept.startswith("A = 1.0\nB = 0.5\nC = 1.0\n")
    (combined,) = (e for e in closed.values() if e.ask.proposer == "harness")
    assert combined.proposal.parent == 2
    assert combined.decision is not None
    assert combined.decision.status == "keep"
    assert lab.at("HEAD", "train.py").startswith("A = 0.9\nB = 0.5\nC = 0.9\n")
    lab.check()


def test_a_ref_that_a_dead_harness_left_is_taken_away(tmp_path: Path) -> None:
    """It may have died between ending an ask in the ledger and removing its ref; the next one does."""
    lab = Laboratory(tmp_path / "lab")
    lab.study(1).run()
    lab.git("update-ref", "refs/deep-loop/exp1/ask-99", "HEAD")
    lab.study(2).run()
    assert not lab.git("for-each-ref", "refs/deep-loop/exp1/ask-99")
    assert lab.git("for-each-ref", "refs/deep-loop/exp1/1")


def test_a_loss_on_an_old_base_is_held_against_the_incumbent_of_now(tmp_path: Path) -> None:
    """A run that would have beaten its own base loses where the incumbent has become better still."""
    steps = {2: {"A": 0.5}, 3: {"B": 0.9}}
    lab = Laboratory(
        tmp_path / "lab",
        Plan(slots=2, meta_interval=1000),
        edits=lambda brief: setting(brief, **steps.get(brief.ask.id, {"D": 1 + brief.ask.id / 10})),
        held=lambda job: job.id in ("uid-3", "uid-4"),
    )
    study = lab.study(3)
    release = lab.executor.release
    when(lambda: any(e.number == 2 and e.measurements for e in lab.ledger().opened()), lambda: release("uid-3"))
    when(lambda: ("A = 0.5", "keep") in lab.told(), lambda: release("uid-4"))
    study.run()
    assert ("B = 0.9", "discard") in lab.told()
    lab.check()
