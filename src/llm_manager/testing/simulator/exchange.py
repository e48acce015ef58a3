"""One request and what comes of it: the vendor's answer, the gateway's, or a fault.

Pure, but for the script that a reply is taken from and the batches that were handed in.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from llm_manager.testing.simulator.asked import Asked, default_reply
from llm_manager.testing.simulator.batches import BatchRoom
from llm_manager.testing.simulator.faults import broken
from llm_manager.testing.simulator.play import Answer, Play, play
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Answered, CallTools, Fault, Reply, Say, Status
from llm_manager.testing.simulator.wires import WIRES, openai, portkey
from llm_manager.testing.simulator.wires.wire import Wire, failed, sound

Take: TypeAlias = Callable[[str, str | None], Reply | None]
"""The next scripted reply for a path and a model, None if nothing is scripted."""


def exchange(received: Received, number: int, take: Take, room: BatchRoom) -> Play:
    """What is done on the socket for the *number*-th request. *room* is where batches are."""

    def ask(sent: Received) -> Answer | Play:
        return _vendor(sent, number, take, room)

    outcome = portkey.gateway(received, ask) if portkey.is_addressed(received) else ask(received)
    return outcome if isinstance(outcome, Play) else play(outcome)


def _vendor(received: Received, number: int, take: Take, room: BatchRoom) -> Answer | Play:
    wire = next((wire for wire in WIRES if wire.owns(received)), openai.WIRE)
    booked = _booked(wire, received, number, take, room)
    if booked is not None:
        return booked
    listing = wire.listing(received)
    if listing is not None:
        scripted = take(received.path, None)
        return _listed(wire, listing, number) if scripted is None else _reply(wire, _NOTHING, scripted, number)
    asked = wire.read(received)
    if isinstance(asked, Status):
        return failed(wire, asked, number)
    scripted = take(received.path, asked.model)
    return _reply(wire, asked, default_reply(asked) if scripted is None else scripted, number)


def _booked(wire: Wire, received: Received, number: int, take: Take, room: BatchRoom) -> Answer | Play | None:
    """The answer of the desk for batches, None for what is not its own. A scripted status comes in its place, and
    nothing is done; a fault breaks the answer alone, and what was asked is done."""

    def ask(fields: object) -> tuple[int, object]:
        return _one_of_many(wire, received, fields, number, take)

    if wire.desk is None:
        return None
    path = received.path.split("?")[0]
    scripted = take(f"{received.method} {path}", None)
    if isinstance(scripted, Status):
        return failed(wire, scripted, number)
    booked = wire.desk(received.method, received.path, received.headers, received.body, room, ask)
    if booked is None or isinstance(booked, Status):
        return None if booked is None else failed(wire, booked, number)
    if isinstance(scripted, Fault):
        return broken(scripted, replace(sound(wire, _NOTHING, number), body=booked.body))
    headers = {"content-type": booked.content_type, **wire.headers(number)}
    return Answer(status=200, headers=headers, parts=(booked.body,))


def _one_of_many(wire: Wire, received: Received, fields: object, number: int, take: Take) -> tuple[int, object]:
    """The answer to one request of a batch, as if it had come alone."""
    path = "/v1/messages" if "anthropic-version" in received.headers else "/v1/chat/completions"
    alone = Received("POST", path, received.headers, json.dumps(fields).encode())
    asked = wire.read(alone)
    reply = asked if isinstance(asked, Status) else take(path, asked.model) or default_reply(asked)
    if isinstance(reply, Say | CallTools) and not isinstance(asked, Status):
        return 200, json.loads(wire.body(asked, reply, number))
    status = reply if isinstance(reply, Status) else Status(500)
    return status.status, json.loads(wire.error(status))


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
