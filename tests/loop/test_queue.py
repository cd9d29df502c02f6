"""next-hypotheses.md is a queue, and the ledger remembers what became of its entries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from laboratory import Laboratory, advise, setting

from deep_loop.core.cohort import Advice, Dossier
from deep_loop.core.experiment import Change
from deep_loop.core.hypothesis import Hypothesis, Target, parse
from deep_loop.core.metric import Metric
from deep_loop.loop.queue import fates
from deep_loop.ports import Brief
from deep_loop.testing.doubles import Edit
from deep_loop.testing.study_contract import Plan

LIST = [
    Hypothesis(f"h-00000{n}", f"A to {n}", "other", (Target("A", f"{n}.0"),), "why", "open", probability=0.3)
    for n in range(1, 9)
]


def moved(brief: Brief) -> Edit:
    """Every experiment moves A to the next whole number, and loses."""
    goal = float(brief.ask.id)
    return replace(setting(brief, A=goal), changes=(Change("A", "1.0", str(goal)),))


def queued(dossier: Dossier) -> Advice:
    """Offers the next two moves, and one more that is never made."""
    seen = len(dossier.experiments)
    return replace(advise(dossier), hypotheses=(*LIST[seen : seen + 2], replace(LIST[0], id="h-never", targets=())))


def test_every_entry_ends(tmp_path: Path) -> None:
    """Refuted by the experiment that made its move; the file has the open ones, then the others; figures are logged."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=2), edits=moved, advise=queued)
    lab.study(6).run()
    ledger = lab.ledger()
    known = {fate.offer.hypothesis.id: fate for fate in fates(ledger, Metric("val_bpb"), ledger.closed())}
    assert known["h-000004"].words.startswith("refuted by experiment 3: discarded, -")
    assert known["h-never"].ending == "open"
    text = lab.at("HEAD", "next-hypotheses.md")
    assert "h-000004" in text and "h-000004" not in {entry.id for entry in parse(text)}
    assert "h-never" in {entry.id for entry in parse(text)}
    log = lab.at("HEAD", "process_log.md")
    assert "| hypotheses | 0 taken, 0 of them kept; 2 refuted, 0 expired | 3 open |" in log
    assert "| predictions of scripted | 2 scored: log-loss 0.36, " in log
    lab.check()


def test_a_person_s_entry_is_known_as_theirs(tmp_path: Path) -> None:
    """What they planted is remembered with the next revision, and expires where that leaves it out."""
    lab = Laboratory(
        tmp_path / "lab", Plan(meta_interval=2), edits=moved, advise=lambda d: replace(advise(d), hypotheses=())
    )
    (lab.root / "next-hypotheses.md").write_text("## Look at B\n\n- set: B = 3\n")
    lab.commit("an idea")
    lab.study(2).run()
    (offer,) = lab.ledger().offers()
    assert (offer.author, offer.version, offer.dropped) == ("human", 0, 1)
    assert "| expired: v1 left it out |" in lab.at("HEAD", "next-hypotheses.md")
