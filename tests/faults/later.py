"""What can still go wrong once the first word of a stream has been handed over.

Then nothing is asked again: the caller has heard it already. The letters R and F of a row are "no", and its
``next_model`` says whether another one may take the stream over if the caller asked for that (``routing.mid_stream``).
"""

from __future__ import annotations

from llm_manager import (
    ContentFiltered,
    MalformedResponse,
    RateLimitExceeded,
    RequestTimedOut,
    ServerError,
    StreamBroken,
)
from llm_manager.testing.simulator import Fault, Say
from tests.faults.matrix import LOST
from tests.faults.places import MODEL, Opening, chunks, replying, streaming
from tests.faults.rows import CAP_BYTES, STREAM, WAIT_S, FaultRow

WORD = "hello"
"""What has come before the fault."""

HELLO = '{"content":"hello"}'

BROKEN = StreamBroken(MODEL, WORD)
LIMITED, OVERLOADED = RateLimitExceeded(MODEL), ServerError(MODEL, 529)
idle = replying(Fault("idle_stream"))


def then(*events: str) -> Opening:
    """A server that says the word, then *events*."""
    return streaming(*chunks(HELLO), *events)


LATER: tuple[FaultRow, ...] = (
    FaultRow("chunked stream without its end", replying(Fault("cut_chunks")), BROKEN, "n", "A", "y", "-", STREAM),
    FaultRow("reset in the middle of a stream", replying(Fault("reset_in_body")), BROKEN, "n", "A", "y", "-", STREAM),
    FaultRow("stream without a reason", replying(Fault("stream_without_end")), BROKEN, "n", "A", "y", "-", STREAM),
    FaultRow("idle stream", idle, RequestTimedOut(MODEL, WAIT_S, "idle"), "n", "A", "y", "-", STREAM, waits="idle_s"),
    FaultRow(
        "stream past the deadline",
        idle,
        RequestTimedOut(MODEL, 0.3, "total"),
        *("n", "n", "n", "-"),
        STREAM,
        deadline_s=0.3,
    ),
    FaultRow("overload told", then('{"error":{"code":"overloaded_error"}}'), OVERLOADED, "n", "y", "y", "-", STREAM),
    FaultRow("rate limit told", then('{"error":{"code":"rate_limit_exceeded"}}'), LIMITED, "n", "y", "n", 1.0, STREAM),
    FaultRow(
        "event over its cap",
        then("x" * (CAP_BYTES + 1)),
        MalformedResponse(MODEL, "oversize"),
        *("n", "n", "n", "-"),
        STREAM,
    ),
    FaultRow(
        "gap in later tool calls",
        then(*chunks(LOST)),
        MalformedResponse(MODEL, "protocol"),
        *("n", "y", "y", "-"),
        STREAM,
    ),
    FaultRow(
        "answer that ended in an error",
        replying(Say(WORD, finish="error")),
        MalformedResponse(MODEL, "unfinished", partial=WORD),
        *("n", "y", "n", "-"),
        STREAM,
    ),
    FaultRow(
        "answer filtered at its end",
        replying(Say(WORD, finish="content_filter")),
        ContentFiltered(MODEL),
        *("n", "n", "n", "-"),
        STREAM,
    ),
)
