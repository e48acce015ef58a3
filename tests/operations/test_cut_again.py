"""A conversation that is refused for its size is cut to what the vendor said, and asked again."""

from __future__ import annotations

import pytest
from returns.result import Failure, Success

from llm_manager import (
    BudgetSettings,
    ContextTooLarge,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    Message,
    ModelSettings,
    Preferences,
    Usage,
    continue_conversation,
    continue_conversation_stream,
    generate,
    run,
)
from llm_manager.policies.targets import resolve
from llm_manager.testing import Line, scripted
from tests.operations.conversations import started

pytestmark = pytest.mark.anyio

WINDOW = 2_000
TABLE = "".join(f"{row},{row * 37 % 1000}.{row * 91 % 1000:03},{row * 13 % 97}\n" for row in range(120))
MODELS = {"gpt": ModelSettings(window_tokens=WINDOW, max_output_tokens=100, prompt_usd=1.0, completion_usd=1.0)}
ONLY_GPT = Preferences(model="gpt", fallback="none", max_tokens=100)


class Vendor:
    """A model whose tokenizer makes a token of every second character, and whose window is *WINDOW*."""

    def __init__(self, *, tells: bool = True) -> None:
        self.sizes: list[int] = []
        self._tells = tells

    def __call__(self, request: LLMRequest) -> Line:
        said = [*(str(each.content) for each in request.messages), request.prompt]
        tokens = sum(len(each) for each in said) // 2
        self.sizes.append(tokens)
        if tokens > WINDOW - 100:
            return ContextTooLarge("gpt", tokens, WINDOW) if self._tells else ContextTooLarge("gpt")
        return LLMResponse(content="fine", model="gpt", usage=Usage(prompt_tokens=tokens, completion_tokens=2))


async def talk(vendor: Vendor, turns: int = 6) -> list[str]:
    async with scripted({"gpt": [vendor] * 40}, config=LLMConfig(models=MODELS)) as context:
        id_ = await started(context)
        outcomes = [
            await run(continue_conversation(id_, LLMRequest(prompt=f"{n}\n{TABLE}", preferences=ONLY_GPT)), context)
            for n in range(turns)
        ]
    return ["ok" if isinstance(each, Success) else each.failure().tag for each in outcomes]


@pytest.mark.parametrize("tells", [True, False])
async def test_a_conversation_is_never_stuck_in_a_refusal(tells: bool) -> None:
    vendor = Vendor(tells=tells)
    assert await talk(vendor) == ["ok"] * 6


async def test_what_a_refusal_taught_is_used_afterwards() -> None:
    vendor = Vendor()
    await talk(vendor, 9)
    refused = [size > WINDOW - 100 for size in vendor.sizes]
    assert sum(refused) <= 1


async def test_a_stream_is_cut_again_too() -> None:
    vendor = Vendor()
    async with scripted({"gpt": [vendor] * 40}, config=LLMConfig(models=MODELS)) as context:
        id_ = await started(context)
        for n in range(5):
            request = LLMRequest(prompt=f"{n}\n{TABLE}", preferences=ONLY_GPT)
            async with (await run(continue_conversation_stream(id_, request), context)).unwrap() as stream:
                kinds = [event.tag async for event in stream]
            assert kinds[-1] == "StreamFinished"


async def test_what_is_not_to_be_cut_is_refused_once() -> None:
    vendor = Vendor()
    long = tuple(Message(role="user", content=TABLE) for _ in range(3))
    request = LLMRequest(prompt="Sum them up.", messages=long, preferences=ONLY_GPT)
    wide = {"gpt": ModelSettings(window_tokens=50_000, max_output_tokens=100)}
    async with scripted({"gpt": [vendor] * 9}, config=LLMConfig(models=wide)) as context:
        first = await run(generate(request), context)
        second = await run(generate(LLMRequest(prompt=TABLE * 9, preferences=ONLY_GPT)), context)
    assert isinstance(first, Failure)
    assert first.failure().tag == "ContextTooLarge"
    assert len(vendor.sizes) == 1, "and what is certain not to fit the window that was told is not sent"
    assert isinstance(second, Failure)


async def test_a_newest_turn_that_is_too_large_alone_is_asked_once() -> None:
    vendor = Vendor()
    async with scripted({"gpt": [vendor] * 9}, config=LLMConfig(models=MODELS)) as context:
        id_ = await started(context)
        outcome = await run(continue_conversation(id_, LLMRequest(prompt=TABLE * 3, preferences=ONLY_GPT)), context)
    assert outcome.failure().tag == "ContextTooLarge"
    assert len(vendor.sizes) <= 1


async def test_a_budget_holds_for_the_densest_prompt() -> None:
    """The vendor counts two tokens for three digits, and the run costs no more than it may."""
    dense = "7f3a9c0e" * 400

    def bill(_: LLMRequest) -> Line:
        return LLMResponse(
            content="!", model="gpt", usage=Usage(prompt_tokens=len(dense) * 2 // 3, completion_tokens=1)
        )

    models = {"gpt": ModelSettings(window_tokens=100_000, prompt_usd=10.0, completion_usd=10.0)}
    for limit in (0.01, 0.02, 0.03, 0.05):
        config = LLMConfig(models=models, budget=BudgetSettings(limit_usd=limit))
        async with scripted({"gpt": [bill]}, config=config) as context:
            asked = LLMRequest(prompt=dense, preferences=Preferences(model="gpt", fallback="none", max_tokens=1))
            await run(generate(asked), context)
            assert context.budget is not None
            spent = await context.budget.spent_usd()
        assert spent <= limit


async def test_reported_usage_corrects_what_is_likely() -> None:
    def bill(_: LLMRequest) -> Line:
        return LLMResponse(content="!", model="gpt", usage=Usage(prompt_tokens=1_300, completion_tokens=1))

    async with scripted({"gpt": [bill] * 9}, config=LLMConfig(models=MODELS)) as context:
        asked = LLMRequest(prompt=" word" * 1_000, preferences=ONLY_GPT)
        for _ in range(9):
            await run(generate(asked), context)
        assert 1.1 < context.calibrations.known(resolve(context.config, "gpt").unwrap().key).factor < 1.6
