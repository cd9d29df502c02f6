"""What every test of a channel starts from."""

from __future__ import annotations

import warnings

import pytest


@pytest.fixture(autouse=True, scope="session")
def apprise_is_loaded() -> None:
    """Apprise imports what Python calls deprecated, when it first looks at an address; that is no failure of ours."""
    import apprise

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise.Apprise().add("json://127.0.0.1")
