"""The real llama.cpp, by how it is loaded and asked: its slots, its window, its grammar and its stops."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    InvalidRequest,
    LLMConfig,
    LLMRequest,
    Preferences,
    RequestTimedOut,
    ServerError,
    StreamFailed,
    TimeoutSettings,
    custom,
    describe,
    generate,
    generate_stream,
    provide,
    run,
    stream_with_schema,
    warmup_models,
)
from llm_manager.domain.request import JsonMode, JsonSchema
from tests.real.test_llama_cpp import SHORT, SHORT_ANSWER, config
from tiny_gguf import CHAT_TEMPLATE, write_tiny_gguf

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("tokens", "said"), [(100, "no window below 256"), (100_000, "was trained for 2048")])
async def test_a_window_that_the_engine_would_change_is_refused(gguf_file: Path, tokens: int, said: str) -> None:
    changed = config(gguf_file, context_tokens=tokens)
    error = (await provide(generate(LLMRequest(prompt="x", preferences=SHORT_ANSWER)), custom(changed))).failure()
    assert "models.tiny.context_tokens" in describe(error)
    assert said in describe(error)


def with_slots(path: Path, slots: int) -> LLMConfig:
    alone = config(path, context_tokens=2048)
    return replace(alone, models={"tiny": replace(alone.models["tiny"], slots=slots)})


@pytest.mark.parametrize(("slots", "overlap"), [(1, False), (2, True)])
async def test_as_many_answers_are_made_at_once_as_there_are_slots(
    gguf_file: Path, slots: int, *, overlap: bool
) -> None:
    """Each has the whole window: together they are larger than it."""
    came: list[str] = []
    async with custom(with_slots(gguf_file, slots)) as context:
        await run(warmup_models(), context)

        async def ask(name: str) -> None:
            wish = Preferences(model="tiny", fallback="none", max_tokens=150, seed=5)
            request = LLMRequest(prompt=name * 1500, preferences=wish, response_format=JsonMode())
            async with (await run(generate_stream(request), context)).unwrap() as stream:
                async for event in stream:
                    assert not isinstance(event, StreamFailed) or isinstance(event.error, ServerError), event
                    came.append(name)

        async with anyio.create_task_group() as group:
            group.start_soon(ask, "a")
            group.start_soon(ask, "b")
    changes = sum(one != other for one, other in pairwise(came))
    assert {"a", "b"} == set(came)
    assert (changes > 1) == overlap


async def test_whoever_waits_for_a_slot_uses_up_no_attempt_and_opens_no_circuit(gguf_file: Path) -> None:
    busy = with_slots(gguf_file, 1)
    patient = replace(busy, timeouts=TimeoutSettings(total_s=60.0))
    endless = LLMRequest(prompt="go", preferences=Preferences(model="tiny", fallback="none", seed=3))
    async with custom(patient) as context:
        await run(warmup_models(), context)
        async with (await run(stream_with_schema(endless, list[int]), context)).unwrap() as stream:
            await anext(stream)
            for _ in range(6):
                waiting = LLMRequest(prompt="short", preferences=SHORT_ANSWER, deadline_s=0.05)
                error = (await run(generate(waiting), context)).failure()
                assert isinstance(error, RequestTimedOut)
                assert error.phase == "total"
        assert isinstance(await run(generate(LLMRequest(prompt="now", preferences=SHORT_ANSWER)), context), Success)


async def test_what_no_grammar_is_made_of_is_left_out_and_nothing_is_written(
    gguf_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    parts = {"a": {"type": "string", "pattern": "abc", "maxLength": 3}, "b": {"type": "string", "minLength": 3_000}}
    borders = {"c": {"type": "string", "pattern": "^\\\\bx$", "maxLength": 2}}
    for properties in (parts, borders):
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        wish = replace(SHORT, max_tokens=1500)
        request = LLMRequest(prompt="x", preferences=wish, response_format=JsonSchema(schema=schema))
        outcome = await provide(generate(request), custom(config(gguf_file, context_tokens=2048)))
        assert isinstance(outcome, Success) or not isinstance(outcome.failure(), InvalidRequest)
    assert "WARNING" not in capfd.readouterr().err


async def test_a_stop_ends_the_same_text_of_a_model_that_thinks(tmp_path: Path) -> None:
    """The engine is told of no stops then: they are looked for in what is the answer."""
    found: dict[str, list[tuple[str, str]]] = {}
    for comment in ("", "{# <think> #}"):
        file = write_tiny_gguf(tmp_path / f"{len(comment)}.gguf", chat_template=CHAT_TEMPLATE + comment)
        async with custom(config(file)) as context:
            for stop in ((), tuple("eatzq04:")):
                for seed in range(4):
                    wish = Preferences(model="tiny", max_tokens=60, seed=seed, stop=stop)
                    answers = found.setdefault(f"{comment}{bool(stop)}", [])
                    match await run(generate(LLMRequest(prompt="x", preferences=wish)), context):
                        case Success(response):
                            assert response.usage.completion_tokens
                            answers.append((response.content, response.finish_reason))
                        case Failure(error):  # nothing before the first stop
                            answers.append(("", error.tag))
    assert found["True"] == found["{# <think> #}True"]
    assert found["False"] == found["{# <think> #}False"]
    assert found["True"] != found["False"]
