"""A whole study of `tiny-lm` whose proposer is a real coding agent: what goes wrong in a night, in a minute.

The model server is scripted, the harness is the real `deep-loop` process. On the way a change crashes and is repaired,
the harness is killed, the agent reaches for what is not its to change and hangs with children of its own, and the
model's server goes down, so that the tuner takes over.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from deep_loop.adapters.executors import bubblewrap
from deep_loop.core.call import Call
from deep_loop.core.experiment import measured
from tests.clients.model_server import Fail, Hang, ModelServer, Turn
from tests.clients.real_clients import KEY, ROOT, client, nap, processes, until
from tests.clients.wires import Request, Say, Use
from tests.e2e import real_lab

pytestmark = [pytest.mark.clients, pytest.mark.slow]

TAG = "night"
AUTO = 'proposers = "auto"'
EXPERIMENTS = 6
MINE = "mine now"
BROKEN = 'raise ValueError("not thought through")'
SMALLER = "sed -i 's/^BATCH_SIZE = 2..7/BATCH_SIZE = 2**6/' train.py"
Plan = Generator[Turn, Request, None]  # what the model does with one question
Part = Callable[[Request], Plan]


class Agent(Protocol):
    """How an agent's model does things."""

    name: str  # in the settings
    settings: str
    full: Fail  # what its provider says that has no room

    def conversation(self, request: Request) -> str:
        """Which one a request belongs to. An ask that is repeated has another, where there is a client."""
        ...

    def line(self, request: Request, name: str) -> str:
        """The line of a constant in `train.py`, as it stands."""
        ...

    def change(self, request: Request, file: str, old: str, new: str) -> Iterator[Turn]:
        """Replace lines of a file by others."""
        ...

    def says(self, title: str) -> Turn:
        """The statement of a change."""
        ...


class Client(Agent):
    """A coding agent's: it works in a folder, has a shell, and ends its words with the statement."""

    program: str
    folder: str  # a pattern, by which the client tells its model where it works

    def checkout(self, request: Request) -> Path:
        found = re.search(self.folder, json.dumps(request.body, ensure_ascii=False))
        assert found, "the client does not say where it works"
        return Path(found[1])

    def line(self, request: Request, name: str) -> str:
        return _line((self.checkout(request) / "train.py").read_text(), name)

    def shell(self, command: str) -> Turn: ...

    def says(self, title: str) -> Turn:
        return [Say(f"Done.\n\n```json\n{json.dumps(_stated(title))}\n```\n")]


class Claude(Client):
    name, program, folder = "claude-code", "claude", r"[Ww]orking directory: ([^\s\\]+)"
    settings = 'model = "claude-sonnet-4-5"\nbase_url = "{url}"\nbash = true\n'
    full = Fail(529, "Overloaded", "overloaded_error")

    def conversation(self, request: Request) -> str:
        return str(json.loads(request.body["metadata"]["user_id"])["session_id"])

    def change(self, request: Request, file: str, old: str, new: str) -> Iterator[Turn]:
        path = str(self.checkout(request) / file)
        yield [Use("Read", {"file_path": path})]
        yield [Use("Edit", {"file_path": path, "old_string": old, "new_string": new})]

    def shell(self, command: str) -> Turn:
        return [Use("Bash", {"command": command})]


class Codex(Client):
    name, program, folder = "codex", "codex", r"<cwd>([^<]+)</cwd>"
    settings = 'model = "gpt-5.5"\nbase_url = "{url}/v1"\n'
    full = Fail(503, "full")

    def conversation(self, request: Request) -> str:
        return str(request.body["prompt_cache_key"])

    def change(self, request: Request, file: str, old: str, new: str) -> Iterator[Turn]:
        path, added = self.checkout(request) / file, "".join(f"+{line}\n" for line in new.splitlines())
        yield [Use("apply_patch", f"*** Begin Patch\n*** Update File: {path}\n@@\n-{old}\n{added}*** End Patch\n")]

    def shell(self, command: str) -> Turn:
        return [Use("exec_command", {"cmd": command, "yield_time_ms": 2000})]


class Api:
    """A model with the harness's own tools, by the protocol of its provider."""

    name = "model"

    def __init__(self, model: str, base: str, key: str, full: Fail) -> None:
        self.settings = f'model = "{model}"\nbase_url = "{{url}}{base}"\nkey_env = "{key}"\n'
        self.full = full

    def conversation(self, request: Request) -> str:
        return request.said[0]  # the brief: no two are the same

    def line(self, request: Request, name: str) -> str:
        return _line(request.said[0], name)

    def change(self, request: Request, file: str, old: str, new: str) -> Iterator[Turn]:
        yield [Use("edit_file", {"path": file, "old": f"{old}\n", "new": f"{new}\n"})]

    def says(self, title: str) -> Turn:
        return [Use("submit", _stated(title))]


def _line(text: str, name: str) -> str:
    return next(each for each in text.splitlines() if each.startswith(f"{name} = "))


