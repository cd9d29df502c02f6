"""The `model` proposer over two protocols, from the brief to the answer."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from model_lab import CANARY, GOOD, NOTHING, STATEMENT, SUBMIT, WIDER, brief, copy, proposer
from model_servers import Fails, Hangs, ModelServer, Protocol, Resets, Says, Use
from tuner_lab import PROGRAM, Study

from deep_loop.clients.model_transcript import KEPT, Sessions
from deep_loop.core.call import Usage
from deep_loop.core.experiment import Crashed, Idea
from deep_loop.ports import Answer, Objection, Suggestion

both = pytest.mark.parametrize("protocol", ["anthropic", "openai"])


@both
def test_a_model_reads_edits_and_submits(tmp_path: Path, protocol: Protocol) -> None:
    """Its statement becomes the idea, and its edit lies in the copy."""
    with ModelServer(protocol, GOOD) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert answer.failure is None
    assert answer.idea == Idea("WIDTH 2**7 -> 2**8", "depth-width", "More units fit more.", "+0.5 %")
    assert (tmp_path / "copy" / "train.py").read_text() == PROGRAM.replace("WIDTH = 2**7 ", "WIDTH = 2**8 ")
    assert "WIDTH = 2**7" in server.said(1)  # the file that it read


@both
def test_the_brief_is_the_first_word(tmp_path: Path, protocol: Protocol) -> None:
    """What the prompts make of the brief is all that the model is told, besides its tools."""
    told = brief(suggestions=(Suggestion(4, "try a smaller WIDTH, friend"),))
    with ModelServer(protocol, [Says([NOTHING])]) as server:
        proposer(server, tmp_path).propose(told, copy(tmp_path / "copy"))
    body = server.got[0].json
    names = [tool.get("name") or tool["function"]["name"] for tool in body["tools"]]
    assert "try a smaller WIDTH, friend" in server.said(0)
    assert sorted(names) == sorted(
        ["list_files", "read_file", "search_files", "edit_file", "write_file", "show_experiment", "submit"]
    )
    assert len(body["messages"]) == 1


@both
def test_there_may_be_nothing_to_propose(tmp_path: Path, protocol: Protocol) -> None:
    """Then there is neither idea nor failure, and no session."""
    with ModelServer(protocol, [Says([NOTHING])]) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert (answer.idea, answer.failure, answer.session) == (None, None, "")
    assert len(answer.usages) == 1


@both
def test_a_statement_without_a_change_comes_back(tmp_path: Path, protocol: Protocol) -> None:
    """The model hears why, and may mend it in the same call."""
    with ModelServer(protocol, [Says([SUBMIT]), Says([WIDER, SUBMIT])]) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert answer.idea is not None
    assert "no editable file is changed yet" in server.said(1)


@both
def test_a_statement_beside_an_edit_that_fails_does_not_count(tmp_path: Path, protocol: Protocol) -> None:
    """Nobody submits what was not done."""
    wrong = Use("edit_file", {"path": "train.py", "old": "NOWHERE", "new": "x"})
    with ModelServer(protocol, [Says([WIDER]), Says([wrong, SUBMIT]), Says([SUBMIT])]) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert answer.idea is not None
    assert len(server.got) == 3


@both
def test_a_statement_in_words_counts_too(tmp_path: Path, protocol: Protocol) -> None:
    """Some models write the JSON instead of calling the tool; mere words are asked to go on."""
    words = f"Done.\n```json\n{json.dumps(STATEMENT)}\n```"
    with ModelServer(protocol, [Says([WIDER]), Says(text="I am done."), Says(text=words)]) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert answer.idea is not None
    assert answer.idea.title == STATEMENT["title"]
    assert "Words alone end nothing" in server.said(2)


@both
def test_prepare_py_is_out_of_reach(tmp_path: Path, protocol: Protocol) -> None:
    """An edit of a protected file is refused with the reason, and the file stays as it is."""
    forbidden = Use("write_file", {"path": "prepare.py", "text": "TIME_BUDGET = 100\n"})
    with ModelServer(protocol, [Says([forbidden]), Says([WIDER, SUBMIT])]) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert answer.idea is not None
    assert "prepare.py is protected" in server.said(1)
    assert (tmp_path / "copy" / "prepare.py").read_text() == "TIME_BUDGET = 2\n"


@both
def test_a_crash_is_mended_in_the_same_session(tmp_path: Path, protocol: Protocol) -> None:
    """Another process goes on with the conversation, from the file, and hears of the crash alone."""
    with ModelServer(protocol, GOOD) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
        first = len(server.got)
    mended = {**STATEMENT, "title": "WIDTH 2**7 -> 2**8, mended"}
    smaller = Use("edit_file", {"path": "train.py", "old": "WIDTH = 2**8 ", "new": "WIDTH = 192 "})
    again = [Says([smaller]), Says([Use("submit", mended)])]
    with ModelServer(protocol, again) as server:
        told = brief(call="uid-call-2")
        objection = Objection("crash", "RuntimeError: out of memory", answer.session)
        second = proposer(server, tmp_path).mend(told, tmp_path / "copy", objection)
    assert first == 3
    assert second.idea is not None
    assert (answer.session, second.session) == ("uid-call-1", "uid-call-2")
    assert "RuntimeError: out of memory" in server.said(0)
    assert len(server.got[0].json["messages"]) > 5  # the session's, and one more
    assert server.said(0).count("Propose one experiment") == 1
    log = (tmp_path / "logs" / "uid-call-2.log").read_text()
    assert log.startswith("--- to the model\n## Your change came back")


@both
def test_without_its_session_a_mend_gets_the_whole_brief(tmp_path: Path, protocol: Protocol) -> None:
    """A file that is lost or spoilt costs tokens, not the repair."""
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / "spoilt.json").write_text('[{"kind": "request"')
    for session in ("spoilt", "lost", "", "../../etc/passwd"):
        with ModelServer(protocol, [Says([WIDER, SUBMIT])]) as server:
            objection = Objection("refused", "the same code as experiment 7", session)
            answer = proposer(server, tmp_path).mend(brief(), copy(tmp_path / "copy"), objection)
        assert answer.idea is not None
        assert "the same code as experiment 7" in server.said(0)
        assert "Propose one experiment" in server.said(0)


def test_old_sessions_make_room(tmp_path: Path) -> None:
    """The folder does not grow for ever; the latest are there."""
    sessions = Sessions(tmp_path, str)
    for number in range(KEPT + 3):
        assert sessions.keep(f"call-{number}", []) == f"call-{number}"
        os.utime(tmp_path / f"call-{number}.json", (number, number))
    assert len(list(tmp_path.iterdir())) == KEPT
    assert sessions.find("call-0") is None
    assert sessions.find(f"call-{KEPT + 2}") == []
    assert sessions.keep("../call", []) == ""


@both
def test_what_was_used_is_counted(tmp_path: Path, protocol: Protocol) -> None:
    """All answers' tokens, those from and into the cache among them; a long prompt stands for itself."""
    script = [
        Says([Use("list_files", {})], input=1000, output=10, cached=200),
        Says([WIDER], input=2000, output=20, cached=300),
        Says([SUBMIT], input=90_000, output=30),
    ]
    with ModelServer(protocol, script) as server:
        told = proposer(server, tmp_path)
        answer = told.propose(brief(), copy(tmp_path / "copy"))
    model = "anthropic:claude-sonnet-4-6" if protocol == "anthropic" else "openai:gpt-5"
    assert answer.usages == (
        Usage(model, input_tokens=3500, output_tokens=30, cached_tokens=500, requests=2),
        Usage(model, input_tokens=90_000, output_tokens=30),
    )


