"""The analyst that needs no model: statistics over the ledger.

It reads the evidence (`evidence`), profiles every constant (`profiles`), asks which ones matter (`importance`),
draws ideas (`ideas`), drafts the strategy (`draft`) and says why (`account`). The same dossier always gets
the same advice. Where nothing can be told, it says so.
"""

from __future__ import annotations

from deep_loop.adapters.analysts import account, draft
from deep_loop.adapters.analysts.bench import lay_out
from deep_loop.adapters.analysts.evidence import gather
from deep_loop.adapters.analysts.ideas import choose, ideas, standing
from deep_loop.core.cohort import STATISTICS, Advice, Dossier
from deep_loop.core.strategy import Strategy
from deep_loop.ports import Case, Counsel


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
        evidence = gather(dossier)
        bench = lay_out(evidence, dossier.files)
        gains, by_constant = draft.gains_by_kind(evidence), draft.gains_by_constant(evidence)
        found = draft.regions(bench)
        ranked = ideas(bench)
        hypotheses = choose(ranked, standing(dossier.hypotheses, evidence.taken))
        before = dossier.strategy
        strategy = Strategy(
            version=before.version + 1,
            weights=draft.weights(evidence, gains, before.weights),
            ranges=draft.ranges(bench, found, before.ranges),
            combinations=draft.combinations(ranked),
            prose=account.prose(evidence, gains, found, bench.importance),
        )
        return Advice(
            analyst=self.name,
            summary=account.summary(evidence, gains, found, len(hypotheses)),
            strategy=strategy,
            hypotheses=hypotheses,
            worked=account.worked(evidence, gains, by_constant, found),
            failed=account.failed(evidence, gains, by_constant),
            changed=account.changed(dossier, strategy, gains, len(hypotheses)),
            table=account.table(evidence, dossier),
        )
