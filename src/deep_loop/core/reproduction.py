"""Whether fresh runs of a commit agree with its recorded ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from deep_loop.core.noise import Noise

LEVEL = 0.01  # of the test: one honest reproduction in a hundred is called different


def compare(
    recorded: Sequence[float], fresh: Sequence[float], runs: int, noise: Noise | None
) -> tuple[bool | None, str]:
    """Whether the two sets of values agree (None: cannot be told), and that in words.

    Equal values agree. Otherwise the difference of the means is held against the study's pooled noise:
    t = difference / (sigma * sqrt(1/n + 1/m)) on the noise's degrees of freedom, two-sided at `LEVEL`
    (Student's two-sample t-test with a pooled estimate from more groups than the two; Box, Hunter and
    Hunter, Statistics for Experimenters, 2nd ed., section 3.2). The recorded runs of a keep were selected
    for being good, so that a slightly worse mean is to be expected.
    """
    if len(fresh) < runs:
        return False, f"{runs - len(fresh)} of {runs} runs failed"
    if not recorded:
        return None, "nothing is recorded to compare with: the experiment was never measured"
    difference = math.fsum(fresh) / len(fresh) - math.fsum(recorded) / len(recorded)
    if difference == 0 and len({*recorded, *fresh}) == 1:
        return True, "the values repeat exactly"
    if noise is None or noise.sigma == 0:
        return None, f"the means differ by {difference:+.6f}; the noise is not known, so that nothing can be told"
    from scipy.stats import t  # imported here: it takes longer than the rest of a command

    spread = noise.sigma * math.sqrt(1 / len(recorded) + 1 / len(fresh))
    chance = float(2 * t.sf(abs(difference) / spread, noise.freedom))
    size = f"{abs(difference) / spread:.1f} times what noise gives (p = {chance:.2g})"
    how = f"the means differ by {difference:+.6f}, {size}"
    return chance >= LEVEL, f"{'agrees' if chance >= LEVEL else 'does not agree'}: {how}"
