"""Who proposes on a machine: by what is installed, by keys and logins, and by the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from deep_loop import config, crews
from deep_loop.errors import ConfigError
from deep_loop.wiring import RunOptions, estimate

TASK = '[task]\nrun = "python train.py"\neditable = ["train.py"]\nbudget_seconds = 300\n'


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but what a test puts there: programs in `bin`, a home in `home`."""
    for name in ("bin", "home", "lab"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return tmp_path


def install(machine: Path, program: str) -> None:
    """Put a program there."""
    path = machine / "bin" / program
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)


def names(machine: Path, settings: str = "") -> tuple[str, ...]:
    """Who would propose."""
    return crews.names(machine / "lab", config.parse(TASK + settings))


def test_a_machine_with_nothing_has_the_tuner(machine: Path) -> None:
    """And says what the others lack."""
    assert names(machine) == ("tuner",)
    why = {one.name: one.why for one in crews.candidates(machine / "lab", None)}
    assert why["codex"] == "`codex` is not on the PATH"
    assert "ANTHROPIC_API_KEY" in why["model"]


def test_a_key_or_a_login_lets_a_client_in(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client alone is not enough; a key also lets the API model in, behind the clients."""
    install(machine, "claude")
    install(machine, "codex")
    assert names(machine) == ("tuner",)
    (machine / "home" / ".codex").mkdir()
    (machine / "home" / ".codex" / "auth.json").write_text("{}")
    assert names(machine) == ("codex", "tuner")
    assert names(machine, "[agents.codex]\nlogin = false\n") == ("tuner",)
    (machine / "lab" / ".env").write_text("ANTHROPIC_API_KEY=sk-ant-0123456789\n")
    assert names(machine) == ("claude-code", "codex", "model", "tuner")
    why = {one.name: one.why for one in crews.candidates(machine / "lab", None)}
    assert why["claude-code"] == "ANTHROPIC_API_KEY (.env)"
    assert "sk-ant" not in " ".join(why.values())


def test_the_settings_go_over_what_is_there(machine: Path) -> None:
    """Named ones are used in that order, asked ones before all; a mixture names its own."""
    assert names(machine, '[agents]\nproposers = ["codex", "tuner", "codex"]\n') == ("codex", "tuner")
    assert names(machine, "[agents.mixture]\ncodex = 0.5\ntuner = 0.5\n") == ("codex", "tuner")
    assert crews.names(machine / "lab", config.parse(TASK), ["model"]) == ("model",)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("command", "", "the proposer `command` has no command"),
        ("model", "", "the proposer `model` has no model to ask"),
        ("model", '[agents.model]\nmodel = "gpt-9"\n', "'gpt-9' names no model that can be asked"),
        ("nobody", "", "'nobody' is no proposer here"),
    ],
)
def test_what_cannot_be_made_is_said_before_anything_begins(
    machine: Path, name: str, settings: str, message: str
) -> None:
    """One line and a hint."""
    with pytest.raises(ConfigError, match=message) as error:
        crews.crew(machine / "lab", config.parse(TASK + settings), "a", [name])
    assert error.value.hint


def test_every_one_that_comes_with_it_can_be_made(machine: Path) -> None:
    """With its settings, and without its program: that is looked for when it is asked."""
    settings = config.parse(
        TASK + '[agents.command]\nrun = "true"\n[agents.model]\nmodel = "ollama:any"\n[agents.codex]\nmodel = "m"\n'
    )
    made = crews.crew(machine / "lab", settings, "a", config.PROPOSERS)
    assert tuple(one.name for one in made) == config.PROPOSERS
    for one in made:
        one.stop()


def test_prices_and_shares_come_from_the_settings(machine: Path) -> None:
    """One's own price goes over the published ones."""
    from deep_loop.core.call import Usage

    text = '[agents.codex]\nmax_cost_usd = 3\n[agents.prices."m"]\ninput = 1\noutput = 2\n'
    settings = config.parse(TASK + text)
    assert crews.allowances(settings) == {"codex": 3.0}
    assert crews.prices(settings)(Usage("m", 1_000_000, 500_000)) == pytest.approx(2.0)
    assert crews.prices(settings)(Usage("unheard-of", 1, 1)) is None


def test_an_estimate_says_what_it_rests_on(machine: Path) -> None:
    """Without a history it is the mission's night; the tuner costs nothing."""
    (machine / "lab" / "deep-loop.toml").write_text(TASK)
    night = estimate(machine / "lab", RunOptions("", agents=("codex", "tuner"), slots=1), 2.0)
    assert night.hours == pytest.approx(12, abs=0.2)
    assert (night.agents_usd, night.run_measured) == (pytest.approx(20), False)
    assert estimate(machine / "lab", RunOptions("", agents=("tuner",), slots=1), 2.0).agents_usd == 0
