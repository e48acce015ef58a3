"""The fault matrix: one row a fault, as ``docs/reliability.md`` shows it.

To add a fault, write its row; the tests and the page follow.
"""

from __future__ import annotations

from typing import Literal

from llm_manager import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLarge,
    InvalidRequest,
    LLMResponse,
    MalformedResponse,
    ModelUnavailable,
    NetworkError,
    QuotaExhausted,
    RateLimitExceeded,
    RequestTimedOut,
    ServerError,
    StreamBroken,
    ToolCall,
    Usage,
)
from llm_manager.domain.response import FinishReason
from llm_manager.testing.simulator import RETRY_AFTER, CallTools, Fault, Reply, Say, Status
from llm_manager.testing.simulator.faults import ACCENTED
from llm_manager.testing.simulator.replies import FaultKind
from tests.faults.places import (
    MODEL,
    chunks,
    deaf,
    nameless,
    plain,
    refusing,
    replying,
    resetting,
    silent_stream,
    streaming,
)
from tests.faults.rows import BOTH, CAP_BYTES, STREAM, WAIT_S, WHOLE, FaultRow, Way

COUNTED = Usage(prompt_tokens=11, completion_tokens=22, cached_tokens=0, reasoning_tokens=0, total_tokens=33)
ESTIMATED = Usage(prompt_tokens=5, completion_tokens=2, total_tokens=7, estimated=True)
LOOK = ToolCall(id="call_0", name="look", arguments='{"at": "sky"}')


def response(
    content: str = "hello",
    finish: FinishReason = "stop",
    *,
    calls: tuple[ToolCall, ...] = (),
    usage: Usage = COUNTED,
) -> LLMResponse:
    """An answer of the first model, with the simulator's usual usage."""
    return LLMResponse(content=content, model=MODEL, finish_reason=finish, tool_calls=calls, usage=usage)


def called(index: int, *names: str) -> str:
    """A piece of a stream in which calls of *names* begin, all at *index*."""
    calls = ",".join(f'{{"index":{index},"id":"{name}","function":{{"name":"{name}"}}}}' for name in names)
    return f'{{"tool_calls":[{calls}]}}'


PAUSE_S = 30.0
"""Longer than any row waits."""

UNREADABLE: tuple[tuple[str, FaultKind], ...] = (
    ("corrupt gzip", "corrupt_gzip"),
    ("HTML under status 200", "html"),
    ("invalid UTF-8", "bad_utf8"),
)
BEYOND_REASON: tuple[tuple[str, FaultKind], ...] = (
    ("JSON nested a million deep", "deep_json"),
    ("NaN", "nan"),
    ("integer of 5,000 digits", "huge_integer"),
)
STATUSES: tuple[tuple[int, Literal["y", "A"]], ...] = ((503, "y"), (529, "y"), (500, "y"), (502, "A"), (504, "A"))
TOO_LONG = Status(400, "context_length_exceeded")
ERRORS_INSIDE: tuple[tuple[str, FaultKind, tuple[Way, ...]], ...] = (
    ("rate limit told under status 200", "error_in_ok", BOTH),
    ("rate limit told by the first event of a stream", "error_in_stream", STREAM),
)
EMPTY: tuple[tuple[str, FaultKind], ...] = (
    ("no choices", "no_choices"),
    ("neither text nor a tool call", "null_content"),
)
FILTERED: tuple[tuple[str, Reply], ...] = (
    ("prompt refused by the content filter", Status(400, "content_filter")),
    ("answer withheld by the content filter", Say("", finish="content_filter")),
)
AGAINST_THE_PROTOCOL: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("gap in the numbers of tool calls", (called(1, "a"),)),
    ("two tool calls under one number", (called(0, "a", "b"),)),
)
SOUND: tuple[tuple[str, Reply, LLMResponse], ...] = (
    ("UTF-8 split across chunks", Fault("split_utf8"), response(ACCENTED)),
    ("tool call and no text", CallTools({"look": {"at": "sky"}}), response("", "tool_calls", calls=(LOOK,))),
    ("usage missing", Say("hello", usage=None), response(usage=ESTIMATED)),
    ("refusal", Say("No.", refusal=True), response("No.", "refusal")),
    ("answer cut at its limit of tokens", Say("hell", finish="length"), response("hell", "length")),
)

