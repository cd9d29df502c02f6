"""The wire formats of scripted model servers: Anthropic Messages, OpenAI Chat Completions and Responses, Gemini.

Written from the protocols' public references with the standard library alone; nothing is shared with the client. They
are as strict as the real ones in what a long conversation is made of: a call of a tool that is not answered, or an
answer to a call that was never made, is a problem.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Protocol = Literal["anthropic", "openai", "responses", "google"]


@dataclass(frozen=True)
class Use:
    """A call of a tool."""

    tool: str
    arguments: Mapping[str, Any] | str  # a string is sent as it is: it need not be JSON


@dataclass(frozen=True)
class Says:
    """A good answer: words, calls of tools, or both."""

    uses: Sequence[Use] = ()
    text: str = ""
    input: int = 1000  # tokens, without those below
    output: int = 50
    cached: int = 0
    written: int = 0
    full: bool = False  # it ran into its limit of tokens
    counts: bool = True  # it says what it used
    cut_after: int | None = None  # bytes of the body, after which the connection is closed


class Anthropic:
    """Messages: what https://docs.anthropic.com/en/api/messages says of requests, answers and events."""

    path = "/v1/messages"

    def __init__(self, body: Any) -> None:
        self.body = body

    def problem(self) -> str | None:
        if not isinstance(self.body.get("max_tokens"), int):
            return "max_tokens: field required"
        due: set[str] = set()
        for message in self.body["messages"]:
            blocks = message["content"] if isinstance(message["content"], list) else []
            answers = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
            if answers != due:
                return f"tool_use without tool_result, or the other way round: {sorted(answers ^ due)}"
            due = {block["id"] for block in blocks if block["type"] == "tool_use"}
        return f"tool_use without tool_result: {sorted(due)}" if due else None

    def error(self, kind: str, words: str) -> bytes:
        return json.dumps({"type": "error", "error": {"type": kind, "message": words}}).encode()

    def message(self, says: Says) -> dict[str, Any]:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": self.body["model"],
            "content": self._blocks(says),
            "stop_reason": _reason(says, "max_tokens", "tool_use", "end_turn"),
            "stop_sequence": None,
            "usage": self._usage(says),
        }

    def stream(self, says: Says) -> Iterator[str]:
        message, blocks = self.message(says), self._blocks(says)
        usage = {**message["usage"], "output_tokens": 1}
        yield self._event("message_start", message={**message, "content": [], "stop_reason": None, "usage": usage})
        yield self._event("ping")
        for index, block in enumerate(blocks):
            start: dict[str, Any] = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
            yield self._event("content_block_start", index=index, content_block=start)
            for delta in self._deltas(block):
                yield self._event("content_block_delta", index=index, delta=delta)
            yield self._event("content_block_stop", index=index)
        ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        yield self._event("message_delta", delta=ended, usage={"output_tokens": message["usage"]["output_tokens"]})
        yield self._event("message_stop")

    def _blocks(self, says: Says) -> list[dict[str, Any]]:
        uses = [
            {"type": "tool_use", "id": f"toolu_{len(self.body['messages'])}_{index}", "name": use.tool}
            | {"input": use.arguments if isinstance(use.arguments, Mapping) else {"raw": use.arguments}}
            for index, use in enumerate(says.uses)
        ]
        return [*([{"type": "text", "text": says.text}] if says.text else []), *uses]

    def _deltas(self, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if block["type"] == "text":
            yield {"type": "text_delta", "text": block["text"]}
            return
        text = json.dumps(block["input"])
        for start in range(0, len(text), 7):  # in parts, as the real one sends it
            yield {"type": "input_json_delta", "partial_json": text[start : start + 7]}

    def _usage(self, says: Says) -> dict[str, int]:
        return {
            "input_tokens": says.input if says.counts else 0,
            "output_tokens": says.output if says.counts else 0,
            "cache_read_input_tokens": says.cached,
            "cache_creation_input_tokens": says.written,
        }

    @staticmethod
    def _event(name: str, **data: Any) -> str:
        return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n"


class OpenAI:
    """Chat Completions: what https://platform.openai.com/docs/api-reference/chat says of them."""

    path = "/v1/chat/completions"

    def __init__(self, body: Any) -> None:
        self.body = body

    def problem(self) -> str | None:
        due: set[str] = set()
        for message in self.body["messages"]:
            if message["role"] == "tool":
                if message["tool_call_id"] not in due:
                    return f"no tool call {message['tool_call_id']}"
                due.remove(message["tool_call_id"])
            elif due:
                return f"tool calls without an answer: {sorted(due)}"
            due |= {call["id"] for call in message.get("tool_calls") or ()}
        return f"tool calls without an answer: {sorted(due)}" if due else None

    def error(self, kind: str, words: str) -> bytes:
        return json.dumps({"error": {"message": words, "type": kind, "code": kind, "param": None}}).encode()

    def message(self, says: Says) -> dict[str, Any]:
        calls = [
            {
                "id": f"call_{len(self.body['messages'])}_{index}",
                "type": "function",
                "function": {
                    "name": use.tool,
                    "arguments": _text(use),
                },
            }
            for index, use in enumerate(says.uses)
        ]
        message = {"role": "assistant", "content": says.text or None, **({"tool_calls": calls} if calls else {})}
        choice = {"index": 0, "message": message, "finish_reason": _reason(says, "length", "tool_calls", "stop")}
        answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000}
        return {**answer, "model": self.body["model"], "choices": [choice], **self._usage(says)}

    def stream(self, says: Says) -> Iterator[str]:
        whole = self.message(says)
        choice = whole["choices"][0]
        delta = dict(choice["message"])
        if "tool_calls" in delta:
            delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(delta["tool_calls"])]
        base = {key: whole[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
        yield self._event({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        yield self._event({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
        yield self._event({**base, "choices": [], **self._usage(says)})
        yield "data: [DONE]\n\n"

    def _usage(self, says: Says) -> dict[str, Any]:
        if not says.counts:
            return {}
        prompt = says.input + says.cached + says.written
        usage = {"prompt_tokens": prompt, "completion_tokens": says.output, "total_tokens": prompt + says.output}
        return {"usage": {**usage, "prompt_tokens_details": {"cached_tokens": says.cached}}}

    @staticmethod
    def _event(data: Mapping[str, Any]) -> str:
        return f"data: {json.dumps(data)}\n\n"


def _reason(says: Says, full: str, uses: str, done: str) -> str:
    return full if says.full else uses if says.uses else done


class Responses:
    """Responses: what https://platform.openai.com/docs/api-reference/responses says of them; plain answers alone."""

    path = "/v1/responses"

    def __init__(self, body: Any) -> None:
        self.body = body

    def problem(self) -> str | None:
        items = [item for item in self.body["input"] if isinstance(item, dict)]
        calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
        answers = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
        return None if sorted(calls) == sorted(answers) else f"calls {calls} and answers {answers} do not match"

    def error(self, kind: str, words: str) -> bytes:
        return json.dumps({"error": {"message": words, "type": kind, "code": kind, "param": None}}).encode()

    def message(self, says: Says) -> dict[str, Any]:
        place = len(self.body["input"])
        words = {"type": "output_text", "text": says.text, "annotations": []}
        output: list[dict[str, Any]] = [
            {"type": "message", "id": f"msg_{place}", "role": "assistant", "status": "completed", "content": [words]}
        ][: bool(says.text)]
        for index, use in enumerate(says.uses):
            call = {"type": "function_call", "id": f"fc_{place}_{index}", "call_id": f"call_{place}_{index}"}
            output.append({**call, "name": use.tool, "arguments": _text(use), "status": "completed"})
        given = says.input + says.cached + says.written
        return {
            "id": f"resp_{place}",
            "object": "response",
            "created_at": 1_700_000_000,
            "status": "incomplete" if says.full else "completed",
            "model": self.body["model"],
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": given,
                "input_tokens_details": {"cached_tokens": says.cached},
                "output_tokens": says.output,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": given + says.output,
            },
        }

    def stream(self, says: Says) -> Iterator[str]:
        raise NotImplementedError


class Google:
    """generateContent: what https://ai.google.dev/api/generate-content says of it; plain answers alone."""

    path = ":generateContent"

    def __init__(self, body: Any) -> None:
        self.body = body

    def problem(self) -> str | None:
        due = 0
        for content in self.body["contents"]:
            answered = sum("functionResponse" in part for part in content["parts"])
            if answered != due:
                return f"{due} calls and {answered} answers"
            due = sum("functionCall" in part for part in content["parts"])
        return f"{due} calls without an answer" if due else None

    def error(self, kind: str, words: str) -> bytes:
        return json.dumps({"error": {"code": 400, "message": words, "status": kind.upper()}}).encode()

    def message(self, says: Says) -> dict[str, Any]:
        words = [{"text": says.text}] if says.text else []
        calls = [{"functionCall": {"name": use.tool, "args": use.arguments}} for use in says.uses]
        given = says.input + says.cached + says.written
        return {
            "candidates": [
                {
                    "content": {"role": "model", "parts": [*words, *calls]},
                    "finishReason": "MAX_TOKENS" if says.full else "STOP",
                    "index": 0,
                }
            ],
            "usageMetadata": {
                "promptTokenCount": given,
                "cachedContentTokenCount": says.cached,
                "candidatesTokenCount": says.output,
                "totalTokenCount": given + says.output,
            },
            "modelVersion": "gemini",
            "responseId": "r1",
        }

    def stream(self, says: Says) -> Iterator[str]:
        raise NotImplementedError


def _text(use: Use) -> str:
    """A call's arguments as JSON text."""
    return use.arguments if isinstance(use.arguments, str) else json.dumps(use.arguments)


Wire = Anthropic | OpenAI | Responses | Google
WIRES: Mapping[Protocol, type[Wire]] = {
    "anthropic": Anthropic,
    "openai": OpenAI,
    "responses": Responses,
    "google": Google,
}
