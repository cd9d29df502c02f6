"""Deaths at moments that need a proposer who repairs, or a person: what git has, and the ledger does not have yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from laboratory import Laboratory, put, setting

from deep_loop.core.event import Closed
from deep_loop.ports import Brief
from deep_loop.testing.doubles import Death, Edit, Fuse, Recorder
from deep_loop.testing.study_contract import Plan


def crashing(brief: Brief) -> Edit:
    """The second idea does not run; the others are better than what is there."""
    if brief.ask.id != 3:
        return setting(brief, **{"ABCD"[brief.ask.id % 4]: round(1 - brief.ask.id / 100, 2)})
    return Edit("it crashes", {"train.py": put(brief.files["train.py"], A=0.5) + "boom\n"})


def mending(willing: int) -> Callable[[Brief, Callable[[str], str], str], Mapping[str, str] | None]:
    """A proposer that mends its crash, but only so many times that it is asked."""
    asked: list[int] = []

    def mend(brief: Brief, read: Callable[[str], str], failure: str) -> Mapping[str, str] | None:
        asked.append(brief.ask.id)
        return {"train.py": read("train.py").removesuffix("boom\n")} if len(asked) <= willing else None

    return mend


def steps_of_the_repair(root: Path) -> range:
    """The changing calls that make a repair an attempt: its commit, its ref, its place in the ledger."""
    fuse = Fuse()
    Laboratory(root, edits=crashing, repairs=mending(1)).study(3, fuse=fuse).run()
    fourth = [place for place, call in enumerate(fuse.calls, start=1) if call == "attempt"][3]  # of lines 0, 1, 2, 2
    assert fuse.calls[fourth - 3 : fourth] == ["commit", "keep_reachable", "attempt"]
    return range(fourth - 2, fourth + 1)


@pytest.mark.parametrize("willing", [1, 2], ids=["asked again it has no repair", "asked again it repairs again"])
def test_a_death_over_a_repair(tmp_path: Path, willing: int) -> None:
    """The repair is thought of again; where there is none then, nothing is left of the first."""
    for step in steps_of_the_repair(tmp_path / "whole"):
        lab = Laboratory(tmp_path / f"{step}", edits=crashing, repairs=mending(willing))
        with pytest.raises(Death):
            lab.study(3, fuse=Fuse(step)).run()
        lab.study(3).run()
        lab.check()
        repaired = next(e for e in lab.ledger().closed() if e.proposal.idea.title == "it crashes")
        assert len(repaired.attempts) <= 2


def test_a_death_between_a_persons_edit_and_its_version(tmp_path: Path) -> None:
    """Git has it as `human: …` already; the next harness makes it a version of the strategy, once."""

    def edit(lab: Laboratory) -> Recorder:
        def react(event: object) -> None:
            if isinstance(event, Closed) and event.record.number == 1:
                (lab.root / "program.md").write_text("# Problem\n\nAnother.\n")

        return Recorder(react)

    whole = Fuse()
    lab = Laboratory(tmp_path / "whole", Plan(meta_interval=1000))
    lab.study(2, fuse=whole, observers=[edit(lab)]).run()
    lab = Laboratory(tmp_path / "killed", Plan(meta_interval=1000))
    with pytest.raises(Death, match="before revise"):
        lab.study(2, fuse=Fuse(whole.calls.index("revise") + 1), observers=[edit(lab)]).run()
    for _ in range(2):
        lab.study(2).run()
        assert [(r.version, r.analyst) for r in lab.ledger().revisions()] == [(1, "human")]
        assert lab.at("HEAD", "program.md") == "# Problem\n\nAnother."
    lab.check()


def test_what_a_preparation_left_is_swept(tmp_path: Path) -> None:
    """The harness may have died over the task's own preparation, before there was any run to be known by."""
    whole = Fuse()
    Laboratory(tmp_path / "whole", prepare="make").study(1, fuse=whole).run()
    lab = Laboratory(tmp_path / "lab", prepare="make")
    with pytest.raises(Death, match="before start"):
        lab.study(1, fuse=Fuse(whole.calls.index("start") + 1)).run()
    lab.study(1).run()
    assert lab.executor.swept == ["uid-prepare"]
