"""Failures of the machine are told in words, and bugs are not taken for them."""

from __future__ import annotations

import errno
import os

import pytest

from deep_loop.interfaces.cli.machine import explain


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE])
def test_a_failure_of_the_machine(number: int) -> None:
    """Names what failed and where, and what to do."""
    found = explain(OSError(number, os.strerror(number), "/some/where"))
    assert found is not None
    assert str(found) == f"the machine fails: {os.strerror(number)}: /some/where"
    assert "run the same command again" in found.hint


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "no such file", "x"), OSError("bare")])
def test_a_bug(error: OSError) -> None:
    """A file that we should have made is our fault: it keeps its traceback."""
    assert explain(error) is None
