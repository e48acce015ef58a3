"""What a program asks of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

TaskType: TypeAlias = str
"""``analysis``, ``ui-generation``, ``config-management``, ``general``, or a chain named in the configuration."""

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Priority: TypeAlias = Literal["low", "medium", "high"]
JsonObject: TypeAlias = Mapping[str, Any]
"""A JSON object as it stands: its values are whatever JSON can say."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text inside a message of several parts."""

    text: str
    tag: Literal["TextPart"] = field(default="TextPart", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePart:
    """An image: by *url*, passed on to the provider and never fetched here, or as *data* with its *media_type*."""

    url: str | None = None
    data: bytes | None = None
    media_type: str | None = None
    tag: Literal["ImagePart"] = field(default="ImagePart", repr=False)
    __pydantic_config__: ClassVar = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool the model wants called; *arguments* is the JSON text it wrote, not yet trusted.

    *signature* is what some vendors want back with the call, unchanged: Gemini's proof of the thoughts that led to it.
    """

    id: str
    name: str
    arguments: str
    signature: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn. A ``tool`` message answers the call *tool_call_id*."""

    role: Role
    content: str | tuple[TextPart | ImagePart, ...] = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function the model may call; *parameters* is a JSON schema of an object."""

    name: str
    description: str = ""
    parameters: JsonObject = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The model must call the tool of this name."""

    name: str


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class JsonMode:
    """The answer is to be some JSON object."""

    tag: Literal["JsonMode"] = field(default="JsonMode", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSchema:
    """The answer is to be JSON that satisfies *schema*; *name* is told to the provider."""

    schema: JsonObject
    name: str = "answer"
    strict: bool = True
    tag: Literal["JsonSchema"] = field(default="JsonSchema", repr=False)


Truncation: TypeAlias = Literal["disabled", "auto"]
"""What becomes of messages that do not fit a model's window (the name is that of OpenAI's Responses API)."""

OnUnsupported: TypeAlias = Literal["drop", "refuse"]
"""What becomes of sampling options that a model does not take: they are left out of what is sent, or the model is
skipped."""

ResponseFormat: TypeAlias = JsonMode | JsonSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """How the caller would like to be answered; None leaves it to configuration or the provider.

    *model* goes first, and its task's chain follows unless *fallback* is ``none``. A model that does not take one of
    *temperature*, *top_p*, *seed* and *stop* is sent the request without it (``drop``), or skipped (``refuse``), as
    *unsupported* says; None leaves it to ``routing.unsupported``.
    """

    model: str | None = None
    fallback: Literal["chain", "none"] = "chain"
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    priority: Priority = "medium"
    unsupported: OnUnsupported | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMRequest:
    """One request. *messages* come before *prompt*; *namespace* is the cache tenant; *deadline_s* bounds everything.

    *context* is data for the model to look at; it is sent as JSON in front of the prompt. *labels* are for those who
    watch, such as the template that a prompt was made from: never sent, and no part of what an answer is cached under.
    With *truncation* ``auto`` the oldest turns are left out for a model whose window is too small for all of them, and
    never one of the last *kept_messages*: what they belong to goes whole, or not at all.
    """

    prompt: str = ""
    task_type: TaskType = "general"
    messages: tuple[Message, ...] = ()
    system_prompt: str | None = None
    preferences: Preferences = field(default_factory=Preferences)
    context: JsonObject = field(default_factory=dict[str, Any])
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    response_format: ResponseFormat | None = None
    namespace: str = "default"
    deadline_s: float | None = None
    streaming: bool = False
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    truncation: Truncation = "disabled"
    kept_messages: int = 0
