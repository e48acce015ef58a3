"""Which models of OpenAI refuse which field of a chat completion, and with which words.

The patterns are the simulator's own, written from what others saw the API answer and not from the catalog that it
checks. Each has its source; all were read on 2026-11-21. To add a refusal, add a pattern and a line in
:func:`refusals`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from llm_manager.testing.simulator.replies import Status
from llm_manager.testing.simulator.wires.values import Fields, rows_in

_DAY = r"(-\d{4}-\d\d-\d\d)?"

_REASONS = re.compile(rf"(o\d|gpt-5(-mini|-nano|-pro|-codex)?{_DAY}$|gpt-5\.[56]|gpt-[6-9])")
"""Models that reason unless ``reasoning_effort`` is ``none``: ``temperature`` "Only the default (1) value is supported"
(khoj-ai/khoj#1377, ItzCrazyKns/Vane#1173, BerriAI/litellm#39631 for GPT-6), ``top_p`` "is not supported with this
model" (HIllya51/LunaTranslator#1842, lfnovo/open-notebook#107)."""

_NO_STOP = re.compile(r"(o[34]|gpt-5(?!-chat)|gpt-[6-9])")
"""``stop`` is refused, also by models that do not reason by default: huggingface/smolagents#1662 (GPT-5), #1868 (5.1)
and #1893 (5.2); API reference, "stop" (o3 and o4-mini)."""

_NO_TOOLS = re.compile(r"gpt-5\.6|gpt-[6-9]")
"""Function tools are refused while the model reasons, also when no effort is named: GEMISIS/leviath#333 (5.6),
onyx-dot-app/onyx#15008 (GPT-6 Sol), BerriAI/litellm#39631 (GPT-6 Astra)."""

_ALWAYS_REASONS = re.compile(rf"(gpt-6-astra|gpt-6\.1-sol|gpt-5(-mini|-nano)?{_DAY}$|o\d)")
"""Models without the effort ``none``: ``supports_none_reasoning_effort`` of litellm 1.106.2."""


def refusals(fields: Fields) -> Iterator[Status]:
    """Everything in *fields* that their model refuses and another one of OpenAI's takes."""
    model, effort = str(fields.get("model")), fields.get("reasoning_effort")
    if fields.get("stop") is not None and _NO_STOP.match(model):
        yield _parameter("stop")
    if effort == "none" and _ALWAYS_REASONS.match(model):
        said = "Unsupported value: 'reasoning_effort' does not support 'none' with this model."
        yield Status(400, "unsupported_value", f"{said} Supported values are: 'low', 'medium', and 'high'.")
    if effort == "none":
        return
    if fields.get("temperature") not in {None, 1} and _REASONS.match(model):
        said = f"'temperature' does not support {fields['temperature']} with this model."
        message = f"Unsupported value: {said} Only the default (1) value is supported."
        yield Status(400, "unsupported_value", message, param="temperature")
    if fields.get("top_p") is not None and _REASONS.match(model):
        yield _parameter("top_p")
    if rows_in(fields, "tools") and _NO_TOOLS.match(model):
        said = f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions."
        message = f"{said} To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        yield Status(400, None, message, param="reasoning_effort")


def _parameter(name: str) -> Status:
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    return Status(400, "unsupported_parameter", message, param=name)
