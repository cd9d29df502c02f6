"""docs/concepts/faults.md: every row has a test, and every such test has a row."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "concepts" / "faults.md"
TESTS = (
    *ROOT.glob("tests/e2e/test_faults_of_*.py"),
    *(ROOT / "tests" / "loop" / name for name in ("test_clock_jumps.py", "test_faulty_proposers.py")),
)
NAMED = re.compile(r"\[`(test_\w+)(?:\[([^`]+)\])?`\]\(([^)]+)\)")
LEAST = 30  # faults


def rows() -> list[str]:
    """The table's rows, without heads and rules."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    return [line for line in lines if not line.startswith("| fault |")]


def test_every_fault_has_a_test() -> None:
    """The functions that a row names are there, with the case that it names."""
    assert len(rows()) >= LEAST
    for row in rows():
        named = NAMED.findall(row)
        assert named, row
        for function, case, path in named:
            code = (PAGE.parent / path).read_text("utf-8")
            assert f"\ndef {function}(" in code, row
            assert not case or f'id="{case}"' in code, row


def test_every_test_of_a_fault_has_a_row() -> None:
    """What is tested is told."""
    told = {function for function, _, _ in NAMED.findall(PAGE.read_text("utf-8"))}
    tested = {
        name for path in TESTS for name in re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    }
    assert tested == told
