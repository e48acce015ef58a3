"""What is wrong with a request before anything is sent: every problem at once, with its path and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import fields, replace
from typing import Final, cast, get_args

from llm_manager.domain.arguments import check_request, shown
from llm_manager.domain.json_problems import json_problem
from llm_manager.domain.open_calls import OpenCall, open_calls
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import (
    ImagePart,
    JsonObject,
    JsonSchema,
    LLMRequest,
    Message,
    NamedTool,
    OnUnsupported,
    Preferences,
    Priority,
    Role,
    TextPart,
    Tool,
    Truncation,
)
from llm_manager.domain.settings import MOST_COUNT, MOST_S
from llm_manager.domain.shapes import misfits

TEMPERATURES = (0.0, 2.0)
"""OpenAI's and Gemini's range; Anthropic refuses more than 1 itself."""

SEEDS = (-(2**63), 2**63 - 1)
"""OpenAI's bounds of a seed, in its OpenAPI document; other vendors take less, and say so."""

MAX_NAME = 64
"""The longest name of a tool or schema that OpenAI takes."""

IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/heic", "image/heif")
"""The first four are taken by every vendor with eyes, the last two by Gemini alone."""

ROLES: tuple[str, ...] = get_args(Role)
PRIORITIES: tuple[str, ...] = get_args(Priority)
TRUNCATIONS: tuple[str, ...] = get_args(Truncation)
FALLBACKS: tuple[str, ...] = ("chain", "none")
ON_UNSUPPORTED: tuple[str | None, ...] = (None, *get_args(OnUnsupported))
FLAGS: tuple[object, ...] = (True, False)
TOOL_CHOICES: tuple[object, ...] = ("auto", "none", "required")

IMAGE_SCHEMES = ("https://", "http://", "data:image/")


def request_problems(request: LLMRequest) -> tuple[Problem, ...]:
    """Everything that keeps *request* from being sent to any model; empty when nothing does.

    >>> [str(problem) for problem in request_problems(LLMRequest())]
    ['prompt: is empty and there are no messages: give the model something to answer']
    """
    check_request(request)
    wrong = () if is_plain(request) else misfits(request)
    if wrong:
        return (*wrong, *_problems(_mended(request, {problem.path for problem in wrong})))
    return _problems(request)


def _problems(request: LLMRequest) -> tuple[Problem, ...]:
    return (
        *_prompt(request),
        *_preferences(request.preferences),
        *_messages(request.messages),
        *_tools(request),
        *_context(request),
        *_format(request),
    )


def is_plain(request: LLMRequest) -> bool:
    """Is *request* one of most, whose fields hold what they are for at the first look?

    It costs a fraction of a look at every field by its annotation. What is not plain is not wrong.
    """
    return (
        type(request.prompt) is str
        and type(request.task_type) is str
        and type(request.messages) is tuple
        and (request.system_prompt is None or type(request.system_prompt) is str)
        and type(request.context) is dict
        and type(request.tools) is tuple
        and request.tool_choice in TOOL_CHOICES
        and (request.response_format is None or _is_plain_format(request.response_format))
        and type(request.namespace) is str
        and (request.deadline_s is None or type(request.deadline_s) is float)
        and request.streaming in FLAGS
        and request.truncation in TRUNCATIONS
        and type(request.kept_messages) is int
        and request.labels == {}
        and _are_plain(request.preferences)
        and all(map(_is_plain_message, request.messages))
        and all(map(_is_plain_tool, request.tools))
    )


def _are_plain(wish: object) -> bool:
    return (
        type(wish) is Preferences
        and (wish.model is None or type(wish.model) is str)
        and wish.fallback in FALLBACKS
        and (wish.max_tokens is None or type(wish.max_tokens) is int)
        and (wish.temperature is None or type(wish.temperature) is float)
        and wish.top_p is None
        and wish.seed is None
        and wish.stop == ()
        and wish.priority in PRIORITIES
        and wish.unsupported in ON_UNSUPPORTED
    )


def _is_plain_message(message: object) -> bool:
    return (
        type(message) is Message
        and message.role in ROLES
        and type(message.content) is str
        and message.tool_calls == ()
        and (message.tool_call_id is None or type(message.tool_call_id) is str)
    )


