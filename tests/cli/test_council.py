"""Who advises on a machine: by what is installed, by keys, by who proposes, and by the settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_study import Planted

from deep_loop import config, council
from deep_loop.adapters.analysts.investigator import Investigator
from deep_loop.adapters.executors.sandbox import choose
from deep_loop.errors import ConfigError
from deep_loop.interfaces.cli import main
from deep_loop.wiring import RunOptions, estimate
from tests.proposers.model_servers import Fails, ModelServer, Says, Use

TASK = '[task]\nrun = "python train.py"\neditable = ["train.py"]\nbudget_seconds = 300\n'


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but what a test puts there: programs in `bin`, a home in `home`."""
    for name in ("bin", "home", "lab"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))  # where ours would be looked for beside
    return tmp_path


def install(machine: Path, program: str) -> None:
    """Put a program there."""
    path = machine / "bin" / program
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)


def names(machine: Path, settings: str = "", proposers: tuple[str, ...] = ("claude-code", "tuner")) -> tuple[str, ...]:
    """Who would advise."""
    return council.names(machine / "lab", config.parse(TASK + settings), proposers)


def why(machine: Path) -> dict[str, str]:
    return {one.name: one.why for one in council.candidates(machine / "lab", None)}


def test_a_machine_with_nothing_has_the_statistician(machine: Path) -> None:
    """And says what the others lack."""
    assert names(machine) == ("statistics",)
    assert "openplanter-agent` is not installed" in why(machine)["openplanter"]
    assert "there is no key" in why(machine)["investigator"]
    assert "`claude` is not on the PATH" in why(machine)["claude-code"]


def test_what_is_there_is_used_in_order(machine: Path) -> None:
    """OpenPlanter, the investigator, Claude Code, statistics; a plain request only where it is named."""
    (machine / "lab" / ".env").write_text("ANTHROPIC_API_KEY=sk-ant-0123456789\n")
    assert names(machine) == ("investigator", "statistics")
    install(machine, "claude")
    assert names(machine) == ("investigator", "claude-code", "statistics")
    install(machine, "openplanter-agent")
    if choose("auto") is None:
        assert "no sandbox" in why(machine)["openplanter"]
    else:
        assert names(machine) == ("openplanter", "investigator", "claude-code", "statistics")
        assert why(machine)["openplanter"] == "anthropic:claude-sonnet-4-6, ANTHROPIC_API_KEY (.env)"
    assert "openplanter" not in names(machine, '[study]\nsandbox = "off"\n')
    assert "with anthropic:claude-haiku-4-5 for sub-tasks" in why(machine)["investigator"]
    assert "sk-ant" not in " ".join(why(machine).values())


def test_nobody_is_paid_where_the_tuner_alone_proposes(machine: Path) -> None:
    """Unless the person names an analyst."""
    (machine / "lab" / ".env").write_text("ANTHROPIC_API_KEY=sk-ant-0123456789\n")
    assert names(machine, proposers=("tuner",)) == ("statistics",)
    assert names(machine, proposers=()) == ("statistics",)
    named = '[agents]\nanalysts = ["investigator", "statistics", "investigator"]\n'
    assert names(machine, named, ("tuner",)) == ("investigator", "statistics")
    assert council.names(machine / "lab", config.parse(TASK + named), ("tuner",), ["model"]) == ("model",)


def test_models_of_the_investigator(machine: Path) -> None:
    """Its own, else that of [agents.model] with its address; at a person's own endpoint both are the same."""
    own = '[agents.investigator]\nmodel = "openai:gpt-5"\nsmall_model = "openai:tiny"\nkey_env = "MINE"\n'
    (machine / "lab" / ".env").write_text("MINE=0123456789abcdef\n")
    found = {one.name: one for one in council.candidates(machine / "lab", config.parse(TASK + own))}
    assert found["investigator"].usable
    assert found["investigator"].why.startswith("openai:gpt-5, with openai:tiny for sub-tasks")
    local = '[agents.model]\nmodel = "openai-compatible:qwen"\nbase_url = "http://127.0.0.1:9/v1"\n'
    found = {one.name: one for one in council.candidates(machine / "lab", config.parse(TASK + local))}
    sub_tasks = "openai-compatible:qwen, with openai-compatible:qwen for sub-tasks"
    assert found["investigator"].why.startswith(sub_tasks)
    missing = own.replace("MINE", "OTHER")
    found = {one.name: one for one in council.candidates(machine / "lab", config.parse(TASK + missing))}
    assert (found["investigator"].usable, "OTHER is not set" in found["investigator"].why) == (False, True)


