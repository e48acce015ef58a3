"""``generate --stream``: the answer while it comes."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from returns.result import Failure, Success

from llm_manager import (
    Context,
    LLMError,
    LLMRequest,
    LLMResponse,
    LLMStream,
    Outcome,
    PartialValue,
    SchemaStream,
    StreamResumed,
    TextDelta,
    collect,
    effect,
    generate_stream,
    run,
    stream_with_schema,
    to_json,
)
from llm_manager.cli.asked import Asked, tell_account
from llm_manager.cli.show import failed, print_json, print_line, print_text
from llm_manager.cli.taped import perform

if TYPE_CHECKING:
    from llm_manager.extraction import Schema


def stream(what: Asked, arguments: argparse.Namespace) -> int:
    """Print the text piece by piece, or with a schema the value on a line of its own whenever there is more of it.

    As JSON it is one document, at the end. A stream that breaks off fails, behind what it had said.
    """
    if what.schema is None:
        return _text(what.request, arguments)
    return _values(what.request, what.schema, arguments)


def _text(request: LLMRequest, arguments: argparse.Namespace) -> int:
    async def reading(context: Context) -> Outcome[LLMResponse, LLMError]:
        opened = await run(generate_stream(request), context)
        if isinstance(opened, Failure):
            return opened
        return await (collect if arguments.json else printed)(opened.unwrap())

    match perform(effect(reading), arguments):
        case Success(response):
            if arguments.json:
                print_line(to_json(response))
            tell_account(response, arguments)
            return 0
        case Failure(error):
            return failed(error, as_json=arguments.json)


async def printed(answer: LLMStream) -> Outcome[LLMResponse, LLMError]:
    """What :func:`collect` gives, with the text on the terminal by then; a second start is on a line of its own."""
    async with answer:
        async for event in answer:
            match event:
                case TextDelta(text):
                    print_text(text)
                case StreamResumed(model, restarted=True):
                    print_text("\n")
                    print_line(f"the stream broke off: {model} answers from the start", sys.stderr)
                case _:
                    pass
        print_text("\n" if answer.text else "")
        return await collect(answer)


def _values(request: LLMRequest, schema: Schema[Any], arguments: argparse.Namespace) -> int:
    async def reading(context: Context) -> Outcome[object, LLMError]:
        opened = await run(stream_with_schema(request, schema), context)
        if isinstance(opened, Failure):
            return opened
        return await (collect if arguments.json else _printed_values)(opened.unwrap())

    match perform(effect(reading), arguments):
        case Success(value):
            print_json(value)
            return 0
        case Failure(error):
            return failed(error, as_json=arguments.json)


async def _printed_values(values: SchemaStream[object]) -> Outcome[object, LLMError]:
    async with values:
        async for event in values:
            if isinstance(event, PartialValue):
                print_json(event.value)
                sys.stdout.flush()
        return await collect(values)