def _is_plain_tool(tool: object) -> bool:
    return (
        type(tool) is Tool
        and type(tool.name) is str
        and type(tool.description) is str
        and type(tool.parameters) is dict
    )


def _is_plain_format(wanted: object) -> bool:
    return (
        type(wanted) is JsonSchema
        and type(wanted.schema) is dict
        and type(wanted.name) is str
        and type(wanted.strict) is bool
    )


def _mended(request: LLMRequest, wrong: Set[str]) -> LLMRequest:
    """*request* with what is right in the place of what is *wrong*, so that the rest can be looked at as well."""
    names = {path.partition(".")[0] for path in wrong}
    mended = {each.name: getattr(_PLAIN, each.name) for each in fields(request) if each.name in names}
    if isinstance(cast("object", request.preferences), Preferences):
        inner = {path.split(".")[1] for path in wrong if path.startswith("preferences.")}
        mended["preferences"] = replace(
            request.preferences, **{name: getattr(_PLAIN.preferences, name) for name in inner}
        )
    if "messages" in names and not request.prompt:
        mended["prompt"] = _PLAIN.prompt
    if "tools" in names:
        mended["tool_choice"] = _PLAIN.tool_choice
    return replace(request, **mended)


_PLAIN: Final = LLMRequest(prompt="-")
"""A request with nothing to find."""


def _prompt(request: LLMRequest) -> Iterator[Problem]:
    if not request.messages and not request.prompt.strip():
        yield Problem("prompt", "is empty and there are no messages: give the model something to answer")
    if not 0 <= request.kept_messages <= MOST_COUNT:
        said = f"is {shown(request.kept_messages)}: give how many of the last messages are kept"
        yield Problem("kept_messages", said)
    if request.deadline_s is not None and not 0 < request.deadline_s <= MOST_S:
        wanted = f"at most {MOST_S:,} seconds, or None" if request.deadline_s > 0 else "a number of seconds above 0"
        yield Problem("deadline_s", f"is {shown(request.deadline_s)}: give {wanted}")


def _preferences(wish: Preferences) -> Iterator[Problem]:
    low, high = TEMPERATURES
    if wish.temperature is not None and not low <= wish.temperature <= high:
        yield Problem(
            "preferences.temperature", f"is {shown(wish.temperature)}: give a number from {low:g} to {high:g}"
        )
    if wish.top_p is not None and not 0 < wish.top_p <= 1:
        yield Problem("preferences.top_p", f"is {shown(wish.top_p)}: give a number above 0, at most 1")
    if wish.max_tokens is not None and not 0 < wish.max_tokens <= MOST_COUNT:
        wanted = f"at most {MOST_COUNT:,}" if wish.max_tokens > 0 else "a number above 0"
        yield Problem("preferences.max_tokens", f"is {shown(wish.max_tokens)}: give {wanted}")
    if wish.seed is not None and not SEEDS[0] <= wish.seed <= SEEDS[1]:
        said = f"is {shown(wish.seed)}: give a number of at most 64 bits"
        yield Problem("preferences.seed", said)
    if wish.model is not None and not is_name(wish.model):
        yield Problem("preferences.model", f"{wish.model!r} is no name: it is empty or holds a control character")
    if "" in wish.stop:
        yield Problem("preferences.stop", "holds an empty text: it would stop before the first character")


def is_name(text: str) -> bool:
    """Is *text* fit for a header or a URL: not empty, and without control characters such as line breaks?"""
    return bool(text.strip()) and text.isprintable()


def _messages(messages: Sequence[Message]) -> Iterator[Problem]:
    called: set[str] = set()
    for index, message in enumerate(messages):
        if message.tool_calls or message.role == "tool":
            yield from _calls(f"messages.{index}", message, called)
        if not isinstance(message.content, str):
            yield from _parts(f"messages.{index}.content", message)
    for each in open_calls(messages) if called else ():
        yield Problem(each.path, without_result(each))


def without_result(each: OpenCall) -> str:
    """What is missing of a call, and what to write."""
    result = f'Message(role="tool", tool_call_id={each.call.id!r}, content=...)'
    return f"calls {each.call.name} ({each.call.id!r}), which has no result: give {result} before the next message"


