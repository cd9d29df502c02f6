"""Measurements of what deep-loop promises, one room (package) a benchmark.

A room has `run(quick) -> Result`; the first line of its docstring says what it measures. `python -m benchmarks NAME`
runs one, `python -m benchmarks --docs` writes `docs/benchmarks.md` from the stored results.
"""
