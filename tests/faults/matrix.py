"""The fault matrix: one row a fault with its letters R, F, B and K, as ``docs/explanation/reliability.md`` shows it.

To add a fault, write its row; the tests and the page follow.
"""

from __future__ import annotations

from llm_manager import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLarge,
    InvalidRequest,
    LLMRequest,
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
    token_range,
)
from llm_manager.domain.response import FinishReason
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.testing.simulator import RETRY_AFTER, CallTools, Fault, Say, Status
from llm_manager.testing.simulator.faults import ACCENTED
from llm_manager.testing.simulator.replies import FaultKind
from tests.faults.places import (
    MODEL,
    Opening,
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
from tests.faults.rows import CAP_BYTES, STREAM, WAIT_S, WHOLE, FaultRow

COUNTED = Usage(prompt_tokens=11, completion_tokens=22, cached_tokens=0, reasoning_tokens=0, total_tokens=33)
ASKS, SAYS = prompt_tokens(LLMRequest(prompt="hi"), MODEL).likely, token_range("hello", MODEL).likely
ESTIMATED = Usage(prompt_tokens=ASKS, completion_tokens=SAYS, total_tokens=ASKS + SAYS, estimated=True)
LOOK = ToolCall(id="call_0", name="look", arguments='{"at": "sky"}')


def answer(
    content: str = "hello",
    finish: FinishReason = "stop",
    *,
    calls: tuple[ToolCall, ...] = (),
    usage: Usage = COUNTED,
) -> LLMResponse:
    """A response of the first model, with the simulator's usual usage."""
    return LLMResponse(content=content, model=MODEL, finish_reason=finish, tool_calls=calls, usage=usage)


def fault(kind: FaultKind) -> Opening:
    """A vendor with a fault of the simulator's."""
    return replying(Fault(kind))


def status(code: int, word: str | None = None) -> Opening:
    """A vendor that answers with an error."""
    return replying(Status(code, word))


LOST = '{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}'
"""A piece of a stream with arguments of a call that did not begin."""

TORN = '{"tool_calls":[{"id":"a","function":{"name":"a","arguments":"{"}},{"id":"b","function":{"name":"b"}}]}'
"""One with a call that begins in the middle of another's arguments."""


NO_CONNECTION = NetworkError(MODEL)
RESET = NetworkError(MODEL, ambiguous=True, cause="reset")
NO_HEAD = RequestTimedOut(MODEL, WAIT_S, "first_byte")
TOO_LONG = RequestTimedOut(MODEL, WAIT_S, "attempt")
SILENCE = RequestTimedOut(MODEL, WAIT_S, "idle")
TRUNCATED = MalformedResponse(MODEL, "truncated")
OVERSIZE = MalformedResponse(MODEL, "oversize")
UNDECODABLE = MalformedResponse(MODEL, "undecodable")
UNPARSABLE = MalformedResponse(MODEL, "unparsable")
EMPTY = MalformedResponse(MODEL, "empty")
UNFINISHED = MalformedResponse(MODEL, "unfinished", partial="hell")
PROTOCOL = MalformedResponse(MODEL, "protocol")
LIMITED = RateLimitExceeded(MODEL)
LIMITED_7_S = RateLimitExceeded(MODEL, 7.0)
NO_QUOTA = QuotaExhausted(MODEL)
FILTERED = ContentFiltered(MODEL)
INVALID = InvalidRequest(())
TOO_LARGE = ContextTooLarge(MODEL, None, 8192)

elsewhere = replying(Fault("redirect", location="https://elsewhere.invalid/"))
conflict = streaming(*chunks(TORN))
wrong_type = streaming(*chunks('{"content":true}'))
failing = replying(Say("hell", finish="error"))
stuck = replying(Fault("drip", gap_s=30.0))
look = replying(CallTools({"look": {"at": "sky"}}))
too_long = status(400, "context_length_exceeded")

BEFORE_HTTP = (
    FaultRow("connection refused", refusing, NO_CONNECTION, "y", "y", "y", "-"),
    FaultRow("connect timeout", deaf, NO_CONNECTION, "y", "y", "y", "-", WHOLE, waits="connect_s"),
    FaultRow("reset before the request was sent", resetting, NO_CONNECTION, "y", "y", "y", "-"),
    FaultRow("DNS failure", nameless, NetworkError(MODEL, cause="dns"), "once", "y", "y", "-"),
    FaultRow("TLS failure", plain, NetworkError(MODEL, cause="tls"), "n", "y", "n", "-"),
    FaultRow(
        "local pool exhausted",
        replying(Say("hello")),
        NetworkError(MODEL, cause="local"),
        *("y", "n", "n", "-"),
        WHOLE,
        waits="connect_s",
        occupied=True,
    ),
)

BROKEN_OFF = (
    FaultRow("reset after the request was sent", fault("reset"), RESET, "A", "A", "y", "-"),
    FaultRow("reset inside the headers", fault("reset_in_headers"), RESET, "A", "A", "y", "-"),
    FaultRow("server hangs", fault("hang"), TOO_LONG, "A", "A", "y", "-", WHOLE, waits="attempt_s"),
    FaultRow("stream without a head", fault("hang"), NO_HEAD, "A", "A", "y", "-", STREAM, waits="first_byte_s"),
    FaultRow("slow headers", fault("slow_headers"), TOO_LONG, "A", "A", "y", "-", WHOLE, waits="attempt_s"),
    FaultRow(
        "deadline shorter than the answer takes",
        fault("hang"),
        RequestTimedOut(MODEL, 0.3, "total"),
        *("n", "n", "n", "-"),
        deadline_s=0.3,
    ),
    FaultRow(
        "slow drip past the deadline",
        fault("drip"),
        RequestTimedOut(MODEL, 0.3, "total"),
        *("n", "n", "y", "-"),
        deadline_s=0.3,
    ),
    FaultRow("body falls silent", stuck, SILENCE, "A", "A", "y", "-", WHOLE, waits="idle_s"),
    FaultRow("stream without a first word", silent_stream, SILENCE, "A", "A", "y", "-", STREAM, waits="idle_s"),
    FaultRow("body shorter than its length", fault("short_body"), TRUNCATED, "A", "A", "y", "-"),
    FaultRow("chunked body without its end", fault("cut_chunks"), TRUNCATED, "A", "A", "y", "-", WHOLE),
    FaultRow("reset in the middle of the body", fault("reset_in_body"), TRUNCATED, "A", "A", "y", "-", WHOLE),
    FaultRow("stream that ends at once", streaming(*chunks("{}")), StreamBroken(MODEL), "A", "A", "y", "-", STREAM),
)

UNUSABLE = (
    FaultRow("gzip bomb", fault("gzip_bomb"), OVERSIZE, "n", "n", "n", "-"),
    FaultRow("giant line of a stream", fault("giant_line"), OVERSIZE, "n", "n", "n", "-", STREAM),
    FaultRow("body over the cap", replying(Say("x" * CAP_BYTES)), OVERSIZE, "n", "n", "n", "-", WHOLE),
    FaultRow("corrupt gzip", fault("corrupt_gzip"), UNDECODABLE, "A", "y", "y", "-"),
    FaultRow("HTML under status 200", fault("html"), UNDECODABLE, "A", "y", "y", "-"),
    FaultRow("invalid UTF-8", fault("bad_utf8"), UNDECODABLE, "A", "y", "y", "-"),
    FaultRow("JSON nested a million deep", fault("deep_json"), UNPARSABLE, "n", "y", "n", "-"),
    FaultRow("NaN", fault("nan"), UNPARSABLE, "n", "y", "n", "-"),
    FaultRow("integer of 5,000 digits", fault("huge_integer"), UNPARSABLE, "n", "y", "n", "-"),
    FaultRow("redirect", elsewhere, MalformedResponse(MODEL, "redirect"), "n", "n", "n", "-"),
    FaultRow("no choices", fault("no_choices"), EMPTY, "once", "y", "n", "-"),
    FaultRow("neither text nor a tool call", fault("null_content"), EMPTY, "once", "y", "n", "-"),
    FaultRow("gap in tool calls", streaming(*chunks(LOST)), PROTOCOL, "once", "y", "y", "-", STREAM),
    FaultRow("tool calls in conflict", conflict, PROTOCOL, "once", "y", "y", "-", STREAM),
    FaultRow("text of a wrong type", wrong_type, PROTOCOL, "once", "y", "y", "-", STREAM),
    FaultRow("answer that ended in an error", failing, UNFINISHED, "A", "y", "n", "-", WHOLE),
)

REFUSED = (
    FaultRow("401", status(401), AuthenticationFailed(MODEL), "other key", "y", "n", 60.0),
    FaultRow("403", status(403), AuthenticationFailed(MODEL, forbidden=True), "n", "y", "n", "disabled for the model"),
    FaultRow("quota exhausted", status(429, "insufficient_quota"), NO_QUOTA, "other key", "y", "n", 3600.0),
    FaultRow("402", status(402), NO_QUOTA, "other key", "y", "n", 3600.0),
    FaultRow("404 unknown model", status(404), ModelUnavailable(MODEL), "n", "y", "n", "-"),
    FaultRow("context length, next window larger", too_long, TOO_LARGE, "n", "y", "n", "-"),
    FaultRow("context length, next window equal", too_long, TOO_LARGE, "n", "n", "n", "-", second_window_tokens=8192),
    FaultRow("other 400", status(400), INVALID, "n", "n", "n", "-"),
    FaultRow("other 413", status(413), INVALID, "n", "n", "n", "-"),
    FaultRow("other 422", status(422), INVALID, "n", "n", "n", "-"),
    FaultRow("prompt filtered", status(400, "content_filter"), FILTERED, "n", "after_filter", "n", "-"),
    FaultRow("answer filtered", replying(Say("", finish="content_filter")), FILTERED, "n", "after_filter", "n", "-"),
)

LIMITS = (
    FaultRow("429 with seconds", replying(RETRY_AFTER["seconds"]), LIMITED_7_S, "other key, queue", "y", "n", 7.0),
    FaultRow("429 with a date", replying(RETRY_AFTER["a date"]), LIMITED_7_S, "other key, queue", "y", "n", 7.0),
    FaultRow(
        "429 beyond the deadline",
        replying(RETRY_AFTER["seconds"]),
        LIMITED_7_S,
        "other key",
        "y",
        "n",
        7.0,
        deadline_s=5.0,
    ),
    *(
        FaultRow(f"429 with a time that is {how}", replying(RETRY_AFTER[how]), LIMITED, "other key, y", "y", "n", 1.0)
        for how in ("negative", "not a number", "infinite", "garbage", "absent")
    ),
    FaultRow(
        "429 with an hour",
        replying(RETRY_AFTER["an hour"]),
        RateLimitExceeded(MODEL, 3600.0),
        "other key",
        "y",
        "n",
        3600.0,
    ),
    FaultRow("rate limit under status 200", fault("error_in_ok"), LIMITED, "other key, y", "y", "n", 1.0),
    FaultRow("rate limit as first event", fault("error_in_stream"), LIMITED, "other key, y", "y", "n", 1.0, STREAM),
)

BROKEN_SERVERS = (
    FaultRow("498", status(498), ServerError(MODEL, 498), "y", "y", "y", "-"),
    FaultRow("500", status(500), ServerError(MODEL, 500), "y", "y", "y", "-"),
    FaultRow("502", status(502), ServerError(MODEL, 502), "A", "A", "y", "-"),
    FaultRow("503", status(503), ServerError(MODEL, 503), "y", "y", "y", "-"),
    FaultRow("504", status(504), ServerError(MODEL, 504), "A", "A", "y", "-"),
    FaultRow("520", status(520), ServerError(MODEL, 520), "A", "A", "y", "-"),
    FaultRow("524", status(524), ServerError(MODEL, 524), "A", "A", "y", "-"),
    FaultRow("529", status(529), ServerError(MODEL, 529), "y", "y", "y", "-"),
)

NO_FAULT = (
    FaultRow("stream without its terminator", fault("stream_without_done"), answer(), "n", "n", "n", "-", STREAM),
    FaultRow("UTF-8 split across chunks", fault("split_utf8"), answer(ACCENTED), "n", "n", "n", "-"),
    FaultRow("tool call and no text", look, answer("", "tool_calls", calls=(LOOK,)), "n", "n", "n", "-"),
    FaultRow("usage missing", replying(Say("hello", usage=None)), answer(usage=ESTIMATED), "n", "n", "n", "-"),
    FaultRow("refusal", replying(Say("No.", refusal=True)), answer("No.", "refusal"), "n", "n", "n", "-"),
    FaultRow("unknown reason to end", replying(Say("hi", finish="tired")), answer("hi", "unknown"), "n", "n", "n", "-"),
    FaultRow("cut at max_tokens", replying(Say("hell", finish="length")), answer("hell", "length"), "n", "n", "n", "-"),
)
"""What only looks like one."""

ROWS: tuple[FaultRow, ...] = (
    *BEFORE_HTTP,
    *BROKEN_OFF,
    *UNUSABLE,
    *REFUSED,
    *LIMITS,
    *BROKEN_SERVERS,
    *NO_FAULT,
)
