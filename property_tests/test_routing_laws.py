"""The order of models against a plain model: the answer is looked for in the request and the configuration, by hand."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure

from llm_manager.domain.catalog import Capability
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import ContextTooLarge, UnsupportedCapability
from llm_manager.domain.request import ImagePart, LLMRequest, Message, Preferences, Tool
from llm_manager.domain.settings import ModelSettings, RoutingSettings, Strategy
from llm_manager.policies.candidate import Candidate, Chosen, Skipped
from llm_manager.policies.latency import Latency
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.policies.routing import candidates
from llm_manager.policies.targets import resolve

NAMES = ("ant", "bee", "cat", "dog", "elk")
"""Models of the user's own, so that nothing of the catalog comes between the test and what it says."""

skills: st.SearchStrategy[Capability] = st.sampled_from(["vision", "tools"])
strategies: st.SearchStrategy[Strategy] = st.sampled_from(["cost", "performance", "balanced"])
prices = st.sampled_from([None, 0.0, 0.5, 1.0, 3.0])
models_of = st.builds(
    ModelSettings,
    provider=st.just("custom"),
    capabilities=st.frozensets(skills),
    window_tokens=st.sampled_from([None, 20, 1500, 100_000]),
)
chains = st.lists(st.sampled_from(NAMES), min_size=1, max_size=6)
PICTURE = Message(role="user", content=(ImagePart(url="https://example.com/a.png"),))
requests = st.builds(
    LLMRequest,
    prompt=st.sampled_from(["x", "x" * 400, "x" * 40_000]),
    task_type=st.just("chosen"),
    messages=st.sampled_from([(), (PICTURE,)]),
    tools=st.sampled_from([(), (Tool(name="f"),)]),
    preferences=st.builds(
        Preferences,
        model=st.sampled_from([None, *NAMES]),
        fallback=st.sampled_from(["chain", "none"]),
        max_tokens=st.sampled_from([None, 10, 1000]),
        priority=st.sampled_from(["low", "medium", "high"]),
    ),
)
latencies_of = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([5.0, 50.0, 500.0]))
"""Milliseconds; the catalog knows nothing of these models, so what was observed is what is expected."""


@st.composite
def configurations(draw: st.DrawFn) -> LLMConfig:
    models: dict[str, ModelSettings] = {}
    for name in NAMES:
        price = draw(prices)
        models[name] = replace(draw(models_of), prompt_usd=price, completion_usd=price)
    strategy = draw(strategies)
    return LLMConfig(models=models, routing=RoutingSettings(strategy=strategy, chains={"chosen": tuple(draw(chains))}))


def order_of(config: LLMConfig, request: LLMRequest, latencies: dict[str, float]) -> list[str]:
    """By repeated search for the one that comes next: the caller's own, then the least figure, then the table."""
    wish = request.preferences
    left = list(dict.fromkeys(config.routing.chains["chosen"])) if wish.fallback == "chain" or not wish.model else []
    order = [] if wish.model is None else [wish.model]
    left = [name for name in left if name != wish.model]
    strategy = {"high": "performance", "low": "cost", "medium": config.routing.strategy}[wish.priority]
    prices = {name: config.models[name].prompt_usd for name in left}
    told: dict[str, dict[str, float | None]] = {"cost": prices, "performance": {**latencies}, "balanced": {}}
    figures = {name: figure for name, figure in told[strategy].items() if figure is not None and name in left}
    while left:
        least = min(figures.values(), default=None)
        following = next(name for name in left if figures.get(name) == least)  # without figures: the first
        order.append(following)
        left.remove(following)
        figures.pop(following, None)
    return order


def key_of(config: LLMConfig, name: str) -> str:
    return resolve(config, name).unwrap().key


def lack_of(settings: ModelSettings, request: LLMRequest) -> str | None:
    can = settings.capabilities or frozenset()
    needed = prompt_tokens(request).low + (request.preferences.max_tokens or 0)
    if request.tools and "tools" not in can:
        return "tools"
    if request.messages and "vision" not in can:
        return "vision"
    return "window" if settings.window_tokens is not None and needed > settings.window_tokens else None


def told_lack(candidate: Candidate) -> str | None:
    match candidate:
        case Chosen():
            return None
        case Skipped(error=UnsupportedCapability(capability=capability)):
            return capability
        case Skipped(error=error):
            assert isinstance(error, ContextTooLarge)
            return "window"


@given(config=configurations(), request=requests, latencies=latencies_of)
def test_models_come_in_the_order_of_the_plain_model_and_are_passed_over_for_its_reasons(
    config: LLMConfig, request: LLMRequest, latencies: dict[str, float]
) -> None:
    lately = {key_of(config, name): Latency(mean_ms, 3.0, 0.0) for name, mean_ms in latencies.items()}
    found = candidates(config, request, lately)
    assert not isinstance(found, Failure)
    told = [(each.target.model if isinstance(each, Chosen) else each.name, told_lack(each)) for each in found.unwrap()]
    expected = order_of(config, request, latencies)
    assert told == [(name, lack_of(config.models[name], request)) for name in expected]
    assert candidates(config, request, lately) == found, "the same question has the same answer"
