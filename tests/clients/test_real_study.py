"""A whole study of `tiny-lm` whose proposer is a real coding agent: what goes wrong in a night, in a minute.

The model server is scripted, the harness is the real `deep-loop` process. On the way a change crashes and is repaired,
the harness is killed, the agent reaches for what is not its to change and hangs with children of its own, and the
model's server goes down, so that the tuner takes over.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from deep_loop.adapters.executors import bubblewrap
from deep_loop.core.experiment import measured
from tests.clients.model_server import Fail, Hang, ModelServer, Turn
from tests.clients.real_clients import KEY, ROOT, client, nap, processes, until
from tests.clients.wires import Request, Say, Use
from tests.e2e import real_lab

pytestmark = [
    pytest.mark.clients,
    pytest.mark.slow,
    pytest.mark.skipif(bubblewrap.missing() is not None, reason=str(bubblewrap.missing())),
]

TAG = "night"
EXPERIMENTS = 6
MINE = "mine now"
BROKEN = 'raise ValueError("not thought through")'
SMALLER = "sed -i 's/^BATCH_SIZE = 2..7/BATCH_SIZE = 2**6/' train.py"
Plan = Generator[Turn, Request, None]  # what the model does with one question
Part = Callable[[Path, str], Plan]


class Agent(Protocol):
    """How a client's model does things."""

    name: str
    program: str
    settings: str

    def conversation(self, request: Request) -> str:
        """Which session a request belongs to."""
        ...

    def checkout(self, request: Request) -> Path: ...

    def change(self, file: Path, old: str, new: str) -> Iterator[Turn]:
        """Replace a line of a file by others."""
        ...

    def shell(self, command: str) -> Turn: ...


class Claude:
    name, program = "claude-code", "claude"
    settings = 'model = "claude-sonnet-4-5"\nbase_url = "{url}"\nbash = true\n'

    def conversation(self, request: Request) -> str:
        return str(json.loads(request.body["metadata"]["user_id"])["session_id"])

    def checkout(self, request: Request) -> Path:
        return _named(r"[Ww]orking directory: ([^\s\\]+)", request)

    def change(self, file: Path, old: str, new: str) -> Iterator[Turn]:
        yield [Use("Read", {"file_path": str(file)})]
        yield [Use("Edit", {"file_path": str(file), "old_string": old, "new_string": new})]

    def shell(self, command: str) -> Turn:
        return [Use("Bash", {"command": command})]


class Codex:
    name, program = "codex", "codex"
    settings = 'model = "gpt-5.5"\nbase_url = "{url}/v1"\n'

    def conversation(self, request: Request) -> str:
        return str(request.body["prompt_cache_key"])

    def checkout(self, request: Request) -> Path:
        return _named(r"<cwd>([^<]+)</cwd>", request)

    def change(self, file: Path, old: str, new: str) -> Iterator[Turn]:
        added = "".join(f"+{line}\n" for line in new.splitlines())
        yield [Use("apply_patch", f"*** Begin Patch\n*** Update File: {file}\n@@\n-{old}\n{added}*** End Patch\n")]

    def shell(self, command: str) -> Turn:
        return [Use("exec_command", {"cmd": command, "yield_time_ms": 2000})]


def _named(pattern: str, request: Request) -> Path:
    found = re.search(pattern, json.dumps(request.body, ensure_ascii=False))
    assert found, "the client does not say where it works"
    return Path(found[1])


def says(title: str) -> Turn:
    """The statement of a change."""
    stated = {"title": title, "kind": "other", "rationale": "It is in the script.", "expected": "+1 %"}
    return [Say(f"Done.\n\n```json\n{json.dumps(stated)}\n```\n")]


def line(file: Path, name: str) -> str:
    """The line of a constant, as it stands."""
    return next(each for each in file.read_text().splitlines() if each.startswith(f"{name} = "))


