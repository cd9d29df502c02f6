"""What was said in one call, as text for people, and as messages to go on from."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)

from deep_loop.prompts.fence import cut, visible

Redact = Callable[[str], str]

REASON = 2_000  # characters of what a server says of its failure
KEPT = 200  # sessions: only those of experiments that are open, or proposed of late, are ever gone on with

_NAME = re.compile(r"[\w.-]{1,120}")


class Transcript:
    """The log of one call. It is written as the call goes on; a full disk loses the log, not the call."""

    def __init__(self, path: Path, redact: Redact, known: Sequence[ModelMessage] = ()) -> None:
        """What is `known` from an earlier call is left out."""
        self._path = path
        self._redact = redact
        self._told = len(_parts(known))
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")

    def told(self, messages: Sequence[ModelMessage]) -> None:
        """What is about to be said to the model, as far as it is new."""
        parts = _parts(messages)
        for part in parts[self._told :]:
            tool = getattr(part, "tool_name", None)
            self._write(f"to the model, {tool}" if tool else "to the model", _words(getattr(part, "content", "")))
        self._told = len(parts)

    def answered(self, response: ModelResponse) -> None:
        """What the model said."""
        used = response.usage
        self._write(f"the model, {used.input_tokens} tokens in and {used.output_tokens} out", "")
        for part in response.parts:
            match part:
                case TextPart(content=text):
                    self._write("words", text)
                case ThinkingPart(content=text) if text:
                    self._write("thought", text)
                case ToolCallPart(tool_name=name):
                    self._write(f"calls {name}", part.args_as_json_str())
                case _:
                    pass

    def failed(self, reason: str, wait: float | None) -> None:
        """A request that brought nothing."""
        short = cut(self._redact(reason), REASON)
        self._write("no answer", f"{short}; {'given up' if wait is None else f'again in {wait:.1f} s'}")

    def ended(self, words: str) -> None:
        """What came of the call."""
        self._write("end", words)

    def _write(self, title: str, text: str) -> None:
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(visible(self._redact(f"--- {title}\n{text}\n" if text else f"--- {title}\n")))


class Sessions:
    """Conversations that a later call can go on with, in another process too: one file each."""

    def __init__(self, folder: Path, redact: Redact) -> None:
        self._folder = folder
        self._redact = redact

    def keep(self, name: str, messages: Sequence[ModelMessage]) -> str:
        """Keep a conversation; returns the name to find it by, or nothing where it cannot be kept."""
        if not _NAME.fullmatch(name):
            return ""
        half = self._folder / f"{name}.json.part"
        try:
            text = self._redact(ModelMessagesTypeAdapter.dump_json(list(messages)).decode())
            self._folder.mkdir(parents=True, exist_ok=True)
            half.write_text(text, encoding="utf-8")
            half.replace(self._folder / f"{name}.json")
            kept = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
            for old in kept[:-KEPT]:
                old.unlink(missing_ok=True)
        except (OSError, ValueError):  # a full disk; characters that UTF-8 lacks
            return ""
        return name

    def find(self, name: str) -> list[ModelMessage] | None:
        """The conversation of that name, or None where there is none that can be read."""
        if not _NAME.fullmatch(name):
            return None
        try:
            return ModelMessagesTypeAdapter.validate_json((self._folder / f"{name}.json").read_bytes())
        except (OSError, ValidationError):
            return None


def _parts(messages: Sequence[ModelMessage]) -> list[ModelRequestPart]:
    """All that was ever said to the model. Parts, since the client joins messages that follow each other."""
    return [part for message in messages if isinstance(message, ModelRequest) for part in message.parts]


def _words(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content, default=str)
