"""Models inside this process: llama.cpp through the package ``xllamacpp``, from GGUF files.

Each file is loaded once, when it is first asked for, and unloaded when the provider is closed. The engine blocks, so it
works in a worker thread; it is asked for a stream, because between two tokens it looks whether anybody still waits:
a cancelled call stops there. While a long prompt is being read it cannot be stopped. The engine itself listens on a
free port of 127.0.0.1, which this library does not use.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any, final

import anyio
import anyio.to_thread
from returns.result import Failure, Success

from llm_manager.adapters.dialects.json_values import Json, as_count, as_object, as_text
from llm_manager.adapters.dialects.openai import STREAMED, chat_fields
from llm_manager.adapters.dialects.openai_stream import CompletionReader
from llm_manager.domain.errors import ConfigurationError, ContextTooLarge, LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.problem import Problem
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import ModelSettings
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch, Incoming

MAGIC = b"GGUF"
VERSIONS = (2, 3)
"""The versions of the file format that llama.cpp reads (ggml, "GGUF specification")."""

SILENT = -1
"""The engine's log level at which it writes nothing to our standard error."""


_FIRST_WORD = {"messages": [{"role": "user", "content": "."}], "max_tokens": 1}
"""Asked once after loading. It warms the engine up; and one that is unloaded before its loop has turned once sometimes
waits for itself for ever (seen with xllamacpp 2026.10)."""


@final
class LlamaCpp:
    """The provider port on local files."""

    __slots__ = ("_engines", "_loading")

    def __init__(self) -> None:
        self._engines: dict[str, Any] = {}
        self._loading: dict[str, anyio.Lock] = {}

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """One answer; the schema or JSON mode of the request becomes a grammar that the sampler cannot leave."""
        begun = await self.stream(dispatch)
        return begun if isinstance(begun, Failure) else await _all_of(begun.unwrap())

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        """One answer, token by token."""
        loaded = await self._engine(dispatch.target)
        if isinstance(loaded, Failure):
            return loaded
        fields = {**chat_fields(dispatch.request, dispatch.target), **STREAMED}
        return Success(_Generating(loaded.unwrap(), fields, dispatch.target))

    async def models(self, target: Target, _keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """Load the file of *target*: then it can answer."""
        loaded = await self._engine(target)
        return loaded if isinstance(loaded, Failure) else Success((target.model,))

    async def aclose(self) -> None:
        """Unload every model, in a thread, for that waits for the engine's own threads to end."""
        await anyio.to_thread.run_sync(self._engines.clear, abandon_on_cancel=True)

    async def _engine(self, target: Target) -> Outcome[Any, ConfigurationError]:
        settings = target.settings or ModelSettings()
        path = settings.path or ""
        async with self._loading.setdefault(path, anyio.Lock()):
            engine = self._engines.get(path)
            if engine is not None:
                return Success(engine)
            loaded = await anyio.to_thread.run_sync(_load, target.model, settings)
            if isinstance(loaded, Success):
                self._engines[path] = loaded.unwrap()
            return loaded


def _load(name: str, settings: ModelSettings) -> Outcome[Any, ConfigurationError]:
    """The engine with the model in it. The file is looked at first: the engine only says that it failed."""
    path = Path(settings.path or "").expanduser()
    wrong = _what_is_wrong(path)
    if wrong is not None:
        return Failure(ConfigurationError((Problem(f"models.{name}.path", f"{path}: {wrong}"),)))
    try:
        library = import_module("xllamacpp")
    except ImportError:
        said = "llama.cpp is not installed: pip install 'llm-manager[llama-cpp]'"
        return Failure(ConfigurationError((Problem(f"models.{name}.provider", said),)))
    params = library.CommonParams()
    params.model.path = str(path)
    params.verbosity = SILENT
    params.n_ctx = settings.context_tokens or 0  # 0: what the model was trained for
    if settings.threads is not None:
        params.cpuparams.n_threads = settings.threads
    if settings.gpu_layers is not None:
        params.n_gpu_layers = settings.gpu_layers
    try:
        engine = library.Server(params)
        engine.handle_chat_completions(_FIRST_WORD)
        return Success(engine)
    except RuntimeError as bad:
        said = f"{path}: llama.cpp cannot load it ({bad}): it may be cut off, or of an architecture it does not know"
        return Failure(ConfigurationError((Problem(f"models.{name}.path", said),)))


def _what_is_wrong(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError:
        return "there is no such file"
    except OSError as bad:
        return f"cannot be read: {bad.strerror}"
    if head[:4] != MAGIC:
        return "is no GGUF file: download the model in GGUF format"
    version = struct.unpack("<I", head[4:])[0] if len(head) == 8 else 0
    return None if version in VERSIONS else f"is GGUF version {version}: llama.cpp reads {VERSIONS}"


@final
class _Generating:
    """An answer that the engine is making in a thread of its own.

    The thread leaves its chunks in a queue. It ends with the answer, or at the first token after nobody wants more.
    """

    __slots__ = ("_chunks", "_ended", "_reader", "_target", "_unwanted")

    def __init__(self, engine: Any, fields: Mapping[str, Any], target: Target) -> None:
        self._target = target
        self._reader = CompletionReader({}, target)
        self._chunks: SimpleQueue[Json | None] = SimpleQueue()
        self._unwanted = threading.Event()
        self._ended: Outcome[LLMResponse, LLMError] | None = None
        threading.Thread(target=self._work, args=(engine, fields), name="llama.cpp", daemon=True).start()

    def _work(self, engine: Any, fields: Mapping[str, Any]) -> None:
        def take(chunk: object) -> bool:
            self._chunks.put(as_object(chunk))
            return self._unwanted.is_set()  # True stops the engine

        try:
            engine.handle_chat_completions(dict(fields), take)
        except RuntimeError as bad:  # the engine's word for whatever goes wrong inside it
            self._chunks.put({"error": {"message": str(bad), "type": "server_error"}})
        finally:
            self._chunks.put(None)

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        """What the next token adds; one that adds nothing is read on from."""
        while self._ended is None:
            chunk = await anyio.to_thread.run_sync(self._chunks.get, abandon_on_cancel=True)
            if chunk is None:
                self._ended = self._reader.end()
                break
            too_large = _too_large(chunk, self._target)
            read = self._reader.read_chunk(chunk) if too_large is None else Failure(too_large)
            if isinstance(read, Failure):
                self._ended = read
            elif deltas := read.unwrap():
                return Success(deltas)
        return self._ended

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
