"""What a wire is to the simulator: how it reads a request and how it writes each thing a model can say.

To add one, write its module with a ``WIRE`` and put it in ``wires.WIRES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.batches import Desk
from llm_manager.testing.simulator.faults import ACCENTED, WORD, Sound
from llm_manager.testing.simulator.play import Answer
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Answered, Say, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One vendor's way of speaking. Pure: the number of a request makes its ids, and nothing else varies.

    *owns* says whether a request is this vendor's; *read* makes of it what it asks for, or the vendor's refusal;
    *listing* is the answer to a request that names no model, None if it does name one. *desk* are its endpoints for
    batches, None without any.
    """

    owns: Callable[[Received], bool]
    read: Callable[[Received], Asked | Status]
    listing: Callable[[Received], bytes | None]
    body: Callable[[Asked, Answered, int], bytes]
    events: Callable[[Asked, Answered, int], Sequence[bytes]]
    error: Callable[[Status], bytes]
    error_event: Callable[[Status], bytes]
    headers: Callable[[int], Mapping[str, str]]
    stream_type: str
    empty: bytes
    ping: bytes
    desk: Desk | None = None


def sound(wire: Wire, asked: Asked, number: int) -> Sound:
    """What *wire* would have sent if no fault had been asked for."""
    overloaded = Status(429)
    plain, accented = Say(WORD), Say(ACCENTED)
    letters = wire.events(asked, accented, number) if asked.streamed else [wire.body(asked, accented, number)]
    return Sound(
        body=wire.body(asked, plain, number),
        events=tuple(wire.events(asked, plain, number)),
        streamed=asked.streamed,
        stream_type=wire.stream_type,
        accented=b"".join(letters),
        empty=wire.empty,
        error=wire.error(overloaded),
        error_event=wire.error_event(overloaded),
        ping=wire.ping,
    )


def failed(wire: Wire, status: Status, number: int) -> Answer:
    """*status* in the vendor's own words."""
    headers = {"content-type": "application/json", **wire.headers(number), **status.headers}
    return Answer(status=status.status, headers=headers, parts=(wire.error(status),), after_s=status.after_s)
