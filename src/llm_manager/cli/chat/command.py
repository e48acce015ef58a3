"""``chat`` on the command line: what is to be done, with which conversation, and for whom."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from returns.result import Failure, Success

from llm_manager import (
    LLMRequest,
    Outcome,
    collect,
    delete_conversation,
    get_available_models,
    get_conversation,
    list_conversations,
    select_model,
    to_json,
)
from llm_manager.cli.asked import account, wished
from llm_manager.cli.chat.commands import COMMANDS, is_command, obey
from llm_manager.cli.chat.desk import Desk, tell
from llm_manager.cli.chat.editor import Editor, unechoed
from llm_manager.cli.chat.seat import Seat, last_id, resolved, turn
from llm_manager.cli.chat.shown import as_markdown, last_exchange, list_text, short_id
from llm_manager.cli.chat.store import keeping
from llm_manager.cli.heard import heard, heard_lines
from llm_manager.cli.held import Held, holding
from llm_manager.cli.home import own_file
from llm_manager.cli.show import failed, misused, print_json, print_line
from llm_manager.cli.stream import printed

LISTED: Final = 100
"""How many conversations ``--list`` shows."""


def options(command: argparse.ArgumentParser) -> None:
    """Which conversation, and what is to be done with it besides talking."""
    command.add_argument("id", nargs="?", metavar="ID", help="go on with this one; the beginning of its id is enough")
    which = command.add_mutually_exclusive_group()
    which.add_argument("--new", action="store_true", help="begin one, called ID if that is given")
    which.add_argument("--last", action="store_true", help="go on with the one that was continued last")
    which.add_argument("--list", action="store_true", help=f"print the last {LISTED} and end")
    which.add_argument("--show", metavar="ID", help="print one as Markdown and end")
    which.add_argument("--delete", metavar="ID", help="forget one for good, by its whole id, and end")
    command.add_argument("--store", metavar="URL", help="where conversations are kept; a path is a SQLite file")
    command.add_argument("--lines", action="store_true", help="in a pipe: each line is a turn, and not all of it one")
    command.add_argument("--no-history", action="store_true", help="keep no file of the lines you type")


def chat(arguments: argparse.Namespace) -> int:
    """Talk, or do with the stored conversations what is asked for."""
    if arguments.id is not None and (arguments.last or arguments.list or arguments.show or arguments.delete):
        return misused("an ID goes alone or with --new: leave one of them out")
    kept = keeping(arguments.store)
    if isinstance(kept, Failure):
        wrong = kept.failure()
        return misused(wrong) if isinstance(wrong, str) else failed(wrong, as_json=arguments.json)
    return holding(kept.unwrap(), lambda held: _done(held, arguments), as_json=arguments.json)


def _done(held: Held, arguments: argparse.Namespace) -> int:
    if arguments.list:
        return _listed(held, arguments)
    if arguments.show is not None:
        return _shown(held, arguments)
    if arguments.delete is not None:
        return _told(held.run(delete_conversation(arguments.delete)), arguments, lambda _none: None)
    found = _seat(held, arguments)
    if isinstance(found, int):
        return found
    return _talk(held, found, arguments) if sys.stdin.isatty() else _answer_pipe(held, found, arguments)


def _told(outcome: Outcome[Any, Any], arguments: argparse.Namespace, tell_it: Callable[[Any], None]) -> int:
    if isinstance(outcome, Failure):
        return failed(outcome.failure(), as_json=arguments.json)
    tell_it(outcome.unwrap())
    return 0


def _listed(held: Held, arguments: argparse.Namespace) -> int:
    def tell_it(found: Sequence[Any]) -> None:
        if arguments.json:
            print_json(found)
        elif found:
            print_line(list_text(found))
        else:
            print_line("there are no conversations yet", sys.stderr)

    return _told(held.run(list_conversations(limit=LISTED)), arguments, tell_it)


def _shown(held: Held, arguments: argparse.Namespace) -> int:
    id_ = held.run(resolved(arguments.show))
    if isinstance(id_, Failure):
        return failed(id_.failure(), as_json=arguments.json)
    write = to_json if arguments.json else as_markdown
    return _told(held.run(get_conversation(id_.unwrap())), arguments, lambda found: print_line(write(found).rstrip()))


def _seat(held: Held, arguments: argparse.Namespace) -> Seat | int:
    """Where the chat begins, or the exit code when it cannot, which has been told."""
    wishes = wished(LLMRequest(), arguments)
    first = held.run(select_model(replace(wishes, prompt="?")))
    if isinstance(first, Failure):
        return failed(first.failure(), as_json=arguments.json)
    wanted: str | None = arguments.id
    if arguments.new or not (wanted or arguments.last):
        return _new_seat(held, wishes, wanted)
    found = held.run(resolved(wanted) if wanted else last_id())
    if isinstance(found, Failure):
        return failed(found.failure(), as_json=arguments.json)
    return Seat(wishes=wishes, id=found.unwrap())


def _new_seat(held: Held, wishes: LLMRequest, name: str | None) -> Seat | int:
    if name and isinstance(held.run(get_conversation(name)), Success):
        return misused(f"there is a conversation {name!r} already: leave out --new to go on with it")
    return Seat(wishes=wishes, new_id=name or None)


def _answer_pipe(held: Held, seat: Seat, arguments: argparse.Namespace) -> int:
    """All of standard input is one turn, or each line of it that is not blank; the first that fails is the last."""
    for told in heard_lines() if arguments.lines else (heard(),):
        if isinstance(told, Failure):
            return misused(told.failure())
        text = told.unwrap()
        if arguments.lines and not text.strip():
            continue
        outcome = held.run(turn(seat, text, collect if arguments.json else printed))
        if isinstance(outcome, Failure):
            return failed(outcome.failure(), as_json=arguments.json)
        seat = outcome.unwrap()
        _tell_turn(seat, arguments)
    return 0


def _tell_turn(seat: Seat, arguments: argparse.Namespace) -> None:
    """What the last turn took, behind its answer, to who looks; as JSON, the turn itself."""
    if seat.last is None:
        return
    if arguments.json:
        print_json({"conversation_id": seat.id, "response": json.loads(to_json(seat.last))})
        sys.stdout.flush()
    elif sys.stdin.isatty() or sys.stderr.isatty():
        tell(account(seat.last), "dim")


def _talk(held: Held, seat: Seat, arguments: argparse.Namespace) -> int:
    """Answer line by line until there are no more."""
    editor = Editor(completions(held), _history(arguments))
    desk = Desk(held, editor.line)
    _greet(held, seat)
    while not seat.is_over:
        try:
            said = editor.message()
            if said is None:
                tell("")
                break
            if said.strip():
                seat = obey(seat, said, desk) if is_command(said) else _answered(seat, said, desk, arguments)
        except KeyboardInterrupt:
            tell("\n(Ctrl-D or /quit leaves)", "dim")
        except EOFError:  # instead of an answer to a question of ours
            tell("")
        except UnicodeDecodeError:
            tell("that was no text in the encoding of this terminal", "red")
    return 0


def _greet(held: Held, seat: Seat) -> None:
    if seat.id is None:
        tell("a new conversation; /help lists what there is, Ctrl-D leaves", "dim")
        return
    found = held.run(get_conversation(seat.id))
    if isinstance(found, Success):
        tell(f"{short_id(seat.id)}; /help lists what there is, Ctrl-D leaves", "dim")
        tell(last_exchange(found.unwrap()), "dim")


def _answered(seat: Seat, text: str, desk: Desk, arguments: argparse.Namespace) -> Seat:
    """Where the chat stands after *text*; an answer that fails, or that Ctrl-C stops, leaves it where it was."""
    with unechoed():
        outcome = desk.held.run_unless_stopped(turn(seat, text, collect if arguments.json else printed))
    if outcome is None:
        tell("\nstopped: nothing of this turn is stored", "yellow")
        return seat
    if isinstance(outcome, Failure):
        desk.complain(outcome.failure())
        return seat
    then = outcome.unwrap()
    _tell_turn(then, arguments)
    return then


def _history(arguments: argparse.Namespace) -> Path | None:
    if arguments.no_history:
        return None
    path = own_file("chat_history")
    return None if isinstance(path, Failure) else path.unwrap()


def completions(held: Held) -> Callable[[str], Sequence[str]]:
    """Commands, and the names that the one in front of the cursor takes."""

    def complete(line: str) -> Sequence[str]:
        name, blank, word = line.partition(" ")
        if not blank:
            return [f"{each} " for each in COMMANDS if name and each.startswith(name)]
        match name:
            case "/model":
                found = held.run(get_available_models())
                names: Sequence[str] = () if isinstance(found, Failure) else found.unwrap()
            case "/open":
                listed = held.run(list_conversations(limit=LISTED))
                names = () if isinstance(listed, Failure) else [each.id for each in listed.unwrap()]
            case _:
                names = ()
        return [each for each in names if each.startswith(word)]

    return complete
