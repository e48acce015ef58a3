"""What can be said to a chat itself: lines that begin with a slash. A command is a function and its row in the table.

Each takes where the chat stands and the rest of its line, and gives where the chat then stands; what it finds out, and
what is wrong, it tells.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeAlias

from returns.result import Failure

from llm_manager import (
    ConversationContext,
    Preferences,
    delete_conversation,
    describe,
    fork_conversation,
    get_available_models,
    get_conversation,
    get_metrics,
    list_conversations,
    plan,
)
from llm_manager.cli.chat.desk import Desk, tell
from llm_manager.cli.chat.seat import Seat, resolved
from llm_manager.cli.chat.shown import WRITERS, cost_text, last_exchange, list_text, short_id

Run: TypeAlias = Callable[[Seat, str, Desk], Seat]

_COMMAND: Final = re.compile(r"/[a-z]*(\s|$)")
"""What is taken for a command: a path such as /usr/bin is none."""

LONGEST_VERSION: Final = 18
"""No conversation has a version of more digits, and Python reads no number of more than 4,300."""

_NOTHING_YET: Final = "nothing has been said yet"


@dataclass(frozen=True, slots=True)
class Command:
    """What a command takes, what it is for, and what it does."""

    takes: str
    about: str
    run: Run


def is_command(text: str) -> bool:
    r"""Is *text* said to the chat itself? One line with a slash and letters in front.

    >>> is_command("/model gpt"), is_command("/usr/bin/env is what?"), is_command(" /model"), is_command("/cost\nand")
    (True, False, False, False)
    """
    return "\n" not in text and _COMMAND.match(text) is not None


def obey(seat: Seat, line: str, desk: Desk) -> Seat:
    """Where the chat stands after the command *line*."""
    name, _, rest = line.partition(" ")
    command = COMMANDS.get(name)
    if command is None:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f": did you mean {near[0]}?" if near else ":"
        tell(f"unknown command {name}{hint} /help lists them; a blank in front makes it a text", "red")
        return seat
    return command.run(seat, rest.strip(), desk)


def _help(seat: Seat, _rest: str, _desk: Desk) -> Seat:
    rows = [(f"{name} {each.takes}".rstrip(), each.about) for name, each in COMMANDS.items()]
    width = max(len(call) for call, _ in rows)
    tell("\n".join(f"{call:{width}}  {about}" for call, about in rows))
    tell('\na line that ends in \\ goes on, and so does what stands between two """; Ctrl-C stops an answer')
    return seat


def _model(seat: Seat, name: str, desk: Desk) -> Seat:
    if not name:
        names = desk.find(get_available_models())
        tell(f"asking {seat.wishes.preferences.model or f'the chain of {seat.wishes.task_type}'}; there are:")
        tell(", ".join(names or ()))
        return seat
    wishes = replace(seat.wishes, preferences=replace(seat.wishes.preferences, model=name))
    planned = desk.find(plan(replace(wishes, prompt="?", preferences=Preferences(model=name))))
    if planned is None:
        return seat
    first = planned.targets[0]
    if first.skipped is not None:
        desk.complain(first.skipped)
        return seat
    tell(f"{first.model} of {first.provider} answers from here on")
    return replace(seat, wishes=wishes)


def _system(seat: Seat, text: str, _desk: Desk) -> Seat:
    if not text:
        tell(
            seat.wishes.system_prompt or "no system prompt of this chat: the one that is stored holds, if there is one"
        )
        return seat
    stored = "" if seat.id is None else "; what the conversation began with stays stored, and comes back with it"
    tell(f"the system prompt of the turns to come{stored}")
    return replace(seat, wishes=replace(seat.wishes, system_prompt=text))


def _save(seat: Seat, name: str, desk: Desk) -> Seat:
    path = Path(name)
    write = WRITERS.get(path.suffix.lower())
    if not name or write is None:
        tell(f"give a file that ends in {' or '.join(WRITERS)}", "red")
        return seat
    conversation = _conversation(seat, desk)
    if conversation is not None:
        told = _written(path, write(conversation))
        tell(told or f"{len(conversation.messages)} messages are in {path}", "red" if told else "plain")
    return seat


def _written(path: Path, text: str) -> str | None:
    """Write a file that was not there, for the user alone; or say why not."""
    try:
        path = path.expanduser()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "replace"))
    except FileExistsError:
        return f"{path} is there already: give another name"
    except RuntimeError:
        return f"{path}: no such home directory"
    except OSError as bad:
        return f"{path}: cannot be written: {bad.strerror}"
    return None