class Night:
    """The model: each new conversation follows the next plan, and after the last the server is down.

    A plan has two parts: what it does when it is asked for a proposal, and when its change comes back.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.sleep = nap()
        self.held: list[str] = []  # what the agent was told of the file that it reached for
        hangs = (self.hangs, self.hangs)
        self._plans = iter(
            [(self.moves, self.moves), (self.crashes, self.repairs), hangs, (self.reaches, self.withdraws), hangs]
        )
        self._known: dict[str, tuple[Part, Part]] = {}
        self._going_on: dict[str, Plan] = {}

    def __call__(self, request: Request) -> Turn:
        talk = self.agent.conversation(request)
        if request.latest is not None:
            return self._going_on[talk].send(request)
        known = talk in self._known
        plan = self._known.get(talk) or next(self._plans, None)
        if plan is None:
            return (
                Fail(529, "Overloaded", "overloaded_error") if self.agent.name == "claude-code" else Fail(503, "full")
            )
        self._known[talk] = plan
        self._going_on[talk] = plan[known](self.agent.checkout(request) / "train.py", request.said[-1])
        return next(self._going_on[talk])

    def moves(self, file: Path, told: str) -> Plan:
        """A change that is fine."""
        old = line(file, "WEIGHT_DECAY")
        yield from self.agent.change(file, old, old.replace("0.1", "0.05"))
        yield says("less weight decay")

    def crashes(self, file: Path, told: str) -> Plan:
        """A change that fails when it runs."""
        old = line(file, "GRAD_CLIP")
        yield from self.agent.change(file, old, f"{old}\n{BROKEN}")
        yield says("clip by norm")

    def repairs(self, file: Path, told: str) -> Plan:
        """And its repair, in the same session."""
        assert "not thought through" in told
        yield from self.agent.change(file, BROKEN, 'CLIPPED_BY = "norm"')
        yield says("clip by norm")

    def reaches(self, file: Path, told: str) -> Plan:
        """It wants the evaluation to be kinder: by its tool, and by a shell one-liner; then a file of its own."""
        prepare = file.with_name("prepare.py")
        first = prepare.read_text().splitlines()[0]
        tries = [*self.agent.change(prepare, first, f"# {MINE}")]
        tries += [self.agent.shell(f"python3 -c \"open('prepare.py', 'w').write('# {MINE}')\"")]
        for each in tries:
            request = yield each
            self.held.append(request.latest or "")
            assert MINE not in prepare.read_text()
        yield self.agent.shell(f"echo 'X = 1' > extra.py; {SMALLER}")
        yield says("smaller batches")

    def withdraws(self, file: Path, told: str) -> Plan:
        """The file was refused; the rest stays as it was."""
        assert "extra.py" in told
        yield self.agent.shell(f"rm -f extra.py; {SMALLER}")
        yield says("smaller batches")

    def hangs(self, file: Path, told: str) -> Plan:
        """It waits for something that never comes, and so do its commands."""
        yield self.agent.shell(f"setsid {self.sleep} & nohup {self.sleep} & {self.sleep}")
        yield Hang()


@pytest.mark.parametrize("agent", [Claude(), Codex()], ids=lambda agent: agent.name)
def test_a_night(agent: Agent, tmp_path: Path) -> None:
    """Six experiments are recorded, whatever happens; nothing of the agent's is left, and its key is nowhere."""
    programs = Path(client(agent.program)).parent
    home, lab = tmp_path / "home", tmp_path / "lab"
    home.mkdir()
    variables = {
        "HOME": str(home),
        "PATH": f"{programs}:{Path(real_lab.DEEP_LOOP).parent}:/usr/bin:/bin",
        "ANTHROPIC_API_KEY": KEY,
        "OPENAI_API_KEY": KEY,
        "DEEP_LOOP_STEPS": "10",
    }
    made = real_lab.deep_loop(tmp_path, "init", str(lab), **variables)
    assert made.code == 0, made
    night = Night(agent)
    with ModelServer(night) as server:
        settings = (lab / "deep-loop.toml").read_text()
        table = agent.settings.format(url=server.url)
        settings = settings.replace(
            'proposers = "auto"',
            f'proposers = ["{agent.name}", "tuner"]\npatience_seconds = 300\n\n'
            f"[agents.{agent.name}]\ntimeout_seconds = 15\n{table}",
        )
        (lab / "deep-loop.toml").write_text(settings)
        real_lab.git(lab, "commit", "--quiet", "--all", "--message=agents")
        run = ("run", "--tag", TAG, "--max-experiments", str(EXPERIMENTS))
        with real_lab.started(lab, *run, **variables) as harness:
            until(lambda: harness.poll() is not None or len(processes(night.sleep)) == 3, 120)
            assert harness.poll() is None, harness.communicate()
            harness.send_signal(signal.SIGKILL)
            until(lambda: not processes(night.sleep), 30)
        done = real_lab.deep_loop(lab, *run, patience=300, **variables)
    assert done.code == 0, done
    assert not processes(night.sleep)
    with real_lab.ledger(lab, TAG) as ledger:
        closed = [experiment for experiment in ledger.closed() if experiment.counted]
        calls = ledger.calls()
    assert len(closed) == EXPERIMENTS
    titles = {experiment.proposal.idea.title: experiment for experiment in closed}
    assert {"less weight decay", "clip by norm", "smaller batches"} <= titles.keys()
    assert all(measured(titles[title]) for title in ("less weight decay", "clip by norm", "smaller batches"))
    assert len(titles["clip by norm"].attempts) == 2
    assert {experiment.proposal.proposer for experiment in closed} == {agent.name, "tuner"}
    faults = [call.failure.fault for call in calls if call.agent == agent.name and call.failure]
    assert {"nonsense", "slow", "overloaded"} <= set(faults), faults
    mended = [call for call in calls if call.purpose == "mend" and call.failure is None]
    assert len(mended) == 2 and all(call.usages and call.session for call in mended)
    assert real_lab.git(lab, "diff", "--name-only", "main", f"deep-loop/{TAG}", "--", "prepare.py") == ""
    assert len(night.held) >= 2
    assert not [path for path in everything(tmp_path) if KEY.encode() in path.read_bytes()]


def everything(folder: Path) -> Iterator[Path]:
    """Every file that was left, the clients' own homes too."""
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_the_script_is_beside_the_tests() -> None:
    """What CI installs is what these tests run."""
    text = (ROOT / "scripts" / "clients.sh").read_text()
    assert "claude-code@2.1.330" in text and "codex@0.169.0" in text