def test_tokens_that_go_into_the_cache_are_counted(tmp_path: Path) -> None:
    """Anthropic says how many; they are a part of the input."""
    with ModelServer("anthropic", [Says([NOTHING], input=100, output=1, cached=20, written=3)]) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert answer.usages == (Usage("anthropic:claude-sonnet-4-6", 123, 1, 20, 3),)


@both
def test_a_server_that_does_not_count_is_counted_for(tmp_path: Path, protocol: Protocol) -> None:
    """By the length of what was said, so that no limit is passed unseen."""
    script = [Says([Use("read_file", {"path": "train.py"})], counts=False)]
    with ModelServer(protocol, script) as server:
        answer = proposer(server, tmp_path, max_tokens_per_call=20_000).propose(brief(), copy(tmp_path / "copy"))
    assert answer.failure is not None
    assert answer.failure.fault == "limit"
    assert 20_000 < sum(usage.tokens for usage in answer.usages) < 60_000


@both
def test_the_prompt_asks_to_be_cached(tmp_path: Path, protocol: Protocol) -> None:
    """Where a provider caches on request, each answer reads the brief again at a tenth of the price."""
    with ModelServer(protocol, [Says([NOTHING])]) as server:
        proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert ("cache_control" in server.said(0)) == (protocol == "anthropic")


