"""A study of ten thousand experiments: what an analysis of it takes, held against pandas in the same process."""

from __future__ import annotations

import gc
import math
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas
import pytest
from analyst_studies import climb, dossier, source

from deep_loop.adapters.analysts import scales
from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.adapters.ledger.tsv import ResultsTable
from deep_loop.core.cohort import Dossier

COUNT = 10_000
# Times as long as pandas takes to read results.tsv and to group it by status. The aim is 20; it is about 45.
TIMES = 60
MEGABYTES = 500
START = {f"{kind}_{n}": 0.1 * n for kind in ("LR", "WARMUP", "DEPTH", "BATCH", "DROPOUT", "INIT") for n in range(1, 4)}


def loss(values: Mapping[str, float]) -> float:
    """Best where every constant is three times what it starts with."""
    return 1 + sum(0.02 * math.log(value / START[name] / 3) ** 2 for name, value in values.items())


def study() -> Dossier:
    """One hill climb, with a cohort of twelve."""
    experiments, here = climb(COUNT, seed=1, start=START, loss=loss)
    return dossier(experiments, cohort=range(COUNT - 11, COUNT + 1), files={"train.py": source(here)})


def seconds(call: Callable[[], object]) -> float:
    """What one call takes of a processor, whatever else runs beside; nothing is remembered from the call before."""
    scales.number.cache_clear()
    scales.meaning.cache_clear()
    start = time.process_time()
    call()
    return time.process_time() - start


@pytest.mark.slow
def test_an_analysis_takes_as_long_as_a_few_readings_of_the_table(tmp_path: Path) -> None:
    """The whole draft, from the experiments to the words, in a multiple of what pandas takes; the best of six."""
    given, table = study(), tmp_path / "results.tsv"
    ResultsTable(table, given.metric).rewrite(given.experiments)
    analyst = StatisticsAnalyst()

    def read() -> object:
        return pandas.read_csv(table, sep="\t").groupby("status")[given.metric.name].agg(["count", "mean"])

    read()
    analyst.draft(given)  # whatever is imported at the first call
    gc.collect()
    gc.freeze()  # what was there before, the test's own among it, is nobody's to collect
    try:
        pairs = [(seconds(lambda: analyst.draft(given)), seconds(read)) for _ in range(6)]
    finally:
        gc.unfreeze()
    ours, theirs = (min(column) for column in zip(*pairs, strict=True))
    assert ours <= TIMES * theirs, f"{ours:.3f} s against {theirs:.4f} s: {ours / theirs:.0f} times"


@pytest.mark.slow
def test_an_analysis_fits_in_memory() -> None:
    """With the experiments themselves."""
    tracemalloc.start()
    try:
        StatisticsAnalyst().draft(study())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTES * 1e6
