"""The analyst that needs no model: statistics over the ledger.

It reads the evidence (`evidence`), profiles every constant (`profiles`), asks which ones matter (`importance`,
`screens`), draws ideas (`ideas`), says how likely each is kept (`prospects`), drafts the strategy (`draft`), and says
why (`account`, `rates`, `crashes`, `clashes`, `doubts`) and what is odd (`oddities`). The same dossier always gets the
same advice. Where nothing can be told, it says so.
"""

from __future__ import annotations

from deep_loop.adapters.analysts import account, clashes, crashes, doubts, draft, rates, screens
from deep_loop.adapters.analysts.bench import lay_out
from deep_loop.adapters.analysts.evidence import Evidence, gather
from deep_loop.adapters.analysts.ideas import choose, ideas, standing
from deep_loop.adapters.analysts.oddities import again, odd
from deep_loop.adapters.analysts.prospects import with_chances
from deep_loop.adapters.analysts.uncollected import uncollected
from deep_loop.core.cohort import STATISTICS, Advice, Dossier, Finding
from deep_loop.core.review import MOST
from deep_loop.core.strategy import Strategy
from deep_loop.ports import Case, Counsel

FINDINGS = MOST // 2  # of what worked, and of what did not: a review takes no more together


class StatisticsAnalyst:
    """Implements `ports.Analyst`. Stateless; safe in any thread. Time is linear in the experiments."""

    name = STATISTICS

    def advise(self, case: Case) -> Counsel:
        """One analysis; never fails for want of data."""
        return Counsel(self.draft(case.dossier))

    def stop(self) -> None:
        """It is never at it for long."""

    def draft(self, dossier: Dossier) -> Advice:
        """The advice itself, a function of the dossier."""
        with uncollected():
            return self._draft(dossier)

    def _draft(self, dossier: Dossier) -> Advice:
        evidence = gather(dossier)
        bench = lay_out(evidence, dossier.files)
        gains, by_constant = draft.gains_by_kind(evidence), draft.gains_by_constant(evidence)
        found = draft.regions(bench)
        screened = screens.result(dossier, evidence.noise_share)
        ranked = ideas(bench, screened)
        costs = rates.entries(dossier, evidence)
        planted = standing(dossier.hypotheses, evidence.taken)
        ours = choose(ranked, planted)[len(planted) :]
        hypotheses = (*planted, *with_chances(bench, ours))
        before = dossier.strategy
        strategy = Strategy(
            version=before.version + 1,
            weights=draft.weights(evidence, gains, before.weights),
            ranges=draft.ranges(bench, found, before.ranges),
            combinations=draft.combinations(ranked),
            prose=account.prose(evidence, gains, found, bench.importance),
            screen=screens.order(bench, dossier),
        )
        return Advice(
            analyst=self.name,
            summary=account.summary(evidence, gains, found, len(hypotheses)),
            strategy=strategy,
            hypotheses=hypotheses,
            worked=(
                *screens.findings(screened),
                *rates.differences(costs),
                *account.worked(evidence, gains, by_constant, found),
            )[:FINDINGS],
            failed=(*_failures(dossier, evidence), *account.failed(evidence, gains, by_constant))[:FINDINGS],
            changed=(
                *screens.announced(before.screen, strategy.screen),
                *account.changed(dossier, strategy, gains, len(hypotheses)),
            ),
            table=(*account.table(evidence, dossier), *rates.rows(dossier, evidence, costs)),
        )


def _failures(dossier: Dossier, evidence: Evidence) -> tuple[Finding, ...]:
    """What else went wrong: causes of crashes, constants that clash, keeps in doubt, odd results, repeats."""
    return (
        *odd(dossier, evidence),
        *again(evidence),
        *crashes.found(dossier, len(evidence.trials)),
        *clashes.found(evidence),
        *doubts.found(dossier, evidence),
    )
