"""The environment of a run: what is allowed in, and nothing else.

A run executes code that an agent wrote. It needs to find its interpreter, its caches and its GPU; it
does not need the person's keys, so nothing comes in by default, and what looks like a secret never
does unless the person names it for this task.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from deep_loop.ports import Job, Slot

MARKER = "DEEP_LOOP_RUN"  # every process of a run carries it, with the job's id

_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR"),
        *("XDG_CACHE_HOME", "HF_HOME", "LD_LIBRARY_PATH"),
        "DEEP_LOOP_STEPS",  # ours: a fixed number of steps instead of a budget of time
    }
)
_PREFIXES = ("LC_", "CUDA", "NVIDIA", "ROCR", "HIP", "DYLD_", "UV_", "SSL_CERT_", "OMP_", "MKL_", "OPENBLAS_")
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"://[^/\s]*@")  # user:password@ in an address, as in a private UV_INDEX_URL


def environment(
    job: Job,
    slot: Slot,
    inherited: Mapping[str, str],
    passed: Sequence[str] = (),
    own: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """The run's whole environment.

    `inherited` is the harness's own; `passed` names more of it that a person asked for in the
    settings; `own` is made for this run. The job's variables go over those, the slot's over the job's.
    """
    allowed = {name: value for name, value in inherited.items() if _allowed(name, value) or name in passed}
    return {
        **allowed,
        "PATH": _path(inherited.get("PATH", os.defpath)),
        "PYTHONUNBUFFERED": "1",  # progress is read while it runs
        "GIT_CEILING_DIRECTORIES": str(job.folder.absolute().parent),  # the person's repository is not the run's
        **own,
        **job.env,
        **slot.env,
        MARKER: job.id,
    }


def _allowed(name: str, value: str) -> bool:
    """Whether a variable comes in without being asked for."""
    listed = name in _NAMES or name.startswith(_PREFIXES)
    return listed and not _SECRET_NAME.search(name) and not _SECRET_VALUE.search(value)


def _path(inherited: str) -> str:
    """The search path with the harness's own interpreter first, so that `python` is the one that runs deep-loop."""
    own = str(Path(sys.executable).parent)
    return os.pathsep.join([own, *(part for part in inherited.split(os.pathsep) if part not in ("", own))])
