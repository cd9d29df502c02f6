"""Failures of the machine, not of deep-loop: a full disk, a file system that is read-only, too many open files."""

from __future__ import annotations

import errno

from deep_loop.errors import DeepLoopError

AGAIN = "then run the same command again; what was recorded is safe"
REMEDIES = {
    errno.ENOSPC: f"free some space, {AGAIN}",
    errno.EDQUOT: f"free some space of your quota, {AGAIN}",
    errno.EROFS: f"make its file system writable, {AGAIN}",
    errno.EACCES: f"see who owns it and make it yours, {AGAIN}",
    errno.EPERM: f"see who owns it and make it yours, {AGAIN}",
    errno.EIO: f"look at the system's log and the disk, {AGAIN}",
    errno.EMFILE: f"raise the limit with `ulimit -n`, {AGAIN}",
    errno.ENFILE: f"see who holds so many files open, {AGAIN}",
    errno.ENOMEM: f"see what uses the memory, {AGAIN}",
}


def explain(error: OSError) -> DeepLoopError | None:
    """What a person is told; None where the machine is not at fault, so that it must be a bug."""
    remedy = REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    place = f": {error.filename}" if error.filename else ""
    return DeepLoopError(f"the machine fails: {error.strerror}{place}", hint=remedy)