@pytest.mark.parametrize(
    ("settings", "bench"),
    [
        ('[study]\nsandbox = "bubblewrap"\n', True),
        ('[study]\nsandbox = "landlock"\n', False),
        ('[study]\nsandbox = "off"\n', False),
        ("[agents.investigator]\npython = false\n", False),
    ],
)
def test_programs_run_where_the_network_is_closed(machine: Path, settings: str, bench: bool) -> None:
    """All of it, which bubblewrap alone does: elsewhere the investigator goes without, and `doctor` says so."""
    (machine / "lab" / ".env").write_text("ANTHROPIC_API_KEY=sk-ant-0123456789\n")
    chosen = config.parse(TASK + settings)
    try:
        choose(chosen.study.sandbox)
    except ConfigError as error:
        pytest.skip(str(error))
    (analyst,) = council.council(machine / "lab", chosen, "a", ["investigator"])
    assert isinstance(analyst, Investigator) and analyst.runs_programs is bench
    found = {one.name: one.why for one in council.candidates(machine / "lab", chosen)}
    assert ("without programs of its own" in found["investigator"]) is not bench


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("investigator", "", "the analyst `investigator` has no model to ask"),
        ("model", "", "the analyst `model` has no model to ask"),
        ("investigator", '[agents.investigator]\nmodel = "gpt-9"\n', "'gpt-9' names no model that can be asked"),
        ("openplanter", "", "model is not set"),
        ("openplanter", '[agents.openplanter]\nmodel = "google:x"\n', "names no model that OpenPlanter can ask"),
        ("openplanter", '[agents.openplanter]\nmodel = "openai:x"\n[study]\nsandbox = "off"\n', "there is no sandbox"),
        ("nobody", "", "'nobody' is no analyst here"),
    ],
)
def test_what_cannot_be_made_is_said_before_anything_begins(
    machine: Path, name: str, settings: str, message: str
) -> None:
    """One line and a hint."""
    with pytest.raises(ConfigError, match=message) as error:
        council.council(machine / "lab", config.parse(TASK + settings), "a", [name])
    assert error.value.hint


def test_every_one_that_comes_with_it_can_be_made(machine: Path) -> None:
    """With its settings, and without its program: that is looked for when it is asked."""
    settings = config.parse(TASK + '[agents.model]\nmodel = "ollama:any"\n[agents.openplanter]\nmodel = "openai:x"\n')
    wanted = [name for name in config.ANALYSTS if name != "openplanter" or choose("auto") is not None]
    made = council.council(machine / "lab", settings, "a", wanted)
    assert [one.name for one in made] == wanted
    for one in made:
        one.stop()


def test_an_estimate_counts_analysts(machine: Path) -> None:
    """Those that are paid, by what the first of them usually takes."""
    (machine / "lab" / "deep-loop.toml").write_text(TASK)

    def dollars(*analysts: str) -> float:
        found = estimate(machine / "lab", RunOptions("", agents=("tuner",), analysts=analysts, slots=1), 2.0)
        return found.analysts_usd / found.meta_analyses

    assert dollars("investigator", "statistics") == pytest.approx(0.5)
    assert dollars("model") == pytest.approx(0.1)
    assert dollars("statistics") == dollars("statistics", "investigator") == 0.0
    assert estimate(machine / "lab", RunOptions("", agents=("tuner",), slots=1), 2.0).analysts_usd == 0


def test_the_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--analyst` on `run` and `meta`; a name that there is not is an error before anything is touched."""
    study = Planted(tmp_path / "w")
    at = ["--workspace", str(study.root)]
    assert main(["run", *at, "--tag", "new", "--analyst", "claude-code,statistics", "--dry-run"]) == 0
    assert "analysts         claude-code, statistics" in capsys.readouterr().out
    assert main(["run", *at, "--tag", "new", "--dry-run"]) == 0
    assert "analysts         statistics" in capsys.readouterr().out
    assert main(["meta", *at, "--analyst", "oracle"]) != 0
    assert "'oracle' is no analyst here" in capsys.readouterr().err


REVISION = {
    "summary": "smaller steps",
    "worked": [],
    "failed": [],
    "changed": ["Less of everything."],
    "hypotheses": [],
    "strategy": {"prose": "Go slowly.", "weights": [], "ranges": [], "combinations": []},
}


def test_a_meta_analysis_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The investigator as the settings have it: its model, its key, its log; the next one where it fails."""
    study = Planted(tmp_path / "w")
    study.baseline(2.5)
    study.discard("WIDTH 64 -> 96", 2.6)
    monkeypatch.setenv("LAB_KEY", "sk-dummy-0001112223")
    turns = [
        Says([Use("query", {"sql": "SELECT count(*) AS tried FROM experiments"})]),
        Says([Use("submit", REVISION)]),
    ]
    with ModelServer("openai", [*turns, Fails(401)]) as server:
        toml = study.root / "deep-loop.toml"
        own = f'[agents.investigator]\nmodel = "openai:gpt-5"\nbase_url = "{server.base_url}"\nkey_env = "LAB_KEY"\n'
        toml.write_text(f"{toml.read_text()}\n{own}")
        at = ["meta", "--workspace", str(study.root), "--analyst", "investigator", "--analyst", "statistics"]
        assert main(at) == 0
        assert "smaller steps" in capsys.readouterr().out
        assert "tried" in server.said() and server.got[0].headers["authorization"] == "Bearer sk-dummy-0001112223"
        assert main(at) == 0
    log = (study.root / "process_log.md").read_text()
    assert "Analyst: investigator." in log and "Analyst: statistics, after investigator: " in log
    replays = list((study.root / ".deep-loop" / "logs").rglob("*.jsonl"))
    assert len(replays) == 2 and not any("sk-dummy" in path.read_text() for path in replays)
