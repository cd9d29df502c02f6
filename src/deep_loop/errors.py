"""The errors that deep-loop raises on purpose.

    DeepLoopError            a message for a person, and a hint that says what to do
    ├── ConfigError          deep-loop.toml or a flag says something impossible
    ├── WorkspaceError       git or the folder is not in the state that we need
    ├── LedgerError          the ledger cannot be read or written
    ├── TaskError            the task's own program does not do what the settings promise
    └── BusyError            another process owns the workspace

An expected failure of an experiment is not here: it is an outcome (`core.experiment`).
"""

from __future__ import annotations

from functools import partial


class DeepLoopError(Exception):
    """Something a person can mend. `hint` says how, in one line."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[partial[DeepLoopError], tuple[str]]:
        """How another process makes the same error; Exception's own way knows no keywords."""
        return partial(type(self), hint=self.hint), (str(self),)


class ConfigError(DeepLoopError):
    """The settings or the command line ask for something impossible."""

    exit_code = 2


class WorkspaceError(DeepLoopError):
    """Git, or the folder, is not in the state that we need."""


class LedgerError(DeepLoopError):
    """The ledger cannot be read or written."""


class TaskError(DeepLoopError):
    """The task's own program does not do what the settings promise."""


class BusyError(DeepLoopError):
    """Another process owns the workspace."""
