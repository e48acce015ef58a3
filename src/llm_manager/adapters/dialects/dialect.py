"""What a dialect is: how one family of vendors writes requests and reads answers. Pure: no I/O, no clock.

To add one, write its module beside this one with a ``DIALECT``, its golden files, and give
:mod:`llm_manager.layers` its row; the simulator wants the same wire, written by somebody who has not read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from llm_manager.domain.errors import LLMError, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.secret import Secret
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target

Headers: TypeAlias = Mapping[str, str]
"""Names are in lower case."""


class ErrorEvent(bytes):
    """The data of a server-sent event whose name is ``error``."""

    __slots__ = ()


def is_answered(status: int) -> bool:
    """Is *status* that of an answer? Some gateways create one: 201."""
    return 200 <= status < 300


Framing: TypeAlias = Literal["sse", "ndjson"]
"""How a stream is cut into JSON texts: server-sent events (WHATWG HTML, 9.2), or one to a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A request on its way out: to *path* under the target's address, by POST."""

    path: str
    body: bytes = field(repr=False)


class AnswerReader(Protocol):
    """One streamed answer as it is read. It is told every JSON text of the stream in order, and never one again."""

    def read(self, frame: bytes, /) -> Outcome[Sequence[Delta], LLMError]:
        """What *frame* adds, or the error it is."""
        ...

    @property
    def finished(self) -> bool:
        """Has the stream said that nothing more comes?"""
        ...

    @property
    def is_complete(self) -> bool:
        """Has the stream said why the answer ended, or that it did? There may be a little more, such as the usage."""
        ...

    def broken(self, why: str, /) -> StreamBroken:
        """The stream broke off here; with the text that had come."""
        ...

    def end(self) -> Outcome[LLMResponse, LLMError]:
        """The whole answer, now that the stream is over; ``StreamBroken`` if it ended before it was complete."""
        ...

    @property
    def usage(self) -> Usage:
        """What the vendor has said of it so far."""
        ...

    @property
    def kept_bytes(self) -> int:
        """How much memory is kept of it, here and where it is read, at the most."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One wire. *encode* is told whether the answer is to be streamed; *read_answer* and *read_models* also read
    errors, by their status; *stream_type* is the media type of streams, and *models_path* is where the list of models
    is, by GET. *headers* go with every call; *authorization* makes those that carry a key, or that stand for none.
    *sign* writes into a response what of its request its parts are bound to.
    """

    encode: Callable[[LLMRequest, Target, bool], Encoded]
    authorization: Callable[[Secret | None], Headers]
    read_answer: Callable[[int, Headers, bytes, Target], Outcome[LLMResponse, LLMError]]
    read_models: Callable[[int, Headers, bytes, Target], Outcome[tuple[str, ...], LLMError]]
    reader: Callable[[Headers, Target], AnswerReader]
    framing: Framing = "sse"
    stream_type: str = "text/event-stream"
    models_path: str = "models"
    headers: Headers = field(default_factory=dict[str, str])
    sign: Callable[[LLMResponse, LLMRequest, Target], LLMResponse] = lambda response, _request, _target: response