@both
def test_settings_reach_the_model(tmp_path: Path, protocol: Protocol) -> None:
    """Temperature and the length of an answer are sent where they are set, and left out where not."""
    with ModelServer(protocol, [Says([NOTHING])]) as server:
        chosen = proposer(server, tmp_path, temperature=0.25, max_tokens_per_answer=5000, model=_old(protocol))
        chosen.propose(brief(), copy(tmp_path / "copy"))
        proposer(server, tmp_path, model=_old(protocol)).propose(brief(), copy(tmp_path / "copy"))
    first, second = (got.json for got in server.got)
    assert first["temperature"] == 0.25
    assert 5000 in (first.get("max_tokens"), first.get("max_completion_tokens"))
    assert "temperature" not in second


def _old(protocol: Protocol) -> str:
    """A model that takes a temperature."""
    return "anthropic:claude-haiku-4-5" if protocol == "anthropic" else "openai:gpt-4o"


@both
def test_an_earlier_experiment_can_be_looked_at(tmp_path: Path, protocol: Protocol) -> None:
    """Its purpose, its change and the end of its log; one that is not known is refused."""
    study = Study()
    study.turn({"GRAD_CLIP": "0.5"}, Crashed("the loss is not finite", 1), idea=Idea("clip harder", "other", "steps"))
    look = [Says([Use("show_experiment", {"number": 1})]), Says([Use("show_experiment", {"number": 9})])]
    with ModelServer(protocol, [*look, Says([NOTHING])]) as server:
        told = brief(study, log=lambda number: f"run {number}\nstep 3 loss nan\n")
        proposer(server, tmp_path).propose(told, copy(tmp_path / "copy"))
    shown = server.said(1)
    for words in ("clip harder", "-GRAD_CLIP = 1.0", "+GRAD_CLIP = 0.5", "step 3 loss nan", "not finite"):
        assert words in shown
    assert "no closed experiment 9; they go from 0 to 1" in server.said(2)


@both
def test_no_key_is_written_anywhere(tmp_path: Path, protocol: Protocol) -> None:
    """Not into logs, sessions, answers, prompts or the copy, though the model and the server repeat it."""
    leak = Use("write_file", {"path": "lib/key.py", "text": f"KEY = '{CANARY}'\n"})
    script = [
        Says([leak], text=f"I saw {CANARY}"),
        Says([WIDER]),
        Fails(500, words=f"bad key {CANARY}"),
        Says([SUBMIT]),
    ]
    with ModelServer(protocol, script) as server:
        told = brief(program=f"The key is {CANARY}.")
        answer = proposer(server, tmp_path).propose(told, copy(tmp_path / "copy", {"docs/key.md": CANARY}))
    with ModelServer(protocol, [Fails(401, words=f"wrong key {CANARY}")]) as refusing:
        failed = proposer(refusing, tmp_path).propose(brief(call="uid-call-2"), copy(tmp_path / "other"))
    assert answer.idea is not None
    assert failed.failure is not None
    assert CANARY not in repr(answer) + repr(failed)
    assert CANARY not in server.said(0)
    assert any(CANARY in value for value in server.got[0].headers.values())  # and there alone it belongs
    for folder in ("logs", "sessions"):
        written = [path.read_text() for path in (tmp_path / folder).iterdir()]
        assert written
        assert not any(CANARY in text for text in written)


