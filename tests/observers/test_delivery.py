"""Delivery under failure and flood: real channels against receivers on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from receiver import Answer, Receiver, eventually

from deep_loop.adapters.observers.apprise_url import AppriseUrl
from deep_loop.adapters.observers.channel import Channel
from deep_loop.adapters.observers.delivery import Delivery, Tally, words
from deep_loop.adapters.observers.log import Log
from deep_loop.adapters.observers.message import Message
from deep_loop.adapters.observers.notify import Notifier, When
from deep_loop.adapters.observers.openclaw import OpenClaw
from deep_loop.adapters.observers.outbox import FILE, Outbox, open_outbox
from deep_loop.adapters.observers.pace import Pace
from deep_loop.adapters.observers.webhook import Webhook
from deep_loop.core.event import Revised
from deep_loop.core.metric import Metric

EAGER = Pace(most=100, first_wait=0.05, longest_wait=0.2)
FLOOD = 1000


@dataclass
class Sender:
    """A delivery with what it said."""

    delivery: Delivery
    said: list[str] = field(default_factory=list)

    def post(self, *texts: str, event: str = "plateau") -> None:
        for text in texts:
            self.delivery.post(message(text, event))


def message(text: str, event: str = "plateau", at: float | None = None) -> Message:
    return Message(event, text, f"safe {text}", time.time() if at is None else at, study="exp1")  # type: ignore[arg-type]


@contextmanager
def sender(*channels: Channel, pace: Pace = EAGER, outbox: Outbox | None = None) -> Iterator[Sender]:
    """A delivery that is closed without waiting at the end, if the test did not close it."""
    said: list[str] = []
    found = Sender(Delivery(channels, pace, lambda text: text.replace("canary", "***"), said.append, outbox), said)
    yield found
    found.delivery.close(0)


def sent(receiver: Receiver) -> int:
    """How many events a webhook was told of."""
    return sum(got.json["data"]["count"] for got in receiver.got)


def nowhere() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/canary"


def test_messages_arrive_in_order_and_once() -> None:
    """By the time the delivery is closed, where the channel works."""
    with Receiver() as receiver, sender(Webhook(receiver.url(), None)) as post:
        post.post("one", "two", "three")
        assert post.delivery.close(30) == (Tally("webhook", 3, 0, 0, None),)
    assert receiver.told == ["one", "two", "three"]
    assert not post.said


def test_a_server_that_fails_twice_gets_it_the_third_time() -> None:
    """Later each time; a person hears that it does not take messages, and that it does again, each once."""
    with Receiver(lambda n: Answer(503 if n < 3 else 204)) as receiver, sender(Webhook(receiver.url(), None)) as post:
        post.post("one")
        eventually(lambda: len(receiver.got) == 3)
        eventually(lambda: len(post.said) == 2)
    assert receiver.told == ["one"] * 3
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    first, second, third = (got.at for got in receiver.got)
    assert second - first >= 0.05 and third - second >= 0.1
    assert post.said == [
        "webhook does not take messages, and is tried again: HTTP 503",
        "webhook takes messages again",
    ]


def test_a_server_that_asks_for_time_gets_it() -> None:
    """429 with Retry-After: the next attempt comes no sooner, though the study ends meanwhile."""
    answers = {1: Answer(429, {"Retry-After": "1"})}
    with Receiver(lambda n: answers.get(n, Answer())) as receiver, sender(Webhook(receiver.url(), None)) as post:
        post.post("one")
        eventually(lambda: receiver.got)
        assert post.delivery.close(30)[0].delivered == 1
    first, second = (got.at for got in receiver.got)
    assert second - first >= 1


def test_a_server_that_asks_for_hours_is_not_waited_for() -> None:
    """What it was to be told is left over when the study ends."""
    with (
        Receiver(lambda n: Answer(429, {"Retry-After": "90000"})) as receiver,
        sender(Webhook(receiver.url(), None)) as post,
    ):
        post.post("one")
        eventually(lambda: receiver.got)
        eventually(lambda: post.said)
        assert post.delivery.close(0.5) == (Tally("webhook", 0, 1, 0, "HTTP 429"),)
    assert len(receiver.got) == 1


def test_what_can_never_go_through_is_given_up_and_the_next_is_sent() -> None:
    """A person hears of each that was given up."""
    with Receiver(lambda n: Answer(404 if n == 1 else 204)) as receiver, sender(Webhook(receiver.url(), None)) as post:
        post.post("one", "two")
        assert post.delivery.close(30) == (Tally("webhook", 1, 0, 1, None),)
    assert receiver.told == ["one", "two"]
    assert post.said == ["not told by webhook, 1 event given up: HTTP 404", "webhook takes messages again"]


def test_a_dead_channel_does_not_touch_a_live_one() -> None:
    """Nor one that hangs; what each of them says of it holds no secret."""
    with Receiver() as live, Receiver(None) as never:
        dead, hanging = Webhook(nowhere(), None), Webhook(never.url(), None)
        dead.name, hanging.name = "dead", "hanging"
        with sender(dead, hanging, Webhook(live.url(), None)) as post:
            post.post("one", "two")
            eventually(lambda: live.told == ["one", "two"])
            begun = time.monotonic()
            tallies = {tally.channel: tally for tally in post.delivery.close(0.5)}
            assert time.monotonic() - begun < 20
    assert tallies["webhook"].good
    assert tallies["dead"] == Tally("dead", 0, 2, 0, "connection refused")
    assert tallies["hanging"].left == 2
    assert post.said[0] == "dead does not take messages, and is tried again: connection refused"


def test_the_same_text_is_sent_once_in_a_while() -> None:
    """Another study's, and the same much later, are others."""
    with Receiver() as receiver, sender(Webhook(receiver.url(), None)) as post:
        post.post("one", "one", "two", "one")
        post.delivery.post(replace(message("one"), study="exp2"))
        post.delivery.post(message("one", at=time.time() + EAGER.same))
        post.delivery.close(30)
    assert receiver.told == ["one", "two", "one", "one"]


