"""How four kinds of model server put a turn into bytes: what a client asks, and what it is answered.

Messages       Anthropic            POST /v1/messages
Responses      OpenAI               POST /v1/responses
Chat           OpenAI and its like  POST /v1/chat/completions
Gemini         Google               POST /v1beta/models/MODEL:streamGenerateContent
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

IN, OUT, CACHED, WRITTEN = (
    1000,
    50,
    200,
    100,
)  # tokens of every turn: in (with the next two), out, from a cache, into one

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Say:
    """Words of the model."""

    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """A call of one of the client's tools; a text as input is for tools that take no JSON."""

    tool: str
    input: Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    model: str
    tools: tuple[str, ...]
    said: tuple[str, ...]  # texts of the person, oldest first; most clients add some of their own
    results: tuple[str, ...]  # what tools answered, oldest first
    latest: str | None  # what the latest of them answered; None where a person spoke since
    body: Body


class Wire(Protocol):
    """One protocol. Events are pairs of a name (may be empty) and data."""

    def request(self, path: str, headers: Mapping[str, str], body: Body) -> Request: ...

    def plain(self, model: str, parts: Sequence[Say | Use], number: int) -> Body:
        """The answer to a client that wants no stream."""
        ...

    def events(self, model: str, parts: Sequence[Say | Use], number: int) -> Iterator[tuple[str, Body | str]]: ...

    def error(self, status: int, message: str, kind: str) -> Body: ...


def wire(path: str) -> Wire | None:
    """The protocol that is spoken at a path."""
    if path.endswith("/messages"):
        return Messages()
    if path.endswith("/responses"):
        return Responses()
    if path.endswith("/chat/completions"):
        return Chat()
    return Gemini() if "enerateContent" in path else None


class Messages:
    """Anthropic's."""

    def request(self, path: str, headers: Mapping[str, str], body: Body) -> Request:
        said, results, latest = [], [], None
        for message in body.get("messages", ()):
            latest = None
            for block in _blocks(message["content"]):
                if block.get("type") == "tool_result":
                    latest = _text(block.get("content", ""))
                    results.append(latest)
                elif message["role"] == "user" and block.get("type") == "text":
                    said.append(block["text"])
        tools = tuple(tool["name"] for tool in body.get("tools", ()))
        return Request(path, headers, body.get("model", ""), tools, tuple(said), tuple(results), latest, body)

    def plain(self, model: str, parts: Sequence[Say | Use], number: int) -> Body:
        content = [
            {"type": "text", "text": part.text}
            if isinstance(part, Say)
            else {"type": "tool_use", "id": f"toolu_{number:04}_{place}", "name": part.tool, "input": part.input}
            for place, part in enumerate(parts)
        ]
        return {
            "id": f"msg_{number:04}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": content,
            "stop_reason": "tool_use" if any(isinstance(part, Use) for part in parts) else "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": IN - CACHED - WRITTEN,
                "cache_read_input_tokens": CACHED,
                "cache_creation_input_tokens": WRITTEN,
                "output_tokens": OUT,
            },
        }

    def events(self, model: str, parts: Sequence[Say | Use], number: int) -> Iterator[tuple[str, Body | str]]:
        whole = self.plain(model, parts, number)
        begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
        yield "message_start", {"type": "message_start", "message": begun}
        for index, block in enumerate(whole["content"]):
            at = {"index": index}
            if block["type"] == "text":
                opened, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
            else:
                opened = {**block, "input": {}}
                delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            yield "content_block_start", {"type": "content_block_start", **at, "content_block": opened}
            yield "content_block_delta", {"type": "content_block_delta", **at, "delta": delta}
            yield "content_block_stop", {"type": "content_block_stop", **at}
        stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
        yield "message_delta", {"type": "message_delta", "delta": stop, "usage": {"output_tokens": OUT}}
        yield "message_stop", {"type": "message_stop"}

    def error(self, status: int, message: str, kind: str) -> Body:
        return {"type": "error", "error": {"type": kind or "api_error", "message": message}}


