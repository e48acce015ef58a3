"""``completion``: what makes a shell complete our commands, options, models and tasks.

The names are those of the settings at the moment it is printed, so that pressing Tab starts no program of ours.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from returns.result import Success

from llm_manager import LLMConfig, config_from_env
from llm_manager.cli.show import misused, print_painted
from llm_manager.policies.chains import task_names
from llm_manager.policies.targets import known_names

SHELLS: Final = ("bash", "zsh", "fish")


def completion(parser: argparse.ArgumentParser, shell: str) -> int:
    """Print the script by which *shell* completes what *parser* takes; *parser* is changed by it."""
    try:
        import shtab  # noqa: PLC0415  # an extra, and only who completes needs it
    except ImportError:
        return misused("completion needs shtab: pip install 'llm-manager[cli]'")
    kinds = {"file": cast("object", shtab.FILE), "folder": cast("object", shtab.DIRECTORY)}
    _annotate(parser, _names(), kinds)
    print_painted(shtab.complete(parser, shell=shell))
    return 0


def _names() -> Mapping[str, Sequence[str]]:
    """By the name of an option, what it takes; settings that are wrong take nothing away but names of their own."""
    found = config_from_env(os.environ)
    config = found.unwrap() if isinstance(found, Success) else LLMConfig()
    models = known_names(config)
    return {"model": models, "models": models, "task": task_names(config)}


def _annotate(parser: argparse.ArgumentParser, names: Mapping[str, Sequence[str]], kinds: Mapping[str, object]) -> None:
    """Tell the options of *parser*, and of its commands, what they take."""
    # argparse has no public list of its options; shtab reads the same one.
    for action in cast("Iterable[Any]", parser._actions):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        if action.nargs == argparse.PARSER:  # the commands
            for command in cast("dict[str, argparse.ArgumentParser]", action.choices).values():
                _annotate(command, names, kinds)
        elif action.dest in names:
            action.choices = names[action.dest]
        else:
            kind = _kind(action.metavar)
            if kind is not None:
                action.complete = kinds[kind]


def _kind(metavar: object) -> str | None:
    """
    >>> _kind("SCENARIO.toml"), _kind("FOLDER"), _kind("NAME")
    ('file', 'folder', None)
    """
    if not isinstance(metavar, str):
        return None
    if metavar == "FOLDER":
        return "folder"
    return "file" if metavar.startswith("FILE") or "." in metavar else None
