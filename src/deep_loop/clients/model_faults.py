"""What an error of a model's client means: whose fault it is, in a line, and whether asking again may help."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic_ai import exceptions as errors

from deep_loop.core.call import Failure, Fault


@dataclass(frozen=True, slots=True)
class Trouble:
    """What came of one request that brought no answer. The reason is as it came: long, and with what it may hold."""

    failure: Failure
    passing: bool  # whether the same request may succeed a little later


class RequestFailed(Exception):
    """A request that was made as often as it may be; ends the conversation."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def trouble(error: Exception, name: str, *, answered: bool) -> Trouble:
    """What an error of one request means.

    `name` is the model's, for the reason; `answered`, whether it has answered in this call: then it is set up, and a
    request that it rejects is so because of what the model said before.
    """

    def because(fault: Fault, reason: str, *, passing: bool = False) -> Trouble:
        wait = getattr(error, "retry_after", None)
        return Trouble(Failure(fault, f"{name}: {reason}", wait if fault != "setup" else None), passing)

    match error:
        case errors.ModelQuotaExceededError():
            return because("quota", _said(error))
        case errors.ModelRateLimitError() | errors.ModelUnavailableError() | errors.ModelServerError():
            return because("overloaded", _said(error), passing=True)
        case errors.ModelTimeoutError() | errors.ModelRequestTimeout():
            return because("network", "it does not answer", passing=True)
        case errors.ModelConnectionError():
            return because("network", _said(error), passing=True)
        case errors.ModelContextWindowExceededError() | errors.ModelHTTPError(status_code=413):
            return because("limit", _said(error))
        case errors.ModelHTTPError(status_code=408 | 409 | 425):
            return because("overloaded", _said(error), passing=True)
        case errors.ModelAuthenticationError() | errors.ModelNotFoundError():
            return because("setup", _said(error))
        case errors.ModelHTTPError() | errors.ModelRequestRejectedError():
            return because("nonsense" if answered else "setup", _said(error))
        case errors.ModelAPIError() | errors.UnexpectedModelBehavior():
            # A proxy's page, a body that is cut off, an empty stream.
            return because("network", f"an answer that cannot be read: {_said(error)}", passing=True)
        case errors.UserError():
            return because("setup", str(error))
        case OSError():
            return because("network", _said(error), passing=True)
        case _:
            return because("nonsense", f"its client failed: {type(error).__name__}: {error}")


def ended(error: errors.AgentRunError, name: str) -> Failure:
    """What it means that a conversation came to no end, though its requests were answered."""
    match error:
        case errors.UsageLimitExceeded():
            words, _, _ = str(error).partition(". Consider")
            return Failure("limit", f"{name}: {words}")
        case errors.OutputTokenLimitExceeded():
            return Failure("limit", f"{name}: an answer reached its limit of tokens")
        case _:
            words, _, _ = str(error).partition(". Consider")
            return Failure("nonsense", f"{name}: {words}")


def _said(error: Exception) -> str:
    """What the server said, or what the client says of the connection."""
    if not isinstance(error, errors.ModelHTTPError):
        cause = error.__cause__.__cause__ if error.__cause__ and error.__cause__.__cause__ else None
        words = str(error) or type(error).__name__
        return f"{words} ({cause})" if cause is not None and str(cause) else words
    body = error.body
    inner = body.get("error", body) if isinstance(body, dict) else body
    said = inner.get("message") if isinstance(inner, dict) else inner
    return f"{error.status_code} {said}" if isinstance(said, str) and said else str(error.status_code)
