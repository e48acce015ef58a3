"""``extract``: text in, JSON out."""

from __future__ import annotations

import argparse
import sys

from returns.result import Failure

from llm_manager.cli.json_schema import read_schema
from llm_manager.cli.show import failed, misused, print_json, print_line
from llm_manager.extraction import Extracted, explain, extract_all, extract_json, extract_with_schema


def extract(arguments: argparse.Namespace) -> int:
    """Print the value in the text on standard input."""
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
    value = extract_with_schema(_standard_input(), read.unwrap())
    if isinstance(value, Failure):
        return failed(value.failure(), as_json=arguments.json)
    print_json(value.unwrap())
    return 0


def _printed(value: object, found: tuple[Extracted, ...], arguments: argparse.Namespace) -> int:
    print_json(value)
    if arguments.explain:
        for each in found:
            print_line(f"characters {each.span.start} to {each.span.end}: {each.confidence}", sys.stderr)
            for repair in each.repairs:
                print_line(f"  {explain(repair)}", sys.stderr)
    return 0
