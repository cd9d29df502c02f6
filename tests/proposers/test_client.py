"""What all clients have in common: a call as a job, and what is kept of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from deep_loop.adapters.proposers.client import Client
from deep_loop.clients.client import Call, Heard, Order, Said, Station
from deep_loop.core.call import Failure, Usage
from deep_loop.ports import Exit, Job, Objection
from deep_loop.testing.doubles import InstantExecutor
from deep_loop.testing.proposer_contract import FILES, TRAIN, brief, checkout, contents

SECRET = "sk-very-secret-000111"
STATED = '{"title": "a deeper net", "kind": "depth-width", "rationale": "because"}'


LOST = {"lost": True, "failure": Failure("nonsense", "no such session"), "usages": (Usage("m", 1),)}


@dataclass
class Plain:
    """A dialect whose client prints its statement and nothing else."""

    name: str = "plain"
    program: str = "sh"
    timeout_seconds: float = 7.0
    network: bool = True
    litter: Sequence[str] = ()
    heard_with: Mapping[str, object] | None = None
    doubted: Failure | None = None

    def order(self, call: Call) -> Order:
        return Order("plain --go", {"OWN": "yes"}, (call.folder.parent.parent / "elsewhere",))

    def heard(self, call: Call, said: Said) -> Heard:
        self.said = said
        return replace(Heard(text=said.output), **(self.heard_with or {}))  # type: ignore[arg-type]

    def doubt(self, output: str) -> Failure | None:
        return self.doubted


def prints(text: str = STATED, change: str | None = "DEPTH = 8\n", exit: Exit | None = None) -> Callable[[Job], Exit]:
    """A client that writes `train.py`, and this to standard output."""

    def run(job: Job) -> Exit:
        if change is not None:
            (job.folder / "train.py").write_text(change)
        output = Path(job.command.rpartition("> ")[2])
        output.write_text(text)
        return exit or Exit(0, 1.0, "on standard error\n")

    return run


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., tuple[Client, InstantExecutor]]:
    """Makes a client of the plain dialect whose process is a function."""

    def client(run: Callable[[Job], Exit], held: bool = False, **others: object) -> tuple[Client, InstantExecutor]:
        executor = InstantExecutor(run, held=lambda job: held)  # until somebody stops it
        network = {"HTTPS_PROXY": f"http://ada:{SECRET}2@proxy.example"}
        station = Station(executor, tmp_path / "own", tmp_path / "logs", {"KEY": SECRET}, network)
        return Client(Plain(**others), station, lambda: 5.0), executor  # type: ignore[arg-type]

    return client


def test_a_call_is_one_job(make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path) -> None:
    """With its mark, its limits, its places and what it needs of the environment; protected files are named."""
    client, executor = make(prints())
    told, place = brief(), checkout(tmp_path / "checkout")
    assert client.propose(told, place).idea is not None
    (job,) = executor.jobs
    assert (job.id, job.folder, job.timeout_seconds) == (told.call, place, 7.0)
    assert (job.network, job.courteous, job.protected) == (True, True, (place / "prepare.py",))
    assert job.command.startswith("{ plain --go\n} < ")
    assert {name: job.env[name] for name in ("KEY", "OWN", "CUDA_VISIBLE_DEVICES")} == {
        "KEY": SECRET,
        "OWN": "yes",
        "CUDA_VISIBLE_DEVICES": "",
    }
    folder = tmp_path / "logs" / told.call
    assert job.writes == (folder, tmp_path / "elsewhere")
    assert job.log == tmp_path / "logs" / f"{told.call}.log"  # not where the agent could replace it
    assert not (place / "prompt.md").exists() and "val_bpb" in (folder / "prompt.md").read_text()


def test_each_call_has_a_folder_of_its_own(make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path) -> None:
    """Also where the same call comes again: what was said before is not written over."""
    client, executor = make(prints())
    told = brief(call="study/call-1")
    for name in ("one", "two"):
        client.propose(told, checkout(tmp_path / name))
    assert sorted(path.name for path in (tmp_path / "logs").iterdir() if path.is_dir()) == [
        "study-call-1",
        "study-call-1-2",
    ]
    assert [job.id for job in executor.jobs] == ["study/call-1"] * 2


@pytest.mark.parametrize(
    ("exit", "failure"),
    [
        (Exit(None, 1.0, "", interrupted=True), Failure("stopped", "the harness stopped it")),
        (Exit(None, 1.0, "", timed_out=True), Failure("slow", "it was not done after 7 s")),
        (Exit(None, 0.0, "", problem="cannot start the run: no"), Failure("setup", "cannot start the run: no")),
        (Exit(127, 0.0, "sh: 1: plain: not found\n"), Failure("setup", "sh: 1: plain: not found")),
    ],
)
def test_how_a_job_ends(
    make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path, exit: Exit, failure: Failure
) -> None:
    """What it used is told all the same; what it changed does not count."""
    usages = (Usage("m", 10, 1),)
    client, _ = make(prints("", exit=exit), heard_with={"usages": usages, "text": "" if exit.code else STATED})
    answer = client.propose(brief(), checkout(tmp_path / "checkout"))
    assert (answer.idea, answer.failure, answer.usages) == (None, failure, usages)


def test_a_call_in_doubt_is_ended(make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path) -> None:
    """For the reason that its dialect gives."""
    doubted = Failure("network", "it waits in vain")
    client, _ = make(prints(), doubted=doubted)
    assert client.propose(brief(), checkout(tmp_path / "checkout")).failure == doubted


def test_nothing_is_started_after_a_stop(make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path) -> None:
    """A call that was about to begin answers like one that was stopped."""
    client, executor = make(prints())
    client.stop()
    answer = client.propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure is not None and answer.failure.fault == "stopped"
    assert not executor.jobs


def test_a_lost_session_is_asked_again_once(
    make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path
) -> None:
    """In a new one, with the whole brief; a new one that is lost too is the end of it."""
    client, executor = make(prints(), heard_with=LOST)
    place = checkout(tmp_path / "checkout")
    answer = client.mend(brief(), place, Objection("crash", "ValueError: x", "gone"))
    assert answer.failure is not None and len(executor.jobs) == 2
    assert len(answer.usages) == 2  # what the first used is not forgotten
    prompts = [path.read_text() for path in sorted((tmp_path / "logs").glob("*/prompt.md"), key=lambda p: len(str(p)))]
    assert ["Find the constants" in text for text in prompts] == [False, True]
    assert all("ValueError: x" in text for text in prompts)
    client.propose(brief(), place)
    assert len(executor.jobs) == 4


def test_secrets_leave_no_trace(make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path) -> None:
    """Not in what is kept of the call, nor in what the dialect hears, nor in the answer."""

    def leaks(job: Job) -> Exit:
        job.log.parent.mkdir(parents=True, exist_ok=True)
        return prints(f"I know {SECRET} and {SECRET}2 well", exit=Exit(0, 1.0, f"key {SECRET}"))(job)

    client, _ = make(leaks)
    answer = client.propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.idea is not None
    assert answer.idea.title == "I know *** and *** well"
    for path in (tmp_path / "logs").rglob("*"):
        assert path.is_dir() or SECRET not in path.read_text()


def test_a_stop_in_the_moment_of_a_start(make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path) -> None:
    """Is not lost: the executor is stopped again."""
    clients: list[Client] = []

    def stopped_meanwhile(job: Job) -> Exit:
        clients[0].stop()
        return prints()(job)

    client, _ = make(stopped_meanwhile, held=True)
    clients.append(client)
    answer = client.propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure is not None and answer.failure.fault == "stopped"


def test_what_stands_in_the_place_of_an_output_is_not_followed(
    make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path
) -> None:
    """The agent can write to the folder of its call: a link there leads nowhere."""
    (tmp_path / "diary").write_text(STATED)

    def links(job: Job) -> Exit:
        output = Path(job.command.rpartition("> ")[2])
        output.symlink_to(tmp_path / "diary")
        return Exit(0, 1.0, "")

    client, _ = make(links)
    answer = client.propose(brief(), checkout(tmp_path / "checkout"))
    assert (answer.idea, answer.failure) == (None, None)
    assert (tmp_path / "diary").read_text() == STATED


@pytest.mark.parametrize(
    ("text", "change", "title"),
    [
        (STATED, "DEPTH = 8\n", "a deeper net"),
        (STATED, None, "a deeper net"),  # the harness sees that nothing has changed
        ('{"title": "", "nothing": "all was tried"}', "DEPTH = 8\n", None),
        ("# **Deeper**, then\n\nmore.", TRAIN.replace("DEPTH = 4", "DEPTH = 8"), "Deeper**, then"),
        ("", TRAIN.replace("DEPTH = 4", "DEPTH = 8"), "DEPTH 4 -> 8"),
        ("\n---\n", "print(1)\n", "changes train.py"),
        ("I see no way.", None, None),
    ],
)
def test_an_idea_is_what_it_states_or_what_it_did(
    make: Callable[..., tuple[Client, InstantExecutor]],
    tmp_path: Path,
    text: str,
    change: str | None,
    title: str | None,
) -> None:
    """A change is never lost for want of a statement, and never invented."""
    client, _ = make(prints(text, change))
    idea = client.propose(brief(), checkout(tmp_path / "checkout")).idea
    assert (idea.title if idea else None) == title


def test_what_changed_in_its_repository_alone_is_no_change(
    make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path
) -> None:
    """It may stage and commit as it likes."""

    def commits(job: Job) -> Exit:
        (job.folder / ".git" / "config").write_text("[user]\n")
        return prints("Done.", None)(job)

    client, _ = make(commits)
    assert client.propose(brief(), checkout(tmp_path / "checkout")).idea is None


def test_litter_is_removed_where_it_is_new(make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path) -> None:
    """What the task itself has of that name stays."""

    def litters(job: Job) -> Exit:
        (job.folder / "new.log").write_text("x")
        return prints("I changed nothing.", None)(job)

    client, _ = make(litters, litter=("*.log",))
    place = checkout(tmp_path / "checkout", {**FILES, "old.log": "kept"})
    assert client.propose(brief(), place).idea is None
    assert contents(place) == {**FILES, "old.log": "kept"}


def test_a_program_that_is_not_there(make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path) -> None:
    """Is a matter of setting it up, and nothing is started."""
    client, executor = make(prints(), program="deep-loop-no-such-client")
    answer = client.propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure == Failure("setup", "deep-loop-no-such-client is not installed, or not on the PATH")
    assert not executor.jobs


def test_logs_that_cannot_be_written(make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path) -> None:
    """A full or forbidden disk is a failure like others."""
    (tmp_path / "logs").write_text("a file")
    client, _ = make(prints())
    answer = client.propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure is not None and answer.failure.fault == "setup"


def test_several_at_once(make: Callable[..., tuple[Client, InstantExecutor]], tmp_path: Path) -> None:
    """Calls do not get into each other's way."""
    client, executor = make(prints())
    places = [checkout(tmp_path / f"checkout-{number}") for number in range(4)]
    ideas: list[object] = []
    told = brief()
    threads = [threading.Thread(target=lambda at=at: ideas.append(client.propose(told, at).idea)) for at in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job.log for job in executor.jobs}) == 4
    assert all(idea is not None for idea in ideas)
