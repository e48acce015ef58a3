"""``extract``: text in, JSON out."""

from __future__ import annotations

import argparse
import sys

from returns.result import Failure

from llm_manager.cli.json_schema import read_schema
from llm_manager.cli.show import failed, misused, print_json, print_line
from llm_manager.extraction import Extracted, decode_text, explain, extract_all, extract_json


def extract(arguments: argparse.Namespace) -> int:
    """Print the value in the text on standard input."""
    if arguments.coerce and arguments.schema is None:
        return misused("--coerce bends a value towards a schema: give one with --schema FILE")
    if arguments.schema is not None:
        return _fitted(arguments)
    text = _standard_input()
    if arguments.all:
        every = extract_all(text)
        if isinstance(every, Failure):
            return failed(every.failure(), as_json=arguments.json)
        return _printed([found.value for found in every.unwrap()], every.unwrap(), arguments)
    one = extract_json(text)
    if isinstance(one, Failure):
        return failed(one.failure(), as_json=arguments.json)
    return _printed(one.unwrap().value, (one.unwrap(),), arguments)


def _standard_input() -> str:
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _fitted(arguments: argparse.Namespace) -> int:
    read = read_schema(arguments.schema)
    if isinstance(read, Failure):
        return misused(read.failure())
    fitted = decode_text(_standard_input(), read.unwrap(), coerce=arguments.coerce)
    if isinstance(fitted, Failure):
        return failed(fitted.failure(), as_json=arguments.json)
    decoded = fitted.unwrap()
    code = _printed(decoded.value, (decoded.source,), arguments)
    if arguments.explain:
        for each in decoded.coercions:
            print_line(f"  at {each.path or 'the top'}: {each.said}", sys.stderr)
    return code


def _printed(value: object, found: tuple[Extracted, ...], arguments: argparse.Namespace) -> int:
    print_json(value)
    if arguments.explain:
        for each in found:
            print_line(f"characters {each.span.start} to {each.span.end}: {each.confidence}", sys.stderr)
            for repair in each.repairs:
                print_line(f"  {explain(repair)}", sys.stderr)
    return 0
