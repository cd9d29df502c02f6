"""From the file to the settings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deep_loop.config.problems import explained, rank
from deep_loop.config.settings import FILE, Settings
from deep_loop.errors import ConfigError, WorkspaceError


def find(start: Path) -> Path | None:
    """The nearest folder, from `start` upwards, that holds a `deep-loop.toml`."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / FILE).is_file()), None)


def load(root: Path) -> Settings:
    """The settings of the workspace at `root`.

    Raises WorkspaceError where it has no `deep-loop.toml`, and ConfigError where the file says
    something impossible.
    """
    try:
        text = (root / FILE).read_text(encoding="utf-8")
    except FileNotFoundError as problem:
        hint = "make a workspace with `deep-loop init`, or name one with --workspace"
        raise WorkspaceError(f"no {FILE} in {root}", hint=hint) from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{FILE} cannot be read: {problem}", hint="it must be a readable file in UTF-8") from problem
    return parse(text)


def parse(text: str) -> Settings:
    """The settings that a file's text asks for; raises ConfigError."""
    try:
        return Settings.model_validate(_frozen(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"{FILE} is not valid TOML: {problem}", hint="put text in quotes") from problem
    except ValidationError as problem:
        raise explained(min(problem.errors(), key=rank)) from None


def _frozen(value: Any) -> Any:
    """TOML's lists as tuples, all the way down, so that strict models take them."""
    match value:
        case list():
            return tuple(_frozen(item) for item in value)
        case dict():
            return {key: _frozen(item) for key, item in value.items()}
    return value
