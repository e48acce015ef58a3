"""Errors and what was used for them."""

from __future__ import annotations

from dataclasses import replace

from llm_manager import LLMError, LLMRequest, Usage
from llm_manager.domain.catalog import Price
from llm_manager.domain.paid import Payable, with_usage
from llm_manager.domain.response import ComputedCost, Cost, UnknownCost
from llm_manager.policies.pricing import MILLION
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.policies.token_estimate import token_range

HI = LLMRequest(prompt="hi")


def unpaid(error: LLMError) -> LLMError:
    """*error* without what was used for it: what it is."""
    return replace(error, usage=None) if isinstance(error, Payable) else error


def _written(text: str, *, is_whole: bool) -> int:
    tokens = token_range(text)
    return tokens.likely if is_whole else tokens.high


def paid(
    error: LLMError, text: str, request: LLMRequest = HI, price: Price | None = None, *, is_whole: bool = False
) -> LLMError:
    """*error* after so much *text*, of which the vendor had told no usage: with the most that it
    may be, and, where it *is_whole*, with what is likely."""
    asked, said = prompt_tokens(request).likely, _written(text, is_whole=is_whole)
    cost: Cost = UnknownCost()
    if price is not None:
        cost = ComputedCost((asked * price.prompt_usd + said * price.completion_usd) / MILLION)
    usage = Usage(prompt_tokens=asked, completion_tokens=said, total_tokens=asked + said, cost=cost, estimated=True)
    return with_usage(error, usage)
