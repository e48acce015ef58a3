"""``llm-manager``: what it takes and where it goes."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import llm_manager
from llm_manager.cli import ask, batch, inspect, simulate, templates
from llm_manager.cli.chat.command import chat, options
from llm_manager.cli.compare import compare
from llm_manager.cli.completion import SHELLS, completion
from llm_manager.cli.demo import demo
from llm_manager.cli.extract import extract
from llm_manager.cli.show import FAILED, INTERRUPTED, print_line
from llm_manager.cli.taped import taping
from llm_manager.cli.templates import filling
from llm_manager.cli.usage import arguments_of


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 when the operation failed, 2 for wrong usage, 130 when interrupted."""
    if not _is_heard():
        return FAILED
    arguments = arguments_of(parser(), sys.argv[1:] if argv is None else argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who read our output has heard enough
        sys.stderr.close()
        return 0
    except OSError as bad:
        if bad.errno not in _FULL or bad.filename is not None:
            raise
        return _unprinted(bad)
    return code


_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF, errno.EIO)
"""What is wrong with a place that takes no more of our output; it is of no file that we have opened by its name."""


def _is_heard() -> bool:
    """Is there a standard output? Without one nothing is asked, for nobody would read an answer that was paid for.

    A stream that was closed before we began (``2>&-``) is None: what has nothing to say to it goes on without.
    """
    sys.stdin = sys.stdin or Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  # for as long as we run
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # as above
    if sys.stdout is None:
        print_line("llm-manager: standard output is closed, and answers go there: open it or give a file", sys.stderr)
        return False
    return True


def _unprinted(bad: OSError) -> int:
    """Tell that the answer was not written, and let nobody try again when the interpreter ends."""
    print_line(f"llm-manager: standard output cannot be written: {bad.strerror}", sys.stderr)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return FAILED


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    top = argparse.ArgumentParser(
        prog="llm-manager", description="Ask language models, and see how they would be asked.", allow_abbrev=False
    )
    top.add_argument("--version", action=_Version, help="print the version of this program")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    answering = _command(commands, "generate", ask.generate, "answer a prompt (from the argument or standard input)")
    _asking(answering)
    answering.add_argument("--stream", action="store_true", help="print the answer while it comes")
    taping(answering)
    _asking(_command(commands, "plan", ask.plan, "which models would be asked, in order, and the most it can take"))
    talking = _command(commands, "chat", chat, "talk with a model; conversations are kept, and can be gone on with")
    options(talking)
    _wishing(talking, schema=False)
    comparing = _command(commands, "compare", compare, "what several models answer, side by side, and what it takes")
    _asking(comparing, model=False)
    comparing.add_argument("--models", required=True, metavar="A,B,C", help="whom to ask, with commas between")
    comparing.set_defaults(model=None)
    taping(comparing)
    reading = _command(commands, "extract", extract, "find the JSON in text from standard input")
    reading.add_argument("--schema", metavar="FILE", help="a JSON schema the value must satisfy")
    reading.add_argument(
        "--coerce", action="store_true", help="let the schema bend a value's form; --explain lists how"
    )
    reading.add_argument("--all", action="store_true", help="every value in the text, as a list")
    reading.add_argument("--explain", action="store_true", help="say what was repaired, on standard error")
    many = _command(commands, "batch", batch.command, "answer a file of requests; the same command again goes on")
    many.add_argument("requests", metavar="IN.jsonl", help="a request a line: an object with its fields, and an id")
    many.add_argument("answers", metavar="OUT.jsonl", help="where the answers go, in the same order")
    many.add_argument("--concurrency", type=int, default=10, metavar="N", help="how many at once (10)")
    many.add_argument("--journal", metavar="FILE", help="what is answered already (OUT.jsonl.journal)")
    many.add_argument(
        "--at-vendor",
        action="store_true",
        help="hand them in as the vendor's own batch: within a day, at its lower price; wants --model",
    )
    many.add_argument("--cancel", action="store_true", help="cancel the vendor's batch when interrupted")
    many.add_argument("--overwrite", action="store_true", help="replace OUT.jsonl though it is from no batch of ours")
    _wishing(many)
    _looking(commands)
    _playing(commands)
    _completing(commands)
    return top


