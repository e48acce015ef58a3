"""What is configured can be asked: ``validate_config``, ``plan``, ``is_healthy`` and ``generate`` agree about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import final

import anyio
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    CacheSettings,
    ConfigurationError,
    Context,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    ModelUnavailable,
    Preferences,
    RoutingSettings,
    Secret,
    Tool,
    generate,
    get_model_health,
    is_healthy,
    plan,
    run,
    validate_config,
)
from llm_manager.adapters.in_process import in_process_context
from llm_manager.adapters.incoming import Whole
from llm_manager.adapters.observers.plain import Silent
from llm_manager.adapters.system import SystemRandom
from llm_manager.domain.catalog import CHAINS, PROVIDERS, Capability
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.target import Target
from llm_manager.policies.chains import standing_model, states_a_model
from llm_manager.policies.targets import is_configured
from llm_manager.ports import Dispatch, Incoming
from llm_manager.testing import VirtualClock

KEY = Secret("a-key-for-any-of-them")
HOSTED = ("openai", "anthropic", "groq", "gemini")
ADDRESSES = dict.fromkeys(("ollama", "lm_studio", "portkey"), "http://127.0.0.1:1/v1")

aliases = st.dictionaries(
    st.sampled_from(["mine", "yours", "gpt-4o", "gemini", "llama"]),
    st.sampled_from(
        [
            ModelSettings(provider="custom"),
            ModelSettings(provider="anthropic", model="claude-sonnet-5"),
            ModelSettings(model="gemini-2.5-flash"),
            ModelSettings(window_tokens=100_000),
            ModelSettings(virtual_key=KEY),
            ModelSettings(pool=("gpt", "ollama/x", "claude")),
        ]
    ),
    max_size=3,
)
names = st.sampled_from(["gpt", "claude", "llama", "gemini", "ollama/x", "gpt-4o", "mine/x"])
known = st.lists(names.filter(lambda name: name != "mine/x"), min_size=1, max_size=3).map(tuple)
configurations = st.builds(
    LLMConfig,
    keys=st.lists(st.sampled_from((*HOSTED, "portkey")), max_size=3).map(
        lambda providers: KeySettings(providers=dict.fromkeys(providers, (KEY,)))
    ),
    http=st.lists(st.sampled_from(sorted(ADDRESSES)), max_size=2).map(
        lambda which: HttpSettings(base_urls={name: ADDRESSES[name] for name in which})
    ),
    models=aliases,
    routing=st.builds(
        RoutingSettings,
        strategy=st.sampled_from(["balanced", "cost", "performance"]),
        chains=st.dictionaries(st.sampled_from(["general", "own"]), known, max_size=1),
        fallback_order=st.one_of(st.just(()), st.just(()), known),
    ),
)


@final
class Answering:
    """A provider that answers every model, or fails every one, and keeps whom it was asked for."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.asked: list[str] = []

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        self.asked.append(dispatch.target.key)
        if self.fails:
            return Failure(ModelUnavailable(dispatch.target.model))
        return Success(LLMResponse(content="yes", model=dispatch.target.model, finish_reason="stop"))

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        answer = await self.complete(dispatch)
        return answer if isinstance(answer, Failure) else Success(Whole(answer.unwrap()))

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        return Success(())


def context_of(config: LLMConfig, provider: Answering) -> Context:
    return in_process_context(
        config,
        providers=dict.fromkeys((*PROVIDERS, "portkey"), provider),
        clock=VirtualClock(autojump=True),
        random=SystemRandom(1),
        observer=Silent(),
    )


