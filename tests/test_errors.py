"""The errors that deep-loop raises on purpose."""

from __future__ import annotations

import pickle

from deep_loop.errors import WorkspaceError


def test_an_error_crosses_processes_with_its_hint() -> None:
    """As it does from a pool's worker."""
    error = pickle.loads(pickle.dumps(WorkspaceError("no such folder", hint="make it")))
    assert isinstance(error, WorkspaceError)
    assert (str(error), error.hint) == ("no such folder", "make it")
