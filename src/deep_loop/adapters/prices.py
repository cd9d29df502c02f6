"""What a model's tokens cost: the person's own prices first, then those that providers publish (genai-prices).

A client's own figure is never taken. A model that nobody knows the price of has none: that is not the same as free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from deep_loop.core.call import Usage

MILLION = 1_000_000

_PROVIDERS = {  # prefixes of our names of models -> ids of genai-prices
    "anthropic": "anthropic",
    "openai": "openai",
    "openai-responses": "openai",
    "google": "google",
    "openrouter": "openrouter",
}
_PREFIXES = frozenset({*_PROVIDERS, "openai-compatible", "ollama"})


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens."""

    input: float
    output: float
    cached: float | None = None  # of input that came from the provider's cache; None: as `input`
    written: float | None = None  # of input that went into it; None: as `input`


class Prices:
    """A callable for `Lab.price`. Safe in any thread.

    `own` goes by the name of the model, with or without its provider (`openai:gpt-5`, `gpt-5`). `addresses` has the
    `base_url` of models that are not asked at their provider's own address: many of those publish prices too.
    """

    def __init__(
        self, own: Mapping[str, Price] = MappingProxyType({}), addresses: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._own = own
        self._addresses = addresses

    def __call__(self, usage: Usage) -> float | None:
        """Dollars; None where nobody knows."""
        provider, name = _split(usage.model)
        own = self._own.get(usage.model) or self._own.get(name)
        if own is not None:
            return _dollars(own, usage)
        if provider == "ollama" and not name.endswith("cloud"):  # such as gpt-oss:120b-cloud, which is rented
            return 0.0
        return self._published(usage, provider, name)

    def _published(self, usage: Usage, provider: str, name: str) -> float | None:
        address = self._addresses.get(usage.model)
        if address is not None and (found := _published(usage, name, address=address)) is not None:
            return found
        if provider in _PROVIDERS:  # a gateway, by the price of what it stands for
            return _published(usage, name, _PROVIDERS[provider])
        if provider:
            return None
        vendor, _, rest = name.rpartition("/")  # as opencode names them
        return _published(usage, rest, vendor) if vendor else _published(usage, name)


def _split(model: str) -> tuple[str, str]:
    """Provider and name; other clients' models have no provider of ours."""
    provider, _, name = model.partition(":")
    return (provider, name) if name and provider in _PREFIXES else ("", model)


def _dollars(price: Price, usage: Usage) -> float:
    cached, written = _parts(usage)
    plain = usage.input_tokens - cached - written
    return (
        plain * price.input
        + cached * (price.input if price.cached is None else price.cached)
        + written * (price.input if price.written is None else price.written)
        + usage.output_tokens * price.output
    ) / MILLION


def _published(usage: Usage, name: str, provider: str | None = None, address: str | None = None) -> float | None:
    """By genai-prices; None where it knows no such model, or is not installed.

    A provider may charge more for each token of a long prompt. That goes by the request, so several requests are taken
    as equally long.
    """
    try:
        from genai_prices import Usage as Counted
        from genai_prices import calc_price
    except ImportError:
        return None
    requests = max(usage.requests, 1)

    def each(tokens: int) -> Decimal:
        return round(Decimal(tokens) / requests, 6)  # sums of these are exact, as genai-prices wants them

    cached, written = _parts(usage)
    plain = usage.input_tokens - cached - written
    counted = Counted(
        input_tokens=each(plain) + each(cached) + each(written),
        output_tokens=each(usage.output_tokens),
        cache_read_tokens=each(cached),
        cache_write_tokens=each(written),
    )
    try:
        if address is not None:
            found = calc_price(counted, name, provider_api_url=address)
        else:
            found = calc_price(counted, name, provider_id=provider)
        return float(found.total_price) * requests
    except (LookupError, ValueError):
        return None


def _parts(usage: Usage) -> tuple[int, int]:
    """What of the input came from a cache and what went into one: never more than all of it."""
    cached = min(usage.cached_tokens, usage.input_tokens)
    return cached, min(usage.written_tokens, usage.input_tokens - cached)
