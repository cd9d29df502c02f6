"""Whether the outer tier helps, and whether harmful advice is found out.

Pairs of studies on surrogates (`surrogates.py`), the same seeds and the same budget: without an outer tier, with the
statistical analyst, and with one that means harm. What an incumbent is truly worth is known. Losses are in per cent of
what a study could gain in all; an average course is the mean over pairs after each number of experiments.

    saved_percent         experiments that the statistician saves: how many fewer its average course needs to come to
                          where the course without an outer tier ends (negative: more)
    saved_low, saved_high   a 90 % interval of it, by the bootstrap over pairs
    worst_gap             over surrogates, the upper one-sided 95 % bound on how much worse the statistician ends
    harm_avoided_percent  of the loss that the harmful analyst does where nobody judges it, how much is avoided
    good_dropped_percent  of the statistician's revisions, those that were reverted
"""