def test_too_many_are_put_together() -> None:
    """At most so many messages in the window, nothing is lost, and the most important one leads."""
    with Receiver() as receiver, sender(Webhook(receiver.url(), None), pace=Pace(most=3, window=600)) as post:
        post.post(*(f"text {n}" for n in range(50)))
        post.post("a breakthrough", event="breakthrough")
        eventually(lambda: len(receiver.got) == 3)
        time.sleep(0.2)  # long enough for more, if there were any
        assert len(receiver.got) == 3
        post.delivery.close(30)
    assert sent(receiver) == 51
    assert len(receiver.got) <= 4
    assert any("the main one: a breakthrough" in text for text in receiver.told)


def test_the_pace_lets_messages_through_again() -> None:
    """When the window has passed."""
    with Receiver() as receiver, sender(Webhook(receiver.url(), None), pace=Pace(most=2, window=1)) as post:
        post.post("one", "two")
        eventually(lambda: len(receiver.got) == 2)
        post.post("three")
        eventually(lambda: len(receiver.got) == 3)
    assert receiver.got[2].at - receiver.got[0].at >= 0.9


def test_a_failing_server_is_not_flooded_either() -> None:
    """Attempts are paced whether they fail for now or for good."""
    for status in (401, 500):
        with (
            Receiver(lambda n, status=status: Answer(status)) as receiver,
            sender(Webhook(receiver.url(), None), pace=Pace(most=3, window=600, first_wait=600)) as post,
        ):
            post.post(*(f"text {n}" for n in range(100)))
            eventually(lambda receiver=receiver: receiver.got)
            time.sleep(0.3)
            assert len(receiver.got) <= 3