@both
def test_the_log_tells_what_happened(tmp_path: Path, protocol: Protocol) -> None:
    """Words, calls, results, troubles and the end, in their order, each once."""
    script = [Says([Use("list_files", {})], text="Let me look."), Fails(529, "overloaded_error"), *GOOD[1:]]
    with ModelServer(protocol, script) as server:
        proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    log = (tmp_path / "logs" / "uid-call-1.log").read_text()
    places = [
        log.index(words)
        for words in (
            "--- to the model\n# Propose one experiment",
            "Let me look.",
            "--- calls list_files",
            "--- to the model, list_files",
            "--- no answer",
            "--- calls edit_file",
            "--- calls submit",
            "--- end\nWIDTH 2**7 -> 2**8",
        )
    ]
    assert places == sorted(places)
    assert log.count("--- calls") == 3


@both
def test_a_full_disk_loses_the_log_and_nothing_else(tmp_path: Path, protocol: Protocol) -> None:
    """Neither log nor session can be written: the proposal stands, and its mend will get the whole brief."""
    for name in ("logs", "sessions"):
        (tmp_path / name).write_text("a file where the folder should be")
    with ModelServer(protocol, GOOD) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert answer.idea is not None
    assert answer.session == ""


@both
@pytest.mark.parametrize("turn", [Hangs(), Fails(529), Resets()], ids=["hang", "storm", "reset"])
def test_stop_ends_a_call_within_a_second(tmp_path: Path, protocol: Protocol, turn: Hangs | Fails | Resets) -> None:
    """Whatever it waits for; what was spent by then is told."""
    with ModelServer(protocol, lambda number: GOOD[0] if number == 1 else turn) as server:
        asked = proposer(server, tmp_path, wait_seconds=30.0, retries=50)
        answers: list[Answer] = []
        thread = threading.Thread(target=lambda: answers.append(asked.propose(brief(), copy(tmp_path / "copy"))))
        thread.start()
        while len(server.got) < 2:
            time.sleep(0.01)
        begun = time.monotonic()
        asked.stop()
        thread.join()
        took = time.monotonic() - begun
        later = asked.propose(brief(), copy(tmp_path / "copy"))
    assert took < 1
    assert [answer.failure.fault for answer in (*answers, later) if answer.failure] == ["stopped", "stopped"]
    assert answers[0].usages[0].requests == 1
    assert len(server.got) == 2


def test_a_search_that_takes_forever_can_be_stopped(tmp_path: Path) -> None:
    """A pattern that backtracks without end holds neither the harness nor its end up."""
    evil = Use("search_files", {"pattern": r"^(a+)+$"})
    with ModelServer("openai", [Says([evil])]) as server:
        asked = proposer(server, tmp_path)
        folder = copy(tmp_path / "copy", {"lib/long.py": "a" * 60 + "b\n"})
        thread = threading.Thread(target=asked.propose, args=(brief(), folder))
        thread.start()
        while not server.got:
            time.sleep(0.01)
        time.sleep(0.5)
        begun = time.monotonic()
        asked.stop()
        thread.join()
    assert time.monotonic() - begun < 1


@both
def test_calls_of_several_threads_do_not_meet(tmp_path: Path, protocol: Protocol) -> None:
    """Each has a copy, a log and a session of its own."""
    answers: dict[int, Answer] = {}
    with ModelServer(protocol, [Says([WIDER, SUBMIT])]) as server:
        asked = proposer(server, tmp_path)

        def ask(number: int) -> None:
            told = replace(brief(), call=f"uid-call-{number}")
            answers[number] = asked.propose(told, copy(tmp_path / f"copy{number}"))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {answers[number].session for number in range(4)} == {f"uid-call-{number}" for number in range(4)}
    assert len(list((tmp_path / "logs").iterdir())) == 4
