"""One request and what comes of it: the vendor's answer, the gateway's, or a fault.

Pure, but for the script that a reply is taken from.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import TypeAlias

from llm_manager.testing.simulator.asked import Asked, default_reply
from llm_manager.testing.simulator.faults import broken
from llm_manager.testing.simulator.play import Answer, Play, play
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Answered, CallTools, Fault, Reply, Say, Status
from llm_manager.testing.simulator.wires import WIRES, openai, portkey
from llm_manager.testing.simulator.wires.wire import Wire, failed, sound

Take: TypeAlias = Callable[[str, str | None], Reply | None]
"""The next scripted reply for a path and a model, None if nothing is scripted."""


def exchange(received: Received, number: int, take: Take) -> Play:
    """What is done on the socket for the *number*-th request."""

    def ask(sent: Received) -> Answer | Play:
        return _vendor(sent, number, take)

    outcome = portkey.gateway(received, ask) if portkey.is_addressed(received) else ask(received)
    return outcome if isinstance(outcome, Play) else play(outcome)


def _vendor(received: Received, number: int, take: Take) -> Answer | Play:
    wire = next((wire for wire in WIRES if wire.owns(received)), openai.WIRE)
    listing = wire.listing(received)
    if listing is not None:
        scripted = take(received.path, None)
        return _listed(wire, listing, number) if scripted is None else _reply(wire, _NOTHING, scripted, number)
    asked = wire.read(received)
    if isinstance(asked, Status):
        return failed(wire, asked, number)
    scripted = take(received.path, asked.model)
    return _reply(wire, asked, default_reply(asked) if scripted is None else scripted, number)


_NOTHING = Asked(model="", last_text="")


def _listed(wire: Wire, body: bytes, number: int) -> Answer:
    return Answer(status=200, headers={"content-type": "application/json", **wire.headers(number)}, parts=(body,))


def _reply(wire: Wire, asked: Asked, reply: Reply, number: int) -> Answer | Play:
    match reply:
        case Fault():
            return broken(reply, sound(wire, asked, number))
        case Status():
            return failed(wire, reply, number)
        case Say() | CallTools():
            return _events(wire, asked, reply, number) if asked.streamed else _body(wire, asked, reply, number)


def _events(wire: Wire, asked: Asked, reply: Answered, number: int) -> Answer:
    return Answer(
        status=200,
        headers={"content-type": wire.stream_type, **wire.headers(number)},
        parts=tuple(wire.events(asked, reply, number)),
        streamed=True,
        after_s=reply.after_s,
        gap_s=reply.gap_s,
    )


def _body(wire: Wire, asked: Asked, reply: Answered, number: int) -> Answer:
    headers = {"content-type": "application/json", **wire.headers(number)}
    body = wire.body(asked, reply, number)
    if isinstance(reply, Say) and reply.gzip:
        headers, body = {**headers, "content-encoding": "gzip"}, gzip.compress(body)
    return Answer(status=200, headers=headers, parts=(body,), after_s=reply.after_s)
