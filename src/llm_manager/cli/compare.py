"""``compare``: one prompt, several models, their answers side by side with what each took."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from returns.result import Failure, Success

from llm_manager import (
    ConfigurationError,
    Context,
    InvalidRequest,
    LLMError,
    LLMRequest,
    LLMResponse,
    Op,
    Outcome,
    UnknownCost,
    describe,
    effect,
    query_multiple,
    query_with_schema,
    run,
    settle,
    to_json,
)
from llm_manager.adapters.observers.metrics import MemoryMetrics
from llm_manager.cli.asked import Asked, account, asked
from llm_manager.cli.chart import BLOCKS, paint_for, ramp_for
from llm_manager.cli.columns import Block, side_by_side, stacked
from llm_manager.cli.show import FAILED, USAGE, dollars, failed, misused, number, print_json, print_painted, seconds
from llm_manager.cli.taped import perform
from llm_manager.domain.sanitize import escape_control_chars

if TYPE_CHECKING:
    from llm_manager.extraction import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """A value that a model gave, and what all rounds it took have used; *cost_usd* None where it is not known."""

    value: object
    latency_ms: float
    total_tokens: int
    cost_usd: float | None


Answer: TypeAlias = LLMResponse | Valued


def compare(arguments: argparse.Namespace) -> int:
    """Print what each model answers; fails when none does. With a schema, its value."""
    models = [name.strip() for name in arguments.models.split(",") if name.strip()]
    if not models:
        return misused("--models: name them with commas between, as in gpt,claude")
    what = asked(arguments)
    if isinstance(what, int):
        return what
    outcome = perform(_answers(what, models), arguments)
    if isinstance(outcome, Failure):
        return failed(outcome.failure(), as_json=arguments.json)
    answers = outcome.unwrap()
    if arguments.json:
        print_json({"answers": [_told(name, answer) for name, answer in zip(models, answers, strict=True)]})
    else:
        show_blocks([_block(name, answer) for name, answer in zip(models, answers, strict=True)])
    return _code(answers)


def _answers(what: Asked, models: Sequence[str]) -> Op[tuple[Outcome[Answer, LLMError], ...]]:
    schema = what.schema
    if schema is None:
        return _widened(query_multiple(what.request, models))
    return settle([_valued(_only(what.request, model), schema) for model in models])


def _widened(
    op: Op[tuple[Outcome[LLMResponse, LLMError], ...]],
) -> Op[tuple[Outcome[Answer, LLMError], ...]]:
    async def widening(context: Context) -> Outcome[tuple[Outcome[Answer, LLMError], ...], LLMError]:
        outcome = await run(op, context)
        return outcome if isinstance(outcome, Failure) else Success(tuple(outcome.unwrap()))

    return effect(widening)


def _only(request: LLMRequest, model: str) -> LLMRequest:
    """As ``query_multiple`` has it: each model answers for itself."""
    return replace(request, preferences=replace(request.preferences, model=model, fallback="none"))


def _valued(request: LLMRequest, schema: Schema[Any]) -> Op[Answer]:
    """The value that a model gives, with figures of its own: those of the context are of all models together."""

    async def asking(context: Context) -> Outcome[Answer, LLMError]:
        counting = replace(context, metrics=MemoryMetrics())
        started_s = context.clock.monotonic()
        outcome = await run(query_with_schema(request, schema), counting)
        if isinstance(outcome, Failure):
            return outcome
        used = counting.metrics.snapshot().totals
        return Success(
            Valued(
                value=outcome.unwrap(),
                latency_ms=(context.clock.monotonic() - started_s) * 1000,
                total_tokens=used.prompt_tokens + used.completion_tokens,
                cost_usd=None if used.unpriced or isinstance(used.cost, UnknownCost) else used.cost.usd,
            )
        )

    return effect(asking)


def _told(name: str, answer: Outcome[Answer, LLMError]) -> dict[str, object]:
    if isinstance(answer, Failure):
        return {"asked": name, "error": json.loads(to_json(answer.failure()))}
    match answer.unwrap():
        case LLMResponse() as response:
            return {"asked": name, "response": json.loads(to_json(response))}
        case Valued() as valued:
            return {"asked": name, **json.loads(to_json(valued))}


def _block(name: str, answer: Outcome[Answer, LLMError]) -> Block:
    if isinstance(answer, Failure):
        return Block(name, "[failed]", describe(answer.failure()), "red")
    match answer.unwrap():
        case LLMResponse() as response:
            return Block(name, account(response), response.content)
        case Valued() as valued:
            return Block(name, _figures(valued), json.dumps(valued.value, ensure_ascii=False, indent=2))


def _figures(valued: Valued) -> str:
    took = seconds(valued.latency_ms / 1000)
    return f"[{took} | {number(valued.total_tokens)} tokens | {dollars(valued.cost_usd)}]"


def show_blocks(blocks: Sequence[Block]) -> None:
    paint = paint_for(sys.stdout)
    if not sys.stdout.isatty():
        print_painted(stacked(blocks, paint))
        return
    safe = [
        replace(
            each,
            head=escape_control_chars(each.head),
            remark=escape_control_chars(each.remark),
            text=escape_control_chars(each.text),
        )
        for each in blocks
    ]
    rule = " │ " if ramp_for(sys.stdout) == BLOCKS else " | "
    drawn = side_by_side(safe, shutil.get_terminal_size().columns, paint, rule)
    print_painted(stacked(safe, paint) if drawn is None else drawn)


def _code(answers: Sequence[Outcome[Answer, LLMError]]) -> int:
    """0 when any model has answered; when none has, 2 if what was asked is wrong for all of them, and else 1."""
    errors = [each.failure() for each in answers if isinstance(each, Failure)]
    if len(errors) < len(answers):
        return 0
    return USAGE if all(isinstance(error, InvalidRequest | ConfigurationError) for error in errors) else FAILED
