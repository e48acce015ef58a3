"""What is asked of each server, by this library: each check gives the words of one cell."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from anyio import to_thread
from pydantic import BaseModel
from returns.result import Failure, Success

from llm_manager import (
    Context,
    LLMRequest,
    Preferences,
    Tool,
    generate,
    generate_stream,
    get_model_health,
    query_with_schema,
    run,
)
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import NamedTool
from llm_manager.domain.response import LLMResponse
from llm_manager.operations.stream import collect
from servers.table import KEY

Check = Callable[[Context, str, str], Awaitable[str]]

ASK = LLMRequest(
    prompt="Why is the sky blue?",
    preferences=Preferences(model="asked", fallback="none", max_tokens=12, temperature=0.0, seed=1),
)
WEATHER = Tool(
    name="weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"]},
)


class Number(BaseModel):
    """A number below ten."""

    number: int


def failed(outcome: Outcome[Any, LLMError]) -> str:
    error = outcome.failure()
    return f"{error.tag}: {error.message[:80]}" if error.message else error.tag


def said(outcome: Outcome[LLMResponse, LLMError]) -> str:
    return f"yes, {outcome.unwrap().finish_reason}" if isinstance(outcome, Success) else failed(outcome)


async def text(context: Context, url: str, model: str) -> str:
    return said(await run(generate(ASK), context))


async def stream(context: Context, url: str, model: str) -> str:
    opened = await run(generate_stream(ASK), context)
    return failed(opened) if isinstance(opened, Failure) else said(await collect(opened.unwrap()))


async def usage(context: Context, url: str, model: str) -> str:
    answered = await run(generate(ASK), context)
    opened = await run(generate_stream(ASK), context)
    streamed = opened if isinstance(opened, Failure) else await collect(opened.unwrap())
    told = [
        "no" if isinstance(each, Failure) or each.unwrap().usage.estimated else "yes" for each in (answered, streamed)
    ]
    return f"whole {told[0]}, streamed {told[1]}"


async def tools(context: Context, url: str, model: str) -> str:
    wish = replace(ASK.preferences, max_tokens=60)
    outcome = await run(generate(replace(ASK, prompt="The weather?", tools=(WEATHER,), preferences=wish)), context)
    if isinstance(outcome, Failure):
        return failed(outcome)
    return "calls" if outcome.unwrap().tool_calls else "text instead"


async def forced_tool(context: Context, url: str, model: str) -> str:
    wish = replace(ASK.preferences, max_tokens=60)
    request = replace(ASK, prompt="The weather?", tools=(WEATHER,), tool_choice=NamedTool("weather"), preferences=wish)
    outcome = await run(generate(request), context)
    if isinstance(outcome, Failure):
        return failed(outcome)
    return "calls" if outcome.unwrap().tool_calls else "text instead"


async def schema(context: Context, url: str, model: str) -> str:
    wish = replace(ASK.preferences, max_tokens=60)
    outcome = await run(query_with_schema(replace(ASK, prompt="A number?", preferences=wish), Number), context)
    return "yes" if isinstance(outcome, Success) else failed(outcome)


async def overflow(context: Context, url: str, model: str) -> str:
    outcome = await run(generate(replace(ASK, prompt="x y " * 4_000)), context)
    return "answered" if isinstance(outcome, Success) else failed(outcome)


async def unknown_model(context: Context, url: str, model: str) -> str:
    return await to_thread.run_sync(
        posted, url, {"model": "no-such-model", "messages": [{"role": "user", "content": ASK.prompt}]}
    )


async def limit_field(context: Context, url: str, model: str) -> str:
    """Which of the two names of the limit is obeyed."""
    obeyed: list[str] = []
    for name in ("max_tokens", "max_completion_tokens"):
        body = {"model": model, "messages": [{"role": "user", "content": ASK.prompt}], name: 3}
        answer: Any = await to_thread.run_sync(answered, url, body)
        counted: Any = None if answer is None else answer.get("usage", {}).get("completion_tokens")
        if isinstance(counted, int) and counted <= 3:
            obeyed.append(f"`{name}`")
    return " and ".join(obeyed) or "neither"


async def model_list(context: Context, url: str, model: str) -> str:
    [status, *_] = (await run(get_model_health(), context)).unwrap()
    return "healthy" if status.healthy else "not healthy"


CHECKS: Mapping[str, Check] = {
    "text": text,
    "stream": stream,
    "usage told": usage,
    "tools": tools,
    "forced tool": forced_tool,
    "schema": schema,
    "too long a prompt": overflow,
    "unknown model": unknown_model,
    "limit obeyed": limit_field,
    "health": model_list,
}


def answered(url: str, body: Mapping[str, object]) -> Any:
    """What the server says to *body*, asked without this library; None for an error, and for what is no JSON."""
    request = urllib.request.Request(  # noqa: S310  # loopback
        f"{url}/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {KEY}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # as above
            return json.loads(answer.read())
    except (urllib.error.HTTPError, ValueError):
        return None


def posted(url: str, body: Mapping[str, object]) -> str:
    """The status of the answer to *body*."""
    request = urllib.request.Request(  # noqa: S310  # loopback
        f"{url}/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {KEY}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # as above
            return f"{answer.status}, answered"
    except urllib.error.HTTPError as refused:
        return str(refused.code)
