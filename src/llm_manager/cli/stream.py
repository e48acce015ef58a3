"""``generate --stream``: the answer while it comes."""

from __future__ import annotations

import argparse
import sys

from returns.result import Failure, Success

from llm_manager import (
    Context,
    LLMError,
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
from llm_manager.cli.asked import request_of, tell_account
from llm_manager.cli.json_schema import read_schema
from llm_manager.cli.show import failed, misused, print_json, print_line, print_text
from llm_manager.cli.taped import perform


def stream(arguments: argparse.Namespace) -> int:
    """Print the text piece by piece, or with a schema the value on a line of its own whenever there is more of it.

    As JSON it is one document, at the end. A stream that breaks off fails, behind what it had said.
    """
    return _text(arguments) if arguments.schema is None else _values(arguments)


def _text(arguments: argparse.Namespace) -> int:
    request = request_of(arguments)

    async def reading(context: Context) -> Outcome[LLMResponse, LLMError]:
        opened = await run(generate_stream(request), context)
        if isinstance(opened, Failure):
            return opened
        return await (collect if arguments.json else _printed)(opened.unwrap())

    match perform(effect(reading), arguments):
        case Success(response):
            if arguments.json:
                print_line(to_json(response))
            tell_account(response, arguments)
            return 0
        case Failure(error):
            return failed(error, as_json=arguments.json)


async def _printed(answer: LLMStream) -> Outcome[LLMResponse, LLMError]:
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


def _values(arguments: argparse.Namespace) -> int:
    read = read_schema(arguments.schema)
    if isinstance(read, Failure):
        return misused(read.failure())
    schema, request = read.unwrap(), request_of(arguments)

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
