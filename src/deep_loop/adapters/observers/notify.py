"""What of a study is told to a person who is away, and when: a line of `notify.log`, and a message for the channels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from deep_loop.adapters.observers.absence import Absences
from deep_loop.adapters.observers.log import Log
from deep_loop.adapters.observers.message import (
    KINDS,
    TITLES,
    Kind,
    Message,
    amount,
    name,
    plural,
    tamed,
)
from deep_loop.core.event import AgentBack, AgentDown, BudgetSpent, Closed, Confirmed, Event, Revised, StudyEnded
from deep_loop.core.experiment import Experiment, Keep, Proposal, is_baseline, is_keep
from deep_loop.core.metric import Metric
from deep_loop.core.standing import Standing
from deep_loop.errors import BusyError


@dataclass(frozen=True, slots=True)
class When:
    """What is worth telling."""

    thresholds: tuple[float, ...] = ()  # values of the metric; crossing the last of two or more is a major breakthrough
    significant: float = 0.01  # relative gain of a confirmed value over the one before it
    plateau: int = 24  # experiments without a keep
    sent: Collection[str] = frozenset(KINDS)  # what goes to the channels; the log has all


class Notifier:
    """An observer that tells what happened.

    Only confirmed values count: those of runs made after the keep. It needs no memory of earlier processes: events tell
    what was claimed before and which incumbent was to be beaten, so that nothing is told again by a process that goes
    on with a study. A baseline crosses nothing. Telling takes a line of the log; `post` hands messages on, and must
    return at once.
    """

    def __init__(
        self,
        log: Log,
        metric: Metric,
        when: When,
        *,
        study: str | None = None,
        post: Callable[[Message], None] = lambda message: None,
        redact: Callable[[str], str] = str,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        """`redact` takes secrets out of texts that come from outside."""
        self._log = log
        self._metric = metric
        self._when = when
        self._study = study
        self._post = post
        self._redact = redact
        self._now = now
        self._thresholds = sorted(when.thresholds, key=lambda threshold: metric.gain(threshold, 0.0))  # easiest first
        self._value: float | None = None  # the latest confirmed one that this process heard of
        self._experiments: int | None = None  # closed so far, where this process heard of one
        self._absences = Absences()
        self._incumbent = 0  # the latest keep that this process heard of, or that a proposal was made on

    def hear(self, event: Event) -> None:
        """Tell it where it is worth telling."""
        now = self._now().timestamp()
        for agent in self._absences.over(now):
            self._post_wanted(self._message("agent_back", said=name(agent)))
        match event:
            case Closed(record=record):
                if record.counted:
                    self._experiments = max(record.number, self._experiments or 0)
                if isinstance(record.proposal, Proposal):
                    self._closed(record)
            case Confirmed(record=record, standing=found, before=before):
                self._confirmed(record, found, before)
            case Revised(version=version, summary=summary, hypotheses=hypotheses):
                said = f"strategy v{version}, {plural(hypotheses, 'hypothesis', 'hypotheses')}"
                self._tell(self._message("meta_analysis", said=said, outside=summary))
            case BudgetSpent(share=share, what=what):
                self._tell(self._message("budget", said=f"{share * 100:.0f} % of {amount(what)} is spent"))
            case AgentDown(agent=agent, reason=reason, until=until):
                told = self._message("agent_down", said=f"{name(agent)} until {self._clock(until)}", outside=reason)
                self._log.write(told.text)
                if self._absences.down(agent, until, now):
                    self._post_wanted(told)
            case AgentBack(agent=agent):
                self._absences.back(agent, now)
                self._log.write(self._message("agent_back", said=name(agent)).text)
            case StudyEnded(reason=reason):
                self._tell(self._message("done", value=self._value, outside=reason))
            case _:
                pass

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Tell it where the study fails within; the error goes on. That another harness is at work is no failure."""
        try:
            yield
        except BusyError:
            raise
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            self._tell(self._message("crash", outside=lines[0]))
            raise

    def _closed(self, experiment: Experiment) -> None:
        """A plateau is told when it has come to its length, and each time it has doubled."""
        if is_keep(experiment):
            self._incumbent = max(self._incumbent, experiment.number)
            return
        self._incumbent = max(self._incumbent, experiment.proposal.parent or 0)
        barren = experiment.number - self._incumbent
        times, rest = divmod(barren, self._when.plateau)
        if experiment.counted and times > 0 and rest == 0 and times & (times - 1) == 0:
            said = f"no keep in {plural(barren, 'experiment')}, since #{self._incumbent}"
            self._tell(self._message("plateau", said=said, experiment=experiment.number))

    def _confirmed(self, experiment: Experiment, found: Standing, before: float | None) -> None:
        self._value = found.value
        if is_baseline(experiment):
            return
        kinds: list[Kind] = []
        crossed = [place for place, one in enumerate(self._thresholds) if self._crosses(one, found.value, before)]
        if crossed:
            major = len(self._thresholds) > 1 and crossed[-1] == len(self._thresholds) - 1
            kinds.append("major_breakthrough" if major else "breakthrough")
        if found.label != "final":  # that is the same incumbent, measured once more
            relative = None if before is None else self._metric.relative_gain(found.value, before)
            if relative is not None and relative >= self._when.significant:
                kinds.append("significant_gain")
            kinds.append("new_incumbent")
        if kinds:
            said = ", ".join((*self._how(experiment, found, before), f"#{experiment.number}"))
            title = experiment.proposal.idea.title
            self._tell(self._message(*kinds, value=found.value, said=said, outside=title, experiment=experiment.number))

    def _crosses(self, threshold: float, found: float, before: float | None) -> bool:
        reached = self._metric.gain(found, threshold) >= 0
        return reached and (before is None or self._metric.gain(before, threshold) < 0)

    def _how(self, experiment: Experiment, found: Standing, before: float | None) -> Iterator[str]:
        """By how much it is better than what was claimed before, and what else a person should know of it."""
        if found.label == "final":
            yield "by its final runs"
        elif before is not None:
            gain, relative = self._metric.gain(found.value, before), self._metric.relative_gain(found.value, before)
            yield f"{'worse' if gain < 0 else 'better'} by {abs(gain):.6f} ({abs(relative) * 100:.2f} %)"
        if isinstance(experiment.decision, Keep) and experiment.decision.simplification:
            yield "kept as simpler"

    def _clock(self, at: float) -> str:
        """A moment, as short as it can be."""
        try:
            then = datetime.fromtimestamp(at)
        except (ValueError, OverflowError, OSError):
            return "further notice"
        return f"{then:%H:%M}" if then.date() == self._now().date() else f"{then:%Y-%m-%d %H:%M}"

    def _tell(self, message: Message) -> None:
        """Write its line and hand it on."""
        self._log.write(message.text)
        self._post_wanted(message)

    def _post_wanted(self, message: Message) -> None:
        if any(kind in self._when.sent for kind in (message.event, *message.also)):
            self._post(message)

    def _message(
        self,
        event: Kind,
        *also: Kind,
        value: float | None = None,
        said: str = "",
        outside: str = "",
        experiment: int | None = None,
    ) -> Message:
        """`said` is ours, `outside` may be anybody's."""
        foreign = tamed(self._redact(outside))
        return Message(
            event,
            text=self._composed(event, value, self._metric.name, said, foreign),
            safe=self._composed(event, value, name(self._metric.name), said, ""),
            at=self._now().timestamp(),
            study=self._study,
            also=also,
            metric=None if value is None else self._metric.name,
            value=value,
            experiments=self._experiments,
            experiment=experiment,
        )

    def _composed(self, event: Kind, value: float | None, metric: str, said: str, foreign: str) -> str:
        """`breakthrough: val_bpb 0.989100 after 34 experiments, better by …: LEARNING_RATE …`."""
        head = TITLES[event] if value is None else f"{TITLES[event]}: {metric} {value:.6f}"
        if self._experiments is not None:
            head += f" after {plural(self._experiments, 'experiment')}"
        if said:
            head += f"{': ' if value is None else ', '}{said}"
        return f"{head}: {foreign}" if foreign else head
