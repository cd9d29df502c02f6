"""From the study's thread to all channels, without ever keeping it waiting."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from deep_loop.adapters.observers.channel import Channel
from deep_loop.adapters.observers.courier import Courier
from deep_loop.adapters.observers.message import Message, plural
from deep_loop.adapters.observers.outbox import Content, Outbox
from deep_loop.adapters.observers.pace import Pace

MOST = 10_000  # messages on their way to the couriers; reached only where the disk hangs
RECENT = 200  # texts that are remembered
STOPPING = 1.0  # seconds for what can be broken off


@dataclass(frozen=True, slots=True)
class Tally:
    """What has become of the events that one channel was to tell."""

    channel: str
    delivered: int
    left: int  # neither delivered nor given up
    refused: int  # given up
    problem: str | None  # why, where the last attempt failed

    @property
    def good(self) -> bool:
        """Whether all were delivered."""
        return not self.left and not self.refused


class Delivery:
    """Hands messages to the channels in the background: a courier for each, and a clerk before them.

    The clerk leaves out what was told a moment ago and keeps the outbox. With an outbox, what is not delivered when
    this process ends, in whatever way, is delivered by the next one that has it; a message may then come twice, with
    the same identity, where the process died between delivering it and noting that. Without channels it does nothing.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        pace: Pace,
        redact: Callable[[str], str],
        say: Callable[[str], None],
        outbox: Outbox | None = None,
    ) -> None:
        """`redact` takes secrets out of what channels say; `say` hears, in any thread, what a person should know."""
        self._pace = pace
        self._say = say
        self._outbox = outbox
        left = outbox.read() if outbox else Content()
        young = {name: tuple(filter(self._young, messages)) for name, messages in left.waiting.items()}
        self._recent = dict(left.recent)
        self._keeping = threading.Lock()
        self._inbox: queue.Queue[Message | None] = queue.Queue(MOST)
        self._couriers = [
            Courier(channel, pace, redact, say, self._keep, young.get(channel.name, ())) for channel in channels
        ]
        self._clerk = threading.Thread(target=self._sort, name="notify", daemon=True)
        self._started = False
        if any(courier.waiting() for courier in self._couriers):
            self._start()

    def post(self, message: Message) -> None:
        """Have it delivered. Returns at once, and never fails."""
        if not self._couriers:
            return
        self._start()
        try:
            self._inbox.put_nowait(message)
        except queue.Full:
            self._say(f"not sent to anybody, too many events at once: {message.text}")

    def close(self, seconds: float) -> tuple[Tally, ...]:
        """Give what is on its way that much time, then end; what is left stays in the outbox. Once only."""
        until = time.monotonic() + seconds
        if self._started:
            self._end(until)
        with self._keeping:
            if self._outbox:
                self._outbox.close()
            self._outbox = None
        return tuple(self._tally(courier) for courier in self._couriers)

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        try:
            self._clerk.start()
            for courier in self._couriers:
                courier.start()
        except RuntimeError as error:  # no threads left
            self._say(f"nothing is sent to anybody: {error}")

    def _end(self, until: float) -> None:
        with suppress(queue.Full):
            self._inbox.put(None, timeout=max(STOPPING, until - time.monotonic()))
            self._clerk.join(max(STOPPING, until - time.monotonic()))  # it has only to write down what there is
        for courier in self._couriers:
            courier.close()
        for courier in self._couriers:
            courier.join(until)
        for courier in self._couriers:
            courier.stop()
        stopped = time.monotonic() + STOPPING
        for courier in self._couriers:
            courier.join(stopped)
        self._keep()

    def _young(self, message: Message) -> bool:
        """Whether a message that was left is still worth sending; says where it is not."""
        young = time.time() - message.at <= self._pace.given_up
        if not young:
            self._say(f"left by an earlier run and too old to be sent: {message.text}")
        return young

    @staticmethod
    def _tally(courier: Courier) -> Tally:
        left = sum(message.count for message in courier.waiting())
        return Tally(courier.name, courier.delivered, left, courier.refused, courier.problem)

    # --- the clerk's thread ------------------------------------------------------------------------

    def _sort(self) -> None:
        going_on = True
        while going_on:
            batch = [self._inbox.get()]
            while True:
                try:
                    batch.append(self._inbox.get_nowait())
                except queue.Empty:
                    break
            for message in batch:
                if message is not None and self._new(message):
                    for courier in self._couriers:
                        courier.take(message)
            self._keep()
            going_on = None not in batch

    def _new(self, message: Message) -> bool:
        """Whether its text was not told a moment ago."""
        told = f"{message.study}: {message.text}"
        with self._keeping:
            before = self._recent.get(told)
            if before is not None and 0 <= message.at - before < self._pace.same:
                return False
            self._recent.pop(told, None)
            self._recent[told] = message.at
            if len(self._recent) > RECENT:
                del self._recent[next(iter(self._recent))]  # the one that was told first
        return True

    def _keep(self) -> None:
        """Write down what waits, if anything changed."""
        with self._keeping:
            if self._outbox is None:
                return
            waiting = {courier.name: courier.waiting() for courier in self._couriers}
            kept = {name: messages for name, messages in waiting.items() if messages}
            self._outbox.write(Content(kept, dict(self._recent)))


def words(tally: Tally, kept: bool) -> str:
    """What has become of a channel's events, in a line for a person."""
    parts = [f"{plural(tally.delivered, 'event')} told"] if tally.delivered else []
    if tally.left:
        parts.append(f"{plural(tally.left, 'event')} not told" + (", kept for the next run" if kept else ""))
    if tally.refused:
        parts.append(f"{plural(tally.refused, 'event')} given up")
    why = f" ({tally.problem})" if tally.problem and not tally.good else ""
    return f"{tally.channel}: {', '.join(parts) or 'nothing to tell'}{why}"
