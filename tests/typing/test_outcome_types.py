"""What type checkers infer of the methods of an outcome, and what keeps it one that ``match`` can exhaust."""

from __future__ import annotations

from typing import Any, assert_type

import pytest
from returns.result import Failure, Result, Success

from llm_manager import Context, LLMError, LLMRequest, LLMResponse, Outcome, generate, map_, run
from llm_manager.testing import scripted

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="x")


def _content(response: LLMResponse) -> str:
    return response.content


async def mapped(context: Context) -> str:
    """A method of an outcome gives a ``Result`` of ``returns``, which is declared as one or read with its methods."""
    outcome = await run(generate(ASK), context)
    assert_type(outcome, Outcome[LLMResponse, LLMError])
    assert_type(outcome.map(str), Result[str, Any] | Result[str, LLMError])
    assert_type(outcome.map(_content).unwrap(), str)
    result: Result[str, LLMError] = outcome.map(_content)
    lengths: Result[int, LLMError] = outcome.map(lambda response: len(response.content))
    words: Result[LLMResponse, str] = outcome.alt(lambda error: error.message)
    assert_type(lengths.value_or(0), int)
    assert_type(words, Result[LLMResponse, str])
    return outcome.map(_content).value_or("") + result.value_or("")


async def matched(context: Context) -> str:
    """An operation that is mapped before it runs gives an outcome: the match is complete in every checker."""
    outcome = await run(map_(generate(ASK), _content), context)
    assert_type(outcome, Outcome[str, LLMError])
    match outcome:
        case Success(content):
            return content
        case Failure(error):
            return error.message


async def test_both_ways_give_the_content() -> None:
    async with scripted({"gpt": ["Because."] * 2}) as context:
        assert (await mapped(context), await matched(context)) == ("Because." * 2, "Because.")
