"""GGUF files: what the metadata at the beginning of a model's file says, read without the engine.

Source: ggml, "GGUF specification", versions 2 and 3. The engine only says that it failed, and it names no control
tokens: both are read here, in one pass over the metadata, whose strings are the vocabulary.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from returns.result import Failure, Success

from llm_manager.domain.outcome import Outcome

MAGIC: Final = b"GGUF"

VERSIONS: Final = (2, 3)
"""The versions of the file format that llama.cpp reads."""

_FORMATS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING: Final = 8
_ARRAY: Final = 9

_MOST_ITEMS: Final = 2**24
"""More entries, or items of an array, than this are damage: the largest vocabularies have some 2**18 tokens."""

_UNKNOWN: Final = 2
_CONTROL: Final = 3
_BYTE: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """*control_tokens* are the texts that the engine reads as one token with a meaning, wherever they stand;
    *trained_tokens* is the window the model was trained for, and *chat_template* its own, empty without one."""

    control_tokens: frozenset[str]
    trained_tokens: int | None = None
    chat_template: str = ""


def read_header(path: Path) -> Outcome[GgufHeader, str]:
    """What the file at *path* says of itself, or what is wrong with it."""
    try:
        with path.open("rb") as file:
            wrong = _what_is_wrong(file.read(8))
            if wrong is not None:
                return Failure(wrong)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return Success(_header(_Reader(data).entries()))
    except FileNotFoundError:
        return Failure("there is no such file")
    except OSError as bad:
        return Failure(f"cannot be read: {bad.strerror}")
    except (struct.error, ValueError):
        return Failure("is damaged, or cut off before its end: download it again")


def _what_is_wrong(head: bytes) -> str | None:
    if head[:4] != MAGIC:
        return "is no GGUF file: download the model in GGUF format"
    version = struct.unpack("<I", head[4:])[0] if len(head) == 8 else 0
    return None if version in VERSIONS else f"is GGUF version {version}: llama.cpp reads {VERSIONS}"


def _header(entries: dict[str, Any]) -> GgufHeader:
    texts: list[bytes] = entries.get("tokenizer.ggml.tokens", [])
    kinds: list[int] = entries.get("tokenizer.ggml.token_type", [])
    template: bytes = entries.get("tokenizer.chat_template", b"")
    found = (text for text, kind in zip(texts, kinds, strict=False) if _is_control(text, kind, template))
    architecture: bytes = entries.get("general.architecture", b"")
    trained: object = entries.get(f"{architecture.decode(errors='replace')}.context_length")
    return GgufHeader(
        control_tokens=frozenset(text.decode(errors="replace") for text in found),
        trained_tokens=trained if isinstance(trained, int) and trained > 0 else None,
        chat_template=template.decode(errors="replace"),
    )


def _is_control(text: bytes, kind: int, template: bytes) -> bool:
    """Whether the engine may take *text* for a mark. Files with marks of the wrong kind are about, and llama.cpp puts
    that right for those it knows: what looks like a mark and stands in the chat template is one.

    A mark of one character cannot be split, and no file is known that has one.
    """
    if len(text) < 2:
        return False
    looks_like_one = kind != _BYTE and text.startswith(b"<") and text.endswith(b">")
    return kind in (_UNKNOWN, _CONTROL) or (looks_like_one and text in template)


@final
class _Reader:
    """The entries of the metadata, in order."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 16  # behind the magic, the version and the number of tensors

    def entries(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(self._count()):
            key = self._string().decode(errors="replace")
            found[key] = self._value(self._one("I"))
        return found

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._one(self._format(kind))
        of = self._one("I")
        count = self._count()
        return [self._string() for _ in range(count)] if of == _STRING else self._many(self._format(of), count)

    def _format(self, kind: int) -> str:
        if kind not in _FORMATS:
            message = f"a value of the unknown type {kind}"
            raise ValueError(message)
        return _FORMATS[kind]

    def _one(self, form: str) -> Any:
        return self._many(form, 1)[0]

    def _many(self, form: str, count: int) -> list[Any]:
        layout = f"<{count}{form}"
        values = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return list(values)

    def _count(self) -> int:
        count: int = self._one("Q")
        if count > _MOST_ITEMS:
            message = f"{count} items"
            raise ValueError(message)
        return count

    def _string(self) -> bytes:
        (length,) = struct.unpack_from("<Q", self._data, self._at)
        begins = self._at + 8
        self._at = begins + length
        if self._at > len(self._data):
            message = "a string beyond the end of the file"
            raise ValueError(message)
        return self._data[begins : self._at]
