"""What comes of a conversation with a model: its end, or why it came to none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pydantic_ai.exceptions import AgentRunError, UserError
from pydantic_ai.settings import ModelSettings as ClientSettings

from deep_loop.clients.model_client import ModelSettings
from deep_loop.clients.model_faults import RequestFailed, ended
from deep_loop.core.call import Failure

T = TypeVar("T")


async def outcome(work: Callable[[], Coroutine[Any, Any, T]], settings: ModelSettings) -> T | Failure:
    """What the conversation comes to, within the time that the settings give it.

    Whatever goes wrong inside, what was used up to then is for the caller to book: nothing is raised.
    """
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            return await work()
    except RequestFailed as error:
        return error.failure
    except AgentRunError as error:
        return ended(error, settings.model)
    except UserError as error:
        return Failure("setup", f"{settings.model}: {error}")
    except TimeoutError:
        return Failure("slow", f"{settings.model}: not done after {settings.timeout_seconds:g} s")
    except Exception as error:  # noqa: BLE001  (the edge: what a model says must not lose what it cost)
        return Failure("nonsense", f"{settings.model}: {type(error).__name__}: {error}")


def client_settings(settings: ModelSettings) -> ClientSettings:
    """What goes along with every request. The prompt is cached where the provider can: each answer reads it again."""
    chosen = ClientSettings(cache=True, max_retries=0, timeout=settings.request_seconds)
    if settings.temperature is not None:
        chosen["temperature"] = settings.temperature
    if settings.max_tokens_per_answer is not None:
        chosen["max_tokens"] = settings.max_tokens_per_answer
    return chosen
