"""What a model may look at in a case: tools that read, and one that computes in a sandbox.

Whatever comes back is bounded, free of keys and marked as data. The docstrings of the tools are what the model reads
of them. A search of the web or of the literature has its place in `tools`, once something that can search is
configured; nothing is yet, so none is offered.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import shlex
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pydantic_ai import ModelRetry

from deep_loop.adapters.analysts.casefile import DATABASE
from deep_loop.adapters.analysts.means import Bench
from deep_loop.adapters.analysts.query import QueryError, ask
from deep_loop.clients.reading import WIDTH, Reading
from deep_loop.clients.showing import account, unified
from deep_loop.core.experiment import Experiment
from deep_loop.errors import DeepLoopError
from deep_loop.ports import Case, Job
from deep_loop.prompts.fence import Fence, end, line

LARGEST = 4 * 2**20  # bytes of a file that is read
LOG = 16_000  # characters
PRINTED = 16_000
CODE = 40_000
SECONDS = 120.0  # of a program's run

Tool = Callable[..., Awaitable[str]]


class Inspection(Reading):
    """The tools for one case. Raises ModelRetry with what to do instead."""

    def __init__(
        self, case: Case, folder: Path, fence: Fence, redact: Callable[[str], str], bench: Bench | str
    ) -> None:
        """`folder` is the case laid out; a text in the place of a `bench` says why no program is run."""
        super().__init__(folder, fence, redact, LARGEST)
        self._case = case
        self._bench = bench
        self._numbers = itertools.count(1)
        self._one_at_a_time = asyncio.Lock()

    @property
    def tools(self) -> tuple[Tool, ...]:
        """All of them."""
        found: tuple[Tool, ...] = (
            self.list_files,
            self.read_file,
            self.search_files,
            self.query,
            self.git_log,
            self.show_experiment,
            self.show_change,
            self.show_code,
            self.run_python,
        )
        return tuple(map(self._held, found))

    async def query(self, sql: str) -> str:
        """Ask the database of the evidence. SQLite; one SELECT, at most 200 rows come back. README.md has the columns.

        Args:
            sql: The statement.
        """
        try:
            found = await asyncio.to_thread(ask, self.place(DATABASE), sql)
        except QueryError as error:
            raise ModelRetry(f"SQLite: {line(str(error), 300)}") from None
        rows = [" | ".join(found.columns), *(" | ".join(row) for row in found.rows)]
        more = ", and there are more" if found.more else ""
        return self.data(f"{len(found.rows)} rows{more}", "\n".join(rows))

    async def git_log(self) -> str:
        """The subjects of the study branch's commits, the newest first: what was kept, revised or changed by people."""
        return self.data("git log", "\n".join(self._case.dossier.commits) or "(none)")

    async def show_experiment(self, number: int) -> str:
        """One experiment: what it was for, what became of it, its change and the end of its log.

        Args:
            number: Of the experiment.
        """
        found = self._experiment(number)
        log = end(self._case.log(number), LOG) or "(none)"
        return "\n\n".join(
            (
                self.data(f"experiment {number}", "\n".join(account(found))),
                self.data(f"experiment {number}, its change", self._difference(found.proposal.base, found.commit)),
                self.data(f"experiment {number}, the end of its log", log),
            )
        )

    async def show_change(self, number: int, against: int | None = None) -> str:
        """The code of one experiment against another's, as `git diff` shows it.

        Args:
            number: Of the experiment.
            against: Number of the one to compare with; by default the code that it started from.
        """
        found = self._experiment(number)
        other = found.proposal.base if against is None else self._experiment(against).commit
        name = "its base" if against is None else f"experiment {against}"
        return self.data(f"experiment {number} against {name}", self._difference(other, found.commit))

    async def show_code(self, number: int, path: str) -> str:
        """One file as an experiment left it, as `git show` would.

        Args:
            number: Of the experiment.
            path: Such as `train.py`.
        """
        try:
            files = self._case.files_at(self._experiment(number).commit)
        except DeepLoopError as error:
            raise ModelRetry(f"git cannot tell: {error}") from None
        if path not in files:
            raise ModelRetry(f"it has no file {line(path, WIDTH)}; there are {', '.join(sorted(files))}")
        return self.data(f"{path} of experiment {number}", files[path])

    async def run_python(self, code: str) -> str:
        """Run a Python program on the evidence and get what it prints. It starts in the folder, and has no network.

        Args:
            code: The program; the standard library, numpy and scipy are there, and evidence.db for sqlite3.
        """
        if isinstance(self._bench, str):
            return f"refused: {self._bench}; ask the database instead"
        if len(code) > CODE:
            raise ModelRetry(f"the program has more than {CODE} characters")
        number = next(self._numbers)
        protected = tuple(self.root / path for path, _ in self.walk())
        script = await asyncio.to_thread(self._write, code)
        executor = self._bench.executor
        job = Job(
            id=f"{self._case.call or 'case'}-python-{number}",
            command=shlex.join([sys.executable, "-I", script.name]),
            folder=self.root,
            log=self._bench.logs / f"{self._case.call or 'case'}-python-{number}.log",
            env={"CUDA_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
            timeout_seconds=SECONDS,
            protected=protected,
        )
        running = executor.start(job, executor.slots[0])
        try:
            ended = await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            await asyncio.to_thread(executor.stop)
            raise
        if ended.problem is not None:
            return f"the program was not started: {line(self._redact(ended.problem), 300)}"
        state = "it took too long" if ended.timed_out else f"it ended with {ended.code}"
        return self.data(f"what the program printed; {state}", end(ended.text, PRINTED))

    def _write(self, code: str) -> Path:
        """A program's file. Its name is new: an earlier program may have left links in the folder."""
        number, name = tempfile.mkstemp(dir=self.root, prefix="program-", suffix=".py")
        with os.fdopen(number, "wb") as file:
            file.write(code.encode(errors="backslashreplace"))
        return Path(name)

    def known(self, numbers: tuple[int, ...] | list[int]) -> None:
        """Raise ModelRetry where one of these experiments is not there."""
        for number in numbers:
            self._experiment(number)

    def _experiment(self, number: int) -> Experiment:
        found = next((e for e in self._case.dossier.experiments if e.number == number), None)
        if found is None:
            known = [e.number for e in self._case.dossier.experiments]
            there = f"they go from {min(known)} to {max(known)}" if known else "none is closed yet"
            raise ModelRetry(f"there is no closed experiment {number}; {there}")
        return found

    def _difference(self, before: str, after: str) -> str:
        try:
            return unified(self._case.files_at(before), self._case.files_at(after)) or "(none)"
        except DeepLoopError as error:
            return f"(git cannot tell: {error})"

    def _held(self, tool: Tool) -> Tool:
        """The same tool, one call at a time: no program changes what another call looks at.

        A disk that fails is told to the model, and ends no analysis.
        """

        @functools.wraps(tool)
        async def held(*arguments: Any, **named: Any) -> str:
            async with self._one_at_a_time:
                try:
                    return await tool(*arguments, **named)
                except OSError as error:
                    raise ModelRetry(f"it failed: {error.strerror or type(error).__name__}") from None

        return held
