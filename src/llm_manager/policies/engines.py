"""Which local models share an engine: those of one file that is loaded in one way."""

from __future__ import annotations

from hashlib import sha256

from llm_manager.domain.settings import ModelSettings

_NOTHING = ModelSettings()

ENGINE_FIELDS = ("context_tokens", "threads", "gpu_layers", "slots", "cache_ram_mib", "chat_template")
"""What shapes a local engine beside its file: models that differ in one of these are each as well as its own engine."""


def engine_of(settings: ModelSettings) -> str:
    """What a local model is filed under: its file, and how it is loaded where that is stated.

    >>> engine_of(ModelSettings(path="/m.gguf", threads=4))
    '/m.gguf?threads=4'
    """
    stated = ((name, getattr(settings, name)) for name in ENGINE_FIELDS)
    unlike = (f"{name}={_short(value)}" for name, value in stated if value != getattr(_NOTHING, name))
    return "?".join(filter(None, (settings.path, "&".join(unlike))))


def _short(value: object) -> str:
    """*value*, or of a text, which may be a whole template, what tells it from others."""
    return sha256(value.encode("utf-8", "replace")).hexdigest()[:12] if isinstance(value, str) else str(value)