def _stated(title: str) -> dict[str, str | None]:
    stated = {"title": title, "kind": "other", "rationale": "It is in the script.", "expected": "+1 %"}
    return {**stated, "probability": None, "hypothesis": None, "suggestion": None, "nothing": None}


class Night:
    """The model: each new conversation follows the next plan, and after the last the server is down.

    A plan has two parts: what it does at first, and when its change comes back or the same is asked once more.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.held: list[str] = []  # what the agent was told of files that it reached for
        self.hung = 0
        self._plans = iter(self.plans())
        self._known: dict[str, tuple[Part, Part]] = {}
        self._going_on: dict[str, Plan] = {}

    def plans(self) -> Sequence[tuple[Part, Part]]:
        """One a conversation. The harness is killed in the third."""
        raise NotImplementedError

    def __call__(self, request: Request) -> Turn:
        talk = self.agent.conversation(request)
        if self.goes_on(request):
            return self._going_on[talk].send(request)
        known = talk in self._known
        plan = self._known.get(talk) or next(self._plans, None)
        if plan is None:
            return self.agent.full
        self._known[talk] = plan
        self._going_on[talk] = plan[known](request)
        return next(self._going_on[talk])

    def goes_on(self, request: Request) -> bool:
        """Whether a request brings what a tool answered, and no new question."""
        return request.latest is not None

    def moves(self, request: Request) -> Plan:
        """A change that is fine."""
        old = self.agent.line(request, "WEIGHT_DECAY")
        yield from self.agent.change(request, "train.py", old, old.replace("0.1", "0.05"))
        yield self.agent.says("less weight decay")

    def crashes(self, request: Request) -> Plan:
        """A change that fails when it runs."""
        old = self.agent.line(request, "GRAD_CLIP")
        yield from self.agent.change(request, "train.py", old, f"{old}\n{BROKEN}")
        yield self.agent.says("clip by norm")

    def repairs(self, request: Request) -> Plan:
        """And its repair, in the same session."""
        assert "not thought through" in request.said[-1]
        yield from self.agent.change(request, "train.py", BROKEN, 'CLIPPED_BY = "norm"')
        yield self.agent.says("clip by norm")

    def hangs(self, request: Request) -> Plan:
        """It waits for something that never comes."""
        self.hung += 1
        yield Hang()


class ClientNight(Night):
    """Of an agent with a client. What is asked after the kill is a new conversation."""

    agent: Client

    def __init__(self, agent: Client) -> None:
        super().__init__(agent)
        self.sleep = nap()

    def plans(self) -> Sequence[tuple[Part, Part]]:
        hangs = (self.hangs, self.hangs)
        return (self.moves, self.moves), (self.crashes, self.repairs), hangs, (self.reaches, self.withdraws), hangs

    def reaches(self, request: Request) -> Plan:
        """It wants the evaluation to be kinder: by its tool, and by a shell one-liner; then a file of its own."""
        prepare = self.agent.checkout(request) / "prepare.py"
        first = prepare.read_text().splitlines()[0]
        tries = [*self.agent.change(request, "prepare.py", first, f"# {MINE}")]
        tries += [self.agent.shell(f"python3 -c \"open('prepare.py', 'w').write('# {MINE}')\"")]
        for each in tries:
            answered = yield each
            self.held.append(answered.latest or "")
            assert MINE not in prepare.read_text()
        yield self.agent.shell(f"echo 'X = 1' > extra.py; {SMALLER}")
        yield self.agent.says("smaller batches")

    def withdraws(self, request: Request) -> Plan:
        """The file was refused; the rest stays as it was."""
        assert "extra.py" in request.said[-1]
        yield self.agent.shell(f"rm -f extra.py; {SMALLER}")
        yield self.agent.says("smaller batches")

    def hangs(self, request: Request) -> Plan:
        """So do its commands."""
        yield self.agent.shell(f"setsid {self.sleep} & nohup {self.sleep} & {self.sleep}")
        yield from super().hangs(request)


class ApiNight(Night):
    """Of a model without a client. What is asked after the kill is the same conversation."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._heard: dict[str, int] = {}  # questions of each conversation

    def plans(self) -> Sequence[tuple[Part, Part]]:
        again = (self.hangs, self.reaches)
        return (self.moves, self.moves), (self.crashes, self.repairs), again, (self.hangs, self.hangs)

    def goes_on(self, request: Request) -> bool:
        """Its statement is a tool too: a question may stand beside the answer to that."""
        talk, said = self.agent.conversation(request), len(request.said)
        more = said > self._heard.get(talk, 0)
        self._heard[talk] = said
        return not more and request.latest is not None

    def reaches(self, request: Request) -> Plan:
        """It wants the evaluation to be kinder, and is told that this is not its to change."""
        for path in ("prepare.py", "./prepare.py", "../prepare.py"):
            answered = yield [Use("write_file", {"path": path, "text": f"# {MINE}\n"})]
            self.held.append(answered.latest or "")
        assert "prepare.py is protected" in self.held[0]
        old = self.agent.line(request, "BATCH_SIZE")
        yield from self.agent.change(request, "train.py", old, old.replace("2**7", "2**6"))
        yield self.agent.says("smaller batches")


