"""What other studies found, as far as it says anything here: which kinds pay, and constants that were kept there.

It starts the statistics of this study and never enters them: as soon as a kind was tried here, that counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from deep_loop.adapters.analysts.bench import Bench, Idea, propose
from deep_loop.adapters.analysts.scales import meaning
from deep_loop.adapters.analysts.words import percent
from deep_loop.core.earlier import Earlier, Finding
from deep_loop.core.hypothesis import Target

TRIES = 3  # of a kind before it gets a weight
# How many keeps the expectation is worth beside those that were seen: kinds within one study are taken to differ
# in their keep rate by half of it (its square is 1 / 4); in the field they differ by 0.3.
PRIOR = 4
# Rough odds that what was kept there is kept here. Nobody has measured them: a little more than those of the best kind
# of change in public logs (`neglected.FIELD`), since it was kept once.
CARRIES = 0.35
LEAST = 0.001  # stands for a usual keep before anything was measured; only the order counts then
NAMED = 4  # kinds of one study that are told
LONGEST = 60  # characters of a title


def ratios(earlier: Sequence[Earlier]) -> dict[str, float]:
    """By kind, its keeps to those expected at the overall rate of the same study, shrunken towards 1.

    Rates of different studies are never pooled: one keeps half of what it tries, another one in fifty.
    """
    kept: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    expected: dict[str, float] = {}
    for source in earlier:
        overall = source.kept / max(1, len(source.findings))
        for finding in source.findings:
            tried[finding.kind] += 1
            kept[finding.kind] += finding.kept
            expected[finding.kind] = expected.get(finding.kind, 0.0) + overall
    often = [kind for kind, count in tried.items() if count >= TRIES]
    return {kind: (kept[kind] + PRIOR) / (expected[kind] + PRIOR) for kind in often}


def carried_over(bench: Bench) -> Iterator[Idea]:
    """For each constant of the incumbent's files, the value that another study kept last, if it is another one here."""
    evidence = bench.evidence
    if evidence.incumbent is None:
        return
    usual = evidence.usual_keep or LEAST
    for name, (source, finding) in _kept_values(bench).items():
        value = finding.changes[0].after
        present = bench.present(name)
        if present is None or meaning(present) == meaning(value):
            continue
        title = " ".join(finding.title.split())[:LONGEST]
        there = f" ({percent(finding.gain)} there)" if finding.gain is not None else ""
        entry = propose(
            title=f"Try {name} = {value}, as {source.tag} kept it",
            kind=evidence.taxonomy.kind_of(name),
            targets=(Target(name, value=value),),
            why=f'In {source.tag}, another study ({source.source}), "{title}" was kept{there}. Here it is {present}.',
            expected=f"open; a usual keep here brings {percent(usual)}" if evidence.usual_keep else "open",
            numbers=(evidence.incumbent.number,),
        )
        yield Idea(entry, usual * CARRIES * bench.weight(name), "elsewhere")


def said(earlier: Sequence[Earlier]) -> list[str]:
    """One line on each other study: how many experiments, and which kinds were kept more often than the rest."""
    return [f"{_summary(source)} None of that was measured here." for source in earlier]


def _summary(source: Earlier) -> str:
    tried = Counter(finding.kind for finding in source.findings)
    kept = Counter(finding.kind for finding in source.findings if finding.kept)
    best = sorted(ratios([source]).items(), key=lambda item: (-item[1], item[0]))
    good = [f"{kind} {kept[kind]} of {tried[kind]}" for kind, ratio in best if ratio > 1 and kind != "other"][:NAMED]
    kinds = f", most often of {', '.join(good)}" if good else ""
    return f"Elsewhere, in {source.tag}, {source.kept} of {len(source.findings)} changes were kept{kinds}."


def _kept_values(bench: Bench) -> Mapping[str, tuple[Earlier, Finding]]:
    """Constants that the incumbent's files have, with the last keep elsewhere that moved nothing else."""
    found: dict[str, tuple[Earlier, Finding]] = {}
    for source in bench.evidence.elsewhere:
        for finding in source.findings:
            if finding.kept and len(finding.changes) == 1 and finding.changes[0].name in bench.knobs:
                found[finding.changes[0].name] = source, finding
    return found