async def agree(config: LLMConfig) -> None:
    provider = Answering()
    context = context_of(config, provider)
    lost: list[str] = []
    for task in dict.fromkeys((*CHAINS, *config.routing.chains)):
        request = LLMRequest(prompt=f"to {task}", task_type=task)
        planned = await run(plan(request), context)
        askable = isinstance(planned, Success) and any(each.skipped is None for each in planned.unwrap().targets)
        answered = await run(generate(request), context)
        assert isinstance(answered, Success) == askable
        assert askable or isinstance(answered.failure(), ConfigurationError)
        assert askable or planned == answered
        if askable:
            first = next(each for each in planned.unwrap().targets if each.skipped is None)
            assert answered.unwrap().model == first.model
        else:
            lost.append(task)
    unknown = [alias for alias in config.models if await is_mistaken(context, alias)]
    validated = await run(validate_config(), context)
    assert isinstance(validated, Failure) == bool(lost or unknown)
    health = (await run(get_model_health(), context)).unwrap()
    assert (await run(is_healthy(), context)).unwrap() == bool(health)
    assert {each.rpartition("|")[2] for each in provider.asked} <= {each.model for each in health}


async def is_mistaken(context: Context, alias: str) -> bool:
    """Can *alias* not be asked by its name? Facts about a model without a key are no mistake: nobody asks it."""
    wish = Preferences(model=alias, fallback="none")
    answered = await run(generate(LLMRequest(prompt=f"by {alias}", preferences=wish)), context)
    settings = context.config.models[alias]
    if isinstance(answered, Success):
        return False
    return states_a_model(settings) or not isinstance(answered.failure(), AuthenticationFailed)


@given(configurations)
def test_what_is_validated_planned_and_asked_is_the_same(config: LLMConfig) -> None:
    anyio.run(agree, config)


@given(configurations)
def test_every_configured_provider_is_in_the_chain_of_every_task_of_the_table(config: LLMConfig) -> None:
    async def planned() -> None:
        context = context_of(config, Answering())
        for task in CHAINS:
            if task in config.routing.chains or config.routing.fallback_order:
                continue
            found = await run(plan(LLMRequest(prompt="x", task_type=task)), context)
            targets = found.unwrap().targets if isinstance(found, Success) else ()
            reached = {each.provider for each in targets}
            own = {name for name in (*config.keys.providers, *config.http.base_urls) if name != "portkey"}
            assert {name for name in own if standing_model(name) is not None} <= reached
            assert all(is_configured(config, PROVIDERS[name]) for name in own)

    anyio.run(planned)


weights = st.sampled_from([None, 0.0, 0.5, 1.0, 3.0])
MEMBERS = ("ant", "bee", "cat")
skills: st.SearchStrategy[frozenset[Capability]] = st.sampled_from([frozenset(), frozenset({"tools"})])
members = st.builds(ModelSettings, provider=st.just("custom"), weight=weights, capabilities=skills)
chains = st.sampled_from([("chat",), ("dog", "chat"), ("bee", "chat", "dog"), ("chat", "dog")])


@st.composite
def pools(draw: st.DrawFn) -> LLMConfig:
    models = {name: draw(members) for name in MEMBERS}
    models |= {"chat": ModelSettings(pool=MEMBERS), "dog": ModelSettings(provider="custom")}
    routing = RoutingSettings(chains={"general": draw(chains)})
    return LLMConfig(models=models, routing=routing, cache=CacheSettings(enabled=False))


@given(pools(), st.booleans(), st.integers(0, 99))
def test_a_pool_is_asked_as_planned_in_some_order_of_its_members(config: LLMConfig, tools: bool, seed: int) -> None:
    request = LLMRequest(prompt="x", tools=(Tool(name="f"),) if tools else ())

    async def asked() -> None:
        provider = Answering(fails=True)
        context = replace(context_of(config, provider), random=SystemRandom(seed))
        planned = (await run(plan(request), context)).unwrap()
        await run(generate(request), context)
        order = [each.model for each in planned.targets if each.skipped is None]
        came = [key.rpartition("|")[2] for key in provider.asked]
        assert sorted(came) == sorted(order), "each once, and nobody else"
        pooled = [each.model for each in planned.targets if "from the pool" in each.why and each.skipped is None]
        assert [model for model in came if model not in pooled] == [model for model in order if model not in pooled]
        places = [index for index, model in enumerate(order) if model in pooled]
        assert {came[index] for index in places} == set(pooled), "a pool keeps its places in the chain"
        lightest = [model for model in pooled if config.models[model].weight == 0]
        assert [came[index] for index in places][len(pooled) - len(lightest) :] == lightest

    anyio.run(asked)
