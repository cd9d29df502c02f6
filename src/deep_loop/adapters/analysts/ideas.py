"""What to try next: the ideas of all rooms, without what was tried already, the most promising first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from deep_loop.adapters.analysts.bench import Bench, Idea
from deep_loop.adapters.analysts.elsewhere import carried_over
from deep_loop.adapters.analysts.evidence import Settings
from deep_loop.adapters.analysts.neglected import return_to
from deep_loop.adapters.analysts.pairs import together
from deep_loop.adapters.analysts.scales import meaning
from deep_loop.adapters.analysts.steps import along
from deep_loop.core.hypothesis import Hypothesis, Target, identity

MOST = 6  # entries of next-hypotheses.md that are ours
LEAST = 3  # of ours, however many a person has planted
ROOM = {"steps": MOST, "pairs": 2, "neglected": 3, "elsewhere": 3}  # so that no single way of thinking fills the list


def ideas(bench: Bench) -> list[Idea]:
    """Everything that the evidence suggests and that is new, of most worth first; of equal worth by identity."""
    tried = _tried(bench)
    found: dict[str, Idea] = {}
    for idea in (*along(bench), *together(bench), *return_to(bench), *carried_over(bench)):
        entry = idea.hypothesis
        best = found.get(entry.id)
        new = entry.id not in bench.evidence.taken and not tried(entry.targets)
        if new and idea.worth > 0 and (best is None or idea.worth > best.worth):
            found[entry.id] = idea
    return sorted(found.values(), key=lambda idea: (-idea.worth, idea.hypothesis.id))


def choose(ranked: list[Idea], standing: tuple[Hypothesis, ...]) -> tuple[Hypothesis, ...]:
    """The next list: what others planted keeps its place at the top, then ours.

    Ours name each constant, and combine each experiment, only once.
    """
    room = max(LEAST, MOST - len(standing))
    names: set[str] = set()
    paired: set[int] = set()
    rooms: Counter[str] = Counter()
    ours: list[Hypothesis] = []
    planted = {entry.id for entry in standing}
    for idea in ranked:
        constants = {target.name for target in idea.hypothesis.targets}
        if len(ours) == room or idea.hypothesis.id in planted or constants & names:
            continue
        if rooms[idea.room] == ROOM[idea.room] or paired.intersection(idea.pair or ()):
            continue
        names |= constants
        paired.update(idea.pair or ())
        rooms[idea.room] += 1
        ours.append(idea.hypothesis)
    return (*standing, *ours)


def standing(hypotheses: tuple[Hypothesis, ...], taken: frozenset[str]) -> tuple[Hypothesis, ...]:
    """Entries that a person or another analyst planted and that nobody has taken up yet.

    Ours rest on experiments and carry the identity of their content; an entry without experiments, or whose
    content was edited, is someone else's, and statistics have no say about it.
    """
    return tuple(
        entry
        for entry in hypotheses
        if entry.id not in taken
        and (not entry.evidence or entry.id != identity(entry.kind, entry.targets, entry.title))
    )


def _tried(bench: Bench) -> Callable[[tuple[Target, ...]], bool]:
    """Whether an experiment set exactly these constants to these values, on whatever base, or led to the same code."""
    evidence = bench.evidence
    moves = {_mark({change.name: change.after for change in trial.changes}) for trial in evidence.trials}
    states = _states(evidence.settings)
    here = dict(evidence.settings[evidence.incumbent.number]) if evidence.incumbent else {}
    here |= {name: source for name in here if (source := bench.present(name)) is not None}

    def tried(targets: tuple[Target, ...]) -> bool:
        values = {target.name: target.value for target in targets if target.value is not None}
        if len(values) < len(targets):
            return False  # a range is a place to look around in, not one value
        return _mark(values) in moves or _mark({**here, **values}) in states

    return tried


def _mark(settings: Mapping[str, str]) -> int:
    """A number that is the same for all spellings of the same settings, in whatever order."""
    found = 0
    for name, source in settings.items():
        found ^= hash((name, meaning(source)))
    return found


def _states(settings: Settings) -> set[int]:
    """The mark of each experiment's settings: its parent's with what it moved put in another place."""
    first, parents = _mark(settings.start), settings.parents
    known: dict[int | None, int] = {None: first}
    moved_to: dict[int | None, dict[str, str]] = {None: settings.start}  # of those that others started from
    for number, parent, moved in settings.steps():
        state, base = known[parent], moved_to[parent]
        now = {change.name: change.after for change in moved}
        for name, source in now.items():
            state ^= hash((name, meaning(base[name]))) ^ hash((name, meaning(source)))
        known[number] = state
        if number in parents:
            moved_to[number] = {**base, **now}
    return set(known.values())