ANTHROPIC = Api("anthropic:claude-sonnet-4-6", "", "ANTHROPIC_API_KEY", Claude.full)
OPENAI = Api("openai:gpt-5", "/v1", "OPENAI_API_KEY", Fail(529, "overloaded"))


@pytest.mark.skipif(bubblewrap.missing() is not None, reason=str(bubblewrap.missing()))
@pytest.mark.parametrize("agent", [Claude(), Codex()], ids=lambda agent: agent.name)
def test_a_night_with_a_client(agent: Client, tmp_path: Path) -> None:
    """Six experiments, whatever happens; nothing that the agent started is left."""
    night = ClientNight(agent)
    programs = Path(client(agent.program)).parent
    calls = _night(night, tmp_path, programs, lambda: len(processes(night.sleep)) == 3)
    assert not processes(night.sleep)
    assert len(night.held) >= 2
    assert {"nonsense", "slow", "overloaded"} <= _faults(calls)
    assert len(_mended(calls)) == 2  # the crash, and the file of its own


@pytest.mark.parametrize("agent", [ANTHROPIC, OPENAI], ids=["anthropic", "openai"])
def test_a_night_with_a_model(agent: Api, tmp_path: Path) -> None:
    """The same without a client: over two protocols."""
    night = ApiNight(agent)
    calls = _night(night, tmp_path, Path("/usr/bin"), lambda: night.hung == 1)
    assert len(night.held) == 3
    assert {"slow", "overloaded"} <= _faults(calls)
    assert len(_mended(calls)) == 1
    assert all(call.usd and call.usd > 0 for call in calls if call.usages)


def _night(night: Night, folder: Path, programs: Path, stuck: Callable[[], bool]) -> Sequence[Call]:
    """Six experiments of `tiny-lm`, the harness being killed when the agent is stuck; returns the agent's calls."""
    agent, home, lab = night.agent, folder / "home", folder / "lab"
    home.mkdir()
    variables = {
        "HOME": str(home),
        "PATH": f"{programs}:{Path(real_lab.DEEP_LOOP).parent}:/usr/bin:/bin",
        "ANTHROPIC_API_KEY": KEY,
        "OPENAI_API_KEY": KEY,
        "DEEP_LOOP_STEPS": "10",
    }
    made = real_lab.deep_loop(folder, "init", str(lab), **variables)
    assert made.code == 0, made
    with ModelServer(night) as server:
        table = agent.settings.format(url=server.url)
        settings = (lab / "deep-loop.toml").read_text()
        assert AUTO in settings
        wanted = f'proposers = ["{agent.name}", "tuner"]\npatience_seconds = 300\n\n[agents.{agent.name}]\n'
        (lab / "deep-loop.toml").write_text(settings.replace(AUTO, f"{wanted}timeout_seconds = 25\n{table}"))
        real_lab.git(lab, "commit", "--quiet", "--all", "--message=agents")
        run = ("run", "--tag", TAG, "--max-experiments", str(EXPERIMENTS))
        with real_lab.started(lab, *run, **variables) as harness:
            until(lambda: harness.poll() is not None or stuck(), 120)
            assert harness.poll() is None, harness.communicate()
            harness.send_signal(signal.SIGKILL)
            if isinstance(night, ClientNight):
                until(lambda: not processes(night.sleep), 30)
        done = real_lab.deep_loop(lab, *run, patience=300, **variables)
    assert done.code == 0, done
    with real_lab.ledger(lab, TAG) as ledger:
        closed = [experiment for experiment in ledger.closed() if experiment.counted]
        calls = [call for call in ledger.calls() if call.agent == agent.name]
    assert len(closed) == EXPERIMENTS
    titles = {experiment.proposal.idea.title: experiment for experiment in closed}
    assert {"less weight decay", "clip by norm", "smaller batches"} <= titles.keys()
    assert all(measured(titles[title]) for title in ("less weight decay", "clip by norm", "smaller batches"))
    assert len(titles["clip by norm"].attempts) == 2
    assert {experiment.proposal.proposer for experiment in closed} == {agent.name, "tuner"}
    assert real_lab.git(lab, "diff", "--name-only", "main", f"deep-loop/{TAG}", "--", "prepare.py") == ""
    assert not [path for path in everything(folder) if KEY.encode() in path.read_bytes()]
    return calls


def _faults(calls: Sequence[Call]) -> set[str]:
    return {call.failure.fault for call in calls if call.failure}


def _mended(calls: Sequence[Call]) -> Sequence[Call]:
    """Calls by which something was mended; all have their usage and their session."""
    found = [call for call in calls if call.purpose == "mend" and call.failure is None]
    assert all(call.usages and call.session for call in found)
    return found


def everything(folder: Path) -> Iterator[Path]:
    """Every file that was left, the clients' own homes too."""
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_the_script_is_beside_the_tests() -> None:
    """What CI installs is what these tests run."""
    text = (ROOT / "scripts" / "clients.sh").read_text()
    assert "claude-code@2.1.330" in text and "codex@0.169.0" in text
