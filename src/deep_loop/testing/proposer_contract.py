"""What every proposer promises, as tests.

Subclass it in your tests and give one fixture; pytest does the rest:

    class TestMine(ProposerContract):
        @pytest.fixture
        def proposer(self) -> Proposer:
            return MyProposer()

Two more are worth giving: `slow`, whose proposals take minutes, to see that it can be stopped, and `broken`, whose
world outside fails (its server is down, its program is not there). The tests that need them are skipped without them.
"""

from __future__ import annotations

import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from deep_loop.core import taxonomy
from deep_loop.core.metric import Metric
from deep_loop.core.record import Ask
from deep_loop.core.strategy import Strategy
from deep_loop.ports import Answer, Brief, Objection, Proposer, Terms

PATIENCE_SECONDS = 60.0  # for what must happen soon, on a machine that may be very busy
LONGEST_REASON = 500  # characters

TRAIN = """\
LEARNING_RATE = 0.1  # range: 0.001..1
DEPTH = 4  # range: 1..16

print(f"val_bpb: {abs(LEARNING_RATE - 0.02) + 1 / DEPTH:.6f}")
"""
FILES: Mapping[str, str] = MappingProxyType(
    {
        "train.py": TRAIN,
        "prepare.py": "TOKENS = 1000  # of the data\n",
        "program.md": "# A curve\n\nFind the constants of `train.py` that make `val_bpb` smallest.\n",
        "CLAUDE.md": "Edit `train.py` only.\n",
    }
)


def brief(**others: Any) -> Brief:
    """What a proposer is told at the beginning of a study of `FILES`; `others` are fields of the brief."""
    told = Brief(
        ask=Ask(1, "contract", revision=0, seen=1),
        seed=7,
        metric=Metric("val_bpb"),
        base="0" * 40,
        parent=0,
        files={"train.py": TRAIN},
        program=FILES["program.md"],
        strategy=Strategy(),
        hypotheses=(),
        history=(),
        pending=(),
        refusals=(),
        files_at=lambda commit: {"train.py": TRAIN},
        terms=Terms("python train.py", ("train.py",), ("prepare.py",), 60.0, 120.0, taxonomy.KINDS),
        call=f"contract-{uuid.uuid4().hex[:12]}-call-1",
        constitution=FILES["CLAUDE.md"],
    )
    return replace(told, **others)


