"""What a log says of its own metric: in a comment, in a heading, in a line of configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

from deep_loop.core.metric import Direction

_LOWER = re.compile(
    r"\b(?:lower|smaller|less)[\s_-]*(?:is|=)?[\s_-]*better\b|\bminimi[sz]\w*|"
    r"\b(?:direction|goal|objective|mode)\W{1,4}(?:lower|min|down|desc)\w*|[↓⬇]",
    re.IGNORECASE,
)
_HIGHER = re.compile(
    r"\b(?:higher|larger|bigger|greater|more)[\s_-]*(?:is|=)?[\s_-]*better\b|\bmaximi[sz]\w*|"
    r"\b(?:direction|goal|objective|mode)\W{1,4}(?:higher|max|up|asc)\w*|[↑⬆]",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\bmetric(?:[\s_-]*name)?\s*[:=]\s*[`\"']?([A-Za-zµμ][\w./µμ%-]*)", re.IGNORECASE)

METRIC_KEYS = ("metricname", "metric", "primarymetric", "objective", "target")
DIRECTION_KEYS = ("bestdirection", "direction", "metricdirection", "goal", "mode", "optimize", "optimizationdirection")


def direction_in(text: str) -> Direction | None:
    """The direction that a remark names, None where it names none or both."""
    text = text.replace("_", " ")
    lower, higher = _LOWER.search(text) is not None, _HIGHER.search(text) is not None
    if lower == higher:
        return None
    return Direction.MINIMIZE if lower else Direction.MAXIMIZE


def direction_of(word: str) -> Direction | None:
    """The direction that one word means: `lower`, `min`, `maximize`, `higher is better`."""
    start = word.strip().casefold()
    if start.startswith(("low", "min", "small", "less", "down", "desc")):
        return Direction.MINIMIZE
    if start.startswith(("high", "max", "large", "great", "more", "up", "asc", "big")):
        return Direction.MAXIMIZE
    return None


def metric_in(text: str) -> str | None:
    """The metric that a remark such as `metric: val_bpb` names."""
    found = _NAMED.search(text)
    return found[1] if found else None


def configured(fields: Mapping[str, object]) -> tuple[str | None, Direction | None]:
    """Metric and direction that a JSON object of configuration names."""
    flat = {re.sub(r"[^a-z]", "", key.casefold()): value for key, value in fields.items()}
    nested = flat.get("metric")
    if isinstance(nested, Mapping):
        inner = {f"metric{re.sub(r'[^a-z]', '', str(key).casefold())}": value for key, value in nested.items()}
        flat = {**flat, **inner}
    names = (flat[key] for key in METRIC_KEYS if isinstance(flat.get(key), str))
    words = (flat[key] for key in DIRECTION_KEYS if isinstance(flat.get(key), str))
    name = next((text for text in names if isinstance(text, str) and text.strip()), None)
    return name, next((found for text in words if isinstance(text, str) and (found := direction_of(text))), None)