def test_a_bug_of_a_library_costs_one_message() -> None:
    """The courier goes on with the next."""

    class Faulty:
        name = "faulty"
        sent: list[str] = []  # noqa: RUF012  (one object for one test)

        def send(self, message: Message, stop: threading.Event) -> None:
            if message.text == "one":
                raise ZeroDivisionError("canary")
            self.sent.append(message.text)

    with sender(Faulty()) as post:
        post.post("one", "two")
        assert post.delivery.close(30)[0].refused == 1
    assert Faulty.sent == ["two"]
    assert post.said[0] == "not told by faulty, 1 event given up: ZeroDivisionError: ***"


def test_without_channels_there_is_no_thread() -> None:
    """Nothing is set up for nobody."""
    before = threading.active_count()
    with sender() as post:
        post.post("one")
        assert threading.active_count() == before
        assert post.delivery.close(30) == ()


# --- a flood ----------------------------------------------------------------------------------


def test_a_flood_neither_delays_the_study_nor_loses_a_line(tmp_path: Path) -> None:
    """A thousand events at once, to a channel that works, one that hangs, one that is dead, one that fails at first."""
    claw = tmp_path / "openclaw"
    claw.write_text(f'#!/bin/sh\nprintf "%s\\n" "$4" >> {tmp_path}/said\n')
    claw.chmod(0o755)
    log = tmp_path / "notify.log"
    with Receiver() as live, Receiver(lambda n: Answer(503 if n < 3 else 204)) as slow, Receiver(None) as never:
        channels: Sequence[Channel] = (
            Webhook(live.url(), None),
            AppriseUrl(slow.url("/a", "json")),
            named(Webhook(never.url(), None), "hanging"),
            named(Webhook(nowhere(), None), "dead"),
            OpenClaw(str(claw), os.environ),
        )
        with sender(*channels, pace=Pace(first_wait=0.05), outbox=open_outbox(tmp_path / ".deep-loop")) as post:
            notifier = Notifier(Log(log), Metric("val_bpb"), When(), study="exp1", post=post.delivery.post)
            took = [seconds(lambda n=n: notifier.hear(Revised(n, f"summary {n}", n))) for n in range(FLOOD)]
            assert sorted(took)[FLOOD // 2] < 0.02 and sum(took) < 20
            tallies = {tally.channel: tally for tally in post.delivery.close(8)}
    lines = log.read_text().splitlines()
    assert len(lines) == FLOOD and all(f"strategy v{n}, " in line for n, line in enumerate(lines))
    assert sent(live) == FLOOD and len(live.got) <= 12
    assert len(slow.got) <= 14
    assert tallies["webhook"] == Tally("webhook", FLOOD, 0, 0, None)
    assert tallies["json"].delivered == FLOOD
    assert tallies["dead"].left == tallies["hanging"].left == FLOOD
    told = (tmp_path / "said").read_text().splitlines()
    assert len(told) <= 12 and tallies["openclaw"].delivered == FLOOD
    assert all(line.startswith("deep-loop exp1: ") for line in told)
    assert not any("summary" in line for line in told)
    kept = json.loads((tmp_path / ".deep-loop" / FILE).read_text())
    assert {*kept["waiting"]} == {"dead", "hanging"}
    assert (tmp_path / ".deep-loop" / FILE).stat().st_size < 500_000


def named(channel: Webhook, name: str) -> Webhook:
    channel.name = name
    return channel


def seconds(call: Callable[[], None]) -> float:
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


# --- what is kept on the disk -----------------------------------------------------------------


def opened(folder: Path) -> Outbox:
    found = open_outbox(folder)
    assert found is not None
    return found


def test_what_is_left_is_delivered_next_time(tmp_path: Path) -> None:
    """With its identity, and its date where it is late; what was told shortly before is not told again."""
    with Receiver(lambda n: Answer(503)) as receiver:
        url = receiver.url()
        with sender(Webhook(url, None), outbox=opened(tmp_path)) as post:
            post.delivery.post(message("one", at=time.time() - 3600))
            post.post("two")
            (tally,) = post.delivery.close(0.5)
            assert tally.left == 2
            assert words(tally, kept=True) == "webhook: 2 events not told, kept for the next run (HTTP 503)"
        identity = receiver.got[0].headers["webhook-id"]
    with Receiver() as receiver:
        with sender(Webhook(receiver.url(), None), outbox=opened(tmp_path)) as post:
            post.post("two")
            assert post.delivery.close(30)[0].good
        assert [text.partition(" (of ")[0] for text in receiver.told] == ["one", "two"]
        assert " (of 20" in receiver.told[0] and " (of " not in receiver.told[1]
        assert receiver.got[0].headers["webhook-id"] == identity
        with sender(Webhook(receiver.url(), None), outbox=opened(tmp_path)) as post:
            assert post.delivery.close(30)[0].delivered == 0


def test_what_is_too_old_is_not_sent(tmp_path: Path) -> None:
    """A person hears of it; a channel that is not asked for any more is forgotten."""
    pace = replace(EAGER, given_up=3600)
    with sender(Webhook(nowhere(), None), pace=EAGER, outbox=opened(tmp_path)) as post:
        post.delivery.post(message("old", at=time.time() - 4000))
        post.delivery.close(0.3)
    with Receiver() as receiver, sender(Webhook(receiver.url(), None), pace=pace, outbox=opened(tmp_path)) as post:
        assert post.said == ["left by an earlier run and too old to be sent: old"]
        post.delivery.close(30)
        assert not receiver.got


@pytest.mark.parametrize("content", ["", "{", "[]", '{"waiting": {"webhook": [{"event": "party"}]}}', "\0" * 9])
def test_an_outbox_that_makes_no_sense_is_an_empty_one(tmp_path: Path, content: str) -> None:
    """It stands in nobody's way."""
    (tmp_path / FILE).write_text(content)
    with Receiver() as receiver, sender(Webhook(receiver.url(), None), outbox=opened(tmp_path)) as post:
        post.post("one")
        assert post.delivery.close(30)[0].good


def test_one_process_has_the_outbox(tmp_path: Path) -> None:
    """Another does without; so does one for which there is no folder."""
    first = opened(tmp_path)
    assert open_outbox(tmp_path) is None
    first.close()
    opened(tmp_path).close()
    (tmp_path / "file").write_text("")
    assert open_outbox(tmp_path / "file") is None


def test_a_study_killed_in_the_middle_tells_the_rest_next_time(tmp_path: Path) -> None:
    """SIGKILL while a server fails: its messages are there for the next process, and told once each."""
    code = """
        import sys, time
        from pathlib import Path
        from deep_loop.adapters.observers.delivery import Delivery
        from deep_loop.adapters.observers.message import Message
        from deep_loop.adapters.observers.outbox import open_outbox
        from deep_loop.adapters.observers.pace import Pace
        from deep_loop.adapters.observers.webhook import Webhook

        outbox = open_outbox(Path(sys.argv[2]))
        delivery = Delivery([Webhook(sys.argv[1], None)], Pace(first_wait=600), str, print, outbox)
        for text in ("one", "two", "three"):
            delivery.post(Message("plateau", text, text, time.time(), "exp1"))
        print("posted", flush=True)
        time.sleep(600)
    """
    with Receiver(lambda n: Answer() if n == 1 else Answer(503)) as receiver:
        command = [sys.executable, "-c", textwrap.dedent(code), receiver.url(), str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            eventually(lambda: len(receiver.got) == 2)
            eventually(lambda: left(tmp_path) == ["two", "three"])
            process.send_signal(signal.SIGKILL)
    with Receiver() as again, sender(Webhook(again.url(), None), outbox=opened(tmp_path)) as post:
        post.post("two", "four")
        assert post.delivery.close(30)[0].delivered == 3
    assert again.told == ["two", "three", "four"]


def left(folder: Path) -> list[str]:
    """The texts that an outbox holds."""
    try:
        waiting = json.loads((folder / FILE).read_text())["waiting"]
    except FileNotFoundError:
        return []
    return [kept["text"] for kept in waiting.get("webhook", [])]
