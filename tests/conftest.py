"""What every test starts from: no settings of the person who runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")

OURS = ("DEEP_LOOP_", "GIT_")
AGENTS = (
    "ANTHROPIC_",
    "OPENAI_",
    "CODEX_",
    "GEMINI_",
    "GOOGLE_",
    "OPENROUTER_",
    "OLLAMA_",
    "CLAUDE_",
    "AWS_",
    "AZURE_",
)
PROGRAMS = ("claude", "codex", "opencode", "gemini", "openclaw", "openplanter-agent")  # a person's, not for tests


def without(path: str, scratch: Path) -> str:
    """The search path without `PROGRAMS`: a folder that has one is replaced by a folder of links to its others."""
    kept = []
    for place, folder in enumerate(map(Path, path.split(os.pathsep))):
        if not any((folder / name).exists() for name in PROGRAMS):
            kept.append(str(folder))
            continue
        links = scratch / str(place)
        links.mkdir()
        for program in folder.iterdir():
            if program.name not in PROGRAMS:
                (links / program.name).symlink_to(program)
        kept.append(str(links))
    return os.pathsep.join(kept)


@pytest.fixture(autouse=True, scope="session")
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Git reads no configuration of the machine, and no variable of ours or git's is inherited.

    Studies of other tests, and of the person, are on another machine as far as leases go. No agent, no login and no
    key of the person is found: a study that chooses for itself has the tuner.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith((*OURS, *AGENTS)):
                patch.delenv(name)
        patch.setenv("PATH", without(os.environ.get("PATH", os.defpath), tmp_path_factory.mktemp("programs")))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        patch.setenv("DEEP_LOOP_LEASES", str(tmp_path_factory.mktemp("leases")))
        yield
