"""What is kept of an analysis while it goes on: a log to replay it by, and a session to go on with after a kill."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse

from deep_loop.core.call import Usage

KEPT = 20  # sessions

Redact = Callable[[str], str]


class Replay:
    """All that was said in all conversations of one analysis, a JSON object a line, in the order in which it was said.

    A full disk loses the log, not the analysis.
    """

    def __init__(self, path: Path, redact: Redact) -> None:
        self._path = path
        self._redact = redact
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")

    def conversation(self, name: str, known: int = 0) -> Conversation:
        """A log for one of them; of what it begins with `known` messages are from before."""
        return Conversation(self, name, known)

    def write(self, conversation: str, event: str, content: Any) -> None:
        """One line."""
        row = json.dumps({"conversation": conversation, "event": event, "content": content})
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as log:
            log.write(f"{self._redact(row)}\n")


class Conversation:
    """Implements `model_patience.Log`."""

    def __init__(self, replay: Replay, name: str, told: int) -> None:
        self._replay = replay
        self._name = name
        self._told = told

    def told(self, messages: Sequence[ModelMessage]) -> None:
        """What is about to be said to the model, as far as it is new."""
        new = [message for message in messages[self._told :] if not isinstance(message, ModelResponse)]
        self._told = len(messages)
        self._replay.write(self._name, "request", _plain(new))

    def answered(self, response: ModelResponse) -> None:
        """What the model said."""
        self._replay.write(self._name, "response", _plain([response]))

    def failed(self, reason: str, wait: float | None) -> None:
        """A request that brought nothing."""
        self._replay.write(self._name, "failed", {"reason": reason[:2000], "again_in": wait})


@dataclass(frozen=True, slots=True)
class Session:
    """An analysis that did not come to an end."""

    messages: list[ModelMessage]  # of its main conversation, up to a request that was not answered yet
    usages: tuple[Usage, ...]  # of all its conversations
    unbooked: tuple[Usage, ...]  # the last of them, that no call has accounted for: its harness died

    @property
    def booked(self) -> tuple[Usage, ...]:
        """What calls have accounted for."""
        return self.usages[: len(self.usages) - len(self.unbooked)]


class Sessions:
    """The sessions of one study, a file each."""

    def __init__(self, folder: Path, redact: Redact) -> None:
        self._folder = folder
        self._redact = redact

    def find(self, name: str) -> Session | None:
        """The session of that name; None where there is none that can be read."""
        try:
            found = json.loads(self._place(name).read_bytes())
            messages = ModelMessagesTypeAdapter.validate_python(found["messages"])
            used, unbooked = (tuple(Usage(**each) for each in found[name]) for name in ("usages", "unbooked"))
            return Session(messages, used, unbooked)
        except (OSError, ValueError, TypeError, KeyError, ValidationError):
            return None

    def keep(self, name: str, session: Session) -> None:
        """Keep it in the place of what was kept before. A full disk loses it."""
        content = {
            "messages": _plain(session.messages),
            "usages": [asdict(usage) for usage in session.usages],
            "unbooked": [asdict(usage) for usage in session.unbooked],
        }
        half = self._place(name).with_suffix(".part")
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            half.write_text(self._redact(json.dumps(content)), encoding="utf-8")
            half.replace(self._place(name))
            for old in sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
                old.unlink(missing_ok=True)

    def drop(self, name: str) -> None:
        """Forget it."""
        with contextlib.suppress(OSError):
            self._place(name).unlink(missing_ok=True)

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _plain(messages: Sequence[ModelMessage]) -> Any:
    return json.loads(ModelMessagesTypeAdapter.dump_json(list(messages)))
