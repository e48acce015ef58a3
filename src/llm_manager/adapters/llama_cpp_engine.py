"""The engine of llama.cpp, loaded from a file: what shapes it, what it may hold on to, and who may talk to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

from returns.result import Failure, Success

from llm_manager.adapters.control_tokens import ControlTokens
from llm_manager.adapters.gguf_file import read_header
from llm_manager.adapters.shared_loads import Stopped
from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.settings import ModelSettings

SILENT: Final = -1
"""The engine's log level at which it logs nothing to our standard error; what it makes of a schema it tells there at
any level, so it is given none that it cannot make a grammar of (``grammar_schema``)."""

LEAST_TOKENS: Final = 256
"""The engine raises a smaller window to this one, as it cuts one that is larger than what the model was trained for."""

_READ_BYTES: Final = 8 * 1024 * 1024

_FIRST_WORD: Final = {"prompt": ".", "max_tokens": 1}
"""Asked once after loading, without a chat template, which may want more than that. It warms the engine up; and one
that is unloaded before its loop has turned once sometimes waits for itself for ever (seen with xllamacpp 2026.10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKey:
    """All that shapes a loaded model: two models of a configuration share an engine where nothing of it differs."""

    path: Path
    context_tokens: int | None
    threads: int | None
    gpu_layers: int | None
    slots: int
    cache_ram_mib: int
    chat_template: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """The engine of the binding, and the control tokens of the file in it. One that *may_think* before it answers is
    told by its chat template."""

    engine: Any
    control_tokens: ControlTokens
    may_think: bool = False


def engine_key(settings: ModelSettings) -> EngineKey:
    """What the engine that *settings* want is shaped by."""
    return EngineKey(
        path=_resolved(settings.path or ""),
        context_tokens=settings.context_tokens,
        threads=settings.threads,
        gpu_layers=settings.gpu_layers,
        slots=settings.slots,
        cache_ram_mib=settings.cache_ram_mib,
        chat_template=settings.chat_template,
    )


@lru_cache(maxsize=256)
def _resolved(path: str) -> Path:
    return Path(path).expanduser().resolve()


def load_engine(name: str, key: EngineKey, stopped: Stopped) -> Outcome[LoadedModel, ConfigurationError]:
    """The model called *name*, loaded; blocks for as long as the file takes.

    The binding holds the interpreter's lock while it loads, so nothing else runs meanwhile (xllamacpp 2026.10): the
    file is read here before, which takes most of the time where it is not in memory yet, and ends where *stopped* says.
    """
    header = read_header(key.path)
    if isinstance(header, Failure):
        return _wrong(name, "path", f"{key.path}: {header.failure()}")
    file = header.unwrap()
    wrong = _wrong_window(key.context_tokens, file.trained_tokens)
    if wrong is not None:
        return _wrong(name, "context_tokens", wrong)
    try:
        library = import_module("xllamacpp")
    except ImportError:
        return _wrong(name, "provider", "llama.cpp is not installed: pip install 'llm-manager[llama-cpp]'")
    if not _read_ahead(key.path, stopped):
        return _wrong(name, "path", f"{key.path}: it was closed while it was loading")
    try:
        engine = library.Server(_params(library, key, file.trained_tokens))
        engine.handle_completions(_FIRST_WORD)
    except Exception as bad:  # noqa: BLE001  # of the binding: its classes are those of C++, and more
        said = f"{key.path}: llama.cpp cannot load it ({bad}): it may be cut off, of an architecture it does not know, "
        return _wrong(name, "path", f"{said}or with a chat template it cannot use: set models.{name}.chat_template")
    template = file.chat_template if key.chat_template is None else key.chat_template
    return Success(
        LoadedModel(
            engine=engine,
            control_tokens=ControlTokens(file.control_tokens),
            may_think=_THOUGHTS.search(template) is not None,
        )
    )


_THOUGHTS: Final = re.compile("think|reasoning", re.IGNORECASE)
"""In every known template of a model that thinks: ``<think>``, ``[THINK]``, ``reasoning_content``."""


def _wrong_window(context_tokens: int | None, trained_tokens: int | None) -> str | None:
    """Why the engine would take another window than the one that is set, which routing and truncation believe."""
    if context_tokens is None:
        return None
    if context_tokens < LEAST_TOKENS:
        return f"is {context_tokens}: the engine has no window below {LEAST_TOKENS}"
    if trained_tokens is not None and context_tokens > trained_tokens:
        return f"is {context_tokens}: the model was trained for {trained_tokens}, to which the engine would cut it"
    return None


def _params(library: Any, key: EngineKey, trained_tokens: int | None) -> Any:
    params = library.CommonParams()
    params.model.path = str(key.path)
    params.verbosity = SILENT
    params.warmup = False  # the first word is one, and does not hold the interpreter's lock
    # A slot has its share of what is set here. With a window that all share (``kv_unified``), answers that are too long
    # together all fail.
    params.n_parallel = key.slots
    params.kv_unified = False
    params.n_ctx = key.slots * (key.context_tokens or trained_tokens or 0)  # 0: what the model was trained for
    params.cache_ram_mib = key.cache_ram_mib
    if key.threads is not None:
        params.cpuparams.n_threads = key.threads
    if key.gpu_layers is not None:
        params.n_gpu_layers = key.gpu_layers
    if key.chat_template is not None:
        params.chat_template = key.chat_template
    _lock(params)
    return params


def _lock(params: Any) -> None:
    """The engine listens on a free port of 127.0.0.1, and there is no way to have it listen nowhere (no host at all is
    a crash): whoever finds the port, another account or a page in a browser, is refused, and no page may read that."""
    params.api_keys = [token_urlsafe(32)]
    params.api_prefix = f"/{token_urlsafe(16)}"  # without it /health answers, which wants no key
    params.cors_origins = ""
    params.cors_credentials = False
    params.endpoint_slots = False
    params.ui = False


def _read_ahead(path: Path, stopped: Stopped) -> bool:
    """Read the file once, for the system to keep; false when that was *stopped*."""
    buffer = bytearray(_READ_BYTES)
    try:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                if stopped():
                    return False
    except OSError:  # the engine says what is wrong with it
        return True
    return True


def _wrong(name: str, field: str, said: str) -> Failure[ConfigurationError]:
    return Failure(ConfigurationError((Problem(f"models.{name}.{field}", said),)))
