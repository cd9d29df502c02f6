"""What every test starts from: no settings of the person who runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")

OURS = ("DEEP_LOOP_", "GIT_")


@pytest.fixture(autouse=True, scope="session")
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Git reads no configuration of the machine, and no variable of ours or git's is inherited.

    Studies of other tests, and of the person, are on another machine as far as leases go.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(OURS):
                patch.delenv(name)
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        patch.setenv("DEEP_LOOP_LEASES", str(tmp_path_factory.mktemp("leases")))
        yield
