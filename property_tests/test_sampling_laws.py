"""The laws of sampling options: what is dropped is what was planned, and nothing else of a request is lost."""

from __future__ import annotations

from dataclasses import replace

import anyio
from hypothesis import given
from hypothesis import strategies as st

from llm_manager import (
    Context,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    Preferences,
    RoutingSettings,
    Secret,
    UnsupportedCapability,
    generate,
    plan,
    replacing,
    run,
)
from llm_manager.domain.catalog import PROVIDERS
from llm_manager.domain.models import MODELS
from llm_manager.domain.plan import PlannedTarget
from llm_manager.domain.request import OnUnsupported
from llm_manager.domain.response import Attempt
from llm_manager.testing import ScriptedProvider, VirtualClock, scripted

OPTIONS = ("temperature", "top_p", "seed", "stop")
HOSTED = [row.name for row in PROVIDERS.values() if row.needs_key]
NAMES = sorted([*MODELS, "ollama/llama3.2", "openai/new-model", "groq/new-model", "anthropic/new-model"])

rules: st.SearchStrategy[OnUnsupported | None] = st.sampled_from([None, "drop", "refuse"])
requests = st.builds(
    LLMRequest,
    prompt=st.just("Why?"),
    preferences=st.builds(
        Preferences,
        model=st.sampled_from(NAMES),
        fallback=st.just("none"),
        max_tokens=st.sampled_from([None, 10]),
        temperature=st.sampled_from([None, 0.0, 0.7, 1, 1.0]),
        top_p=st.sampled_from([None, 0.5, 1.0]),
        seed=st.sampled_from([None, 0, 7]),
        stop=st.sampled_from([(), ("END",)]),
        unsupported=rules,
    ),
)
settings: st.SearchStrategy[OnUnsupported] = st.sampled_from(["drop", "refuse"])


def config(rule: OnUnsupported) -> LLMConfig:
    return LLMConfig(
        keys=KeySettings(providers={name: (Secret(f"key-canary-{name}"),) for name in HOSTED}),
        http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:1"}),
        routing=RoutingSettings(unsupported=rule),
    )


async def played(request: LLMRequest, rule: OnUnsupported) -> tuple[PlannedTarget, list[Attempt], list[LLMRequest]]:
    """What was planned for *request*, the ledger of what was done, and what the provider was sent."""
    clock = VirtualClock(autojump=True)
    provider = ScriptedProvider({row.name: ["said"] for row in MODELS.values()}, clock)
    names = {row.name: provider for row in PROVIDERS.values()}
    async with scripted({}, config=config(rule)) | replacing(providers=names, clock=clock) as context:
        [planned] = (await run(plan(request), context)).unwrap().targets
        return planned, await ledger(request, context), [each.request for each in provider.received]


async def ledger(request: LLMRequest, context: Context) -> list[Attempt]:
    """The attempts of *request*, none where its model was skipped."""
    outcome = await run(generate(request), context)
    answer = outcome.value_or(None)
    if answer is None:
        return []
    return list(answer.metadata.attempts)


@given(request=requests, rule=settings)
def test_what_is_dropped_is_what_was_planned_and_the_rest_is_sent(request: LLMRequest, rule: OnUnsupported) -> None:
    planned, attempts, sent = anyio.run(played, request, rule)
    is_strict = (request.preferences.unsupported or rule) == "refuse"
    assert not (planned.skipped and planned.dropped)
    if planned.skipped is not None:
        assert is_strict
        assert isinstance(planned.skipped, UnsupportedCapability)
        assert (planned.skipped.capability in OPTIONS, sent) == (True, [])
        return
    assert not (is_strict and planned.dropped), "nothing is dropped that was not to be"
    assert {line.dropped for line in attempts} <= {planned.dropped}
    [got] = sent
    lost = {name for name in OPTIONS if getattr(got.preferences, name) != getattr(request.preferences, name)}
    kept = {name: getattr(request.preferences, name) for name in lost}
    assert replace(got, preferences=replace(got.preferences, **kept)) == request
    equal = {name for name in lost - set(planned.dropped) if kept[name] == 1}
    assert lost == {*planned.dropped, *equal}, "what is left out without a word is a default"
