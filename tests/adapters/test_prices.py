"""What tokens cost."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.adapters.prices import Price, Prices
from deep_loop.core.call import Usage

MILLION = 1_000_000
COUNT = st.integers(0, 3 * MILLION)
OWN = Prices({"mine": Price(2.0, 8.0, 0.5, 2.5), "local": Price(0.0, 0.0), "plain": Price(3.0, 15.0)})


def short(model: str, **tokens: int) -> Usage:
    """A thousand requests to one model, none of them long enough for a price of its own."""
    return Usage(model, **{"requests": 1000, **tokens})


@pytest.mark.parametrize(
    ("model", "dollars"),
    [  # per million of input, output, cached and written input, from the providers' own lists of prices
        ("anthropic:claude-sonnet-4-5", (3.0, 15.0, 0.3, 3.75)),
        ("anthropic:claude-opus-4-1", (15.0, 75.0, 1.5, 18.75)),
        ("claude-opus-4-1-20250805", (15.0, 75.0, 1.5, 18.75)),
        ("anthropic/claude-opus-4-1", (15.0, 75.0, 1.5, 18.75)),
        ("openai:gpt-4o", (2.5, 10.0, 1.25, None)),
        ("openai:gpt-5", (1.25, 10.0, 0.125, None)),
        ("openai-responses:gpt-5", (1.25, 10.0, 0.125, None)),
        ("gpt-5", (1.25, 10.0, 0.125, None)),
        ("google:gemini-2.5-pro", (1.25, 10.0, None, None)),
        ("openrouter:anthropic/claude-sonnet-4.5", (3.0, 15.0, 0.3, 3.75)),
    ],
)
def test_a_million_tokens_cost_what_the_list_says(model: str, dollars: tuple[float | None, ...]) -> None:
    """Of each sort alone."""
    prices, (plain, out, cached, written) = Prices(), dollars
    assert prices(short(model, input_tokens=MILLION)) == pytest.approx(plain)
    assert prices(short(model, output_tokens=MILLION)) == pytest.approx(out)
    if cached is not None:
        assert prices(short(model, input_tokens=MILLION, cached_tokens=MILLION)) == pytest.approx(cached)
    if written is not None:
        assert prices(short(model, input_tokens=MILLION, written_tokens=MILLION)) == pytest.approx(written)


def test_a_mixed_call_by_hand() -> None:
    """Sonnet 4.5: 20,000 in, of which 12,000 cached and 3,000 written, 1,500 out: 1.5 + 0.36 + 1.125 + 2.25 cents."""
    usage = Usage("anthropic:claude-sonnet-4-5", 20_000, 1_500, cached_tokens=12_000, written_tokens=3_000)
    assert Prices()(usage) == pytest.approx(0.015 + 0.0036 + 0.01125 + 0.0225)


def test_a_long_prompt_costs_more_and_many_short_ones_do_not() -> None:
    """The dearer price goes by one request: a sum of short ones is not a long one."""
    one = Usage("anthropic:claude-sonnet-4-5", input_tokens=300_000)
    many = Usage("anthropic:claude-sonnet-4-5", input_tokens=300_000, requests=10)
    assert Prices()(one) == pytest.approx(0.3 * 6.0)
    assert Prices()(many) == pytest.approx(0.3 * 3.0)


def test_own_prices_go_first() -> None:
    """By the model's name, with its provider or without, over what the providers publish."""
    prices = Prices({"gpt-5": Price(1.0, 1.0), "openai:gpt-4o": Price(2.0, 2.0)})
    assert prices(Usage("openai:gpt-5", MILLION)) == 1.0
    assert prices(Usage("gpt-5", MILLION)) == 1.0
    assert prices(Usage("openai:gpt-4o", MILLION)) == 2.0
    assert prices(Usage("openrouter:openai/gpt-4o", MILLION)) != 2.0


def test_own_prices_by_hand() -> None:
    """Each sort at its own price; a price that is not given is that of input."""
    usage = Usage("openai-compatible:mine", 1000, 100, cached_tokens=300, written_tokens=200)
    assert OWN(usage) == pytest.approx((500 * 2.0 + 300 * 0.5 + 200 * 2.5 + 100 * 8.0) / MILLION)
    assert OWN(Usage("plain", 1000, 100, 300, 200)) == pytest.approx((1000 * 3.0 + 100 * 15.0) / MILLION)


def test_free_is_not_unknown() -> None:
    """A person may say that a model is free, and Ollama's own are; that a server is on this machine says nothing."""
    local = Prices({"local": Price(0, 0)}, {"openai-compatible:qwen3": "http://127.0.0.1:8000/v1"})
    assert local(Usage("openai-compatible:local", MILLION, MILLION)) == 0.0
    assert local(Usage("ollama:qwen3:8b", MILLION, MILLION)) == 0.0
    assert local(Usage("ollama:gpt-oss:120b-cloud", MILLION)) is None
    assert local(Usage("openai-compatible:qwen3", MILLION)) is None
    for model in ("nobody-knows-this", "openai:nobody-knows-this", "nobody/knows", "", ":", "openai:", "anthropic:x/y"):
        assert Prices()(Usage(model, MILLION)) is None


def test_an_address_that_publishes_prices_is_known() -> None:
    """A hosted endpoint by its own list; a gateway to a known model by that model's."""
    prices = Prices(
        addresses={
            "openai:llama-3.3-70b-versatile": "https://api.groq.com/openai/v1",
            "anthropic:claude-opus-4-1": "https://gateway.example/anthropic",
        }
    )
    assert prices(short("openai:llama-3.3-70b-versatile", input_tokens=MILLION)) == pytest.approx(0.59)
    assert prices(short("anthropic:claude-opus-4-1", input_tokens=MILLION)) == pytest.approx(15.0)


@given(COUNT, COUNT, COUNT, COUNT, st.integers(0, 50), st.sampled_from(["anthropic:claude-opus-4-1", "mine", "gpt-5"]))
def test_a_price_is_finite_and_never_negative(
    given_in: int, out: int, cached: int, written: int, requests: int, model: str
) -> None:
    """Whatever a server counts, parts that are larger than the whole among it."""
    found = OWN(Usage(model, given_in, out, cached, written, requests))
    assert found is not None
    assert 0 <= found < 1e6


@given(COUNT, COUNT, COUNT)
def test_own_prices_add_up(first: int, second: int, out: int) -> None:
    """Two calls cost as much as both together."""
    together = OWN(Usage("mine", first + second, 2 * out))
    apart = [OWN(Usage("mine", tokens, out)) for tokens in (first, second)]
    assert together == pytest.approx(sum(price or 0.0 for price in apart))


def test_without_the_package_only_own_prices_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing breaks where genai-prices is not installed."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)  # as Python marks a package that cannot be imported
    assert OWN(Usage("gpt-5", MILLION)) is None
    assert OWN(Usage("mine", MILLION)) == 2.0
