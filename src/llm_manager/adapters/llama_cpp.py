"""Models inside this process: llama.cpp through the package ``xllamacpp``, from GGUF files.

Each file is loaded once for each way to load it, when it is first asked for, and unloaded when the provider is closed.
The engine blocks, so it works in a worker thread; it is asked for a stream, because between two tokens it looks whether
anybody still waits: a cancelled call stops there. While a long prompt is being read it cannot be stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeAlias, final

import anyio
import anyio.to_thread
from returns.result import Failure, Success

from llm_manager.adapters.dialects.json_values import Json, as_count, as_object, as_text
from llm_manager.adapters.dialects.openai import STREAMED, chat_fields
from llm_manager.adapters.dialects.openai_stream import CompletionReader
from llm_manager.adapters.dialects.statuses import MESSAGE_LENGTH
from llm_manager.adapters.grammar_schema import grammar_schema
from llm_manager.adapters.llama_cpp_engine import EngineKey, LoadedModel, engine_key, load_engine
from llm_manager.adapters.shared_loads import SharedLoads
from llm_manager.adapters.visible_stops import VisibleStops
from llm_manager.domain.errors import ConfigurationError, ContextTooLarge, InvalidRequest, LLMError, ServerError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import JsonSchema, LLMRequest
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import ModelSettings
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch, Incoming

_CLOSED = ConfigurationError((Problem("", "the context is closed: its models are unloaded"),))


@final
class LlamaCpp:
    """The provider port on local files."""

    __slots__ = ("_models",)

    def __init__(self) -> None:
        self._models: SharedLoads[EngineKey, LoadedModel, ConfigurationError] = SharedLoads(_CLOSED)

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """One answer; the schema or JSON mode of the request becomes a grammar that the sampler cannot leave."""
        begun = await self.stream(dispatch)
        return begun if isinstance(begun, Failure) else await _all_of(begun.unwrap())

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        """One answer, token by token."""
        loaded = await self._loaded(dispatch.target)
        if isinstance(loaded, Failure):
            return loaded
        model = loaded.unwrap()
        fields = _fields(dispatch.request, dispatch.target, model)
        stops = VisibleStops(fields.pop("stop")) if model.may_think and fields.get("stop") else None
        if stops is not None:
            fields["timings_per_token"] = True
        return Success(_Generating(model.engine, fields, dispatch.target, stops))

    async def models(self, target: Target, _keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """Load the file of *target*: then it can answer."""
        loaded = await self._loaded(target)
        return loaded if isinstance(loaded, Failure) else Success((target.model,))

    async def aclose(self) -> None:
        """Unload every model."""
        await self._models.aclose()

    async def _loaded(self, target: Target) -> Outcome[LoadedModel, ConfigurationError]:
        key = engine_key(target.settings or ModelSettings())
        return await self._models.get(key, partial(load_engine, target.model, key))


def _fields(request: LLMRequest, target: Target, model: LoadedModel) -> dict[str, Any]:
    if isinstance(wanted := request.response_format, JsonSchema):
        request = replace(request, response_format=replace(wanted, schema=grammar_schema(wanted.schema)))
    fields: dict[str, Any] = {**chat_fields(request, target), **STREAMED}
    if target.settings is None or target.settings.control_tokens == "text":
        fields["messages"] = [model.control_tokens.message(message) for message in fields["messages"]]
    return fields


_OF_THE_REQUEST = (ValueError, RuntimeError, TypeError, ArithmeticError, LookupError)


def raised(bad: Exception, model: str, *, began: bool) -> LLMError:
    """What an exception of the engine means, by its class and by whether its answer *began*.

    The binding turns the exceptions of C++ into Python's (Cython's ``except +``), and adds its own for arguments. Until
    an answer begins the engine reads the request: template, grammar, images and tokens. So what it refuses then is the
    request, whichever the class, unless that is one of the machine.
    """
    said = str(bad)[:MESSAGE_LENGTH] or type(bad).__name__
    if isinstance(bad, _OF_THE_REQUEST) and not began:
        return InvalidRequest((Problem("", said),), f"{model} refused it")
    return ServerError(model, 500, said)


_Chunk: TypeAlias = "Json | LLMError | None"
"""What the engine says, what became of it, or that nothing more comes."""


@final
class _Generating:
    """An answer that the engine is making in a thread of its own.

    The thread leaves its chunks in a queue. It ends with the answer, or at the first token after nobody wants more.
    """

    __slots__ = ("_chunks", "_ended", "_reader", "_stops", "_target", "_unwanted")

    def __init__(self, engine: Any, fields: Mapping[str, Any], target: Target, stops: VisibleStops | None) -> None:
        self._target = target
        self._stops = stops
        self._reader = CompletionReader({}, target)
        self._chunks: SimpleQueue[_Chunk] = SimpleQueue()
        self._unwanted = threading.Event()
        self._ended: Outcome[LLMResponse, LLMError] | None = None
        threading.Thread(target=self._work, args=(engine, fields), name="llama.cpp", daemon=True).start()

    def _work(self, engine: Any, fields: Mapping[str, Any]) -> None:
        began = False

        def take(chunk: object) -> bool:
            nonlocal began
            began = True
            self._chunks.put(as_object(chunk))
            return self._unwanted.is_set()  # True stops the engine

        try:
            engine.handle_chat_completions(dict(fields), take)
        except Exception as bad:  # noqa: BLE001  # of the binding: what escaped would be a stream that broke off
            self._chunks.put(raised(bad, self._target.model, began=began))
        finally:
            self._chunks.put(None)

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        """What the next token adds; one that adds nothing is read on from."""
        while self._ended is None:
            chunk = await anyio.to_thread.run_sync(self._chunks.get, abandon_on_cancel=True)
            if chunk is None:
                self._ended = self._reader.end()
                break
            read = self._read(chunk)
            if self._stops is not None and self._stops.ended:
                self._unwanted.set()
                self._ended = self._reader.end()
            if isinstance(read, Failure):
                self._ended = read
            elif deltas := read.unwrap():
                return Success(deltas)
        return self._ended

    def _read(self, chunk: Json | LLMError) -> Outcome[Sequence[Delta], LLMError]:
        if not isinstance(chunk, Mapping):
            return Failure(chunk)
        if self._stops is not None:
            chunk = self._stops.cut(chunk)
        too_large = _too_large(chunk, self._target)
        return self._reader.read_chunk(chunk) if too_large is None else Failure(too_large)

    longest_pull_s = None

    @property
    def usage(self) -> Usage:
        """What the engine has counted; it says so at the end."""
        return self._reader.usage

    async def aclose(self) -> None:
        """Stop the engine at its next token."""
        self._unwanted.set()


async def _all_of(answer: Incoming) -> Outcome[LLMResponse, LLMError]:
    """The whole of *answer*."""
    try:
        while True:
            got = await answer.pull()
            if isinstance(got, Failure):
                return paid_for(got, answer.usage)
            if isinstance(last := got.unwrap(), LLMResponse):
                return Success(last)
    finally:
        await answer.aclose()


def _too_large(answer: Json, target: Target) -> ContextTooLarge | None:
    error = as_object(answer.get("error"))
    if error.get("type") != "exceed_context_size_error":
        return None
    count, window = as_count(error.get("n_prompt_tokens")), as_count(error.get("n_ctx"))
    return ContextTooLarge(target.model, count, window, as_text(error.get("message")) or "")