ROWS: tuple[FaultRow, ...] = (
    FaultRow(
        name="connection refused",
        opening=refusing,
        ended=NetworkError(MODEL),
        again="y",
        next_model="y",
        breaker=True,
    ),
    FaultRow(
        name="connect timeout",
        opening=deaf,
        ended=NetworkError(MODEL),
        again="y",
        next_model="y",
        breaker=True,
        waits="connect_s",
        ways=WHOLE,
    ),
    FaultRow(
        name="reset before the request was sent",
        opening=resetting,
        ended=NetworkError(MODEL),
        again="y",
        next_model="y",
        breaker=True,
    ),
    FaultRow(
        name="DNS failure",
        opening=nameless,
        ended=NetworkError(MODEL, cause="dns"),
        again="once",
        next_model="y",
        breaker=True,
    ),
    FaultRow(name="TLS failure", opening=plain, ended=NetworkError(MODEL, cause="tls"), next_model="y"),
    FaultRow(
        name="reset after the request was sent",
        opening=replying(Fault("reset")),
        ended=NetworkError(MODEL, ambiguous=True, cause="reset"),
        again="A",
        next_model="A",
        breaker=True,
    ),
    FaultRow(
        name="reset inside the headers",
        opening=replying(Fault("reset_in_headers")),
        ended=NetworkError(MODEL, ambiguous=True, cause="reset"),
        again="A",
        next_model="A",
        breaker=True,
    ),
    FaultRow(
        name="server hangs",
        opening=replying(Fault("hang")),
        ended=RequestTimedOut(MODEL, WAIT_S, "first_byte"),
        again="A",
        next_model="A",
        breaker=True,
        waits="first_byte_s",
    ),
    FaultRow(
        name="slow headers",
        ways=WHOLE,
        opening=replying(Fault("slow_headers")),
        ended=RequestTimedOut(MODEL, WAIT_S, "first_byte"),
        again="A",
        next_model="A",
        breaker=True,
        waits="first_byte_s",
    ),
    FaultRow(
        name="slow drip past the deadline",
        opening=replying(Fault("drip")),
        ended=RequestTimedOut(MODEL, 0.3, "total"),
        breaker=True,
        deadline_s=0.3,
    ),
    FaultRow(
        name="body falls silent",
        opening=replying(Fault("drip", gap_s=PAUSE_S)),
        ended=RequestTimedOut(MODEL, WAIT_S, "idle"),
        again="A",
        next_model="A",
        breaker=True,
        waits="idle_s",
        ways=WHOLE,
    ),
    FaultRow(
        name="stream falls silent before its first word",
        opening=silent_stream,
        ended=RequestTimedOut(MODEL, WAIT_S, "idle"),
        again="A",
        next_model="A",
        breaker=True,
        waits="idle_s",
        ways=STREAM,
    ),
    *(
        FaultRow(
            name=name,
            opening=replying(fault),
            ended=MalformedResponse(MODEL, "truncated"),
            again="A",
            next_model="A",
            breaker=True,
            ways=ways,
        )
        for name, fault, ways in (
            ("body shorter than its length", Fault("short_body"), BOTH),
            ("chunked body without its end", Fault("cut_chunks"), WHOLE),
            ("reset in the middle of the body", Fault("reset_in_body"), WHOLE),
        )
    ),
    FaultRow(
        name="stream that ends without a reason, nothing said",
        opening=streaming(*chunks("{}")),
        ended=StreamBroken(MODEL),
        again="A",
        next_model="A",
        breaker=True,
        ways=STREAM,
    ),
    FaultRow(
        name="stream that says why it ended, without its terminator",
        opening=replying(Fault("stream_without_done")),
        ended=response(),
        ways=STREAM,
    ),
    *(
        FaultRow(name=name, opening=replying(fault), ended=MalformedResponse(MODEL, "oversize"), ways=ways)
        for name, fault, ways in (
            ("gzip bomb", Fault("gzip_bomb"), BOTH),
            ("giant line of a stream", Fault("giant_line"), STREAM),
            ("body over the cap", Say("x" * CAP_BYTES), WHOLE),
        )
    ),
    *(
        FaultRow(
            name=name,
            opening=replying(Fault(kind)),
            ended=MalformedResponse(MODEL, "undecodable"),
            again="A",
            next_model="y",
            breaker=True,
        )
        for name, kind in UNREADABLE
    ),
    *(
        FaultRow(name=name, opening=replying(Fault(kind)), ended=MalformedResponse(MODEL, "unparsable"), next_model="y")
        for name, kind in BEYOND_REASON
    ),
    FaultRow(
        name="redirect",
        opening=replying(Fault("redirect", location="https://elsewhere.invalid/")),
        ended=MalformedResponse(MODEL, "redirect"),
    ),
    FaultRow(
        name="local pool exhausted",
        opening=replying(Say("hello")),
        ended=NetworkError(MODEL, cause="local"),
        again="y",
        waits="connect_s",
        occupied=True,
        ways=WHOLE,
    ),
    FaultRow(
        name="401",
        opening=replying(Status(401)),
        ended=AuthenticationFailed(MODEL),
        again="other key",
        next_model="y",
        key="disabled",
    ),
    FaultRow(
        name="403",
        opening=replying(Status(403)),
        ended=AuthenticationFailed(MODEL, forbidden=True),
        next_model="y",
        key="disabled for the model",
    ),
    *(
        FaultRow(
            name=name,
            opening=replying(reply),
            ended=QuotaExhausted(MODEL),
            again="other key",
            next_model="y",
            key=3600.0,
        )
        for name, reply in (("quota exhausted", Status(429, "insufficient_quota")), ("402", Status(402)))
    ),
    FaultRow(name="404 unknown model", opening=replying(Status(404)), ended=ModelUnavailable(MODEL), next_model="y"),
    FaultRow(
        name="context length, next window larger",
        opening=replying(TOO_LONG),
        ended=ContextTooLarge(MODEL, None, 8192),
        next_model="y",
    ),
    FaultRow(
        name="context length, next window no larger",
        opening=replying(TOO_LONG),
        ended=ContextTooLarge(MODEL, None, 8192),
        second_window_tokens=8192,
    ),
    *(
        FaultRow(name=f"other {status}", opening=replying(Status(status)), ended=InvalidRequest(()))
        for status in (400, 413, 422)
    ),
    *(
        FaultRow(
            name=f"429 with {how}",
            opening=replying(RETRY_AFTER[how]),
            ended=RateLimitExceeded(MODEL, 7.0),
            again="y",
            next_model="y",
            key=7.0,
        )
        for how in ("seconds", "a date")
    ),
    FaultRow(
        name="429 with seconds beyond the deadline",
        opening=replying(RETRY_AFTER["seconds"]),
        ended=RateLimitExceeded(MODEL, 7.0),
        next_model="y",
        key=7.0,
        deadline_s=5.0,
    ),
    *(
        FaultRow(
            name=f"429 with a Retry-After that is {how}",
            opening=replying(RETRY_AFTER[how]),
            ended=RateLimitExceeded(MODEL),
            again="y",
            next_model="y",
            key=1.0,
        )
        for how in ("negative", "not a number", "infinite", "garbage", "absent")
    ),
    FaultRow(
        name="429 with an hour",
        opening=replying(RETRY_AFTER["an hour"]),
        ended=RateLimitExceeded(MODEL, 3600.0),
        next_model="y",
        key=3600.0,
    ),
    *(
        FaultRow(
            name=str(status),
            opening=replying(Status(status)),
            ended=ServerError(MODEL, status),
            again=letter,
            next_model=letter,
            breaker=True,
        )
        for status, letter in STATUSES
    ),
    *(
        FaultRow(
            name=name,
            opening=replying(Fault(kind)),
            ended=RateLimitExceeded(MODEL),
            again="y",
            next_model="y",
            key=1.0,
            ways=ways,
        )
        for name, kind, ways in ERRORS_INSIDE
    ),
    *(
        FaultRow(
            name=name,
            opening=replying(Fault(kind)),
            ended=MalformedResponse(MODEL, "empty"),
            again="once",
            next_model="y",
        )
        for name, kind in EMPTY
    ),
    *(
        FaultRow(name=name, opening=replying(reply), ended=ContentFiltered(MODEL), next_model="after_filter")
        for name, reply in FILTERED
    ),
    *(
        FaultRow(
            name=name,
            opening=streaming(*chunks(*deltas)),
            ended=MalformedResponse(MODEL, "protocol"),
            breaker=True,
            ways=STREAM,
        )
        for name, deltas in AGAINST_THE_PROTOCOL
    ),
    *(FaultRow(name=name, opening=replying(reply), ended=ended) for name, reply, ended in SOUND),
)