def checkout(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    """A repository of its own at this path, with these files in one commit."""
    folder.mkdir(parents=True)
    for path, text in files.items():
        (folder / path).write_text(text, encoding="utf-8")
    nobody = ("-c", "user.name=contract", "-c", "user.email=contract@localhost")
    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message=the base")):
        subprocess.run(["git", *nobody, *command], cwd=folder, check=True, capture_output=True)
    return folder


def contents(folder: Path) -> dict[str, str]:
    """The files below a folder, repositories left out."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts)
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in files}


class ProposerContract:
    """The promises of `ports.Proposer`. Needs a fixture `proposer` that has something to propose for `FILES`."""

    @pytest.fixture
    def slow(self) -> Proposer | None:
        """One whose proposals take minutes."""
        return None

    @pytest.fixture
    def broken(self) -> Proposer | None:
        """One that cannot work for a reason outside of it."""
        return None

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """A checkout, with files beside it that are nobody's business."""
        beside = tmp_path / "beside"
        beside.mkdir()
        (beside / "notes.txt").write_text("as they are\n", encoding="utf-8")
        return checkout(tmp_path / "checkout")

    def test_it_has_a_name(self, proposer: Proposer) -> None:
        """The name stands in the ledger and in tables: one word."""
        assert proposer.name
        assert len(proposer.name.split()) == 1
        assert isinstance(proposer.anywhere, bool)

    def test_it_proposes_a_change(self, proposer: Proposer, place: Path) -> None:
        """It edits an editable file, no other, and says why: in one line, with a kind that the task knows."""
        told = brief()
        answer = proposer.propose(told, place)
        assert answer.failure is None
        assert answer.idea is not None
        assert answer.idea.title.strip() and "\n" not in answer.idea.title
        assert answer.idea.kind in told.terms.kinds
        found = contents(place)
        assert found.pop("train.py") != TRAIN
        assert found == {path: text for path, text in FILES.items() if path != "train.py"}
        assert contents(place.parent / "beside") == {"notes.txt": "as they are\n"}

    def test_the_same_brief_twice(self, proposer: Proposer, tmp_path: Path) -> None:
        """A harness that was killed may ask again with what it asked with before."""
        told = brief()
        for attempt in ("first", "second"):
            answer = proposer.propose(told, checkout(tmp_path / attempt))
            assert (answer.failure, answer.idea is None) == (None, False)

    def test_what_it_used_adds_up(self, proposer: Proposer, place: Path) -> None:
        """No count is negative, what came from or went into a cache is part of the input, and the model has a name."""
        for usage in proposer.propose(brief(), place).usages:
            assert usage.model
            assert usage.requests >= 1
            assert min(usage.output_tokens, usage.cached_tokens, usage.written_tokens) >= 0
            assert usage.input_tokens >= usage.cached_tokens + usage.written_tokens

    @pytest.mark.parametrize("kind", ["crash", "refused"])
    def test_a_change_comes_back(self, proposer: Proposer, tmp_path: Path, kind: Any) -> None:
        """It mends its change at the same path, or lets the objection stand; either way without an exception."""
        place = checkout(tmp_path / "checkout")
        first = proposer.propose(brief(), place)
        left = (place / "train.py").read_text("utf-8")
        (tmp_path / "checkout").rename(tmp_path / "old")
        again = checkout(tmp_path / "checkout")
        (again / "train.py").write_text(left, encoding="utf-8")
        text = "Traceback (most recent call last):\nZeroDivisionError: division by zero"
        answer = proposer.mend(brief(), again, Objection(kind, text, first.session))
        assert answer.failure is None
        assert contents(again)["prepare.py"] == FILES["prepare.py"]

    def test_a_session_that_nobody_knows(self, proposer: Proposer, place: Path) -> None:
        """A conversation may be gone with a machine: then it begins another one."""
        answer = proposer.mend(brief(), place, Objection("crash", "ValueError", "11111111-2222-4333-8444-555555555555"))
        assert answer.failure is None

    def test_it_can_be_stopped(self, slow: Proposer | None, place: Path) -> None:
        """What goes on in another thread ends soon, as stopped; nothing is begun afterwards."""
        if slow is None:
            pytest.skip("no fixture `slow`")
        with ThreadPoolExecutor(1) as pool:
            begun = threading.Event()

            def think() -> Answer:
                begun.set()
                return slow.propose(brief(), place)

            thinking = pool.submit(think)
            begun.wait(PATIENCE_SECONDS)
            time.sleep(1.0)  # so that it is well under way
            assert not thinking.done()
            slow.stop()
            answer = thinking.result(PATIENCE_SECONDS)
        assert answer.idea is None
        assert answer.failure is not None and answer.failure.fault == "stopped"

    def test_stop_when_nothing_goes_on(self, proposer: Proposer) -> None:
        """It changes nothing, twice."""
        proposer.stop()
        proposer.stop()

    def test_what_fails_outside_is_no_exception(self, broken: Proposer | None, place: Path) -> None:
        """It is a failure with one line that says why; the checkout is as it was."""
        if broken is None:
            pytest.skip("no fixture `broken`")
        for answer in (broken.propose(brief(), place), broken.mend(brief(), place, Objection("crash", "ValueError"))):
            assert answer.idea is None
            assert answer.failure is not None and answer.failure.fault != "stopped"
            assert 0 < len(answer.failure.reason) <= LONGEST_REASON and "\n" not in answer.failure.reason
        assert contents(place) == dict(FILES)