def _calls(at: str, message: Message, called: set[str]) -> Iterator[Problem]:
    if message.role == "tool" and not message.tool_call_id:
        yield Problem(f"{at}.tool_call_id", "is missing: a tool message names the call it answers")
    elif message.role == "tool" and message.tool_call_id not in called:
        said = f"answers the call {message.tool_call_id!r}, which no message before it makes: keep the assistant's"
        yield Problem(f"{at}.tool_call_id", f"{said} message with its tool_calls")
    called.update(call.id for call in message.tool_calls)
    if message.tool_calls and message.role != "assistant":
        yield Problem(f"{at}.tool_calls", f"belong to the assistant, not to the {message.role}")


def _parts(at: str, message: Message) -> Iterator[Problem]:
    for number, part in enumerate(message.content):
        if isinstance(part, str):
            continue
        yield from _part(f"{at}.{number}", part)
        if message.role == "system" and isinstance(part, ImagePart):
            yield Problem(f"{at}.{number}", "is an image, and a system prompt is text: let the user say it")


def _part(at: str, part: TextPart | ImagePart) -> Iterator[Problem]:
    if isinstance(part, TextPart):
        return
    if (part.url is None) == (part.data is None):
        yield Problem(at, "needs either a url or data")
    if part.url is not None and not part.url.startswith(IMAGE_SCHEMES):
        yield Problem(f"{at}.url", "must begin with https://, http:// or data:image/")
    if part.data is not None and part.media_type not in IMAGE_TYPES:
        yield Problem(
            f"{at}.media_type", f"is {part.media_type!r}: convert the image to one of {', '.join(IMAGE_TYPES)}"
        )


def _tools(request: LLMRequest) -> Iterator[Problem]:
    names = [tool.name for tool in request.tools]
    for index, tool in enumerate(request.tools):
        yield from _tool(f"tools.{index}", tool)
        if tool.name in names[:index]:
            yield Problem(f"tools.{index}.name", f"{tool.name!r} is there twice")
    choice = request.tool_choice
    if isinstance(choice, NamedTool) and choice.name not in names:
        yield Problem(
            "tool_choice.name", f"{choice.name!r} is none of the tools: {', '.join(names) or 'there are none'}"
        )
    if choice == "required" and not names:
        yield Problem("tool_choice", "requires a tool and there are none")


def _tool(at: str, tool: Tool) -> Iterator[Problem]:
    if not is_name(tool.name) or len(tool.name) > MAX_NAME:
        yield Problem(f"{at}.name", f"{tool.name!r} is no name of 1 to {MAX_NAME} characters")
    if not tool.parameters:
        return
    if tool.parameters.get("type") != "object":
        yield Problem(f"{at}.parameters", 'must be a JSON schema with "type": "object"')
    yield from _schema(f"{at}.parameters", tool.parameters)


def _schema(at: str, schema: JsonObject) -> Iterator[Problem]:
    """What makes *schema* none that a vendor would take: whether it says what was meant is another matter."""
    bad = json_problem(schema, at)
    if bad is not None:
        yield bad
        return
    properties: object = schema.get("properties", {})
    required: object = schema.get("required", [])
    if not isinstance(properties, Mapping):
        yield Problem(f"{at}.properties", "must be an object: a schema for each name")
        return
    for name, inner in cast("Mapping[str, object]", properties).items():
        if not isinstance(inner, Mapping | bool):
            yield Problem(f"{at}.properties.{name}", "must be a schema: an object, or true or false")
    if not isinstance(required, list | tuple):
        yield Problem(f"{at}.required", "must be a list of names")
        return
    for wanted in cast("Sequence[object]", required):
        if not isinstance(wanted, str) or wanted not in properties:
            yield Problem(f"{at}.required", f"names {shown(wanted)}, which is not among the properties")


def _context(request: LLMRequest) -> Iterator[Problem]:
    bad = json_problem(request.context, "context") if request.context else None
    if bad is not None:
        yield bad


def _format(request: LLMRequest) -> Iterator[Problem]:
    wanted = request.response_format
    bad = json_problem(wanted.schema, "response_format.schema") if isinstance(wanted, JsonSchema) else None
    if bad is not None:
        yield bad
