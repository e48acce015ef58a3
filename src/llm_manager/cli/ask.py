"""``generate`` and ``plan``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import anyio
from returns.result import Failure, Success

from llm_manager import (
    LLMRequest,
    PlannedTarget,
    RoutePlan,
    describe,
    live,
    provide,
    query_with_schema,
    to_json,
)
from llm_manager import generate as generate_op
from llm_manager import plan as plan_op
from llm_manager.cli.asked import asked, tell_account
from llm_manager.cli.show import dollars, failed, print_json, print_line, seconds, table
from llm_manager.cli.stream import stream
from llm_manager.cli.taped import perform

if TYPE_CHECKING:
    from llm_manager.extraction import Schema


def generate(arguments: argparse.Namespace) -> int:
    """Print the answer; with a schema, the value. What it took goes to standard error when a person is looking."""
    what = asked(arguments)
    if isinstance(what, int):
        return what
    if arguments.stream:
        return stream(what, arguments)
    if what.schema is not None:
        return _query(what.request, what.schema, arguments)
    outcome = perform(generate_op(what.request), arguments)
    if isinstance(outcome, Failure):
        return failed(outcome.failure(), as_json=arguments.json)
    response = outcome.unwrap()
    print_line(to_json(response) if arguments.json else response.content)
    tell_account(response, arguments)
    return 0


def _query(request: LLMRequest, schema: Schema[Any], arguments: argparse.Namespace) -> int:
    outcome = perform(query_with_schema(request, schema), arguments)
    if isinstance(outcome, Failure):
        return failed(outcome.failure(), as_json=arguments.json)
    print_json(outcome.unwrap())
    return 0


def plan(arguments: argparse.Namespace) -> int:
    """Print the models in order, why each stands there or is passed over, and the worst case."""
    what = asked(arguments)
    if isinstance(what, int):
        return what
    match anyio.run(provide(plan_op(what.request), live())):
        case Success(route):
            print_line(to_json(route) if arguments.json else plan_text(route))
            return 0
        case Failure(error):
            return failed(error, as_json=arguments.json)


def plan_text(route: RoutePlan) -> str:
    """The plan as a table, and its worst case."""
    rows = [
        (
            target.model,
            target.provider,
            "-" if target.skipped else str(target.worst_attempts),
            "-" if target.skipped else dollars(target.worst_cost_usd),
            _why(target),
        )
        for target in route.targets
    ]
    worst = f"{route.worst_attempts} requests, {dollars(route.worst_cost_usd)}, {seconds(route.worst_latency_s)}"
    return f"{table(('MODEL', 'PROVIDER', 'TRIES', 'COST', 'WHY'), rows)}\n\nat worst: {worst}"


def _why(target: PlannedTarget) -> str:
    if target.skipped is not None:
        return f"passed over: {target.skipped.message or describe(target.skipped)}"
    messages = f"{target.left_out_messages} messages" if target.left_out_messages else ""
    left_out = [*target.dropped, *([messages] if messages else [])]
    return f"{target.why}, without {' and '.join(left_out)}" if left_out else target.why
