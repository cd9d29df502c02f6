"""One meta-analysis: evidence -> draft -> review -> commit. Judged later, by what its cohort brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from deep_loop.core import cohort, fate, hypothesis, review, strategy
from deep_loop.core.call import Failure, rest
from deep_loop.core.cohort import HARNESS, Advice, Dossier, Revision
from deep_loop.core.event import Revised, Warned
from deep_loop.core.experiment import Experiment, Keep, as_of, is_imported, is_keep, value
from deep_loop.core.fate import Fate, Offer
from deep_loop.core.history import History
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.noise import estimate
from deep_loop.core.probation import Verdict, lineage
from deep_loop.core.seed import derive
from deep_loop.loop import control, probation, queue, screens
from deep_loop.loop.baseline import revision
from deep_loop.loop.brief import logs, strategy_of
from deep_loop.loop.control import HYPOTHESES, PROGRAM
from deep_loop.loop.lab import Lab
from deep_loop.loop.person import watch
from deep_loop.loop.purse import Purse, book
from deep_loop.loop.thinking import call_id
from deep_loop.loop.unit import Again
from deep_loop.ports import Analyst, Case, Counsel, Files

PROCESS_LOG = "process_log.md"
NEW_LOG = "# Process log\n"
COMMITS = 200  # of the study branch's log, shown to an analyst
REFUSALS = 200
ATTEMPTS = 20  # at a commit on a branch that somebody else moves at the same moment
NOISES = 3.0  # a gain over this many times the noise is significant
ASKED = "asked for"  # the reason, where a person wants one


@dataclass(frozen=True, slots=True)
class Call:
    """A moment that calls for a meta-analysis: when `seen` experiments were closed, and why."""

    seen: int
    reason: str


@dataclass(slots=True)
class Session:
    """One meta-analysis under way."""

    dossier: Dossier
    left: list[str]  # analysts that may still be asked, in order
    asked: str | None = None  # the one who thinks now
    call: int = 0
    failures: list[str] = field(default_factory=list)  # of those before
    verdict: Verdict | None = None  # on the strategies that are on probation


class Meta:
    """ML mode's outer tier."""

    def __init__(
        self,
        lab: Lab,
        analysts: Sequence[Analyst],
        purse: Purse,
        interval: int,
        significant: float,
        judged: bool = True,
    ) -> None:
        """`analysts` are in order of preference: where one gives nothing of use, the next is asked.

        `interval` counts experiments; `significant` is a relative gain, used where the noise is unknown. Where
        strategies are not `judged`, each is in force at once.
        """
        self._lab = lab
        self._analysts = {analyst.name: analyst for analyst in analysts}
        self._purse = purse
        self._interval = interval
        self._significant = significant
        self._judged = judged
        self._session: Session | None = None  # the analysis under way
        self._failed_at = 0  # experiments closed when the last analysis failed
        self._screens: dict[int, int] = {}  # version -> runs of a screening that it waits for

    def recover(self) -> Revised | None:
        """Record a revision whose commit is on the branch, where the harness died before it could."""
        lab, revisions, closed = self._lab, self._lab.ledger.revisions(), self._lab.ledger.closed()
        if not closed:
            return None
        head, version = lab.workspace.head(), revision(lab) + 1
        known = revisions[-1].commit if revisions else closed[0].commit
        # The branch may have begun with another study's strategy: a new entry of the log tells whose it is.
        if self._entries(head, version) == self._entries(known, version):
            return None
        wrote, went_back = f"meta: v{version}: ", f"meta: revert v{version - 1}"
        for subject in lab.workspace.subjects(COMMITS):
            if subject.startswith(wrote):
                analyst, summary = self._asked_last(), subject.removeprefix(wrote)
            elif subject == went_back:
                analyst, summary = HARNESS, subject.removeprefix("meta: ")
            else:
                continue
            before, after = (hypothesis.parse(lab.workspace.read(at, HYPOTHESES) or "") for at in (known, head))
            call = self._call() or Call(len(closed), ASKED)
            offers = self._offers(before, after, analyst, version, call.seen)
            self._record(version, head, call, analyst, summary, offers)
            return Revised(version, summary, len(after))
        return None

    def due(self) -> str | None:
        """After every `interval` experiments, and right after a significant improvement; never without an analyst."""
        call = self._call() if self._analysts else None
        return call.reason if call else None

    def think(self, reason: str) -> Callable[[], Counsel]:
        """Freeze the evidence for the analysts: what called for it, or all there is where a person did."""
        call = self._call()
        seen = call.seen if call and call.reason == reason else len(self._lab.ledger.closed())
        found = self._verdict(seen)
        if found is not None and found.call == "worse" and (event := self._revert(found, seen)) is not None:
            self._lab.tell(event)
            found = None
        dossier = self._gather(reason, seen)
        able = [name for name in self._analysts if self._able(name)]
        self._session = Session(dossier, able, verdict=found)
        return self._ask(self._session)

    def version(self, number: int, seen: int) -> int:
        """The version of the strategy that proposal `number` follows: while one is on probation, at random."""
        return probation.version(self._lab, number, seen, self._judged)

    def adopt(self, counsel: Counsel) -> Revised | Warned | Again[Counsel]:
        """Commit the advice as the next version, unless it does not hold or somebody changed program.md meanwhile."""
        session = self._under_way()
        failure, advice = counsel.failure, counsel.advice
        if failure is None:
            why = "it gives no advice" if advice is None else review.objection(advice, session.dossier)
            failure = Failure("nonsense", why) if why else None
        self._end(session, counsel, failure)
        if failure is not None or advice is None:
            return self._fall_back(session, failure)
        return self._commit(session, advice)

    def failed(self, error: BaseException) -> Warned | Again[Counsel]:
        """Let the next analyst try; where there is none, wait for another cohort."""
        session = self._under_way()
        failure = Failure("nonsense", f"{type(error).__name__}: {error}")
        self._end(session, Counsel(), failure)
        return self._fall_back(session, failure)

    def hush(self) -> None:
        """Stop whoever thinks."""
        for analyst in self._analysts.values():
            analyst.stop()

    def _under_way(self) -> Session:
        assert self._session is not None, "nobody was asked"
        return self._session

    def _able(self, name: str) -> bool:
        """Whether an analyst is worth asking now: it has not failed lately, and can be paid."""
        calls = [c for c in self._lab.ledger.calls() if c.agent == name and c.purpose == "advise"]
        return rest(calls, self._lab.clock.time()) is None and self._purse.affords(name, advising=True)

    def _ask(self, session: Session) -> Callable[[], Counsel]:
        """Hand the case to the next analyst in order; the callable is the thinking, for a worker."""
        lab = self._lab
        if not session.left:
            session.asked = None
            return lambda: Counsel(failure=Failure("setup", "no analyst can be asked now"))
        name = session.left.pop(0)
        analyst, left = self._analysts[name], self._purse.left(name)
        number = lab.ledger.call(name, "advise", None)
        session.asked, session.call = name, number
        case = Case(
            dossier=session.dossier,
            seed=derive(lab.seed, "analysis", len(lab.ledger.revisions())),
            call=call_id(lab, number),
            files_at=lab.workspace.files,
            log=logs(lab, session.dossier.experiments),
            usd=left,
        )

        return lambda: analyst.advise(case)

    def _end(self, session: Session, counsel: Counsel, failure: Failure | None) -> None:
        if session.asked is not None:
            book(self._lab, session.call, counsel.usages, failure, counsel.session)

    def _fall_back(self, session: Session, failure: Failure | None) -> Warned | Again[Counsel]:
        """The next analyst, or an account of why there is no advice."""
        fault, reason = (failure.fault, failure.reason) if failure else ("nonsense", "it gives no advice")
        session.failures.append(f"{session.asked}: {reason}" if session.asked else reason)
        if session.left and fault != "stopped":
            return Again(self._ask(session))
        self._wait()
        return Warned(f"no meta-analysis: {'; '.join(session.failures)}; the strategy stays as it is")

    def _commit(self, session: Session, advice: Advice) -> Revised | Warned:
        for _ in range(ATTEMPTS):
            found = self._try(session, advice)
            if found is not None:
                return found
        return self._drop("somebody keeps moving the study branch")

    def _try(self, session: Session, advice: Advice) -> Revised | Warned | None:
        """None where a person moved the branch at the same moment: what they did has to be looked at first."""
        lab, dossier = self._lab, session.dossier
        watch(lab)
        head = lab.workspace.head()
        now = lab.workspace.read(head, PROGRAM) or ""
        version = revision(lab) + 1
        try:
            after = strategy.render(dossier.program, replace(advice.strategy, version=version))
        except strategy.StrategyError as error:
            return self._drop(str(error))
        objection = strategy.review(dossier.program, now, after, version=version)
        if objection:
            return self._drop(objection)
        log = lab.workspace.read(head, PROCESS_LOG) or NEW_LOG
        when, seen = self._now(), len(dossier.experiments)
        judged = session.verdict.words if session.verdict else ""
        hypotheses = self._merged(head, dossier, advice)
        offers = self._offers(self._entries_at(head), hypotheses, advice.analyst, version, seen)
        known = self._known(offers)
        figures = queue.figures(known, lab.ledger.closed())
        advice = replace(advice, table=(*advice.table, *figures))
        told = cohort.entry(advice, dossier, version, when, judged, session.failures)
        files = {
            PROGRAM: after,
            HYPOTHESES: queue.text(hypotheses, known),
            PROCESS_LOG: f"{log.rstrip()}\n\n{told.strip()}\n",
        }
        commit = lab.workspace.write(files, f"meta: v{version}: {advice.summary}\n", head)
        if commit is None:
            return None
        call = Call(seen, dossier.reason)
        self._record(version, commit, call, advice.analyst, advice.summary, offers)
        return Revised(version, advice.summary, len(hypotheses))

    def _merged(self, head: str, dossier: Dossier, advice: Advice) -> tuple[Hypothesis, ...]:
        """The analyst's list, behind what a person wrote meanwhile, and without what was taken out or taken up."""
        ledger, now = self._lab.ledger, self._entries_at(head)
        written = {entry.id: entry for entry in now if entry not in dossier.hypotheses}
        out = {entry.id for entry in dossier.hypotheses} - {entry.id for entry in now}
        meanwhile = (*ledger.closed()[len(dossier.experiments) :], *ledger.opened())
        out |= {experiment.proposal.idea.hypothesis or "" for experiment in meanwhile}
        entries = (*written.values(), *(entry for entry in advice.hypotheses if entry.id not in written))
        return tuple(entry for entry in entries if entry.id not in out)

    def _drop(self, objection: str) -> Warned:
        """Leave the strategy as it is, and wait for another cohort: the same evidence may bring the same draft."""
        self._wait()
        return Warned(f"the meta-analysis was dropped: {objection}")

    def _verdict(self, seen: int) -> Verdict | None:
        """What is known of the strategies on probation; None where none is, or nothing is to be judged."""
        known = self._lab.ledger.revisions()
        probed = lineage(known) if self._judged else None
        return probation.verdict(self._lab, known, probed, seen) if probed else None

    def _control(self, seen: int) -> int:
        """What the next strategy is held against: the one in force, or what the present probation holds on to."""
        found = self._verdict(seen)
        if found is None or found.call == "better":
            return revision(self._lab)
        return found.lineage.control

    def _revert(self, found: Verdict, seen: int) -> Revised | None:
        """Go back to the control's strategy; None where somebody broke program.md, or moved the branch, meanwhile."""
        lab, version = self._lab, revision(self._lab) + 1
        watch(lab)
        if revision(lab) + 1 != version:  # a person wrote another one: nothing is on probation any more
            return None
        head, held = lab.workspace.head(), found.lineage.control
        dropped = found.lineage.heirs[-1]
        program = lab.workspace.read(head, PROGRAM) or ""
        back = replace(strategy_of(lab.workspace.read(control.commit_of(lab, held), PROGRAM) or ""), version=version)
        taken = {e.proposal.idea.hypothesis for e in lab.ledger.closed()}
        left = [entry for entry in control.hypotheses(lab, head, held) if entry.id not in taken]
        try:
            after = strategy.render(program, back)
        except strategy.StrategyError:
            return None
        summary = f"revert v{dropped}"
        log = lab.workspace.read(head, PROCESS_LOG) or NEW_LOG
        text = f"## v{version} · {self._now()}\n\n**Verdict on v{dropped}**\n\n{found.words}\n\nBack to v{held}.\n"
        offers = self._offers(self._entries_at(head), left, HARNESS, version, seen)
        files = {
            PROGRAM: after,
            HYPOTHESES: queue.text(left, self._known(offers)),
            PROCESS_LOG: f"{log.rstrip()}\n\n{text}",
        }
        commit = lab.workspace.write(files, f"meta: {summary}\n", head)
        if commit is None:
            return None
        self._record(version, commit, Call(seen, f"v{dropped} was worse"), HARNESS, summary, offers)
        return Revised(version, summary, len(left))

    def _entries_at(self, commit: str) -> tuple[Hypothesis, ...]:
        """What next-hypotheses.md holds there."""
        lab = self._lab
        return hypothesis.parse(lab.workspace.read(commit, HYPOTHESES) or "", lab.task.taxonomy)

    def _offers(
        self, before: Sequence[Hypothesis], after: Sequence[Hypothesis], author: str, version: int, seen: int
    ) -> tuple[Offer, ...]:
        known = self._lab.ledger.offers()
        return fate.offers(known, before, after, author=author, version=version, seen=seen)

    def _known(self, changed: Sequence[Offer]) -> tuple[Fate, ...]:
        """What became of all hypotheses by now."""
        ledger = self._lab.ledger
        return queue.fates(ledger, self._lab.task.metric, ledger.closed(), changed)

    def _record(
        self, version: int, commit: str, call: Call, analyst: str, summary: str, offers: Sequence[Offer]
    ) -> None:
        """Remember a revision with its hypotheses; one that an analyst wrote is on probation."""
        lab = self._lab
        held = self._control(call.seen) if self._judged and analyst != HARNESS else None
        now, asked = lab.clock.time(), lab.ledger.asked()
        made = Revision(version, commit, call.seen, call.reason, analyst, summary, now, held, asked)
        lab.ledger.revise(made, offers)

    def _now(self) -> str:
        return datetime.fromtimestamp(self._lab.clock.time(), UTC).strftime("%Y-%m-%d %H:%M UTC")

    def _asked_last(self) -> str:
        """The analyst whose call was the last to begin."""
        return next((c.agent for c in reversed(self._lab.ledger.calls()) if c.purpose == "advise"), "unknown")

    def _wait(self) -> None:
        self._failed_at = len(self._lab.ledger.closed())

    def _gather(self, reason: str, seen: int) -> Dossier:
        """The evidence as it was when `seen` experiments were closed; the texts as they are now."""
        lab = self._lab
        head = lab.workspace.head()
        program = lab.workspace.read(head, PROGRAM) or ""
        closed = as_of(lab.ledger.closed(), seen)
        last_ask = max((e.ask.id for e in closed), default=0)
        incumbent = next((e for e in reversed(closed) if is_keep(e)), None)
        return Dossier(
            reason=reason,
            metric=lab.task.metric,
            min_gain=lab.task.rules.min_gain,
            experiments=closed,
            cohort=tuple(e.number for e in closed[self._reviewed() :] if e.counted),
            refusals=tuple(r for r in lab.ledger.refusals(REFUSALS) if r.ask.id < last_ask),
            strategy=replace(strategy_of(program), version=revision(lab)),
            hypotheses=hypothesis.parse(lab.workspace.read(head, HYPOTHESES) or "", lab.task.taxonomy),
            files=self._files(incumbent, head),
            commits=lab.workspace.subjects(COMMITS),
            program=program,
            earlier=lab.earlier,
            process_log=lab.workspace.read(head, PROCESS_LOG) or "",
            left=max(0, lab.task.rules.planned - sum(experiment.counted for experiment in closed)),
            taxonomy=lab.task.taxonomy,
            spent=self._spent(last_ask),
            fates=queue.fates(lab.ledger, lab.task.metric, closed),
        )

    def _spent(self, last_ask: int) -> Mapping[int, float]:
        """Dollars by ask, as far as they are known."""
        found: dict[int, float] = {}
        for call in self._lab.ledger.calls():
            if call.ask is not None and call.ask <= last_ask and call.usd:
                found[call.ask] = found.get(call.ask, 0.0) + call.usd
        return found

    def _files(self, incumbent: Experiment | None, head: str) -> Files:
        """The incumbent's editable files; none of an imported one, whose code is not at hand."""
        if incumbent is not None and is_imported(incumbent):
            return {}
        return self._lab.workspace.files(incumbent.commit if incumbent else head)

    def _entries(self, commit: str, version: int) -> int:
        """How many entries the process log has for a version, as of a commit."""
        return (self._lab.workspace.read(commit, PROCESS_LOG) or "").count(f"\n## v{version} · ")

    def _reviewed(self) -> int:
        """How many of the closed experiments the last revision knew. Going back to an earlier one reviews nothing."""
        return next((r.seen for r in reversed(self._lab.ledger.revisions()) if r.analyst != HARNESS), 0)

    def _call(self) -> Call | None:
        """The first moment since the last revision that calls for another.

        It is found in the ledger alone, whenever it is looked for: a harness that died over an analysis, or was at
        another one, still makes this one, and from the same evidence.
        """
        closed = self._lab.ledger.closed()
        since = max(self._reviewed(), self._failed_at)
        fresh, screened = 0, self._screened()
        for seen, experiment in enumerate(closed[since:], start=since + 1):
            fresh += experiment.counted
            if fresh < screened:
                continue  # it says little before it is whole
            if experiment.counted and self._is_significant(experiment, closed[:seen]):
                return Call(seen, f"a significant improvement, experiment {experiment.number}")
            if fresh >= (screened or self._interval):
                return Call(seen, f"{fresh} experiments")
        return None

    def _screened(self) -> int:
        """Runs of the screening that the last revision ordered."""
        revisions = self._lab.ledger.revisions()
        if not revisions:
            return 0
        last = revisions[-1]
        if last.version not in self._screens:
            self._screens[last.version] = screens.left(self._lab, last)
        return self._screens[last.version]

    def _is_significant(self, experiment: Experiment, known: Sequence[Experiment]) -> bool:
        """A gain over `NOISES` times the noise, or over the relative threshold where that is unknown."""
        if not isinstance(experiment.decision, Keep):
            return False
        noise = estimate(History(known).groups())
        gain = experiment.decision.gain
        if noise is not None and noise.sigma > 0:
            return gain > NOISES * noise.sigma
        reached = value(experiment)
        return reached is not None and gain > self._significant * abs(reached)
