"""What can still go wrong once the first word of a stream has been handed over.

Then nothing is asked again: the caller has heard it already. The letters R and F of a row are "no", and its
``next_model`` says whether another one may take the stream over if the caller asked for that (``routing.mid_stream``).
"""

from __future__ import annotations

from llm_manager import (
    ContentFiltered,
    LLMError,
    MalformedResponse,
    RateLimitExceeded,
    RequestTimedOut,
    ServerError,
    StreamBroken,
)
from llm_manager.testing.simulator import Fault, Say
from llm_manager.testing.simulator.replies import FaultKind
from tests.faults.matrix import called
from tests.faults.places import MODEL, chunks, replying, streaming
from tests.faults.rows import CAP_BYTES, STREAM, WAIT_S, FaultRow, Key, NextModel

WORD = "hello"
"""What has come before the fault."""

HELLO = '{"content":"hello"}'

BROKEN_OFF: tuple[tuple[str, FaultKind], ...] = (
    ("chunked stream without its end", "cut_chunks"),
    ("reset in the middle of a stream", "reset_in_body"),
    ("stream that ends without a reason", "stream_without_end"),
)

TOLD: tuple[tuple[str, str, LLMError, NextModel, bool, Key], ...] = (
    ("overload", '{"code":"overloaded_error"}', ServerError(MODEL, 529), "y", True, "-"),
    ("rate limit", '{"code":"rate_limit_exceeded"}', RateLimitExceeded(MODEL), "y", False, 1.0),
)

LATER: tuple[FaultRow, ...] = (
    *(
        FaultRow(
            name=name,
            opening=replying(Fault(kind)),
            ended=StreamBroken(MODEL, WORD),
            next_model="A",
            breaker=True,
            ways=STREAM,
        )
        for name, kind in BROKEN_OFF
    ),
    FaultRow(
        name="idle stream",
        opening=replying(Fault("idle_stream")),
        ended=RequestTimedOut(MODEL, WAIT_S, "idle"),
        next_model="A",
        breaker=True,
        waits="idle_s",
        ways=STREAM,
    ),
    FaultRow(
        name="stream past the deadline",
        opening=replying(Fault("idle_stream")),
        ended=RequestTimedOut(MODEL, 0.3, "total"),
        breaker=True,
        deadline_s=0.3,
        ways=STREAM,
    ),
    *(
        FaultRow(
            name=f"{what} told in the middle of a stream",
            opening=streaming(*chunks(HELLO), f'{{"error":{error}}}'),
            ended=ended,
            next_model=next_model,
            breaker=breaker,
            key=key,
            ways=STREAM,
        )
        for what, error, ended, next_model, breaker, key in TOLD
    ),
    FaultRow(
        name="event of a stream over its cap",
        opening=streaming(*chunks(HELLO), "x" * (CAP_BYTES + 1)),
        ended=MalformedResponse(MODEL, "oversize"),
        ways=STREAM,
    ),
    FaultRow(
        name="gap in the numbers of later tool calls",
        opening=streaming(*chunks(HELLO, called(1, "a"))),
        ended=MalformedResponse(MODEL, "protocol"),
        breaker=True,
        ways=STREAM,
    ),
    FaultRow(
        name="answer withheld at its end",
        opening=replying(Say(WORD, finish="content_filter")),
        ended=ContentFiltered(MODEL),
        ways=STREAM,
    ),
)
