"""The embedded proposer: Bayesian optimisation over a program's upper-case constants.

It needs no model, key or network. `tuner_trials` reads what earlier experiments say, `tuner_space` says what can
be moved, `tuner_search` finds one promising move, `tuner_orders` takes the outer tier's hypotheses first. Nothing is
kept between proposals but caches: the same brief gets the same proposal, in a new process too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deep_loop.core import screening
from deep_loop.core.experiment import Change, Idea
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.taxonomy import Taxonomy
from deep_loop.ports import Answer, Brief, Objection, Suggestion

if TYPE_CHECKING:
    from deep_loop.adapters.proposers.tuner_orders import Order
    from deep_loop.adapters.proposers.tuner_search import Move, Search


class Tuner:
    """Implements `ports.Proposer`. Safe in several threads at once."""

    name = "tuner"
    anywhere = False

    def __init__(self) -> None:
        from deep_loop.adapters.proposers.tuner_trials import Reader

        self._reader = Reader()

    def propose(self, brief: Brief, checkout: Path) -> Answer:
        """Move one or more constants, or carry out a hypothesis or a combination.

        Nothing is proposed where the files have nothing to move, or every setting in the space has been tried.
        """
        # numpy and optuna take most of a second to load: not before they are needed.
        from deep_loop.adapters.proposers.tuner_orders import order
        from deep_loop.adapters.proposers.tuner_search import Search
        from deep_loop.adapters.proposers.tuner_trials import recall

        memory = recall(brief, self._reader)
        search = Search(memory, brief.strategy, brief.seed, brief.terms.taxonomy)
        ordered = order(brief, search, self._reader, self.name)
        move = ordered.move if ordered else search.move()
        if move is None:
            return Answer()
        for path, text in memory.incumbent.rewritten(move.sources).items():
            (checkout / path).write_bytes(text.encode())
        return Answer(_ordered(ordered, search) if ordered else _own(move, search))

    def mend(self, brief: Brief, checkout: Path, objection: Objection) -> Answer:
        """Never: that a setting crashes, or was tried before, is something to learn, not to mend."""
        return Answer()

    def stop(self) -> None:
        """It is never at it for long."""


def _own(move: Move, search: Search) -> Idea:
    """The idea of a move that the tuner thought of itself."""
    changes = _changes(move, search)
    if not move.before:
        why = "No trial has moved it from here yet: a bold step shows which way it pays."
    else:
        why = (
            f"{move.before} earlier trial(s) moved it: TPE drew the value from where the better ones lie, inside the "
            "trust region around the incumbent."
        )
    riders = "".join(f" {name} rides along: the model expects a gain of it." for name in move.riders)
    return Idea(
        _title(changes),
        _kind(changes, search.taxonomy),
        f"Moves {_words(changes)}. {why}{riders}",
        _expected(move),
        changes=changes,
    )


def _ordered(order: Order, search: Search) -> Idea:
    """The idea of a move that somebody asked for."""
    from deep_loop.adapters.proposers.tuner_orders import combined

    changes = _changes(order.move, search)
    moves, expected = f"Moves {_words(changes)}.", _expected(order.move)
    match order.origin:
        case Suggestion(id=number, text=text):
            why = f'{moves} A person suggested it: "{" ".join(text.split())}".'
            return Idea(
                _title(changes), _kind(changes, search.taxonomy), why, expected, changes=changes, suggestion=number
            )
        case Hypothesis(id=identity, title=title, kind=kind, rationale=rationale) as hypothesis:
            why = f"Takes up {identity} ({title}). {moves} {rationale}".strip()
            return Idea(_title(changes), kind, why, hypothesis.expected or expected, identity, changes)
        case str() as run:
            why = f"{moves} What each constant does is read from all runs of the screening together."
            return Idea(run, screening.KIND, why, "none", changes=changes)
        case numbers:
            listed = ", ".join(str(number) for number in numbers)
            why = f"{moves} Experiments {listed} made these changes one by one; the strategy asks for them together."
            return Idea(
                f"{combined(numbers)}: {_title(changes)}",
                _kind(changes, search.taxonomy),
                why,
                expected,
                changes=changes,
            )


def _changes(move: Move, search: Search) -> tuple[Change, ...]:
    known = search.memory.incumbent.knobs
    return tuple(Change(known[key].name, known[key].source, source) for key, source in move.sources.items())


def _kind(changes: tuple[Change, ...], taxonomy: Taxonomy) -> str:
    """The kind of the constant that leads the move."""
    return taxonomy.kind_of(changes[0].name)


def _title(changes: tuple[Change, ...]) -> str:
    return ", ".join(f"{change.name} {change.before} -> {change.after}" for change in changes)


def _words(changes: tuple[Change, ...]) -> str:
    return " and ".join(f"{change.name} from {change.before} to {change.after}" for change in changes)


def _expected(move: Move) -> str:
    """The model's expectation with its 80 % interval, such as `+0.4 % (-0.1 to +0.9)`."""
    gain, half = 100 * move.estimate.gain, 128 * move.estimate.deviation
    return f"{gain:+.2f} % ({gain - half:+.2f} to {gain + half:+.2f})"
