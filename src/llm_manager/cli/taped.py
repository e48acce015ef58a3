"""Running a command's operation: live, while it is recorded, or from a recording."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO, TypeVar

import anyio
from returns.result import Failure

from llm_manager import ConfigurationError, Context, Layer, LLMError, Op, Outcome, live, provide
from llm_manager.cli.show import print_line
from llm_manager.testing import NotRecorded, RecordingStopped, RecordingUnusable, ReplayDiffers, record, replay

A = TypeVar("A")


def taping(command: argparse.ArgumentParser) -> None:
    """The options that say where the context comes from."""
    tape = command.add_mutually_exclusive_group()
    tape.add_argument("--record", metavar="FILE", help="write down everything the run meets, prompts included, no keys")
    tape.add_argument("--replay", metavar="FILE", help="answer from such a file: no network, no keys, no waiting")


def perform(op: Op[A], arguments: argparse.Namespace) -> Outcome[A, LLMError | RecordingUnusable | NotRecorded]:
    """*op* with the context that *arguments* ask for; how it differs from its recording goes to standard error."""
    try:
        with _heard() as told:
            outcome = anyio.run(provide(op, _layer(arguments)))
    except NotRecorded as miss:  # whatever else differs follows from it
        return Failure(miss)
    for message in told:
        print_line(f"llm-manager: {message}", sys.stderr)
    return outcome


def _layer(arguments: argparse.Namespace) -> Layer[Context, ConfigurationError | RecordingUnusable, None]:
    if arguments.replay is not None:
        return replay(arguments.replay)
    return live() if arguments.record is None else record(live(), arguments.record)


@contextmanager
def _heard() -> Generator[list[str], None, None]:
    """What is warned about recordings meanwhile; other warnings are shown as they are."""
    told: list[str] = []
    with warnings.catch_warnings():
        for kind in (ReplayDiffers, RecordingStopped):
            warnings.simplefilter("always", kind)
        shown = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, ReplayDiffers | RecordingStopped):
                told.append(str(message))
            else:
                shown(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield told
