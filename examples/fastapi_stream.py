"""An endpoint that answers while the model speaks: FastAPI, server-sent events, and an honest end.

    python examples/fastapi_stream.py --demo                    # no account; pip install fastapi uvicorn
    curl -N -H 'content-type: application/json' -d '{"prompt": "Why is the sky blue?"}' http://127.0.0.1:8000/ask

The idea: the endpoint makes an operation and nothing else; it is run where the answer is sent, inside the
``async with`` that owns the stream. So nobody pays for an answer that nobody reads: a client that goes away cancels the
scope, which closes the connection to the model at once. (An async generator handed to ``StreamingResponse`` may be
dropped half-way, and closed whenever the garbage collector comes by.) What fails before the first piece is a status;
what fails after it is the last event, for the status has been sent by then. ``refusal`` matches every error there is,
so a new one reaches no client before somebody has decided what it is told.

The layer, with its connections, breakers and limits, lives as long as the application: ``lifespan`` holds it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, TypedDict, assert_never

import anyio
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from returns.result import Failure
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from llm_manager import (
    AllModelsFailed,
    AuthenticationFailed,
    BudgetExceeded,
    CircuitOpen,
    ConfigurationError,
    ContentFiltered,
    Context,
    ContextTooLarge,
    ConversationConflict,
    ConversationNotFound,
    ExtractionFailed,
    GatewayError,
    InvalidRequest,
    Layer,
    LLMError,
    LLMRequest,
    LLMStream,
    MalformedResponse,
    ModelUnavailable,
    NetworkError,
    Op,
    QuotaExhausted,
    RateLimitExceeded,
    ReasoningDelta,
    RequestTimedOut,
    ResponseTruncated,
    SchemaMismatch,
    ServerError,
    StoreUnavailable,
    StreamBroken,
    StreamEvent,
    StreamFailed,
    StreamFinished,
    StreamResumed,
    TextDelta,
    ToolCallDelta,
    UnsupportedCapability,
    describe,
    generate_stream,
    live,
    provide,
    run,
    validate_config,
)
from llm_manager.testing import Pieces, scripted


class Question(BaseModel):
    """What a client sends."""

    prompt: Annotated[str, Field(min_length=1, max_length=20_000)]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a client is told: a status, words that give away nothing of our insides, and when to come back."""

    status: int
    message: str
    retry_after_s: float | None = None


def answer(question: Question) -> Op[LLMStream]:
    """The operation of the endpoint; nothing has happened yet."""
    return generate_stream(LLMRequest(prompt=question.prompt, system_prompt="Be brief.", deadline_s=120))


def refusal(error: LLMError) -> Refusal:  # noqa: C901  # one flat table
    """What a client is told of *error*.

    >>> refusal(RateLimitExceeded("gpt", retry_after_s=7))
    Refusal(status=429, message='too many questions at the moment', retry_after_s=7)
    """
    match error:
        case InvalidRequest() | UnsupportedCapability():
            return Refusal(400, "this question cannot be asked")
        case ContextTooLarge():
            return Refusal(413, "the question is too long")
        case ContentFiltered():
            return Refusal(422, "the answer was withheld")
        case ConversationNotFound():
            return Refusal(404, "there is no such conversation")
        case ConversationConflict():
            return Refusal(409, "somebody else went on with the conversation")
        case RateLimitExceeded(retry_after_s=wait_s):
            return Refusal(429, "too many questions at the moment", wait_s)
        case CircuitOpen(retry_after_s=wait_s):
            return Refusal(503, "the model is resting", wait_s)
        case QuotaExhausted() | BudgetExceeded() | StoreUnavailable():
            return Refusal(503, "no questions are answered at the moment")
        case RequestTimedOut():
            return Refusal(504, "the model did not answer in time")
        case (
            ModelUnavailable()
            | NetworkError()
            | ServerError()
            | GatewayError()
            | MalformedResponse()
            | StreamBroken()
            | ExtractionFailed()
            | SchemaMismatch()
            | ResponseTruncated()
            | AllModelsFailed()
        ):
            return Refusal(502, "the model could not answer")
        case AuthenticationFailed() | ConfigurationError():
            return Refusal(500, "this service is not set up properly")
        case _:
            assert_never(error)


