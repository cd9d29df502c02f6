"""Plugins: how they are found, and the one in `examples/`."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from deep_loop import plugins
from deep_loop.clients.client import Station
from deep_loop.errors import ConfigError
from deep_loop.ports import Proposer
from deep_loop.testing.doubles import InstantExecutor
from deep_loop.testing.proposer_contract import ProposerContract

EXAMPLE = Path(__file__).parents[2] / "examples" / "proposer_plugin"


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """One where nothing is ever started."""
    return Station(InstantExecutor(lambda job: ""), tmp_path / "own", tmp_path / "logs")


@pytest.fixture
def example() -> Iterator[ModuleType]:
    """The example's module, imported by its path."""
    spec = importlib.util.spec_from_file_location("random_walk", EXAMPLE / "random_walk.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["random_walk"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["random_walk"]


class TestTheExample(ProposerContract):
    """It passes the contract."""

    @pytest.fixture
    def proposer(self, example: ModuleType, station: Station) -> Proposer:
        """As its factory makes it."""
        made: Proposer = example.make(station, {})
        return made


def installed(folder: Path, *points: str) -> None:
    """A package with these entry points, as an installer leaves it."""
    place = folder / "somebody-1.0.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: somebody\nVersion: 1.0\n")
    (place / "entry_points.txt").write_text("\n".join([f"[{plugins.GROUP}]", *points]) + "\n")


@pytest.fixture
def somebody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are found in."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site"


def test_the_example_s_entry_point_is_its_factory(example: ModuleType, station: Station, somebody: Path) -> None:
    """Installed, it is found by its name, and takes the settings of its table."""
    written = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"][plugins.GROUP]
    installed(somebody, *(f"{name} = {value}" for name, value in written.items()))
    factory = plugins.proposers()["random-walk"]
    assert factory(station, {"step": 3.0}).name == "random-walk"
    with pytest.raises(ConfigError, match="stride"):
        factory(station, {"stride": 3.0})


def test_nothing_is_imported_before_it_is_asked_for(somebody: Path, station: Station) -> None:
    """Also not to list the names."""
    installed(somebody, "quiet = somebody_quiet:make")
    (somebody / "somebody_quiet.py").write_text("raise RuntimeError('imported')\n")
    factory = plugins.proposers()["quiet"]
    assert "somebody_quiet" not in sys.modules
    with pytest.raises(ConfigError, match="quiet of somebody cannot be used: RuntimeError: imported") as caught:
        factory(station, {})
    assert "somebody" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def make(station, settings): return object()", "it has no `propose`"),
        (
            "from deep_loop.adapters.proposers.tuner import Tuner\ndef make(station, settings): return Tuner()",
            "'tuner'",
        ),
        ("def make(station): return None", "TypeError"),
        ("", "AttributeError"),
    ],
)
def test_a_factory_that_makes_no_proposer(
    code: str, why: str, tmp_path: Path, station: Station, somebody: Path
) -> None:
    """It is named, with its package, and what is wrong."""
    module = f"somebody_{abs(hash(code))}"
    installed(somebody, f"odd = {module}:make")
    (somebody / f"{module}.py").write_text(code + "\n")
    with pytest.raises(ConfigError, match=why):
        plugins.proposers()["odd"](station, {})


def test_the_group_is_the_one_of_the_settings() -> None:
    """Names in the settings are checked against it."""
    from deep_loop.config import agents

    assert agents.PLUGINS == plugins.GROUP
    entry: Any = EntryPoint("x", "y:z", plugins.GROUP)
    assert entry.group == plugins.GROUP
