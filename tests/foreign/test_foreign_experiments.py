"""A reading as experiments: what the log says, and nothing that it does not say."""

from __future__ import annotations

import pytest

from deep_loop.core.experiment import BASELINE, IMPORTED, Change, Crash, Discard, Keep, Measured
from deep_loop.foreign.experiments import experiments
from deep_loop.foreign.reading import read
from deep_loop.foreign.wording import changes, kind

LOG = b"""commit\tval_bpb\tmemory_gb\tstatus\tdescription
a1b2c3d\t1.00\t1.0\tkeep\tbaseline
b2c3d4e\t0.90\t1.0\tKEPT\tMATRIX_LR 0.04 -> 0.05
c3d4e5f\t0.95\t1.0\tdiscard\tswitch to GELU
d4e5f6a\t0.00\t0.0\tcrash\tDEPTH 8 -> 40 (OOM)
e5f6a7b\t0.92\t1.0\tkeep\tsimpler schedule
"""


def test_what_is_recorded_of_a_log() -> None:
    """Parents by what was kept last, gains over them, the log's own words as the reason, and no commit of ours."""
    units = experiments(read(LOG), "results.tsv", 0)
    assert [unit.proposal.parent for unit in units] == [None, 0, 1, 1, 1]
    assert {unit.proposal.proposer for unit in units} == {IMPORTED}
    assert {unit.proposal.base for unit in units} == {""}
    assert units[0].proposal.idea.kind == BASELINE and units[1].proposal.idea.kind == "learning-rate"
    assert units[1].proposal.idea.changes == (Change("MATRIX_LR", "0.04", "0.05"),)
    assert units[0].decision == Keep("'keep' in results.tsv, line 2", gain=0.0, seeded=False)
    assert units[1].decision == Keep("'KEPT' in results.tsv, line 3", gain=pytest.approx(0.1), seeded=False)
    assert units[2].decision == Discard("'discard' in results.tsv, line 4")
    assert units[3].decision == Crash("'crash' in results.tsv, line 5") and units[3].outcome is None
    assert isinstance(units[4].decision, Keep) and units[4].decision.gain == pytest.approx(-0.02)
    assert units[1].outcome == Measured(0.9, 0.0, 1024.0, {"memory_gb": 1.0})
    assert {unit.machine for unit in units} == {"another system's: results.tsv"}


def test_numbers_go_on_where_the_study_ends() -> None:
    """A second log's parents are its own."""
    assert [unit.proposal.parent for unit in experiments(read(LOG), "b.tsv", 10)] == [None, 10, 11, 11, 11]


def test_a_baseline_is_not_counted() -> None:
    """Where the log calls it so; a kept first row is one of its keeps."""
    log = LOG.replace(b"keep\tbaseline", b"baseline\tas it is")
    assert [unit.counted for unit in experiments(read(log), "a", 0)] == [False, True, True, True, True]
    assert all(unit.counted for unit in experiments(read(LOG), "a", 0))


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("MATRIX_LR 0.04 -> 0.02", [("MATRIX_LR", "0.04", "0.02")]),
        ("reduce DEPTH from 8 to 6 and WIDTH: 64=>96", [("DEPTH", "8", "6"), ("WIDTH", "64", "96")]),
        ("TOTAL_BATCH_SIZE 2^19→2^18", [("TOTAL_BATCH_SIZE", "2**19", "2**18")]),
        ('WINDOW_PATTERN from "SSSL" to "SSL"', [("WINDOW_PATTERN", '"SSSL"', '"SSL"')]),
        ("dropout 0.1->0.0", [("dropout", "0.1", "0.0")]),
        ("val_bpb 0.99 -> 0.98, from 3 to 5 layers, memory 10 -> 12%", []),
        ("the group from 0.999 to 0.995", []),
        ("LR 1 -> 1", []),
    ],
)
def test_constants_that_a_description_moves(text: str, moved: list[tuple[str, str, str]]) -> None:
    """Named ones, with both values; results and ordinary words are none."""
    assert [(one.name, one.before, one.after) for one in changes(text)] == moved


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("switch the activation to gelu", "activation"),
        ("increase WEIGHT_DECAY", "regularization"),
        ("batch size 64", "batch"),
        ("refactor", "other"),
    ],
)
def test_the_kind_of_a_change_by_its_words(text: str, wanted: str) -> None:
    """As the taxonomy of constants has them."""
    assert kind(text, changes(text)) == wanted
