"""What is wrong with a command line, with the word that was probably meant."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from llm_manager.cli.show import USAGE, print_line


def arguments_of(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """What *argv* says; leaves with the exit code 2 and a word of advice when it makes no sense.

    Without a command it is the help that is told: who calls a program bare wants to know what it does.
    """
    commands = commands_of(parser)
    if not argv:
        print_line(parser.format_help(), sys.stderr)
        parser.exit(USAGE, 'llm-manager: give a command, such as: llm-manager generate "Why is the sky blue?"\n')
    if not argv[0].startswith("-") and argv[0] not in commands:
        parser.error(f"there is no command {argv[0]!r}{_meant(argv[0], commands)}")
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        command = commands.get(argv[0], parser)
        said = next((each for each in unknown if each.startswith("-")), unknown[0])
        advice = _meant(said.partition("=")[0], options_of(command)) if said.startswith("-") else _quoting(unknown)
        command.error(f"{said!r} is not understood{advice}")
    return arguments


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    found = (action.choices for action in _actions(parser) if action.nargs == argparse.PARSER)
    return dict(next(found))


def options_of(command: argparse.ArgumentParser) -> list[str]:
    """The names of the options of *command*."""
    return [name for action in _actions(command) for name in action.option_strings]


def _actions(parser: argparse.ArgumentParser) -> Iterable[Any]:
    # argparse has no public list of what it takes
    return parser._actions  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _meant(word: str, known: Sequence[str] | dict[str, argparse.ArgumentParser]) -> str:
    near = get_close_matches(word, list(known), n=1)
    if near:
        return f": did you mean {near[0]}?"
    return f": there are {', '.join(known)}" if isinstance(known, dict) else ": see --help"


def _quoting(words: Sequence[str]) -> str:
    return f': put quotation marks around a text of several words, such as "... {" ".join(words[:3])}"'
