"""Who thinks: the tables of `[agents]`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from deep_loop.config.fields import Dollars, Table, Text, Variable, key, rule, table

PLUGINS = "deep_loop.proposers"  # group of entry points
PROPOSERS = ("claude-code", "codex", "opencode", "gemini", "command", "model", "tuner")  # that come with deep-loop

ANALYSTS = ("openplanter", "investigator", "claude-code", "model", "statistics")


def is_proposer(name: str) -> bool:
    """Whether it comes with deep-loop, or with a plugin that is installed."""
    if name in PROPOSERS:
        return True
    from importlib.metadata import entry_points  # slow where many packages are installed

    return name in entry_points(group=PLUGINS).names


Proposer = Annotated[
    str, rule(f"names no proposer here; known: {', '.join(PROPOSERS)}, and those of installed plugins", is_proposer)
]
Proposers = Annotated[tuple[Proposer, ...], rule("must name at least one", bool)]


Analyst = Annotated[str, rule(f"names no analyst here; known: {', '.join(ANALYSTS)}", ANALYSTS.__contains__)]
Analysts = Annotated[tuple[Analyst, ...], rule("must name at least one", bool)]


class Agent(Table):
    """What all agents have in common."""

    model: Text | None = key("The model that it uses.", None, words="its own default")
    timeout_seconds: float = key("Wall clock after which a call is interrupted, then killed.", 900.0, gt=0)
    max_cost_usd: Dollars | None = key(
        "Its share of the study's money: once it is spent, the next in order takes over.", None, words="no limit"
    )


class Client(Agent):
    """A coding agent's command-line client. (The `model` of opencode is PROVIDER/NAME.)"""

    login: Literal["auto"] | bool = key(
        "Whether it uses your own login. Else it has the key that is in the environment, `.env` or the keyring; "
        '"auto" is your login where there is no key.',
        "auto",
    )
    base_url: Text | None = key("Address of the model's server.", None, words="its own default")


class ClaudeCode(Client):
    """The client `claude`."""

    max_turns: int = key("Turns of one call.", 40, ge=1)
    max_usd_per_call: Dollars = key("Where Claude Code itself ends a call; it may overshoot by one response.", 2.0)
    bash: bool = key("Whether it may run commands in its working copy; only with a sandbox.", False)


class Command(Agent):
    """Any program that edits files: the brief is on its standard input, and the file that `DEEP_LOOP_BRIEF` names."""

    run: Text | None = key("Command for `sh`, started in the working copy.", None)
    env: tuple[Variable, ...] = key("Names of environment variables that are passed through to it.", ())
    network: bool = key("Whether it may use the network.", True)


class Model(Agent):
    """Any model with an API: `anthropic:NAME`, `openai:NAME`, `google:NAME`, `openrouter:NAME`, `ollama:NAME`."""

    base_url: Text | None = key(
        "Address of an endpoint that speaks the provider's protocol; `openai:NAME` fits most.", None, words="its own"
    )
    key_env: Variable | None = key(
        "Name of the variable with its key. With a `base_url` no other key is ever sent.",
        None,
        words="the provider's, as `ANTHROPIC_API_KEY`",
    )
    max_requests: int = key("Requests of one call.", 40, ge=1)
    max_tokens_per_call: int = key("Tokens of one call, in and out; may overshoot by one response.", 1_000_000, ge=1000)
    temperature: float | None = key("Of its sampling.", None, words="the provider's", ge=0)


class Investigator(Agent):
    """An analyst: a model with tools, sub-tasks and a notebook. Models are named as in `[agents.model]`."""

    model: Text | None = key(
        "The model that analyses.", None, words="that of [agents.model], or one that there is a key for"
    )
    small_model: Text | None = key(
        "A cheaper one, which answers sub-tasks and judges their reports.", None, words="the provider's small one"
    )
    base_url: Text | None = key("Address of an endpoint that both are asked at.", None, words="their own")
    key_env: Variable | None = key(
        "Name of the variable with the key of both. With a `base_url` no other key is ever sent.",
        None,
        words="the provider's, as `ANTHROPIC_API_KEY`",
    )
    timeout_seconds: float = key("Wall clock of one analysis.", 1800.0, gt=0)
    max_steps: int = key("Answers of the model in one conversation: the analysis itself, or a sub-task.", 40, ge=2)
    max_depth: int = key("Depth of sub-tasks; 0 has none.", 1, ge=0, le=3)
    max_usd_per_analysis: Dollars = key(
        "Looked at before each request, sub-tasks included. It holds for the analyst `model` too.", 1.0
    )
    max_tokens_per_analysis: int = key(
        "The same in tokens, in and out: all that there is for a model of unknown price.", 2_000_000, ge=1000
    )
    python: bool = key("Whether it may run programs on the evidence; only under bubblewrap, without a network.", True)


class OpenPlanter(Agent):
    """An analyst: the agent of that name, where `./setup.sh --with-openplanter` has installed it; only in a sandbox."""

    model: Text | None = key(
        "As in [agents.model]; of Anthropic, OpenAI or OpenRouter.", None, words="by the key there is"
    )
    base_url: Text | None = key("Address of the model's server, with its `/v1`.", None, words="its own default")
    timeout_seconds: float = key("Wall clock of one analysis.", 1800.0, gt=0)
    max_steps: int = key("Steps of one conversation.", 60, ge=1)
    max_depth: int = key("Depth of sub-tasks.", 2, ge=0)


class Price(Table):
    """What a model costs, in dollars per million tokens."""

    input: float = key("Of input.", ge=0)
    output: float = key("Of output.", ge=0)
    cached: float | None = key("Of input that came from the provider's cache.", None, words="`input`", ge=0)
    written: float | None = key("Of input that went into the provider's cache.", None, words="`input`", ge=0)


class Agents(Table):
    """Who thinks."""

    proposers: Literal["auto"] | Proposers = key(
        "Who proposes changes, in order of preference: when one cannot think, or a free slot waits for it too long, "
        'the next takes over. "auto" is what this machine has, as `deep-loop doctor` tells; `tuner` is a Bayesian '
        "tuner over upper-case constants.",
        "auto",
    )
    mixture: dict[Proposer, Annotated[float, Field(gt=0)]] | None = key(
        "Starting weights by proposer, such as `{ claude-code = 0.7, tuner = 0.3 }`: who is asked then follows what "
        "each gains per slot-hour.",
        None,
        words="none: in order of preference",
    )
    analysts: Literal["auto"] | Analysts = key(
        "Who analyses all results, in order of preference: where one gives nothing of use, the next is asked. "
        '"auto" is what this machine has, as `deep-loop doctor` tells, and `statistics` alone where `tuner` alone '
        "proposes. `statistics` needs no model and never fails.",
        "auto",
    )
    patience_seconds: float | None = key(
        "How long a free slot waits for one who thinks before the next is asked too.",
        None,
        words="as long as a run",
        ge=0,
    )
    claude_code: ClaudeCode = table("claude-code")
    codex: Client = table()
    opencode: Client = table()
    gemini: Client = table()
    command: Command = table()
    model: Model = table()
    investigator: Investigator = table()
    openplanter: OpenPlanter = table()
    plugins: dict[str, dict[str, Any]] = key(
        "Settings of proposers that plugins bring, a table each, as the plugin documents them; `env` lists the "
        "variables (keys) that it gets.",
        {},
    )
    prices: dict[str, Price] = key("Prices of models that deep-loop does not know, or knows wrongly, by name.", {})
