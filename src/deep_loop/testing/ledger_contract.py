"""What every ledger promises, as tests.

Subclass `LedgerContract` in a test module and give it a fixture named `shelf`:

    class TestMyLedger(LedgerContract[Guess, Answer, Verdict]):
        @pytest.fixture
        def shelf(self, tmp_path: Path) -> MyShelf:
            return MyShelf(tmp_path)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol

import pytest

from deep_loop.core.call import Failure, Usage
from deep_loop.core.cohort import Revision
from deep_loop.core.fate import Offer
from deep_loop.core.hypothesis import Hypothesis, Target
from deep_loop.core.record import Ask, D, O, P, Record, Refusal, Waiting
from deep_loop.errors import LedgerError
from deep_loop.ports import Ledger

Snapshot = tuple[Any, ...]

OFFER = Offer(Hypothesis("h-1", "Wider", "other", (Target("A", "2"),), "why", "open", (0,), 0.3), "who", 1, 1)


@dataclass(frozen=True)
class Samples(Generic[P, O, D]):
    """Values of one mode to fill a ledger with."""

    proposals: tuple[P, ...]  # two or more, all different
    outcomes: tuple[O, ...]  # two or more, all different, one of every form
    decisions: tuple[D, ...]  # two or more, all different, one of every form


class Shelf(Protocol[P, O, D]):
    """Where the ledgers under test come from."""

    samples: Samples[P, O, D]

    def fresh(self) -> Ledger[P, O, D]:
        """The ledger of a new, empty study beside those made before."""
        ...

    def again(self, ledger: Ledger[P, O, D]) -> Ledger[P, O, D]:
        """The same study, opened to write as by a process that starts now; the first must have been left alone."""
        ...

    def reader(self, ledger: Ledger[P, O, D]) -> Ledger[P, O, D]:
        """The same study, opened to read by another process while the first goes on writing."""
        ...


def snapshot(ledger: Ledger[P, O, D]) -> Snapshot:
    """All that a ledger says, for comparing two views of one study."""
    return (
        tuple(ledger.waiting()),
        tuple(ledger.refusals(1_000_000)),
        tuple(ledger.opened()),
        tuple(ledger.closed()),
        tuple(ledger.unsettled()),
        ledger.counted(),
        tuple(ledger.revisions()),
        tuple(ledger.offers()),
        tuple(ledger.requests()),
        ledger.asked(),
        tuple(ledger.calls()),
        ledger.spending(),
        tuple(ledger.suggestions()),
    )


def check_invariants(ledger: Ledger[P, O, D]) -> None:
    """Raise AssertionError unless the lines are numbered, ordered and linked as promised."""
    closed, opened = ledger.closed(), ledger.opened()
    lines = sorted([*closed, *opened], key=lambda record: record.number)
    assert [record.number for record in lines] == list(range(len(lines)))
    assert [record.order for record in closed] == list(range(1, len(closed) + 1))
    assert all(record.decision is not None and record.closed_at is not None for record in closed)
    assert all(record.decision is None and record.closed_at is None and record.order is None for record in opened)
    assert ledger.counted() == sum(record.counted for record in lines)
    runs = [measurement.id for record in lines for measurement in record.measurements]
    assert len(set(runs)) == len(runs)
    for record in lines:
        assert [attempt.index for attempt in record.attempts] == list(range(len(record.attempts)))
        for measurement in record.measurements:
            assert measurement.unit == record.number and measurement.attempt < len(record.attempts)
            assert measurement.sought_by < len(lines)
            assert (measurement.outcome is None) == (measurement.ended_at is None)
    asks = [record.ask.id for record in lines]
    asks += [waiting.ask.id for waiting in ledger.waiting()]
    asks += [refusal.ask.id for refusal in ledger.refusals(1_000_000)]
    assert sorted(asks) == list(range(1, len(asks) + 1))


class LedgerContract(Generic[P, O, D]):
    """Promises about one ledger. Inherited by a test class that has the fixture `shelf`."""

    # --- proposals ---

    def test_asks_are_numbered_from_one(self, shelf: Shelf[P, O, D]) -> None:
        """An ask gets the next id, and says by whom and under which strategy it was made."""
        ledger = shelf.fresh()
        assert ledger.ask("tuner", 0) == Ask(1, "tuner", 0, 0)
        assert ledger.ask("codex", 3) == Ask(2, "codex", 0, 3)

    def test_an_ask_counts_what_is_closed(self, shelf: Shelf[P, O, D]) -> None:
        """`seen` is the number of closed lines at the ask, whatever is open; or fewer, where the asker says so."""
        ledger = shelf.fresh()
        self.line(shelf, ledger, close=True)
        self.line(shelf, ledger, close=False)
        assert ledger.ask("tuner", 0).seen == 1
        assert ledger.ask("tuner", 0, 0) == ledger.waiting()[-1].ask
        assert ledger.waiting()[-1].ask.seen == 0

    def test_a_line_counts_what_was_closed_before_it(self, shelf: Shelf[P, O, D]) -> None:
        """`closed_before` is the number of lines that were closed when it was opened, and never changes."""
        ledger = shelf.fresh()
        for close in (True, False, False):
            self.line(shelf, ledger, close=close)
        ledger.close(1, shelf.samples.decisions[0])
        self.line(shelf, ledger, close=False)
        assert [ledger.record(number).closed_before for number in range(4)] == [0, 1, 1, 2]

    # --- calls and suggestions ---

    def test_calls_are_kept_with_what_they_cost(self, shelf: Shelf[P, O, D]) -> None:
        """A call goes on until it is ended, once; a ledger opened anew, and one that read before, say the same."""
        ledger = shelf.fresh()
        ask = ledger.ask("codex", 0)
        assert ledger.asked() == 1
        first, second = ledger.call("codex", "propose", ask), ledger.call("analyst", "advise", None)
        assert [(call.id, call.ask, call.ended_at) for call in ledger.calls()] == [
            (first, 1, None),
            (second, None, None),
        ]
        used = (Usage("m", 1000, 50, cached_tokens=800), Usage("n", 1, 1))
        ledger.called(second, used, None, Failure("quota", "used up", 60.0))
        ledger.called(first, used[:1], 0.25, None, "abc")
        with pytest.raises(LedgerError):
            ledger.called(first, (), None, None)
        with pytest.raises(LedgerError):
            ledger.called(second + 1, (), None, None)
        for view in (ledger, shelf.again(ledger)):
            one, other = view.calls()
            assert (one.agent, one.purpose, one.usages, one.usd, one.failure) == (
                "codex",
                "propose",
                used[:1],
                0.25,
                None,
            )
            assert (one.session, one.tokens, one.seconds > 0) == ("abc", 1050, True)
            assert (other.usages, other.usd, other.failure) == (used, None, Failure("quota", "used up", 60.0))
            assert (view.spending().usd, view.spending().tokens) == (0.25, 2102)

    def test_runs_are_paid_for_by_the_slot(self, shelf: Shelf[P, O, D]) -> None:
        """Spending counts each run's time, twice where it had two devices, whether its line is closed or not."""
        ledger = shelf.fresh()
        for close in (True, False):
            number = self.line(shelf, ledger, close=close).number
            before = ledger.spending().slot_seconds
            for slot in ("gpu0", "gpu0+gpu1"):
                run = ledger.start(number, 1, number, slot, "log")
                ledger.end(run.id, shelf.samples.outcomes[0])
            took = [(run.ended_at or 0) - run.started_at for run in ledger.record(number).measurements[-2:]]
            assert ledger.spending().slot_seconds - before == pytest.approx(took[0] + 2 * took[1])

    def test_a_suggestion_waits_until_it_is_taken_up(self, shelf: Shelf[P, O, D]) -> None:
        """What a person suggests stays in the order of suggesting; the first ask that takes one up has it."""
        ledger = shelf.fresh()
        first, second = ledger.suggest("try a"), ledger.suggest("try b")
        assert list(ledger.suggestions()) == [first, second]
        ask = ledger.ask("codex", 0)
        ledger.take_up(first.id, ask)
        ledger.take_up(first.id, ledger.ask("codex", 0))
        assert [one.text for one in ledger.suggestions()] == ["try b"]

    def test_an_ask_waits_until_it_ends(self, shelf: Shelf[P, O, D]) -> None:
        """An ask is waiting without a proposal, then with its latest one, until a line or a refusal ends it."""
        ledger, (first, second, *_) = shelf.fresh(), shelf.samples.proposals
        a, b, c = (ledger.ask("tuner", 0) for _ in range(3))
        ledger.propose(b, first)
        ledger.propose(b, second)
        assert list(ledger.waiting()) == [Waiting(a, None), Waiting(b, second), Waiting(c, None)]
        ledger.refuse(a, "empty", None)
        ledger.open(b, second, counted=True)
        assert list(ledger.waiting()) == [Waiting(c, None)]

    def test_refusals_come_oldest_first(self, shelf: Shelf[P, O, D]) -> None:
        """The limit takes the latest ones; a refusal without a proposal keeps the one that waited."""
        ledger, (first, second, *_) = shelf.fresh(), shelf.samples.proposals
        asks = [ledger.ask("tuner", 0) for _ in range(4)]
        ledger.propose(asks[2], first)
        for ask, proposal in zip(asks, (None, second, None, None), strict=True):
            ledger.refuse(ask, f"reason {ask.id}", proposal)
        expected = [
            Refusal(asks[0], None, "reason 1"),
            Refusal(asks[1], second, "reason 2"),
            Refusal(asks[2], first, "reason 3"),
            Refusal(asks[3], None, "reason 4"),
        ]
        assert list(ledger.refusals(10)) == expected
        assert list(ledger.refusals(3)) == expected[1:]
        assert list(ledger.refusals(0)) == []

    def test_an_ended_ask_stays_ended(self, shelf: Shelf[P, O, D]) -> None:
        """Nothing answers, refuses or opens a refused ask, nor answers or refuses a taken one."""
        ledger, proposal = shelf.fresh(), shelf.samples.proposals[0]
        taken = self.line(shelf, ledger, close=False).ask
        refused = ledger.ask("tuner", 0)
        ledger.refuse(refused, "a duplicate", proposal)
        before = snapshot(ledger)
        for ask in (taken, refused, Ask(99, "tuner", 0, 0)):
            with pytest.raises(LedgerError, match=f"ask {ask.id}"):
                ledger.propose(ask, proposal)
            with pytest.raises(LedgerError, match=f"ask {ask.id}"):
                ledger.refuse(ask, "again", None)
        for ask in (refused, Ask(99, "tuner", 0, 0)):
            with pytest.raises(LedgerError, match=f"ask {ask.id}"):
                ledger.open(ask, proposal, counted=True)
        assert snapshot(ledger) == before

    # --- lines ---

    def test_lines_are_numbered_from_zero(self, shelf: Shelf[P, O, D]) -> None:
        """Opening gives the next number and an empty open record; only counted lines count."""
        ledger, proposal = shelf.fresh(), shelf.samples.proposals[0]
        for number, counted in enumerate((False, True, True)):
            ask = ledger.ask("tuner", 0)
            record = ledger.open(ask, proposal, counted=counted)
            assert (record.number, record.ask, record.proposal, record.counted) == (number, ask, proposal, counted)
            assert (record.attempts, record.measurements) == ((), ())
            assert (record.decision, record.closed_at, record.order) == (None, None, None)
            assert ledger.record(number) == record
        assert ledger.counted() == 2
        assert [record.number for record in ledger.opened()] == [0, 1, 2]

    def test_opening_an_ask_twice_returns_its_line(self, shelf: Shelf[P, O, D]) -> None:
        """The second opening changes nothing, even where it brings another proposal."""
        ledger, (first, second, *_) = shelf.fresh(), shelf.samples.proposals
        ask = ledger.ask("tuner", 0)
        record = ledger.open(ask, first, counted=True)
        assert ledger.open(ask, second, counted=False) == record
        assert len(ledger.opened()) == 1

    def test_every_proposal_reads_back_equal(self, shelf: Shelf[P, O, D]) -> None:
        """What a mode proposes comes out of the ledger as it went in."""
        ledger = shelf.fresh()
        for number, proposal in enumerate(shelf.samples.proposals):
            ledger.open(ledger.ask("tuner", 0), proposal, counted=True)
            assert shelf.again(ledger).record(number).proposal == proposal

    def test_attempts_are_indexed(self, shelf: Shelf[P, O, D]) -> None:
        """A new commit is a new attempt; the last attempt's own commit adds nothing."""
        ledger = shelf.fresh()
        number = ledger.open(ledger.ask("tuner", 0), shelf.samples.proposals[0], counted=True).number
        assert [ledger.attempt(number, commit) for commit in ("aaa", "aaa", "bbb", "aaa", "aaa")] == [0, 0, 1, 2, 2]
        record = ledger.record(number)
        assert [(attempt.index, attempt.commit) for attempt in record.attempts] == [(0, "aaa"), (1, "bbb"), (2, "aaa")]
        assert record.commit == "aaa"

    def test_runs_belong_to_the_last_attempt(self, shelf: Shelf[P, O, D]) -> None:
        """A run knows its unit, attempt, seed, place and log; ids are unique in the whole ledger."""
        ledger, other = shelf.fresh(), shelf.fresh()
        number = self.line(shelf, ledger, close=False).number
        begun = ledger.start(number, 11, number, "cpu0", "logs/0.log")
        elsewhere = other.start(self.line(shelf, other, close=False).number, 11, 0, "cpu0", "logs/0.log")
        assert (begun.unit, begun.attempt, begun.seed, begun.sought_by) == (number, 0, 11, number)
        assert (begun.slot, begun.log, begun.ended_at, begun.outcome) == ("cpu0", "logs/0.log", None, None)
        ledger.attempt(number, "repaired")
        assert ledger.start(number, 12, number, "cpu1", "logs/1.log").attempt == 1
        ids = [m.id for m in ledger.record(number).measurements]
        assert ids == sorted({*ids}) and len(ids) == 2
        assert elsewhere.id not in ids

    def test_every_outcome_reads_back_equal(self, shelf: Shelf[P, O, D]) -> None:
        """A run ends once; its outcome comes out as it went in, and a second one is refused."""
        ledger = shelf.fresh()
        number = self.line(shelf, ledger, close=False).number
        for outcome in shelf.samples.outcomes:
            run = ledger.start(number, 1, number, "cpu0", "log").id
            ledger.end(run, outcome)
            assert shelf.again(ledger).record(number).measurements[-1].outcome == outcome
            with pytest.raises(LedgerError, match="outcome already"):
                ledger.end(run, shelf.samples.outcomes[0])
            assert ledger.record(number).measurements[-1].outcome == outcome

    def test_every_decision_reads_back_equal(self, shelf: Shelf[P, O, D]) -> None:
        """A line closes once, taking the next place in the order; a second closing is refused."""
        ledger = shelf.fresh()
        for order, decision in enumerate(shelf.samples.decisions, start=1):
            number = self.line(shelf, ledger, close=False).number
            closed = ledger.close(number, decision)
            assert (closed.decision, closed.order) == (decision, order)
            with pytest.raises(LedgerError, match="closed"):
                ledger.close(number, decision)
            assert shelf.again(ledger).record(number) == closed

    def test_lines_close_in_any_order(self, shelf: Shelf[P, O, D]) -> None:
        """`closed` is in the order of closing, whatever the numbers are."""
        ledger = shelf.fresh()
        for _ in range(4):
            self.line(shelf, ledger, close=False)
        for number in (2, 0, 3):
            ledger.close(number, shelf.samples.decisions[0])
        assert [record.number for record in ledger.closed()] == [2, 0, 3]
        assert [record.number for record in ledger.opened()] == [1]

    def test_a_closed_line_gains_runs_but_no_attempt(self, shelf: Shelf[P, O, D]) -> None:
        """A replicate of a closed line shows in `closed` at once, and in a sequence taken before not at all."""
        ledger = shelf.fresh()
        self.line(shelf, ledger, close=True)
        challenger = self.line(shelf, ledger, close=False).number
        before = ledger.closed()
        run = ledger.start(0, 5, challenger, "cpu0", "log")
        assert ledger.closed()[0].measurements[-1] == run
        ledger.end(run.id, shelf.samples.outcomes[0])
        assert ledger.closed()[0].measurements[-1].outcome == shelf.samples.outcomes[0]
        assert len(before[0].measurements) == 1
        with pytest.raises(LedgerError, match="closed"):
            ledger.attempt(0, "late")

    def test_settling_ends_the_wait(self, shelf: Shelf[P, O, D]) -> None:
        """A closed line is unsettled until it is noted as settled, which may be noted twice; an open one cannot be."""
        ledger = shelf.fresh()
        for _ in range(3):
            self.line(shelf, ledger, close=False)
        for number in (1, 0):
            ledger.close(number, shelf.samples.decisions[0])
        assert [record.number for record in ledger.unsettled()] == [1, 0]
        ledger.settled(1)
        ledger.settled(1)
        assert [record.number for record in shelf.again(ledger).unsettled()] == [0]
        with pytest.raises(LedgerError, match="open"):
            ledger.settled(2)

    def test_what_is_not_there_is_an_error(self, shelf: Shelf[P, O, D]) -> None:
        """Numbers and ids that nobody gave out are refused, in words, and nothing is written."""
        ledger, other = shelf.fresh(), shelf.fresh()
        bare = ledger.open(ledger.ask("tuner", 0), shelf.samples.proposals[0], counted=True).number
        foreign = other.start(self.line(shelf, other, close=False).number, 1, 0, "cpu0", "log").id
        before = snapshot(ledger)
        for call in (
            lambda: ledger.record(7),
            lambda: ledger.attempt(7, "abc"),
            lambda: ledger.start(7, 1, 0, "cpu0", "log"),
            lambda: ledger.start(bare, 1, 7, "cpu0", "log"),
            lambda: ledger.start(bare, 1, bare, "cpu0", "log"),  # it has no attempt yet
            lambda: ledger.end(foreign, shelf.samples.outcomes[0]),
            lambda: ledger.close(7, shelf.samples.decisions[0]),
            lambda: ledger.settled(7),
            lambda: ledger.serve(7, "no"),
        ):
            with pytest.raises(LedgerError):
                call()
        assert snapshot(ledger) == before

    # --- studies, processes ---

    def test_nothing_is_lost_on_reopening(self, shelf: Shelf[P, O, D]) -> None:
        """Each call is durable when it returns: after every one, a new process sees the same."""
        ledger, samples = shelf.fresh(), shelf.samples
        a, b = ledger.ask("tuner", 0), ledger.ask("codex", 1)
        ledger.propose(a, samples.proposals[0])
        ledger.refuse(b, "protected file", samples.proposals[1])
        ledger.open(a, samples.proposals[0], counted=True)
        ledger.attempt(0, "abc")
        run = ledger.start(0, 1, 0, "cpu0", "log")
        assert snapshot(shelf.again(ledger)) == snapshot(ledger)
        ledger.end(run.id, samples.outcomes[0])
        ledger.close(0, samples.decisions[0])
        ledger.revise(Revision(1, "def", 1, "12 experiments", "statistics", "wider", 1.5), [OFFER])
        ledger.request("pause", {"why": "lunch"})
        assert snapshot(shelf.again(ledger)) == snapshot(ledger)
        check_invariants(ledger)

    def test_a_reader_follows(self, shelf: Shelf[P, O, D]) -> None:
        """A reader that stays open sees lines that close, and closed ones that gain runs."""
        ledger = shelf.fresh()
        reader = shelf.reader(ledger)
        assert list(reader.closed()) == []
        for _ in range(3):
            self.line(shelf, ledger, close=True)
            assert list(reader.closed()) == list(ledger.closed())
        run = ledger.start(1, 5, 0, "cpu0", "log")
        assert list(reader.closed()) == list(ledger.closed())
        ledger.end(run.id, shelf.samples.outcomes[1])
        assert snapshot(reader) == snapshot(ledger)

    def test_studies_do_not_mix(self, shelf: Shelf[P, O, D]) -> None:
        """Each study has its own asks, lines, revisions, requests, calls and suggestions."""
        one, two = shelf.fresh(), shelf.fresh()
        self.line(shelf, one, close=True)
        one.revise(Revision(1, "abc", 1, "why", "who", "what", 1.0), [OFFER])
        one.request("stop", {})
        one.called(one.call("codex", "propose", None), [Usage("m", 1, 1)], 1.0, None)
        one.suggest("try a")
        assert snapshot(two) == snapshot(shelf.fresh())
        assert self.line(shelf, two, close=True).ask.id == 1

    def test_revisions_are_kept_in_order(self, shelf: Shelf[P, O, D]) -> None:
        """Every rewrite of the strategy comes back whole; a version is recorded once."""
        ledger = shelf.fresh()
        made = [Revision(v, f"commit{v}", 12 * v, "asked for", "statistics", f"v{v}", 1e9 + v) for v in (1, 2, 5)]
        for revision in made:
            ledger.revise(revision)
        assert list(shelf.again(ledger).revisions()) == made
        with pytest.raises(LedgerError, match="version 5"):
            ledger.revise(made[-1])

    def test_offers_are_kept_by_their_identities(self, shelf: Shelf[P, O, D]) -> None:
        """A hypothesis comes back as it was last given, in its first place; one of a refused version is not kept."""
        ledger = shelf.fresh()
        other = replace(OFFER, hypothesis=replace(OFFER.hypothesis, id="h-2"))
        ledger.revise(Revision(1, "abc", 1, "why", "who", "what", 1.0), [OFFER, other])
        dropped = replace(OFFER, dropped=2)
        ledger.revise(Revision(2, "def", 2, "why", "who", "what", 2.0), [dropped])
        assert list(shelf.again(ledger).offers()) == [dropped, other]
        with pytest.raises(LedgerError):
            ledger.revise(Revision(2, "def", 2, "why", "who", "what", 2.0), [OFFER])
        assert list(ledger.offers()) == [dropped, other]

    def test_requests_are_served_once(self, shelf: Shelf[P, O, D]) -> None:
        """A request waits, with its words as they were given, until it is served."""
        ledger = shelf.fresh()
        first = ledger.request("pause", {"until": "07:00", "naïve": "día\n\t\"'"})
        second = ledger.request("meta", {})
        assert [(r.id, r.kind, r.payload) for r in ledger.requests()] == [
            (first, "pause", {"until": "07:00", "naïve": "día\n\t\"'"}),
            (second, "meta", {}),
        ]
        ledger.serve(first, "paused")
        assert [request.id for request in shelf.again(ledger).requests()] == [second]
        with pytest.raises(LedgerError, match=f"{first}"):
            ledger.serve(first, "paused")

    # --- shared by the tests above ---

    def line(self, shelf: Shelf[P, O, D], ledger: Ledger[P, O, D], *, close: bool) -> Record[P, O, D]:
        """One more line with an attempt; a closed one has a run with an outcome too."""
        samples = shelf.samples
        number = ledger.open(ledger.ask("tuner", 0), samples.proposals[0], counted=True).number
        ledger.attempt(number, "abc")
        if not close:
            return ledger.record(number)
        ledger.end(ledger.start(number, 1, number, "cpu0", "log").id, samples.outcomes[0])
        return ledger.close(number, samples.decisions[0])
