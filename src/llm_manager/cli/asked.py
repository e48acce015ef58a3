"""The request that a command line describes, and what its answer took."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from llm_manager import LLMRequest, LLMResponse, Preferences, UnknownCost
from llm_manager.cli.show import dollars, print_line, seconds


def request_of(arguments: argparse.Namespace) -> LLMRequest:
    """What is asked for; without a prompt, standard input is it."""
    prompt: Any = arguments.prompt
    return LLMRequest(
        prompt=sys.stdin.read() if prompt is None or prompt == "-" else prompt,
        task_type=arguments.task,
        system_prompt=arguments.system,
        preferences=Preferences(
            model=arguments.model, max_tokens=arguments.max_tokens, temperature=arguments.temperature
        ),
    )


def _account(response: LLMResponse) -> str:
    """One line of what the answer took."""
    cost = response.usage.cost
    parts = (
        response.model,
        "from the cache" if response.metadata.cached else seconds(response.metadata.latency_ms / 1000),
        f"{response.usage.total_tokens} tokens",
        dollars(None if isinstance(cost, UnknownCost) else cost.usd),
        f"{response.metadata.retry_count} retries",
    )
    return f"[{' | '.join(parts)}]"


def tell_account(response: LLMResponse, arguments: argparse.Namespace) -> None:
    """What the answer took, for a person who is looking."""
    if sys.stderr.isatty() and not arguments.json:
        print_line(_account(response), sys.stderr)
