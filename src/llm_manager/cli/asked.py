"""The request that a command line describes, and what its answer took."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from returns.result import Failure, Success

from llm_manager import LLMRequest, LLMResponse, Outcome, UnknownCost
from llm_manager.cli.heard import heard
from llm_manager.cli.json_schema import read_schema
from llm_manager.cli.show import dollars, failed, misused, number, print_line, seconds
from llm_manager.cli.templates import from_template

if TYPE_CHECKING:
    from llm_manager.extraction import Schema


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line asks: a request, and the type its answer is held to, if any."""

    request: LLMRequest
    schema: Schema[Any] | None = None


def asked(arguments: argparse.Namespace) -> Asked | int:
    """What is asked for, by a template or by the prompt; or the exit code, when what is wrong with it has been told."""
    told = _misuse(arguments)
    if told is not None:
        return misused(told)
    schema = _schema(arguments.schema)
    if isinstance(schema, Failure):
        return misused(schema.failure())
    if arguments.template is None:
        prompt = _prompt(arguments)
        if isinstance(prompt, Failure):
            return misused(prompt.failure())
        return Asked(wished(LLMRequest(prompt=prompt.unwrap()), arguments), schema.unwrap())
    made = from_template(arguments.template, arguments.vars, arguments.var or ())
    if isinstance(made, Success):
        request, answer = made.unwrap()
        return Asked(wished(request, arguments), schema.unwrap() or answer)
    error = made.failure()
    return misused(error) if isinstance(error, str) else failed(error, as_json=arguments.json)


def _misuse(arguments: argparse.Namespace) -> str | None:
    if arguments.template is None:
        given = arguments.var or arguments.vars is not None
        return "--var and --vars fill in a template: name one with --template" if given else None
    return None if arguments.prompt is None else "a template makes the prompt: leave one of them out"


def _schema(name: str | None) -> Outcome[Schema[Any] | None, str]:
    return Success(None) if name is None else read_schema(name)


def _prompt(arguments: argparse.Namespace) -> Outcome[str, str]:
    """Without a prompt, standard input is it."""
    prompt: str | None = arguments.prompt
    return heard() if prompt is None or prompt == "-" else Success(prompt)


def wished(request: LLMRequest, arguments: argparse.Namespace) -> LLMRequest:
    """*request* with what the command line says of it."""
    wishes = {
        "model": arguments.model,
        "max_tokens": arguments.max_tokens,
        "temperature": arguments.temperature,
        "unsupported": arguments.unsupported,
    }
    said = {name: wish for name, wish in wishes.items() if wish is not None}
    return replace(
        request,
        task_type=request.task_type if arguments.task is None else arguments.task,
        system_prompt=request.system_prompt if arguments.system is None else arguments.system,
        preferences=replace(request.preferences, **said),
    )


def account(response: LLMResponse) -> str:
    """One line of what the answer took."""
    cost = response.usage.cost
    parts = (
        response.model,
        "from the cache" if response.metadata.cached else seconds(response.metadata.latency_ms / 1000),
        f"{number(response.usage.total_tokens)} tokens",
        dollars(None if isinstance(cost, UnknownCost) else cost.usd),
        f"{response.metadata.retry_count} retries",
    )
    return f"[{' | '.join(parts)}]"


def tell_account(response: LLMResponse, arguments: argparse.Namespace) -> None:
    """What the answer took, for a person who is looking."""
    if sys.stderr.isatty() and not arguments.json:
        print_line(account(response), sys.stderr)
