"""Several who propose: who is asked, who takes over, and what it may cost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from laboratory import PATIENCE_SECONDS, Laboratory, setting, when

from deep_loop.core.call import REST_SECONDS, Failure, Usage
from deep_loop.core.event import AgentBack, AgentDown, BudgetSpent, Closed, Refused, Warned
from deep_loop.core.mixture import Mixture
from deep_loop.loop.study import BARREN
from deep_loop.ports import Brief
from deep_loop.testing.doubles import Death, Edit, Fuse, Recorder, ScriptedProposer

QUOTA = Failure("quota", "the plan is used up")
PAID = (Usage("model-x", 1000, 100),)


def better(brief: Brief, **more: Any) -> Edit:
    """A gain, each time of another constant."""
    ask = brief.ask.id
    edit = setting(brief, **{"ABCD"[ask % 4]: round(1.0 - ask / 100, 2)})
    return Edit(edit.title, edit.files, **more)


def worker(name: str, edits: Callable[[Brief], Edit | Failure | None] = better) -> ScriptedProposer:
    """One of several proposers."""
    return ScriptedProposer(edits, name=name)


def by(lab: Laboratory) -> list[str]:
    """Who proposed the experiments, in the order of closing."""
    return [e.proposal.proposer for e in lab.ledger().closed() if e.counted]


def test_the_first_in_order_is_asked(tmp_path: Path) -> None:
    """As long as it can think, the others are not needed."""
    lab = Laboratory(tmp_path / "lab", proposers=[worker("agent"), worker("tuner")])
    lab.study(3).run()
    assert by(lab) == ["agent"] * 3
    assert {(call.agent, call.purpose, call.failure) for call in lab.ledger().calls()} == {("agent", "propose", None)}
    lab.check()


def test_the_next_takes_over_at_once_and_the_first_comes_back(tmp_path: Path) -> None:
    """Out of quota, it is left alone for a while, and everybody hears of it; then it is asked again."""
    heard = Recorder()
    first = worker("agent", lambda brief: QUOTA if brief.ask.id in (2, 3) else better(brief))
    lab = Laboratory(tmp_path / "lab", proposers=[first, worker("tuner")])

    def later(event: object) -> None:
        if isinstance(event, Closed) and event.record.number == 2:
            lab.clock.now += 3 * REST_SECONDS

    assert lab.study(4, observers=[heard, Recorder(later)]).run() == "4 of 4 experiments are done"
    assert by(lab)[:2] == ["tuner", "tuner"]
    assert by(lab)[-1] == "agent"
    (down, *_), (back, *_) = heard.heard(AgentDown), heard.heard(AgentBack)
    assert (down.agent, down.reason, back.agent) == ("agent", "the plan is used up", "agent")
    assert heard.heard(Refused)[0].reason == "agent: the plan is used up"
    lab.check()


def test_an_outage_of_all_is_waited_for(tmp_path: Path) -> None:
    """The study does not end because nobody can think now."""
    lab = Laboratory(
        tmp_path / "lab", proposers=[worker("agent", lambda brief: QUOTA if brief.ask.id < 4 else better(brief))]
    )

    def wait(event: object) -> None:
        if isinstance(event, AgentDown):
            lab.clock.now = event.until

    assert lab.study(1, observers=[Recorder(wait)]).run() == "1 of 1 experiments are done"
    assert [refusal.ask.id for refusal in lab.ledger().refusals(9)] == [2, 3]


def test_who_was_never_set_up_ends_the_study(tmp_path: Path) -> None:
    """Where none of them ever worked, waiting would be in vain: a person has to do something, and is told what."""
    lab = Laboratory(tmp_path / "lab", proposers=[worker("agent", lambda brief: Failure("setup", "not logged in"))])
    assert lab.study(1).run() == "agent: not logged in"


def test_useless_answers_of_one_let_another_take_over(tmp_path: Path) -> None:
    """Three in a row, and it rests; alone, it would be asked until the study ends."""
    useless = worker("agent", lambda brief: None)
    lab = Laboratory(tmp_path / "lab", proposers=[useless, worker("tuner")])
    assert lab.study(2).run() == "2 of 2 experiments are done"
    assert (len(useless.asked), by(lab)) == (3, ["tuner", "tuner"])
    alone = Laboratory(tmp_path / "alone", proposers=[worker("agent", lambda brief: None)])
    assert alone.study(2).run().startswith(f"{BARREN} proposals in a row were refused")


def test_a_refused_change_goes_back_once(tmp_path: Path) -> None:
    """With the reason, the session, and the files as they were left; what comes then is taken, or refused for good."""

    def same(brief: Brief) -> Edit:
        return Edit("nothing new", {"train.py": brief.files["train.py"] + "# a comment\n"}, session=f"s{brief.ask.id}")

    def correct(brief: Brief, why: str) -> Edit | None:
        return better(brief) if brief.ask.id != 3 else same(brief)

    proposer = ScriptedProposer(same, corrections=correct)
    lab = Laboratory(tmp_path / "lab", proposers=[proposer])
    lab.study(2).run()
    assert [(o.kind, o.session) for o in proposer.objections] == [
        ("refused", "s2"),
        ("refused", "s3"),
        ("refused", "s4"),
    ]
    assert all("the change is empty" in objection.text for objection in proposer.objections)
    assert [refusal.ask.id for refusal in lab.ledger().refusals(9)] == [3]
    purposes = [(call.ask, call.purpose, call.failure is None) for call in lab.ledger().calls()]
    assert purposes[:2] == [(2, "propose", False), (2, "mend", True)]
    lab.check()


def test_a_correction_finds_what_it_left(tmp_path: Path) -> None:
    """The folder is at the same path, with its editable files as they were, and all else as it should be."""
    seen: list[tuple[Path, str, str]] = []

    class Careless(ScriptedProposer):
        def propose(self, brief: Brief, checkout: Path) -> Any:
            answer = super().propose(brief, checkout)
            seen.append((checkout, (checkout / "train.py").read_text(), "as left"))
            return answer

        def mend(self, brief: Brief, checkout: Path, objection: Any) -> Any:
            seen.append((checkout, (checkout / "train.py").read_text(), (checkout / "prepare.py").read_text()))
            return super().mend(brief, checkout, objection)

    def careless(brief: Brief) -> Edit:
        return Edit("both", {**better(brief).files, "prepare.py": "TIME_BUDGET = 2000\n"})

    lab = Laboratory(
        tmp_path / "lab",
        proposers=[Careless(careless, corrections=lambda brief, why: Edit("one", better(brief).files))],
    )
    lab.study(1).run()
    (one, left, _), (other, found, prepare) = seen
    assert (one, left, prepare) == (other, found, "TIME_BUDGET = 2\n")
    assert lab.told()[-1] == ("one", "keep")


def test_a_free_slot_does_not_wait_for_a_slow_one(tmp_path: Path) -> None:
    """While one thinks for long, the next in line fills the slot; what the slow one brings is used when it is there."""
    done = threading.Event()

    def slow(brief: Brief) -> Edit:
        assert done.wait(PATIENCE_SECONDS)
        return better(brief)

    lab = Laboratory(tmp_path / "lab", proposers=[worker("agent", slow), worker("tuner")], patience=0.0)
    when(lambda: by(lab).count("tuner") >= 3, done.set)
    lab.study(5).run()
    assert by(lab)[:3] == ["tuner"] * 3
    assert "agent" in by(lab)
    lab.check()


def test_money_ends_the_study(tmp_path: Path) -> None:
    """Every call is paid for; what is spent is told at its halves, and nobody is asked for more than is left."""
    heard = Recorder()
    lab = Laboratory(
        tmp_path / "lab",
        proposers=[worker("agent", lambda brief: better(brief, usages=PAID))],
        budget={"max_usd": 1.0},
        price=lambda usage: 0.3,
    )
    reason = lab.study(20, observers=[heard]).run()
    assert reason == "what is left of the budget does not pay for another proposal"
    assert lab.ledger().spending().usd == pytest.approx(0.9)
    assert [(event.share, event.what) for event in heard.heard(BudgetSpent)] == [(0.5, "$1"), (0.8, "$1")]
    assert lab.study(20).run() == reason
    assert lab.ledger().spending().usd == pytest.approx(0.9)


def test_tokens_and_slot_hours_are_budgets_too(tmp_path: Path) -> None:
    """Whatever is spent first ends the study; a run that goes on is carried to its end."""
    proposer = worker("agent", lambda brief: better(brief, usages=PAID))
    tokens = Laboratory(tmp_path / "tokens", proposers=[proposer], budget={"max_tokens": 2200})
    assert tokens.study(9).run() == "the budget of 2,200 tokens is spent"
    assert len(tokens.ledger().calls()) == 2
    hours = Laboratory(tmp_path / "hours", budget={"max_slot_hours": 1e-6})
    assert hours.study(9).run() == "the budget of 1e-06 slot hours is spent"


def test_a_share_of_the_money_is_kept_to(tmp_path: Path) -> None:
    """One that has had its share is not asked any more; the others go on."""
    lab = Laboratory(
        tmp_path / "lab",
        proposers=[worker("agent", lambda brief: better(brief, usages=PAID)), worker("tuner")],
        price=lambda usage: 0.3,
        allowances={"agent": 0.7},
    )
    assert lab.study(5).run() == "5 of 5 experiments are done"
    assert by(lab) == ["agent"] * 2 + ["tuner"] * 3


def test_a_call_that_died_with_its_harness_is_made_again(tmp_path: Path) -> None:
    """The ask stays the same; the ledger says that the first call was cut off."""
    lab = Laboratory(tmp_path / "lab", proposers=[worker("agent")])
    whole = Fuse()
    Laboratory(tmp_path / "whole", proposers=[worker("agent")]).study(1, fuse=whole).run()
    with pytest.raises(Death):
        lab.study(1, fuse=Fuse(whole.calls.index("called") + 1)).run()
    lab.study(1).run()
    assert [(call.ask, call.failure and call.failure.fault) for call in lab.ledger().calls()] == [
        (2, "stopped"),
        (2, None),
    ]
    lab.check()


def test_an_interruption_ends_the_thinking(tmp_path: Path) -> None:
    """Nobody waits for somebody who thinks for an hour; its ask is answered when the study goes on."""
    thinking = worker("agent", lambda brief: None)

    def think(brief: Brief) -> Failure:
        threading.Thread(target=study.interrupt).start()
        assert thinking.stopped.wait(PATIENCE_SECONDS)
        return Failure("stopped", "stopped")

    thinking = worker("agent", think)
    lab = Laboratory(tmp_path / "lab", proposers=[thinking])
    study = lab.study(1)
    assert study.run() == "interrupted"
    assert [w.ask.id for w in lab.ledger().waiting()] == [2]
    again = Laboratory.__new__(Laboratory)
    again.__dict__.update(lab.__dict__)
    again._own = [worker("agent")]
    assert again.study(1).run() == "1 of 1 experiments are done"
    assert [e.ask.id for e in again.ledger().closed()] == [1, 2]


def test_a_mixture_asks_both(tmp_path: Path) -> None:
    """And the one that gains more often."""
    worse = worker(
        "worse", lambda brief: setting(brief, **{"ABCD"[brief.ask.id % 4]: round(1 + brief.ask.id / 100, 2)})
    )
    mixture = Mixture({"agent": 0.5, "worse": 0.5})
    lab = Laboratory(tmp_path / "lab", proposers=[worker("agent"), worse], mixture=mixture)
    lab.study(30).run()
    assert by(lab).count("agent") > by(lab).count("worse") > 0


def test_a_persons_suggestion_is_told_until_it_is_taken_up(tmp_path: Path) -> None:
    """Every brief has it; the proposal that names it takes it off the list."""

    def follow(brief: Brief) -> Edit:
        taken = brief.suggestions[0].id if brief.suggestions and brief.ask.id > 2 else None
        return better(brief, suggestion=taken)

    proposer = worker("agent", follow)
    lab = Laboratory(tmp_path / "lab", proposers=[proposer])
    suggestion = lab.ledger().suggest("try a smaller A")
    lab.study(3).run()
    assert [list(brief.suggestions) for brief in proposer.asked] == [[suggestion], [suggestion], []]
    assert [e.proposal.idea.suggestion for e in lab.ledger().closed() if e.counted] == [None, suggestion.id, None]


def test_a_long_drought_is_told(tmp_path: Path) -> None:
    """After so many experiments without a keep the brief asks for something bolder."""
    proposer = worker("agent", lambda brief: setting(brief, A=round(1 + brief.ask.id / 100, 2)))
    lab = Laboratory(tmp_path / "lab", proposers=[proposer], pivot_after=3)
    lab.study(5).run()
    assert [brief.drought for brief in proposer.asked] == [None, None, None, None, 3]


def test_a_bold_change_may_begin_elsewhere(tmp_path: Path) -> None:
    """In a drought some find the files of another good experiment, and are told of which; what they leave is judged
    against the incumbent like any other change."""
    found: list[tuple[int | None, bool]] = []

    class Looks(ScriptedProposer):
        def propose(self, brief: Brief, checkout: Path) -> Any:
            text = (checkout / "train.py").read_text()
            found.append((brief.start, text == {**brief.files, **brief.start_files}["train.py"]))
            return super().propose(brief, checkout)

    proposer = Looks(lambda brief: setting(brief, A=round(1 + brief.ask.id / 100, 2)))
    lab = Laboratory(tmp_path / "lab", proposers=[proposer], pivot_after=2)
    lab.study(12).run()
    assert all(same for _, same in found)
    begun = {start for start, _ in found}
    assert None in begun and len(begun) > 1
    assert [start for start, _ in found[:3]] == [None, None, None]
    lab.check()


def test_a_price_that_nobody_knows_is_told_once(tmp_path: Path) -> None:
    """Its calls count as nothing for the budget of money, and the person hears of it."""
    heard = Recorder()
    lab = Laboratory(tmp_path / "lab", proposers=[worker("agent", lambda brief: better(brief, usages=PAID))])
    lab.study(3, observers=[heard]).run()
    assert [event.text.partition(":")[0] for event in heard.heard(Warned)] == ["nobody knows the price of model-x"]
    assert [call.usd for call in lab.ledger().calls()] == [None] * 3
