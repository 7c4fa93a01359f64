"""From the name of an agent in the settings to the agent."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from segue.agents.port import Agent
from segue.errors import ConfigurationError

_FORMS: Final = "Give `demo`, `openai`, or `module:factory` where factory() returns the agent."


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What the agent `openai` is built with; empty is not set."""

    model: str = ""
    instructions: str = ""
    api_key: str = ""
    base_url: str = ""
    max_tokens: int = 0


_NO_MODEL: Final = ModelOptions()


def load_agent(spec: str, options: ModelOptions = _NO_MODEL) -> Agent:
    """Builds the agent that `spec` names.

    That is `demo`, `openai` with `options`, or `module:factory`, called without arguments.

    Raises:
        ConfigurationError: there is no such agent, or what the factory gave is none.
    """
    if spec == "openai":
        return _model_agent(options)
    if spec == "demo":
        spec = "segue.agents.demo:DemoAgent"
    agent = _factory(spec)()
    if not isinstance(getattr(agent, "name", None), str) or not callable(
        getattr(agent, "respond", None)
    ):
        raise ConfigurationError(
            f"{spec!r} gave {type(agent).__name__}, which is no agent: it needs a `name` (text) and"
            " `respond(turn)`, an async generator. See segue.agents.port.Agent."
        )
    return agent  # type: ignore[no-any-return]  # checked above as far as it can be


def load_agents(
    spec: str | None, options: ModelOptions, remote: tuple[str, ...]
) -> dict[str, Agent]:
    """Builds the agents inside this server, by name; `remote` are the names of those outside.

    Raises:
        ConfigurationError: as `load_agent`; or both have one name.
    """
    if spec is None:
        return {}
    agent = load_agent(spec, options)
    if agent.name in remote:
        raise ConfigurationError(
            f"{agent.name!r} is the name of SEGUE_AGENT and in SEGUE_REMOTE_AGENTS. Rename one of them."
        )
    return {agent.name: agent}


def _model_agent(options: ModelOptions) -> Agent:
    try:
        openai, agent = (
            importlib.import_module(name) for name in ("openai", "segue.agents.openai.agent")
        )
    except ImportError as error:
        raise ConfigurationError(
            "The agent `openai` needs packages that are not installed: pip install 'segue[agents]'."
        ) from error
    if not options.model:
        raise ConfigurationError(
            "SEGUE_AGENT_MODEL is not set; the agent `openai` asks that model."
            " Example: SEGUE_AGENT_MODEL=gpt-5-mini"
        )
    if not (options.api_key or options.base_url):
        raise ConfigurationError(
            "OPENAI_API_KEY is not set. Set it, or OPENAI_BASE_URL for a server that asks for none."
        )
    client = openai.AsyncOpenAI(
        api_key=options.api_key or "none", base_url=options.base_url or None
    )
    built: Agent = agent.OpenAIAgent(
        options.model,
        instructions=options.instructions,
        client=client,
        max_tokens=options.max_tokens,
    )
    return built


def _factory(spec: str) -> Callable[[], Any]:
    module_name, colon, name = spec.partition(":")
    if not (module_name and colon and name):
        raise ConfigurationError(f"{spec!r} names no agent. {_FORMS}")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigurationError(
            f"The agent's module {module_name!r} can't be imported: {error}. Install it into"
            " Segue's environment, or put its folder on PYTHONPATH."
        ) from error
    factory = getattr(module, name, None)
    if not callable(factory):
        raise ConfigurationError(f"{module_name!r} has no function or class {name!r}. {_FORMS}")
    return factory  # type: ignore[no-any-return]  # a factory from outside has no known type
