"""Takes messages to one channel, in a thread of its own: never too often, again where that failed, until it is told."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from deep_loop.adapters.observers.channel import Channel, ChannelError
from deep_loop.adapters.observers.message import Message, dated, digest, plural
from deep_loop.adapters.observers.pace import Pace

MOST_WAITING = 200  # messages kept one by one; more are put together at once
LONGEST_ASKED = 3600.0  # seconds that a channel may ask us to stay away


class Courier:
    """One channel's messages, from `take` to the channel, or to being given up.

    What was tried once is tried again as it is, with the same identity. Where the pace lets only one more message
    through, all that wait go as one digest. `redact` takes secrets out of what a channel says of its failures. `say`
    hears what a person should know, `changed` that something was delivered or given up; both are called in the
    courier's thread.
    """

    def __init__(
        self,
        channel: Channel,
        pace: Pace,
        redact: Callable[[str], str],
        say: Callable[[str], None],
        changed: Callable[[], None],
        waiting: Sequence[Message] = (),
    ) -> None:
        self.name = channel.name
        self.delivered = 0  # events
        self.refused = 0  # events that were given up
        self.problem: str | None = None  # the latest, where the last attempt failed
        self._channel = channel
        self._pace = pace
        self._redact = redact
        self._say = say
        self._changed = changed
        self._wake = threading.Condition()
        self._waiting = deque(waiting)
        self._trying: Message | None = None
        self._sent: deque[float] = deque(maxlen=pace.most)  # when; times of time.monotonic
        self._failures = 0  # in a row
        self._not_before = 0.0
        self._asked_before = 0.0  # by the channel itself
        self._closing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"notify {channel.name}", daemon=True)

    def start(self) -> None:
        """Begin; raises RuntimeError where the system has no thread for it."""
        self._thread.start()

    def take(self, message: Message) -> None:
        """Deliver it as soon as may be. Returns at once."""
        with self._wake:
            self._waiting.append(message)
            if len(self._waiting) > MOST_WAITING:
                self._waiting = deque([digest(self._waiting)])
            self._wake.notify()

    def waiting(self) -> tuple[Message, ...]:
        """What is not delivered yet, oldest first."""
        with self._wake:
            return (*((self._trying,) if self._trying else ()), *self._waiting)

    def close(self) -> None:
        """Try what is left without waiting for the pace, and end when nothing is left."""
        with self._wake:
            self._closing = True
            self._not_before = 0.0
            self._failures = 0
            self._wake.notify()

    def stop(self) -> None:
        """End now, where it is; what cannot be broken off goes on in its thread for as long as it lasts."""
        self._stop.set()
        with self._wake:
            self._wake.notify()

    def join(self, until: float) -> None:
        """Wait for it to end, at most until `until` (of time.monotonic)."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, until - time.monotonic()))

    # --- the courier's own thread ------------------------------------------------------------------

    def _work(self) -> None:
        while (message := self._next()) is not None:
            self._deliver(message)

    def _next(self) -> Message | None:
        """The next message, once it may be sent; None at the end."""
        with self._wake:
            while not self._stop.is_set():
                if self._trying is None and not self._waiting:
                    if self._closing:
                        return None
                    self._wake.wait()
                elif (pause := self._pause()) > 0:
                    self._wake.wait(pause)
                else:
                    self._trying = self._trying or self._choose()
                    return self._trying
            return None

    def _pause(self) -> float:
        """Seconds until the next attempt."""
        now = time.monotonic()
        until = max(self._not_before, self._asked_before)
        if self._trying is None and not self._closing and len(self._sent) == self._pace.most:
            until = max(until, self._sent[0] + self._pace.window)
        return until - now

    def _choose(self) -> Message:
        """The oldest message, or all of them as one."""
        since = time.monotonic() - self._pace.window
        room = self._pace.most - sum(sent > since for sent in self._sent)
        if len(self._waiting) == 1 or (room >= len(self._waiting) or (room > 1 and not self._closing)):
            return self._waiting.popleft()
        together = digest(self._waiting)
        self._waiting.clear()
        return together

    def _deliver(self, message: Message) -> None:
        now = time.time()
        error: ChannelError | None = None
        try:
            self._channel.send(dated(message, now, self._pace.late), self._stop)
        except ChannelError as failed:
            error = failed
        except Exception as failed:  # noqa: BLE001  (the edge to libraries of others: the next message may go through)
            error = ChannelError(f"{type(failed).__name__}: {failed}", lasting=True)
        if error is None:
            self._taken(message)
        elif error.lasting or now - message.at > self._pace.given_up:
            self._given_up(message, self._redact(str(error)))
        else:
            self._again(self._redact(str(error)), error.wait)

    def _taken(self, message: Message) -> None:
        with self._wake:
            self.delivered += message.count
            self._trying = None
            self._sent.append(time.monotonic())
            recovered, self.problem, self._failures = self.problem, None, 0
        if recovered:
            self._say(f"{self.name} takes messages again")
        self._changed()

    def _given_up(self, message: Message, problem: str) -> None:
        with self._wake:
            self.refused += message.count
            self._trying = None
            self._sent.append(time.monotonic())  # it was asked, and is not to be asked without end
            self.problem = problem
        self._say(f"not told by {self.name}, {plural(message.count, 'event')} given up: {problem}")
        self._changed()

    def _again(self, problem: str, asked: float | None) -> None:
        with self._wake:
            now = time.monotonic()
            first, self.problem = self.problem is None, problem
            self._failures += 1
            self._not_before = now + self._pace.wait(self._failures)
            if asked is not None:
                self._asked_before = now + min(asked, LONGEST_ASKED)
        if first:
            self._say(f"{self.name} does not take messages, and is tried again: {problem}")