def _cost(seat: Seat, _rest: str, desk: Desk) -> Seat:
    counted = desk.find(get_metrics())
    whole = None if seat.id is None else desk.find(get_conversation(seat.id))
    if counted is not None:
        tell(cost_text(seat.last, None if whole is None else whole.usage, counted.totals))
    return seat


def _list(seat: Seat, _rest: str, desk: Desk) -> Seat:
    found = desk.find(list_conversations(limit=20))
    if found is not None:
        tell(list_text(found) if found else "there are no conversations yet")
    return seat


def _open(seat: Seat, wanted: str, desk: Desk) -> Seat:
    if not wanted:
        tell("give the id of one, or its beginning: /list has them", "red")
        return seat
    id_ = desk.find(resolved(wanted))
    conversation = None if id_ is None else desk.find(get_conversation(id_))
    if conversation is None:
        return seat
    tell(f"{short_id(conversation.id)}, {len(conversation.messages)} messages")
    tell(last_exchange(conversation), "dim")
    return _moved(seat, conversation.id)


def _new(seat: Seat, name: str, _desk: Desk) -> Seat:
    tell("a new conversation begins with your next line")
    return replace(seat, id=None, new_id=name or None, last=None)


def _fork(seat: Seat, version: str, desk: Desk) -> Seat:
    if seat.id is None:
        tell(f"{_NOTHING_YET}: there is nothing to fork", "red")
    elif version and not (version.isdecimal() and len(version) <= LONGEST_VERSION):
        tell(f"{version[:LONGEST_VERSION]!r} is no version: give a number, or nothing for the last one", "red")
    else:
        fork = desk.find(fork_conversation(seat.id, int(version) if version else None))
        if fork is not None:
            tell(f"this is now {short_id(fork)}; {short_id(seat.id)} stays as it is")
            return _moved(seat, fork)
    return seat


def _undo(seat: Seat, _rest: str, desk: Desk) -> Seat:
    conversation = _conversation(seat, desk)
    if conversation is None:
        return seat
    if conversation.version == 1:
        tell("there is no turn left to take back", "red")
        return seat
    return _fork(seat, str(conversation.version - 1), desk)


def _delete(seat: Seat, _rest: str, desk: Desk) -> Seat:
    conversation = _conversation(seat, desk)
    if conversation is None:
        return seat
    answer = desk.ask(f"delete {short_id(conversation.id)} with {len(conversation.messages)} messages for good? [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        tell("it stays")
        return seat
    outcome = desk.held.run(delete_conversation(conversation.id))
    if isinstance(outcome, Failure):
        tell(describe(outcome.failure()), "red")
        return seat
    tell("it is gone; a new conversation begins with your next line")
    return replace(seat, id=None, new_id=None, last=None)


def _quit(seat: Seat, _rest: str, _desk: Desk) -> Seat:
    return replace(seat, is_over=True)


def _conversation(seat: Seat, desk: Desk) -> ConversationContext | None:
    """All of it, or None, once it has been told why not."""
    if seat.id is None:
        tell(_NOTHING_YET, "red")
        return None
    return desk.find(get_conversation(seat.id))


def _moved(seat: Seat, id_: str) -> Seat:
    return replace(seat, id=id_, new_id=None, last=None)


COMMANDS: Final[Mapping[str, Command]] = {
    "/help": Command("", "these lines", _help),
    "/model": Command("[NAME]", "have another model answer; without a name, which there are", _model),
    "/system": Command("[TEXT]", "the system prompt from here on", _system),
    "/save": Command("FILE", "the conversation as Markdown (.md) or JSON (.json)", _save),
    "/cost": Command("", "tokens and money: this turn, this conversation, since you came", _cost),
    "/list": Command("", "the conversations, the last one first", _list),
    "/open": Command("ID", "go on with another one; the beginning of its id is enough", _open),
    "/new": Command("[ID]", "begin another one", _new),
    "/fork": Command("[VERSION]", "go on with a copy, of its first turns if a version is given", _fork),
    "/undo": Command("", "go on with a copy that lacks the last turn", _undo),
    "/delete": Command("", "forget this conversation, once you have said yes", _delete),
    "/quit": Command("", "leave; so does Ctrl-D", _quit),
}