class Responses:
    """OpenAI's newer one."""

    def request(self, path: str, headers: Mapping[str, str], body: Body) -> Request:
        said, results, latest = [], [], None
        offered = list(body.get("tools", ()))
        for item in body.get("input", ()):
            if item.get("type") == "additional_tools":
                offered += [tool for space in item["tools"] for tool in space.get("tools", [space])]
            elif item.get("role") == "user":
                said += [block["text"] for block in _blocks(item["content"]) if "text" in block]
                latest = None
            elif item.get("type", "").endswith("_output"):
                latest = _text(item.get("output", ""))
                results.append(latest)
        tools = tuple(tool.get("name", tool["type"]) for tool in offered)
        return Request(path, headers, body.get("model", ""), tools, tuple(said), tuple(results), latest, body)

    def plain(self, model: str, parts: Sequence[Say | Use], number: int) -> Body:
        usage = {
            "input_tokens": IN,
            "input_tokens_details": {"cached_tokens": CACHED},
            "output_tokens": OUT,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": IN + OUT,
        }
        output = [self._item(part, f"{number:04}_{place}") for place, part in enumerate(parts)]
        return {
            "id": f"resp_{number:04}",
            "object": "response",
            "created_at": 1_790_000_000,
            "status": "completed",
            "model": model,
            "output": output,
            "usage": usage,
        }

    def _item(self, part: Say | Use, name: str) -> dict[str, Any]:
        if isinstance(part, Say):
            content = [{"type": "output_text", "text": part.text, "annotations": []}]
            return {
                "type": "message",
                "id": f"msg_{name}",
                "role": "assistant",
                "status": "completed",
                "content": content,
            }
        call = {"call_id": f"call_{name}", "name": part.tool, "status": "completed"}
        if isinstance(part.input, str):
            return {"type": "custom_tool_call", "id": f"ctc_{name}", "input": part.input, **call}
        return {"type": "function_call", "id": f"fc_{name}", "arguments": json.dumps(part.input), **call}

    def events(self, model: str, parts: Sequence[Say | Use], number: int) -> Iterator[tuple[str, Body | str]]:
        whole = self.plain(model, parts, number)
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": {**whole, "status": "in_progress", "output": [], "usage": None}}
        ]
        for index, item in enumerate(whole["output"]):
            at = {"output_index": index, "item_id": item["id"]}
            events.append({"type": "response.output_item.added", **at, "item": {**item, "status": "in_progress"}})
            if item["type"] == "message":
                text = item["content"][0]["text"]
                events.append({"type": "response.output_text.delta", **at, "content_index": 0, "delta": text})
            events.append({"type": "response.output_item.done", **at, "item": item})
        events.append({"type": "response.completed", "response": whole})
        for place, event in enumerate(events):
            yield event["type"], {**event, "sequence_number": place}

    def error(self, status: int, message: str, kind: str) -> Body:
        return {"error": {"type": kind or "server_error", "code": kind or None, "message": message}}


class Chat:
    """OpenAI's older one, that many others speak."""

    def request(self, path: str, headers: Mapping[str, str], body: Body) -> Request:
        messages = body.get("messages", ())
        said = tuple(_text(message["content"]) for message in messages if message["role"] == "user")
        results = tuple(_text(message["content"]) for message in messages if message["role"] == "tool")
        tools = tuple(tool["function"]["name"] for tool in body.get("tools", ()))
        latest = results[-1] if messages and messages[-1]["role"] == "tool" else None
        return Request(path, headers, body.get("model", ""), tools, said, results, latest, body)

    def _message(self, parts: Sequence[Say | Use], number: int) -> dict[str, Any]:
        text = "".join(part.text for part in parts if isinstance(part, Say))
        uses = [part for part in parts if isinstance(part, Use)]
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        if uses:
            message["tool_calls"] = [
                {
                    "index": place,
                    "id": f"call_{number:04}_{place}",
                    "type": "function",
                    "function": {"name": use.tool, "arguments": json.dumps(use.input)},
                }
                for place, use in enumerate(uses)
            ]
        return message

    def _frame(self, model: str, number: int, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{number:04}", "object": kind, "created": 1_790_000_000, "model": model}

    _USAGE: Mapping[str, Any] = {
        "prompt_tokens": IN,
        "completion_tokens": OUT,
        "total_tokens": IN + OUT,
        "prompt_tokens_details": {"cached_tokens": CACHED},
    }

    def plain(self, model: str, parts: Sequence[Say | Use], number: int) -> Body:
        message = self._message(parts, number)
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
        return {**self._frame(model, number, "chat.completion"), "choices": [choice], "usage": self._USAGE}

    def events(self, model: str, parts: Sequence[Say | Use], number: int) -> Iterator[tuple[str, Body | str]]:
        frame, message = self._frame(model, number, "chat.completion.chunk"), self._message(parts, number)
        finish = "tool_calls" if "tool_calls" in message else "stop"
        yield "", {**frame, "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
        yield "", {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
        yield "", {**frame, "choices": [], "usage": self._USAGE}
        yield "", "[DONE]"

    def error(self, status: int, message: str, kind: str) -> Body:
        return {"error": {"type": kind or "server_error", "code": kind or None, "message": message}}


class Gemini:
    """Google's."""

    def request(self, path: str, headers: Mapping[str, str], body: Body) -> Request:
        said, results, latest = [], [], None
        for content in body.get("contents", ()):
            for part in content.get("parts", ()):
                if "functionResponse" in part:
                    latest = json.dumps(part["functionResponse"].get("response"))
                    results.append(latest)
                elif content.get("role") == "user" and "text" in part:
                    said.append(part["text"])
                    latest = None
        tools = tuple(f["name"] for tool in body.get("tools", ()) for f in tool.get("functionDeclarations", ()))
        model = path.rpartition("/")[2].partition(":")[0]
        return Request(path, headers, model, tools, tuple(said), tuple(results), latest, body)

    def plain(self, model: str, parts: Sequence[Say | Use], number: int) -> Body:
        content = [
            {"text": part.text}
            if isinstance(part, Say)
            else {"functionCall": {"id": f"call_{number:04}_{place}", "name": part.tool, "args": part.input}}
            for place, part in enumerate(parts)
        ]
        return {
            "candidates": [{"content": {"role": "model", "parts": content}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {
                "promptTokenCount": IN,
                "cachedContentTokenCount": CACHED,
                "candidatesTokenCount": OUT,
                "totalTokenCount": IN + OUT,
            },
            "modelVersion": model,
        }

    def events(self, model: str, parts: Sequence[Say | Use], number: int) -> Iterator[tuple[str, Body | str]]:
        yield "", self.plain(model, parts, number)

    def error(self, status: int, message: str, kind: str) -> Body:
        return {"error": {"code": status, "status": kind or "INTERNAL", "message": message}}


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(content: Any) -> str:
    return "".join(str(block.get("text", "")) for block in _blocks(content))
