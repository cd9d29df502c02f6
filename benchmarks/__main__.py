"""`python -m benchmarks NAME [--quick]` runs one benchmark; `--docs` writes docs/benchmarks.md.

Prints a table and, last, one line of JSON on standard output; notes on progress go to standard error. A full run
is stored under benchmarks/results/. The exit status is 0 where all targets are met, 1 where not, 2 on wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import docs
from benchmarks.result import as_table, line

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"


def rooms() -> list[str]:
    """The names of all benchmarks."""
    return sorted(module.name for module in pkgutil.iter_modules([str(HERE)]) if module.ispkg)


def measure(name: str, *, quick: bool) -> bool:
    """Run one benchmark, print it, store a full run; whether its targets are met."""
    result = importlib.import_module(f"benchmarks.{name}").run(quick)
    measured = line(name, result, datetime.now(UTC).isoformat(timespec="seconds"))
    print(as_table(result.table), end="\n\n")
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(measured.dumps() + "\n", encoding="utf-8")
    print(measured.dumps())
    return measured.met


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("name", nargs="?", choices=rooms(), help="the benchmark to run")
    parser.add_argument("--quick", action="store_true", help="under a minute, with fewer repeats; not stored")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md from the stored results")
    options = parser.parse_args()
    if options.docs == (options.name is not None):
        parser.error("give the name of a benchmark, or --docs alone")
    if options.docs:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(docs.page(RESULTS), encoding="utf-8")
        print(DOCUMENT.relative_to(HERE.parent))
        return 0
    return 0 if measure(options.name, quick=options.quick) else 1


if __name__ == "__main__":
    sys.exit(main())