class _Version(argparse.Action):
    """Reads the version only when it is asked for: it is in a file of its own."""

    def __init__(self, option_strings: Sequence[str], dest: str, **named: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=named.get("help"))

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print_line(f"llm-manager {llm_manager.__version__}")
        parser.exit()


def _looking(commands: Any) -> None:
    """What there is, and how it is doing."""
    listing = _command(commands, "templates", templates.command, "prompt templates and the variables they take")
    listing.add_argument("folder", nargs="?", metavar="FOLDER", help="those in its files, and not the ready-made ones")
    _command(commands, "models", inspect.models, "the models that can be asked for")
    _command(commands, "health", inspect.health, "ask every configured provider whether it is there")
    standing = _command(commands, "status", inspect.status, "health, metrics and cache")
    standing.add_argument(
        "--watch", type=float, nargs="?", const=5.0, metavar="SECONDS", help="again and again (every 5 s), until Ctrl-C"
    )
    _command(commands, "config", inspect.config, "the settings in force and where each came from; keys hidden")


def _playing(commands: Any) -> None:
    """What needs no account."""
    playing = _command(commands, "simulate", simulate.command, "what a day of faults would do to a configuration")
    playing.add_argument("scenario", metavar="SCENARIO.toml", help="who calls when, and how the models behave")
    playing.add_argument(
        "--config",
        metavar="FILE",
        action="append",
        help="play against these settings, and not the environment's; several are compared",
    )
    playing.add_argument("--seed", type=int, metavar="N", help="another day like it")
    playing.add_argument("--trace", metavar="FILE", help="write everything that happens there, as lines of JSON")
    showing = _command(commands, "demo", demo, "the main job on simulated vendors; needs no account")
    showing.add_argument("--portkey", metavar="URL", help="go through the Portkey gateway at this address")
    showing.add_argument("--gguf", metavar="FILE", help="also ask this model in process")


def _completing(commands: Any) -> None:
    """It has no ``--json``: a shell reads it."""
    about = "print what makes a shell complete this command, its options, models and tasks"
    command: argparse.ArgumentParser = commands.add_parser("completion", help=about, description=about)
    command.add_argument("shell", choices=SHELLS)
    command.set_defaults(run=_complete)


def _complete(arguments: argparse.Namespace) -> int:
    return completion(parser(), arguments.shell)


def _command(commands: Any, name: str, run: Any, help_: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=help_, description=help_, allow_abbrev=False)
    command.add_argument("--json", action="store_true", help="print one JSON document")
    command.set_defaults(run=run)
    return command


def _asking(command: argparse.ArgumentParser, *, model: bool = True) -> None:
    command.add_argument("prompt", nargs="?", help="standard input when left out")
    _wishing(command, model=model)
    filling(command)


def _wishing(command: argparse.ArgumentParser, *, model: bool = True, schema: bool = True) -> None:
    command.add_argument("--task", help="which chain of models to use (general)")
    if model:
        command.add_argument("--model", help="the model to ask first")
    command.add_argument("--system", metavar="TEXT", help="the system prompt")
    command.add_argument("--max-tokens", type=int, metavar="N", help="the longest answer")
    command.add_argument("--temperature", type=float, metavar="T", help="0 to 2")
    said = "leave what a model does not take, such as a temperature, out of what is sent to it, or skip that model"
    command.add_argument("--unsupported", choices=("drop", "refuse"), help=f"{said} (drop)")
    if schema:
        command.add_argument("--schema", metavar="FILE", help="a JSON schema that the answer must satisfy")


if __name__ == "__main__":
    sys.exit(main())
