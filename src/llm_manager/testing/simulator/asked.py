"""What a request asks for, in words of no wire, and what a model without a script answers to it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from llm_manager.testing.simulator.replies import Answered, CallTools, Say
from llm_manager.testing.simulator.samples import sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that the model must call, and the schema of its arguments."""

    name: str
    schema: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request. *last_text* is the last message; *schema* is what the answer must satisfy, None if nothing."""

    model: str
    last_text: str
    streamed: bool = False
    usage_streamed: bool = False
    json_only: bool = False
    schema: object = None
    tool: Tool | None = None


def default_reply(asked: Asked) -> Answered:
    """The tool it must call, a value of the schema it is held to, or the last message said back.

    >>> default_reply(Asked(model="m", last_text="hi")).text
    'You said: hi'
    """
    if asked.tool is not None:
        return CallTools({asked.tool.name: json.dumps(sample(asked.tool.schema))})
    if asked.schema is not None:
        return Say(json.dumps(sample(asked.schema)))
    return Say('{"ok": true}') if asked.json_only else Say(f"You said: {asked.last_text}")