def event_of(event: StreamEvent) -> bytes:
    r"""*event* as a server-sent one; empty for what is none of the client's business.

    The failure is called ``failed``: ``error`` is what a browser's EventSource calls its own.

    >>> event_of(TextDelta("It\nscatters."))
    b'event: text\ndata: {"text": "It\\nscatters."}\n\n'
    """
    match event:
        case TextDelta(text):
            return _sse("text", {"text": text})
        case StreamResumed(restarted=restarted):
            return _sse("resumed", {"restarted": restarted})
        case StreamFinished(response):
            return _sse("done", {"model": response.model, "finish_reason": response.finish_reason})
        case StreamFailed(error, partial):
            return _sse("failed", {"message": refusal(error).message, "characters": len(partial)})
        case ReasoningDelta() | ToolCallDelta():
            return b""
        case _:
            assert_never(event)


def _sse(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


class Answering(Response):
    """A response that runs an operation when it is sent, and stops it when the client goes away."""

    def __init__(self, op: Op[LLMStream], context: Context) -> None:
        super().__init__()
        self._op = op
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(_call_when_gone, receive, group.cancel_scope.cancel)
            await self._answer(scope, receive, send)
            group.cancel_scope.cancel()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        opened = await run(self._op, self._context)
        if isinstance(opened, Failure):
            await refused(refusal(opened.failure()))(scope, receive, send)
            return
        async with opened.unwrap() as stream:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            async for event in stream:
                if text := event_of(event):
                    await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold it back
]


async def _call_when_gone(receive: Receive, tell: Callable[[], None]) -> None:
    """The body has been read, so the next thing to hear is that the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    tell()


def refused(told: Refusal) -> JSONResponse:
    """*told* as a response."""
    headers = {} if told.retry_after_s is None else {"retry-after": str(int(told.retry_after_s + 1))}
    return JSONResponse({"message": told.message}, told.status, headers)


class State(TypedDict):
    """What the application holds while it is up."""

    context: Context


def application(layer: Layer[Context, LLMError, None]) -> FastAPI:
    """The application on top of *layer*; nothing is built before the server starts it."""

    def lifespan(_app: FastAPI) -> AbstractAsyncContextManager[State]:
        return _holding(layer)

    app = FastAPI(title="ask", lifespan=lifespan)

    async def ask(question: Question, request: Request) -> Response:
        context: Context = request.state.context
        return Answering(answer(question), context)

    app.post("/ask")(ask)
    return app


@asynccontextmanager
async def _holding(layer: Layer[Context, LLMError, None]) -> AsyncGenerator[State]:
    async with layer as context:
        yield {"context": context}


def main(argv: Sequence[str] | None = None) -> int:
    """The edge: serve until Ctrl-C. Settings that are wrong are told before the first question is."""
    import uvicorn  # noqa: PLC0415  # the application does not need it

    parser = argparse.ArgumentParser(description="An endpoint that answers while the model speaks.")
    parser.add_argument("--port", type=int, default=8000, help="where to listen on this machine (8000)")
    parser.add_argument("--demo", action="store_true", help="a model that reads a script")
    options = parser.parse_args(argv)
    layer: Layer[Context, LLMError, None] = demo() if options.demo else live()
    checked = anyio.run(provide(validate_config(), layer))
    if isinstance(checked, Failure):
        print(f"fastapi_stream: {describe(checked.failure())}", file=sys.stderr)
        return 2
    uvicorn.run(application(layer), host="127.0.0.1", port=options.port)
    return 0


def demo() -> Layer[Context, LLMError, None]:
    """The layer in which nobody is asked."""
    pieces = ("Short waves ", "are scattered ", "more than long ones, ", "and blue is short.")
    return scripted({"gpt": [Pieces(pieces, gap_s=0.2)] * 1000})


if __name__ == "__main__":
    sys.exit(main())
